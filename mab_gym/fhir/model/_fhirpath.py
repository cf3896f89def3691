"""Evaluates FHIRPath over parsed JSON and says where the values lie, for FHIRPath Patch.

A library would give copies of values; a patch has to change them in place. Supported are paths, indexes, unions,
comparisons, the logical operators and the functions of `_FUNCTIONS`. Faults keep the words of HAPI FHIR 7.6's engine,
which reports none of their places. Source: FHIRPath N1 (http://hl7.org/fhirpath/N1), ``FHIRPathEngine`` 6.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from mab_gym.fhir.model._definitions import Element, ancestors, elements, is_primitive, places
from mab_gym.fhir.model._errors import JavaError
from mab_gym.fhir.model._json_text import Json
from mab_gym.fhir.model._outcome import FhirError, Issue

Charge = Callable[[float], None]
"""Pays for work, in units of a request's allowance; raises if it is too much."""

NODE_WORK: Final = 1.5
"""The work of looking at one value."""
_LEXER_ERROR = "HAPI-2409: org.hl7.fhir.r4.fhirpath.FHIRLexer$FHIRLexerException: Error in ?? at {}, {}: "
_STRINGS = frozenset(
    ["string", "uri", "code", "oid", "id", "uuid", "markdown", "base64Binary", "canonical", "url", "xhtml"]
)
_DATES = frozenset(("date", "dateTime", "instant"))


class FhirPathError(ValueError):
    """A path over which HAPI's engine fails; the error's text is HAPI's."""


@dataclass(slots=True)
class Located:
    """A value with its place.

    Attributes:
        type: Its FHIR type, as in ``HumanName`` or ``Patient.contact``.
        value: Its JSON; None for a primitive element that only has extensions.
        element: Its definition; None for a resource, and for a value that was computed.
        owner: The object that holds it; None for a resource, and for a value that was computed.
        index: Its index in a list, or -1.
    """

    type: str
    value: Json
    element: Element | None = None
    owner: dict[str, Any] | None = None
    index: int = -1

    @property
    def place(self) -> object:
        """A key that is equal for the same place."""
        return (id(self.owner), self.element.name, self.index) if self.element and self.owner is not None else id(self)

    def sibling(self) -> dict[str, Any]:
        """Returns the ``_name`` member of a primitive element; empty if it has none."""
        if self.element is None or self.owner is None:
            return {}
        found = self.owner.get(f"_{self.element.name}")
        if isinstance(found, list):
            found = found[self.index] if 0 <= self.index < len(found) else None
        return found if isinstance(found, dict) else {}

    def made_sibling(self) -> dict[str, Any]:
        """Returns the ``_name`` member of a primitive element to change it; an empty one is made if there is none."""
        found = self.sibling()
        if not found and self.element is not None and self.owner is not None:
            name = f"_{self.element.name}"
            if self.index < 0:
                found = self.owner[name] = {}
            else:
                there = self.owner.setdefault(name, [])
                there += [None] * (self.index + 1 - len(there))
                found = there[self.index] = {}
        return found


Values = list[Located]
_Step = Callable[["_Run", Values, Located], Values]


class _Run:
    """One evaluation: the resource, and what pays for the work."""

    __slots__ = ("charge", "resource")

    def __init__(self, resource: Located, charge: Charge) -> None:
        self.resource, self.charge = resource, charge


def evaluate(resource: dict[str, Any], path: str, charge: Charge) -> Values:
    """Returns the values that a path finds in a resource, with their places.

    Args:
        resource: The resource, as ``parse_resource`` returns one.
        path: FHIRPath.
        charge: Pays for the work.

    Raises:
        FhirPathError: HAPI's engine fails over the path.
        FhirError: 501 for parts of FHIRPath that are not supported.
    """
    charge(len(path) * 0.5)
    root = Located(str(resource["resourceType"]), resource)
    try:
        return _compiled(path)(_Run(root, charge), [root], root)
    except RecursionError:
        raise _unsupported("paths that nest so deeply") from None


def _unsupported(what: str) -> FhirError:
    return FhirError(501, Issue(f"This server does not support {what} in FHIRPath", "not-supported"))


