"""A chat model as an agent: it acts by text, in the official form, or by tool calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from mab_gym.actions import VERBS, verbs_in
from mab_gym.agents._agent import Account, reply_message
from mab_gym.agents._answers import Answer, calls_of, sent_back
from mab_gym.agents._reading import LENIENT, STRICT, Reading, read_call, read_message
from mab_gym.errors import UsageError

FORMS = ("text", "tools")
"""The forms in which a model may act."""


def check_form(form: str) -> str:
    """Returns a form that exists.

    Raises:
        UsageError: There is no such form.
    """
    if form not in FORMS:
        raise UsageError(f"a model's form is {' or '.join(FORMS)}, not {form!r}")
    return form


def system_for(verbs: Sequence[str] = VERBS) -> str:
    """Returns the system message of a model that acts by tools."""
    written = ", ".join(verbs)
    return (
        f"You act by calling exactly one of the tools {written.lower()} and finish in each message. "
        f"Wherever the task speaks of writing {written} or FINISH, call the tool of that name instead."
    )


SYSTEM = system_for()


def _tool(name: str, description: str, **parameters: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": parameters, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


_URL = {"type": "string", "description": "The whole address, beginning with the base address."}
_BY_VERB = {
    "GET": _tool("get", "Reads or searches the record; the response comes back.", url=_URL),
    "POST": _tool(
        "post",
        "Creates a resource in the record; it is stored, or refused with a reason.",
        url=_URL,
        body={"type": "object", "description": "The FHIR resource."},
    ),
    "PUT": _tool(
        "put",
        "Replaces a resource of the record by a whole one.",
        url=_URL,
        body={"type": "object", "description": "The FHIR resource, with its id."},
    ),
    "PATCH": _tool(
        "patch",
        "Changes parts of a resource of the record by JSON Patch.",
        url=_URL,
        body={"type": "array", "description": "The operations of the patch.", "items": {"type": "object"}},
    ),
    "DELETE": _tool("delete", "Deletes a resource of the record.", url=_URL),
}
_FINISH = _tool(
    "finish",
    "Ends the task with the answer.",
    answer={"type": "array", "description": "The items of the answer, in order.", "items": {}},
)


def tools_for(verbs: Sequence[str] = VERBS) -> tuple[dict[str, Any], ...]:
    """Returns the actions as tools.

    Args:
        verbs: The verbs that the environment allows.
    """
    return (*(_BY_VERB[verb] for verb in verbs), _FINISH)


TOOLS = tools_for()
"""The actions that every environment allows as tools."""


class Chat:
    """The chat of an episode between a model and the record system, whoever asks the model.

    Each tool call of a message is an action; a message without a call is an action by its text.

    Args:
        form: ``text`` or ``tools``.
        rule: The rule by which messages are read.
        opening: The messages that open the episode, if the caller has made them; the first observation is then among
            them.
        verbs: The verbs that the environment allows; None for those that the opening shows.

    Attributes:
        sent: The messages so far, as the model gets them; its own are as they came.
        kept: The same messages for the record, with what was read in them and the status of replies.
    """

    def __init__(
        self,
        form: str,
        rule: str,
        opening: Sequence[Mapping[str, Any]] = (),
        verbs: Sequence[str] | None = None,
    ) -> None:
        self._tools = form != FORMS[0]
        self._rule = rule
        self._verbs = verbs_of(opening) if verbs is None else tuple(verbs)
        self.sent: list[dict[str, Any]] = [dict(message) for message in opening]
        self.kept: list[dict[str, Any]] = [dict(message) for message in opening]
        self._opened = not opening
        self._waiting: list[dict[str, Any]] = []
        self._answering: str | None = None
        self._answers = 0

    @property
    def further(self) -> Mapping[str, Any]:
        """The further fields of a request."""
        return {"tools": tools_for(self._verbs)} if self._tools else {}

    def next_call(self) -> Reading | None:
        """Reads the next tool call of the last message; None if the model has to be asked."""
        if not self._waiting:
            return None
        call, *self._waiting = self._waiting
        self._answering = str(call["id"])
        return read_call(call["function"]["name"], call["function"]["arguments"], self._rule, self._verbs)

    def hear(self, observation: Mapping[str, Any]) -> None:
        """Adds an observation: the opening of the episode, or the reply to the last action."""
        if not self._opened:
            self._opened = True
        elif not self.sent:
            if self._tools:
                self._add({"role": "system", "content": system_for(self._verbs)})
            self._add({"role": "user", "content": observation["text"]})
        elif self._answering is None:
            self._add(reply_message("user", observation))
        else:
            self._add(reply_message("tool", observation, tool_call_id=self._answering))

    def take(self, answer: Answer) -> Reading:
        """Adds the model's answer and reads its first action."""
        message = sent_back(answer.message)
        # By the official rule calls mean nothing where none were offered.
        calls = calls_of(message, self._answers) if self._tools or self._rule != STRICT else []
        self._answers += 1
        if calls:
            message["tool_calls"] = calls
        self.sent.append(message)
        reading = read_message(message, self._rule, answer.finish_reason, self._verbs)
        apart = reading.apart
        if calls:  # they are the actions, and not the text
            apart.pop("action", None)
        self.kept.append({**message, **apart})
        self._waiting, self._answering = [*calls], None
        return self.next_call() or reading

    def _add(self, message: dict[str, Any]) -> None:
        self.kept.append(message)
        self.sent.append({name: value for name, value in message.items() if name not in ("status", "fhir")})


