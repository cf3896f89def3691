"""A chat model behind an OpenAI-compatible endpoint: one request, one answer, and every way in which it can fail.

The client is OpenAI's own SDK, which speaks to every endpoint of this kind, by chat completions with and without
streaming and by Responses. litellm would also translate other protocols, and hides the endpoint's own message and words
behind its own; both are kept here.

Passing failures (429, 5xx, timeouts, cut connections, broken answers) are retried with growing pauses, or with the
pause that the endpoint asks for. Lasting failures raise the errors that `ChatEndpoint.ask` lists. The API key is sent
to this endpoint and left out of every text.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
import weakref
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from mab_gym.agents._answers import Answer, chat_answer, responses_answer, responses_request
from mab_gym.agents._pieces import ChatPieces, ResponsePieces
from mab_gym.agents._refusals import (
    says_responses_only,
    says_stream_only,
    says_too_long,
    says_wrong_setting,
    words_in,
)
from mab_gym.client._retry_after import retry_after
from mab_gym.errors import (
    AgentError,
    AgentLostError,
    AgentSettingsError,
    ContextLimitError,
    NotInstalledError,
    UsageError,
    how_to_install,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ATTEMPTS = 6
"""The greatest number of tries of one request."""
PAUSE = 1.0
"""Seconds before the second try; doubled before each further one, plus a random part."""
TIMEOUT = 120.0
"""Seconds after which a try fails whose answer is not whole."""
APIS = ("auto", "chat", "stream", "responses", "responses-stream")
"""The forms of a request; ``auto`` begins with ``chat`` and takes another one if the endpoint asks for it."""
LONGEST_PAUSE = 60.0
"""Seconds; the pause is longer only if the endpoint asks for it."""
LONGEST_WISH = 600.0
"""Seconds; a request whose endpoint asks for a longer pause fails instead."""
_SHOWN_CHARS = 300
_PATHS = dict(zip(APIS[1:], ("/chat/completions", "/chat/completions", "/responses", "/responses"), strict=True))

_WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429})
_NOTHING_WILL_HELP = {
    401: "refuses the key",
    402: "asks for payment first",
    403: "refuses the key",
    404: "knows no such address or model",
    405: "does not take such requests",
}
_SHORTEST_SECRET = 8
_NEVER_SENT = (
    "OpenAI-Organization",
    "OpenAI-Project",
    *(
        f"X-Stainless-{name}"
        for name in ("Arch", "Async", "Lang", "OS", "Package-Version", "Runtime", "Runtime-Version")
    ),
)
"""Headers by which the SDK would tell an endpoint of this machine, or of variables that are meant for OpenAI."""
_T = TypeVar("_T")


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


class _OtherApiError(Exception):
    """The endpoint wants its requests in another form, which is taken from now on."""


@dataclass(slots=True, weakref_slot=True)
class ChatEndpoint:
    """An OpenAI-compatible endpoint; any number of threads and event loops may use it at once.

    Attributes:
        base_url: The base URL, as in ``https://api.openai.com/v1``.
        model: The model's name.
        key: The API key, sent as a bearer token; None if the endpoint wants none.
        settings: Further fields of each request, as in ``{"temperature": 0.0}``.
        attempts: The greatest number of tries of one request.
        pause: Seconds before the second try.
        timeout: Seconds after which a try fails whose answer is not whole.
        halt: Set when answers are not wanted any more: pauses end at once, and nothing is retried.
        api: The form of the requests, one of `APIS`.

    Raises:
        NotInstalledError: The extra ``llm`` is missing.
        UsageError: The URL is invalid or holds a password, the key cannot be sent, or there is no such form.
    """

    base_url: str
    model: str
    key: str | None = field(default=None, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = ATTEMPTS
    pause: float = PAUSE
    timeout: float = TIMEOUT
    halt: threading.Event = field(default_factory=threading.Event)
    api: str = APIS[0]
    _clients: dict[int, AsyncOpenAI] = field(init=False, repr=False, default_factory=dict)
    _options: Any = field(init=False, repr=False)
    _closing: Any = field(init=False, repr=False)
    _form: str = field(init=False)

    def __post_init__(self) -> None:
        try:
            import openai  # noqa: PLC0415  (optional)
            import tenacity  # noqa: F401, PLC0415  (optional)
        except ImportError as error:
            raise NotInstalledError(
                f"a model over HTTP needs what is missing here ({error.name}): {how_to_install('llm')}"
            ) from None
        if self.api not in APIS:
            raise UsageError(f"an endpoint's api is {', '.join(APIS)}, not {self.api!r}")
        self._form = "chat" if self.api == "auto" else self.api
        if self.key is not None:
            self.key = self.key.strip()
            if not self.key.isascii() or not self.key.isprintable():
                raise UsageError("the key holds characters that cannot be sent (it is one line of plain letters)")
        _check_address(self.base_url)
        self._options = {
            "headers": dict.fromkeys(_NEVER_SENT if self.key else (*_NEVER_SENT, "Authorization"), openai.Omit())
        }
        # Closed when the endpoint is no longer referenced, at the latest when the process ends.
        self._closing = weakref.finalize(self, _close, self._clients)

    def _client(self) -> AsyncOpenAI:
        """The client of this process; a fork has connections of its own, and leaves its parent's alone."""
        import openai  # noqa: PLC0415  (optional)

        client = self._clients.get(os.getpid())
        if client is None:
            # Tries and their pauses are counted here, so that each is recorded and `halt` ends them.
            client = self._clients[os.getpid()] = openai.AsyncOpenAI(
                base_url=self.base_url,
                api_key=self.key or "none",
                max_retries=0,
                timeout=self.timeout,
                http_client=openai.DefaultAioHttpClient(timeout=None, follow_redirects=False),
            )
        return client

    def close(self) -> None:
        """Closes the connections."""
        self._closing()

    def ask_now(
        self,
        messages: Sequence[Mapping[str, Any]],
        calls: list[dict[str, Any]],
        further: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Sends a chat and waits for the model's answer; the synchronous form of `ask`."""
        answer: Answer = _in_loop(self._ask(messages, calls, further)).result()
        return answer

    async def ask(
        self,
        messages: Sequence[Mapping[str, Any]],
        calls: list[dict[str, Any]],
        further: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Sends a chat and returns the model's answer.

        Args:
            messages: The chat so far, in the form of chat completions.
            calls: A list that gets an entry for each try: its HTTP ``status`` (0 if there was no answer), ``seconds``,
                and the ``message`` with further fields of the answer, or the ``error``.
            further: Further fields of this request.

        Raises:
            ContextLimitError: The chat is longer than the model's context.
            AgentSettingsError: The endpoint refuses a setting.
            AgentLostError: The endpoint cannot be reached, refuses the key, or knows no such model.
            AgentError: No try succeeded, or the endpoint refuses this request.
        """
        return await asyncio.wrap_future(_in_loop(self._ask(messages, calls, further)))

    async def _ask(
        self, messages: Sequence[Mapping[str, Any]], calls: list[dict[str, Any]], further: Mapping[str, Any] | None
    ) -> Answer:
        import tenacity  # noqa: PLC0415  (optional)

        body = {"model": self.model, "messages": list(messages), **self.settings, **(further or {})}
        growing = tenacity.wait_exponential(multiplier=self.pause, max=LONGEST_PAUSE) + tenacity.wait_random(
            0, self.pause
        )

        def wait(state: tenacity.RetryCallState) -> float:
            failed = None if state.outcome is None else state.outcome.exception()
            wish = failed.pause if isinstance(failed, _PassingError) else None
            return max(float(growing(state)), wish or 0.0)

        tries = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(_PassingError),
            stop=tenacity.stop_after_attempt(self.attempts) | tenacity.stop_when_event_set(self.halt),
            wait=wait,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await tries(self._try, body, calls)
        except _PassingError as failed:
            text = f"the endpoint {self.base_url} {failed}"
            raise (AgentLostError if failed.dead else AgentError)(text) from None

    async def _sleep(self, seconds: float) -> None:
        """Waits until the time is over or the run is halted."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.halt.is_set():
            await asyncio.sleep(min(left, 0.1))

    async def _try(self, body: Mapping[str, Any], calls: list[dict[str, Any]]) -> Answer:
        while True:
            begun = time.perf_counter()
            call: dict[str, Any] = {"status": 0, "seconds": 0.0, "api": self._form}
            calls.append(call)
            try:
                async with asyncio.timeout(self.timeout):
                    return await self._exchange(body, call)
            except _OtherApiError as error:
                call["error"] = str(error)
            except TimeoutError:
                call["error"] = f"gave no whole answer within {self.timeout:g} s"
                raise _PassingError(call["error"]) from None
            except (_PassingError, AgentError, ContextLimitError) as error:
                call["error"] = str(error)
                raise
            finally:
                call["seconds"] = round(time.perf_counter() - begun, 3)

    async def _exchange(self, body: Mapping[str, Any], call: dict[str, Any]) -> Answer:
        import openai  # noqa: PLC0415  (optional)

        form = self._form
        try:
            data = await self._sent(body, form)
        except openai.APIStatusError as error:
            call["status"] = error.status_code
            response = error.response
            words = words_in(response.text)
            self._change_form(form, error.status_code, words)
            self._refused(error.status_code, words, response.headers.get("retry-after"))
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            if _never_connected(error):
                raise _PassingError(f"cannot be reached: {self._clean(str(cause))}", dead=True) from None
            if isinstance(error, openai.APITimeoutError):
                raise TimeoutError from None
            raise _PassingError(f"broke off: {type(cause).__name__}") from None
        except TimeoutError:
            raise
        except Exception as error:  # an endpoint can send anything
            call["status"] = 200
            raise _PassingError(f"sent an answer that cannot be read: {self._clean(str(error))}") from None
        call["status"] = 200
        return self._read(data, call, form)

    async def _sent(self, body: Mapping[str, Any], form: str) -> Any:
        """Sends a request and returns the body of its answer; a stream's pieces are put together."""
        # A base URL may name the whole address itself.
        base = self.base_url.rstrip("/").removesuffix("/chat/completions").removesuffix("/responses")
        told = responses_request(body) if form.startswith("responses") else dict(body)
        post = self._streamed if form.endswith("stream") else self._posted
        try:
            return await post(f"{base}{_PATHS[form]}", told)
        except UnicodeEncodeError:  # a model has written lone surrogates, which UTF-8 cannot encode
            return await post(f"{base}{_PATHS[form]}", _without_surrogates(told))

    async def _posted(self, url: str, body: Mapping[str, Any]) -> Any:
        return json.loads(await self._client().post(url, cast_to=str, body=body, options=self._options))

    async def _streamed(self, url: str, body: Mapping[str, Any]) -> Any:
        from openai import AsyncStream  # noqa: PLC0415  (optional)

        told = {**body, "stream": True}
        chat = "messages" in body
        if chat:
            told.setdefault("stream_options", {"include_usage": True})
        pieces = ChatPieces() if chat else ResponsePieces()
        async for piece in await self._client().post(
            url, cast_to=object, body=told, options=self._options, stream=True, stream_cls=AsyncStream[Any]
        ):
            pieces.add(piece)
        return pieces.whole()

    def _change_form(self, form: str, status: int, words: str) -> None:
        """Takes another form of requests if the endpoint asks for it.

        Raises:
            _OtherApiError: It does.
        """
        if self.api != "auto" or status not in (400, 404, 405, 422):
            return
        other = form
        if not form.endswith("stream") and status in (400, 422) and says_stream_only(words):
            other = "stream" if form == "chat" else "responses-stream"
        elif not form.startswith("responses") and (
            says_responses_only(words) or (status in (404, 405) and "model" not in words.lower())
        ):
            other = "responses"
        if other != form:
            self._form = other
            raise _OtherApiError(f"the endpoint wants {other} (HTTP {status}): {self._clean(words)}")

    def _refused(self, status: int, text: str, wish: str | None) -> NoReturn:
        """Raises the error for a status other than success; ``wish`` is its ``Retry-After``."""
        said = f"(HTTP {status}): {self._clean(text)}"
        if status >= 400 and status not in (401, 403, 404, 429) and says_too_long(text):
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
        if says_wrong_setting(text, self.settings):
            raise AgentSettingsError(f"the endpoint {self.base_url} refuses a setting {said}")
        raise AgentError(f"the endpoint {self.base_url} refuses the request {said}")

    def _read(self, data: Any, call: dict[str, Any], form: str) -> Answer:
        error = data.get("error") if isinstance(data, dict) else None
        if isinstance(error, dict) and not data.get("choices"):
            # Some gateways send errors with status 200.
            code = error.get("code")
            self._refused(code if isinstance(code, int) and code >= 400 else 502, json.dumps(error), None)
        answer = responses_answer(data) if form.startswith("responses") else chat_answer(data)
        if answer is None:
            raise _PassingError(f"answered without a message: {self._clean(json.dumps(data))}")
        call |= {
            "message": answer.message,
            "usage": data.get("usage") or None,
            "finish_reason": answer.finish_reason,
        }
        call |= {name: data[name] for name in ("id", "model", "system_fingerprint") if data.get(name) is not None}
        return answer

    def _clean(self, text: str) -> str:
        """Shortens a text to one line for messages, without the key."""
        if self.key and len(self.key) >= _SHORTEST_SECRET:
            text = text.replace(self.key, "[key]")
        text = " ".join(text.split())
        return f"{text[:_SHOWN_CHARS]} ..." if len(text) > _SHOWN_CHARS else text or "(empty)"


def _never_connected(error: BaseException) -> bool:
    """Tells if no connection could be made; the transport's own errors (aiohttp's) say it, behind those of the SDK."""
    causes = {type(error).__name__}
    while (cause := error.__cause__) is not None:
        causes.add(type(cause).__name__)
        error = cause
    return any(name.startswith(("ClientConnector", "ConnectionTimeout")) for name in causes)


def _check_address(base_url: str) -> None:
    """Checks that a base URL can be asked.

    Raises:
        UsageError: It cannot, or holds a secret.
    """
    try:
        url = urlsplit(base_url)
        host = url.hostname
    except ValueError:
        url, host = urlsplit(""), None
    if url.username or url.password or url.query:
        raise UsageError("a base URL is kept with the run and holds neither password nor key; name a variable for it")
    if url.scheme not in ("http", "https") or not host:
        raise UsageError(f"an endpoint is named by its base URL, as in https://api.openai.com/v1, not {base_url!r}")


def _without_surrogates(body: Any) -> Any:
    """Returns a body whose lone surrogates are replaced."""
    text = json.dumps(body, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


_loops: dict[int, asyncio.AbstractEventLoop] = {}
"""The event loop in which a process sends all its requests, by the process's number: a fork has none yet."""
_lock = threading.RLock()  # a finalizer may come in a thread that holds it


def _forget() -> None:
    """Leaves the loop of the parent alone, in the child of a fork."""
    global _lock  # noqa: PLW0603  (another thread of the parent may have held it)
    _lock = threading.RLock()
    _loops.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _in_loop(work: Coroutine[Any, Any, _T]) -> Any:
    """Starts work in the event loop of requests and returns its future, which any thread may wait for."""
    with _lock:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="mab_gym requests", daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, loop)


def _close(clients: dict[int, AsyncOpenAI]) -> None:
    """Closes a client. Python may call it in any thread, even in the loop's own, which must not wait for itself."""
    client = clients.pop(os.getpid(), None)
    if client is not None:
        closing = _in_loop(client.close())
        if threading.current_thread() is threading.main_thread():
            with suppress(Exception):
                closing.result(timeout=2.0)