# --- walking -----------------------------------------------------------------------------------------------------


def values_of(owner: dict[str, Any], element: Element) -> Values:
    """Returns the values of an element in an object."""
    value, sibling = owner.get(element.name), owner.get(f"_{element.name}")
    if element.many:
        items = value if isinstance(value, list) else []
        count = max(len(items), len(sibling) if isinstance(sibling, list) else 0)
        return [
            Located(_type(element, item), item, element, owner, index)
            for index in range(count)
            for item in [items[index] if index < len(items) else None]
        ]
    if value is None and sibling is None:
        return []
    return [Located(_type(element, value), value, element, owner)]


def inner_values(node: Located) -> Values:
    """Returns all values in a value, in the order in which FHIR defines their elements."""
    if not isinstance(node.value, dict):
        return []
    defined, order = elements(node.type), places(node.type)
    names = dict.fromkeys(name.removeprefix("_") for name in node.value)
    known = sorted(names.keys() & defined.keys(), key=order.__getitem__)
    return [value for name in known for value in values_of(node.value, defined[name])]


def _type(element: Element, value: Json) -> str:
    return str(value["resourceType"]) if element.type == "Resource" and isinstance(value, dict) else element.type


def _child(node: Located, name: str) -> Iterator[Located]:
    if is_primitive(node.type):
        if name == "extension":
            sibling = node.sibling()
            yield from values_of(sibling, elements("Element")["extension"]) if sibling else ()
        return
    if not isinstance(node.value, dict):
        return
    for element in _named(node.type, name):
        yield from values_of(node.value, element)


@lru_cache(maxsize=4096)
def _named(type_name: str, name: str) -> tuple[Element, ...]:
    """Returns the elements that a name stands for: those of all types for a choice, without its types' own names."""
    defined = elements(type_name)
    if name in defined and not defined[name].choice:
        return (defined[name],)
    return tuple(element for element in defined.values() if element.choice == name)


def _children(run: _Run, nodes: Values) -> Values:
    found = []
    for node in nodes:
        found += inner_values(node)
    run.charge(NODE_WORK * (len(nodes) + len(found)))
    return found


def _descendants(run: _Run, nodes: Values) -> Values:
    found: Values = []
    while nodes:
        nodes = _children(run, nodes)
        found += nodes
    return found


def _name_step(name: str, at_entry: bool) -> _Step:
    def step(run: _Run, focus: Values, this: Located) -> Values:
        run.charge(NODE_WORK * (1 + len(focus)))
        if at_entry and name[:1].isupper():
            return [node for node in focus if name in _kinds(node.type)]
        if name[0] == "*":
            return _children(run, focus) if name == "*" else _descendants(run, focus)
        return [found for node in focus for found in _child(node, name)]

    return step


def _kinds(type_name: str) -> tuple[str, ...]:
    """Returns the types that a value of a type is of; of blocks the engine knows no more than the name."""
    return (type_name,) if "." in type_name else ancestors(type_name)


# --- values ------------------------------------------------------------------------------------------------------


def _constant(value: Json) -> Located:
    kind = {bool: "boolean", int: "integer", str: "string"}.get(type(value), "decimal")
    return Located(kind, value)


def _truth(values: Values) -> bool | None:
    """Returns what a criterion says; None for nothing."""
    if not values:
        return None
    if len(values) > 1:
        shown = ",".join(str(value.value) for value in values)
        raise FhirPathError(f"HAPI-0255: Unable to evaluate as a boolean: {shown} (@char 1)")
    return bool(values[0].value) if values[0].type == "boolean" else True


def _answer(value: bool | None) -> Values:
    return [] if value is None else [_constant(value)]


def _is_number(node: Located) -> bool:
    return isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _failed(message: str, place: int = 1) -> FhirPathError:
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
        raise _failed(f"Unable to compare values of type {one.type} and {other.type}", place=3)

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
    return True if one is False else _or(_answer(_negated(one)), right)


