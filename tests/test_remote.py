"""A running FHIR server as a record system that is only read from."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mab_gym.backends.remote import TOKEN_VARIABLE, RemoteBackend
from mab_gym.errors import UsageError
from mab_gym.fhir.server import Request

seen: list[tuple[str, str, str | None]] = []


class Stub(BaseHTTPRequestHandler):
    """Answers like a FHIR server that remembers what it was asked."""

    def do_GET(self) -> None:
        seen.append((self.command, self.path, self.headers.get("Authorization")))
        status = 302 if "elsewhere" in self.path else 404 if "nobody" in self.path else 200
        body = json.dumps({"resourceType": "Bundle", "path": self.path}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/fhir+json")
        if status == 302:
            self.send_header("Location", "http://example.org/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/fhir"
    server.shutdown()
    server.server_close()


def test_a_get_is_put_to_the_server(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "s3cret")
    with closing(RemoteBackend(f"{address}/")) as backend:
        check_gets(backend)


def check_gets(backend: RemoteBackend) -> None:
    response = backend.open().handle(Request("GET", "Observation?code=K&_sort=-date"))

    assert response.status == 200
    assert json.loads(response.body)["path"] == "/fhir/Observation?code=K&_sort=-date"
    assert seen[-1][2] == "Bearer s3cret"
    assert "s3cret" not in repr(backend.digest) + backend.base_url
    assert backend.open().handle(Request("GET", "Patient/nobody")).status == 404
    assert list(backend.open().writes) == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_is_ever_written(address: str, method: str) -> None:
    before = len(seen)
    with closing(RemoteBackend(address)) as backend:
        response = backend.open().handle(Request(method, "Patient", {}, "{}"))
    assert response.status == 405
    assert len(seen) == before


@pytest.mark.parametrize(
    "target", ["../admin", "a/../../admin", "Patient/%2e%2e/%2e%2e/admin", "..", "\x00", "//x.org/a"]
)
def test_nothing_beside_the_base_is_reached(address: str, target: str) -> None:
    before = len(seen)
    with closing(RemoteBackend(address)) as backend:
        backend.open().handle(Request("GET", target))
    assert all(path == "/fhir" or path.startswith("/fhir/") for _, path, _ in seen[before:])
    assert not any(".." in path for _, path, _ in seen[before:])


def test_a_redirect_is_not_followed(address: str) -> None:
    with closing(RemoteBackend(address)) as backend:
        response = backend.open().handle(Request("GET", "elsewhere"))
    assert response.status == 302


def test_a_server_that_is_not_there_is_a_503() -> None:
    with closing(RemoteBackend("http://127.0.0.1:9/fhir")) as backend:
        response = backend.open().handle(Request("GET", "Patient"))
    assert response.status == 503
    assert json.loads(response.body)["issue"][0]["code"] == "transient"


def test_what_is_no_url_is_said() -> None:
    for wrong in ("localhost:8080", "ftp://a.example/fhir", ""):
        with pytest.raises(UsageError, match="base URL"):
            RemoteBackend(wrong)
    with closing(RemoteBackend("http://127.0.0.1:9/fhir")) as backend, pytest.raises(UsageError, match="embedded"):
        backend.open().prepare([])
