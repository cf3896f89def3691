"""Resources laid over the snapshot for one episode: they are the snapshot's, not the agent's."""

from __future__ import annotations

import json

from mab_gym.fhir.http._server import FhirSession, Request
from tests.fhir.serving import bundle, get, ids, observation, patient, serve

JSON = {"content-type": "application/fhir+json"}


def prepared() -> FhirSession:
    session = serve([patient("p1"), observation("o1", "p1", valueQuantity={"value": 4}), observation("o2", "p1")])
    stored = json.loads(get(session, "Observation/o1").body)
    session.prepare(
        [
            {**stored, "valueQuantity": {"value": 9}},
            {**observation("", "p1", "MG"), "id": "new"},
            {name: value for name, value in observation("", "p1", "NA").items() if name != "id"},
        ]
    )
    return session


def test_they_are_found_and_read_as_if_they_had_always_been_there() -> None:
    session = prepared()

    assert ids(session, "Observation?patient=p1&value-quantity=9") == ["o1"]
    assert ids(session, "Observation?patient=p1") == ["o1", "o2", "new", "5"]
    read = json.loads(get(session, "Observation/o1").body)
    assert (read["meta"]["versionId"], read["valueQuantity"]["value"]) == ("1", 9)
    assert bundle(session, "Observation/o1/_history")["total"] == 1
    assert bundle(session, "Observation/_history")["total"] == 4
    assert len(bundle(session, "Observation/_history")["entry"]) == 4


def test_they_are_no_writes_and_go_with_the_next_reset() -> None:
    session = prepared()
    assert list(session.writes) == []

    created = session.handle(Request("POST", "Observation", JSON, json.dumps(observation("", "p1"))))
    assert created.status == 201
    assert [write.interaction for write in session.writes] == ["create"]
    session.undo(0)
    assert list(session.writes) == []
    assert ids(session, "Observation?code=NA") == ["5"]

    session.reset()
    assert ids(session, "Observation?patient=p1") == ["o1", "o2"]
    assert json.loads(get(session, "Observation/o1").body)["valueQuantity"]["value"] == 4


def test_preparing_again_begins_anew() -> None:
    session = prepared()
    session.prepare([{**patient("p2"), "active": True}])

    assert ids(session, "Patient") == ["p1", "p2"]
    assert ids(session, "Observation?code=MG") == []


def test_a_failed_transaction_leaves_what_was_prepared() -> None:
    session = prepared()
    entry = {"resource": {"resourceType": "Patient", "gender": "odd"}, "request": {"method": "POST", "url": "Patient"}}
    body = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})

    assert session.handle(Request("POST", "", JSON, body)).status == 400
    assert ids(session, "Observation?code=MG") == ["new"]