_OPERATORS: Final[dict[str, tuple[int, Callable[[Values, Values], bool | None]]]] = {
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
_UNSUPPORTED_OPERATORS = frozenset(("+", "-", "*", "/", "&", "div", "mod"))


# --- functions ---------------------------------------------------------------------------------------------------

_Function = Callable[[_Run, Values, Sequence[_Step]], Values]


def _where(run: _Run, focus: Values, arguments: Sequence[_Step]) -> Values:
    return [node for node in focus if _truth(arguments[0](run, [node], node))]


def _select(run: _Run, focus: Values, arguments: Sequence[_Step]) -> Values:
    return [found for node in focus for found in arguments[0](run, [node], node)]


def _exists(run: _Run, focus: Values, arguments: Sequence[_Step]) -> Values:
    return _answer(bool(_where(run, focus, arguments) if arguments else focus))


def _all(run: _Run, focus: Values, arguments: Sequence[_Step]) -> Values:
    return _answer(len(_where(run, focus, arguments)) == len(focus))


def _number(run: _Run, focus: Values, arguments: Sequence[_Step]) -> int:
    found = arguments[0](run, focus, run.resource)
    return int(found[0].value) if found and _is_number(found[0]) else 0


def _extension(run: _Run, focus: Values, arguments: Sequence[_Step]) -> Values:
    url = arguments[0](run, focus, run.resource)
    found = [extension for node in focus for extension in _child(node, "extension")]
    return [node for node in found if url and node.value.get("url") == url[0].value]


def _text(accept: Callable[[str, str], bool]) -> _Function:
    def function(run: _Run, focus: Values, arguments: Sequence[_Step]) -> Values:
        wanted = arguments[0](run, focus, run.resource)
        if len(focus) != 1 or len(wanted) != 1 or focus[0].value is None:
            return []
        return _answer(accept(str(focus[0].value), str(wanted[0].value)))

    return function


def _made(change: Callable[[str], Json]) -> _Function:
    def function(run: _Run, focus: Values, arguments: Sequence[_Step]) -> Values:
        if len(focus) != 1 or not isinstance(focus[0].value, str):
            return []
        return [_constant(change(focus[0].value))]

    return function


def _single(run: _Run, focus: Values, arguments: Sequence[_Step]) -> Values:
    if len(focus) > 1:
        raise _failed(f"The function single can only be used on a singleton value but found {len(focus)}")
    return focus


def _distinct(values: Values) -> Values:
    return list({value.place: value for value in values}.values())


def _skip(run: _Run, focus: Values, arguments: Sequence[_Step]) -> Values:
    return focus[max(0, _number(run, focus, arguments)) :]


def _take(run: _Run, focus: Values, arguments: Sequence[_Step]) -> Values:
    return focus[: max(0, _number(run, focus, arguments))]


_FUNCTIONS: Final[dict[str, tuple[int, int, _Function]]] = {
    "where": (1, 1, _where),
    "select": (1, 1, _select),
    "all": (0, 1, _all),
    "exists": (0, 1, _exists),
    "empty": (0, 0, lambda run, focus, arguments: _answer(not focus)),
    "not": (0, 0, lambda run, focus, arguments: _answer(_negated(_truth(focus)))),
    "hasValue": (0, 0, lambda run, focus, arguments: _answer(len(focus) == 1 and focus[0].value is not None)),
    "count": (0, 0, lambda run, focus, arguments: [_constant(len(focus))]),
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
    "children": (0, 0, lambda run, focus, arguments: _children(run, focus)),
    "descendants": (0, 0, lambda run, focus, arguments: _descendants(run, focus)),
    "contains": (1, 1, _text(lambda text, part: part in text)),
    "startsWith": (1, 1, _text(str.startswith)),
    "endsWith": (1, 1, _text(str.endswith)),
    "distinct": (0, 0, lambda run, focus, arguments: _distinct(focus)),
}
"""The functions, with the least and the most arguments that each takes."""
_TYPE_FUNCTIONS = ("ofType", "as", "is")
_UNSUPPORTED_FUNCTIONS: Final = frozenset((
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


# --- compiling ---------------------------------------------------------------------------------------------------

_LEXER: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<name>\$[a-z]*|%[A-Za-z0-9:-]*|[A-Za-z][A-Za-z0-9_]*|`[^`]*`|\*\*?)|(?P<date>@[-0-9T:.+Z]+)"
    r"|(?P<open>['\"`][\s\S]*)|(?P<mark><=|>=|!=|!~|\.\.|\{\}|\S))"
)
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)")
_ESCAPES: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if code[0] == "u" and len(code) > 1 else _ESCAPES.get(code, code)


