"""Searches through references: chains (``patient.name=Lee``) and ``_has`` (FHIR R4 sections 3.1.1.4.12 and 3.1.1.4.13).

Both are answered by a search at the far end first; its result becomes a filter at the near end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mab_gym.fhir.hapi._messages import unknown_parameter, unknown_type
from mab_gym.fhir.model._definitions import SearchParameter, resource_types, search_parameters
from mab_gym.fhir.model._filter import Filter, split_alternatives
from mab_gym.fhir.model._outcome import FhirError, RefusalKind
from mab_gym.fhir.model._url import Parameters
from mab_gym.fhir.model._values import Reference
from mab_gym.fhir.search._composites import inside
from mab_gym.fhir.search._matching import make_filter
from mab_gym.fhir.search._modifiers import blame_modifiers
from mab_gym.fhir.search._targets import Targets


@dataclass(frozen=True, slots=True)
class Chain:
    """A search through a reference to what it points to.

    Attributes:
        reference: The parameter before the dot.
        targets: The types that have the parameter behind the dot.
        parameters: The search at the far end.
        first: True if HAPI's database begins at the far end, which it does for a text or a date.
    """

    reference: SearchParameter
    targets: tuple[str, ...]
    parameters: Parameters
    first: bool = False


@dataclass(frozen=True, slots=True)
class Reverse:
    """A search for the targets of other resources that satisfy a search.

    Attributes:
        source_type: The type of the resources that point here.
        reference: The parameter by which they do.
        parameters: The search that they satisfy.
    """

    source_type: str
    reference: SearchParameter
    parameters: Parameters


def read_chain(resource_type: str, name: str, text: str) -> Chain:
    """Reads ``reference[:Type].parameter[:modifier]``.

    Raises:
        FhirError: There is no such parameter, or it is no reference.
    """
    parameter, found, rest = _read_link(resource_type, name)
    first, _, modifier = rest.partition(".")[0].partition(":")
    if first in ("_tag", "_security", "_profile") and modifier != "not":
        make_filter(found[0], search_parameters(found[0])[first], modifier, text)
        if len(found) > 1:
            # HAPI joins the table of labels once for each type, always under the same name
            raise FhirError(500, 'Ambiguous column name "TAG_ID"')
    kind = search_parameters(found[0])[first].type
    if "." in rest:
        kind = "reference"
    if kind != "reference" and not modifier:
        _check_value(found[0], search_parameters(found[0])[first], text)
    one_text = kind == "string" and len(found) == 1 and modifier in ("", "text") and "," not in text
    return Chain(parameter, found, ((rest, text),), one_text or kind == "date")


def read_missing_behind(resource_type: str, name: str) -> tuple[SearchParameter, SearchParameter | None, list[Chain]]:
    """Reads ``reference.parameter:missing``.

    HAPI looks at the searched resources' own values of the parameter, and requires the reference to be there.

    Returns:
        The reference, the searched type's own parameter of that name or None, and further conditions.

    Raises:
        FhirError: HAPI refuses it.
    """
    reference, found, rest = _read_link(resource_type, name)
    *between, last = rest.removesuffix(":missing").split(".")
    kind = found[0]
    for step in between:
        after, onward, _ = _read_link(kind, f"{step}.{last}")
        kind = onward[0] if after.name in search_parameters(kind) else kind
    own = search_parameters(resource_type).get(last)
    asked = search_parameters(kind).get(last)
    if own is None and asked is not None and asked.type == "reference":
        raise FhirError(400, f"HAPI-1209: Unknown parameter name: {resource_type}:{last}")
    if last == "_lastUpdated":
        raise FhirError(500, "HAPI-1920: theDateParam can not be empty")
    chains = [Chain(reference, found, ((f"{'.'.join(between)}:missing", "false"),))] if between else []
    return reference, own, chains


def _read_link(resource_type: str, name: str) -> tuple[SearchParameter, tuple[str, ...], str]:
    """Returns a chain's first reference, the possible target types that have the next parameter, and the rest."""
    head, _, rest = name.partition(".")
    stem, _, target = head.partition(":")
    parameter = search_parameters(resource_type).get(stem)
    if parameter is None:
        raise unknown_parameter(resource_type, stem)
    if parameter.type != "reference":
        raise FhirError(
            400,
            f'HAPI-1935: Invalid search parameter "{name}". Parameter contains a chain (.{rest}) and chains are not '
            "supported for this parameter (chaining is only allowed on reference parameters)",
        )
    if target and target not in resource_types():
        raise unknown_type(target)
    first = rest.partition(".")[0].partition(":")[0]
    candidates = [target] if target else parameter.targets or resource_types()
    found = tuple(kind for kind in candidates if first in search_parameters(kind))
    if first == "_type":
        raise FhirError(501, "This server does not answer chains to _type yet")
    if not found or not first:
        raise FhirError(400, f"HAPI-1243: Invalid parameter chain: {stem}.{rest}")
    return parameter, found, rest


