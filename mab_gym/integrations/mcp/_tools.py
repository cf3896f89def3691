"""The tools of the MCP server, and the action that each call stands for.

A call becomes the text of an action, so that an episode over MCP is played, judged, recorded and judged again as any
other. What a model passes is encoded, and no tool takes an address outside the FHIR base.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from mab_gym.actions import VERBS, Delete, Finish, Get, NoAction, Patch, Post, Put, read_answer, render
from mab_gym.agents import Reading
from mab_gym.agents._reading import json_text
from mab_gym.integrations._tool_names import FURTHER

_GUIDE = (
    "You act by calling the tools of this server, one call after another. Wherever the task speaks of writing GET, "
    "call read or search instead; in the place of POST call create,{further} and in the place of FINISH call finish. "
    "The base address is added for you, and addresses are encoded for you. Each call counts as one message. Text "
    "beside the calls does no harm."
)


def guide(verbs: Sequence[str] = VERBS) -> str:
    """Returns the words before a task: they say what the tools stand for.

    Args:
        verbs: The verbs that the environment allows.
    """
    further = "".join(f" in the place of {verb} call {FURTHER[verb]}," for verb in verbs if verb in FURTHER)
    return _GUIDE.format(further=further)


_NO_LINK = re.compile(r"[\s\x00-\x1f\x7f]")
_LONGEST_SHOWN = 1_000
"""The longest call that cannot be read; of a longer one the record keeps the beginning."""
_VALUE: Mapping[str, Any] = {"type": ["string", "number", "boolean"]}
_TYPE: Mapping[str, Any] = {"type": "string", "description": "The resource type, as in Observation."}


class BrokenCallError(ValueError):
    """A call that cannot be read; the text says what would be right."""


class ToolSpec(NamedTuple):
    """A tool.

    Attributes:
        description: The description that models read.
        properties: The JSON schemas of its arguments.
        required: The arguments that every call has.
        action: Returns the text of the action for the arguments of a call and the FHIR base; it raises
            `BrokenCallError` where they cannot be read.
    """

    description: str
    properties: Mapping[str, Any]
    required: tuple[str, ...]
    action: Callable[[Mapping[str, Any], str], str]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of all arguments."""
        return {
            "type": "object",
            "properties": dict(self.properties),
            "required": list(self.required),
            "additionalProperties": False,
        }


def reading_of(name: str, arguments: Mapping[str, Any], base_url: str, verbs: Sequence[str] = VERBS) -> Reading:
    """Reads a call: the action that it stands for, or why it stands for none, which the agent is told.

    Args:
        name: The tool's name.
        arguments: The arguments, as the model passed them.
        base_url: The FHIR base, without a slash at its end.
        verbs: The verbs that the environment allows.
    """
    try:
        action = _action(name, arguments, base_url, tools_of(verbs))
    except BrokenCallError as error:
        return Reading(NoAction(str(error), ends=False), f"{name}({json_text(arguments)})"[:_LONGEST_SHOWN])
    return Reading(action, action)


def _action(name: str, arguments: Mapping[str, Any], base_url: str, tools: Mapping[str, ToolSpec]) -> str:
    tool = tools.get(name)
    if tool is None:
        raise BrokenCallError(f"there is no tool {name[:100]!r}; there are {', '.join(tools)}")
    for unknown in arguments.keys() - tool.properties.keys():
        raise BrokenCallError(f"{name} has no argument {unknown[:100]!r}; it has {', '.join(tool.properties)}")
    try:
        return tool.action(arguments, base_url)
    except (UnicodeEncodeError, RecursionError):
        raise BrokenCallError("an argument holds broken Unicode, or is nested too deeply") from None


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BrokenCallError(f"{name} is a text that is not empty, not {_shown(value)}")
    return value.strip()


def _shown(value: Any) -> str:
    """Returns what a value is, in words for a model."""
    match value:
        case None:
            return "null or left out"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "an empty one"
        case list():
            return "a list"
    return "an object"


def _json(value: Any) -> str:
    try:
        return json.dumps(value)
    except ValueError:  # a whole number with thousands of digits
        raise BrokenCallError("a number is too long") from None


def _read(arguments: Mapping[str, Any], base_url: str) -> str:
    return render(Get(_place(arguments, base_url)))


def _search(arguments: Mapping[str, Any], base_url: str) -> str:
    if arguments.get("link") is not None:
        link = _text(arguments, "link")
        if arguments.get("type") is not None or arguments.get("params") is not None:
            raise BrokenCallError("a search has a link, or a type and params, not both")
        if _NO_LINK.search(link):
            raise BrokenCallError("link is one address without white space")
        return render(Get(link))
    params = arguments.get("params")
    if not isinstance(params, dict | None):
        raise BrokenCallError(f"params is an object of names and values, not {_shown(params)}")
    query = urlencode(list(_pairs(params or {})), safe=":,$/", quote_via=quote)
    return render(Get(f"{base_url}/{quote(_text(arguments, 'type'), safe='')}{'?' if query else ''}{query}"))


