"""The tools of the MCP server, and the action that each call stands for.

A call becomes the text of an action, so that an episode over MCP is played, judged, recorded and judged again as any
other. What a model passes is encoded, and no tool takes an address outside the FHIR base.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from mab_gym.actions import Finish, Get, NoAction, Post, read_answer, render
from mab_gym.agents import Reading
from mab_gym.agents._reading import json_text

GUIDE = (
    "You act by calling the tools of this server, one call after another. Wherever the task speaks of writing GET, "
    "call read or search instead; in the place of POST call create, and in the place of FINISH call finish. The base "
    "address is added for you, and addresses are encoded for you. Each call counts as one message. Text beside the "
    "calls does no harm."
)
"""The words before a task: they say what the tools stand for."""

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


def reading_of(name: str, arguments: Mapping[str, Any], base_url: str) -> Reading:
    """Reads a call: the action that it stands for, or why it stands for none, which the agent is told.

    Args:
        name: The tool's name.
        arguments: The arguments, as the model passed them.
        base_url: The FHIR base, without a slash at its end.
    """
    try:
        action = _action(name, arguments, base_url)
    except BrokenCallError as error:
        return Reading(NoAction(str(error), ends=False), f"{name}({json_text(arguments)})"[:_LONGEST_SHOWN])
    return Reading(action, action)


def _action(name: str, arguments: Mapping[str, Any], base_url: str) -> str:
    tool = TOOLS.get(name)
    if tool is None:
        raise BrokenCallError(f"there is no tool {name[:100]!r}; there are {', '.join(TOOLS)}")
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
    parts = (quote(_text(arguments, name), safe="") for name in ("type", "id"))
    return render(Get("/".join((base_url, *parts))))


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
    address = f"{base_url}/{quote(_text(arguments, 'type'), safe='')}"
    return render(Post(address, resource if isinstance(resource, str) else _json(resource)))


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
"""The tools by name. There is no update: an agent's actions are GET, POST and FINISH, and no environment allows PUT."""
