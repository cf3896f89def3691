"""The operators and functions of FHIRPath that `mab_gym.fhir.model._fhirpath` knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from mab_gym.fhir.model._fhirpath_values import (
    FhirPathError,
    Located,
    Run,
    Step,
    Values,
    child,
    children,
    constant,
    descendants,
)
from mab_gym.fhir.model._json_text import Json

_STRINGS = frozenset(
    ["string", "uri", "code", "oid", "id", "uuid", "markdown", "base64Binary", "canonical", "url", "xhtml"]
)
_DATES = frozenset(("date", "dateTime", "instant"))


def _truth(values: Values) -> bool | None:
    """Returns what a criterion says; None for nothing."""
    if not values:
        return None
    if len(values) > 1:
        shown = ",".join(str(value.value) for value in values)
        raise FhirPathError(f"HAPI-0255: Unable to evaluate as a boolean: {shown} (@char 1)")
    return bool(values[0].value) if values[0].type == "boolean" else True


def answer(value: bool | None) -> Values:
    return [] if value is None else [constant(value)]


def _is_number(node: Located) -> bool:
    return isinstance(node.value, int | float) and not isinstance(node.value, bool)


def failed(message: str, place: int = 1) -> FhirPathError:
    return FhirPathError(f"HAPI-0255: Error evaluating FHIRPath expression: {message} (@char {place})")


def _same(one: Located, other: Located) -> bool:
    if _is_number(one) and _is_number(other):
        return Decimal(str(one.value)) == Decimal(str(other.value))
    return bool(one.value == other.value) and isinstance(one.value, bool) == isinstance(other.value, bool)


def _equals(left: Values, right: Values) -> bool | None:
    if not left or not right:
        return None
    return len(left) == len(right) and all(map(_same, left, right))


def _negated(value: bool | None) -> bool | None:
    return None if value is None else not value


def _compared(accept: Callable[[Any, Any], bool]) -> Callable[[Values, Values], bool | None]:
    def compare(left: Values, right: Values) -> bool | None:
        if len(left) != 1 or len(right) != 1:
            return None
        one, other = left[0], right[0]
        if _is_number(one) and _is_number(other):
            return accept(float(one.value), float(other.value))
        for kinds in (_STRINGS, _DATES, ("time",)):
            if one.type in kinds and other.type in kinds:
                return accept(str(one.value), str(other.value)) if kinds is _STRINGS else _dated(accept, one, other)
        raise failed(f"Unable to compare values of type {one.type} and {other.type}", place=3)

    return compare


def _dated(accept: Callable[[Any, Any], bool], one: Located, other: Located) -> bool | None:
    """Compares two dates or times as far as both say them; None if they are equal so far."""
    first, second = str(one.value), str(other.value)
    if "T" in first and "T" in second:
        try:
            moments = [datetime.fromisoformat(text) for text in (first, second)]
        except ValueError:
            return None
        if all(moment.tzinfo for moment in moments):
            return accept(*moments)
    length = min(len(first), len(second))
    if len(first) != len(second) and first[:length] == second[:length]:
        return None
    return accept(first[:length], second[:length])


def _has(left: Values, right: Values) -> bool | None:
    """Tells if a collection holds a value (``contains``)."""
    return any(_same(value, right[0]) for value in left) if right else None


def _is_like(left: Values, right: Values) -> bool:
    """Tells if two collections are equivalent: the case of letters and blanks do not count."""

    def plain(value: Located) -> object:
        return " ".join(value.value.lower().split()) if isinstance(value.value, str) else value.value

    return sorted(map(repr, map(plain, left))) == sorted(map(repr, map(plain, right)))


def _and(left: Values, right: Values) -> bool | None:
    one, other = _truth(left), _truth(right)
    return False if one is False or other is False else None if None in (one, other) else True


def _or(left: Values, right: Values) -> bool | None:
    one, other = _truth(left), _truth(right)
    return True if one or other else None if None in (one, other) else False


def _xor(left: Values, right: Values) -> bool | None:
    one, other = _truth(left), _truth(right)
    return None if one is None or other is None else one != other


def _implies(left: Values, right: Values) -> bool | None:
    one = _truth(left)
    return True if one is False else _or(answer(_negated(one)), right)


OPERATORS: Final[dict[str, tuple[int, Callable[[Values, Values], bool | None]]]] = {
    "<": (6, _compared(lambda a, b: a < b)),
    ">": (6, _compared(lambda a, b: a > b)),
    "<=": (6, _compared(lambda a, b: a <= b)),
    ">=": (6, _compared(lambda a, b: a >= b)),
    "=": (4, _equals),
    "!=": (4, lambda left, right: _negated(_equals(left, right))),
    "~": (4, _is_like),
    "!~": (4, lambda left, right: not _is_like(left, right)),
    "in": (4, lambda left, right: _has(right, left)),
    "contains": (4, _has),
    "and": (3, _and),
    "xor": (2, _xor),
    "or": (2, _or),
    "implies": (1, _implies),
}
"""Operators that say yes or no, with their precedence; a union has 7, ``is`` and ``as`` have 5."""
UNSUPPORTED_OPERATORS = frozenset(("+", "-", "*", "/", "&", "div", "mod"))


_Function = Callable[[Run, Values, Sequence[Step]], Values]


def _where(run: Run, focus: Values, arguments: Sequence[Step]) -> Values:
    return [node for node in focus if _truth(arguments[0](run, [node], node))]


def _select(run: Run, focus: Values, arguments: Sequence[Step]) -> Values:
    return [found for node in focus for found in arguments[0](run, [node], node)]


def _exists(run: Run, focus: Values, arguments: Sequence[Step]) -> Values:
    return answer(bool(_where(run, focus, arguments) if arguments else focus))


def _all(run: Run, focus: Values, arguments: Sequence[Step]) -> Values:
    return answer(len(_where(run, focus, arguments)) == len(focus))


def _number(run: Run, focus: Values, arguments: Sequence[Step]) -> int:
    found = arguments[0](run, focus, run.resource)
    return int(found[0].value) if found and _is_number(found[0]) else 0


def _extension(run: Run, focus: Values, arguments: Sequence[Step]) -> Values:
    url = arguments[0](run, focus, run.resource)
    found = [extension for node in focus for extension in child(node, "extension")]
    return [node for node in found if url and node.value.get("url") == url[0].value]


def _text(accept: Callable[[str, str], bool]) -> _Function:
    def function(run: Run, focus: Values, arguments: Sequence[Step]) -> Values:
        wanted = arguments[0](run, focus, run.resource)
        if len(focus) != 1 or len(wanted) != 1 or focus[0].value is None:
            return []
        return answer(accept(str(focus[0].value), str(wanted[0].value)))

    return function


def _made(change: Callable[[str], Json]) -> _Function:
    def function(run: Run, focus: Values, arguments: Sequence[Step]) -> Values:
        if len(focus) != 1 or not isinstance(focus[0].value, str):
            return []
        return [constant(change(focus[0].value))]

    return function


def _single(run: Run, focus: Values, arguments: Sequence[Step]) -> Values:
    if len(focus) > 1:
        raise failed(f"The function single can only be used on a singleton value but found {len(focus)}")
    return focus


def distinct(values: Values) -> Values:
    return list({value.place: value for value in values}.values())


def _skip(run: Run, focus: Values, arguments: Sequence[Step]) -> Values:
    return focus[max(0, _number(run, focus, arguments)) :]


def _take(run: Run, focus: Values, arguments: Sequence[Step]) -> Values:
    return focus[: max(0, _number(run, focus, arguments))]


FUNCTIONS: Final[dict[str, tuple[int, int, _Function]]] = {
    "where": (1, 1, _where),
    "select": (1, 1, _select),
    "all": (0, 1, _all),
    "exists": (0, 1, _exists),
    "empty": (0, 0, lambda run, focus, arguments: answer(not focus)),
    "not": (0, 0, lambda run, focus, arguments: answer(_negated(_truth(focus)))),
    "hasValue": (0, 0, lambda run, focus, arguments: answer(len(focus) == 1 and focus[0].value is not None)),
    "count": (0, 0, lambda run, focus, arguments: [constant(len(focus))]),
    "first": (0, 0, lambda run, focus, arguments: focus[:1]),
    "last": (0, 0, lambda run, focus, arguments: focus[-1:]),
    "tail": (0, 0, lambda run, focus, arguments: focus[1:]),
    "single": (0, 0, _single),
    "resolve": (0, 0, lambda run, focus, arguments: []),
    "lower": (0, 0, _made(str.lower)),
    "upper": (0, 0, _made(str.upper)),
    "trim": (0, 0, _made(str.strip)),
    "length": (0, 0, _made(len)),
    "skip": (1, 1, _skip),
    "take": (1, 1, _take),
    "extension": (1, 1, _extension),
    "children": (0, 0, lambda run, focus, arguments: children(run, focus)),
    "descendants": (0, 0, lambda run, focus, arguments: descendants(run, focus)),
    "contains": (1, 1, _text(lambda text, part: part in text)),
    "startsWith": (1, 1, _text(str.startswith)),
    "endsWith": (1, 1, _text(str.endswith)),
    "distinct": (0, 0, lambda run, focus, arguments: distinct(focus)),
}
"""The functions, with the least and the most arguments that each takes."""
TYPE_FUNCTIONS = ("ofType", "as", "is")
UNSUPPORTED_FUNCTIONS: Final = frozenset((
    "abs", "aggregate", "allFalse", "allTrue", "anyFalse", "anyTrue", "ceiling", "combine", "comparable",
    "conformsTo", "convertsToBoolean", "convertsToDate", "convertsToDateTime", "convertsToDecimal",
    "convertsToInteger", "convertsToQuantity", "convertsToString", "convertsToTime", "decode", "encode", "escape",
    "exclude", "exp", "floor", "getValue", "highBoundary", "htmlChecks", "iif", "indexOf", "intersect",
    "isDistinct", "join", "ln", "log", "lowBoundary", "matches", "matchesFull", "memberOf",
    "now", "power", "precision", "repeat", "replace", "replaceMatches", "round", "slice", "split",
    "sqrt", "subsetOf", "substring", "supersetOf", "toBoolean", "toChars", "toDate", "toDateTime", "toDecimal",
    "toInteger", "toQuantity", "toString", "toTime", "today", "trace", "trim", "truncate", "type", "unescape",
    "union", "upper",
))  # fmt: skip
