"""The changes of a request to a server over HTTP, and those that could not be taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.backends._effects import NOTHING, READING, WORKED_WITH, Effect, Touched, effect_of, why_not_undoable
from mab_gym.fhir.http._server import Request, Response

BASE = "http://localhost:8080/fhir"


def answered(status: int, location: str = "", body: str = "") -> Response:
    return Response(status, body, {"location": location} if location else {})


def bundle(*entries: tuple[str, str]) -> str:
    listed = [{"resource": {}, "request": {"method": method, "url": url}} for method, url in entries]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": listed})


def outcome(*entries: tuple[str, str]) -> str:
    listed: list[Any] = [{"response": {"status": status, "location": location}} for status, location in entries]
    return json.dumps({"resourceType": "Bundle", "type": "transaction-response", "entry": listed})


@pytest.mark.parametrize(
    ("request_", "response", "effect"),
    [
        (Request("GET", "Observation/$meta"), answered(200), NOTHING),
        (Request("GET", "Observation"), answered(500), NOTHING),
        (Request("POST", "Observation"), answered(400), NOTHING),
        (Request("POST", "Observation/_search"), answered(200), NOTHING),
        (Request("POST", "Patient/1/$everything"), answered(200), NOTHING),
        (
            Request("POST", "Observation?_format=json"),
            answered(201, f"{BASE}/Observation/a-1/_history/1"),
            Effect((Touched("create", "Observation", "a-1", 1),)),
        ),
        (Request("POST", "Observation"), answered(201), Effect(whole=False)),
        (Request("POST", "Observation"), answered(200, f"{BASE}/Observation/a/_history/1"), NOTHING),
        (Request("POST", "Observation"), answered(500), Effect(whole=False)),
        (
            Request("POST", "Subscription"),
            answered(201, f"{BASE}/Subscription/s/_history/1"),
            Effect((Touched("create", "Subscription", "s", 1),), whole=False),
        ),
        (Request("POST", "$expunge"), answered(200), Effect(whole=False)),
        (Request("POST", "Patient/1/%24meta-add"), answered(200), Effect(whole=False)),
        (Request("POST", "Patient/1/anything"), answered(200), Effect(whole=False)),
        (
            Request("PATCH", "Patient/1"),
            Response(200, "{}", {"content-location": "http://h/fhir/Patient/1/_history/4"}),
            Effect((Touched("update", "Patient", "1", 4),)),
        ),
        (
            Request("PUT", "Patient/1"),
            answered(200, f"{BASE}/Patient/1/_history/2"),
            Effect((Touched("update", "Patient", "1", 2),)),
        ),
        (Request("DELETE", "Patient/1"), answered(200), Effect((Touched("delete", "Patient", "1"),))),
        (Request("DELETE", "Patient?name=x"), answered(200), Effect(whole=False)),
        (
            Request("POST", "", body=bundle(("POST", "Observation"), ("GET", "Patient/1"), ("DELETE", "Basic/2"))),
            answered(200, body=outcome(("201 Created", "Observation/5/_history/1"), ("200 OK", ""), ("204", ""))),
            Effect((Touched("create", "Observation", "5", 1), Touched("delete", "Basic", "2"))),
        ),
        (
            Request("POST", "", body=bundle(("PUT", "Observation/5"), ("POST", "Observation"))),
            answered(200, body=outcome(("200 OK", "Observation/5/_history/3"), ("404", ""))),
            Effect((Touched("update", "Observation", "5", 3),)),
        ),
        (
            Request("POST", "", body=bundle(("POST", "$expunge"))),
            answered(200, body=outcome(("200 OK", ""))),
            Effect(whole=False),
        ),
        (Request("POST", "", body=bundle(("POST", "Basic"))), answered(200, body="?"), Effect(whole=False)),
        (Request("POST", "", body=bundle(("POST", "Basic"))), answered(200, body=outcome()), Effect(whole=False)),
        (
            Request("POST", "", body=bundle(("POST", "Basic"))),
            answered(200, body=outcome(("500 Server Error", ""))),
            Effect(whole=False),
        ),
    ],
)  # fmt: skip
def test_effects(request_: Request, response: Response, effect: Effect) -> None:
    assert effect_of(request_, response) == effect


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "Observation?_count=1"),
        Request("POST", "Observation"),
        Request("POST", "/Observation/?_format=json"),
        Request("POST", "Observation/_search"),
        Request("POST", "Patient/1/$everything"),
        Request("POST", "", body=bundle(("POST", "Observation"), ("GET", "Patient/1"))),
        Request("PUT", "Observation/1"),
        Request("PATCH", "/Observation/1"),
        Request("DELETE", "Observation/1"),
    ],
)
def test_what_creates_or_changes_one_resource_can_be_taken_back(request_: Request) -> None:
    assert why_not_undoable(request_) is None


@pytest.mark.parametrize(
    "request_",
    [
        Request("PUT", "Observation?code=K"),
        Request("PUT", "ValueSet/1"),
        Request("PATCH", "Observation"),
        Request("DELETE", "Observation?code=K"),
        Request("DELETE", "Observation/1?_cascade=delete"),
        Request("DELETE", "Observation/1/_history/1"),
        Request("PUT", "../Observation/1"),
        Request("PROPFIND", "Observation/1"),
        Request("POST", "$expunge"),
        Request("POST", "%24expunge"),
        Request("POST", "Patient/1/$meta-add"),
        Request("POST", "Patient/1"),
        Request("POST", "", body=bundle(("PUT", "Observation/1"))),
        Request("POST", "", body=bundle(("POST", "Observation"), ("DELETE", "Observation/1"))),
        Request("POST", "", body=bundle(("post", "$expunge"))),
        Request("POST", "", body="no JSON"),
        Request("POST", "", body='{"resourceType":"Bundle","entry":[],"entry":[{"request":{"method":"DELETE"}}]}'),
        Request("POST", "", body='{"resourceType":"Patient"}'),
        *(Request("POST", name) for name in sorted(WORKED_WITH)),
    ],
)
def test_what_cannot_be_taken_back_is_said(request_: Request) -> None:
    assert why_not_undoable(request_)


def test_no_operation_counts_as_both() -> None:
    assert all(why_not_undoable(Request("POST", f"Patient/1/{name}")) is None for name in READING)
