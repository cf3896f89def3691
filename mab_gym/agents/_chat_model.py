"""The description of a chat model as an agent: plain data that can be sent to another process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mab_gym.agents._endpoint import APIS, ATTEMPTS, PAUSE, TIMEOUT, ChatEndpoint
from mab_gym.agents._model import FORMS, AsyncChatAgent, ChatAgent, check_form
from mab_gym.agents._reading import LENIENT, STRICT, check_rule
from mab_gym.errors import UsageError

KEY_VARIABLE = "OPENAI_API_KEY"
_NOT_FOR_CALLERS = frozenset({"model", "messages", "tools", "stream", "n"})


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A chat model behind an OpenAI-compatible endpoint.

    Attributes:
        model: The model's name at its endpoint.
        base_url: The endpoint's base URL, as in ``https://api.openai.com/v1``.
        key_env: The name of the environment variable that holds the API key.
        form: ``text``, the official form (the reply is the action), or ``tools``: get, post and finish.
        settings: Further fields of each request, as in ``{"max_tokens": 2000, "temperature": 0.0}``.
        attempts: The greatest number of tries of one request.
        pause: Seconds before the second try; doubled before each further one.
        timeout: Seconds after which a try fails whose answer is not whole.
        send_seed: True to send the episode's seed in each request; not every endpoint accepts it.
        reading: The rule by which messages are read, ``strict`` or ``lenient`` (see `mab_gym.agents.read_message`);
            None for ``strict`` under the official protocol, which has no other, and ``lenient`` elsewhere.
        api: The form of the requests: ``chat``, ``stream`` (chat completions in pieces), ``responses``,
            ``responses-stream``, or ``auto``: ``chat``, until the endpoint asks for another one.
        api_key: The API key itself, in place of its variable. It is written nowhere.
    """

    model: str
    base_url: str
    key_env: str = KEY_VARIABLE
    form: str = FORMS[0]
    settings: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = ATTEMPTS
    pause: float = PAUSE
    timeout: float = TIMEOUT
    send_seed: bool = False
    reading: str | None = None
    api: str = APIS[0]
    api_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Checks the form, the rule and the settings.

        Raises:
            UsageError: One of them is wrong.
        """
        check_form(self.form)
        if self.reading is not None:
            check_rule(self.reading)
        if not isinstance(self.settings, Mapping) or self.settings.keys() & _NOT_FOR_CALLERS:
            raise UsageError(
                'settings are a JSON object of further fields, as in {"max_tokens": 2000}; model, messages, tools, '
                "stream and n are not among them"
            )

    @property
    def key(self) -> str | None:
        """The API key, given or from its environment variable; None if there is none."""
        return self.api_key or os.environ.get(self.key_env, "").strip() or None

    @property
    def about(self) -> dict[str, Any]:
        """The fields of ``run.json`` that describe the model and its requests."""
        return {
            "model": self.model,
            "base_url": self.base_url,
            "form": self.form,
            "reading": self.reading,
            "api": self.api,
            "settings": dict(self.settings),
            "seed_sent": self.send_seed,
        }

    def for_protocol(self, official: bool) -> ChatModel:
        """Returns the model with the rule by which its messages are read in an environment.

        Args:
            official: True if the environment follows the official protocol.

        Raises:
            UsageError: The official protocol is to be read by another rule than its own.
        """
        return replace(self, reading=rule_for(self.reading, official))

    def agents(self, halt: threading.Event, asynchronous: bool = False) -> Callable[[], Any]:
        """Returns a function that makes agents; they share one endpoint.

        Args:
            halt: Set when the run ends, so that no agent waits for the model any more.
            asynchronous: True for agents whose methods are coroutine functions.
        """
        endpoint = ChatEndpoint(
            self.base_url, self.model, self.key, self.settings, self.attempts, self.pause, self.timeout, halt, self.api
        )
        made = AsyncChatAgent if asynchronous else ChatAgent
        return lambda: made(endpoint, self.form, self.reading or LENIENT, self.send_seed)


def rule_for(reading: str | None, official: bool) -> str:
    """Returns the rule by which messages are read: ``strict`` under the official protocol, else ``lenient``.

    Args:
        reading: The rule that the user wants; None for the usual one.
        official: True if the environment follows the official protocol.

    Raises:
        UsageError: There is no such rule, or the official protocol is to be read by another rule than its own.
    """
    if official and reading == LENIENT:
        raise UsageError("the official protocol reads messages by the rule strict; leave the reading out")
    return check_rule(reading or (STRICT if official else LENIENT))
