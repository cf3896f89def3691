"""Reads resources from the JSON that a client sends, as HAPI FHIR 7.6's ``JsonParser`` does.

HAPI is lenient about shape and strict about values. Elements that FHIR does not define are dropped silently. A list is
accepted for a single value, and a single value for a list; if an element has several values, the first counts. But
every value must be one of its type. The result is what HAPI would write: elements in FHIR's order, nothing empty.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mab_gym.fhir.model._definitions import Element, elements, places, resource_types
from mab_gym.fhir.model._errors import DataFormatError
from mab_gym.fhir.model._ids import parse_id
from mab_gym.fhir.model._json_text import Json, compact, read_json
from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.fhir.model._primitives import read_primitive, scalar_text

MAX_DEPTH = 100
"""The most levels of nesting in a resource; HAPI allows 1000, which no record system needs."""

TOO_DEEP = Issue(f"Resources that nest deeper than {MAX_DEPTH} levels are not supported", "not-supported")
_NO_ARRAY = 'Cannot invoke "ca.uhn.fhir.parser.json.BaseJsonLikeArray.size()" because "theValues" is null'
_NO_OBJECT = 'Cannot invoke "ca.uhn.fhir.parser.json.BaseJsonLikeObject.get(String)" because "nextExtObj" is null'

_NO_STATE = 'Cannot invoke "ca.uhn.fhir.parser.ParserState$BaseState.endingElement()" because "this.myState" is null'

Object = dict[str, Any]


def parse_resource(text: str, expected_type: str | None = None) -> dict[str, Any]:
    """Reads the body of a create or an update.

    Args:
        text: The body.
        expected_type: The resource type that it must be, as in ``Observation``; None for any.

    Returns:
        The resource as HAPI would write it, ``resourceType`` first. An ``id`` is reduced to its last part.

    Raises:
        FhirError: 400 if HAPI refuses the body, 500 if it fails over it (``"extension": null``), 501 if the body nests
            deeper than `MAX_DEPTH`.
    """
    try:
        return read_resource(read_json(text), expected_type)
    except RecursionError:
        # lists within lists within lists
        raise FhirError(501, TOO_DEEP) from None
    except DataFormatError as error:
        raise unreadable(error) from None


def parse_read(resource_type: str, source: Object) -> Object:
    """Reads a resource whose text was read already, whatever format it had.

    Raises:
        DataFormatError: HAPI refuses it.
        FhirError: As for `parse_resource`.
    """
    return _Parser().resource(resource_type, source)


def read_resource(source: Object, expected_type: str | None) -> dict[str, Any]:
    """Reads a resource from JSON, as `parse_resource` does.

    Raises:
        DataFormatError: HAPI refuses it.
        FhirError: HAPI fails over it, or it nests too deeply.
    """
    stated = source.get("resourceType")
    if not isinstance(stated, str) or not stated.strip():
        raise DataFormatError("HAPI-1838: Invalid JSON content detected, missing required element: 'resourceType'")
    if expected_type is None:
        stated_type(source)
    elif stated != expected_type:
        raise DataFormatError(
            f'HAPI-1814: Incorrect resource type found, expected "{expected_type}" but found "{stated}"'
        )
    return _Parser().resource(stated, source)


def unreadable(error: DataFormatError) -> FhirError:
    """Returns HAPI's error for a body that its parser refuses."""
    return FhirError(400, f"HAPI-0450: Failed to parse request body as JSON resource. Error was: {error}")


@dataclass(slots=True)
class _Primitive:
    """A primitive element: its value, and the id and extensions from its ``_name`` member."""

    value: Json = None
    id: str = ""
    extension: list[Object] = field(default_factory=list)

    def sibling(self) -> Object | None:
        if not self.extension:
            return None
        return {**({"id": self.id} if self.id else {}), "extension": self.extension}


