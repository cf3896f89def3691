"""Requests that nobody should send: every one is answered, quickly, and leaves nothing behind after a reset."""

from __future__ import annotations

import json
import random
import string
import time
from typing import Any

import pytest

from mab_gym.fhir.http import _server as server
from mab_gym.fhir.http._server import OWN_FAULT, FhirSession, Request
from tests.fhir.serving import get, ids, observation, patient, serve

METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "BREW", "")
PATHS = (
    "", "/", "Patient", "Patient/p1", "Patient/p1/_history", "Patient/p1/_history/1", "Patient/_search", "_history",
    "Observation", "Observation/o1", "Patient/p1/$everything", "Patient/$everything", "Observation/$lastn", "metadata",
    "Patient/p1/$meta", "$get-resource-counts", "Nope", "Patient/../Patient", "Patient//p1", "%00", "Patient/%ff",
    "Patient/p1/Observation", "Bundle", "Binary/1", "Patient/" + "x" * 5000,
)  # fmt: skip
NAMES = (
    "name", "family:exact", "family:contains", "birthdate", "_id", "_sort", "_count", "_offset", "_total", "_summary",
    "_elements", "_include", "_revinclude", "_include:iterate", "_has:Observation:patient:code", "code", "code:not",
    "code:in", "code:text", "value-quantity", "code-value-quantity", "date", "subject.name", "patient:Patient.family",
    "_filter", "_list", "_lastUpdated", "_tag", "_profile", "_getpages", "_getpagesoffset", "_format", "_pretty",
    "near", "identifier", "subject:missing", "", "a.b.c.d.e", ":", "_text", "_content", "_type", "_since", "_at",
)  # fmt: skip
VALUES = (
    "", "a", "ä", "\x00", "%", "K", "http://loinc.org|K", "|", "||", "\\", "\\,", ",", ",,,,", "$", "$$$", "ge2020",
    "2020-13-45", "ge", "1e999999999", "-1", "10" * 40, "NaN", "true", "Patient/p1", "Observation:subject", "*", ":*",
    "name eq a", "(((((", "not (name eq a)", "html/json", "xml", "-_id,_id,family", "count", "accurate", "_id",
    "a" * 20_000, "a," * 3000, "(" * 2000, "9" * 5000, "2020-01-01T00:00:00+99:99", "urn:uuid:x", "p1",
)  # fmt: skip
BODIES = (
    "", "{", "[]", "null", "1", '"x"', "<Patient/>", '{"resourceType":"Patient"}', '{"resourceType":"Nope"}',
    '{"resourceType":"Patient","id":"p1","name":[{"family":"x"}]}', '{"resourceType":"Patient","name":"x"}',
    '{"resourceType":"Bundle","type":"transaction","entry":[{}]}', '{"resourceType":"Bundle","type":"batch","entry":1}',
    '{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient?_count=9"}}]}',
    '{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"PUT","url":"Patient?"},"resource":'
    '{"resourceType":"Patient"}}]}',
    '{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":""}}]}',
    '{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"DELETE","url":"Patient/p9/x?y"}}]}',
    '{"resourceType":"Observation","subject":{"reference":"Patient?name=a&name=b"}}',
    '{"resourceType":"Observation","subject":{"reference":"Patient?"}}',
    '{"resourceType":"Parameters","parameter":[{"name":"_count","valueInteger":-5}]}', "[" * 5000, '{"a":' * 5000,
    '{"resourceType":"Patient","extension":null}', '{"resourceType":"Patient","":1}', "name=a&code=K", "\ud800",
    '{"resourceType":"Patient","id":"' + "x" * 3000 + '"}', '{"resourceType":"Patient","contained":[{}]}',
)  # fmt: skip
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"content-type": "application/fhir+json"},
    {"content-type": "application/fhir+xml"},
    {"content-type": "application/x-www-form-urlencoded"},
    {"content-type": "application/fhir+json", "if-none-exist": "name=a"},
    {"content-type": "application/fhir+json", "if-none-exist": "?=&&"},
    {"content-type": "application/fhir+json", "if-match": 'W/"x"'},
    {"content-type": "application/fhir+json", "prefer": "return=OperationOutcome"},
    {"accept": "text/html"},
    {"accept": "application/fhir+xml"},
    {"if-modified-since": "yesterday", "if-none-match": "*"},
)