def verbs_of(messages: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Returns the verbs that the messages which open an episode offer."""
    return verbs_in("\n".join(str(message.get("content")) for message in messages if message.get("role") == "user"))


class Asked(Protocol):
    """A model that can be asked while other work goes on."""

    model: str

    async def ask(
        self,
        messages: Sequence[Mapping[str, Any]],
        calls: list[dict[str, Any]],
        further: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Returns the model's answer to a chat."""
        ...


class AskedNow(Protocol):
    """A model that can be asked and waited for."""

    model: str

    def ask_now(
        self,
        messages: Sequence[Mapping[str, Any]],
        calls: list[dict[str, Any]],
        further: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Returns the model's answer to a chat."""
        ...


_Model = TypeVar("_Model", Asked, AskedNow)


class _ChatPlayer(Generic[_Model]):
    """The part that synchronous and asynchronous agents share.

    Args:
        endpoint: The model.
        form: ``text``, in which the message is the action, or ``tools``.
        rule: The rule by which messages are read, ``strict`` or ``lenient``.
        seeded: True to send the episode's seed in each request; not every endpoint accepts it.
        opening: The messages that open the episode, if the caller has made them; see `Chat`.
    """

    def __init__(
        self,
        endpoint: _Model,
        form: str = FORMS[0],
        rule: str = LENIENT,
        seeded: bool = False,
        opening: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.name = endpoint.model
        self._endpoint: _Model = endpoint
        self._form, self._rule, self._seeded, self._opening = form, rule, seeded, opening
        self._begin(0, "")

    def _begin(self, seed: int, opening: str) -> None:
        verbs = verbs_in(opening) if opening else None
        self._chat = Chat(self._form, self._rule, self._opening, verbs)
        self._further = {**self._chat.further, **({"seed": seed} if self._seeded else {})}
        self._calls: list[dict[str, Any]] = []
        self._answers: list[Answer] = []

    def _take(self, answer: Answer) -> Reading:
        self._answers.append(answer)
        return self._chat.take(answer)

    def account(self, last: Mapping[str, Any] | None) -> Account:
        """Returns the chat, every request to the endpoint, and the tokens."""
        if last is not None and last["text"]:
            self._chat.hear(last)
        return Account(
            tuple(self._chat.kept),
            tuple(self._calls),
            total([answer.tokens_in for answer in self._answers]),
            total([answer.tokens_out for answer in self._answers]),
        )


class ChatAgent(_ChatPlayer[AskedNow]):
    """A model that plays by text or by tool calls."""

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Begins a new chat."""
        self._begin(seed, str(observation["text"]))

    def act(self, observation: Mapping[str, Any]) -> Reading:
        """Returns the next action. A message without one is returned as such."""
        self._chat.hear(observation)
        return self._chat.next_call() or self._take(self._endpoint.ask_now(self._chat.sent, self._calls, self._further))


class AsyncChatAgent(_ChatPlayer[Asked]):
    """A `ChatAgent` for an event loop: other episodes go on while the model writes."""

    async def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Begins a new chat."""
        self._begin(seed, str(observation["text"]))

    async def act(self, observation: Mapping[str, Any]) -> Reading:
        """Returns the next action. A message without one is returned as such."""
        self._chat.hear(observation)
        return self._chat.next_call() or self._take(
            await self._endpoint.ask(self._chat.sent, self._calls, self._further)
        )


def total(counts: Sequence[int | None]) -> int | None:
    """Returns the sum; None if a count is unknown, or if there is none."""
    known = [count for count in counts if count is not None]
    return sum(known) if counts and len(known) == len(counts) else None