def _pairs(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in params.items():
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, str | int | float):
                raise BrokenCallError(
                    f"the value of the parameter {name[:100]!r} is a text, a number, a boolean or a list "
                    f"of them, not {_shown(each)}"
                )
            yield name, each if isinstance(each, str) else _json(each)


def _create(arguments: Mapping[str, Any], base_url: str) -> str:
    resource = arguments.get("resource")
    if not isinstance(resource, dict | str):
        raise BrokenCallError(f"resource is a JSON object, not {_shown(resource)}")
    address = f"{base_url}/{quote(_text(arguments, 'type'), safe='$')}"  # an operation begins with a dollar
    return render(Post(address, resource if isinstance(resource, str) else _json(resource)))


def _update(arguments: Mapping[str, Any], base_url: str) -> str:
    resource = arguments.get("resource")
    if not isinstance(resource, dict | str):
        raise BrokenCallError(f"resource is a JSON object, not {_shown(resource)}")
    return render(Put(_place(arguments, base_url), resource if isinstance(resource, str) else _json(resource)))


def _patch(arguments: Mapping[str, Any], base_url: str) -> str:
    operations = arguments.get("operations")
    if not isinstance(operations, list | str):
        raise BrokenCallError(f"operations is a list, not {_shown(operations)}")
    return render(Patch(_place(arguments, base_url), operations if isinstance(operations, str) else _json(operations)))


def _delete(arguments: Mapping[str, Any], base_url: str) -> str:
    return render(Delete(_place(arguments, base_url)))


def _place(arguments: Mapping[str, Any], base_url: str) -> str:
    """Returns the address of a resource by its type and id."""
    return "/".join((base_url, *(quote(_text(arguments, name), safe="") for name in ("type", "id"))))


def _finish(arguments: Mapping[str, Any], base_url: str) -> str:
    answer = arguments.get("answer")
    if not isinstance(answer, list | str):
        raise BrokenCallError(f"answer is a list of items, not {_shown(answer)}")
    text = answer if isinstance(answer, str) else _json(answer)
    try:
        read_answer(text)
    except ValueError as error:
        raise BrokenCallError(str(error)) from None
    return render(Finish(text))


TOOLS: Mapping[str, ToolSpec] = MappingProxyType(
    {
        "search": ToolSpec(
            "Searches the record by FHIR's search parameters, and returns a page of entries. A link named next leads "
            "to the following page.",
            {
                "type": _TYPE,
                "params": {
                    "type": "object",
                    "description": 'Search parameters, as in {"patient": "S1234567", "code": "A1C", "_sort": "-date"}. '
                    "A list repeats a parameter.",
                    "additionalProperties": {"anyOf": [_VALUE, {"type": "array", "items": _VALUE}]},
                },
                "link": {
                    "type": "string",
                    "description": "In the place of type and params: the url of a link in an earlier page.",
                },
            },
            (),
            _search,
        ),
        "read": ToolSpec(
            "Reads one resource by its type and id.",
            {"type": _TYPE, "id": {"type": "string", "description": "The resource's id."}},
            ("type", "id"),
            _read,
        ),
        "create": ToolSpec(
            "Creates a resource in the record: it is really stored, or refused with a reason.",
            {
                "type": _TYPE,
                "resource": {"type": "object", "description": 'The FHIR resource, with its "resourceType".'},
            },
            ("type", "resource"),
            _create,
        ),
        "finish": ToolSpec(
            "Ends the task with the answer. Nothing can be done afterwards.",
            {"answer": {"type": "array", "items": {}, "description": "The items of the answer, in order."}},
            ("answer",),
            _finish,
        ),
    }
)
"""The tools that every environment has, by name."""
_ID: Mapping[str, Any] = {"type": "string", "description": "The resource's id."}
_MORE: Mapping[str, ToolSpec] = {
    "PUT": ToolSpec(
        "Replaces a resource of the record by a whole one.",
        {"type": _TYPE, "id": _ID, "resource": {"type": "object", "description": "The FHIR resource, with its id."}},
        ("type", "id", "resource"),
        _update,
    ),
    "PATCH": ToolSpec(
        "Changes parts of a resource of the record by JSON Patch.",
        {
            "type": _TYPE,
            "id": _ID,
            "operations": {
                "type": "array",
                "items": {"type": "object"},
                "description": 'As in [{"op": "replace", "path": "/status", "value": "stopped"}].',
            },
        },
        ("type", "id", "operations"),
        _patch,
    ),
    "DELETE": ToolSpec("Deletes a resource of the record.", {"type": _TYPE, "id": _ID}, ("type", "id"), _delete),
}


def tools_of(verbs: Sequence[str] = VERBS) -> Mapping[str, ToolSpec]:
    """Returns the tools of an environment by name.

    Args:
        verbs: The verbs that it allows.
    """
    more = {FURTHER[verb]: _MORE[verb] for verb in verbs if verb in _MORE}
    return {**TOOLS, **more} if more else TOOLS
