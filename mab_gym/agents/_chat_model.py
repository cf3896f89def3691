"""A chat model as an agent: all that has to be said of it, as plain data that a process can send to another."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mab_gym.agents._agent import Agent
from mab_gym.agents._endpoint import ATTEMPTS, PAUSE, TIMEOUT, ChatEndpoint
from mab_gym.agents._model import FORMS, TextModel, ToolModel
from mab_gym.errors import UsageError

KEY_VARIABLE = "OPENAI_API_KEY"
_NOT_FOR_CALLERS = frozenset({"model", "messages", "tools", "stream", "n"})


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A chat model behind an OpenAI-compatible endpoint.

    Attributes:
        model: The model's name at its endpoint.
        base_url: The endpoint, as in ``https://api.openai.com/v1``.
        key_env: The environment variable that holds the key.
        form: ``text``, the official form (the reply is the action), or ``tools``: get, post and finish.
        settings: Further fields of each request, as in ``{"max_tokens": 2000, "temperature": 0.0}``.
        attempts: Tries of one request, at most.
        pause: Seconds before the second try; doubled before each further one.
        timeout: Seconds without a word from the endpoint after which a try has failed.
        send_seed: True to send the episode's seed along, which not every endpoint takes.
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

    def __post_init__(self) -> None:
        """Checks the form and the settings.

        Raises:
            UsageError: One of them is wrong.
        """
        if self.form not in FORMS:
            raise UsageError(f"a model's form is {' or '.join(FORMS)}, not {self.form!r}")
        if not isinstance(self.settings, Mapping) or self.settings.keys() & _NOT_FOR_CALLERS:
            raise UsageError(
                'settings are a JSON object of further fields, as in {"max_tokens": 2000}; model, messages, tools, '
                "stream and n are not among them"
            )

    @property
    def key(self) -> str | None:
        """The key, from its environment variable; None where there is none."""
        return os.environ.get(self.key_env, "").strip() or None

    @property
    def about(self) -> dict[str, Any]:
        """The fields of ``run.json`` that tell how the model was asked."""
        return {
            "model": self.model,
            "base_url": self.base_url,
            "form": self.form,
            "settings": dict(self.settings),
            "seed_sent": self.send_seed,
        }

    def agents(self, halt: threading.Event) -> Callable[[], Agent]:
        """Gives the function that makes agents, all of which ask one endpoint.

        Args:
            halt: Set when the run ends: no agent waits for the model any more.
        """
        endpoint = ChatEndpoint(
            self.base_url, self.model, self.key, self.settings, self.attempts, self.pause, self.timeout, halt
        )
        made: type[TextModel | ToolModel] = TextModel if self.form == FORMS[0] else ToolModel

        def make() -> Agent:
            return made(endpoint, self.send_seed)

        return make
