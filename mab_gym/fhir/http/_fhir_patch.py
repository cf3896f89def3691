"""FHIRPath Patch (https://hl7.org/fhir/R4/fhirpatch.html) as HAPI FHIR 7.6 does it: Parameters that change a resource.

HAPI changes its own objects. So a value must be of the right class, an element that is deleted by its plain path only
loses the values in it, and deleting a decimal fails. Source: ``FhirPatch`` of HAPI FHIR 7.6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn

from mab_gym.fhir.hapi._hashes import java_set_order, string_hash
from mab_gym.fhir.hapi._java_types import cannot_set, choice_classes, fits, java_class, superclasses
from mab_gym.fhir.model._definitions import Element, elements, is_primitive
from mab_gym.fhir.model._errors import DataFormatError, JavaError
from mab_gym.fhir.model._fhirpath import evaluate
from mab_gym.fhir.model._fhirpath_values import (
    NODE_WORK,
    Charge,
    FhirPathError,
    Located,
    Values,
    inner_values,
    values_of,
)
from mab_gym.fhir.model._json_text import Json
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._parse import read_changes, read_resource
from mab_gym.fhir.model._primitives import scalar_text

OPERATION_WORK: Final = 20.0
"""The work of one operation, without that of its path and of its values."""
CHANGE_WORK: Final = 10.0
"""The work of changing one value."""
_NULL: Final = "java.lang.NullPointerException"
_DATA_ACCESS: Final = "org.springframework.dao.InvalidDataAccessApiUsageException"
_NO_COPY: Final = "HAPI-1830: Failed to duplicate meta"
_CHILD: Final = "ca.uhn.fhir.context.BaseRuntimeChildDefinition"
_DEFINITION: Final = "ca.uhn.fhir.context.BaseRuntimeElementDefinition"

Object = dict[str, Any]


class PatchRefusedError(FhirError):
    """A patch that HAPI refuses in other words in a batch.

    Attributes:
        in_batch: The refusal there.
    """

    def __init__(self, status: int, text: str, in_batch: FhirError) -> None:
        super().__init__(status, text)
        self.in_batch = in_batch


class _Value(NamedTuple):
    """A value to put somewhere: its FHIR type, its JSON, its ``_name`` member, and if it is of an enumeration."""

    type: str
    value: Json
    sibling: Json = None
    enumerated: bool = False


@dataclass(frozen=True, slots=True)
class _Unwritable:
    """A value of a wrong type, which HAPI notices when it writes the resource."""

    error: FhirError | JavaError


@dataclass(frozen=True, slots=True)
class _Place:
    """A child of an object.

    Attributes:
        owner_type: The object's type.
        owner: The object.
        element: The child's definition; for a choice without a type, that of HAPI's first type.
    """

    owner_type: str
    owner: Object
    element: Element

    @property
    def values(self) -> list[_Value]:
        """The values that are there; a choice has one whatever its type is."""
        return [_as_value(value) for element in self.variants for value in values_of(self.owner, element)]

    @property
    def variants(self) -> list[Element]:
        """The element, or those of all types of a choice."""
        choice = self.element.choice
        if not choice:
            return [self.element]
        return [element for element in elements(self.owner_type).values() if element.choice == choice]

    def clear(self) -> None:
        """Takes away all values."""
        for element in self.variants:
            self.owner.pop(element.name, None)
            self.owner.pop(f"_{element.name}", None)

    def put(self, values: list[_Value]) -> None:
        """Puts values there; where only one can be, the last one stays."""
        self.clear()
        if not values:
            return
        if not self.element.many:
            last = values[-1]
            name = self.name_for(last.type) or self.element.name
            found = {name: last.value, f"_{name}": last.sibling}
        else:
            name = self.element.name
            siblings = [value.sibling for value in values]
            found = {name: [value.value for value in values], f"_{name}": siblings if any(siblings) else None}
        self.owner.update((key, value) for key, value in found.items() if value is not None)

    def name_for(self, type_name: str) -> str | None:
        """Returns the name in JSON under which a value of a type is put; None if it cannot be put here."""
        choice = self.element.choice
        if not choice:
            return self.element.name if fits(self.element, type_name) else None
        names = (choice + each[0].upper() + each[1:] for each in superclasses(type_name))
        return next((name for name in names if name in elements(self.owner_type)), None)


class _Patch:
    """Applies operations to one resource."""

    def __init__(self, resource: Object, charge: Charge) -> None:
        self.resource, self.charge = resource, charge

    def apply(self, operation: Mapping[str, Any]) -> None:
        """Applies one operation, which is a parameter."""
        self.charge(OPERATION_WORK)
        kind = _text_part(operation, "type") or ""
        handle = _HANDLERS.get(kind)
        if handle is None:
            raise FhirError(400, f"HAPI-1267: Unknown patch operation type: {kind}")
        handle(self, operation, _text_part(operation, "path") or "")

    def found(self, path: str) -> Values:
        """Returns the values that a path finds, with their places."""
        try:
            found = evaluate(self.resource, path, self.charge)
            self.charge(len(found) * CHANGE_WORK)
            return found
        except FhirPathError as error:
            raise FhirError(500, str(error)) from None

    # --- operations ----------------------------------------------------------------------------------------------

    def add(self, operation: Mapping[str, Any], path: str) -> None:
        """Adds a value behind those of an element, or replaces the only one."""
        name = _text_part(operation, "name")
        for node in self.found(path):
            place = _child(node, name)
            self._append(place, self._new_value(operation, place))

    def insert(self, operation: Mapping[str, Any], path: str) -> None:
        """Inserts a value before one of a list."""
        containing, name = _split(path)
        index = _index(operation, "index", "insert")
        for node in self.found(containing):
            place = _child(node, name)
            value = self._new_value(operation, place)
            values = place.values
            if not 0 <= index <= len(values):
                raise _bad_index("1270", "insert", index, path, len(values))
            values.insert(index, self._fitted(place, value))
            place.put(values)

    def replace(self, operation: Mapping[str, Any], path: str) -> None:
        """Replaces all values of an element by one."""
        containing, name = _split(path)
        for node in self.found(containing):
            place = _child(node, name)
            self._set(place, self._new_value(operation, place))

    def move(self, operation: Mapping[str, Any], path: str) -> None:
        """Moves a value to another place in its list."""
        containing, name = _split(path)
        to, at = _index(operation, "destination", "move"), _index(operation, "source", "move")
        for node in self.found(containing):
            place = _child(node, name)
            values = place.values
            if not 0 <= at < len(values):
                raise _bad_index("1268", "move source", at, path, len(values))
            moved = values.pop(at)
            if not 0 <= to <= len(values):
                raise _bad_index("1269", "move destination", to, path, len(values))
            values.insert(to, moved)
            place.put(values)

    def delete(self, operation: Mapping[str, Any], path: str) -> None:
        """Deletes values: from a list if the path ends with a filter or an index, else by emptying them."""
        cut = _list_path(path)
        if cut is None:
            for node in self.found(path):
                self._empty(node)
            return
        containing, name = cut
        for node in self.found(containing):
            place = _child(node, name)
            removed = {value.place for value in self.found(path)}
            there = [value for element in place.variants for value in values_of(place.owner, element)]
            place.put([_as_value(value) for value in there if value.place not in removed])

    # --- values --------------------------------------------------------------------------------------------------

    def _empty(self, node: Located) -> None:
        """Takes the primitive values out of a value; extensions of primitive values stay."""
        self.charge(NODE_WORK)
        if isinstance(node.value, dict):
            for inner in inner_values(node):
                self._empty(inner)
        elif node.owner is not None and node.element is not None and node.value is not None:
            if node.type == "decimal":
                raise JavaError(_NULL, 'Cannot invoke "String.toCharArray()" because "val" is null')
            if node.index < 0:
                node.owner[node.element.name] = None
            else:
                node.owner[node.element.name][node.index] = None

    def _new_value(self, operation: Mapping[str, Any], place: _Place) -> _Value:
        """Returns the value that an operation brings, as a value of the element if that has an enumeration."""
        part = next((part for part in operation.get("part", ()) if part.get("name") == "value"), None)
        value = _value_of(part) if part is not None else None
        if value is None:
            value = self._built(place.element, part.get("part", ()) if part is not None else ())
        if place.element.binding is None and place.element.type != "xhtml":
            return value
        if not is_primitive(value.type):
            raise _no_cast(value.type, "IPrimitiveType")
        text = None if value.value is None else scalar_text(value.value)
        if text and place.element.binding is not None and text not in place.element.codes:
            raise JavaError(_DATA_ACCESS, f"Unknown {place.element.binding} code '{text}'")
        new = _Value(place.element.type, text, enumerated=True)
        place.put([new])
        return new

    def _built(self, element: Element, parts: Any) -> _Value:
        """Returns a new value of an element, made of parts."""
        if element.name == "contained" or element.type == "Resource":
            raise JavaError(
                "ca.uhn.fhir.context.ConfigurationException",
                "HAPI-1696: Failed to instantiate type:org.hl7.fhir.instance.model.api.IBaseResource",
            )
        built: Object = {}
        for part in parts:
            self.charge(NODE_WORK)
            name = part.get("name", "")
            if not name:
                continue
            value = _value_of(part)
            if value is not None:
                self._append(_part_place(element.type, built, name), value)
            elif part.get("part"):
                place = _child(Located(element.type, built), name)
                self._set(place, self._built(place.element, part["part"]))
        return _Value(element.type, None if is_primitive(element.type) else built)

    def _append(self, place: _Place, value: _Value) -> None:
        if not place.element.many:
            self._set(place, value)
        else:
            place.put([*place.values, self._fitted(place, value)])

    def _set(self, place: _Place, value: _Value) -> None:
        place.put([self._fitted(place, value)])

    def _fitted(self, place: _Place, value: _Value) -> _Value:
        """Returns a value as it stands at a place; one that HAPI cannot write stands there as its refusal.

        Raises:
            JavaError: HAPI cannot even put it there.
        """
        element = place.element
        if value.enumerated or place.name_for(value.type) is not None:
            return value
        if not element.many and not element.choice:
            raise JavaError(_DATA_ACCESS, cannot_set(place.owner_type, element, value.type))
        if element.type == "Extension":
            return value._replace(value=_Unwritable(_no_cast(value.type, "IBaseExtension")), sibling=None)
        text = (
            f"HAPI-1831: {element.choice or element.name} has type {java_class(value.type)} but this is not a valid "
            "type for this element"
        )
        if element.choice:
            text += f" - Expected one of: {choice_classes(place.owner_type, element.choice)}"
        error = _unwritable(text) if place.owner_type != "Meta" else FhirError(500, _NO_COPY)
        return value._replace(value=_Unwritable(error), sibling=None)


_HANDLERS: Final[dict[str, Callable[[_Patch, Mapping[str, Any], str], None]]] = {
    "add": _Patch.add,
    "delete": _Patch.delete,
    "insert": _Patch.insert,
    "move": _Patch.move,
    "replace": _Patch.replace,
}


def apply_fhir_patch(
    resource: Object, parameters: Mapping[str, Any], charge: Charge, stored: Mapping[str, Any]
) -> Object:
    """Applies a FHIRPath Patch.

    Args:
        resource: The resource to patch; it is changed.
        parameters: The patch, parsed.
        charge: Pays for the work.
        stored: The resource as it is stored, which is not changed.

    Returns:
        The patched resource as HAPI would write it.

    Raises:
        FhirError: HAPI refuses the patch.
        JavaError: HAPI fails over it.
    """
    patch = _Patch(resource, charge)
    for parameter in parameters.get("parameter", ()):
        if parameter.get("name") == "operation":
            patch.apply(parameter)
    kind = str(resource["resourceType"])
    try:
        return read_changes(stored, resource, kind, lambda source: read_resource(_pruned(source, charge), kind))
    except DataFormatError as error:
        raise _unwritable(str(error)) from None


def _pruned(value: Json, charge: Charge) -> Json:
    """Returns JSON without what is empty; of a list with ``_name`` members nothing is left out.

    Raises:
        FhirError: HAPI refuses to write a value.
        JavaError: HAPI fails over a value.
    """
    charge(NODE_WORK)
    if isinstance(value, _Unwritable):
        raise value.error
    if isinstance(value, list):
        return [found for item in value if (found := _pruned(item, charge)) not in (None, {}, [])]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, item in value.items():
        if name[:1] == "_" and isinstance(item, list):
            kept: Json = [_pruned(each, charge) or None for each in item]
        else:
            kept = item if isinstance(item, list) and f"_{name}" in value else _pruned(item, charge)
        if kept not in (None, {}, []):
            found[name] = kept
    return found


# --- the parts of an operation -----------------------------------------------------------------------------------


def _value_of(part: Mapping[str, Any]) -> _Value | None:
    """Returns the value of a part, with the type that its name says."""
    defined = elements("Parameters.parameter")
    for name in part:
        element = defined.get(name.removeprefix("_"))
        if element is not None and element.choice == "value":
            return _Value(element.type, part.get(element.name), part.get(f"_{element.name}"))
    return None


def _no_cast(type_name: str, wanted: str) -> JavaError:
    """Returns Java's failure to take a value for something else; HAPI's ends with a memory address."""
    there, wanted = java_class(type_name), f"org.hl7.fhir.instance.model.api.{wanted}"
    return JavaError(
        "java.lang.ClassCastException",
        f"class {there} cannot be cast to class {wanted} ({there} and {wanted} are in unnamed module of loader "
        "org.springframework.boot.loader.LaunchedURLClassLoader)",
    )


def _unwritable(text: str) -> FhirError:
    """Returns HAPI's refusal to write what a patch has made; in a batch it is a failure."""
    return PatchRefusedError(400, text, FhirError(500, text))


