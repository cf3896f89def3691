"""A chat model behind an OpenAI-compatible endpoint: one request, one answer, and every way in which it can fail.

Passing failures (429, 5xx, timeouts, cut connections, broken answers) are retried with growing pauses, or with the
pause that the endpoint asks for. Lasting failures raise the errors that `ChatEndpoint.ask` lists. The API key is sent
to this endpoint and left out of every text.
"""

from __future__ import annotations

import json
import re
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mab_gym.client._retry_after import retry_after
from mab_gym.errors import AgentError, AgentLostError, ContextLimitError, NotInstalledError, UsageError, how_to_install

ATTEMPTS = 6
"""The greatest number of tries of one request."""
PAUSE = 1.0
"""Seconds before the second try; doubled before each further one, plus a random part."""
TIMEOUT = 120.0
"""Seconds without data from the endpoint after which a try fails."""
LONGEST_PAUSE = 60.0
"""Seconds; the pause is longer only if the endpoint asks for it."""
LONGEST_WISH = 600.0
"""Seconds; a request whose endpoint asks for a longer pause fails instead."""
_SHOWN_CHARS = 300

_TOO_LONG = re.compile(
    r"context_length_exceeded|(maximum|available|model'?s?) context (length|size|window)|context window"
    r"|prompt is too long|input is too long|reduce the length of (the|your) (messages|prompt|input)"
    r"|input token count .{0,40}exceeds|`inputs` tokens",
    re.IGNORECASE,
)
"""The words by which OpenAI, vLLM, llama.cpp, Anthropic, Mistral, Groq, Gemini and TGI say that a chat is too long."""
_WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429})
_NOTHING_WILL_HELP = {
    401: "refuses the key",
    402: "asks for payment first",
    403: "refuses the key",
    404: "knows no such address or model",
    405: "is not a chat-completions endpoint",
}
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a model.

    Attributes:
        message: The message as the endpoint sent it.
        tokens_in: The tokens that the model read; None if the endpoint does not say.
        tokens_out: The tokens that the model wrote; None if the endpoint does not say.
    """

    message: Mapping[str, Any]
    tokens_in: int | None
    tokens_out: int | None

    @property
    def text(self) -> str:
        """The text of the message, unchanged; empty if there is none."""
        content = self.message.get("content")
        if isinstance(content, list):  # some endpoints send their text in parts
            content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        return content if isinstance(content, str) else ""


class _PassingError(Exception):
    """A failed try that is worth a retry.

    Attributes:
        pause: The pause that the endpoint asks for, in seconds; None if it asks for none.
        dead: True if no connection could be made.
    """

    def __init__(self, text: str, pause: float | None = None, dead: bool = False) -> None:
        super().__init__(text)
        self.pause = pause
        self.dead = dead


@dataclass(slots=True, weakref_slot=True)
class ChatEndpoint:
    """An OpenAI-compatible chat-completions endpoint; any number of threads may use it at once.

    Attributes:
        base_url: The base URL, as in ``https://api.openai.com/v1``.
        model: The model's name.
        key: The API key, sent as a bearer token; None if the endpoint wants none.
        settings: Further fields of each request, as in ``{"temperature": 0.0}``.
        attempts: The greatest number of tries of one request.
        pause: Seconds before the second try.
        timeout: Seconds without data after which a try fails.
        halt: Set when answers are not wanted any more: pauses end at once, and nothing is retried.

    Raises:
        NotInstalledError: The extra ``llm`` is missing.
        UsageError: The URL is invalid or holds a password, or the key cannot be sent.
    """

    base_url: str
    model: str
    key: str | None = field(default=None, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = ATTEMPTS
    pause: float = PAUSE
    timeout: float = TIMEOUT
    halt: threading.Event = field(default_factory=threading.Event)
    _client: Any = field(init=False, repr=False)
    _url: str = field(init=False)
    _closing: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            import httpx  # noqa: PLC0415  (optional)
            import tenacity  # noqa: F401, PLC0415  (optional)
        except ImportError as error:
            raise NotInstalledError(
                f"a model over HTTP needs what is missing here ({error.name}): {how_to_install('llm')}"
            ) from None
        self._url = _completions(httpx, self.base_url)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key is not None:
            self.key = self.key.strip()
            if not self.key.isascii() or not self.key.isprintable():
                raise UsageError("the key holds characters that cannot be sent (it is one line of plain letters)")
            headers["Authorization"] = f"Bearer {self.key}"
        # No limit on connections, so that each thread has one.
        self._client = httpx.Client(
            timeout=httpx.Timeout(self.timeout, connect=min(10.0, self.timeout)),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
            headers=headers,
        )
        # Closed when the endpoint is no longer referenced, at the latest when the process ends.
        self._closing = weakref.finalize(self, self._client.close)

    def close(self) -> None:
        """Closes the connections."""
        self._closing()

    def ask(
        self,
        messages: Sequence[Mapping[str, Any]],
        calls: list[dict[str, Any]],
        further: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Sends a chat and returns the model's answer.

        Args:
            messages: The chat so far.
            calls: A list that gets an entry for each try: its HTTP ``status`` (0 if there was no answer), ``seconds``,
                and the ``message`` with further fields of the answer, or the ``error``.
            further: Further fields of this request.

        Raises:
            ContextLimitError: The chat is longer than the model's context.
            AgentLostError: The endpoint cannot be reached, refuses the key, or knows no such model.
            AgentError: No try succeeded, or the endpoint refuses this request.
        """
        import tenacity  # noqa: PLC0415  (optional)

        body = {"model": self.model, "messages": list(messages), **self.settings, **(further or {})}
        # ASCII, because a model may have written lone surrogates, which UTF-8 cannot encode.
        content = json.dumps(body).encode("ascii")
        growing = tenacity.wait_exponential(multiplier=self.pause, max=LONGEST_PAUSE) + tenacity.wait_random(
            0, self.pause
        )

        def wait(state: tenacity.RetryCallState) -> float:
            failed = None if state.outcome is None else state.outcome.exception()
            wish = failed.pause if isinstance(failed, _PassingError) else None
            return max(float(growing(state)), wish or 0.0)

        tries = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_PassingError),
            stop=tenacity.stop_after_attempt(self.attempts) | tenacity.stop_when_event_set(self.halt),
            wait=wait,
            sleep=tenacity.sleep_using_event(self.halt),
            reraise=True,
        )
        try:
            return tries(self._try, content, calls)
        except _PassingError as failed:
            text = f"the endpoint {self.base_url} {failed}"
            raise (AgentLostError if failed.dead else AgentError)(text) from None

    def _try(self, content: bytes, calls: list[dict[str, Any]]) -> Answer:
        begun = time.perf_counter()
        call: dict[str, Any] = {"status": 0, "seconds": 0.0}
        calls.append(call)
        try:
            return self._exchange(content, call)
        except (_PassingError, AgentError, ContextLimitError) as error:
            call["error"] = str(error)
            raise
        finally:
            call["seconds"] = round(time.perf_counter() - begun, 3)

    def _exchange(self, content: bytes, call: dict[str, Any]) -> Answer:
        import httpx  # noqa: PLC0415  (optional)

        try:
            response = self._client.post(self._url, content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _PassingError(f"cannot be reached: {self._clean(str(error))}", dead=True) from None
        except httpx.TimeoutException:
            raise _PassingError(f"said nothing for {self.timeout:g} s") from None
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            raise AgentLostError(f"{self.base_url} cannot be asked: {self._clean(str(error))}") from None
        except httpx.HTTPError as error:
            raise _PassingError(f"broke off: {type(error).__name__}") from None
        call["status"] = response.status_code
        if not response.is_success:
            self._refused(response.status_code, response.text, response.headers.get("retry-after"))
        try:
            data = json.loads(response.content)
        except ValueError:
            raise _PassingError(f"sent an answer that is not JSON: {self._clean(response.text)}") from None
        return self._read(data, call)

    def _refused(self, status: int, text: str, wish: str | None) -> None:
        """Raises the error for a status other than success; ``wish`` is its ``Retry-After``."""
        said = f"(HTTP {status}): {self._clean(text)}"
        if status in (400, 413, 422) and _TOO_LONG.search(text):
            raise ContextLimitError(self._clean(text))
        if status == 429 and "insufficient_quota" in text:
            raise AgentLostError(f"the endpoint {self.base_url} has no quota left {said}")
        if status in _WORTH_ANOTHER_TRY or status >= 500:
            pause = retry_after(wish)
            if pause is not None and pause > LONGEST_WISH:
                raise AgentError(f"the endpoint {self.base_url} asks for too long a pause, {pause:,.0f} s {said}")
            raise _PassingError(f"fails {said}", pause)
        if status in _NOTHING_WILL_HELP:
            missing = " (no key was given)" if self.key is None and status in (401, 403) else ""
            raise AgentLostError(f"the endpoint {self.base_url} {_NOTHING_WILL_HELP[status]}{missing} {said}")
        if status < 400:
            raise AgentLostError(f"the endpoint {self.base_url} is elsewhere (HTTP {status}); give its own address")
        raise AgentError(f"the endpoint {self.base_url} refuses the request {said}")

    def _read(self, data: Any, call: dict[str, Any]) -> Answer:
        if isinstance(data, dict) and isinstance(data.get("error"), dict) and not data.get("choices"):
            # Some gateways send errors with status 200.
            code = data["error"].get("code")
            self._refused(code if isinstance(code, int) and code >= 400 else 502, json.dumps(data["error"]), None)
        choices = data.get("choices") if isinstance(data, dict) else None
        first = choices[0] if isinstance(choices, list) and choices else None
        first = first if isinstance(first, dict) else {}
        message = first.get("message")
        if not isinstance(message, dict):
            raise _PassingError(f"answered without a message: {self._clean(json.dumps(data))}")
        usage: Any = data.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        call |= {"message": message, "usage": usage or None, "finish_reason": first.get("finish_reason")}
        call |= {name: data[name] for name in ("id", "model", "system_fingerprint") if data.get(name) is not None}
        return Answer(message, _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))

    def _clean(self, text: str) -> str:
        """Shortens a text to one line for messages, without the key."""
        if self.key and len(self.key) >= _SHORTEST_SECRET:
            text = text.replace(self.key, "[key]")
        text = " ".join(text.split())
        return f"{text[:_SHOWN_CHARS]} ..." if len(text) > _SHOWN_CHARS else text or "(empty)"


def _completions(httpx: Any, base_url: str) -> str:
    """Returns the URL of chat completions for a base URL."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.userinfo or url.query:
        raise UsageError("a base URL is kept with the run and holds neither password nor key; name a variable for it")
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"an endpoint is named by its base URL, as in https://api.openai.com/v1, not {base_url!r}")
    path = base_url.rstrip("/")
    return path if path.endswith("/chat/completions") else f"{path}/chat/completions"


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
