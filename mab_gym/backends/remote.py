"""A FHIR server somewhere else, to read from: nothing is ever written to it.

That is all that the official protocol needs, whose POSTs are acknowledged and never sent.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import ModuleType
from typing import Any

from mab_gym.errors import NotInstalledError, UsageError
from mab_gym.fhir.exchange import FHIR_JSON
from mab_gym.fhir.json_text import pretty
from mab_gym.fhir.outcome import Issue, operation_outcome
from mab_gym.fhir.overlay import Write
from mab_gym.fhir.server import DEFAULT_NOW, Request, Response

TOKEN_VARIABLE = "MAB_GYM_FHIR_TOKEN"
"""Environment variable with a bearer token for the server; it is sent to no other address and never shown."""
TIMEOUT = 60.0
"""Seconds for one answer."""


class RemoteSession:
    """A view of a remote server; see `RecordSession`."""

    writes: Sequence[Write] = ()

    def __init__(self, backend: RemoteBackend) -> None:
        self._backend = backend

    def handle(self, request: Request) -> Response:
        """Puts a GET to the server; other requests are refused here, and faults of the line told as a 503."""
        if request.method not in ("GET", "HEAD"):
            return _said(405, "A remote record system is only read from", "not-supported")
        return self._backend.fetch(request.method, request.target)

    def reset(self) -> None:
        """Nothing was changed."""

    def prepare(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Refuses: nothing can be laid over a server that is only read from.

        Raises:
            UsageError: Always.
        """
        raise UsageError("variants that change the chart need the embedded record system")


class RemoteBackend:
    """A FHIR R4 server by its base URL; see `Backend` for the attributes.

    Args:
        base_url: As in ``http://localhost:8080/fhir``.
        now: The record system's clock.

    Raises:
        NotInstalledError: httpx is missing.
        UsageError: The URL is none.
    """

    def __init__(self, base_url: str, now: datetime = DEFAULT_NOW) -> None:
        self._httpx = _httpx()
        self.base_url = base_url.rstrip("/")
        self._base = self._httpx.URL(self.base_url)
        if self._base.scheme not in ("http", "https") or not self._base.host:
            raise UsageError(
                f"a FHIR server is named by its base URL, as in http://localhost:8080/fhir, not {base_url!r}"
            )
        self.now = now
        self.digest = f"remote:{self.base_url}"
        token = os.environ.get(TOKEN_VARIABLE)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = self._httpx.Client(timeout=TIMEOUT, headers=headers, follow_redirects=False, trust_env=False)
        # At the end of the process, too, for whoever forgets `close`.
        self._closing = weakref.finalize(self, self._client.close)

    def open(self) -> RemoteSession:
        """A new view."""
        return RemoteSession(self)

    def close(self) -> None:
        """Closes the connections."""
        self._closing()

    def fetch(self, method: str, target: str) -> Response:
        """Puts a request below the base and to nothing else."""
        try:
            url = self._httpx.URL(f"{self.base_url}/{target}" if target else self.base_url)
        except self._httpx.InvalidURL as error:
            return _said(400, f"This is no URL: {error}", "invalid")
        same = (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)
        path = url.path
        if (
            not same
            or not (path == self._base.path or path.startswith(f"{self._base.path}/"))
            or ".." in path.split("/")
        ):
            return _said(404, "This leads out of the FHIR base", "not-found")
        try:
            answer = self._client.request(method, url)
        except self._httpx.HTTPError as error:
            return _said(503, f"The record system did not answer: {type(error).__name__}", "transient")
        kept = {name: answer.headers[name] for name in ("content-type", "location", "etag") if name in answer.headers}
        return Response(answer.status_code, answer.text, kept)


def _said(status: int, text: str, code: str) -> Response:
    return Response(status, pretty(operation_outcome(Issue(text, code))), {"content-type": FHIR_JSON})


def _httpx() -> ModuleType:
    try:
        import httpx  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise NotInstalledError("a remote record system needs httpx: pip install 'mab-gym[remote]'") from error
    return httpx
