"""Bulk Data over HTTP: whose exports can be polled by whom, and what they may take."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from mab_gym.fhir.http._server import FhirServer
from mab_gym.serve import ServeLimits
from mab_gym.serve._places import reads
from mab_gym.serve._worlds import Worlds
from tests.fhir.serving import observation, serve
from tests.serve.running import Answer, ask, own, patient, running, shared

ASYNC = "Prefer: respond-async"
ONE, OTHER = "X-MAB-Session: one", "X-MAB-Session: other"


def exporting() -> FhirServer:
    session = serve([patient("a"), *(observation(f"o{number}", "a") for number in range(1001))])
    session.server.bulk_export = True
    return session.server


def path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def flow(port: int, *headers: str, method: str = "GET") -> list[Answer]:
    """An export from its beginning to the last file; each answer."""
    begun = ask(port, method, "/fhir/$export", ASYNC, *headers)
    assert begun.status == 202, begun.text
    cookie = begun.header("set-cookie").partition(";")[0]
    kept = [*headers, *([f"Cookie: {cookie}"] if cookie else [])]
    poll = path(begun.header("content-location"))
    answers = [begun, ask(port, "GET", poll, *kept), ask(port, "GET", poll, *kept)]
    assert [each.status for each in answers] == [202, 202, 200], answers[-1].text
    outputs = json.loads(answers[-1].text)["output"]
    return answers + [ask(port, "GET", path(output["url"]), *kept) for output in outputs]


@pytest.mark.parametrize("world", [shared, own])
@pytest.mark.parametrize("headers", [(), (ONE,)])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_client_gets_its_files(world: type[Worlds], headers: tuple[str, ...], method: str) -> None:
    with running(world(server=exporting())) as port:  # type: ignore[call-arg]
        written = ask(port, "PUT", "/fhir/Patient/b", *headers, body=patient("b"))
        found = flow(port, *headers, method=method)
        files = found[3:]
        lines = [json.loads(line) for each in files for line in each.text.splitlines()]
        assert {each.header("content-type") for each in files} == {"application/fhir+ndjson"}
        assert [len(each.text.splitlines()) for each in files].count(500) == 2
        seen = {each["id"] for each in lines if each["resourceType"] == "Patient"}
        assert written.status == 201
        assert seen == ({"a", "b"} if headers or world is shared else {"a"})


def test_exports_of_own_sessions_are_their_own() -> None:
    with running(own(server=exporting())) as port:
        poll = path(ask(port, "GET", "/fhir/$export", ASYNC, ONE).header("content-location"))
        assert ask(port, "GET", poll, OTHER).status == 404
        assert ask(port, "GET", poll).status == 404
        assert ask(port, "GET", poll, ONE).status == 202
        ask(port, "POST", "/reset", ONE)
        assert ask(port, "GET", poll, ONE).status == 404


def test_one_that_was_begun_without_a_session_can_be_had_with_one() -> None:
    with running(own(server=exporting())) as port:
        poll = path(ask(port, "GET", "/fhir/$export?_type=Patient", ASYNC).header("content-location"))
        ask(port, "PUT", "/fhir/Patient/b", ONE, body=patient("b"))
        assert [ask(port, "GET", poll, ONE).status for _ in range(2)] == [202, 200]
        assert ask(port, "DELETE", poll).status == 404  # it has completed


def test_what_a_session_has_deleted_stays_deleted() -> None:
    server = serve([{"resourceType": "Binary", "id": "raw", "contentType": "text/plain", "data": "aGk="}]).server
    with running(own(server=server)) as port:
        assert ask(port, "DELETE", "/fhir/Binary/raw", ONE).status == 200
        assert [ask(port, "GET", "/fhir/Binary/raw", who).status for who in (ONE, OTHER)] == [410, 200]


def test_exports_count_as_stored() -> None:
    limits = ServeLimits(session_bytes=40_000, stored_bytes=40_000)
    with running(own(limits, exporting())) as port:
        polls = []
        for _ in range(20):
            begun = ask(port, "GET", "/fhir/$export", ASYNC, ONE)
            if begun.status != 202:
                break
            polls.append(path(begun.header("content-location")))
        assert begun.status == 507
        assert 1 < len(polls) < 20
        assert ask(port, "GET", polls[0], ONE).status == 404
        assert ask(port, "GET", "/fhir/$export", ASYNC, ONE).status == 202  # the others have made room


def test_which_requests_take_room() -> None:
    assert not reads("GET", "$export?_type=Patient")
    assert not reads("GET", "Patient/1/$export")
    assert reads("DELETE", "$export-poll-status?_jobId=1")
    assert reads("GET", "Patient?name=$export")
