"""A function as a model: it gets the chat and returns the model's next message."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mab_gym.agents._answers import Answer
from mab_gym.agents._chat_model import rule_for
from mab_gym.agents._model import FORMS, AsyncChatAgent, ChatAgent, check_form
from mab_gym.errors import AgentError, MabGymError, UsageError

Said = str | Mapping[str, Any]
"""A model's message: its text, or an assistant message in the form of chat completions."""
Speaks = Callable[[Sequence[Mapping[str, Any]]], Said | Awaitable[Said]]
"""A function from a chat to the model's next message; it may be a coroutine function."""


@dataclass(frozen=True, slots=True)
class ChatFunction:
    """A function that plays as a chat model.

    Attributes:
        function: Gets the chat (messages in the form of chat completions) and returns the model's message, which may
            have a ``finish_reason`` beside its content. An exception is the agent's failure, and its episode does not
            count; `mab_gym.errors.ContextLimitError` says that the chat is too long.
        form: ``text`` or ``tools``; with ``tools`` the messages may hold ``tool_calls`` of get, post and finish.
        reading: The rule by which messages are read; see `ChatModel.reading`.
        name: The name in tables and records; None for the function's own.
    """

    function: Speaks
    form: str = FORMS[0]
    reading: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Checks the form.

        Raises:
            UsageError: There is no such form.
        """
        check_form(self.form)

    @property
    def about(self) -> dict[str, Any]:
        """The fields of ``run.json`` that describe the function."""
        return {"object": _name_of(self.function), "form": self.form, "reading": self.reading}

    def for_protocol(self, official: bool) -> ChatFunction:
        """Returns the function with the rule by which its messages are read in an environment."""
        return replace(self, reading=rule_for(self.reading, official))

    def agents(self, asynchronous: bool = False) -> Callable[[], Any]:
        """Returns a function that makes agents; all ask the same function."""
        made = AsyncChatAgent if asynchronous else ChatAgent
        asked = _Asked(self.name or _name_of(self.function).rpartition(":")[2], self.function)
        return lambda: made(asked, self.form, rule_for(self.reading, official=False))


def takes_a_chat(function: Any) -> bool:
    """Tells if a function wants exactly one argument, as a `ChatFunction` does; a maker of agents wants none."""
    if isinstance(function, type) or not callable(function):
        return False
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    wanted = [
        each
        for each in parameters
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    return len(wanted) == 1


class _Asked:
    """A function in the place of an endpoint."""

    def __init__(self, model: str, function: Speaks) -> None:
        self.model = model
        self._function = function

    def ask_now(self, messages: Sequence[Mapping[str, Any]], calls: Any, further: Any = None) -> Answer:
        said = self._said(messages)
        if inspect.isawaitable(said):
            if inspect.iscoroutine(said):
                said.close()
            raise UsageError("this function is asynchronous; play it with mab_gym.play_async")
        return _answer(said)

    async def ask(self, messages: Sequence[Mapping[str, Any]], calls: Any, further: Any = None) -> Answer:
        said = self._said(messages)
        if not inspect.isawaitable(said):
            return _answer(said)
        try:
            return _answer(await said)
        except MabGymError:
            raise
        except Exception as error:
            raise _failed(error) from error

    def _said(self, messages: Sequence[Mapping[str, Any]]) -> Any:
        try:
            return self._function(list(messages))
        except MabGymError:
            raise
        except Exception as error:
            raise _failed(error) from error


def _failed(error: Exception) -> AgentError:
    return AgentError(f"the function failed: {type(error).__name__}: {error}")


def _answer(said: Any) -> Answer:
    """Returns a function's result as an answer.

    Raises:
        AgentError: It is no message.
    """
    if isinstance(said, str):
        return Answer({"role": "assistant", "content": said})
    if isinstance(said, Mapping):
        message = dict(said)
        reason = message.pop("finish_reason", None)  # no field of a message: some endpoints would refuse it
        return Answer(message, finish_reason=reason if isinstance(reason, str) else None)
    raise AgentError(f"the function returned {type(said).__name__}; a message is a text or a dict with its content")


def _name_of(function: Any) -> str:
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}:{named.__qualname__}"
