"""``_filter``: a condition as a text, as in ``name co an and birthdate ge 1980`` (FHIR R4, filter syntax).

Source: https://hl7.org/fhir/R4/search_filter.html, as HAPI FHIR 7.6 reads it (``SearchFilterParser``) and answers it
(``QueryStack``): ``and`` and ``or`` have the same precedence, from right to left; of several filters the first counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mab_gym.fhir.hapi._messages import unknown_parameter_text
from mab_gym.fhir.model._definitions import SearchParameter, search_parameters
from mab_gym.fhir.model._filter import Filter, split_alternatives
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._values import normalize
from mab_gym.fhir.search._matching import LONGEST_REFUSAL, make_filter

OPERATORS = ("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "pr", "po", "ss", "sb", "in", "re")
MOST_GROUPS = 100
"""The most alternatives of a filter, once its ``and`` and ``or`` are multiplied out."""
MOST_WORDS = 150
"""The most words and parentheses of a filter; each may take the reader one level deeper."""

_NAME = re.compile(r"[\s\S][a-zA-Z0-9_:-]*")
_TOKEN = re.compile(r"[\s\S][^\x00-\x20)\]]*")
_NUMBER = re.compile(r"[\s\S][0-9.:+T-]*")
_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T.*)?)?)?")
_ESCAPES = {'"': '"', "t": "\t", "r": "\r", "n": "\n"}
_ORDER: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "ne": lambda value, wanted: value != wanted,
    "co": lambda value, wanted: wanted in value,
    "sw": lambda value, wanted: value.startswith(wanted),
    "ew": lambda value, wanted: value.endswith(wanted),
    "gt": lambda value, wanted: value > wanted,
    "ge": lambda value, wanted: value >= wanted,
    "lt": lambda value, wanted: value < wanted,
    "le": lambda value, wanted: value <= wanted,
}
_NOT_INDEXED = ("_lastUpdated", "_tag", "_security", "_profile", "_text", "_content")
"""The parameters that match nothing in a ``_filter``, because HAPI stores them elsewhere."""


@dataclass(frozen=True, slots=True)
class FilterTerm:
    """One comparison of a parameter with a value."""

    name: str
    chain: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Logical:
    """Two conditions, joined by ``and``, ``or`` or ``not``; HAPI reads ``not`` and then refuses it."""

    word: str
    left: Condition
    right: Condition


Condition = FilterTerm | Logical
Group = tuple[Filter, ...]


def read_filter(resource_type: str, text: str) -> Filter | None:
    """Returns the filter for a ``_filter``, or None if it asks for nothing.

    Raises:
        FhirError: HAPI refuses it, or this server does not answer it.
    """
    text = split_alternatives(text)[0]
    if text.count("(") + text.count(" ") > MOST_WORDS:
        raise FhirError(501, f"This server answers filters of {MOST_WORDS} words at most")
    condition = _Reader(text).read()
    if condition is None:
        return None
    parameter = SearchParameter("_filter", "string", "", (), ())
    groups = tuple(_groups(resource_type, condition))
    return Filter(parameter, (resource_type, "_filter", "", text), either=groups)


def _groups(resource_type: str, condition: Condition) -> Sequence[Group]:
    """Returns alternatives; all filters of one alternative must hold."""
    if isinstance(condition, FilterTerm):
        return [(_compared(resource_type, condition),)]
    left, right = _groups(resource_type, condition.left), _groups(resource_type, condition.right)
    if condition.word == "not":
        raise FhirError(400, "HAPI-1205: Don't know how to handle operation not")
    if len(left) * len(right) > MOST_GROUPS:
        raise FhirError(501, f"This server answers filters of {MOST_GROUPS} alternatives at most")
    return [*left, *right] if condition.word == "or" else [(*a, *b) for a in left for b in right]


def _compared(resource_type: str, asked: FilterTerm) -> Filter:
    parameter = search_parameters(resource_type).get(asked.name)
    if parameter is None:
        raise FhirError(400, unknown_parameter_text(resource_type, asked.name, "HAPI-1206")[:LONGEST_REFUSAL])
    key = (resource_type, asked.name, f"_filter {asked.operator}", asked.value)
    if asked.name == "_id":
        if asked.operator not in ("eq", "ne"):
            raise FhirError(501, f"This server does not answer _filter with _id {asked.operator} yet")
        logical_id = asked.value.rpartition("/")[2]
        return Filter(parameter, key, ids=frozenset({logical_id}), negated=asked.operator == "ne")
    if asked.name in _NOT_INDEXED:
        return Filter(parameter, key, ids=frozenset())
    if asked.chain or asked.name == "_source" or parameter.type == "special":
        raise FhirError(501, f"This server does not answer _filter with {asked.name}{asked.chain} yet")
    match parameter.type:
        case "string":
            return Filter(parameter, key, (_ordered(asked, lambda value: str(value.normalized), normalize),))
        case "uri":
            return Filter(parameter, key, (_ordered(asked, str, str),))
        case "composite":
            raise FhirError(400, "HAPI-1207: Composite search parameters not currently supported with _filter clauses")
        case "reference" if asked.operator not in ("eq", "ne"):
            raise FhirError(
                400,
                "HAPI-1212: Invalid operator specified for reference predicate.  Supported operators for reference "
                'predicate are "eq" and "ne".',
            )
        case "token" | "reference":
            return _negatable(resource_type, parameter, asked, key)
    if asked.operator not in ("eq", "ne", "gt", "lt", "ge", "le"):
        raise FhirError(
            400,
            f"HAPI-1255: Unsupported operator specified, operator={asked.operator}"
            if parameter.type == "date"
            else f'HAPI-1235: Unable to handle {parameter.type} prefix "{asked.operator}" for value: {asked.value}||',
        )
    return _made(resource_type, parameter, f"{asked.operator}{asked.value}")


def _ordered(asked: FilterTerm, read: Callable[[Any], str], form: Callable[[str], str]) -> Callable[[Any], bool]:
    """Returns a test of texts; the stored text and the wanted one are compared in the same form."""
    holds = _ORDER.get(asked.operator)
    if holds is None:
        raise FhirError(500, f"HAPI-1261: Don't yet know how to handle operation {asked.operator} on a string")
    wanted = form(asked.value)
    return lambda value: holds(read(value), wanted)


def _negatable(resource_type: str, parameter: SearchParameter, asked: FilterTerm, key: tuple[str, ...]) -> Filter:
    """Returns the filter for a token or a reference: every operator asks for equality, except ``ne``."""
    wanted = _made(resource_type, parameter, asked.value.replace(",", "\\,"))
    if asked.operator != "ne" or parameter.is_flag:
        return wanted
    (equal,) = wanted.predicates
    return Filter(parameter, key, (lambda value: getattr(value, "indexed", True) and not equal(value),))


def _made(resource_type: str, parameter: SearchParameter, text: str) -> Filter:
    wanted = make_filter(resource_type, parameter, "", text)
    return Filter(parameter, (resource_type, parameter.name, "", text), ids=frozenset()) if wanted is None else wanted


class _Reader:
    """Reads a filter as HAPI does, including its errors at the end of the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> Condition | None:
        found = self._open()
        if self._at < len(self._text):
            raise _syntax("1056", f"Expression did not terminate at {self._at}")
        return found

    def _peek(self) -> str:
        """Returns the kind of the next character: ``a``, ``0``, one of ``".()[]``, or an empty text at the end."""
        while self._at < len(self._text) and self._text[self._at] == " ":
            self._at += 1
        if self._at >= len(self._text):
            return ""
        character = self._text[self._at]
        if character.isascii() and (character.isalpha() or character == "_"):
            return "a"
        if character.isascii() and character.isdigit():
            return "0"
        if character in '".()[]':
            return character
        raise _syntax("1052", f'Unknown Character "{character}" at {self._at}')

    def _here(self) -> str:
        if self._at >= len(self._text):
            raise FhirError(500, f"begin {self._at}, end {self._at + 1}, length {len(self._text)}")
        return self._text[self._at]

    def _take(self, pattern: re.Pattern[str]) -> str:
        self._here()
        found = pattern.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return found[0]

    def _open(self) -> Condition | None:
        if self._peek() != "(":
            name = self._take(_NAME)
            return None if name.lower() == "not" else self._parameter(name)
        self._at += 1
        inner = self._open()
        if self._peek() != ")":
            raise _syntax("1057", f"Expected ')' at {self._at} but found {self._here()}")
        self._at += 1
        return self._joined(inner, "1058")

    def _joined(self, left: Condition | None, code: str) -> Condition | None:
        """Reads the rest after a condition: a word and another condition, or the end."""
        kind = self._peek()
        if kind in ("", ")", "]"):
            return left
        if kind != "a":
            raise _syntax(code, f"Unexpected Character {self._here()} at {self._at}")
        word = self._take(_NAME)
        if word not in ("or", "and", "not"):
            raise _syntax("1059", f"Unexpected Name {word} at {self._at}")
        right = self._open()
        if left is None or right is None:
            raise FhirError(501, "This server does not answer filters with not yet")
        return Logical(word, left, right)

    def _parameter(self, name: str) -> Condition | None:
        begun = self._at
        while self._peek() in ("[", "."):
            if self._peek() == "[":
                raise FhirError(501, "This server does not answer filters on what is referred to yet")
            self._at += 1
            if self._peek() != "a":
                raise _syntax("1061", f"Unexpected Character {self._here()} at {self._at}")
            self._take(_NAME)
        chain = self._text[begun : self._at].strip()
        if self._peek() != "a":
            raise _syntax("1063", f"Unexpected Character {self._here()} at {self._at}")
        operator = self._take(_NAME)
        if operator not in OPERATORS:
            raise _syntax("1064", f"Unknown operation {operator} at {self._at}")
        kind = self._peek()
        if kind not in ("a", "0", '"'):
            raise _syntax("1065", f"Unexpected Character {self._here()} at {self._at}")
        value = self._quoted() if kind == '"' else self._take(_TOKEN if kind == "a" else _NUMBER)
        if (operator == "pr" and value.lower() not in ("true", "false")) or (
            operator == "po" and not _DATE.fullmatch(value)
        ):
            code = "1066" if operator == "pr" else "1067"
            raise _syntax(code, f"Value {value} not valid for operation {operator} at {self._at}")
        return self._joined(FilterTerm(name, chain, operator, value), "1068")

    def _quoted(self) -> str:
        characters = []
        self._at += 1
        while (character := self._inside()) != '"':
            if character == "\\":
                self._at += 1
                if (character := _ESCAPES.get(self._inside(), "")) == "":
                    raise _syntax("1053", f"Unknown escape sequence at {self._at}")
            characters.append(character)
            self._at += 1
        if not characters:
            raise _syntax("1055", f"Problem with string at {self._at} cannot be empty")
        self._at += 1
        return "".join(characters)

    def _inside(self) -> str:
        if self._at >= len(self._text):
            raise FhirError(500, f"String index out of range: {self._at}")
        return self._text[self._at]


def _syntax(code: str, message: str) -> FhirError:
    return FhirError(400, f"HAPI-1221: Error parsing _filter syntax: HAPI-{code}: {message}")
