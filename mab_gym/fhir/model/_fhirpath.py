"""Evaluates FHIRPath over parsed JSON and says where the values lie, for FHIRPath Patch.

A library would give copies of values; a patch has to change them in place. Supported are paths, indexes, unions,
comparisons, the logical operators and the functions that ``_fhirpath_functions.py`` lists. Faults keep the words of
HAPI FHIR 7.6's engine. Source: FHIRPath N1 (http://hl7.org/fhirpath/N1), ``FHIRPathEngine`` 6.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from mab_gym.fhir.model._errors import JavaError
from mab_gym.fhir.model._fhirpath_functions import (
    FUNCTIONS,
    OPERATORS,
    TYPE_FUNCTIONS,
    UNSUPPORTED_FUNCTIONS,
    UNSUPPORTED_OPERATORS,
    answer,
    distinct,
    failed,
)
from mab_gym.fhir.model._fhirpath_values import (
    NODE_WORK,
    Charge,
    FhirPathError,
    Located,
    Run,
    Step,
    Values,
    child,
    children,
    constant,
    descendants,
    kinds,
    unsupported,
)

_LEXER_ERROR = "HAPI-2409: org.hl7.fhir.r4.fhirpath.FHIRLexer$FHIRLexerException: Error in ?? at {}, {}: "


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
        return _compiled(path)(Run(root, charge), [root], root)
    except RecursionError:
        raise unsupported("paths that nest so deeply") from None


def _name_step(name: str, at_entry: bool) -> Step:
    def step(run: Run, focus: Values, this: Located) -> Values:
        run.charge(NODE_WORK * (1 + len(focus)))
        if at_entry and name[:1].isupper():
            return [node for node in focus if name in kinds(node.type)]
        if name[0] == "*":
            return children(run, focus) if name == "*" else descendants(run, focus)
        return [found for node in focus for found in child(node, name)]

    return step


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
def _compiled(path: str) -> Step:
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

    def whole(self) -> Step:
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

    def _expression(self, lowest: int) -> Step:
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
            elif operator in OPERATORS and lowest <= OPERATORS[operator][0]:
                self.at += 1
                strength, decide = OPERATORS[operator]
                step = _decided(decide, step, self._expression(strength + 1))
            elif operator in UNSUPPORTED_OPERATORS:
                raise unsupported(f"the operator {operator}")
            else:
                break
        return step

    def _path(self) -> Step:
        """Reads a term and the steps behind it."""
        step = self._item_of(self._term(at_entry=True))
        while self._accept("."):
            step = self._item_of(_then(step, self._term(at_entry=False)))
        return step

    def _item_of(self, step: Step) -> Step:
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

    def _term(self, at_entry: bool) -> Step:
        if self.at >= len(self.tokens):
            raise self._error("Expression terminated unexpectedly")
        kind, token = self.tokens[self.at]
        self.at += 1
        if kind == "text":
            return _fixed([constant(_ESCAPE.sub(_unescaped, token[1:-1]))])
        if kind == "number":
            return _fixed([constant(Decimal(token) if "." in token else int(token))])
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
            return _fixed([constant(Decimal(token + number) if "." in number else int(token + number))])
        if token in "+-@":
            raise unsupported(f"the operator {token}")
        if token != "(":
            raise self._error(f"Found {token} expecting a token name")
        step = self._expression(0)
        if not self._accept(")"):
            raise self._error(f'Found {self._shown()} expecting a ")"')
        return step

    def _named(self, name: str, at_entry: bool) -> Step:
        if self._accept("("):
            return self._function(name, at_entry)
        if name in ("true", "false"):
            return _fixed([constant(name == "true")])
        if name[0] in "$%" and not at_entry:
            return _fixed([])
        if name == "$this":
            return lambda run, focus, this: [this]
        if name in ("%resource", "%context", "%rootResource"):
            return lambda run, focus, this: [run.resource]
        if name in ("$index", "$total"):
            raise unsupported(name)
        if name[0] == "$":
            raise self._error(f"Found {name} expecting a valid token name")
        if name[0] == "%":
            raise failed(f"Invalid FHIR Constant {name}")
        return _name_step(name.strip("`"), at_entry)

    def _function(self, name: str, at_entry: bool) -> Step:
        if name in TYPE_FUNCTIONS:
            wanted = self._type_name()
            if not self._accept(")"):
                raise self._error(f'The token {self._shown()} is not expected here - either a "," or a ")" expected')
            return _typed(name, lambda run, focus, this: focus, wanted)
        if name not in FUNCTIONS:
            if name in UNSUPPORTED_FUNCTIONS:
                raise unsupported(f"the function {name}")
            raise self._error(f"The name {name} is not a valid function name")
        arguments: list[Step] = []
        while not self._accept(")"):
            arguments.append(self._expression(0))
            if not self._accept(",") and self._current() != ")":
                raise self._error(f'The token {self._shown()} is not expected here - either a "," or a ")" expected')
        least, most, function = FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"between {least} and {most}"
            raise self._error(f'The function "{name}" requires {wanted} parameters')

        def step(run: Run, focus: Values, this: Located) -> Values:
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


def _fixed(values: Values) -> Step:
    return lambda run, focus, this: values


def _then(first: Step, second: Step) -> Step:
    return lambda run, focus, this: second(run, first(run, focus, this), this)


def _item(step: Step, index: Step) -> Step:
    def indexed(run: Run, focus: Values, this: Located) -> Values:
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


def _union(one: Step, other: Step) -> Step:
    return lambda run, focus, this: distinct([*one(run, focus, this), *other(run, focus, this)])


def _decided(decide: Callable[[Values, Values], bool | None], one: Step, other: Step) -> Step:
    return lambda run, focus, this: answer(decide(one(run, focus, this), other(run, focus, this)))


def _typed(name: str, step: Step, wanted: str) -> Step:
    """Returns the values of a type (``as``, ``ofType``), or tells if a value is of a type (``is``)."""

    def typed(run: Run, focus: Values, this: Located) -> Values:
        found = step(run, focus, this)
        run.charge(NODE_WORK * (1 + len(found)))
        if name == "is":
            return answer(None if not found else len(found) == 1 and wanted in kinds(found[0].type))
        return [node for node in found if wanted in kinds(node.type)]

    return typed
