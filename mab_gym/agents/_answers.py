"""The two forms of an endpoint's answer, chat completions and Responses, as one: an assistant message of a chat.

A chat is kept in the form of chat completions. A message of the model stays as it came, and is sent back as it came: an
endpoint may want its thoughts, signatures and ids again. An answer of Responses becomes such a message with its items
in the field ``output``, from which the next request takes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mab_gym.agents._thoughts import joined_texts

_NULL_IS_REFUSED = ("function_call", "audio", "tool_calls", "refusal", "annotations")
"""Fields of an answer that say nothing if they are null, and that some endpoints then refuse in a request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a model.

    Attributes:
        message: The message in the form of chat completions, with every field that came.
        tokens_in: The tokens that the model read; None if the endpoint does not say.
        tokens_out: The tokens that the model wrote; None if the endpoint does not say.
        finish_reason: The reason for which the model stopped, in the endpoint's word; None if it does not say.
    """

    message: Mapping[str, Any]
    tokens_in: int | None = None
    tokens_out: int | None = None
    finish_reason: str | None = None


def chat_answer(data: Any) -> Answer | None:
    """Reads the body of a chat completion; None if it holds no message."""
    choices = data.get("choices") if isinstance(data, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        return None
    usage = _usage(data)
    reason = first.get("finish_reason")
    return Answer(
        message,
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        reason if isinstance(reason, str) else None,
    )


def responses_answer(data: Any) -> Answer | None:
    """Reads the body of a Responses answer; None if it holds no items."""
    items = data.get("output") if isinstance(data, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return None
    parts = [part for item in items if item.get("type") == "message" for part in _parts(item.get("content"))]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(str(part.get("text") or "") for part in parts if part.get("type") != "refusal"),
        "output": items,
    }
    refusal = "".join(str(part.get("refusal") or "") for part in parts)
    calls = [
        {
            "id": str(item.get("call_id") or item.get("id") or ""),
            "type": "function",
            "function": {"name": item.get("name"), "arguments": item.get("arguments")},
        }
        for item in items
        if item.get("type") == "function_call"
    ]
    thoughts = joined_texts([item for item in items if item.get("type") == "reasoning"])
    further = {"tool_calls": calls, "refusal": refusal, "reasoning": thoughts}
    message |= {name: value for name, value in further.items() if value}
    usage = _usage(data)
    details = data.get("incomplete_details")
    return Answer(
        message,
        _count(usage.get("input_tokens")),
        _count(usage.get("output_tokens")),
        str(details.get("reason")) if isinstance(details, dict) else str(data.get("status") or "completed"),
    )


def sent_back(message: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a message of the model in the form in which it is sent back: as it came, and from the assistant."""
    kept = {name: value for name, value in message.items() if value is not None or name not in _NULL_IS_REFUSED}
    if not kept.get("tool_calls", True):  # an empty list of calls is refused, too
        del kept["tool_calls"]
    return {"role": "assistant", "content": None, **kept}


def responses_request(body: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the body of a chat-completions request as one for Responses.

    Nothing is stored at the endpoint, so the model's items, with its encrypted thoughts, are sent back each time.
    """
    told = {name: value for name, value in body.items() if name not in ("messages", "tools", "stream_options")}
    for name in ("max_tokens", "max_completion_tokens"):
        if name in told:
            told["max_output_tokens"] = told.pop(name)
    if "tools" in body:
        told["tools"] = [{"type": "function", **tool["function"]} for tool in body["tools"]]
    return {"store": False, "include": ["reasoning.encrypted_content"], **told, "input": list(_items(body["messages"]))}


def _items(messages: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for message in messages:
        if isinstance(message.get("output"), list):
            yield from message["output"]
        elif message["role"] == "tool":
            yield {
                "type": "function_call_output",
                "call_id": message["tool_call_id"],
                "output": message["content"],
            }
        else:
            yield {"role": message["role"], "content": message["content"]}


def calls_of(message: Mapping[str, Any], turn: int) -> list[dict[str, Any]]:
    """Returns the tool calls of a message, each with an id, a name and its arguments as text.

    Args:
        message: The message as it came.
        turn: The number of the answer, for calls without an id.
    """
    given = message.get("tool_calls")
    calls: list[dict[str, Any]] = []
    for place, each in enumerate(given if isinstance(given, list) else []):
        call = each if isinstance(each, dict) else {}
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        arguments = function.get("arguments")
        if not isinstance(arguments, str):
            arguments = json.dumps({} if arguments is None else arguments)
        named = {**function, "name": str(function.get("name") or ""), "arguments": arguments}
        known = {"id": str(call.get("id") or f"call_{turn}_{place}"), "type": "function", "function": named}
        calls.append({**call, **known})
    return calls


def _parts(content: Any) -> Sequence[Mapping[str, Any]]:
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _usage(data: Mapping[str, Any]) -> Mapping[str, Any]:
    usage = data.get("usage")
    return usage if isinstance(usage, dict) else {}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