def _part_value(operation: Mapping[str, Any], name: str) -> _Value | None:
    part = next((part for part in operation.get("part", ()) if part.get("name") == name), None)
    return _value_of(part) if part is not None else None


def _text_part(operation: Mapping[str, Any], name: str) -> str | None:
    found = _part_value(operation, name)
    if found is None or found.value is None:
        return None
    if isinstance(found.value, dict):
        raise _no_cast(found.type, "IPrimitiveType")
    return scalar_text(found.value)


def _index(operation: Mapping[str, Any], name: str, kind: str) -> int:
    found = _part_value(operation, name)
    if found is None or type(found.value) is not int:
        raise FhirError(400, f"No index supplied for {kind} operation")
    return found.value


def _bad_index(code: str, kind: str, index: int, path: str, count: int) -> FhirError:
    text = f"Invalid {kind} index {index:,} for path {path} - Only have {count:,} existing entries"
    return FhirError(400, f"HAPI-{code}: {text}")


def _begin_end(text: str, end: int) -> NoReturn:
    raise JavaError("java.lang.StringIndexOutOfBoundsException", f"begin 0, end {end}, length {len(text)}")


def _split(path: str) -> tuple[str, str]:
    """Cuts a path into the containing one and the name behind its last dot."""
    dot = path.rfind(".")
    if dot < 0:
        _begin_end(path, dot)
    return path[:dot], path[dot + 1 :]


