"""Checks and changes a resource that a client sends, as HAPI FHIR 7.6 does before it stores it.

`check_resource` does it for a resource that was read (``_bodies.py``). The order of the checks is HAPI's: the resource
types that references name (422), amounts and dates that it cannot index (500), the references themselves (400), numbers
that are too large for its database (409).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from math import isinf
from typing import Any, Protocol

from mab_gym.fhir.http._numbered import is_number, read_number
from mab_gym.fhir.model._definitions import Element, elements, search_parameters, type_names
from mab_gym.fhir.model._ids import Key, ReferenceId, parse_id
from mab_gym.fhir.model._json_scanner import MAX_NUMBER_LENGTH, too_long
from mab_gym.fhir.model._json_text import DecimalNumber, Json, JsonSyntaxError
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._own_parameters import follows_parameters
from mab_gym.fhir.model._parse import unreadable
from mab_gym.fhir.model._paths import Node, Path, compile_paths
from mab_gym.fhir.model._values import LARGEST_NUMBER, exact_numbers


class Known(Protocol):
    """The resources that references may point to."""

    def exists(self, key: Key) -> bool:
        """True if there is a resource with this type and id."""

    def was_deleted(self, key: Key) -> bool:
        """True if there was such a resource, and it was deleted."""

    def numbered(self, number: int) -> Key | None:
        """Returns the resource with a number in HAPI's database, also if it was deleted; None if there is none."""

    def matching(self, resource_type: str, url: str) -> tuple[int, str]:
        """Returns the number of resources that a search finds, and the id of the first one.

        Raises:
            FhirError: The search cannot be read.
        """


_JSON_TYPES = ("application/fhir+json", "application/json+fhir", "application/json", "text/json", "json")
_XML_TYPES = ("application/fhir+xml", "application/xml+fhir", "application/xml", "text/xml", "xml")
_STORED_BUNDLES = ("document", "collection", "message")
_FORM_TYPE = "application/x-www-form-urlencoded"
_NOT_FHIR = (
    'HAPI-{}: Incorrect Content-Type header value of "{}" was provided in the request. '
    'A FHIR Content-Type is required for "{}" operation'
)
_NO_CONTENT_TYPE = 'HAPI-0448: No Content-Type header was provided in the request. This is required for "{}" operation'
_NO_CREATE = "HAPI-0389: Failed to call access method: org.springframework.dao.InvalidDataAccessApiUsageException: "
_NO_UPDATE = "HAPI-2223: "
_NO_TRANSACTION = "HAPI-0389: Failed to call access method: org.hibernate.exception.DataException: "
_INSERT = (
    "insert into hfj_spidx_number (hash_identity,sp_missing,sp_name,partition_date,partition_id,res_id,res_type,"
    "sp_updated,sp_value,sp_id) values (?,?,?,?,?,?,?,?,?,?)"
)
_LONGEST_SHOWN = 80
"""The most characters of a number that HAPI's database repeats in its error."""
_LOGICAL_BASES = (
    "http://hl7.org/fhir/ValueSet/",
    "http://hl7.org/fhir/CodeSystem/",
    "http://hl7.org/fhir/valueset-",
    "http://hl7.org/fhir/codesystem-",
    "http://hl7.org/fhir/StructureDefinition/",
)
"""References that HAPI takes for mere names (``JpaStorageSettings.DEFAULT_LOGICAL_BASE_URLS``)."""


class IndexingError(FhirError):
    """A resource that HAPI's database cannot index; in a Bundle, HAPI reports it in other words.

    Attributes:
        in_transaction: The text of the error, with status 500, if the resource is part of a transaction.
        in_batch: The text of the error, with status 500, if the resource is part of a batch.
    """

    def __init__(self, status: int, text: str, in_transaction: str, in_batch: str) -> None:
        super().__init__(status, text)
        self.in_transaction, self.in_batch = in_transaction, in_batch


