"""Reads resources from the XML that a client sends, as HAPI FHIR 7.6's ``XmlParser`` does.

The XML becomes the JSON that would say the same, and `mab_gym.fhir.model._parse` reads that. HAPI ignores namespaces,
text between elements, and elements and attributes that FHIR does not define. Entities are never expanded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate, errors
from xml.sax.saxutils import escape, quoteattr

from mab_gym.fhir.model._definitions import Element, elements
from mab_gym.fhir.model._errors import DataFormatError
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._parse import MAX_DEPTH, TOO_DEEP, parse_read, stated_type
from mab_gym.fhir.model._primitives import read_primitive

_FAILED = "HAPI-0450: Failed to parse request body as XML resource. Error was: "
_UNEXPECTED = "WstxUnexpectedCharException: Unexpected character"
_AT_END = (3, 5)
"""expat's codes for a text that ends too early."""
_NAME = re.compile(r"[^\s/>=]+")
_ENTITY = re.compile(r"&(?!(?:lt|gt|amp|quot|apos);)([^\s#;<]+);")
_EXTENSIONS = ("extension", "modifierExtension")


def parse_xml_resource(text: str, expected_type: str) -> dict[str, Any]:
    """Reads the body of a create or an update.

    Args:
        text: The body.
        expected_type: The resource type that it must be.

    Raises:
        FhirError: 400 if HAPI refuses the body, 500 if it fails over it, 501 if it nests too deeply.
    """
    builder = _Builder(expected_type)
    try:
        builder.parser.Parse(text, True)
        return parse_read(expected_type, builder.resource)
    except RecursionError:
        raise FhirError(501, TOO_DEEP) from None
    except DataFormatError as error:
        where = f"[row,col {{unknown-source}}]: [{builder.row},{builder.column}]"
        raise FhirError(400, f"{_FAILED}HAPI-1851: DataFormatException at [{where}]: {error}") from None
    except ExpatError as error:
        reason, row, column = _reason(text, error, builder)
        at = f"\n at [row,col {{unknown-source}}]: [{row},{column}]"
        raise FhirError(400, f"{_FAILED}HAPI-1852: com.ctc.wstx.exc.{reason}{at}") from None


@dataclass(slots=True)
class _Frame:
    """An element that is open.

    Attributes:
        tag: Its name as written.
        type_name: Its FHIR type; empty if nothing in it is read.
        value: The JSON object that it becomes.
        holds: The element of the parent's JSON that resources in it become, if it holds some.
    """

    tag: str
    type_name: str = ""
    value: dict[str, Any] = field(default_factory=dict)
    holds: Element | None = None


class _Builder:
    """Turns the events of an XML parser into JSON.

    Attributes:
        resource: The JSON.
        row: The line of the last element that began, from 1.
        column: Its column, from 1.
    """

    def __init__(self, expected_type: str) -> None:
        self.resource: dict[str, Any] = {}
        self.row = self.column = 1
        self._expected = expected_type
        self.open: list[_Frame] = []
        self._namespaces: list[str] = []
        self._narrative: list[str] = []
        self._in_narrative = 0
        self.parser = ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.CommentHandler = self._comment
        self.parser.EntityDeclHandler = self._entity

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self.open) > 2 * MAX_DEPTH:
            raise FhirError(501, TOO_DEEP)
        self.row, self.column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        name = tag.rpartition(":")[2]
        self._namespaces.append(attributes.get("xmlns", self._namespaces[-1] if self._namespaces else ""))
        if self._in_narrative:
            self._in_narrative += 1
            self._narrative.append(_tag(tag, attributes))
            self.open.append(_Frame(tag))
        elif not self.open:
            self.resource["resourceType"] = name
            if name != self._expected:
                expected = f'HAPI-1814: Incorrect resource type found, expected "{self._expected}" but found "{name}"'
                raise DataFormatError(expected)
            self.open.append(_Frame(tag, name, self.resource))
        else:
            self.open.append(self._opened(tag, name, attributes))

    def _opened(self, tag: str, name: str, attributes: dict[str, str]) -> _Frame:
        """Returns the frame of an element within a resource, put into its parent's JSON."""
        parent = self.open[-1]
        if parent.holds is not None:
            resource: dict[str, Any] = {"resourceType": name}
            stated_type(resource)
            _add(parent.holds, parent.value, resource)
            return _Frame(tag, name, resource)
        element = elements(parent.type_name).get(name) if parent.type_name else None
        if element is not None and element.type == "xhtml":
            self._in_narrative = 1
            namespace = self._namespaces[-1]
            extra = {} if "xmlns" in attributes or not namespace else {"xmlns": namespace}
            self._narrative = [_tag(tag, {**extra, **attributes})]
            return _Frame(tag)
        value = {"id": attributes["id"]} if "id" in attributes else {}
        if name in _EXTENSIONS and parent.type_name:
            value["url"] = attributes.get("url")  # type: ignore[assignment]
            parent.value.setdefault(name, []).append(value)
            return _Frame(tag, "Extension", value)
        if element is None:
            return _Frame(tag)
        if element.primitive:
            _add_primitive(element, parent.value, attributes.get("value"), value)
            return _Frame(tag, "Element", value)
        if element.type == "Resource":
            return _Frame(tag, value=parent.value, holds=element)
        _add(element, parent.value, value)
        return _Frame(tag, element.type, value)

    def _end(self, tag: str) -> None:
        self.open.pop()
        self._namespaces.pop()
        if self._in_narrative:
            self._in_narrative -= 1
            self._narrative.append(f"</{tag}>")
            if not self._in_narrative:
                self.open[-1].value.setdefault("div", "".join(self._narrative))

    def _text(self, data: str) -> None:
        if self._in_narrative:
            self._narrative.append(escape(data))

    def _comment(self, data: str) -> None:
        if self._in_narrative:
            self._narrative.append(f"<!--{data}-->")

    def _entity(self, name: str, *_: object) -> None:
        error = ExpatError(f'Undeclared general entity "{name}"')
        error.code, error.lineno = 11, self.parser.CurrentLineNumber
        error.offset = self.parser.CurrentColumnNumber
        raise error


