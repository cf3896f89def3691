"""The sessions of the MCP server over HTTP, each with an episode.

The package's own sessions keep two tasks and four streams each for messages that a server sends of its own accord.
This server sends none, so the package answers each request alone, and the sessions are kept here: a quarter of the
memory. `HttpSessions` is the application around that of the package.

The revision 2026-07-28 of the protocol has no sessions over HTTP. A request of it is refused with the versions that
have them, and clients that know both fall back to those.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import anyio
import mcp_types as types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from mab_gym.errors import UsageError
from mab_gym.integrations.mcp._episodes import CHOICES, Episodes, SessionEpisode

_ID = "mcp-session-id"
_CHOICE = "x-mab-"
_SESSION, _OPENED = "mab_gym.session", "mab_gym.opened"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_SWEEP_SECONDS = 30.0
"""The longest time between two looks for sessions that nobody uses any more."""


class HttpSession:
    """A session.

    Args:
        episode: Its episode.

    Attributes:
        episode: Its episode.
        busy: The number of requests that are being answered.
        used: The time of the last request, on the monotonic clock.
    """

    __slots__ = ("busy", "episode", "used")

    def __init__(self, episode: SessionEpisode) -> None:
        self.episode = episode
        self.busy, self.used = 0, time.monotonic()


class HttpSessions:
    """The sessions by their ids, as an ASGI application.

    Args:
        server: The server that answers requests.
        episodes: The episodes.
        host: The address at which it will listen; at a loopback address requests for other host names are refused.
        most: The greatest number of sessions at once; any further one is refused.
        idle_seconds: The time after which a session without a request ends.
    """

    def __init__(self, server: Server[Any], episodes: Episodes, host: str, most: int, idle_seconds: float) -> None:
        server.middleware.append(self._check)
        self._manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, security_settings=security(host)
        )
        self._episodes, self._most, self._idle = episodes, most, idle_seconds
        self._live: dict[str, HttpSession] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        name = Headers(scope=scope).get(_ID)
        if name is None:

            async def named(message: Message) -> None:
                if message["type"] == "http.response.start" and _OPENED in scope:
                    message["headers"] = [*message["headers"], (_ID.encode(), scope[_OPENED].encode())]
                await send(message)

            await self._manager.asgi_app(scope, receive, named)
            return
        session = self._live.get(name)
        if session is None:
            await _unknown(scope, receive, send)
        elif scope["method"] == "DELETE":
            await self._end(name)
            await Response()(scope, receive, send)
        else:
            scope[_SESSION] = session
            session.busy += 1
            try:
                await self._manager.asgi_app(scope, receive, send)
            finally:
                session.busy -= 1
                session.used = time.monotonic()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answers requests inside an ``async with`` block; ends all sessions after it."""
        async with self._manager.run(), anyio.create_task_group() as tasks:
            tasks.start_soon(self._sweep)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()
                self._episodes.stopping = True
                with anyio.CancelScope(shield=True):
                    for name in list(self._live):
                        await self._end(name)

    async def _check(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Refuses what belongs to no session, and opens one for the request that begins it."""
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            supported = {"supported": list(HANDSHAKE_PROTOCOL_VERSIONS), "requested": ctx.protocol_version}
            words = "over HTTP an episode belongs to a session, and this version of the protocol has none"
            raise MCPError(code=types.UNSUPPORTED_PROTOCOL_VERSION, message=words, data=supported)
        if ctx.method != "initialize":
            if ctx.request_id is not None and _SESSION not in _scope(ctx):
                raise MCPError(code=types.INVALID_REQUEST, message=f"there is no {_ID}: begin with initialize")
            return await call_next(ctx)
        asked = asked_of(ctx.request)
        try:
            self._episodes.choose(asked, 0)
        except UsageError as error:
            raise MCPError(code=types.INVALID_PARAMS, message=str(error)) from None
        if len(self._live) >= self._most:
            raise MCPError(code=types.INTERNAL_ERROR, message=f"{self._most:,} sessions are open, and no more may be")
        result = await call_next(ctx)
        name = _scope(ctx)[_OPENED] = uuid4().hex
        self._live[name] = HttpSession(SessionEpisode(self._episodes, asked))
        return result

    async def _end(self, name: str) -> None:
        session = self._live.pop(name, None)
        if session is not None:
            await session.episode.leave()

    async def _sweep(self) -> None:
        while True:
            await anyio.sleep(min(_SWEEP_SECONDS, self._idle / 4))
            for name in list(self._live):
                session = self._live.get(name)  # while another one ended, it may have been used, or ended itself
                if session is not None and not session.busy and session.used < time.monotonic() - self._idle:
                    await self._end(name)


def http_app(server: Server[Any], episodes: Episodes, host: str, most: int, idle_seconds: float) -> Starlette:
    """Returns the whole ASGI application: ``/mcp``, and ``/health``, which answers ok.

    Args:
        server: The server that answers requests.
        episodes: The episodes.
        host: The address at which it will listen.
        most: The greatest number of sessions at once.
        idle_seconds: The time after which a session without a request ends.
    """
    sessions = HttpSessions(server, episodes, host, most, idle_seconds)

    async def health(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    # Without GET no stream stays open for each client: nothing would ever come on it.
    routes = [Route("/mcp", sessions, methods=["POST", "DELETE"]), Route("/health", health)]
    return Starlette(routes=routes, lifespan=lambda app: sessions.running())


def episode_of(context: ServerRequestContext[Any, Any]) -> SessionEpisode:
    """Returns the episode of a request's session."""
    session: HttpSession = _scope(context)[_SESSION]
    return session.episode


def asked_of(request: Any) -> dict[str, str]:
    """Returns a session's own choices.

    Args:
        request: The request that opens the session; its address and its headers name them.
    """
    headers = {name: request.headers[_CHOICE + name] for name in CHOICES if _CHOICE + name in request.headers}
    return {**headers, **request.query_params}


def _scope(context: ServerRequestContext[Any, Any]) -> dict[str, Any]:
    request: Any = context.request
    scope: dict[str, Any] = request.scope
    return scope


def security(host: str) -> TransportSecuritySettings:
    """Returns the names by which clients may ask: at a loopback address its names alone, else any."""
    if host not in ("127.0.0.1", "localhost", "::1"):
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    return TransportSecuritySettings(
        allowed_hosts=[each for name in _LOOPBACK for each in (name, f"{name}:*")],
        allowed_origins=[f"http://{name}:*" for name in _LOOPBACK],
    )


async def _unknown(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers that there is no such session; clients open a new one then."""
    error: Mapping[str, Any] = {"code": types.INVALID_REQUEST, "message": "Session not found"}
    await JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status_code=404)(scope, receive, send)