def _not_indexed(reason: str, updating: bool) -> IndexingError:
    """Returns HAPI's error for a value that it fails to index."""
    if updating:
        return IndexingError(500, _NO_UPDATE + reason, _NO_UPDATE + reason, _NO_UPDATE + reason)
    return IndexingError(500, _NO_CREATE + reason, _NO_CREATE + reason, reason)


LABELS = ("security", "tag")
_LABEL_FIELDS = ("system", "version", "code", "display", "userSelected")


def check_resource(resource: Mapping[str, Any], known: Known, *, updating: bool = False) -> dict[str, Any]:
    """Checks a resource that is to be stored (https://hl7.org/fhir/R4/http.html#create) as HAPI does.

    Args:
        resource: As it was read.
        known: What its references may point to.
        updating: True if it was sent by PUT, for which some of HAPI's errors have other words.

    Returns:
        The resource to store, without ``meta.versionId`` and ``meta.lastUpdated``. A ``meta.source`` that the client
        sent is kept without its fragment; the server adds its own.

    Raises:
        FhirError: HAPI refuses it.
    """
    check_bundle(resource)
    check_reference_types(resource)
    written, immense = _references_and_immense(resource)
    if any("?" in text for text in written):
        resource = map_references(resource, lambda text, _: _found_by(text, known))
    check_amounts(resource, updating=updating)
    check_dates(resource, updating=updating)
    if immense:
        check_lengths(resource)
    check_references(resource, known, updating=updating)
    check_numbers(resource)
    if any(parse_id(text).without_version() != text for text in written):
        resource = map_references(resource, lambda text, _: parse_id(text).without_version())
    return _with_stored_meta(dict(resource))


def media_type_of(content_type: str | None, operation: str) -> str:
    """Returns ``json`` or ``xml``, as the Content-Type says; upper and lower case are different.

    Raises:
        FhirError: 400 for any other Content-Type, or none.
    """
    if not content_type or not content_type.strip():
        raise FhirError(400, _NO_CONTENT_TYPE.format(operation))
    media_type = content_type.split(";", 1)[0].strip()
    if media_type in _JSON_TYPES:
        return "json"
    if media_type in _XML_TYPES:
        return "xml"
    raise FhirError(400, _NOT_FHIR.format("0446" if media_type == _FORM_TYPE else "0449", content_type, operation))


def check_bundle(resource: Mapping[str, Any]) -> None:
    """Refuses Bundles that are messages to a server and no records.

    Raises:
        FhirError: 422 with HAPI-0522.
    """
    kind = resource.get("type", "(missing)")
    if resource["resourceType"] == "Bundle" and kind not in _STORED_BUNDLES:
        raise FhirError(
            422,
            f"HAPI-0522: Unable to store a Bundle resource on this server with a Bundle.type value of: {kind}. Note "
            "that if you are trying to perform a FHIR transaction or batch operation you should POST the Bundle "
            "resource to the Base URL of the server, not to the /Bundle endpoint.",
        )


def check_reference_types(value: Mapping[str, Any], type_name: str = "", path: str = "") -> None:
    """Refuses references to resource types that the element does not allow; inner elements are checked first.

    Args:
        value: A resource, or a part of one.
        type_name: The part's FHIR type; that of the resource if empty.
        path: The part's path; the resource's type if empty.

    Raises:
        FhirError: 422 with HAPI-0931.
    """
    type_name = type_name or value["resourceType"]
    defined = elements(type_name)
    for name, found in value.items():
        element = defined.get(name)
        if element is None or element.primitive:
            continue
        inner = f"{path or type_name}.{element.choice or name}"
        items = found if element.many else [found]
        for item in items:
            check_reference_types(item, item.get("resourceType", element.type), inner)
        # for a choice, HAPI's model does not say which types its references may point to
        if element.type == "Reference" and not element.choice and "Resource" not in element.reference_targets:
            for item in items:
                _check_reference_type(element, item, inner)


