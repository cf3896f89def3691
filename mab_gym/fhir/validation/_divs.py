"""Tests the XHTML of narratives, and that its language is the resource's."""

from __future__ import annotations

from collections.abc import Iterator

from mab_gym.fhir.validation._bindings import Place
from mab_gym.fhir.validation._elements import Element
from mab_gym.fhir.validation._issues import Finding
from mab_gym.fhir.validation._narrative import BLOCKS, ELEMENTS, XHTML, Narrative, Node, is_allowed
from mab_gym.fhir.validation._primitives import is_absolute

_HINT = "(needs both lang and xml:lang - see https://www.w3.org/TR/i18n-html-tech-lang/#langvalues)"


def check_div(place: Place, resource: Element) -> set[str]:
    """Tests a ``div``; returns the ids to which its links point."""
    narrative = place.element.narrative
    if narrative is None:
        return set()
    root = narrative.root
    _check_namespace(place, root.attributes.get("xmlns"), required=True)
    for node in root.walk():
        if node is not root and node.name:
            _check_namespace(place, node.attributes.get("xmlns"), required=False)
    if root.name != "div":
        text = f"Wrong name on the XHTML ('{root.name}') - must start with div"
        place.add("error", text, "XHTML_XHTML_Name_Invalid")
    _check_names(place, root, in_paragraph=False)
    return _check_links(place, narrative, resource)


def _check_namespace(place: Place, namespace: str | None, *, required: bool) -> None:
    if (namespace is not None or required) and namespace != XHTML:
        text = f"Wrong namespace on the XHTML ('{namespace or 'null'}', should be '{XHTML}')"
        place.add("error", text, "XHTML_XHTML_NS_InValid")


def _check_names(place: Place, parent: Node, *, in_paragraph: bool) -> None:
    waiting = [(node, in_paragraph) for node in reversed(parent.children)]
    while waiting:
        node, inside = waiting.pop()
        if not node.name:
            continue
        if node.name not in ELEMENTS:
            text = f"Invalid element name in the XHTML ('{node.name}')"
            place.add("error", text, "XHTML_XHTML_Element_Illegal")
        for attribute in node.attributes:
            if attribute == "xml:space" or not is_allowed(node, attribute):
                _say_bad_attribute(place, node.name, attribute)
        if inside and node.name in BLOCKS:
            text = f"Invalid element name inside a paragraph in the XHTML ('{node.name}')"
            place.add("error", text, "XHTML_XHTML_ELEMENT_ILLEGAL_IN_PARA")
        waiting += [(child, inside or node.name == "p") for child in reversed(node.children)]


def _say_bad_attribute(place: Place, name: str, attribute: str) -> None:
    if attribute == "xml:space":
        text = "The attribute xml:space is legal but has a fixed value of preserve. It's use is discouraged"
        place.add("information", text, "XHTML_XHTML_ATTRIBUTE_XML_SPACE")
    else:
        text = f"Invalid attribute name in the XHTML ('{attribute}' on '{name}')"
        place.add("error", text, "XHTML_XHTML_Attribute_Illegal")


def _with_paths(root: Node) -> Iterator[tuple[Node, str]]:
    waiting = [(root, "div")]
    while waiting:
        node, path = waiting.pop()
        yield node, path
        waiting += [(child, f"{path}/{child.name or 'null'}") for child in reversed(node.children)]


def _check_links(place: Place, narrative: Narrative, resource: Element) -> set[str]:
    mentioned = set()
    ids: set[str] | None = None
    for node, path in _with_paths(narrative.root):
        link = node.attributes.get("href") if node.name == "a" else None
        if link is None:
            continue
        shown = node.all_text().replace("\r", "").replace("\n", "")
        if not link:
            text = f"Hyperlink at '{path}' for '{shown}' is empty"
            place.add("error", text, "TYPE_SPECIFIC_CHECKS_DT_XHTML_EMPTY_HREF")
        elif link.startswith("#") and link != "#":
            mentioned.add(link[1:])
            ids = _ids(resource) if ids is None else ids
            if link[1:] not in ids:
                text = f"Hyperlink '{link}' at '{path}' for '{shown.strip()}' does not resolve"
                place.add("error", text, "Type_Specific_Checks_DT_XHTML_Resolve")
        elif is_absolute(link):
            _check_scheme(place, link, path, shown.strip())
    return mentioned


def _check_scheme(place: Place, link: str, path: str, shown: str) -> None:
    scheme = link.partition(":")[0]
    start = f"Hyperlink scheme '{scheme}' in '{link}' at '{path}' for '{shown}' "
    if scheme in ("javascript", "vbscript"):
        text = f"{start}has active content, which is a security risk and not allowed"
        place.add("error", text, "TYPE_SPECIFIC_CHECKS_DT_XHTML_ACTIVE_HREF")
    elif scheme in ("urn", "cid"):
        place.add("error", f"{start}is not a valid hyperlinkable scheme", "TYPE_SPECIFIC_CHECKS_DT_XHTML_LITERAL_HREF")
    elif scheme not in ("http", "https", "tel", "mailto", "data"):
        text = f"{start}is not a widely supported protocol and should be checked"
        place.add("information", text, "TYPE_SPECIFIC_CHECKS_DT_XHTML_UNKNOWN_HREF")


def _ids(resource: Element) -> set[str]:
    """Returns the ids and anchors in a resource."""
    found = set()
    waiting = [resource]
    while waiting:
        element = waiting.pop()
        waiting.extend(element.children)
        if element.name == "id" and element.value:
            found.add(element.value)
        if element.narrative is not None:
            for node in element.narrative.root.walk():
                anchor = node.attributes.get("name") if node.name == "a" else None
                found.update(filter(None, (node.attributes.get("id"), anchor)))
    return found


def check_language(resource: Element, path: str, found: list[Finding]) -> None:
    """Tests that the narrative's language is the resource's."""
    language = resource.child_value("language")
    text = resource.child("text")
    div = text.child("div") if text is not None else None
    if language is None or div is None or div.narrative is None:
        return

    def add(message: str, end: str) -> None:
        found.append(Finding("warning", path, message, f"Language_XHTML_Lang_{end}", div.start, div.end))

    attributes = div.narrative.root.attributes
    plain, xml = attributes.get("lang"), attributes.get("xml:lang")
    start = "Resource has a language, but the XHTML does not have "
    if plain is None and xml is None:
        add(f"{start}an lang or an xml:lang tag {_HINT.replace('both lang and xml:lang', 'both')}", "Missing1")
        return
    if plain is None:
        add(f"{start}a lang tag {_HINT}", "Missing2")
    elif plain != language:
        add(f"Resource has a language ({language}), and the XHTML has a lang ({plain}), but they differ", "Different1")
    if xml is None:
        add(f"{start}an xml:lang tag {_HINT}", "Missing3")
    elif xml != language:
        add(
            f"Resource has a language ({language}), and the XHTML has an xml:lang ({xml}), but they differ",
            "Different2",
        )
