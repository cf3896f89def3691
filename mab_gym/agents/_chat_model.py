"""The description of a chat model as an agent: plain data that can be sent to another process."""

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
        base_url: The endpoint's base URL, as in ``https://api.openai.com/v1``.
        key_env: The name of the environment variable that holds the API key.
        form: ``text``, the official form (the reply is the action), or ``tools``: get, post and finish.
        settings: Further fields of each request, as in ``{"max_tokens": 2000, "temperature": 0.0}``.
        attempts: The greatest number of tries of one request.
        pause: Seconds before the second try; doubled before each further one.
        timeout: Seconds without data from the endpoint after which a try fails.
        send_seed: True to send the episode's seed in each request; not every endpoint accepts it.
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
        """The API key, from its environment variable; None if that is not set."""
        return os.environ.get(self.key_env, "").strip() or None

    @property
    def about(self) -> dict[str, Any]:
        """The fields of ``run.json`` that describe the model and its requests."""
        return {
            "model": self.model,
            "base_url": self.base_url,
            "form": self.form,
            "settings": dict(self.settings),
            "seed_sent": self.send_seed,
        }

    def agents(self, halt: threading.Event) -> Callable[[], Agent]:
        """Returns a function that makes agents; they share one endpoint.

        Args:
            halt: Set when the run ends, so that no agent waits for the model any more.
        """
        endpoint = ChatEndpoint(
            self.base_url, self.model, self.key, self.settings, self.attempts, self.pause, self.timeout, halt
        )
        made: type[TextModel | ToolModel] = TextModel if self.form == FORMS[0] else ToolModel

        def make() -> Agent:
            return made(endpoint, self.send_seed)

        return make
