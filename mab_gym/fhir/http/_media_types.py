"""FHIR's media types as HAPI knows them: JSON, XML, Turtle and NDJSON, under new names, old names and short ones."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

Encoding = Literal["json", "xml", "turtle", "ndjson"]

_STRICT: dict[str, Encoding] = {
    "application/fhir+json": "json",
    "application/json+fhir": "json",
    "application/fhir+xml": "xml",
    "application/xml+fhir": "xml",
    "application/x-turtle": "turtle",
    "text/turtle": "turtle",
    "application/fhir+ndjson": "ndjson",
}
"""FHIR's own media types, old and new; a Binary is asked for as a resource by these alone."""
_LENIENT: dict[str, Encoding] = _STRICT | {
    "application/json": "json",
    "text/json": "json",
    "json": "json",
    "application/xml": "xml",
    "text/xml": "xml",
    "xml": "xml",
    "application/fhir+turtle": "turtle",
    "rdf": "turtle",
    "ttl": "turtle",
    "application/ndjson": "ndjson",
    "text/ndjson": "ndjson",
    "ndjson": "ndjson",
}
_OLD_TYPES = ("application/json+fhir", "application/xml+fhir", "text/turtle")
NEW_TYPES: dict[Encoding, str] = {
    "json": "application/fhir+json",
    "xml": "application/fhir+xml",
    "turtle": "application/x-turtle",
    "ndjson": "application/fhir+ndjson",
}


class Format(NamedTuple):
    """A format in which a client wants FHIR.

    Attributes:
        encoding: The encoding.
        media_type: The Content-Type of answers, without a charset.
        stated: The media type as the client stated it.
    """

    encoding: Encoding
    media_type: str
    stated: str


JSON = Format("json", "application/fhir+json", "")


@lru_cache(maxsize=256)
def stated_format(text: str, *, strict: bool = False) -> Format | None:
    """Returns the format that a media type or a value of ``_format`` means; None if it is none of FHIR's."""
    plain = text.split(";", 1)[0].strip(" ").replace(" ", "+")
    encoding = (_STRICT if strict else _LENIENT).get(plain)
    if encoding is None:
        return None
    return Format(encoding, plain if plain in _OLD_TYPES else NEW_TYPES[encoding], text)


def sent_format(content_type: str, *, strict: bool = False) -> Format | None:
    """Returns the format of a body by its Content-Type; the first of several that is FHIR's counts."""
    parts = (part.split(";", 1)[0].strip() for part in content_type.split(","))
    return next((found for part in parts if (found := stated_format(part, strict=strict))), None)
