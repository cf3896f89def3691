"""The values that search parameters find in a resource and compare: one small class for each type of parameter.

Source: FHIR R4 section 3.1.1.4 (search parameter types) and HAPI's index tables.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite
from typing import Any, NamedTuple

from mab_gym.fhir.model._code_systems import code_system
from mab_gym.fhir.model._dates import Period, stored_period, timing_period
from mab_gym.fhir.model._paths import Node


class Token(NamedTuple):
    """A code in a system; ``system`` is empty if none is given.

    A ``code`` of None stands for a text that only ``:text`` searches, or for a Coding that only names its system.
    """

    system: str
    code: str | None
    text: str

    @property
    def indexed(self) -> bool:
        """True if HAPI indexes it as a token, so that the parameter is not ``:missing``."""
        return self.code is not None or bool(self.system)


class Text(NamedTuple):
    """A string, as HAPI compares it (upper case, without accents) and as it is written."""

    normalized: str
    exact: str


class Reference(NamedTuple):
    """The target of a reference; a canonical URL is the id of a target with an empty ``target_type``."""

    target_type: str
    target_id: str


class Quantity(NamedTuple):
    """A measured amount."""

    value: float
    system: str
    unit: str
    code: str


Value = Token | Text | Reference | Quantity | Period | float | str

_ACCENTS = re.compile("[\u0300-\u036f]")


def normalize(text: str) -> str:
    """Returns a text in upper case without the accents of Latin script, as HAPI indexes strings."""
    if text.isascii():
        return text.upper()
    decomposed = unicodedata.normalize("NFD", text)
    return _ACCENTS.sub("", decomposed).upper()


def read_values(kind: str, node: Node) -> list[Value]:
    """Returns the values that a search parameter of a type indexes at a node.

    Args:
        kind: The parameter's type: token, string, reference, date, quantity, number or uri.
        node: A place in a resource.
    """
    return read_all_values(kind, (node,))


def read_all_values(kind: str, nodes: Iterable[Node]) -> list[Value]:
    """Returns the values that a search parameter of a type indexes at several nodes."""
    reader = _READERS.get(kind)
    if reader is None:
        return []
    return [value for node in nodes if node.value is not None for value in reader(node)]


def _tokens(node: Node) -> Iterator[Token]:
    value = node.value
    if isinstance(value, bool):
        yield Token("", "true" if value else "false", "")
    elif isinstance(value, str):
        yield Token(code_system(node.binding, value), value, "")
    elif isinstance(value, dict):
        match node.type_name:
            case "CodeableConcept":
                if value.get("text"):
                    yield Token("", None, str(value["text"]))
                for coding in value.get("coding", ()):
                    yield from _coding(coding)
            case "Coding":
                yield from _coding(value)
            case "Identifier":
                if value.get("value"):
                    yield Token(str(value.get("system", "")), str(value["value"]), "")
            case "ContactPoint":
                if value.get("value") or value.get("system"):
                    code = str(value["value"]) if value.get("value") else None
                    yield Token(str(value.get("system", "")), code, "")
            case _:
                return


def _coding(coding: Any) -> Iterator[Token]:
    if isinstance(coding, dict) and (coding.get("code") or coding.get("system") or coding.get("display")):
        code = coding.get("code")
        yield Token(str(coding.get("system", "")), None if code is None else str(code), str(coding.get("display", "")))


_STRING_PARTS = {
    "HumanName": ("family", "given", "prefix", "suffix", "text"),
    "Address": ("line", "city", "district", "state", "country", "postalCode"),
    "ContactPoint": ("value",),
    "Quantity": ("unit",),
}


def _strings(node: Node) -> Iterator[Text]:
    if isinstance(node.value, str):
        yield Text(normalize(node.value), node.value)
    elif isinstance(node.value, dict):
        for name in _STRING_PARTS.get(node.type_name, ()):
            part = node.value.get(name)
            for text in part if isinstance(part, list) else (part,):
                if isinstance(text, str):
                    yield Text(normalize(text), text)


def _references(node: Node) -> Iterator[Reference]:
    text = node.value.get("reference") if isinstance(node.value, dict) else node.value
    if isinstance(text, str) and node.type_name == "canonical" and text.lower().startswith(("http://", "https://")):
        yield Reference("", text)
    elif isinstance(text, str):
        parts = text.split("/_history/")[0].rsplit("/", 2)
        if len(parts) >= 2:
            yield Reference(parts[-2], parts[-1])


def _dates(node: Node) -> Iterator[Period]:
    value = node.value
    if node.type_name == "string":
        return
    if node.type_name == "Timing" and isinstance(value, dict):
        bounds = value.get("repeat", {}).get("boundsPeriod", {})
        if period := timing_period(value.get("event", ()), [bounds.get("start"), bounds.get("end")]):
            yield period
        return
    if period := stored_period(value):
        yield period


_CURRENCIES = "urn:iso:std:iso:4217"


def _quantities(node: Node) -> Iterator[Quantity]:
    if not isinstance(node.value, dict):
        return
    ends = (node.value.get("low"), node.value.get("high")) if node.type_name == "Range" else (node.value,)
    for value in ends:
        if not isinstance(value, dict) or not isinstance(value.get("value"), int | float):
            continue
        amount = float(value["value"])
        if not isfinite(amount):
            continue  # HAPI would not have stored it
        if node.type_name == "Money":
            yield Quantity(amount, _CURRENCIES, "", str(value.get("currency", "")))
        else:
            yield Quantity(amount, str(value.get("system", "")), str(value.get("unit", "")), str(value.get("code", "")))


LARGEST_NUMBER = 10**17
"""The least absolute number that is too large for HAPI's column for numbers, ``DECIMAL(19, 2)``."""
_HUNDREDTH = Decimal("0.01")


def exact_numbers(node: Node) -> Iterator[Decimal]:
    """Yields the number at a node, or both ends of a Range, exactly as written."""
    values = [node.value]
    if isinstance(node.value, dict):
        ends = (node.value.get(name) for name in ("low", "high"))
        values = [end.get("value") for end in ends if isinstance(end, dict)]
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield Decimal(str(value))


def _numbers(node: Node) -> Iterator[float]:
    """Yields numbers to the hundredth, the precision of HAPI's column."""
    for number in exact_numbers(node):
        if abs(number) < LARGEST_NUMBER:
            yield float(number.quantize(_HUNDREDTH, ROUND_HALF_UP))


def _uris(node: Node) -> Iterator[str]:
    if isinstance(node.value, str):
        yield node.value


_READERS: dict[str, Callable[[Node], Iterator[Value]]] = {
    "token": _tokens,
    "string": _strings,
    "reference": _references,
    "date": _dates,
    "quantity": _quantities,
    "number": _numbers,
    "uri": _uris,
}
