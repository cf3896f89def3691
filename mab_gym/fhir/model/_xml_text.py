"""Writes resources as XML, as HAPI FHIR does (FHIR R4 section 2.1.5.2), from the JSON that the server otherwise sends.

HAPI indents by three blanks, writes values as attributes and repeats the FHIR namespace in every resource.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mab_gym.fhir.model._json_text import DecimalNumber

_MARKUP = re.compile(r"(<!--.*?-->|<[^>]*>)|([^<]+)", re.DOTALL)
_ENDS = re.compile(r"\A\s+|\s+\Z", re.ASCII)
_PREFORMATTED = re.compile(r"</?pre\b")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", "\n": "&#xa;", "\r": "&#xd;", "\t": "&#x9;"})


Lines = list[tuple[int, str]]
"""Lines with their levels of indentation."""


def to_xml(resource: Mapping[str, Any], *, pretty: bool = True) -> str:
    """Returns a resource as XML.

    Args:
        resource: Parsed JSON, elements in FHIR's order, decimals with their digits.
        pretty: True to write each element on a line of its own.
    """
    lines: Lines = []
    _resource(resource, 0, lines)
    if pretty:
        return "\n".join(["   " * depth + text for depth, text in lines])
    return "".join([text for _, text in lines])


def _resource(resource: Mapping[str, Any], depth: int, lines: Lines) -> None:
    name = resource["resourceType"]
    body = {key: value for key, value in resource.items() if key != "resourceType"}
    _around(f'{name} xmlns="http://hl7.org/fhir"', name, body, depth, lines)


def _around(head: str, name: str, body: Mapping[str, Any], depth: int, lines: Lines) -> None:
    """Writes an element's tags around its children, or one tag if it has none."""
    place = len(lines)
    lines.append((depth, f"<{head}>"))
    _children(body, depth + 1, lines)
    if len(lines) == place + 1:
        lines[place] = (depth, f"<{head}/>")
    else:
        lines.append((depth, f"</{name}>"))


def _children(value: Mapping[str, Any], depth: int, lines: Lines) -> None:
    names = dict.fromkeys(name.removeprefix("_") for name in value)
    for name in names:
        found, extra = value.get(name), value.get("_" + name)
        many = found if isinstance(found, list) else [found]
        extras = extra if isinstance(extra, list) else [extra] * (extra is not None)
        for place in range(max(len(many), len(extras))):
            item = many[place] if place < len(many) else None
            more = extras[place] if place < len(extras) else None
            if item is not None or more is not None:
                _element(name, item, more or {}, depth, lines)


def _element(name: str, value: Any, extra: Mapping[str, Any], depth: int, lines: Lines) -> None:
    """Writes one element; ``extra`` is the ``_name`` member that belongs to a primitive value in JSON."""
    if name == "div" and isinstance(value, str):
        lines.extend(_narrative(value, depth))
    elif isinstance(value, dict):
        if "resourceType" in value:
            lines.append((depth, f"<{name}>"))
            _resource(value, depth + 1, lines)
            lines.append((depth, f"</{name}>"))
            return
        attributes = _attributes(name, value)
        body = {key: item for key, item in value.items() if key not in attributes} if attributes else value
        _around(name + "".join(attributes.values()), name, body, depth, lines)
    else:
        attributes = _attributes(name, extra)
        body = {key: item for key, item in extra.items() if key not in attributes}
        written = _attribute("value", value) if value is not None else ""
        _around(f"{name}{''.join(attributes.values())}{written}", name, body, depth, lines)


def _narrative(xhtml: str, depth: int) -> Iterator[tuple[int, str]]:
    """Yields the lines of a narrative as HAPI writes it: one for each element; preformatted text is not changed.

    White space at either end of a text becomes one blank.
    """
    line, outer = "", depth
    after_end = False
    preformatted = 0
    for tag, text in _MARKUP.findall(xhtml):
        if text:
            line += text if preformatted else _ENDS.sub(" ", text)
            continue
        ending, whole = tag.startswith("</"), tag.endswith("/>") or tag.startswith("<!")
        depth -= ending
        if line and (after_end or not ending) and not preformatted:
            yield outer, line
            line, outer = "", depth
        line += tag
        if _PREFORMATTED.match(tag) and not whole:
            preformatted += -1 if ending else 1
        after_end = ending or whole
        depth += not after_end
    yield outer, line


def _attributes(name: str, body: Mapping[str, Any]) -> dict[str, str]:
    """Returns the members that are attributes in XML: the ids of elements, and the URLs of extensions."""
    named = ("id", "url") if name in ("extension", "modifierExtension") else ("id",)
    return {key: _attribute(key, body[key]) for key in named if isinstance(body.get(key), str)}


def _attribute(name: str, value: Any) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, DecimalNumber):
        text = value.text
    else:
        text = str(value).translate(_ESCAPES)
    return f' {name}="{text}"'
