"""``$meta-add`` and ``$meta-delete``, as a real HAPI FHIR 7.6 answers them."""

import json
from typing import Any

import pytest

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._server import FhirSession
from tests.fhir.serving import bundle, get, ids, patient, serve

TAG = {"system": "http://t", "code": "a"}


@pytest.fixture
def session() -> FhirSession:
    return serve([patient("a"), patient("b")])


def change(session: FhirSession, operation: str, meta: dict[str, Any], kind: str = "valueMeta") -> Response:
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "meta", kind: meta}]}
    headers = {"content-type": "application/fhir+json"}
    return session.handle(Request("POST", f"Patient/a/{operation}", headers, json.dumps(parameters)))


def test_labels_are_added_to_the_version_that_there_is(session: FhirSession) -> None:
    before = bundle(session, "Patient/a")

    answer = change(session, "$meta-add", {"tag": [TAG], "profile": ["http://p"]})

    assert json.loads(answer.body)["parameter"][0]["valueMeta"]["tag"] == [TAG]
    assert bundle(session, "Patient/a")["meta"] == {**before["meta"], "profile": ["http://p"], "tag": [TAG]}
    assert ids(session, "Patient?_tag=http://t|a") == ["a"]
    for place in ("Patient/a/_history", "Patient/_history", "_history"):
        versions = [each for each in bundle(session, place)["entry"] if each["resource"]["id"] == "a"]
        assert [each["resource"]["meta"].get("tag") for each in versions] == [[TAG]]


def test_they_are_taken_away_again(session: FhirSession) -> None:
    before = get(session, "Patient/a").body
    change(session, "$meta-add", {"tag": [TAG], "security": [{"code": "R"}]})

    change(session, "$meta-delete", {"tag": [TAG]})
    assert ids(session, "Patient?_tag=a") == []
    assert ids(session, "Patient?_security=R") == ["a"]
    change(session, "$meta-delete", {"security": [{"code": "R"}]})
    assert get(session, "Patient/a").body == before


def test_a_reset_takes_them_back(session: FhirSession) -> None:
    change(session, "$meta-add", {"tag": [TAG]})
    assert session.written == 1

    session.reset()

    assert ids(session, "Patient?_tag=a") == []
    assert "tag" not in bundle(session, "Patient/a")["meta"]


def test_an_update_makes_the_next_version(session: FhirSession) -> None:
    change(session, "$meta-add", {"tag": [TAG]})
    changed = {"resourceType": "Patient", "id": "a", "gender": "other"}
    session.handle(Request("PUT", "Patient/a", {"content-type": "application/fhir+json"}, json.dumps(changed)))

    versions = bundle(session, "Patient/a/_history")["entry"]
    assert [each["resource"]["meta"]["versionId"] for each in versions] == ["2", "1"]


def test_wrong_types_are_refused(session: FhirSession) -> None:
    answer = change(session, "$meta-add", {"text": "x"}, "valueCodeableConcept")
    assert answer.status == 400
    assert "HAPI-0362: Request has parameter meta of type CodeableConcept" in answer.body
    assert session.written == 0