def _tag(tag: str, attributes: dict[str, str]) -> str:
    return f"<{tag}{''.join(f' {name}={quoteattr(value)}' for name, value in attributes.items())}>"


def _add(element: Element, into: dict[str, Any], value: dict[str, Any]) -> None:
    """Adds an object; the first one counts where FHIR allows only one."""
    if element.many:
        into.setdefault(element.name, []).append(value)
    else:
        into.setdefault(element.name, value)


def _add_primitive(element: Element, into: dict[str, Any], text: str | None, sibling: dict[str, Any]) -> None:
    """Adds a primitive value, with the object that its id and extensions are put into.

    Raises:
        DataFormatError: It is no value of its type.
    """
    if text is not None:
        read_primitive(element, text)
    if element.many:
        into.setdefault(element.name, []).append(text)
        into.setdefault(f"_{element.name}", []).append(sibling)
    elif element.name not in into:
        into[element.name], into[f"_{element.name}"] = text, sibling


def _reason(text: str, error: ExpatError, builder: _Builder) -> tuple[str, int, int]:
    """Returns Woodstox's words for what is wrong with XML, with the row and the column."""
    start = text.lstrip("\ufeff").lstrip()
    if not builder.open and not builder.resource and start[:1] != "<":
        place = len(text) - len(start)
        if not start:
            return "WstxEOFException: Unexpected EOF in prolog", *_row_and_column(text, place)
        return f"{_UNEXPECTED} {_character(start[0])} in prolog; expected '<'", *_row_and_column(text, place + 1)
    if error.code in _AT_END:
        where = _row_and_column(text, len(text))
        if builder.open and text.rfind(">") > text.rfind("<"):
            name = builder.open[-1].tag
            return f"WstxEOFException: Unexpected EOF; was expecting a close tag for element <{name}>", *where
        if text.rstrip()[-1:] in ("<", ">"):
            return "WstxEOFException: Unexpected EOF in prolog", *where
        if text[text.rfind("<") :].count('"') % 2:
            return "WstxEOFException: Unexpected EOF in attribute value", *where
        return "WstxEOFException: Unexpected end of input block in start tag", *where
    place = len(text.encode("utf-8", "replace")[: builder.parser.ErrorByteIndex].decode("utf-8", "ignore"))
    words, place = _fault(text, place, error, builder)
    return words, *_row_and_column(text, place)


def _fault(text: str, place: int, error: ExpatError, builder: _Builder) -> tuple[str, int]:
    """Returns the words for a fault in the middle of a text, with the place behind its last character."""
    match errors.messages.get(error.code):
        case errors.XML_ERROR_TAG_MISMATCH if name := _NAME.match(text, place):
            expected = f"Unexpected close tag </{name[0]}>; expected </{builder.open[-1].tag}>."
            return f"WstxParsingException: {expected}", name.end()
        case errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT if text[place : place + 1] != "<":
            return f"{_UNEXPECTED} {_character(text[place : place + 1])} in epilog; expected '<'", place + 1
        case errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT:
            return "WstxParsingException: Illegal to have multiple roots (start tag in epilog?).", place + 2
        case errors.XML_ERROR_UNDEFINED_ENTITY if name := _ENTITY.search(text, place):
            return f'WstxParsingException: Undeclared general entity "{name[1]}"', name.end()
        case errors.XML_ERROR_DUPLICATE_ATTRIBUTE if name := _NAME.match(text, place):
            return f"WstxParsingException: Duplicate attribute '{name[0]}'.", text.find(">", place) + 1
    return f"WstxParsingException: {error}", place + 1


def _character(text: str) -> str:
    code = ord(text or "\0")
    return f"'{text}' (code {code} / 0x{code:x})" if code > 255 else f"'{text}' (code {code})"


def _row_and_column(text: str, place: int) -> tuple[int, int]:
    before = text[:place]
    return before.count("\n") + 1, len(before) - before.rfind("\n") - 1
