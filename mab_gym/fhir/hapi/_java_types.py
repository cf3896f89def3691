"""The Java classes of HAPI's R4 model: their names stand in messages, and they decide what may be put where."""

from __future__ import annotations

from mab_gym.fhir.model._definitions import Element, ancestors, declaring_type, elements, is_primitive

_MODEL = "org.hl7.fhir.r4.model."
_RESERVED = frozenset(("abstract", "assert", "case", "class", "for", "import", "package", "public"))
_BLOCKS = {"Patient.contact": "ContactComponent"}
"""Blocks whose class has another name than its path says."""


def java_class(type_name: str, *, bound: bool = False) -> str:
    """Returns the class of a FHIR type.

    Args:
        type_name: As in ``dateTime``, ``HumanName`` or ``Patient.contact``.
        bound: True for a code that is checked against an enumeration.
    """
    if bound:
        return f"{_MODEL}Enumeration"
    if type_name == "xhtml":
        return "org.hl7.fhir.utilities.xhtml.XhtmlNode"
    if is_primitive(type_name):
        return f"{_MODEL}{type_name[0].upper()}{type_name[1:]}Type"
    first, *blocks = type_name.split(".")
    if not blocks:
        return f"{_MODEL}{'ListResource' if first == 'List' else first}"
    own = _BLOCKS.get(type_name) or first + "".join(name[0].upper() + name[1:] for name in blocks) + "Component"
    return f"{_MODEL}{first}${own}"


def superclasses(type_name: str) -> tuple[str, ...]:
    """Returns a type and those from whose classes its class is derived; an id is a kind of URI there."""
    return ("id", *ancestors("uri")) if type_name == "id" else ancestors(type_name)


def fits(element: Element, type_name: str) -> bool:
    """Tells if a value of a type can be put into a field: it is of the field's class, or of one derived from it."""
    return element.binding is None and element.type != "xhtml" and element.type in superclasses(type_name)


def cannot_set(owner_type: str, element: Element, type_name: str) -> str:
    """Returns Java's words for a value that does not fit into a field."""
    field = f"{element.name}_" if element.name in _RESERVED else element.name
    declared = java_class(element.type, bound=element.binding is not None)
    owner = java_class(declaring_type(owner_type, element.name))
    return f"Can not set {declared} field {owner}.{field} to {java_class(type_name)}"


def choice_classes(owner_type: str, choice: str) -> str:
    """Returns the classes of a choice's types as a message lists them; HAPI's order is that of memory addresses."""
    classes = (java_class(each.type) for each in elements(owner_type).values() if each.choice == choice)
    return "[" + ", ".join(f"class {name}" for name in classes) + "]"
