"""Makes elements of a resource's JSON, by the rules of its type, and finds what is no FHIR JSON on the way.

HAPI's validator orders elements as the specification does, whatever their order in the text, so that its issues come in
that order, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.validation._issues import Finding
from mab_gym.fhir.validation._json_places import Json, JsonList, JsonObject, Plain
from mab_gym.fhir.validation._narrative import Narrative, NarrativeError, read_narrative
from mab_gym.fhir.validation._rules import Rule, Structure, is_known, is_primitive, is_resource, structure

_NOTHING_THERE = (
    "HAPI-0389: Failed to call access method: java.lang.NullPointerException: Cannot invoke "
    '"org.hl7.fhir.utilities.json.model.JsonElement.getStart()" because "e" is null'
)
_NUMBERS = frozenset(("integer", "unsignedInt", "positiveInt", "decimal"))
_KINDS = {JsonObject: "an Object", JsonList: "an Array"}


@dataclass(slots=True, eq=False)
class Element:
    """One element of a resource.

    Attributes:
        name: Its name in JSON, as in ``valueQuantity``.
        rule: Its definition; None for the resource that was sent.
        type: The name of its type, or the path of a backbone element.
        start: The place of its first character.
        end: The place behind its last character.
        value: The value of a primitive one; None for no value.
        json: The JSON object that it was read from; None for a plain value.
        children: The elements in it.
        parent: The element around it.
        special: ``contained``, ``entry`` or ``parameter`` for a resource within another one.
        narrative: What a ``div`` holds; None for others, and for one that cannot be read.
        passed: The results of the constraints that were tested on it, by their expressions.
        mentions: Of a resource, the ids of contained resources to which it refers.
        entries: Of a Bundle, tables of its entries; None until they are asked for.
        inner: Of a resource, the contained ones by their ids; None until they are asked for.
    """

    name: str
    rule: Rule | None
    type: str
    start: int
    end: int
    value: str | None = None
    json: JsonObject | None = None
    children: list[Element] = field(default_factory=list)
    parent: Element | None = None
    special: str = ""
    narrative: Narrative | None = None
    passed: dict[str, Finding | None] = field(default_factory=dict)
    mentions: set[str] = field(default_factory=set)
    entries: object = None
    inner: dict[str, Element] | None = None

    @property
    def primitive(self) -> bool:
        """True if its type is primitive."""
        return is_primitive(self.type)

    @property
    def structure(self) -> Structure:
        """The definition of its type."""
        return structure(self.type)

    def child(self, name: str) -> Element | None:
        """Returns the first child of a name."""
        for each in self.children:
            if each.name == name:
                return each
        return None

    def named(self, name: str) -> list[Element]:
        """Returns the children of a name."""
        return [each for each in self.children if each.name == name]

    def child_value(self, name: str) -> str | None:
        """Returns the value of the first child of a name."""
        found = self.child(name)
        return None if found is None else found.value

    def around(self) -> Iterator[Element]:
        """Yields the element itself and those around it, from the inside."""
        element: Element | None = self
        while element is not None:
            yield element
            element = element.parent

    def contained(self) -> dict[str, Element]:
        """Returns the contained resources by their ids; of several with one id, the first."""
        if self.inner is None:
            self.inner = {}
            for each in self.named("contained"):
                logical_id = each.child_value("id")
                if logical_id is not None:
                    self.inner.setdefault(logical_id, each)
        return self.inner

    @property
    def empty(self) -> bool:
        """True if there is neither a value nor anything else in it."""
        return not self.value and all(child.empty for child in self.children)

    def data(self, text: str) -> Any:
        """Returns the element as plain Python values, read from the text that was sent."""
        if self.json is None or self.primitive:
            return self._plain()
        return json.loads(text[self.json.start : self.json.close], strict=False)

    def tidy_data(self) -> Any:
        """Returns the element as plain Python values, without what is empty or no FHIR."""
        if self.primitive:
            return self._plain()
        found: dict[str, Any] = {"resourceType": self.type} if is_resource(self.type) else {}
        for child in self.children:
            if child.empty:
                continue
            name = f"_{child.name}" if child.value is None and child.primitive else child.name
            data = {"extension": [{}]} if name != child.name else child.tidy_data()
            if child.rule is not None and child.rule.is_list:
                found.setdefault(name, []).append(data)
            else:
                found[name] = data
        return found

    def _plain(self) -> Any:
        try:
            if self.type in _NUMBERS and self.value is not None:
                return json.loads(self.value)
        except ValueError:
            pass
        return {"true": True, "false": False}.get(self.value or "") if self.type == "boolean" else self.value


class _Names(NamedTuple):
    """The names that the elements of a type have in JSON."""

    plain: dict[str, int]
    choices: tuple[tuple[int, Rule], ...]


@cache
def _names(type_name: str) -> _Names:
    rules = structure(type_name).rules
    plain = {rule.name: place for place, rule in enumerate(rules) if not rule.stem}
    return _Names(plain, tuple((place, rule) for place, rule in enumerate(rules) if rule.stem))


class Reader:
    """Reads the elements of one resource.

    Args:
        spend: Charges for reading a number of elements.

    Attributes:
        findings: What is no FHIR JSON.
        bare: True if a resource within states its type alone; HAPI's FHIRPath takes it for nothing.
    """

    def __init__(self, spend: Callable[[int], None]) -> None:
        self._spend = spend
        self.findings: list[Finding] = []
        self.bare = False

    def resource(self, source: JsonObject, type_name: str) -> Element:
        """Returns the resource that was sent."""
        element = Element(type_name, None, type_name, source.start, source.end, json=source)
        self._members(source, element, type_name, is_resource=True)
        return element

    def _fault(self, value: Json, path: str, text: str, severity: str = "error") -> None:
        self.findings.append(Finding(severity, path, text, "", value.start, value.end))

    def _members(self, source: JsonObject, element: Element, path: str, *, is_resource: bool = False) -> None:
        self._spend(len(source.members))
        if not source.members:
            self._fault(source, path, "Object must have some content")
        rules = structure(element.type).rules
        used = [False] * len(source.members)
        for place, slots in sorted(self._assigned(source, element.type).items()):
            rule = rules[place]
            main, fork = (None if index is None else source.members[index] for index in slots)
            for index in slots:
                if index is not None:
                    used[index] = True
            self._member(rule, main, fork, element, path)
        self._unknown(source, used, path, is_resource=is_resource)

    @staticmethod
    def _assigned(source: JsonObject, type_name: str) -> dict[int, list[int | None]]:
        """Returns the members of an object by the place of their rule: the value, and the one with ``_`` before it."""
        plain, choices = _names(type_name)
        rules = structure(type_name).rules
        found: dict[int, list[int | None]] = {}
        left: list[tuple[str, int]] = []
        for index, (name, _) in enumerate(source.members):
            place = plain.get(name)
            fork = 0
            if place is None and name[:1] == "_":
                place, fork = plain.get(name[1:]), 1
                if place is not None and not is_primitive(rules[place].types[0].name):
                    place = None
            if place is None:
                left.append((name, index))
            else:
                slots = found.setdefault(place, [None, None])
                if slots[fork] is None:
                    slots[fork] = index
        for place, rule in choices if left else ():
            main = next((pair for pair in left if pair[0].startswith(rule.stem)), None)
            fork_ = next((pair for pair in left if pair[0].startswith("_" + rule.stem)), None)
            for name, of in rule.names:
                is_main, is_fork = main is not None and main[0] == name, fork_ is not None and fork_[0] == "_" + name
                if is_main or (is_fork and is_primitive(of.name)):
                    fork_index = fork_[1] if fork_ is not None and is_primitive(of.name) else None
                    found[place] = [main[1] if main is not None else None, fork_index]
                    break
        return found

    def _unknown(self, source: JsonObject, used: list[bool], path: str, *, is_resource: bool) -> None:
        if all(used):
            return
        known = {name for (name, _), was_used in zip(source.members, used, strict=True) if was_used}
        for (name, value), was_used in zip(source.members, used, strict=True):
            if was_used or (is_resource and name == "resourceType"):
                continue
            if name in known:
                self._fault(value, path, f"The JSON property '{name}' is a duplicate and will be ignored")
            else:
                self._fault(value, path, f"Unrecognized property '{name}'")

    def _member(
        self, rule: Rule, main: tuple[str, Json] | None, fork: tuple[str, Json] | None, element: Element, path: str
    ) -> None:
        name = main[0] if main is not None else fork[0][1:] if fork is not None else rule.name
        of = next(each for known, each in rule.names if known == name or not rule.stem)
        inner = f"{path}.{rule.name}"
        if is_primitive(of.name):
            value = main[1] if main is not None else None
            sibling = fork[1] if fork is not None else None
            self._primitives(rule, of.name, name, value, sibling, element, path, inner)
        elif main is not None:
            self._complexes(rule, of.name, name, main[1], element, path, inner)

    def _complexes(
        self, rule: Rule, type_name: str, name: str, value: Json, element: Element, path: str, inner: str
    ) -> None:
        if rule.is_list and isinstance(value, JsonList):
            if not value.items:
                self._fault(
                    value, inner, "Array cannot be empty - the property should not be present if it has no values"
                )
            for index, item in enumerate(value.items):
                self._complex(rule, type_name, name, item, element, f"{inner}[{index}]")
            return
        if rule.is_list:
            self._fault(value, inner, f"The property {name} must be a JSON Array, not {_kind(value)} (at {path})")
        self._complex(rule, type_name, name, value, element, inner)

    def _complex(self, rule: Rule, type_name: str, name: str, value: Json, element: Element, path: str) -> None:
        if not isinstance(value, JsonObject):
            wanted = "an Array" if rule.is_list else "an Object"
            self._fault(value, path, f"The property {name} must be {wanted}, not {_kind(value)} (at {path})")
            return
        child = Element(name, rule, type_name, value.start, value.end, json=value, parent=element)
        element.children.append(child)
        if is_resource(type_name):
            self._inner_resource(child, value, path)
        else:
            self._members(value, child, path)

    def _inner_resource(self, element: Element, source: JsonObject, path: str) -> None:
        kind = source.first("resourceType")
        if not source.members:
            self._fault(source, path, "Object must have some content")
        if kind is None:
            self._fault(source, path, "Unable to find resourceType property", "fatal")
        elif not isinstance(kind, Plain) or not is_known(kind.text):
            text = "Contained resource does not appear to be a FHIR resource (unknown name '{}')"
            self._fault(source, path, text.format(getattr(kind, "text", "")), "fatal")
        else:
            element.type = kind.text
            owner = element.rule.path if element.rule is not None else ""
            element.special = _SPECIAL.get(owner, "contained")
            self.bare = self.bare or len(source.members) == 1
            self._members(source, element, path, is_resource=True)

    def _primitives(
        self,
        rule: Rule,
        type_name: str,
        name: str,
        main: Json | None,
        fork: Json | None,
        element: Element,
        path: str,
        inner: str,
    ) -> None:
        if not rule.is_list:
            self._primitive(rule, type_name, name, main, fork, element, inner)
            return
        fine = True
        text = "The property {} must be a JSON Array, not {} (at {})"
        if main is not None and not isinstance(main, JsonList):
            self._fault(main, inner, text.format(name, _kind(main), path))
            fine = False
        if fork is not None and not isinstance(fork, JsonList):
            base = "The base property {} must be a JSON Array, not {} (at {})"
            self._fault(fork, inner, base.format(name, _kind(main), path))
            fine = False
        if fine:
            values = main.items if isinstance(main, JsonList) else []
            siblings = fork.items if isinstance(fork, JsonList) else []
            self._spend(len(values) + len(siblings))
            for index in range(max(len(values), len(siblings))):
                item, sibling = _item(values, index), _item(siblings, index)
                if item is None and sibling is None:
                    raise FhirError(500, _NOTHING_THERE)
                self._primitive(rule, type_name, name, item, sibling, element, inner)

    def _primitive(
        self, rule: Rule, type_name: str, name: str, main: Json | None, fork: Json | None, element: Element, path: str
    ) -> None:
        if main is not None and (not isinstance(main, Plain) or main.kind == "null"):
            self._fault(main, path, f"This property must be a simple value, not {_kind(main)} ({name} at {path})")
            return
        if fork is not None and not isinstance(fork, JsonObject):
            self._fault(fork, path, f"This property must be an object, not {_kind(fork)} ({name} at {path})")
            return
        place = main or fork
        assert place is not None
        child = Element(name, rule, type_name, place.start, place.end, parent=element)
        element.children.append(child)
        if main is not None:
            child.value = main.text
            if type_name == "xhtml":
                self._narrative(child, main, path)
            wanted = "boolean" if type_name == "boolean" else "number" if type_name in _NUMBERS else "string"
            if main.kind != wanted:
                self._fault(main, path, f"Error parsing JSON: the primitive value must be a {wanted}")
        if isinstance(fork, JsonObject):
            child.json = fork
            self._members(fork, child, path)

    def _narrative(self, element: Element, source: Plain, path: str) -> None:
        try:
            element.narrative = read_narrative(source.text)
        except NarrativeError as error:
            self._fault(source, path, f"Error parsing XHTML: {error}")
            return
        for entity in element.narrative.entities:
            self._fault(source, path, f"Invalid entity in the XHTML ('{entity}')")


_SPECIAL = {"Bundle.entry.resource": "entry", "Bundle.entry.response.outcome": "entry"} | {
    f"Parameters.parameter{part}.resource": "parameter" for part in ("", ".part")
}


def _item(items: list[Json], index: int) -> Json | None:
    item = items[index] if index < len(items) else None
    return None if isinstance(item, Plain) and item.kind == "null" else item


def _kind(value: Json | None) -> str:
    if isinstance(value, Plain):
        return "a Null" if value.kind == "null" else "a Primitive property"
    return _KINDS[type(value)] if value is not None else "null"