class _Parser:
    """Reads one resource; ``contained`` collects the resources that it contains."""

    def __init__(self) -> None:
        self.depth = 0
        self.contained: list[Object] = []

    def resource(self, resource_type: str, source: Object) -> Object:
        """Reads a resource that is not contained: the body itself, or one in a Bundle or in Parameters."""
        outer, self.contained = self.contained, []
        found = self._composite(resource_type, source)
        contained, self.contained = self.contained, outer
        return _assemble(resource_type, {"resourceType": resource_type, **_resource_id(found)}, found, contained)

    def _contained(self, source: Object) -> None:
        resource_type = stated_type(source)
        found = self._composite(resource_type, source)
        head: Object = {"resourceType": resource_type, **_resource_id(found)}
        if "versionId" in found.get("meta", {}):
            found["meta"] = {name: item for name, item in found["meta"].items() if name != "versionId"}
        resource = _assemble(resource_type, head, found, [])
        if "id" not in resource:
            # HAPI draws a random UUID; here equal resources get equal ids, so that equal requests give equal answers
            made = str(uuid.uuid5(uuid.NAMESPACE_OID, compact(resource)))
            resource = {"resourceType": resource_type, "id": made, **resource}
        self.contained.append(resource)

    def _composite(self, type_name: str, source: Object, first: Object | None = None) -> Object:
        """Reads the elements of a resource, datatype or backbone element, in no order, without empty ones.

        Args:
            type_name: Its FHIR type.
            source: The object that the client sent.
            first: ``id`` and ``extension`` from a ``_name`` member.
        """
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FhirError(501, TOO_DEEP)
        defined = elements(type_name)
        found: Object = dict(first or {})
        entered: set[str] = set()
        siblings: list[str] = []
        for name, value in source.items():
            element = defined.get(name)
            if element is not None and element.only_text and type(value) is str and f"_{name}" not in source:
                if value.strip():
                    found[element.name] = _shared(value)  # the definition's text, which is in memory already
            elif element is not None and element.only_part and type(value) is dict and f"_{name}" not in source:
                if part := self._part(element.type, value):
                    found[element.name] = [part] if element.many else part
            elif not name:
                raise FhirError(500, "String index out of range: 0")
            elif name in ("extension", "modifierExtension"):
                items = self._extensions(_grab_array(name, value))
                if element is not None:
                    kept = items if name == "modifierExtension" else filter(_has_content, items)
                    found[name] = [*found.get(name, []), *kept]
            elif element is not None:
                self._element(element, value, source.get(f"_{name}"), found, entered)
            elif name[0] == "_":
                siblings.append(name)
            elif name.endswith("[x]") and any(element.choice == name[:-3] for element in defined.values()):
                valid = ", ".join(element.name for element in defined.values() if element.choice == name[:-3])
                raise DataFormatError(
                    f"HAPI-1809: Found unexpected element '{name}' in parent element '{type_name}'. "
                    f"Valid names are: [{valid}]"
                )
            else:
                _check_unknown(value)
        for name in siblings:
            element = defined.get(name[1:])
            if element is not None and element.name not in source and isinstance(source[name], dict):
                self._element(element, None, source[name], found, entered)
        self.depth -= 1
        if all(found.values()):
            return found
        return {name: value for name, value in found.items() if value not in (None, [], {})}

    def _part(self, type_name: str, source: Object) -> Object:
        """Reads a datatype or backbone element, its elements in the order in which FHIR defines them."""
        found = self._composite(type_name, source)
        if len(found) < 2:
            return found
        return {name: found[name] for name in sorted(found, key=places(type_name).__getitem__)}

    def _element(self, element: Element, value: Json, sibling: Json, found: Object, entered: set[str]) -> None:
        """Adds the values that the client sent for one element: all for a list, else the first."""
        if element.name == "contained":
            for item in _flatten(value):
                if isinstance(item, dict):
                    self._contained(item)
            return
        once = element.choice or element.name
        if once in entered:
            return
        if sibling is None and self._plain(element, value, found):
            if not element.many:
                entered.add(once)
            return
        occurrences = self._occurrences(element, value, sibling)
        if element.many:
            items = list(occurrences)
        else:
            items = [item for _, item in zip(range(1), occurrences, strict=False)]
            if items:
                entered.add(once)
        if element.primitive:
            _add_primitives(element, [item for item in items if isinstance(item, _Primitive)], found)
        else:
            full = [item for item in items if item]
            if full:
                found[element.name] = full if element.many else full[0]

    def _plain(self, element: Element, value: Json, found: Object) -> bool:
        """Reads a value of the most common forms; False if it has another form."""
        if element.primitive:
            if element.many or isinstance(value, list | dict):
                return False
            read = None if value is None else read_primitive(element, value)
            if read is not None:
                found[element.name] = _shared(read) if type(read) is str else read
            return True
        if element.type == "Resource" or not isinstance(value, dict):
            if element.many and isinstance(value, list) and element.type != "Resource":
                return self._plain_list(element, value, found)
            return False
        if content := self._part(element.type, value):
            found[element.name] = [content] if element.many else content
        return True

    def _plain_list(self, element: Element, values: list[Json], found: Object) -> bool:
        if not all(isinstance(value, dict) for value in values):
            return False
        if contents := [content for value in values if (content := self._part(element.type, value))]:
            found[element.name] = contents
        return True

    def _occurrences(self, element: Element, value: Json, sibling: Json) -> Iterator[Any]:
        """Yields each value for an element: a `_Primitive`, or the elements of a composite."""
        if isinstance(value, list):
            siblings = sibling if isinstance(sibling, list) else []
            for index, item in enumerate(value):
                yield from self._occurrences(element, item, siblings[index] if index < len(siblings) else None)
        elif element.primitive:
            yield self._primitive(element, value, sibling)
        elif element.type == "Resource":
            yield self.resource(stated_type(value), value) if isinstance(value, dict) else {}
        else:
            extra = self._sibling(element.name, sibling)
            first: Object = {"id": extra.id} if extra.id else {}
            first["extension"] = [*filter(_has_content, extra.extension)]
            content = value if isinstance(value, dict) else {}
            yield _assemble(element.type, {}, self._composite(element.type, content, first), [])

    def _primitive(self, element: Element, value: Json, sibling: Json) -> _Primitive:
        primitive = self._sibling(element.name, sibling)
        if isinstance(value, dict):
            if element.type == "xhtml":
                raise FhirError(500, _NO_STATE)
            if "extension" in value:
                primitive.extension += self._extensions(_grab_array("extension", value["extension"]))
        elif value is not None:
            primitive.value = read_primitive(element, value)
        return primitive

    def _sibling(self, name: str, sibling: Json) -> _Primitive:
        """Reads a ``_name`` member, which adds an id and extensions to the element ``name``."""
        found = _Primitive()
        if isinstance(sibling, list):
            if len(sibling) > 1:
                raise DataFormatError(
                    f"HAPI-1842: Unexpected array of length {len(sibling)} (expected 0 or 1) for element: _{name}"
                )
            return self._sibling(name, sibling[0]) if sibling else found
        if isinstance(sibling, dict):
            for key, value in sibling.items():
                if key in ("extension", "modifierExtension"):
                    items = self._extensions(value)
                    found.extension += items if key == "extension" else []
                elif key == "id" and isinstance(value, str):
                    found.id = value
        return found

    def _extensions(self, values: Json) -> list[Object]:
        """Reads a list of extensions, each as HAPI writes it: id, url, then either extensions or a value."""
        if not isinstance(values, list):
            raise FhirError(500, _NO_ARRAY)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FhirError(501, TOO_DEEP)
        extensions = [self._extension(source) for source in values]
        self.depth -= 1
        return extensions

    def _extension(self, source: Json) -> Object:
        if not isinstance(source, dict):
            raise FhirError(500, _NO_OBJECT)
        defined = elements("Extension")
        url = source.get("url")
        found: Object = {"url": scalar_text(url) if isinstance(url, str | int | float) else None}
        nested: list[Object] = []
        value: Object | None = None
        for name, item in source.items():
            if not name:
                raise FhirError(500, "String index out of range: 0")
            if name in ("extension", "modifierExtension"):
                inner = self._extensions(item)
                nested += inner if name == "extension" else []
                continue
            is_orphan = name[:1] == "_" and name[1:] not in source and isinstance(item, dict)
            element = defined.get(name[1:] if is_orphan else name)
            if element is None or (name[:1] == "_" and not is_orphan):
                continue
            if element.name == "id":
                text = _first_scalar(item)
                found = {"id": text, **found} if text.strip() else found
            elif element.choice:
                # here, unlike elsewhere, the last value counts
                sent, sibling = (None, item) if is_orphan else (item, source.get(f"_{name}"))
                for occurrence in self._occurrences(element, sent, sibling):
                    value = {}
                    if isinstance(occurrence, _Primitive):
                        occurrence.extension = [*filter(_has_content, occurrence.extension)]
                        occurrence.id = ""  # HAPI does not write it here
                        _add_primitives(element, [occurrence], value)
                    elif occurrence:
                        value[element.name] = occurrence
        if nested:
            if value is not None:
                raise DataFormatError(
                    f"HAPI-1811: Extension (URL='{found['url']}') must not have both a value and other contained "
                    "extensions"
                )
            found["extension"] = nested
        return {**found, **(value or {})}