def read_has(name: str, text: str) -> Reverse:
    """Reads ``_has:Type:reference:parameter``.

    Raises:
        FhirError: It has another form, or there is no such type or parameter.
    """
    parts = name.split(":", 3)
    if len(parts) < 4:
        raise FhirError(400, f"HAPI-1942: Invalid _has parameter syntax: {name.removeprefix('_has') or '_has'}")
    _, source, stem, rest = parts
    if source not in resource_types():
        raise FhirError(400, f"HAPI-1208: Invalid resource type: {source}")
    defined = search_parameters(source)
    reference = defined.get(stem)
    # the source's parameter has no modifiers
    inner = rest.partition(".")[0]
    if rest.startswith("_has:"):
        read_has(rest, text)
    elif inner not in defined:
        raise FhirError(400, f"HAPI-1209: Unknown parameter name: {source}:{inner}")
    if reference is None:
        raise FhirError(400, f"HAPI-1209: Unknown parameter name: {source}:{stem}")
    if inner == rest and inner in defined:
        _check_value(source, defined[inner], text)
        if defined[inner].type == "reference":
            _check_types(source, defined[inner], text)
    return Reverse(source, reference, ((rest, text),))


def _check_value(resource_type: str, parameter: SearchParameter, text: str) -> None:
    """Refuses values that HAPI refuses in other words, or with another status, behind a reference."""
    if parameter.type not in ("date", "quantity", "number"):
        return
    for part in split_alternatives(text):
        try:
            make_filter(resource_type, parameter, "", part)
        except FhirError as error:
            if error.kind is RefusalKind.UNREADABLE_VALUE:
                raise FhirError(500, *error.issues, kind=error.kind) from None
            if (other := inside(error)) is not error:
                raise other from None


def _check_types(resource_type: str, parameter: SearchParameter, text: str) -> None:
    """Refuses a reference to an unknown type; behind ``_has``, HAPI blames the parameter's name as a modifier."""
    try:
        make_filter(resource_type, parameter, "", text)
    except FhirError as error:
        if error.kind is RefusalKind.UNKNOWN_TYPE:
            raise FhirError(400, blame_modifiers(resource_type, [parameter.name])) from None


def chain_filter(chain: Chain, found: Targets) -> Filter:
    """Returns a chain as a filter on its reference.

    Args:
        chain: The chain.
        found: The resources that the searches at the far end have found, in their order.
    """

    def points_there(value: Reference) -> bool:
        return f"{value.target_type}/{value.target_id}" in found

    key = ("chain", "first" if chain.first else "", chain.reference.name, found.digest)
    return Filter(chain.reference, key, (points_there,), ranks=found)


class _Places(Mapping[str, int]):
    """The place of every resource in load order, by type and id."""

    def __init__(self, position: Callable[[str, str], int | None]) -> None:
        self._position = position

    def __getitem__(self, name: str) -> int:
        place = self._position(*name.split("/", 1))
        if place is None:
            raise KeyError(name)
        return place

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def but_not_filter(chain: Chain, excluded: Targets, position: Callable[[str, str], int | None]) -> Filter:
    """Returns a chain that excludes some targets, or asks for nothing, as a filter on its reference.

    HAPI then only looks at the reference, so that it may point to any type.

    Args:
        chain: The chain.
        excluded: The resources that it must not point to.
        position: Returns the place of a resource in load order.
    """

    def points_elsewhere(value: Reference) -> bool:
        return bool(value.target_type) and f"{value.target_type}/{value.target_id}" not in excluded

    key = ("chain", "", chain.reference.name, "not", excluded.digest)
    return Filter(chain.reference, key, (points_elsewhere,), ranks=_Places(position))


def reverse_filter(resource_type: str, ids: Sequence[str]) -> Filter:
    """Returns a ``_has`` as a filter on the ids of its targets, in the order of the resources that point to them."""
    ranks = {logical_id: place for place, logical_id in enumerate(ids)}
    parameter = search_parameters(resource_type)["_id"]
    return Filter(parameter, ("chain", "first", "_id", _digest(ranks)), ids=frozenset(ranks), ranks=ranks)


def _digest(ranks: Mapping[str, int]) -> str:
    return hashlib.blake2b("\n".join(ranks).encode(), digest_size=16).hexdigest()