def _list_path(path: str) -> tuple[str, str] | None:
    """Cuts a path that ends with a filter or an index into the containing path and the list's name; else None."""
    if path.endswith(")"):
        last = path.rfind(".", 0, path.rfind("(") + 1)
        before = path.rfind(".", 0, last) if last > 0 else -1
        if before < 0:
            _begin_end(path, before)
        return path[:before], path[before + 1 : last]
    if path.endswith("]"):
        bracket = path.rfind("[")
        dot = path.rfind(".", 0, bracket + 1)
        if dot < 0:
            _begin_end(path, dot)
        return path[:dot], path[dot + 1 : bracket]
    return None


# --- places ------------------------------------------------------------------------------------------------------


def _child(node: Located, name: str | None) -> _Place:
    """Returns the child of a value that a name stands for.

    Raises:
        JavaError: It has no such child.
    """
    if is_primitive(node.type) and name == "extension" and node.owner is not None:
        return _Place("Element", node.made_sibling(), elements("Element")[name])
    defined = elements(node.type) if isinstance(node.value, dict) else {}
    if name and name in defined:
        return _Place(node.type, node.value, defined[name])
    variants = [element for element in defined.values() if element.choice and element.choice == name]
    if variants:
        first = java_set_order([element.name for element in variants], string_hash)[0]
        return _Place(node.type, node.value, defined[first])
    if name and any(element.choice and f"{element.choice}[x]" == name for element in defined.values()):
        definition = '"ca.uhn.fhir.jpa.patch.FhirPatch$ChildDefinition.getChildElement()"'
        raise JavaError(
            _NULL,
            f'Cannot invoke "{_DEFINITION}.getImplementingClass()" because the return value of {definition} is null',
        )
    raise JavaError(_NULL, f'Cannot invoke "{_CHILD}.getValidChildNames()" because "childDef" is null')


def _part_place(type_name: str, owner: Object, name: str) -> _Place:
    """Returns the child that a part with a value stands for."""
    try:
        return _child(Located(type_name, owner), name)
    except JavaError:
        raise JavaError(_NULL, f'Cannot invoke "{_CHILD}.getMutator()" because "partChildDef" is null') from None


def _as_value(found: Located) -> _Value:
    enumerated = found.element is not None and found.element.binding is not None
    return _Value(found.type, found.value, found.sibling() or None, enumerated)
