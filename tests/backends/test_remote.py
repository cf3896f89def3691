"""A running FHIR server as a record system that is only read from."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mab_gym.backends.remote._backend import UNDONE, RemoteBackend
from mab_gym.client._transport import TOKEN_VARIABLE
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.fhir.http._server import Request
from tests.backends.hospital import CUT, Hospital, hospital

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


def test_a_server_that_is_not_there_is_a_failure() -> None:
    with closing(RemoteBackend("http://127.0.0.1:9/fhir")) as backend, pytest.raises(InfrastructureError):
        backend.open().handle(Request("GET", "Patient"))


def test_settings_that_are_none_are_said() -> None:
    with pytest.raises(UsageError, match="refused or undone"):
        RemoteBackend("http://127.0.0.1:9/fhir", writes="kept")
    with closing(RemoteBackend("http://127.0.0.1:9/fhir")) as backend, pytest.raises(UsageError, match="embedded"):
        backend.open().prepare([])


# --- with everything taken back --------------------------------------------------------------------------------------

POTASSIUM = json.dumps({"resourceType": "Observation", "status": "final", "code": {"text": "K"}})
JSON = {"content-type": "application/fhir+json"}
NOW = datetime(2024, 11, 12, 8, tzinfo=UTC)


@pytest.fixture
def place() -> Iterator[Hospital]:
    with hospital() as running:
        yield running


@pytest.fixture
def backend(place: Hospital) -> Iterator[RemoteBackend]:
    with closing(RemoteBackend(place.base, writes=UNDONE, timeout=30.0)) as made:
        yield made


def test_writes_are_real_told_and_taken_back(place: Hospital, backend: RemoteBackend) -> None:
    session = backend.open()
    assert session.handle(Request("POST", "Observation", JSON, POTASSIUM)).status == 201
    assert len(place.ids("Observation")) == 3
    (write,) = session.writes
    assert (write.interaction, write.resource_type, write.version) == ("create", "Observation", 1)
    assert write.resource is not None
    assert write.resource["code"] == {"text": "K"}
    session.release()
    assert place.ids("Observation") == ["1", "2"]
    assert list(session.writes) == [write]
    session.reset()
    assert list(session.writes) == []


def test_bundles_of_creates_are_taken_back_together(place: Hospital, backend: RemoteBackend) -> None:
    one = {"resourceType": "Observation", "status": "final", "code": {"text": "K"}}
    other = {**one, "hasMember": [{"reference": "urn:uuid:1b2c6f50-0000-4000-8000-000000000001"}]}
    entries = [
        {"fullUrl": f"urn:uuid:1b2c6f50-0000-4000-8000-00000000000{n}", "resource": each,
         "request": {"method": "POST", "url": "Observation"}}
        for n, each in ((1, one), (2, other))
    ]  # fmt: skip
    session = backend.open()
    body = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert session.handle(Request("POST", "", JSON, body)).status == 200
    assert [write.interaction for write in session.writes] == ["create", "create"]
    session.reset()
    assert place.ids("Observation") == ["1", "2"]


@pytest.mark.parametrize("target", ["$expunge", "Patient/S1/$meta-add", "SearchParameter", "Observation/1"])
def test_what_could_not_be_taken_back_is_never_sent(place: Hospital, backend: RemoteBackend, target: str) -> None:
    session = backend.open()
    response = session.handle(Request("POST", target, JSON, "{}"))
    assert response.status == 403
    assert "not for this environment alone" in response.body
    assert place.asked("POST") == []


def test_what_an_agent_changes_or_deletes_is_written_as_it_was(place: Hospital, backend: RemoteBackend) -> None:
    def stored(number: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(place.session.handle(Request("GET", f"Observation/{number}")).body)
        return {name: value for name, value in found.items() if name != "meta"}

    before = [stored(1), stored(2)]
    session = backend.open()
    changed = json.dumps({**before[0], "status": "amended"})
    assert session.handle(Request("PUT", "Observation/1", JSON, changed)).status == 200
    patch = json.dumps([{"op": "replace", "path": "/status", "value": "cancelled"}])
    patched = {"content-type": "application/json-patch+json"}
    assert session.handle(Request("PATCH", "Observation/1", patched, patch)).status == 200
    assert session.handle(Request("DELETE", "Observation/2")).status == 200
    assert session.handle(Request("PUT", "Observation/2", JSON, json.dumps(before[1]))).status in (200, 201)
    assert session.handle(Request("DELETE", "Observation/2")).status == 200
    assert [write.interaction for write in session.writes][:3] == ["update", "update", "delete"]
    assert stored(1)["status"] == "cancelled"
    session.reset()
    assert [stored(1), stored(2)] == before
    assert session.handle(Request("DELETE", "Observation/2")).status == 200
    del session
    gc.collect()
    assert stored(2) == before[1]


def test_what_the_server_refuses_changes_nothing(place: Hospital, backend: RemoteBackend) -> None:
    session = backend.open()
    assert session.handle(Request("POST", "Observation", JSON, "{}")).status == 400
    session.reset()
    assert place.asked("DELETE") == []


def test_what_refers_to_one_another_goes_where_a_server_takes_no_bundle(
    place: Hospital, backend: RemoteBackend
) -> None:
    session = backend.open()
    told = {"resourceType": "Communication", "status": "completed", "subject": {"reference": "Patient/S1"}}
    addresses: list[str] = []
    for turn in range(3):  # the hospital and the agent in turn, each in answer to all before
        answered = {**told, "inResponseTo": [{"reference": each} for each in addresses]}
        addresses += session.record([answered], NOW)
        answered = {**told, "inResponseTo": [{"reference": each} for each in addresses]}
        assert session.handle(Request("POST", "Communication", JSON, json.dumps(answered))).status == 201
        addresses.append("/".join(session.writes[turn].key))
    # What came first refers to what came last now, so that the order of their coming is not enough.
    changed = {**told, "id": addresses[0].partition("/")[2], "partOf": [{"reference": addresses[-1]}]}
    last = {**told, "id": addresses[-1].partition("/")[2]}
    for each in (last, changed):
        assert session.handle(Request("PUT", f"Communication/{each['id']}", JSON, json.dumps(each))).status == 200
    place.fault = lambda method, target: 413 if (method, target) == ("POST", "") else None
    session.release()
    assert place.ids("Communication") == []


def test_what_could_not_be_taken_back_is_named_once(place: Hospital, backend: RemoteBackend) -> None:
    session = backend.open()
    session.handle(Request("POST", "Observation", JSON, POTASSIUM))
    place.fault = lambda method, target: 403 if method == "DELETE" else None
    with pytest.raises(InfrastructureError, match=r"Observation/\d+ could not be taken back"):
        session.release()
    session.reset()


def test_a_write_without_an_answer_spoils_the_episode(place: Hospital, backend: RemoteBackend) -> None:
    session = backend.open()
    place.fault = lambda method, target: CUT if method == "POST" else None
    with pytest.raises(InfrastructureError, match="did not answer"):
        session.handle(Request("POST", "Observation", JSON, POTASSIUM))
    with pytest.raises(InfrastructureError, match="may still be on the server"):
        session.release()


def test_a_dropped_session_leaves_nothing(place: Hospital, backend: RemoteBackend) -> None:
    session = backend.open()
    session.handle(Request("POST", "Observation", JSON, POTASSIUM))
    del session
    gc.collect()
    assert place.ids("Observation") == ["1", "2"]


def test_an_answer_of_500_is_told_from_a_broken_server(place: Hospital, backend: RemoteBackend) -> None:
    place.fault = lambda method, target: 500 if "strange" in target else None
    assert backend.open().handle(Request("GET", "Patient?strange=1")).status == 500
    place.fault = lambda method, target: 500
    with pytest.raises(InfrastructureError, match="out of order"):
        backend.open().handle(Request("GET", "Patient?strange=1"))
    place.fault = lambda method, target: 503
    with pytest.raises(InfrastructureError, match="503"):
        backend.open().handle(Request("GET", "Patient"))
    # A server that reads and cannot write any more, as with a full disk.
    place.fault = lambda method, target: None if method == "GET" else 500
    with pytest.raises(InfrastructureError, match="500"):
        backend.open().handle(Request("POST", "Observation", JSON, POTASSIUM))
