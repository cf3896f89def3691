"""Tests extensions: that they are known, and stand where they may, with the values that they may have."""

from __future__ import annotations

import re

from mab_gym.fhir.hapi._hashes import java_set_order, string_hash
from mab_gym.fhir.validation._bindings import Place
from mab_gym.fhir.validation._elements import Element
from mab_gym.fhir.validation._primitives import is_absolute
from mab_gym.fhir.validation._rules import extensions, is_resource, parent_of

_INDEX = re.compile(r"\[[^\]]*\]")


def check_extension(place: Place, container: Element, around: str | None) -> str | None:
    """Tests an Extension.

    Args:
        place: The extension, and where findings belong.
        container: The element that it extends.
        around: The URL of the extension in which it stands; None for none.

    Returns:
        Its URL, or None if it has none.
    """
    element = place.element
    url = element.child_value("url")
    nowhere = place._replace(element=Element("", None, "", -1, -1))
    if not url:
        text = "Extension.url is required in order to identify, use and validate the extension"
        nowhere.add("error", text, "Extension_EXT_Url_NotFound")
        return None
    if around is None and not is_absolute(url):
        nowhere.add("error", "Extension.url must be an absolute URL", "Extension_EXT_URL_Absolute")
        return url
    known = extensions().get(url.partition("|")[0]) if is_absolute(url) else None
    if known is not None:
        _check_known(place, container, url, [*known, *_NOTHING[len(known) :]])
    elif around is None or is_absolute(url):
        place.add("information", f"Unknown extension {url}", "Extension_EXT_Unknown")
    return url


_NOTHING: tuple[object, ...] = ("", 0, [], "", "", 0, [])


def _check_known(place: Place, container: Element, url: str, known: list[object]) -> None:
    _, modifier, contexts, types, _binding, _least, _parts = known
    assert isinstance(contexts, list)
    _check_context(place, container, url, [str(each) for each in contexts])
    is_modifier = place.element.name == "modifierExtension"
    inner = place._replace(path=f"{place.path}[url='{url}']")
    if is_modifier and not modifier:
        text = f"The Extension '{url}' must not be used as a modifierExtension (it's a regular extension)"
        inner.add("error", text, "Extension_EXT_Modifier_Y")
    if modifier and not is_modifier:
        text = f"The Extension '{url}' must not be used as an extension (it's a modifierExtension)"
        inner.add("error", text, "Extension_EXT_Modifier_N")
    allowed = str(types).split()
    value = next((child for child in place.element.children if child.name.startswith("value")), None)
    if value is not None:
        if value.type not in allowed:
            shown = ", ".join(java_set_order(allowed, string_hash))
            text = f"The Extension '{url}' definition allows for the types [{shown}] but found type {value.type}"
            place.add("error", text, "Extension_EXT_Type")
    elif allowed:
        start = f"The Extension '{url}' definition is for a simple extension, so it must contain a value"
        if place.element.child("extension"):
            place.add("error", f"{start}, not extensions", "Extension_EXT_Simple_WRONG")
        else:
            place.add("error", start, "Extension_EXT_Simple_ABSENT")


def _check_context(place: Place, container: Element, url: str, contexts: list[str]) -> None:
    """Tests that an extension may stand in its container."""
    literal = _INDEX.sub("", place.path.rpartition(".")[0])
    parents = {literal} if container.rule is None else {literal, _kind_of(container)}
    stands_in = container.child_value("url") if container.type == "Extension" else None
    for context in contexts:
        kind, expression = context[0], context[2:]
        if kind == "e" and _fits(expression, container, parents):
            return
        if kind == "x" and expression == stands_in:
            return
        if kind == "p":
            return
    shown = ", ".join(sorted(parents))
    prefix = "modifier extension" if place.element.name == "modifierExtension" else "extension"
    text = f"The {prefix} {url} is not allowed to be used at this point (allowed = {', '.join(contexts)}; this element is [{shown}])"  # noqa: E501
    key = "Extension_EXTM_Context_Wrong" if prefix != "extension" else "Extension_EXTP_Context_Wrong"
    path = place.path.rpartition(".")[0]
    place._replace(element=container, path=path).add("error", text, key)


def _fits(expression: str, container: Element, parents: set[str]) -> bool:
    if expression in ("Element", "Any") or expression in parents:
        return True
    if expression == "Resource" and is_resource(container.type):
        return True
    return any(expression in _ancestors(each) for each in parents)


def _ancestors(path: str) -> set[str]:
    """Returns a path as it is called in the types from which its type descends."""
    name, dot, rest = path.partition(".")
    found = set()
    while name:
        found.add(name + dot + rest)
        name = parent_of(name)
    return found


def _kind_of(element: Element) -> str:
    """Returns the type of an element, as the specification names it."""
    if "." not in element.type:
        return element.type
    if element.rule is not None and element.rule.refers:
        return element.type
    return parent_of(element.type)