def _check_reference_type(element: Element, reference: Mapping[str, Any], path: str) -> None:
    target = parse_id(reference.get("reference", ""))
    if not target.resource_type or _is_logical(target) or "?" in target.text:
        return
    if target.resource_type not in element.reference_targets:
        raise FhirError(
            422,
            f"HAPI-0931: Invalid reference found at path '{path}'. Resource type '{target.resource_type}' is not valid "
            "for this path",
        )


def check_references(resource: Mapping[str, Any], known: Known, *, updating: bool = False) -> None:
    """Refuses references to resources that do not exist, if a search parameter would follow them.

    HAPI checks them in no fixed order; here those with a plain path come first, then by the parameter's name.

    Raises:
        FhirError: 400 with HAPI-0505 to 0508, 1094 or 1096, 422 with 1095.
    """
    for path, targets, reference in _indexed_references(resource):
        target = parse_id(reference)
        if target.is_local or _is_logical(target):
            continue
        where = f"Invalid resource reference found at path[{path}]"
        if not target.resource_type.strip():
            raise FhirError(400, f"HAPI-0505: {where} - Does not contain resource type - {reference}")
        if target.resource_type not in type_names():
            unknown = "Resource type is unknown or not supported on this server"
            raise FhirError(400, f"HAPI-0506: {where} - {unknown} - {reference}")
        if targets and target.resource_type not in targets:
            continue
        if target.base:
            raise FhirError(
                400,
                f'HAPI-0507: Resource contains external reference to URL "{reference}" but this server is not '
                "configured to allow external references",
            )
        if not target.logical_id.strip():
            raise FhirError(400, f"HAPI-0508: {where} - Does not contain resource ID - {reference}")
        key = (target.resource_type, target.logical_id)
        if known.was_deleted(key):
            raise FhirError(400, f"HAPI-1096: Resource {'/'.join(key)} is deleted, specified in path: {path}")
        if not known.exists(key):
            if is_number(target.logical_id):
                owner = known.numbered(read_number(target.logical_id, _NO_UPDATE if updating else _NO_CREATE))
                if owner is not None and owner[0] != key[0] and target.logical_id == str(int(target.logical_id)):
                    raise FhirError(422, f"HAPI-1095: Resource contains reference to unknown resource ID {reference}")
            raise FhirError(400, f"HAPI-1094: Resource {'/'.join(key)} not found, specified in path: {path}")


def refers_to_resources(resource: Mapping[str, Any]) -> bool:
    """True if a search parameter finds a reference to a resource of this server."""
    found = (parse_id(text) for _, _, text in _indexed_references(resource))
    return any(target.resource_type and not (target.base or target.is_local) for target in found)


@follows_parameters
def _reference_paths(resource_type: str) -> list[tuple[str, tuple[str, ...], Path]]:
    """Returns the references that search parameters follow: expression, allowed types and path of each."""
    alternatives = [
        (alternative.strip(), parameter.targets)
        for parameter in search_parameters(resource_type).values()
        if parameter.type == "reference"
        for alternative in parameter.expression.split(" | ")
    ]
    return [
        (expression, targets, path)
        for expression, targets in sorted(alternatives, key=lambda pair: "(" in pair[0])
        for path in compile_paths(resource_type, expression)
    ]


@follows_parameters
def _indexed_paths(resource_type: str, kind: str) -> list[Path]:
    """Returns the paths at which search parameters of a kind find values."""
    return [
        path
        for parameter in search_parameters(resource_type).values()
        if parameter.type == kind and parameter.name != "_lastUpdated"
        for path in compile_paths(resource_type, parameter.expression)
    ]


def _indexed_nodes(resource: Mapping[str, Any], kind: str) -> Iterator[Node]:
    """Yields the values that search parameters of a kind find in a resource."""
    for path in _indexed_paths(resource["resourceType"], kind):
        if path.top in resource:
            yield from path.nodes(resource[path.top])


