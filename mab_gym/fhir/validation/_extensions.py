"""Tests extensions: that they are known, and stand where they may, with the values that they may have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from mab_gym.fhir.hapi._hashes import java_set_order, string_hash
from mab_gym.fhir.validation._bindings import BOUND, Place, check_plain
from mab_gym.fhir.validation._elements import Element
from mab_gym.fhir.validation._issues import Finding
from mab_gym.fhir.validation._primitives import is_absolute
from mab_gym.fhir.validation._rules import Rule, extensions, is_primitive, is_resource, parent_of, rule_at

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
    known = known_extension(url.partition("|")[0]) if is_absolute(url) else None
    if known is not None:
        _check_known(place, container, url, known)
        _check_content(place, url, known)
    elif around is None or is_absolute(url):
        place.add("information", f"Unknown extension {url}", "Extension_EXT_Unknown")
    else:
        owner = known_extension(around)
        if owner is not None and url not in owner.parts:
            text = f"Sub-extension url '{url}' is not defined by the Extension {owner.versioned}"
            place._replace(path=f"{place.path}[url='{url}']").add("error", text, "Extension_EXT_SubExtension_Invalid")
    return url


class Part(NamedTuple):
    """An extension that the definition of another one has in it.

    Attributes:
        url: Its URL.
        least: How often it must be there.
        most: How often it may be there, as the specification writes it.
        types: The types that its value may have.
        value: The rule of its value.
    """

    url: str
    least: int
    most: str
    types: tuple[str, ...]
    value: Rule


class Known(NamedTuple):
    """The definition of an extension.

    Attributes:
        url: Its canonical URL.
        version: The version of the definition.
        modifier: True if it is a modifier extension.
        contexts: The places where it may stand.
        types: The types that its value may have; none if it holds extensions.
        value: The rule of its value.
        parts: The extensions in it, by their URLs.
    """

    url: str
    version: str
    modifier: bool
    contexts: tuple[str, ...]
    types: tuple[str, ...]
    value: Rule
    parts: dict[str, Part]

    @property
    def versioned(self) -> str:
        """The canonical URL with the version."""
        return f"{self.url}|{self.version}"


@cache
def known_extension(url: str) -> Known | None:
    """Returns the definition of an extension of the specification; None for others."""
    row = extensions().get(url)
    if row is None:
        return None
    full: list[Any] = ["", 0, [], "", "", 0, []]
    full[: len(row)] = row
    version, modifier, contexts, types, binding, least, parts = full
    return Known(
        url,
        version,
        bool(modifier),
        tuple(contexts),
        tuple(types.split()),
        _value_rule(binding, least),
        {part[0]: _part(*part) for part in parts},
    )


def _part(url: str, least: int = 0, most: str = "*", types: str = "", binding: str = "", value_least: int = 0) -> Part:
    return Part(url, least, most or "*", tuple(types.split()), _value_rule(binding, value_least))


def _value_rule(binding: str, least: int) -> Rule:
    value_set, _, most_of = binding[2:].partition(" ")
    rule = rule_at("Extension.value[x]")
    return replace(rule, least=least, strength=binding[:1], value_set=value_set, max_value_set=most_of)


def _check_known(place: Place, container: Element, url: str, known: Known) -> None:
    inner = place._replace(path=f"{place.path}[url='{url}']")
    if url == known.versioned:
        inner.add("error", "The extension URL must not contain a version", "EXT_VER_URL_NOT_ALLOWED")
    elif "|" in url:
        text = "The extension URL must not contain a version. The extension was validated against version "
        text += f"{known.version} of the extension"
        inner.add("error", text, "EXT_VER_URL_REVERSION")
    _check_context(place, container, known.url, known.contexts)
    is_modifier = place.element.name == "modifierExtension"
    if is_modifier and not known.modifier:
        text = f"The Extension '{url}' must not be used as a modifierExtension (it's a regular extension)"
        inner.add("error", text, "Extension_EXT_Modifier_Y")
    if known.modifier and not is_modifier:
        text = f"The Extension '{url}' must not be used as an extension (it's a modifierExtension)"
        inner.add("error", text, "Extension_EXT_Modifier_N")
    value = _value_of(place.element)
    if value is not None:
        if value.type not in known.types:
            shown = ", ".join(java_set_order(known.types, string_hash))
            text = f"The Extension '{url}' definition allows for the types [{shown}] but found type {value.type}"
            place.add("error", text, "Extension_EXT_Type")
    elif known.types:
        start = f"The Extension '{url}' definition is for a simple extension, so it must contain a value"
        if place.element.child("extension"):
            place.add("error", f"{start}, not extensions", "Extension_EXT_Simple_WRONG")
        else:
            place.add("error", start, "Extension_EXT_Simple_ABSENT")


def _value_of(element: Element) -> Element | None:
    return next((child for child in element.children if child.name.startswith("value")), None)


def _check_content(place: Place, url: str, known: Known) -> None:
    """Tests an extension by its definition."""
    inner = place.element.named("extension")
    value = _value_of(place.element)
    if known.parts:
        _check_parts(place, inner, known)
    elif inner:
        _say_count(place, f"Extension.extension: max allowed = 0, but found {len(inner)}", known, "Maximum")
    if value is not None and not known.types:
        _say_count(place, "Extension.value[x]: max allowed = 0, but found 1", known, "Maximum")
    elif value is None and known.value.least:
        _say_count(place, "Extension.value[x]: minimum required = 1, but only found 0", known, "Minimum")
    if url != known.url:
        wrong = place._replace(element=place.element.named("url")[0], path=f"{place.path}.url")
        wrong.add("error", f"Value is '{url}' but must be '{known.url}'", "_DT_Fixed_Wrong")
    if value is not None and (value.type in known.types or all(map(is_primitive, (value.type, *known.types)))):
        _check_bound(place, value, known.value)


def _say_count(place: Place, text: str, known: Known, end: str) -> None:
    place.add("error", f"{text} (from {known.versioned})", f"Validation_VAL_Profile_{end}")


def _check_parts(place: Place, inner: list[Element], known: Known) -> None:
    counts = Counter(each.child_value("url") for each in inner)
    for index, each in enumerate(inner):
        if each.child_value("url") in known.parts:
            continue
        text = (
            f"This element does not match any known slice defined in the profile {known.versioned} (this may not be a "
            "problem, but you should check that it's not intended to match a slice)"
        )
        path = f"{place.path}.extension[{index}]"
        details = tuple(
            f"{path}: Does not match slice '{name}' (discriminator: ('{name}' in url))" for name in known.parts
        )
        key = "This_element_does_not_match_any_known_slice_"
        place.found.append(Finding("information", path, text, key, each.start, each.end, details))
    for part in known.parts.values():
        count = counts[part.url]
        if count < part.least:
            text = (
                f"Slice 'Extension.extension:{part.url}': a matching slice is required, but not found (from "
                f"{known.versioned}). Note that other slices are allowed in addition to this required slice"
            )
            place.add("error", text, "Validation_VAL_Profile_Minimum_SLICE")
        if part.most != "*" and count > int(part.most):
            start = f"Extension.extension:{part.url}: max allowed = {part.most}, but found {count}"
            _say_count(place, start, known, "Maximum")


def check_part(place: Place, around: str) -> None:
    """Tests an extension in a known one by the definition of that one."""
    known = known_extension(around)
    part = known.parts.get(place.element.child_value("url") or "") if known is not None else None
    if known is None or part is None:
        return
    value = _value_of(place.element)
    if value is None:
        if part.value.least:
            start = f"Extension.extension:{part.url}.value[x]: minimum required = {part.value.least}, but only found 0"
            _say_count(place, start, known, "Minimum")
    elif value.type in part.types:
        _check_bound(place, value, part.value)
    elif len(part.types) == 1:
        text = f"The Profile '{known.versioned}' definition allows for the type {part.types[0]} but found type "
        at_value = place._replace(path=_at_value(place, value).path)
        at_value.add("error", text + value.type, "Extension_PROF_Type")


def _at_value(place: Place, value: Element) -> Place:
    return place._replace(element=value, path=f"{place.path}.value.ofType({value.type})")


def _check_bound(place: Place, value: Element, rule: Rule) -> None:
    """Tests a value by the value set to which the definition of its extension binds it."""
    inner = _at_value(place, value)._replace(rule=rule)
    if not rule.value_set:
        return
    if is_primitive(value.type):
        check_plain(inner, value.type)
    elif value.type in BOUND:
        BOUND[value.type](inner)


def _check_context(place: Place, container: Element, url: str, contexts: tuple[str, ...]) -> None:
    """Tests that an extension may stand in its container."""
    literal = _INDEX.sub("", place.path.rpartition(".")[0])
    parents = {literal, *_logical_paths(container)}
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


def _logical_paths(element: Element) -> Iterator[str]:
    """Yields the paths of an element that begin with the types of those around it, and with its own type."""
    if element.rule is not None:
        yield _kind_of(element)
    end = ""
    for around in element.around():
        if around.rule is not None and around.type[:1].isupper() and end and "." not in around.type:
            yield f"{around.type}.{end}"
        end = around.rule.name.removesuffix("[x]") + (f".{end}" if end else "") if around.rule is not None else end


def _kind_of(element: Element) -> str:
    """Returns the type of an element, as the specification names it."""
    if "." not in element.type:
        return element.type
    if element.rule is not None and element.rule.refers:
        return element.type
    return parent_of(element.type)
