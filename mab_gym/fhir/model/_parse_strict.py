"""Reads resources strictly, as HAPI FHIR 7.6 reads what a JSON Patch makes of one (its ``StrictErrorHandler``).

What `mab_gym.fhir.model._parse` drops silently is refused here: unknown elements, values of another JSON type, several
values for one, empty texts, extensions without a url, references to contained resources that are not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.fhir.model._definitions import Element, elements, resource_types
from mab_gym.fhir.model._errors import DataFormatError
from mab_gym.fhir.model._json_text import Json
from mab_gym.fhir.model._outcome import sanitized
from mab_gym.fhir.model._parse import Object, read_resource

_EXTENSIONS = ("extension", "modifierExtension")


def read_strictly(source: Object, expected_type: str) -> Object:
    """Reads a resource strictly.

    Args:
        source: The resource as JSON.
        expected_type: The resource type that it must be.

    Returns:
        The resource as HAPI would write it.

    Raises:
        DataFormatError: HAPI refuses it.
        FhirError: HAPI fails over it, or it nests too deeply.
    """
    if source.get("resourceType") == expected_type:
        checker = _Checker()
        checker.resource(expected_type, source)
        checker.check_local_references()
    return read_resource(source, expected_type)


class _Checker:
    """Checks one resource; it collects the local references and the ids that they may name."""

    def __init__(self) -> None:
        self.local: list[str] = []
        self.contained: set[str] = set()

    def check_local_references(self) -> None:
        """Refuses references to contained resources that are not there."""
        for reference in self.local:
            if reference not in self.contained:
                raise DataFormatError(f"HAPI-1826: Resource has invalid reference: {reference}")

    def resource(self, type_name: str, source: Object) -> None:
        """Checks the elements of a resource."""
        self._composite(type_name, {name: value for name, value in source.items() if name != "resourceType"})

    def _composite(self, type_name: str, source: Object) -> None:
        """Checks the elements of a resource, a datatype or a backbone element."""
        defined = elements(type_name)
        entered: set[str] = set()
        for name, value in source.items():
            if name in _EXTENSIONS:
                self._extensions(name, value)
            elif name and name[0] != "_" and name != "fhir_comments":
                self._children(defined.get(name), name, value, source.get(f"_{name}"), defined, entered)
        for name in source:
            if name[:1] == "_" and len(name) > 1 and name[1:] not in source:
                self._orphan(name, source[name], defined, entered)
        if type_name == "Reference" and isinstance(text := source.get("reference"), str) and text[:1] == "#" != text:
            self.local.append(text)

    def _orphan(self, name: str, sibling: Json, defined: Mapping[str, Element], entered: set[str]) -> None:
        """Checks a ``_name`` member without a ``name``."""
        if not isinstance(sibling, dict):
            raise _wrong(name, "OBJECT", _kind(sibling))
        _enter(defined.get(name[1:]), name[1:], defined, entered)
        self._sibling(name, sibling)

    def _children(
        self,
        element: Element | None,
        name: str,
        value: Json,
        sibling: Json,
        defined: Mapping[str, Element],
        entered: set[str] | None,
        *,
        listed: bool = False,
    ) -> None:
        if name == "id" and not isinstance(value, str):
            raise _wrong("id", "SCALAR (STRING)", _kind(value, scalars=True))
        if isinstance(value, list):
            if sibling is not None and not isinstance(sibling, list):
                raise _wrong(f"_{name}", "ARRAY", _kind(sibling))
            siblings = sibling or []
            for index, item in enumerate(value):
                other = siblings[index] if index < len(siblings) else None
                self._children(element, name, item, other, defined, entered, listed=True)
            return
        if isinstance(value, dict) and not listed and element is not None and element.many:
            raise _wrong(name, "ARRAY", "OBJECT")
        _enter(element, name, defined, entered)
        if element is None:
            return
        if sibling is not None:
            self._sibling(f"_{name}", sibling)
        if isinstance(value, dict):
            self._object(element, value)
        elif value is not None and element.type != "xhtml":
            _check_scalar(element, value)

    def _object(self, element: Element, value: Object) -> None:
        """Checks an object that stands for an element."""
        if element.name == "contained" or element.type == "Resource":
            kind = value.get("resourceType")
            if not isinstance(kind, str) or kind not in resource_types():
                return  # refused in other words later
            if element.name == "contained":
                if not value.get("id"):
                    raise DataFormatError("HAPI-1819: Resource has contained child resource with no ID")
                self.contained.add(f"#{value['id']}")
            self.resource(kind, value)
        elif not element.primitive:
            self._composite(element.type, value)
        elif element.type != "xhtml":
            for name, item in value.items():
                if name in _EXTENSIONS:
                    self._extensions(name, item)
                elif name[:1] != "_":
                    raise _unknown(name)

    def _sibling(self, name: str, sibling: Json) -> None:
        """Checks a ``_name`` member."""
        if isinstance(sibling, list):
            for item in sibling if len(sibling) == 1 else ():
                self._sibling(name, item)
        elif isinstance(sibling, dict):
            for key, value in sibling.items():
                if key in _EXTENSIONS:
                    self._extensions(key, value)
                elif key == "id" and not isinstance(value, str):
                    raise _wrong("id", "SCALAR (STRING)", _kind(value, scalars=True))
        elif sibling is not None:
            raise _wrong(name, "OBJECT", "SCALAR")

    def _extensions(self, name: str, values: Json) -> None:
        """Checks a list of extensions; anything else is refused in other words later."""
        for item in values if isinstance(values, list) else ():
            if not isinstance(item, dict):
                return
            if item.get("url") is None or isinstance(item["url"], dict | list):
                raise DataFormatError(
                    f"HAPI-1822: Resource is missing required element 'url' in parent element '{name}'"
                )
            self._extension(item)

    def _extension(self, source: Object) -> None:
        defined = elements("Extension")
        for name, value in source.items():
            if name in _EXTENSIONS:
                self._extensions(name, value)
            elif name and name != "url" and name[0] != "_":
                # an extension may have several values; the last one counts
                self._children(defined.get(name), name, value, source.get(f"_{name}"), defined, None)


def _enter(element: Element | None, name: str, defined: Mapping[str, Element], entered: set[str] | None) -> None:
    """Refuses an element that is unknown, or that has a value already and can have only one.

    Args:
        element: Its definition.
        name: Its name.
        defined: All elements of its parent.
        entered: The elements that have a value already; None if they may have several.
    """
    if element is None:
        choice = name.removesuffix("[x]")
        if choice == name or all(other.choice != choice for other in defined.values()):
            raise _unknown(name)
        once = choice
    elif element.many:
        return
    else:
        once = element.choice or name
    if entered is None:
        return
    if once in entered:
        raise DataFormatError(f"HAPI-1823: Multiple repetitions of non-repeatable element '{once}' found during parse")
    entered.add(once)


def _check_scalar(element: Element, value: Json) -> None:
    if element.name == "contained":
        raise DataFormatError("HAPI-1824: Unknown attribute 'value' found during parse")
    if not element.primitive:
        raise _wrong(element.name, "OBJECT", "SCALAR (STRING)")
    if element.binding is not None and isinstance(value, str) and value and not value.strip():
        raise DataFormatError(
            f'HAPI-1821: [element="{element.name}"] Invalid attribute value "{sanitized(value)}": '
            f"Unknown {element.binding} code '{value}'"
        )
    if value == "":
        raise DataFormatError(
            f'HAPI-1821: [element="{element.name}"] Invalid attribute value "": Attribute value must not be empty ("")'
        )


def _kind(value: Any, *, scalars: bool = False) -> str:
    """Returns the kind of a JSON value, as HAPI calls it."""
    if isinstance(value, dict):
        return "OBJECT"
    if isinstance(value, list):
        return "ARRAY"
    if value is None:
        return "NULL"
    if not scalars:
        return "SCALAR"
    return (
        f"SCALAR ({'BOOLEAN' if isinstance(value, bool) else 'NUMBER' if isinstance(value, int | float) else 'STRING'})"
    )


def _unknown(name: str) -> DataFormatError:
    return DataFormatError(f"HAPI-1825: Unknown element '{name}' found during parse")


def _wrong(name: str, expected: str, found: str) -> DataFormatError:
    return DataFormatError(
        f"HAPI-1820: Found incorrect type for element {name} - Expected {expected} and found {found}"
    )
