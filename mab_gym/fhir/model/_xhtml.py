"""Reads ``Narrative.div`` as HAPI does: parses it as XML, adds the namespace and writes it (R4, narrative.html)."""

from __future__ import annotations

import re
from html import escape
from html.entities import html5
from xml.parsers.expat import ExpatError, ParserCreate

from mab_gym.fhir.model._errors import DataFormatError
from mab_gym.fhir.model._outcome import FhirError

_NAMESPACE = ' xmlns="http://www.w3.org/1999/xhtml"'
_BEYOND_16_BITS = re.compile("[\U00010000-\U0010ffff]")
_XML_ENTITIES = ("lt;", "gt;", "amp;", "quot;", "apos;")


def clean_xhtml(text: str) -> str | None:
    """Returns the narrative as HAPI prints it.

    Args:
        text: The ``Narrative.div`` that a client sent; a text without a tag is put into a ``div``.

    Returns:
        The ``div``, or None if it is empty.

    Raises:
        DataFormatError: It is not well-formed XML.
        FhirError: 500 if HAPI fails over it: it is blank, or no ``div``.
    """
    source = text.strip()
    if not source:
        raise FhirError(500, "String index out of range: 0")
    if not source.startswith("<"):
        source = f"<div{_NAMESPACE}>{source}</div>"
    return _Composer().compose(_with_namespace(source))


def _with_namespace(source: str) -> str:
    start = source.find("<", 1 if source.startswith("<?") else 0)
    end = source.find(">", start)
    if end == -1 or source.find("/", start) <= end or " xmlns" in source[start:end]:
        return source
    return source[:end] + _NAMESPACE + source[end:]


class _Composer:
    """Writes the events of an XML parser as HAPI's ``XhtmlComposer`` writes its tree."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.tag_is_open = False
        self.has_content = False

    def compose(self, source: str) -> str | None:
        parser = ParserCreate()
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._comment
        try:
            parser.Parse(_resolve_entities(source), True)
        except ExpatError as error:
            raise DataFormatError(
                f'HAPI-1755: String does not appear to be valid XML/XHTML (error is "{error}"): {source}'
            ) from None
        return "".join(self.parts) if self.has_content else None

    def _close_tag(self) -> None:
        self.has_content = True
        if self.tag_is_open:
            self.parts.append(">")
            self.tag_is_open = False

    def _start(self, name: str, attributes: list[str]) -> None:
        if self.parts:
            self._close_tag()
        elif name != "div":
            raise FhirError(
                500,
                f"org.hl7.fhir.exceptions.FHIRFormatError: Unable to Parse HTML - starts with 'null::{name}' not 'div' "
                f"at line 1 column {len(name) + 2}",
            )
        pairs = zip(attributes[::2], attributes[1::2], strict=True)
        self.parts.append("<" + name + "".join(f' {key}="{_escape(value)}"' for key, value in pairs))
        self.tag_is_open = True

    def _end(self, name: str) -> None:
        self.parts.append("/>" if self.tag_is_open else f"</{name}>")
        self.tag_is_open = False

    def _text(self, data: str) -> None:
        self._close_tag()
        self.parts.append(_BEYOND_16_BITS.sub(lambda found: f"&#x{ord(found[0]):X};", _escape(data)))

    def _comment(self, data: str) -> None:
        if self.parts:
            self._close_tag()
            self.parts.append(f"  <!-- {data.strip()} -->")


def _escape(text: str) -> str:
    return escape(text, quote=False).replace('"', "&quot;")


def _resolve_entities(source: str) -> str:
    """Replaces HTML's named characters (``&nbsp;``), which XML does not know."""
    pieces = source.split("&")
    for index, piece in enumerate(pieces[1:], 1):
        name = piece.partition(";")[0] + ";"
        known = name in html5 and name not in _XML_ENTITIES
        pieces[index] = html5[name] + piece[len(name) :] if known else "&" + piece
    return "".join(pieces)
