"""An ASGI application (https://asgi.readthedocs.io) that puts HTTP requests to the embedded server.

``/fhir`` is the FHIR base. Beside it ``POST /reset`` takes the caller's session back to the snapshot and
``DELETE /session`` ends it; agents that are held to the FHIR base reach neither.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from xml.sax.saxutils import escape

from mab_gym.fhir.exchange import FHIR_JSON, Request, Response
from mab_gym.fhir.json_text import pretty
from mab_gym.fhir.outcome import FhirError, Issue, operation_outcome
from mab_gym.serve.worlds import SESSION_COOKIE, Worlds

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

ROOT = "/fhir"
LARGEST_BODY = 64 * 1024 * 1024
"""Bytes; a longer body is refused before it has come in whole."""
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?", re.ASCII)


class Application:
    """The embedded server over HTTP.

    Args:
        worlds: Gives requests their sessions.
        largest_body: How many bytes a request's body may have.
    """

    def __init__(self, worlds: Worlds, largest_body: int = LARGEST_BODY) -> None:
        self._worlds = worlds
        self._largest_body = largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"this application does not speak {scope['type']}")
        try:
            body = await _body(receive, self._largest_body)
        except FhirError as error:
            await _send(send, _refused(error), {"connection": "close"})
            return
        response, extra = self._respond(scope, body)
        await _send(send, response, extra, scope["method"])

    def _respond(self, scope: Scope, body: bytes) -> tuple[Response, Mapping[str, str]]:
        path = scope.get("raw_path", scope["path"].encode()).decode("utf-8", "replace").partition("?")[0]
        headers = _headers(scope)
        try:
            if path == ROOT or path.startswith(ROOT + "/"):
                return self._fhir(scope, path, headers, body)
            if (scope["method"], path) == ("POST", "/reset"):
                session, _ = self._worlds.session(headers)
                session.reset()
                return Response(204, "", {}), {}
            if (scope["method"], path) == ("DELETE", "/session"):
                self._worlds.end(headers)
                return Response(204, "", {}), {}
        except FhirError as error:
            return _refused(error), {}
        return _nothing_there(path), {}

    def _fhir(
        self, scope: Scope, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Response, Mapping[str, str]]:
        session, name = self._worlds.session(headers)
        target = path[len(ROOT) + 1 :]
        if query := scope["query_string"].decode("utf-8", "replace"):
            target += "?" + query
        host = headers.get("host", "")
        base_url = f"{scope['scheme']}://{host}{ROOT}" if _HOST.fullmatch(host) else ""
        request = Request(scope["method"], target, headers, body.decode("utf-8", "replace"), base_url)
        cookie = f"{SESSION_COOKIE}={name}; Path=/; HttpOnly; SameSite=Lax"
        return session.handle(request), {"set-cookie": cookie} if name else {}


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _body(receive: Receive, most: int) -> bytes:
    """The whole body.

    Raises:
        FhirError: 413 where it is too long.
    """
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise FhirError(413, Issue(f"A request's body has at most {most} bytes", "too-long"))
        parts.append(part)
        if not message.get("more_body", False):
            break
    return b"".join(parts)


def _refused(error: FhirError) -> Response:
    return Response(error.status, pretty(operation_outcome(*error.issues)), {"content-type": FHIR_JSON})


def _nothing_there(path: str) -> Response:
    """What the web server around HAPI says outside the FHIR base."""
    text = (
        f"<Map><timestamp>{int(time.time() * 1000)}</timestamp><status>404</status><error>Not Found</error>"
        f"<path>{escape(path)}</path></Map>"
    )
    return Response(404, text, {"content-type": "application/xml;charset=UTF-8"})


async def _send(send: Send, response: Response, extra: Mapping[str, str], method: str = "") -> None:
    body = response.body.encode("utf-8", "replace")
    headers = {**response.headers, **extra}
    if method != "HEAD" and response.status not in (204, 304):
        headers["content-length"] = str(len(body))
    listed = [(name.encode("latin-1", "replace"), text.encode("latin-1", "replace")) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": listed})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
