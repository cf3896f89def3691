"""``mab-gym serve``: as a client on the other end of a socket sees it."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from mab_gym.cli import app
from mab_gym.errors import RecordsError, UsageError
from mab_gym.fhir.http._server import FhirServer
from mab_gym.serve import listen, read_records, server_of_records
from tests.fhir.comparing import RECORDINGS, in_process, lines, load, replay
from tests.processes import PATIENCE, first_line, started

COMMAND = [sys.executable, "-m", "mab_gym.cli", "serve", "--port", "0"]
JSON = {"Content-Type": "application/fhir+json"}
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Ünal"}]}


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    env = {**os.environ, "COLUMNS": "160", "PYTHONUNBUFFERED": "1"}
    with started([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        line = first_line(process)
        found = re.search(r"http://\S+/fhir", line)
        assert found is not None, line + (process.stderr.read() if process.stderr else "")
        yield found.group()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) in (0, 130)


@pytest.fixture(scope="module")
def empty() -> Iterator[str]:
    with serving("--empty") as base:
        yield base


def put(base: str, resource: Mapping[str, Any], **headers: str) -> requests.Response:
    url = f"{base}/{resource['resourceType']}/{resource['id']}"
    return requests.put(url, data=json.dumps(resource), headers={**JSON, **headers}, timeout=30)


def over_http(session: requests.Session) -> Any:
    def send(method: str, url: str, headers: Mapping[str, str], body: str | None) -> dict[str, Any]:
        plain = {"Accept-Encoding": "identity", **headers}
        data = None if body is None else body.encode()
        answer = session.request(method, url, headers=plain, data=data, timeout=30, allow_redirects=False)
        return {
            "url": answer.request.url,
            "status": answer.status_code,
            "headers": {name.lower(): value for name, value in answer.headers.items()},
            "body": answer.content.decode(),
        }

    return send


def test_bytes_are_those_of_the_embedded_server() -> None:
    """The recording of writes, asked over HTTP and in process: the same status, headers and bytes."""
    with serving("--empty") as base, requests.Session() as session:
        there, here = over_http(session), in_process(FhirServer({}, base).open(), base)
        load("writes", there, base)
        load("writes", here, base)
        count = 0
        for line in lines("writes", "answers.jsonl.xz"):
            row = json.loads(line)
            asked = [replay(row, send, base)["answer"] for send in (there, here)]
            if row["method"] == "HEAD":
                continue  # http.client asks for what a HEAD brings in its own way
            assert asked[0]["status"] == asked[1]["status"], row
            assert asked[0]["body"] == asked[1]["body"], row
            ours = asked[1]["headers"]
            assert {name: asked[0]["headers"].get(name) for name in ours} == ours, row
            count += 1
        assert count > 150


def test_bulk_export_is_switched_on_by_an_option(empty: str) -> None:
    headers = {"Prefer": "respond-async"}
    assert requests.get(f"{empty}/$export", headers=headers, timeout=30).status_code == 400
    with serving("--empty", "--bulk-export") as base:
        assert requests.get(f"{base}/$export", headers=headers, timeout=30).status_code == 202


def test_links_name_the_address_that_was_asked(empty: str) -> None:
    put(empty, PATIENT)
    for host in ("127.0.0.1", "localhost"):
        base = empty.replace("127.0.0.1", host)
        bundle = requests.get(f"{base}/Patient?family=%C3%9Cnal", timeout=30).json()
        assert bundle["link"][0]["url"].startswith(f"{base}/Patient?")
        assert bundle["entry"][0]["fullUrl"] == f"{base}/Patient/p1"
    forged = requests.get(f"{empty}/Patient/p1", headers={"Host": 'evil"><script>'}, timeout=30)
    assert "evil" not in forged.text + str(forged.headers)


def test_all_clients_share_one_world_until_it_is_reset() -> None:
    with serving("--empty") as base:
        assert put(base, PATIENT).status_code == 201
        assert requests.get(f"{base}/Patient/p1", timeout=30).json()["name"] == PATIENT["name"]
        assert requests.post(base.removesuffix("/fhir") + "/reset", timeout=30).status_code == 204
        assert requests.get(f"{base}/Patient/p1", timeout=30).status_code == 404


def test_what_loaders_send_is_taken_whole(empty: str) -> None:
    """Bundles as `mab-gym data export` makes them: five hundred resources, half a megabyte."""
    entries = []
    for number in range(500):
        vital = {
            "resourceType": "Observation",
            "id": f"loaded-{number}",
            "status": "final",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}], "text": "x" * 500},
            "valueQuantity": {"value": number, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
        }
        request = {"method": "PUT", "url": f"Observation/loaded-{number}"}
        entries.append({"resource": vital, "request": request})
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    stored = requests.post(empty, data=json.dumps(bundle), headers=JSON, timeout=60)
    assert stored.status_code == 200, stored.text[:500]
    found = requests.get(f"{empty}/Observation?code=8480-6&_summary=count", timeout=30).json()
    assert found["total"] == 500


def test_each_session_has_its_own_world() -> None:
    with serving("--empty", "--sessions", "own") as base:
        one, other = {"X-MAB-Session": "one"}, {"X-MAB-Session": "other"}
        assert put(base, PATIENT, **one).status_code == 201
        assert requests.get(f"{base}/Patient/p1", headers=one, timeout=30).status_code == 200
        assert requests.get(f"{base}/Patient/p1", headers=other, timeout=30).status_code == 404
        root = base.removesuffix("/fhir")
        assert requests.post(f"{root}/reset", headers=one, timeout=30).status_code == 204
        assert requests.get(f"{base}/Patient/p1", headers=one, timeout=30).status_code == 404
        with requests.Session() as cookies:
            assert cookies.put(f"{base}/Patient/p1", data=json.dumps(PATIENT), headers=JSON, timeout=30).ok
            assert cookies.get(f"{base}/Patient/p1", timeout=30).status_code == 200
            assert cookies.delete(f"{root}/session", timeout=30).status_code == 204
            assert cookies.get(f"{base}/Patient/p1", timeout=30).status_code == 410
        assert requests.get(f"{base}/Patient/p1", timeout=30).status_code == 404


def test_hostile_requests_are_refused_and_others_are_answered(empty: str) -> None:
    host, port = empty.split("/")[2].split(":")
    raw = socket.create_connection((host, int(port)), timeout=30)
    raw.sendall(
        b"POST /fhir/Patient HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\n"
        b"Content-Length: 4000000000\r\n\r\n"
    )
    try:
        for _ in range(80):
            raw.sendall(b"x" * 1_000_000)
    except OSError:
        pass  # refused in the middle, as it should be
    raw.settimeout(30)
    refused = raw.recv(4000)
    assert refused.startswith(b"HTTP/1.1 413")
    assert b"OperationOutcome" in refused
    raw.close()
    for body in ("[" * 200_000, '{"a":' * 100_000, '{"resourceType":"Patient","name":' + "[" * 50_000):
        answered = requests.post(f"{empty}/Patient", data=body, headers=JSON, timeout=60)
        assert answered.status_code in (400, 413)
        assert answered.json()["resourceType"] == "OperationOutcome"
    assert requests.get(f"{empty}/Patient?_count=1000000000", timeout=30).status_code == 200
    with closing(http.client.HTTPConnection(host, int(port), timeout=30)) as connection:
        connection.request("GET", "/fhir/Patient?name=%ff%fe%00")
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (200, 400)
    assert requests.get(f"{empty}/Patient?family:exact=x", timeout=30).status_code == 200


def test_outside_the_base_there_is_nothing(empty: str) -> None:
    answer = requests.get(empty.removesuffix("/fhir") + "/metadata", timeout=30)
    assert answer.status_code == 404
    assert "<error>Not Found</error><path>/metadata</path>" in answer.text


def test_records_are_served_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "records.ndjson.gz"
    rows = [PATIENT, {"resourceType": "Observation", "id": "12", "status": "final", "code": {"text": "x"}}]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    with serving("--records", str(path)) as base:
        stored = requests.get(f"{base}/Observation/12", timeout=30).json()
        assert stored["code"] == {"text": "x"}
        assert requests.get(f"{base}/Patient?name=unal&_summary=count", timeout=30).json()["total"] == 1


def test_records_keep_the_order_of_the_file_over_all_types(tmp_path: Path) -> None:
    path = tmp_path / "records.ndjson"
    kinds = ["Patient", "Practitioner", "Patient", "Organization"]
    path.write_text("\n".join(json.dumps({"resourceType": kind, "id": f"r{n}"}) for n, kind in enumerate(kinds)))
    view = server_of_records(path).open().view()
    assert [view.position(kind, f"r{n}") for n, kind in enumerate(kinds)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "line 1: not JSON"),
        ('{"resourceType":"Patient","id":"a"}\n[]', "line 2: no FHIR R4 resource"),
        ('{"resourceType":"Nope","id":"a"}', "resourceType is 'Nope'"),
        ('{"resourceType":"Patient"}', "the Patient has no id"),
        ('{"resourceType":"Patient","id":"a","gender":"x"}', "Unknown AdministrativeGender code"),
        ('{"resourceType":"Patient","id":"a"}\n\n{"resourceType":"Patient","id":"a"}', "Patient/a comes twice"),
    ],
)
def test_bad_records_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "bad.ndjson"
    path.write_text(text)
    with pytest.raises(RecordsError, match=re.escape(complaint)):
        server_of_records(path)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="cannot be read"):
        list(read_records(tmp_path / "missing"))
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b'{"resourceType":"Patient","id":"a"}' * 100)[:40])
    with pytest.raises(RecordsError, match="cannot be read"):
        list(read_records(cut))


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}"):
            listen("127.0.0.1", port)
        command = [*COMMAND[:-1], str(port), "--empty"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 2
        assert f"cannot listen at 127.0.0.1, port {port}" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--empty", "--archive", "canonical"], "give one of --archive, --empty and --records"),
        (["--empty", "--session-bytes", "much"], "--session-bytes takes a number of bytes, as in 500000, 64KB"),
        (["--empty", "--body-bytes", "0"], "--body-bytes takes a number of bytes"),
        (["--empty", "--stored-bytes", "-1"], "--stored-bytes takes a number of bytes"),
        (["--empty", "--allow-host", "http://a.example"], "--allow-host takes a host's name or address"),
        (["--empty", "--allow-origin", "a.example"], "--allow-origin takes a page's origin"),
        (["--empty", "--allow-origin", "*.example.org"], "--allow-origin takes a page's origin"),
        (["--empty", "--base-url", "records.example/fhir"], "--base-url takes the server's address"),
    ],
)
def test_options_that_say_nothing_are_one_clear_line(
    arguments: list[str], complaint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mab-gym", *COMMAND[3:], *arguments])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert complaint in said


def test_recordings_are_there() -> None:
    assert {path.name for path in RECORDINGS.iterdir()} >= {"first", "writes"}
