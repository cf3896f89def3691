"""Reads one parameter of a search into the conditions that it stands for."""

from __future__ import annotations

from collections.abc import Sequence

from mab_gym.fhir.model._definitions import SearchParameter, search_parameters
from mab_gym.fhir.model._filter import Filter, split_alternatives
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._own_parameters import follows_parameters
from mab_gym.fhir.search._chains import Chain, Reverse, read_chain, read_has, read_missing_behind
from mab_gym.fhir.search._composites import read_composite, read_missing_composite
from mab_gym.fhir.search._filter_text import read_filter
from mab_gym.fhir.search._matching import dates_filter, make_filter
from mab_gym.fhir.search._modifiers import check_modifier

Conditions = tuple[Sequence[Filter], Sequence[Chain | Reverse]]
"""Conditions on a resource itself, and on the resources that it is linked to."""

_LONGEST_REMEMBERED = 200
"""The most characters of a value whose filters are remembered."""


def read_conditions(resource_type: str, name: str, text: str, *, behind: bool) -> Conditions:
    """Reads one parameter.

    Args:
        resource_type: The type searched.
        name: The parameter's name with its modifier or chain, as in ``patient.name:exact``.
        text: The value, decoded.
        behind: True for a search at the far end of a reference, where HAPI accepts several dates.

    Raises:
        FhirError: HAPI refuses it, or this server does not answer it.
    """
    stem, colon, modifier = name.partition(":")
    if stem == "_has":
        return (), [read_has(name, text)]
    if stem == "_filter":
        condition = read_filter(resource_type, text)
        return ([] if condition is None else [condition]), ()
    if stem == "_list":
        if colon or not text.strip():
            raise FhirError(501, "This server answers _list with the ids of lists alone")
        return (), [read_has("_has:List:item:_id", text)]
    if "." not in name:
        return _read_filter(resource_type, search_parameters(resource_type)[stem], modifier, text, behind=behind), ()
    if not name.endswith(":missing"):
        return (), [read_chain(resource_type, name, text)]
    reference, own, between = read_missing_behind(resource_type, name)
    filters = [*_read_filter(resource_type, reference, "missing", "false")]
    if own is not None:
        filters.extend(_read_filter(resource_type, own, "missing", text))
    elif text != "true":
        filters.append(Filter(reference, (resource_type, name, "missing", text), ids=frozenset()))
    return filters, between


def _read_filter(
    resource_type: str, parameter: SearchParameter, modifier: str, text: str, *, behind: bool = False
) -> Sequence[Filter]:
    """Returns the filters for one parameter; those for short values (a patient, a code) are remembered."""
    if behind and parameter.name == "_id" and modifier == "not":
        modifier = ""  # HAPI ignores it there
    if behind and parameter.type == "date" and modifier != "missing" and ("," in text or not text.strip()):
        values = [part for part in split_alternatives(text) if part.strip()]
        key = (resource_type, parameter.name, modifier, text)
        return [dates_filter(parameter, key, values) if values else Filter(parameter, key, ids=frozenset())]
    if len(text) > _LONGEST_REMEMBERED:
        return _make_filters(resource_type, parameter.name, modifier, text)
    return _remembered_filters(resource_type, parameter.name, modifier, text)


def _make_filters(resource_type: str, name: str, modifier: str, text: str) -> Sequence[Filter]:
    """Returns the filters for one parameter: none if it asks for nothing, several for a composite."""
    parameter = search_parameters(resource_type)[name]
    if parameter.name == "_id" and modifier != "missing":
        ids = frozenset(part.rpartition("/")[2] for part in split_alternatives(text) if part.strip())
        key = (resource_type, "_id", modifier, text)
        return [Filter(parameter, key, ids=ids, negated=modifier == "not")] if ids else []
    kept, text = check_modifier(resource_type, parameter, modifier, text)
    if parameter.type == "composite":
        if kept == "missing":
            return read_missing_composite(resource_type, parameter, text)
        return read_composite(resource_type, parameter, text)
    wanted = make_filter(resource_type, parameter, kept, text)
    return [] if wanted is None else [wanted]


_remembered_filters = follows_parameters(_make_filters, 4096)
