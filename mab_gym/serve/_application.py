"""An ASGI application (https://asgi.readthedocs.io) that passes HTTP requests to the embedded server.

``/fhir`` is the FHIR base. Outside it, ``POST /reset`` resets the caller's session to the snapshot and
``DELETE /session`` ends it; agents, which reach only the FHIR base, can do neither. A server may have further paths.

The event loop reads, waits and sends. It answers reads of one resource where nobody holds the session, and what is
known to be quick where nobody else is there. Worker threads do everything else that touches records or the text of a
body (see `mab_gym.serve._turns`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response
from mab_gym.fhir.http._request_line import spring_error
from mab_gym.fhir.http._server import DEFAULT_BASE_URL, OWN_FAULT
from mab_gym.fhir.model._json_text import pretty
from mab_gym.fhir.model._outcome import FhirError, Issue, operation_outcome
from mab_gym.serve._bodies import Bodies, Receive, discard, gone, has_body
from mab_gym.serve._gate import ROOT, Gate
from mab_gym.serve._gzip import packed, wants_packed
from mab_gym.serve._limits import ServeLimits
from mab_gym.serve._places import LARGE_BODY, OwnPlace, SessionPlace, reads, reads_one
from mab_gym.serve._turns import GoneError, Turns
from mab_gym.serve._worlds import SESSION_COOKIE, Worlds

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CONNECTION = "mab_gym.connection"
"""The key of the connection's number in a request's state; unlike addresses, numbers are not reused."""
_PACKED = {"content-encoding": "gzip", "vary": "Accept-Encoding"}
_log = logging.getLogger(__name__)
_LARGE = "a large body"
"""The key of large bodies, for one request at a time: parsing megabytes of JSON takes many times their memory."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer as it is sent.

    Attributes:
        status: The HTTP status.
        headers: The headers, by lower-case name.
        body: The body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Application:
    """The embedded server over HTTP.

    Args:
        worlds: Gives requests their sessions.
        gate: Admits or refuses requests.
        limits: The limits for clients.
        further: Functions that answer the body of a request outside the FHIR base, by method and path; they take their
            turn among requests that write.
    """

    def __init__(
        self,
        worlds: Worlds,
        gate: Gate | None = None,
        limits: ServeLimits | None = None,
        further: Mapping[tuple[str, str], Callable[[str], Response]] = MappingProxyType({}),
    ) -> None:
        self._worlds = worlds
        self._further = further
        self._gate = gate or Gate(DEFAULT_BASE_URL)
        self._bodies = Bodies(limits or ServeLimits())
        self._turns = Turns(limits or ServeLimits())

    def give_way(self) -> None:
        """Lets the current request wait while quicker ones run (see `Turns.give_way`)."""
        self._turns.give_way()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        match scope["type"]:
            case "http":
                await self._exchange(scope, receive, send)
            case "lifespan":
                await _live(receive, send)
            case "websocket":
                await receive()
                await send({"type": "websocket.close"})  # before it was accepted, so the client gets 403
            case other:
                raise ValueError(f"this application does not speak {other}")

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        unread = has_body(headers)
        extra = self._gate.grants(headers)
        try:
            address = str((scope.get("server") or ("",))[0])
            base_url = self._gate.admit(scope["method"], scope["scheme"], headers, address)
            granted = self._gate.preflight(scope["method"], headers)
            if granted is not None:
                answer = _Answer(200, granted, b"")
            else:
                async with self._bodies.read(receive, headers) as body:
                    unread = False
                    answer = await self._answer(scope, headers, body, base_url, receive)
        except (GoneError, asyncio.CancelledError):
            return  # the client has left, or the server stops
        except FhirError as error:
            answer = _refused(error)
        except Exception:
            _log.exception("%s %s", scope["method"], scope["path"])
            answer = _refused(FhirError(500, Issue(OWN_FAULT, "exception")))
        if unread or "upgrade" in headers:  # the next bytes on this connection would not be a request
            extra["connection"] = "close"
        await _send(send, answer, extra, scope["method"], more=unread)
        if unread:
            await discard(receive)
            await send({"type": "http.response.body"})

    async def _answer(
        self, scope: Scope, headers: Mapping[str, str], body: bytes, base_url: str, receive: Receive
    ) -> _Answer:
        method = scope["method"]
        path = scope.get("raw_path", scope["path"].encode()).decode("utf-8", "replace").partition("?")[0]
        who: Hashable = scope.get("state", {}).get(CONNECTION, scope.get("client"))
        if path == ROOT or path.startswith(ROOT + "/"):
            target = path[len(ROOT) + 1 :]
            if query := scope["query_string"].decode("utf-8", "replace"):
                target += "?" + query
            reading = reads(method, target)
            place, name = self._worlds.place(headers, reading=reading or method == "GET")
            work = partial(_ask, place, method, target, headers, body, base_url, name)
            if reads_one(method, target, headers) and place.ready():
                return work()  # a thread would take far longer to begin than this to end
            like = (who, kind_of(method, target, len(body)))
            alone = {place.turn(reading=reading), _LARGE if len(body) >= LARGE_BODY else None}
            answer: _Answer = await self._work(work, place, like, alone, receive)
            return answer
        if (method, path) in self._further:
            place, _ = self._worlds.place(headers, reading=False)
            work = partial(_call, self._further[method, path], body)
            answer = await self._work(work, place, (who, path), {place.turn(reading=False)}, receive)
            return answer
        if (method, path) in (("POST", "/reset"), ("DELETE", "/session")):
            named = self._worlds.named(headers)
            if named is not None:
                await self._work(named.reset, named, (who, path), {named.turn(reading=False)}, receive)
            if method == "DELETE":
                self._worlds.end(headers)
            return _Answer(204, {}, b"")
        return _nothing_there(path)

    async def _work(
        self,
        work: Callable[[], Any],
        place: SessionPlace,
        like: tuple[Hashable, ...],
        alone: Iterable[Hashable],
        receive: Receive,
    ) -> Any:
        """Runs work in a thread when its turn comes, or at once where nobody else is there."""
        held = frozenset(alone) - {None}
        own = place if isinstance(place, OwnPlace) else None
        like = like if own is None else (own, *like[1:])
        if _LARGE not in held and (done := self._turns.at_once(work, like)) is not None:
            return done[0]
        if own is None:
            return await self._turns.take(work, like, held, partial(gone, receive), place.queue)
        own.busy += 1
        try:
            return await self._turns.take(work, like, held, partial(gone, receive), place.queue)
        finally:
            own.busy -= 1


