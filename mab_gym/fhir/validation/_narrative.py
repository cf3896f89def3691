"""Reads the XHTML of a narrative, and tests its elements, attributes, links and images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.entities import html5
from xml.parsers.expat import ExpatError, ParserCreate

XHTML = "http://www.w3.org/1999/xhtml"
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_XML_ENTITIES = frozenset(("lt", "gt", "amp", "quot", "apos"))
_NAMES = {
    "elements": "p br div h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite blockquote "
    "hr address bdo kbd sub sup ul ol li dl dt dd pre table caption colgroup col thead tr tfoot tbody th td code samp "
    "img map area",
    "attributes": "title style class id idref lang xml:lang xml:space dir accesskey tabindex span width align valign "
    "char charoff abbr axis headers scope rowspan colspan",
    "of elements": "a.href a.name img.src img.border div.xmlns blockquote.cite q.cite a.charset a.type a.hreflang "
    "a.rel a.rev a.shape a.coords img.alt img.longdesc img.height img.width img.usemap img.ismap map.name area.shape "
    "area.coords area.href area.nohref area.alt table.summary table.width table.border table.frame table.rules "
    "table.cellspacing table.cellpadding pre.space td.nowrap",
    "blocks": "div blockquote table ol ul p",
}
ELEMENTS, _ATTRIBUTES, _OF_ELEMENTS, BLOCKS = (frozenset(names.split()) for names in _NAMES.values())
"""What FHIR allows in a narrative: elements, attributes, and attributes of one element; and what no paragraph holds."""


class NarrativeError(ValueError):
    """The text is no XHTML; the error's text is HAPI's."""


@dataclass(slots=True)
class Node:
    """An element of the narrative; a text has no name."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    text: str = ""

    def walk(self) -> Iterator[Node]:
        """Yields the node and all in it, in the order of the text."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))

    def all_text(self) -> str:
        """Returns the text in the node."""
        return "".join(node.text for node in self.walk())


@dataclass(slots=True)
class Narrative:
    """A narrative's ``div``.

    Attributes:
        root: The element.
        entities: The entities in it that XML does not know, as they were written.
    """

    root: Node
    entities: list[str]


def read_narrative(source: str) -> Narrative:
    """Reads a ``div``.

    Raises:
        NarrativeError: It cannot be read.
    """
    text = source.strip()
    if not text.startswith("<"):
        found = text[:1] or "\uffff"
        raise NarrativeError(f"Unable to Parse HTML - does not start with tag. Found {found} at line 1 column 0")
    entities: list[str] = []

    def known(found: re.Match[str]) -> str:
        if found[1] in _XML_ENTITIES:
            return found[0]
        entities.append(found[0])
        return html5.get(found[1] + ";", "")

    try:
        return Narrative(_parsed(_ENTITY.sub(known, text)), entities)
    except ExpatError as error:
        raise NarrativeError(f"Malformed XHTML: {error}") from error


def _parsed(text: str) -> Node:
    top = Node("")
    opened = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        node = Node(name, attributes)
        opened[-1].children.append(node)
        opened.append(node)

    def end(name: str) -> None:
        opened.pop()

    def characters(data: str) -> None:
        opened[-1].children.append(Node("", text=data))

    parser = ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.buffer_text = True
    parser.Parse(text, True)
    return top.children[0]


def is_allowed(node: Node, attribute: str) -> bool:
    """True if an element may have an attribute."""
    return attribute.startswith("xmlns") or attribute in _ATTRIBUTES or f"{node.name}.{attribute}" in _OF_ELEMENTS


def has_basic_html(narrative: Narrative) -> bool:
    """True if the narrative holds only what FHIR allows (txt-1)."""
    return all(
        not node.name or (node.name in ELEMENTS and all(is_allowed(node, each) for each in node.attributes))
        for node in narrative.root.walk()
    )


def has_content(narrative: Narrative) -> bool:
    """True if the narrative holds a text or an image (txt-2)."""
    return any(node.name == "img" or bool(node.text.strip()) for node in narrative.root.walk())