@lru_cache(maxsize=1024)
def _compiled(path: str) -> _Step:
    return _Compiler(path).whole()


class _Compiler:
    """Makes a function of a path, by recursive descent."""

    def __init__(self, path: str) -> None:
        found = list(_LEXER.finditer(path))
        self.tokens = [(str(token.lastgroup), token[str(token.lastgroup)]) for token in found]
        blanks = [path[token.start() : token.start(str(token.lastgroup))] for token in found]
        self.blanks = [*blanks, path[found[-1].end() if found else 0 :]]
        self.at = 0
        if any(token.lastgroup == "open" for token in found):
            raise self._error("Unterminated string")

    def whole(self) -> _Step:
        if not self.tokens:
            raise self._error("Path cannot be empty")
        step = self._expression(0)
        if self.at < len(self.tokens):
            raise self._error(f'Premature ExpressionNode termination at unexpected token "{self._current()}"')
        return step

    def _error(self, message: str) -> FhirPathError:
        """Returns an error at the current token; HAPI's lexer only counts blanks to tell where that is."""
        before = "".join(self.blanks[: self.at + 1]).split("\n")
        return FhirPathError(_LEXER_ERROR.format(len(before), len(before[-1]) + 1) + message)

    def _current(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _shown(self) -> str:
        return self._current() or "null"

    def _accept(self, mark: str) -> bool:
        found = self._current() == mark
        self.at += found
        return found

    def _expression(self, lowest: int) -> _Step:
        """Reads operands and the operators between them that bind at least as strongly as ``lowest``."""
        step = self._path()
        while self.at < len(self.tokens):
            operator = self._current()
            if operator == "|" and lowest <= 7:
                self.at += 1
                step = _union(step, self._expression(8))
            elif operator in ("is", "as") and lowest <= 5:
                self.at += 1
                step = _typed(operator, step, self._type_name())
            elif operator in _OPERATORS and lowest <= _OPERATORS[operator][0]:
                self.at += 1
                strength, decide = _OPERATORS[operator]
                step = _decided(decide, step, self._expression(strength + 1))
            elif operator in _UNSUPPORTED_OPERATORS:
                raise _unsupported(f"the operator {operator}")
            else:
                break
        return step

    def _path(self) -> _Step:
        """Reads a term and the steps behind it."""
        step = self._item_of(self._term(at_entry=True))
        while self._accept("."):
            step = self._item_of(_then(step, self._term(at_entry=False)))
        return step

    def _item_of(self, step: _Step) -> _Step:
        """Reads the index behind a term, if there is one."""
        if not self._accept("["):
            return step
        index = self._expression(0)
        if self.at >= len(self.tokens):
            current = '"org.hl7.fhir.r4.fhirpath.FHIRLexer.getCurrent()"'
            raise JavaError(
                "java.lang.NullPointerException",
                f'Cannot invoke "String.equals(Object)" because the return value of {current} is null',
            )
        if not self._accept("]"):
            raise self._error(f'The token {self._shown()} is not expected here - a "]" expected')
        return _item(step, index)

    def _term(self, at_entry: bool) -> _Step:
        if self.at >= len(self.tokens):
            raise self._error("Expression terminated unexpectedly")
        kind, token = self.tokens[self.at]
        self.at += 1
        if kind == "text":
            return _fixed([_constant(_ESCAPE.sub(_unescaped, token[1:-1]))])
        if kind == "number":
            return _fixed([_constant(Decimal(token) if "." in token else int(token))])
        if kind == "name":
            return self._named(token, at_entry)
        if kind == "date":
            text = token[1:].removeprefix("T")
            return _fixed([Located("time" if token[1] == "T" else "dateTime" if "T" in token else "date", text)])
        if token == "{}":
            return _fixed([])
        if token in "+-" and self.at < len(self.tokens) and self.tokens[self.at][0] == "number":
            number = self._current()
            self.at += 1
            return _fixed([_constant(Decimal(token + number) if "." in number else int(token + number))])
        if token in "+-@":
            raise _unsupported(f"the operator {token}")
        if token != "(":
            raise self._error(f"Found {token} expecting a token name")
        step = self._expression(0)
        if not self._accept(")"):
            raise self._error(f'Found {self._shown()} expecting a ")"')
        return step

    def _named(self, name: str, at_entry: bool) -> _Step:
        if self._accept("("):
            return self._function(name, at_entry)
        if name in ("true", "false"):
            return _fixed([_constant(name == "true")])
        if name[0] in "$%" and not at_entry:
            return _fixed([])
        if name == "$this":
            return lambda run, focus, this: [this]
        if name in ("%resource", "%context", "%rootResource"):
            return lambda run, focus, this: [run.resource]
        if name in ("$index", "$total"):
            raise _unsupported(name)
        if name[0] == "$":
            raise self._error(f"Found {name} expecting a valid token name")
        if name[0] == "%":
            raise _failed(f"Invalid FHIR Constant {name}")
        return _name_step(name.strip("`"), at_entry)

    def _function(self, name: str, at_entry: bool) -> _Step:
        if name in _TYPE_FUNCTIONS:
            wanted = self._type_name()
            if not self._accept(")"):
                raise self._error(f'The token {self._shown()} is not expected here - either a "," or a ")" expected')
            return _typed(name, lambda run, focus, this: focus, wanted)
        if name not in _FUNCTIONS:
            if name in _UNSUPPORTED_FUNCTIONS:
                raise _unsupported(f"the function {name}")
            raise self._error(f"The name {name} is not a valid function name")
        arguments: list[_Step] = []
        while not self._accept(")"):
            arguments.append(self._expression(0))
            if not self._accept(",") and self._current() != ")":
                raise self._error(f'The token {self._shown()} is not expected here - either a "," or a ")" expected')
        least, most, function = _FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"between {least} and {most}"
            raise self._error(f'The function "{name}" requires {wanted} parameters')

        def step(run: _Run, focus: Values, this: Located) -> Values:
            run.charge(NODE_WORK * (1 + len(focus)))
            return function(run, focus, arguments)

        return step

    def _type_name(self) -> str:
        name = self._current()
        self.at += 1
        while self._accept("."):
            name = self._current()
            self.at += 1
        return name.strip("`")


def _fixed(values: Values) -> _Step:
    return lambda run, focus, this: values


def _then(first: _Step, second: _Step) -> _Step:
    return lambda run, focus, this: second(run, first(run, focus, this), this)


def _item(step: _Step, index: _Step) -> _Step:
    def indexed(run: _Run, focus: Values, this: Located) -> Values:
        found, wanted = step(run, focus, this), index(run, focus, this)
        text = str(wanted[0].value) if len(wanted) == 1 else ""
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", text, re.ASCII):
            return []
        if int(text) < 0:
            raise JavaError(
                "java.lang.IndexOutOfBoundsException", f"Index {text} out of bounds for length {len(found)}"
            )
        return found[int(text) : int(text) + 1]

    return indexed


def _union(one: _Step, other: _Step) -> _Step:
    return lambda run, focus, this: _distinct([*one(run, focus, this), *other(run, focus, this)])


def _decided(decide: Callable[[Values, Values], bool | None], one: _Step, other: _Step) -> _Step:
    return lambda run, focus, this: _answer(decide(one(run, focus, this), other(run, focus, this)))


def _typed(name: str, step: _Step, wanted: str) -> _Step:
    """Returns the values of a type (``as``, ``ofType``), or tells if a value is of a type (``is``)."""

    def typed(run: _Run, focus: Values, this: Located) -> Values:
        found = step(run, focus, this)
        run.charge(NODE_WORK * (1 + len(found)))
        if name == "is":
            return _answer(None if not found else len(found) == 1 and wanted in _kinds(found[0].type))
        return [node for node in found if wanted in _kinds(node.type)]

    return typed