def kind_of(method: str, target: str, size: int) -> Hashable:
    """Returns the kind of a request; requests of one kind are likely to take equally long.

    Args:
        method: The method, as in ``GET``.
        target: The part of the URL after the base.
        size: The size of the body, in bytes.
    """
    path, _, query = target.partition("?")
    steps = tuple(step for number, step in enumerate(path.split("/")[:5]) if number == 0 or step[:1] in "$_")
    asked = sorted(pair if pair.startswith("_") else pair.partition("=")[0] for pair in query.split("&")[:50])
    return method, steps, tuple(each[:40] for each in asked), len(query).bit_length(), size.bit_length()


def _ask(
    place: SessionPlace,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    base_url: str,
    name: str | None,
) -> _Answer:
    """Answers a request; runs in a worker thread."""
    content = body if target.startswith("Binary") else None
    request = Request(method, target, headers, body.decode("utf-8", "replace"), base_url, content=content)
    response = place.answer(request)
    cookie = {} if name is None else {"set-cookie": f"{SESSION_COOKIE}={name}; Path=/; HttpOnly; SameSite=Lax"}
    answered = {**response.headers, **cookie}
    sent = response.body.encode("utf-8", "replace") if response.content is None else response.content
    if wants_packed(headers) and _may_be_packed(response):
        return _Answer(response.status, answered | _PACKED, packed(sent))
    return _Answer(response.status, answered, sent)


def _may_be_packed(response: Response) -> bool:
    """True for what HAPI compresses: FHIR's resources that are no refusals."""
    kind = response.headers.get("content-type", FHIR_JSON)
    return response.status < 300 and response.content is None and not kind.startswith("text/html")


def _call(further: Callable[[str], Response], body: bytes) -> _Answer:
    """Answers a request outside the FHIR base; runs in a worker thread."""
    response = further(body.decode("utf-8", "replace"))
    return _Answer(response.status, response.headers, response.body.encode("utf-8", "replace"))


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _refused(error: FhirError) -> _Answer:
    headers = {"content-type": FHIR_JSON} | ({"retry-after": "1"} if error.status == 503 else {})
    return _Answer(error.status, headers, pretty(operation_outcome(*error.issues)).encode())


def _nothing_there(path: str) -> _Answer:
    """Returns the answer that the web server around HAPI gives outside the FHIR base."""
    response = spring_error(404, "Not Found", path, int(time.time() * 1000))
    return _Answer(response.status, response.headers, response.body.encode())


async def _send(send: Send, answer: _Answer, extra: Mapping[str, str], method: str, *, more: bool) -> None:
    headers = {**answer.headers, **extra}
    if "vary" in extra and "vary" in answer.headers:
        headers["vary"] = f"{answer.headers['vary']}, {extra['vary']}"
    if method != "HEAD" and answer.status not in (204, 304):
        headers["content-length"] = str(len(answer.body))
    listed = [(name.encode("latin-1", "replace"), text.encode("latin-1", "replace")) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": listed})
    await send({"type": "http.response.body", "body": answer.body, "more_body": more})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
