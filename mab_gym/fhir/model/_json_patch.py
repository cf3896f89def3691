"""JSON Patch (RFC 6902, https://www.rfc-editor.org/rfc/rfc6902), as the library that HAPI FHIR 7.6 uses for it.

HAPI's patches have numbers of double precision: a decimal of the patched resource loses the digits that a double does
not keep (4.50 becomes 4.5), whichever element is patched. An index may have leading zeros or a plus sign where an
operation adds or removes, but not where it looks for a value. Faults keep the words of Jackson, which reads the patch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import isinf, isnan
from typing import Any, Final, NoReturn

from mab_gym.fhir.model._errors import JavaError
from mab_gym.fhir.model._json_scanner import JsonSyntaxError, scan
from mab_gym.fhir.model._json_text import DecimalNumber, Json

Charge = Callable[[float], None]
"""Pays for work, in units of a request's allowance; raises if it is too much."""

Tokens = tuple[str, ...]
"""The reference tokens of a JSON pointer, without escapes."""

_OPERATIONS = "com.github.fge.jsonpatch.operation"
_POINTER = "com.github.fge.jackson.jsonpointer.JsonPointer"
_NO_PATH = "no such path in target JSON document"
_NO_PARENT = "parent of node to add does not exist"
_NO_CONTAINER = "parent of path to add to is not a container"
_NO_INDEX = "no such index in target array"
_NOT_AN_INDEX = "reference token is not an array index"
_DIFFERS = "value differs from expectations"
_NO_SUBTYPE = (
    f"Could not resolve subtype of [simple type, class {_OPERATIONS}.JsonPatchOperation]: missing type id property "
    "'op' (for POJO property '#temporary-name')"
)
_REDACTED = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line:"
_NOWHERE = "\n at [Source: UNKNOWN; byte offset: #UNKNOWN]"
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_JAVA_INT = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)
_TOKEN_KINDS: tuple[tuple[type, str, str], ...] = (
    (bool, "Boolean", "VALUE_"),
    (str, "String", "VALUE_STRING"),
    (int, "Integer", "VALUE_NUMBER_INT"),
    (float, "Floating-point", "VALUE_NUMBER_FLOAT"),
)
OPERATION_WORK: Final = 4.0
"""The work of one operation, without that of its values."""
NODE_WORK: Final = 0.5
"""The work of copying or comparing one value of a document."""


class JsonPatchError(ValueError):
    """A patch that HAPI refuses (HAPI-1272); the error's text is its library's."""


def apply_json_patch(document: Json, text: str, charge: Charge) -> Json:
    """Applies a JSON Patch.

    Args:
        document: The JSON to patch, its decimals as doubles (`as_doubles`); it is changed in place.
        text: The patch as it was sent.
        charge: Pays for the work.

    Returns:
        The patched document.

    Raises:
        JsonPatchError: The patch cannot be read or applied.
        JavaError: HAPI fails over it.
    """
    for operation in _read(text):
        charge(OPERATION_WORK)
        document = operation(document, charge)
    return document