def _add_primitives(element: Element, items: list[_Primitive], found: Object) -> None:
    kept = [item for item in items if item.value is not None or item.extension]
    if not kept:
        return
    siblings = [item.sibling() for item in kept]
    if element.many:
        found[element.name] = [item.value for item in kept]
        if any(siblings):
            found[f"_{element.name}"] = siblings
    else:
        if kept[0].value is not None:
            found[element.name] = kept[0].value
        if siblings[0]:
            found[f"_{element.name}"] = siblings[0]


_MOST_SHARED, _LONGEST_SHARED = 4_096, 100
_texts: dict[str, str] = {}


def _shared(text: str) -> str:
    """Returns an equal text that is already in memory: thousands of episodes write the same codes and systems."""
    if len(_texts) < _MOST_SHARED and len(text) <= _LONGEST_SHARED:
        return _texts.setdefault(text, text)
    return _texts.get(text, text)


_CONNECTED = {"contained", "extension", "modifierExtension"}
"""Elements that others refer to, or that are more than they seem."""


def read_changes(
    stored: Mapping[str, Any], patched: Object, resource_type: str, read: Callable[[Object], Object]
) -> Object:
    """Reads a resource that differs from a stored one in few elements: these alone, where no other matters.

    Args:
        stored: The stored resource.
        patched: The patched one.
        resource_type: Its type.
        read: Reads a resource.

    Raises:
        DataFormatError: HAPI refuses it.
        FhirError: HAPI fails over it, or it nests too deeply.
    """
    # repr tells 1 from true
    changed = [name for name, value in patched.items() if name not in stored or repr(value) != repr(stored[name])]
    defined = elements(resource_type)
    alone = "resourceType" in patched and not _CONNECTED & set(patched)
    for name in changed:
        alone = alone and name in defined and not defined[name].choice and "_" + name not in patched
    if not alone:
        return read(patched)
    found = read({"resourceType": resource_type, **{name: patched[name] for name in changed}})
    whole: Object = {**{name: stored[name] for name in patched if name not in changed}, **found}
    head: Object = {name: whole.pop(name) for name in ("resourceType", "id") if name in whole}
    return _assemble(resource_type, head, whole, [])


