"""Reads and writes request targets, the parts of URLs behind the base URL, as HAPI does."""

from __future__ import annotations

import re
from functools import lru_cache
from string import hexdigits
from typing import NamedTuple
from urllib.parse import quote, unquote

from mab_gym.fhir.model._outcome import sanitized
from mab_gym.fhir.model._remembered import LONGEST_KEY, is_short

_UNCHANGED = re.compile(r"[A-Za-z0-9_.*-]*")
"""Texts that are written in a query as they are."""
_PLAIN = re.compile(r"[\w\-./$:]*", re.ASCII)
"""Paths and names without anything that has to be decoded or made harmless."""
BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})(.{0,2})", re.DOTALL)
Parameters = tuple[tuple[str, str], ...]
"""Names and values of a query, decoded, in order."""


class Target(NamedTuple):
    """A request's target below the base.

    Attributes:
        path: The segments of its path, decoded, without empty ones.
        parameters: Names and values of its query in order, decoded.
    """

    path: tuple[str, ...]
    parameters: Parameters


def parse_target(target: str) -> Target:
    """Reads a target such as ``Observation?patient=S1&code=K``; a fragment is ignored."""
    return _remembered_target(target) if len(target) <= LONGEST_KEY else _parse_target(target)


def _parse_target(target: str) -> Target:
    path, _, query = target.split("#", 1)[0].partition("?")
    segments = [segment for segment in path.split("/") if segment]
    if not _PLAIN.fullmatch(path):
        segments = [_read_segment(segment, twice=place == 1) for place, segment in enumerate(segments)]
    parameters = parse_query(query)
    if not all(_PLAIN.fullmatch(name) for name, _ in parameters):
        parameters = tuple((sanitized(name), value) for name, value in parameters)
    return Target(tuple(segments), parameters)


def _read_segment(segment: str, *, twice: bool) -> str:
    """Decodes a part of a path as HAPI does: ids twice, plus signs as blanks, markup made harmless."""
    text = decode(segment.replace("+", " "))
    return sanitized(decode(text.replace("+", " ")) if twice else text)


def broken_escape(found: str) -> str:
    """Returns the words of Java's ``URLDecoder`` for what stands behind a percent sign that begins no escape."""
    if len(found) < 2:
        return "URLDecoder: Incomplete trailing escape (%) pattern"
    if found[0] == "-" and found[1] in hexdigits:
        return "URLDecoder: Illegal hex characters in escape (%) pattern - negative value"
    place = 0 if found[0] not in hexdigits + "+-" else 1
    return f'URLDecoder: Illegal hex characters in escape (%) pattern - Error at index {place} in: "{found}"'


_remembered_target = lru_cache(maxsize=512)(_parse_target)


def parse_query(query: str) -> Parameters:
    """Returns the names and values of a query string (or a form's body), decoded as UTF-8 with ``+`` for a blank.

    Like HAPI, it leaves the plus sign of a media type.
    """
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            keeps_plus = value.startswith("application/") and "%" not in value  # media types, as in _format
            pairs.append((decode(name.replace("+", " ")), value if keeps_plus else decode(value.replace("+", " "))))
    return tuple(pairs)


def decode(text: str) -> str:
    """Percent-decodes a text; bytes that are not UTF-8 become U+FFFD, and the result has no half surrogate pairs."""
    if text.isascii() and "%" not in text:
        return text
    return unquote(text.encode("utf-8", "replace").decode("utf-8"), errors="replace")


def encode(text: str) -> str:
    """Percent-encodes a query's name or value as HAPI writes it in links."""
    return text if _UNCHANGED.fullmatch(text) else quote(text, safe="-_.*").replace("~", "%7E")


def self_link(base_url: str, path: str, parameters: Parameters) -> str:
    """Returns the link to a search itself: its parameters sorted by name; those of one name keep their order."""
    write = _remembered_link if is_short(parameters) else _self_link
    return write(base_url, path, parameters)


def _self_link(base_url: str, path: str, parameters: Parameters) -> str:
    pairs = [f"{encode(name)}={encode(value)}" for name, value in sorted(parameters, key=lambda pair: pair[0])]
    return f"{base_url}/{path}" + ("?" + "&".join(pairs) if pairs else "")


_remembered_link = lru_cache(maxsize=512)(_self_link)