def as_doubles(value: Json) -> Json:
    """Returns JSON with the digits of each decimal that a double keeps, as Java writes it."""
    if isinstance(value, dict):
        return {name: as_doubles(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_doubles(item) for item in value]
    return _java_double(value) if isinstance(value, DecimalNumber) and "." in value.text else value


def _java_double(number: DecimalNumber) -> DecimalNumber | str:
    if isinf(number) or isnan(number):
        return "-Infinity" if number < 0 else "Infinity"
    text = repr(float(number))
    if number and not 1e-3 <= abs(number) < 1e7:
        digits, exponent = f"{Decimal(text).normalize():E}".split("E")
        text = f"{digits if '.' in digits else digits + '.0'}E{exponent}"
    return DecimalNumber(text)


# --- reading a patch ---------------------------------------------------------------------------------------------

_Apply = Callable[[Json, Charge], Json]


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _sent_decimal(literal: str) -> Json:
    """Reads a decimal of a patch: a double without zeros at its end."""
    number = float(literal)
    if isinf(number):
        return "-Infinity" if number < 0 else "Infinity"
    return DecimalNumber(format(Decimal(repr(number)).normalize(), "f"))


_DECODER: Final = json.JSONDecoder(parse_float=_sent_decimal, parse_constant=_refuse_constant)


def _read(text: str) -> list[_Apply]:
    body = text.lstrip(" \t\r\n")
    if not body:
        raise JavaError("java.lang.NullPointerException", "input cannot be null")
    try:
        sent = _DECODER.raw_decode(body)[0]
    except (ValueError, RecursionError):
        sent = _scanned(text)
    if sent is None:
        raise JavaError(
            "java.lang.NullPointerException",
            'Cannot invoke "com.github.fge.jsonpatch.JsonPatch.apply(com.fasterxml.jackson.databind.JsonNode)" because '
            '"patch" is null',
        )
    if not isinstance(sent, list):
        kind, token = _token(sent)
        raise JsonPatchError(
            f"Cannot deserialize value of type `java.util.ArrayList<{_OPERATIONS}.JsonPatchOperation>` from {kind} "
            f"value (token `JsonToken.{token}`){_NOWHERE}"
        )
    operations = [None if item is None else _operation(item, place) for place, item in enumerate(sent)]
    read = [operation for operation in operations if operation is not None]
    if len(read) < len(sent):
        raise JsonPatchError(
            "Cannot construct instance of `com.github.fge.jsonpatch.JsonPatch`, problem: at index "
            f"{operations.index(None)}{_NOWHERE}"
        )
    return read


def _scanned(text: str) -> Json:
    """Reads JSON that Python refuses: it is refused in Jackson's words."""
    try:
        scan(text, _sent_decimal)
    except JsonSyntaxError as error:
        message = str(error).partition("content: ")[2].replace("[line:", _REDACTED)
        raise JsonPatchError(message) from None
    # HAPI reads single quotes and plus signs in resources, but not in patches
    place = next((place for place, character in enumerate(text) if character in "'+"), 0)
    line, column = text[:place].count("\n") + 1, place - text[:place].rfind("\n")
    character = text[place : place + 1]
    raise JsonPatchError(
        f"Unexpected character ('{character}' (code {ord(character)})): was expecting double-quote to start field "
        f"name\n at {_REDACTED} {line}, column: {column}]"
    )


def _token(value: Json) -> tuple[str, str]:
    """Returns the kind of a value and the name of its first token, as Jackson calls them."""
    if isinstance(value, dict):
        return "Object", "FIELD_NAME" if value else "END_OBJECT"
    for kind, name, token in _TOKEN_KINDS:
        if isinstance(value, kind):
            return name, f"VALUE_{str(value).upper()}" if name == "Boolean" else token
    return "Array", "START_ARRAY"


def _operation(sent: Json, place: int) -> _Apply:
    """Reads one operation.

    Args:
        sent: What stands in the patch.
        place: Its index there.
    """
    chain = f"java.util.ArrayList[{place}]"
    through = f"{_NOWHERE} (through reference chain: {chain}"
    if isinstance(sent, list):
        token = f"START_{'OBJECT' if isinstance(sent[0], dict) else 'ARRAY'}" if sent and _is_container(sent[0]) else ""
        token = token or ("END_ARRAY" if not sent else _token(sent[0])[1])
        raise JsonPatchError(
            f"Unexpected token ({token}), expected VALUE_STRING: need String, Number of Boolean value that contains "
            f"type id (for subtype of {_OPERATIONS}.JsonPatchOperation){through})"
        )
    op = sent.get("op") if isinstance(sent, dict) else None
    if op is None or _is_container(op):
        raise JsonPatchError(f"{_NO_SUBTYPE}{through})")
    name = op if isinstance(op, str) else json.dumps(op)
    if name not in _READERS:
        raise JsonPatchError(
            f"Could not resolve type id '{name}' as a subtype of `{_OPERATIONS}.JsonPatchOperation`: known type ids = "
            f"[{', '.join(sorted(_READERS))}] (for POJO property '#temporary-name'){through})"
        )
    java = f"{_OPERATIONS}.{name.capitalize()}Operation"
    pointers: dict[str, Tokens | None] = {}
    for field in [field for field in sent if field in _FIELDS[name]]:
        try:
            pointers[field] = _pointer(sent[field])
        except JsonPatchError as error:
            raise JsonPatchError(f'{error}{through}->{java}["{field}"])') from None
    if name in _WITH_VALUE and "value" not in sent:
        raise JsonPatchError(
            f"Cannot construct instance of `{java}`, problem: Cannot invoke "
            f'"com.fasterxml.jackson.databind.JsonNode.deepCopy()" because "value" is null{through})'
        )
    return _READERS[name](pointers, sent)


def _is_container(value: Json) -> bool:
    return isinstance(value, dict | list)


def _pointer(sent: Json) -> Tokens | None:
    """Reads a JSON pointer (RFC 6901); None for null."""
    if sent is None:
        return None
    if isinstance(sent, list):
        raise JsonPatchError(
            f"Cannot deserialize value of type `{_POINTER}` from Array value (token `JsonToken.START_ARRAY`)"
        )
    if isinstance(sent, dict):
        raise _no_pointer("cannot deserialize from Object value (no delegate- or property-based Creator)")
    if not isinstance(sent, str):
        kind, value = _SCALARS.get(type(sent), ("double/Double", "Number"))
        shown = json.dumps(sent) if isinstance(sent, bool | int) else repr(sent)
        raise _no_pointer(f"no {kind}-argument constructor/factory method to deserialize from {value} value ({shown})")
    if not sent:
        return ()
    if not sent.startswith("/"):
        raise _bad_pointer("illegal pointer: expected a slash to separate tokens")
    if "~" not in sent:
        return tuple(sent[1:].split("/"))
    for mark in re.finditer("~(.?)", sent.replace("/", "/ ")):
        if mark[1] in ("", "/"):
            raise _bad_pointer("bad escape sequence: '~' not followed by any token")
        if mark[1] not in "01":
            raise _bad_pointer("bad escape seqeunce: '~' not followed by a valid token")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in sent[1:].split("/"))


