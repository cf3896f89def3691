"""Agents that a chat model plays: by plain text (the official form), or by calls of three tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mab_gym.actions import Finish, Get, Post, render
from mab_gym.agents._agent import Account, reply_message
from mab_gym.agents._endpoint import Answer, ChatEndpoint

FORMS = ("text", "tools")
"""The forms in which a model may act."""


class _Asking:
    """The part that both forms share: the chat, the requests to the endpoint, and the tokens."""

    further: Mapping[str, Any] = {}

    def __init__(self, endpoint: ChatEndpoint, seeded: bool = False) -> None:
        self.name = endpoint.model
        self._endpoint = endpoint
        self._seeded = seeded
        self._seed = 0
        self._messages: list[dict[str, Any]] = []
        self._calls: list[dict[str, Any]] = []
        self._answers: list[Answer] = []

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Begins a new chat."""
        self._seed = seed
        self._messages, self._calls, self._answers = [], [], []

    def _ask(self) -> Answer:
        chat = [
            {name: value for name, value in message.items() if name not in ("status", "fhir")}
            for message in self._messages
        ]
        further = {**self.further, **({"seed": self._seed} if self._seeded else {})}
        answer = self._endpoint.ask(chat, self._calls, further)
        self._answers.append(answer)
        return answer

    def _hear(self, observation: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def account(self, last: Mapping[str, Any] | None) -> Account:
        """Returns the chat, every request to the endpoint, and the tokens."""
        if last is not None and last["text"]:
            self._hear(last)
        return Account(
            tuple(self._messages),
            tuple(self._calls),
            _sum([answer.tokens_in for answer in self._answers]),
            _sum([answer.tokens_out for answer in self._answers]),
        )


def _sum(counts: list[int | None]) -> int | None:
    """Returns the sum; None if a count is unknown, or if there is none."""
    known = [count for count in counts if count is not None]
    return sum(known) if counts and len(known) == len(counts) else None


class TextModel(_Asking):
    """The official form: the model gets the whole chat, and its reply is the action, unchanged.

    Args:
        endpoint: The model's endpoint.
        seeded: True to send the episode's seed in each request; not every endpoint accepts it.
    """

    def act(self, observation: Mapping[str, Any]) -> str:
        """Returns the model's reply. An empty reply is an invalid action."""
        self._hear(observation)
        text = self._ask().text
        self._messages.append({"role": "assistant", "content": text})
        return text

    def _hear(self, observation: Mapping[str, Any]) -> None:
        self._messages.append(
            reply_message("user", observation) if self._messages else {"role": "user", "content": observation["text"]}
        )


SYSTEM = (
    "You act by calling exactly one of the tools get, post and finish in each message. Wherever the task speaks of "
    "writing GET, POST or FINISH, call the tool of that name instead."
)


def _tool(name: str, description: str, **parameters: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": parameters, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


_URL = {"type": "string", "description": "The whole address, beginning with the base address."}
TOOLS = (
    _tool("get", "Reads or searches the record; the response comes back.", url=_URL),
    _tool(
        "post",
        "Creates a resource in the record; it is stored, or refused with a reason.",
        url=_URL,
        body={"type": "object", "description": "The FHIR resource."},
    ),
    _tool(
        "finish",
        "Ends the task with the answer.",
        answer={"type": "array", "description": "The items of the answer, in order.", "items": {}},
    ),
)
"""The three actions as tools."""


class ToolModel(_Asking):
    """Acts by tool calls; each becomes the text of the same action. Several calls in a message are several steps.

    A call that cannot be read is an invalid action. A message without a call is an action by its text.

    Args:
        endpoint: The model's endpoint.
        seeded: True to send the episode's seed in each request; not every endpoint accepts it.
    """

    further: Mapping[str, Any] = {"tools": TOOLS}

    def __init__(self, endpoint: ChatEndpoint, seeded: bool = False) -> None:
        super().__init__(endpoint, seeded)
        self._waiting: list[Mapping[str, Any]] = []
        self._answering: str | None = None

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Begins a new chat."""
        super().reset(observation, info, seed)
        self._waiting, self._answering = [], None

    def act(self, observation: Mapping[str, Any]) -> str:
        """Returns the action of the next tool call."""
        self._hear(observation)
        if not self._waiting:
            answer = self._ask()
            self._waiting = _calls(answer.message, len(self._answers))
            said: dict[str, Any] = {"role": "assistant", "content": answer.text}
            if self._waiting:
                said["tool_calls"] = list(self._waiting)
            self._messages.append(said)
            if not self._waiting:
                self._answering = None
                return answer.text
        call, *self._waiting = self._waiting
        self._answering = call["id"]
        return action_of(call["function"]["name"], call["function"]["arguments"])

    def _hear(self, observation: Mapping[str, Any]) -> None:
        if not self._messages:
            self._messages += [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": observation["text"]},
            ]
        elif self._answering is None:
            self._messages.append(reply_message("user", observation))
        else:
            self._messages.append(reply_message("tool", observation, tool_call_id=self._answering))


def _calls(message: Mapping[str, Any], turn: int) -> list[Mapping[str, Any]]:
    """Returns the tool calls of a message, each with an id, a name and its arguments as text."""
    given = message.get("tool_calls")
    calls: list[Mapping[str, Any]] = []
    for place, each in enumerate(given if isinstance(given, list) else []):
        call = each if isinstance(each, dict) else {}
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        arguments = function.get("arguments")
        if not isinstance(arguments, str):
            arguments = json.dumps({} if arguments is None else arguments)
        named = {"name": str(function.get("name") or ""), "arguments": arguments}
        calls.append({"id": str(call.get("id") or f"call_{turn}_{place}"), "type": "function", "function": named})
    return calls


def action_of(name: str, arguments: str) -> str:
    """Returns the action's text for a tool call; a call that cannot be read becomes the text of an invalid action.

    Args:
        name: The name of the tool.
        arguments: The arguments as JSON, as the model wrote them.
    """
    try:
        given = json.loads(arguments)
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict):
        url, body, answer = (given.get(part) for part in ("url", "body", "answer"))
        if name == "get" and isinstance(url, str):
            return render(Get(url))
        if name == "post" and isinstance(url, str):
            return render(Post(url, json_text(body)))
        if name == "finish" and "answer" in given:
            return render(Finish(json_text(answer)))
    return f"[no action: the tool call {name}({arguments}) cannot be read]"


def json_text(value: Any) -> str:
    """Returns a tool's argument as JSON; an argument that is already a text stays as it is."""
    return value if isinstance(value, str) else json.dumps(value)
