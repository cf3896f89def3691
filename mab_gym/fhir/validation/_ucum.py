"""Tests unit codes as HAPI's UCUM library does (https://ucum.org, org.fhir:ucum 1.0.8), with its words for faults."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from mab_gym.fhir.model._definitions import _read

_SIGNED = re.compile(r"[+-][0-9]+")
_ANNOTATION = re.compile(r"\{[^}]*\}?")
_MARKS = {"/": "SOLIDUS", ".": "PERIOD", "(": "OPEN", ")": "CLOSE"}
_MOST_NESTING = 50
_LONGEST = 1000


class UnitError(ValueError):
    """A code is none of UCUM's; the error's text is HAPI's."""


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


@cache
def _codes() -> tuple[tuple[str, ...], frozenset[str], frozenset[str]]:
    known = _read("ucum.json")
    return tuple(known["prefixes"]), frozenset(known["metric"]), frozenset([*known["metric"], *known["others"]])


@lru_cache(maxsize=1024)
def unit_fault(code: str) -> str:
    """Returns what is wrong with a unit code; empty if nothing is."""
    if len(code) > _LONGEST:
        return f"Error processing unit '{code}': The unit '{code}' is unknown' at position 0"
    try:
        _Parser(code).parse()
    except UnitError as error:
        return str(error)
    return ""


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.depth = 0
        self.token = _Token("NONE", "", 0)

    def parse(self) -> None:
        self._consume()
        self._term(first=True)
        if self.token.kind != "NONE":
            self._fail("Expression was not parsed completely. Syntax Error?")

    def _fail(self, text: str) -> None:
        raise UnitError(f"Error processing unit '{self.source}': {text}' at position {self.token.start}")

    def _term(self, *, first: bool = False) -> None:
        while True:
            if first and self.token.kind == "NONE":
                return
            first = False
            if self.token.kind == "SOLIDUS":
                self._consume()
                continue
            if self.token.kind == "ANNOTATION":
                self._consume()
            else:
                self._component()
            if self.token.kind in ("NONE", "CLOSE"):
                return
            if self.token.kind in ("SOLIDUS", "PERIOD"):
                self._consume()

    def _component(self) -> None:
        match self.token.kind:
            case "NUMBER":
                self._consume()
            case "SYMBOL":
                self._symbol(self.token.text)
            case "NONE":
                self._fail("unexpected end of expression looking for a symbol or a number")
            case "OPEN":
                self._group()
            case _:
                self._fail("unexpected token looking for a symbol or a number")

    def _group(self) -> None:
        self.depth += 1
        if self.depth > _MOST_NESTING:
            self._fail("Syntax Error?")
        self._consume()
        self._term(first=True)
        if self.token.kind != "CLOSE":
            self._fail(f"Unexpected Token Type '{self.token.kind}' looking for a close bracket")
        self._consume()
        self.depth -= 1

    def _symbol(self, symbol: str) -> None:
        prefixes, metric, units = _codes()
        prefixed = any(symbol.startswith(each) and symbol[len(each) :] in metric for each in prefixes)
        if not prefixed and symbol not in units:
            self._fail(f"The unit '{symbol}' is unknown")
        self._consume()
        if self.token.kind == "NUMBER":
            self._consume()

    def _consume(self) -> None:
        start = self.at
        if start >= len(self.source):
            self.token = _Token("NONE", "", start)
            return
        first = self.source[start]
        if first == "{":
            found = _ANNOTATION.match(self.source, start)
            text = found[0] if found else first
            if not text.isascii() or not text.endswith("}"):
                raise UnitError(f"Error processing unit'{self.source}': Annotation contains non-ascii characters")
            kind = "ANNOTATION"
        elif first in _MARKS:
            kind, text = _MARKS[first], first
        elif (signed := _SIGNED.match(self.source, start)) is not None:
            kind, text = "NUMBER", signed[0]
        else:
            kind, text = self._word(start)
        self.at = start + len(text)
        self.token = _Token(kind, text, start)

    def _word(self, start: int) -> tuple[str, str]:
        """Returns the number or the symbol at a place."""
        in_brackets = is_symbol = False
        at = start
        while at < len(self.source) and _belongs(self.source[at], not is_symbol or in_brackets, in_brackets):
            character = self.source[at]
            is_symbol = is_symbol or not ("0" <= character <= "9")
            if character == "[":
                if in_brackets:
                    raise UnitError(f"Error processing unit '{self.source}': Nested [' at position {start}")
                in_brackets = True
            elif character == "]":
                if not in_brackets:
                    raise UnitError(f"Error processing unit '{self.source}': ] without [' at position {start}")
                in_brackets = False
            at += 1
        if at == start:
            raise UnitError(
                f"Error processing unit '{self.source}': unexpected character '{self.source[at]}' at position {start}"
            )
        return ("SYMBOL" if is_symbol else "NUMBER"), self.source[start:at]


def _belongs(character: str, digits: bool, in_brackets: bool) -> bool:
    return (
        ("0" <= character <= "9" and digits)
        or "a" <= character <= "z"
        or "A" <= character <= "Z"
        or character in "[]%*^'\"_"
        or (in_brackets and character == ".")
    )