_SCALARS = {bool: ("boolean/Boolean", "Boolean"), int: ("int/Int", "Number")}


def _no_pointer(reason: str) -> JsonPatchError:
    return JsonPatchError(f"Cannot construct instance of `{_POINTER}` (although at least one Creator exists): {reason}")


def _bad_pointer(reason: str) -> JsonPatchError:
    return JsonPatchError(f"Cannot construct instance of `{_POINTER}`, problem: {reason}")


# --- operations --------------------------------------------------------------------------------------------------

_MISSING: Final = object()


def _find(document: Json, tokens: Sequence[str]) -> Any:
    """Returns the value at a pointer, or `_MISSING`."""
    for token in tokens:
        if isinstance(document, dict):
            document = document.get(token, _MISSING)
        elif isinstance(document, list) and _INDEX.fullmatch(token) and int(token) < len(document):
            document = document[int(token)]
        else:
            return _MISSING
    return document


def _existing(document: Json, tokens: Sequence[str]) -> Json:
    value = _find(document, tokens)
    if value is _MISSING:
        raise JsonPatchError(_NO_PATH)
    return value


def _add(document: Json, tokens: Tokens, value: Json) -> Json:
    if not tokens:
        return value
    parent = _find(document, tokens[:-1])
    if parent is _MISSING:
        raise JsonPatchError(_NO_PARENT)
    last = tokens[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif not isinstance(parent, list):
        raise JsonPatchError(_NO_CONTAINER)
    elif last == "-":
        parent.append(value)
    elif not _JAVA_INT.fullmatch(last) or not -(2**31) <= int(last) < 2**31:
        raise JsonPatchError(_NOT_AN_INDEX)
    elif not 0 <= int(last) <= len(parent):
        raise JsonPatchError(_NO_INDEX)
    else:
        parent.insert(int(last), value)
    return document


def _remove(document: Json, tokens: Tokens) -> Json:
    if not tokens:
        return None
    _existing(document, tokens)
    parent = _find(document, tokens[:-1])
    del parent[tokens[-1] if isinstance(parent, dict) else int(tokens[-1])]
    return document


def _replace(document: Json, tokens: Tokens, value: Json) -> Json:
    _existing(document, tokens)
    if not tokens:
        return value
    parent = _find(document, tokens[:-1])
    parent[tokens[-1] if isinstance(parent, dict) else int(tokens[-1])] = value
    return document


def _copy(value: Json, charge: Charge) -> Json:
    """Returns a copy that shares nothing with a value."""
    charge(NODE_WORK)
    if isinstance(value, dict):
        charge(NODE_WORK * len(value))
        return {name: _copy(item, charge) if _is_container(item) else item for name, item in value.items()}
    if isinstance(value, list):
        charge(NODE_WORK * len(value))
        return [_copy(item, charge) if _is_container(item) else item for item in value]
    return value


def _equal(one: Json, other: Json) -> bool:
    """Tells if two values are equal: numbers by what they are worth, all else by kind, too."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(item, other[name]) for name, item in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return Decimal(str(one)) == Decimal(str(other))
    return type(one) is type(other) and bool(one == other)


def _null(call: str, what: str) -> JavaError:
    return JavaError("java.lang.NullPointerException", f'Cannot invoke "{call}" because {what} is null')


def _path(pointers: Mapping[str, Tokens | None], operation: str, call: str) -> Tokens:
    tokens = pointers.get("path")
    if tokens is None:
        raise _null(f"{_POINTER}.{call}", f'the return value of "{_OPERATIONS}.{operation}.getPath()"')
    return tokens


def _from(pointers: Mapping[str, Tokens | None], call: str) -> Tokens:
    tokens = pointers.get("from")
    if tokens is None:
        raise _null(f"{_POINTER}.{call}", '"this.from"')
    return tokens


_PATH_CALL = "path(com.fasterxml.jackson.core.TreeNode)"


def _adding(pointers: Mapping[str, Tokens | None], sent: Mapping[str, Json]) -> _Apply:
    return lambda document, charge: _add(document, _path(pointers, "AddOperation", "isEmpty()"), sent["value"])


def _removing(pointers: Mapping[str, Tokens | None], sent: Mapping[str, Json]) -> _Apply:
    return lambda document, charge: _remove(document, _path(pointers, "RemoveOperationBase", "isEmpty()"))


def _replacing(pointers: Mapping[str, Tokens | None], sent: Mapping[str, Json]) -> _Apply:
    return lambda document, charge: _replace(document, _path(pointers, "ReplaceOperation", _PATH_CALL), sent["value"])


def _testing(pointers: Mapping[str, Tokens | None], sent: Mapping[str, Json]) -> _Apply:
    def apply(document: Json, charge: Charge) -> Json:
        if not _equal(_existing(document, _path(pointers, "TestOperation", _PATH_CALL)), sent["value"]):
            raise JsonPatchError(_DIFFERS)
        return document

    return apply


def _copying(pointers: Mapping[str, Tokens | None], sent: Mapping[str, Json]) -> _Apply:
    def apply(document: Json, charge: Charge) -> Json:
        value = _copy(_existing(document, _from(pointers, _PATH_CALL)), charge)
        return _add(document, _path(pointers, "AddOperation", "isEmpty()"), value)

    return apply


def _moving(pointers: Mapping[str, Tokens | None], sent: Mapping[str, Json]) -> _Apply:
    def apply(document: Json, charge: Charge) -> Json:
        source, path = _from(pointers, "equals(Object)"), pointers.get("path")
        if source == path:
            return document
        value = _existing(document, source)
        document = _remove(document, source)
        return _add(document, _path(pointers, "AddOperation", "isEmpty()"), value)

    return apply


_READERS: Final[Mapping[str, Callable[[Mapping[str, Tokens | None], Mapping[str, Json]], _Apply]]] = {
    "add": _adding,
    "copy": _copying,
    "move": _moving,
    "remove": _removing,
    "replace": _replacing,
    "test": _testing,
}
_WITH_VALUE = ("add", "replace", "test")
_FIELDS: Final = {name: ("from", "path") if name in ("copy", "move") else ("path",) for name in _READERS}
