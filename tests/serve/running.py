"""A server in a thread of this process, with limits small enough to be met, and clients that send what they like."""

from __future__ import annotations

import gc
import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Semaphore, Thread
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._server import FhirServer, FhirSession
from mab_gym.serve import Application, Gate, OwnWorlds, ServeLimits, SharedWorld, Worlds, _running, listen, run

FHIR = "Content-Type: application/fhir+json"


@dataclass
class Answer:
    """The answer that came back on a connection.

    Attributes:
        status: The HTTP status, or 0 where nothing came.
        head: The status line and headers.
        text: The body.
    """

    status: int
    head: str
    text: str

    def header(self, name: str) -> str:
        """A header's value, or empty."""
        lines = (line.partition(":") for line in self.head.split("\r\n"))
        return next((value.strip() for key, _, value in lines if key.lower() == name), "")

    @property
    def outcome(self) -> str:
        """The message of an OperationOutcome."""
        return str(json.loads(self.text)["issue"][0]["diagnostics"])


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Sends bytes."""
        self._socket.sendall(data)

    def ask(self, method: str, path: str, *headers: str, body: bytes = b"", host: str | None = "localhost") -> Answer:
        """Sends a request and reads the answer."""
        lines = [f"{method} {path} HTTP/1.1", *([] if host is None else [f"Host: {host}"]), *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        return self.read()

    def read(self) -> Answer:
        """Reads an answer."""
        head = b""
        while not head.endswith(b"\r\n\r\n") and (line := self._file.readline()):
            head += line
        answer = Answer(int(head.split()[1]) if head else 0, head.decode("latin-1"), "")
        answer.text = self._file.read(int(answer.header("content-length") or 0)).decode("utf-8", "replace")
        return answer

    @property
    def closed(self) -> bool:
        """True where the server closes the connection, with nothing more to say."""
        try:
            return self._file.read(1) == b""
        except ConnectionError:
            return True


@contextmanager
def running(worlds: Worlds, limits: ServeLimits | None = None, gate: Callable[[str], Gate] = Gate) -> Iterator[int]:
    """Serves; yields the port.

    A server collects garbage before it begins. What other tests have left in this process takes seconds to look
    through, so here it does not; ``tests/test_serve.py`` starts it as it is, in processes of its own.
    """
    listening = listen("127.0.0.1", 0)
    port = int(listening.getsockname()[1])
    application = Application(worlds, gate(f"http://127.0.0.1:{port}/fhir"), limits)
    is_ready, stops = Event(), list[Callable[[], None]]()

    def ready(stop: Callable[[], None]) -> None:
        stops.append(stop)
        is_ready.set()

    thread = Thread(target=run, args=(application, listening, ready, limits), daemon=True)
    uncollected = SimpleNamespace(collect=lambda: 0, freeze=gc.freeze, unfreeze=gc.unfreeze)
    with patch.object(_running, "gc", uncollected):
        thread.start()
        assert is_ready.wait(30)
    try:
        yield port
    finally:
        stops[0]()
        thread.join(30)
        assert not thread.is_alive()


def shared(limits: ServeLimits | None = None, server: FhirServer | None = None) -> SharedWorld:
    return SharedWorld(server or FhirServer({}), limits)


def own(limits: ServeLimits | None = None, server: FhirServer | None = None) -> OwnWorlds:
    return OwnWorlds(server or FhirServer({}), limits)


def ask(port: int, method: str, path: str, *headers: str, body: Any = None, **given: Any) -> Answer:
    """One request on a connection of its own; a body is sent as JSON."""
    kind = () if body is None else (FHIR,)
    data = b"" if body is None else json.dumps(body).encode()
    with Client(port) as client:
        return client.ask(method, path, *headers, *kind, body=data, **given)


def patient(logical_id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": logical_id, **elements}


class SlowServer(FhirServer):
    """A server on which what names ``slow`` takes until it is let go.

    Attributes:
        at_work: Released once for each such request as soon as it is worked on.
        let_go: To be set.
        order: The targets in the order in which work on them ended.
    """

    def __init__(self) -> None:
        super().__init__({})
        self.at_work, self.let_go = Semaphore(0), Event()
        self.order: list[str] = []

    def open(self) -> FhirSession:
        return _SlowSession(self)


class _SlowSession(FhirSession):
    def handle(self, request: Request) -> Response:
        assert isinstance(self.server, SlowServer)
        if "slow" in request.target:
            self.server.at_work.release()
            assert self.server.let_go.wait(30)
        response = super().handle(request)
        self.server.order.append(request.target)
        return response


@contextmanager
def meanwhile(
    server: SlowServer, port: int, requests: Sequence[tuple[str, str, Any]], *headers: str, together: int = 1
) -> Iterator[list[Answer]]:
    """Has slow requests at work for as long as the block runs; yields their answers, which are there afterwards.

    The block begins as soon as so many of them are worked on together.
    """
    answers: list[Answer] = []

    def slow(method: str, path: str, body: Any) -> None:
        answers.append(ask(port, method, path, *headers, body=body))

    threads = [Thread(target=slow, args=request, daemon=True) for request in requests]
    for thread in threads:
        thread.start()
    for _ in range(together):
        assert server.at_work.acquire(timeout=30)
    try:
        yield answers
    finally:
        server.let_go.set()
        for thread in threads:
            thread.join(30)
