"""Reads the path of a request that asks for an operation, and the operation's parameters, as HAPI FHIR 7.6 does.

HAPI takes the first parts of a path in turn as a type, an id, a version and an operation; what comes behind the
operation is ignored. By GET the parameters come in the URL, by POST in a Parameters resource.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mab_gym.fhir.http._bodies import read_resource
from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.model._dates import parse_comparison
from mab_gym.fhir.model._json_text import DecimalNumber, compact
from mab_gym.fhir.model._operation_definitions import OperationDefinition, OperationParameter, find_operation
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._url import Parameters

_ACCEPTED: Mapping[str, Sequence[str]] = {
    "string": ("string", "code", "markdown"),
    "code": ("code", "string"),
    "uri": ("uri", "url", "canonical", "oid", "uuid", "id"),
    "id": ("id", "string"),
    "integer": ("integer", "positiveInt", "unsignedInt"),
    "unsignedInt": ("unsignedInt", "integer"),
    "Resource": (),
}
"""The types of values that HAPI takes for a type: subtypes, and those of which the type is a restriction."""
_PRIMITIVES = frozenset(
    {
        "base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
        "markdown", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid",
    }
)  # fmt: skip
_CLASSES = {"valueSet": "ValueSet"}
"""The types of resources that HAPI takes for parameters, where its definitions say ``Resource``."""
_AT_EACH_LEVEL = ("expand", "translate", "validate-code")
"""Operations that HAPI names after single resources whatever they are asked of."""
_READ_AS_TEXT = ("Encounter", "Observation", "Patient")
"""For these types HAPI reads most parameters as a search does: any primitive is taken as its text."""
_NO_RANGE = (
    "HAPI-1716: Resource class[ca.uhn.fhir.rest.param.DateRangeParam] does not contain any valid HAPI-FHIR annotations"
)
_TYPED = {"_count", "_offset", "max", "_id", "_mdm"}
"""The parameters of which this is not so."""


class Path(NamedTuple):
    """The parts of a path with an operation in it.

    Attributes:
        kind: The resource type, or None.
        logical_id: The resource's id, or None.
        version: Its version, or None.
        operation: The operation's name, as in ``$meta``.
    """

    kind: str | None
    logical_id: str | None
    version: str | None
    operation: str

    @property
    def definition(self) -> OperationDefinition | None:
        """The operation, or None if HAPI does not have it there."""
        return find_operation(self.operation, self.kind, one=self.logical_id is not None)


def _is_operation(text: str) -> bool:
    return text[:1] in ("_", "$") or text == "metadata"


def read_path(path: Sequence[str]) -> Path:
    """Reads a path.

    Raises:
        FhirError: HAPI cannot tell the parts.
    """
    kind: str | None = None
    logical_id: str | None = None
    version: str | None = None
    operation = ""
    for place, part in enumerate(path[:2]):
        if _is_operation(part):
            operation = part
        elif place == 0:
            kind = part
        else:
            logical_id = part
    rest = list(path[2:])
    if rest:
        third = rest.pop(0)
        if third == "_history" and rest:
            version = rest.pop(0)
            if logical_id is None:
                raise FhirError(400, f"HAPI-0298: Don't know how to handle request path: {'/'.join(path)}")
        elif _is_operation(third):
            if operation:
                raise FhirError(400, f"HAPI-0299: URL Path contains two operations: {'/'.join(path)}")
            operation = third
    if rest and not operation:
        operation = rest.pop(0)
    if len(rest) > 1:
        text = f"HAPI-0300: URL path has unexpected token '{rest[1]}' at the end: {'/'.join(path)}"
        raise FhirError(400, text)
    return Path(kind, logical_id, version, operation)


Values = Mapping[str, Sequence[Any]]
"""The values of parameters, by name: texts, numbers, flags, data types and resources as JSON has them."""


def read_values(
    request: Request, path: Path, parameters: Parameters, definition: OperationDefinition | None = None
) -> Values:
    """Returns the values of the parameters that an operation has, checked and converted as HAPI does.

    Raises:
        FhirError: A value has the wrong type, or the body cannot be read.
    """
    definition = definition or path.definition
    assert definition is not None
    if request.method == "GET":
        return {each.name: _from_url(each, path, parameters) for each in definition.parameters}
    sent = _body(request, path)
    if sent is None:
        return {}
    _keep_empty_values(sent, request.body)
    if sent["resourceType"] != "Parameters":
        return {each.name: [sent] for each in definition.parameters if _takes(each, sent["resourceType"])}
    return {each.name: _from_parts(each, path, sent) for each in definition.parameters}


def _body(request: Request, path: Path) -> dict[str, Any] | None:
    """Returns the resource that a request brings, or None if it brings nothing at all."""
    if not request.body.strip() and not request.headers.get("content-type", "").strip():
        return None
    level = "SERVER" if path.kind is None else "TYPE" if path.logical_id is None else "INSTANCE"
    if path.operation.removeprefix("$") in _AT_EACH_LEVEL:
        level = "INSTANCE"
    return read_resource(request, None, f"EXTENDED_OPERATION_{level}")


def _keep_empty_values(sent: Mapping[str, Any], body: str) -> None:
    """Puts back values that have nothing in them that FHIR knows: HAPI still sees their types."""
    parts = [part for part in sent.get("parameter", ()) if list(part) == ["name"]]
    if sent["resourceType"] != "Parameters" or not parts or body.lstrip()[:1] != "{":
        return
    try:
        written = json.loads(body)["parameter"]
    except (ValueError, LookupError):
        return  # it is JSON as only HAPI reads it
    for part, raw in zip(sent["parameter"], written, strict=False):
        kinds = [name for name in raw if name.startswith("value")] if isinstance(raw, dict) else []
        if list(part) == ["name"] and kinds:
            part[kinds[0]] = {}


def _takes(parameter: OperationParameter, resource_type: str) -> bool:
    """True if a parameter may be a resource of a type."""
    wanted = _CLASSES.get(parameter.name, parameter.type)
    return wanted in ("Resource", resource_type)


def _from_url(parameter: OperationParameter, path: Path, parameters: Parameters) -> list[Any]:
    texts = [value for name, value in parameters if name == parameter.name]
    if not texts:
        return []
    match parameter.type:
        case "integer" | "unsignedInt":
            return [_integer(text) for text in texts]
        case "boolean":
            return [_flag(text) for text in texts if text]
        case "date":
            return [text for text in texts if not text or parse_comparison(text)]
        case "Coding":
            return [_coding(part) for text in texts for part in text.split(",")]
    if parameter.type not in _PRIMITIVES:
        text = f"Can not invoke operation {path.operation} using HTTP GET because parameter {parameter.name}"
        raise FhirError(405, f"HAPI-0363: {text} is not a primitive datatype")
    return list(texts)


def _integer(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdecimal()) or abs(int(digits[:12])) >= 1 << 31:
        raise FhirError(500, f'java.lang.NumberFormatException: For input string: "{text}"')
    return int(text)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise FhirError(400, f"Invalid boolean string: '{text}'")
    return text == "true"


def _coding(text: str) -> dict[str, str]:
    system, bar, code = text.partition("|")
    return {"system": system, "code": code} if bar else {"code": system}


def _from_parts(parameter: OperationParameter, path: Path, sent: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = []
    as_text = path.kind in _READ_AS_TEXT and parameter.name not in _TYPED and parameter.type == "string"
    for part in sent.get("parameter", ()):
        if part.get("name") != parameter.name:
            continue
        if "resource" in part and not any(name.startswith("value") for name in part):
            if not _takes(parameter, part["resource"]["resourceType"]):
                raise _wrong_type(parameter, part["resource"]["resourceType"])
            found.append(part["resource"])
            continue
        for name, value in part.items():
            if name.startswith("value"):
                if parameter.type == "date":
                    raise FhirError(500, _NO_RANGE)
                _check_type(parameter, name.removeprefix("value"), as_text=as_text)
                found.append(compact(value) if as_text and not isinstance(value, str) else value)
    return found


def _check_type(parameter: OperationParameter, given: str, *, as_text: bool) -> None:
    named = given[0].lower() + given[1:]
    named = named if named in _PRIMITIVES else given
    if as_text and named in _PRIMITIVES:
        return
    if named in _ACCEPTED.get(parameter.type, (parameter.type,)):
        return
    raise _wrong_type(parameter, named)


def _wrong_type(parameter: OperationParameter, given: str) -> FhirError:
    return FhirError(
        400,
        f"HAPI-0362: Request has parameter {parameter.name} of type {_java(given)} "
        f"but method expects type {_java(_CLASSES.get(parameter.name, parameter.type))}",
    )


def _java(name: str) -> str:
    """Returns the class of a type in HAPI's model."""
    return f"{name[0].upper()}{name[1:]}Type" if name in _PRIMITIVES else name


def given(values: Values, name: str) -> Any:
    """Returns the first value of a parameter, or None; an empty text counts as none."""
    found = values.get(name, ())
    return found[0] if found and found[0] not in ("", {}) else None


def as_parameters(values: Values) -> Parameters:
    """Returns values as they would stand in a URL."""
    return tuple(
        (name, each if isinstance(each, str) else _written(each))
        for name, found in values.items()
        for each in found
        if not isinstance(each, dict)
    )


def _written(value: bool | int | DecimalNumber) -> str:
    return str(value).lower()