def _indexed_references(resource: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yields the path, the allowed types and the text of each reference that a search parameter finds."""
    for expression, targets, path in _reference_paths(resource["resourceType"]):
        if path.top not in resource:
            continue
        for node in path.nodes(resource[path.top]):
            text = node.value.get("reference") if isinstance(node.value, dict) else _canonical(node)
            if text and (path.target is None or parse_id(text).resource_type == path.target):
                yield expression, targets, text


def references(resource: Mapping[str, Any]) -> Sequence[str]:
    """Returns the texts of all references in a resource."""
    return _references_and_immense(resource)[0]


def _references_and_immense(resource: Mapping[str, Any]) -> tuple[Sequence[str], bool]:
    """Returns the texts of all references in a resource, and True if it has a number too large for a double."""
    found: list[str] = []
    immense = False
    inner: list[Any] = [resource]
    while inner:
        value = inner.pop()
        items = value
        if isinstance(value, dict):
            items = value.values()
            if isinstance(text := value.get("reference"), str):
                found.append(text)
        for item in items:
            if isinstance(item, dict | list):
                inner.append(item)
            elif isinstance(item, float) and isinf(item):
                immense = True
    return found, immense


def map_references(value: Json, change: Callable[[str, str], str], element: str = "") -> Json:
    """Returns JSON with every reference changed.

    Args:
        value: A resource, or a part of one.
        change: Returns the new text of a reference from its text and the name of its element.
        element: The name of the element that ``value`` stands in.
    """
    if isinstance(value, list):
        return [map_references(item, change, element) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: map_references(item, change, name) for name, item in value.items()}
    if isinstance(found.get("reference"), str):
        found["reference"] = change(found["reference"], element)
    return found


def _found_by(text: str, known: Known) -> str:
    """Returns the resource that a reference finds which is a search (``Patient?identifier=1``).

    Raises:
        FhirError: 404 or 412 if the search does not find exactly one resource.
    """
    resource_type, mark, _ = text.partition("?")
    if not mark or resource_type not in type_names():
        return text
    count, logical_id = known.matching(resource_type, text)
    if count != 1:
        status, code, matches = (412, 1092, "Multiple") if count else (404, 1091, "No")
        raise FhirError(status, f'HAPI-{code}: Invalid match URL "{text}" - {matches} resources match this search')
    return f"{resource_type}/{logical_id}"


def check_dates(resource: Mapping[str, Any], *, updating: bool = False) -> None:
    """Fails as HAPI does over dates with blanks around them, if a search parameter reads them.

    Raises:
        IndexingError: 500.
    """
    for node in _indexed_nodes(resource, "date"):
        texts = [node.value] if node.type_name != "string" else []
        if isinstance(node.value, dict):
            texts = [node.value.get("start"), node.value.get("end"), *node.value.get("event", ())]
        for text in texts:
            number = text.partition("T")[0].replace("-", "") if isinstance(text, str) else ""
            if number and not number.removeprefix("+").isdecimal():
                raise _not_indexed(f'For input string: "{number}"', updating)


def check_amounts(resource: Mapping[str, Any], *, updating: bool = False) -> None:
    """Fails as HAPI does over amounts above 1.8E308 (too large for a double), if a search parameter reads them.

    Raises:
        IndexingError: 500.
    """
    for node in _indexed_nodes(resource, "quantity"):
        if isinstance(node.value, dict):
            for amount in (node.value, node.value.get("low"), node.value.get("high")):
                value = amount.get("value") if isinstance(amount, dict) else None
                if isinstance(value, float) and isinf(value):
                    raise _not_indexed("Infinite or NaN", updating)


def check_lengths(value: Json) -> None:
    """Refuses numbers with so many digits that HAPI would store them and could not read them again.

    Raises:
        FhirError: 400, as for any body that cannot be read.
    """
    if isinstance(value, DecimalNumber):
        if isinf(value) and value.length > MAX_NUMBER_LENGTH:
            raise unreadable(JsonSyntaxError(too_long(value.length)))
    elif isinstance(value, Mapping):
        for item in value.values():
            check_lengths(item)
    elif isinstance(value, list):
        for item in value:
            check_lengths(item)


def check_numbers(resource: Mapping[str, Any]) -> None:
    """Refuses numbers that are too large for HAPI's column, if a search parameter reads them.

    Raises:
        IndexingError: 409 with HAPI-0550; 500 in Bundles.
    """
    for node in _indexed_nodes(resource, "number"):
        for number in exact_numbers(node):
            if abs(number) >= LARGEST_NUMBER:
                raise _too_long_for_column(number)


def _too_long_for_column(number: Decimal) -> IndexingError:
    with localcontext() as context:
        context.prec = 2 * MAX_NUMBER_LENGTH
        shown = f"{number:.2f}"
    digits = sum(map(str.isdecimal, shown))
    if len(shown) > _LONGEST_SHOWN:
        shown = shown[:_LONGEST_SHOWN] + "..."
    said = (
        f'could not execute batch [Value too long for column "SP_VALUE DECIMAL(19, 2)": "{shown} ({digits})"; '
        f"SQL statement:\n{_INSERT} [22001-224]] [{_INSERT}]"
    )
    return IndexingError(409, f"HAPI-0550: {said}; SQL [{_INSERT}]", _NO_TRANSACTION + said, said)


def _canonical(node: Any) -> str | None:
    """Returns a canonical that counts as a reference because it is relative (``Questionnaire/1``), else None."""
    if node.type_name != "canonical":
        return None
    target = parse_id(node.value)
    return node.value if target.resource_type and target.logical_id and not target.base else None


def _is_logical(target: ReferenceId) -> bool:
    return target.text.startswith(_LOGICAL_BASES)


def _with_stored_meta(resource: dict[str, Any]) -> dict[str, Any]:
    """Returns a resource with the part of ``meta`` that HAPI keeps; labels and profiles are sorted, without repeats.

    The resource given is changed.
    """
    meta: Mapping[str, Any] = resource.pop("meta", {})
    if not meta:
        return resource
    kept: dict[str, Any] = {}
    for name in elements("Meta"):
        if name not in meta or name in ("versionId", "lastUpdated"):
            continue
        if name == "source":
            kept[name] = meta[name].partition("#")[0]
        elif name == "profile":
            kept[name] = sorted(set(meta[name]))
        elif name in LABELS:
            kept[name] = unique_labels(meta[name])
        else:
            kept[name] = meta[name]
    kept = {name: value for name, value in kept.items() if value}
    if not kept:
        return resource
    head: dict[str, Any] = {name: resource.pop(name) for name in ("resourceType", "id") if name in resource}
    return {**head, "meta": kept, **resource}


def unique_labels(codings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns tags or security labels as HAPI stores them: without ids, extensions and repeats, sorted."""
    unique: dict[object, dict[str, Any]] = {}
    for coding in sorted_labels(codings):
        stored = {name: coding[name] for name in _LABEL_FIELDS if name in coding}
        same = tuple(stored.get(name) for name in ("system", "code", "version", "userSelected"))
        unique.setdefault(same, stored)
    return list(unique.values())


def sorted_labels(codings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Returns tags or security labels as HAPI shows them: by system and code, without those that have neither."""
    named = (coding for coding in codings if "system" in coding or "code" in coding)
    return sorted(named, key=lambda coding: (coding.get("system", ""), coding.get("code", "")))


def repeated_labels(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the profiles and labels that HAPI's answer to a new resource shows in another form than it stores.

    Args:
        resource: The resource as the client sent it, parsed.

    Returns:
        The elements of ``meta`` with their repeats, ids and extensions; only those that are stored differently.
    """
    meta: Mapping[str, Any] = resource.get("meta", {})
    repeated: dict[str, Any] = {}
    for name in ("profile", *LABELS):
        if name in meta:
            shown = sorted(meta[name]) if name == "profile" else sorted_labels(meta[name])
            if shown != (sorted(set(meta[name])) if name == "profile" else unique_labels(meta[name])):
                repeated[name] = shown
    return repeated