def _assemble(type_name: str, head: Object, found: Mapping[str, Any], contained: list[Object]) -> Object:
    """Returns the elements in the order in which FHIR defines them, behind those of ``head``."""
    if contained:
        found = {**found, "contained": contained}
    if not head and len(found) == 1:
        return dict(found)
    order = places(type_name)
    return {**head, **{name: found[name] for name in sorted(found, key=order.__getitem__) if name not in head}}


def _resource_id(found: Object) -> Object:
    found.pop("_id", None)
    logical_id = parse_id(found.pop("id", "")).logical_id
    return {"id": logical_id} if logical_id else {}


def stated_type(source: Object) -> str:
    """Returns the type of a resource inside a resource."""
    stated = source.get("resourceType")
    if not isinstance(stated, str):
        raise DataFormatError(
            "HAPI-1843: Missing required element 'resourceType' from JSON resource object, unable to parse"
        )
    if stated not in resource_types():
        for known in resource_types():
            if known.lower() == stated.lower():
                raise DataFormatError(
                    f"HAPI-1815: Unknown resource type '{stated}': Resource names are case sensitive, "
                    f"found similar name: '{known}'"
                )
        raise DataFormatError(
            f'HAPI-1684: Unknown resource name "{stated}" (this name is not known in FHIR version "R4")'
        )
    return stated


def _grab_array(name: str, value: Json) -> list[Any]:
    if value is None:
        raise FhirError(500, _NO_ARRAY)
    if not isinstance(value, list):
        kind = "OBJECT" if isinstance(value, dict) else "SCALAR"
        raise DataFormatError(
            f"HAPI-1841: Syntax error parsing JSON FHIR structure: Expected ARRAY at element '{name}', found '{kind}'"
        )
    return value


def _check_unknown(value: Json) -> None:
    """Fails where HAPI does, over an element that FHIR does not define; otherwise such an element is dropped."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            if "" in item:
                raise FhirError(500, "String index out of range: 0")
            if "extension" in item and not all(
                isinstance(each, dict) for each in _grab_array("extension", item["extension"])
            ):
                raise FhirError(500, _NO_OBJECT)
            waiting += item.values()


def _has_content(extension: Object) -> bool:
    """True if HAPI writes an extension of a resource or of a composite; one that only has a url is dropped."""
    return any(name not in ("id", "url") for name in extension)


def _flatten(value: Json) -> Iterator[Json]:
    if isinstance(value, list):
        for item in value:
            yield from _flatten(item)
    else:
        yield value


def _first_scalar(value: Json) -> str:
    first = next((item for item in _flatten(value)), None)
    return "" if first is None or isinstance(first, dict) else scalar_text(first)
