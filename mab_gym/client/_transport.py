"""HTTP to one FHIR base and nothing else; a failure on the way is never taken for a response."""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from mab_gym.errors import InfrastructureError, NotInstalledError, UsageError, how_to_install
from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response
from mab_gym.fhir.model._json_text import pretty
from mab_gym.fhir.model._outcome import Issue, operation_outcome

TOKEN_VARIABLE = "MAB_GYM_FHIR_TOKEN"
"""The environment variable with a bearer token for a remote server; sent to no other address, never shown."""
HEADERS_VARIABLE = "MAB_GYM_FHIR_HEADERS"
"""The environment variable with further headers for a remote server, as a JSON object of texts; never shown."""
TIMEOUT = 60.0
"""Seconds for one answer."""
FRESH: Mapping[str, str] = {"Cache-Control": "no-cache"}
"""Without this header HAPI answers a search from a result of the last minute."""
_CONNECT = 10.0
_KEPT = ("content-type", "location", "content-location", "etag")
_SAFE_TO_REPEAT = ("GET", "HEAD")


class Transport:
    """Connections to one FHIR base, for any number of threads.

    Args:
        base_url: The base, as in ``http://localhost:8080/fhir``.
        known_as: The base that the server shall use in links, where that is another; the ``Host`` header tells it.
        headers: Headers of every request.
        timeout: Seconds for one answer.

    Attributes:
        base_url: The base without a slash at its end.

    Raises:
        NotInstalledError: httpx is missing.
        UsageError: The URL is invalid, or holds a password.
    """

    def __init__(
        self,
        base_url: str,
        known_as: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._httpx = import_httpx()
        self.base_url = base_url.rstrip("/")
        self._base = fhir_base(self.base_url)
        sent = {**FRESH, **(headers or {})}
        if known_as is not None:
            sent["Host"] = self._httpx.URL(known_as).netloc.decode("ascii")
        self._client = self._httpx.Client(
            timeout=self._httpx.Timeout(timeout, connect=min(_CONNECT, timeout)),
            headers=sent,
            follow_redirects=False,
            trust_env=False,
            verify=self._base.scheme == "https",  # reading certificates takes longer than most answers
        )
        # Also at the end of the process, where `close` was forgotten.
        self._closing = weakref.finalize(self, self._client.close)

    def close(self) -> None:
        """Closes the connections."""
        self._closing()

    def send(self, request: Request) -> Response:
        """Sends a request to the server.

        An invalid request is not sent; it is answered here, with an OperationOutcome. GET and HEAD are tried twice.

        Args:
            request: The request; a target that does not lie below the base is refused with 404.

        Raises:
            InfrastructureError: There was no complete response.
        """
        if self._client.is_closed:
            raise InfrastructureError("the connections to the record system were closed")
        url = self._address(request.target)
        if isinstance(url, Response):
            return url
        tries = 2 if request.method in _SAFE_TO_REPEAT else 1
        content = request.body.encode("utf-8", "replace")
        for remaining in reversed(range(tries)):
            try:
                answer = self._client.request(
                    request.method, url, headers=dict(request.headers), content=content or None
                )
                break
            except (self._httpx.LocalProtocolError, self._httpx.UnsupportedProtocol, UnicodeError) as error:
                return said(400, f"This is no request: {error}", "invalid")
            except self._httpx.TimeoutException as error:
                raise InfrastructureError(f"the record system is too slow: {type(error).__name__}") from None
            except self._httpx.HTTPError as error:
                if not remaining:
                    raise InfrastructureError(f"the record system did not answer: {type(error).__name__}") from None
        return Response(
            answer.status_code, answer.text, {name: answer.headers[name] for name in _KEPT if name in answer.headers}
        )

    def _address(self, target: str) -> object:
        """Returns the whole URL, or a response where it does not lie below the base."""
        try:
            url = self._httpx.URL(f"{self.base_url}/{target}" if target else self.base_url)
        except (self._httpx.InvalidURL, ValueError) as error:
            return said(400, f"This is no URL: {error}", "invalid")
        same = (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)
        below = url.path == self._base.path or url.path.startswith(f"{self._base.path}/")
        if not same or not below or ".." in url.path.split("/"):
            return said(404, "This leads out of the FHIR base", "not-found")
        return url


def said(status: int, text: str, code: str) -> Response:
    """Returns a response of this package's own, in place of the server's, with an OperationOutcome."""
    return Response(status, pretty(operation_outcome(Issue(text, code))), {"content-type": FHIR_JSON})


def fhir_base(base_url: str) -> Any:
    """Returns a FHIR base as an httpx URL.

    Raises:
        NotInstalledError: httpx is missing.
        UsageError: It is invalid, or holds a password.
    """
    httpx = import_httpx()
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.userinfo:
        raise UsageError(
            f"a base URL is shown to agents and holds no password; put what is wanted into {HEADERS_VARIABLE}"
        )
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"a FHIR server is named by its base URL, as in http://localhost:8080/fhir, not {base_url!r}")
    return url


def secret_headers() -> dict[str, str]:
    """Returns the headers for a remote server that environment variables name.

    Raises:
        UsageError: They cannot be read; the text does not hold them.
    """
    headers: dict[str, str] = {}
    if given := os.environ.get(HEADERS_VARIABLE):
        try:
            read = json.loads(given)
        except ValueError:
            read = None
        if not isinstance(read, dict) or not all(isinstance(value, str) for value in read.values()):
            raise UsageError(f'{HEADERS_VARIABLE} is a JSON object of texts, as in {{"X-Api-Key": "..."}}')
        headers |= read
    if token := os.environ.get(TOKEN_VARIABLE):
        headers["Authorization"] = f"Bearer {token}"
    return headers


def import_httpx() -> ModuleType:
    """Imports httpx, which is optional.

    Raises:
        NotInstalledError: It is missing.
    """
    try:
        import httpx  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise NotInstalledError(f"a FHIR server over HTTP needs httpx: {how_to_install('remote')}") from error
    return httpx