@pytest.fixture
def session() -> FhirSession:
    return serve([patient("p1", name=[{"family": "a"}]), patient("p2"), observation("o1", "p1")])


def request(rng: random.Random) -> Request:
    pairs = "&".join(f"{rng.choice(NAMES)}={_text(rng)}" for _ in range(rng.choice((0, 0, 1, 1, 2, 3, 6))))
    target = rng.choice(PATHS) + ("?" + pairs if pairs else "")
    return Request(rng.choice(METHODS[:4] * 4 + METHODS), target, rng.choice(HEADERS), rng.choice(BODIES))


def _text(rng: random.Random) -> str:
    if rng.random() < 0.8:
        return rng.choice(VALUES)
    return "".join(rng.choice(string.printable + "äß😀\u202e") for _ in range(rng.randrange(40)))


@pytest.mark.parametrize("seed", range(6))
def test_anything_is_answered(session: FhirSession, seed: int) -> None:
    rng = random.Random(seed)
    untouched = get(session, "Patient").body
    slowest: tuple[float, Any] = (0.0, None)
    for _ in range(400):
        asked = request(rng)
        begun = time.process_time()
        answer = session.handle(asked)
        slowest = max(slowest, (time.process_time() - begun, asked.target[:200]), key=lambda pair: pair[0])
        assert 200 <= answer.status < 600, asked
        assert OWN_FAULT not in answer.body, asked
        if answer.body.startswith("{") and answer.headers.get("content-type", "").startswith("application/fhir+json"):
            json.loads(answer.body)
        answer.body.encode()
    assert slowest[0] < 5, slowest
    session.reset()
    assert get(session, "Patient").body == untouched


@pytest.mark.parametrize(
    "target",
    [
        "Patient?" + "&".join(f"name={number}" for number in range(10_000)),
        "Patient?family:contains=" + "a" * 100_000,
        "Patient?_id=" + ",".join(map(str, range(100_000))),
        "Patient?_filter=" + " or ".join(f"family eq a{number}" for number in range(5_000)),
        "Observation?" + "subject." * 2000 + "name=a",
        "Patient?" + "_has:Observation:patient:" * 300 + "code=K",
        "Observation?"
        + "&".join(f"_include=Observation:{name}" for name in ("subject", "*", "x") for _ in range(2000)),
        "Patient?_count=1000000000&_offset=999999999999",
        "Patient?_sort=" + ",".join(["family", "-birthdate"] * 3000),
    ],
)
def test_work_is_bounded(session: FhirSession, target: str) -> None:
    begun = time.process_time()
    answer = session.handle(Request("GET", target))
    assert time.process_time() - begun < 10
    assert 200 <= answer.status < 600
    assert get(session, "Patient/p1").status == 200


def test_a_fault_of_the_servers_own_is_told_and_leaves_nothing(
    session: FhirSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:

    def fails(world: FhirSession, resource: dict[str, Any], condition: str = "") -> None:
        world.create("Patient", resource, "half done")
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(server, "create", fails)
    answer = session.handle(Request("POST", "Patient", HEADERS[1], '{"resourceType":"Patient"}'))

    assert answer.status == 500
    assert json.loads(answer.body)["issue"][0]["diagnostics"] == OWN_FAULT
    assert "a bug" in caplog.text
    assert "a bug" not in answer.body
    assert ids(session, "Patient") == ["p1", "p2"]


def test_a_flag_may_be_a_date(session: FhirSession) -> None:
    dead = json.dumps({"resourceType": "Patient", "id": "p3", "deceasedDateTime": "2020-01-01"})
    assert session.handle(Request("PUT", "Patient/p3", HEADERS[1], dead)).status == 201
    assert get(session, "Observation?patient.deceased=%7C2020-01-01,%7Ctrue").status == 200
    assert get(session, "Patient?deceased=%7C2020-01-01,%7Ctrue").status == 200
