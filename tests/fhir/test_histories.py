"""Histories of a time, and whatever HAPI takes for a request for a history."""

import json

import pytest

from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.http._server import FhirSession
from tests.fhir.serving import bundle, patient, refusal, serve


@pytest.fixture
def session() -> FhirSession:
    """Two patients, of whom one was changed (2023-11-13T10:15Z)."""
    session = serve([patient("a"), patient("b")])
    changed = {"resourceType": "Patient", "id": "a", "gender": "other"}
    session.handle(Request("PUT", "Patient/a", {"content-type": "application/fhir+json"}, json.dumps(changed)))
    return session


def versions(session: FhirSession, target: str) -> list[str]:
    return [each["resource"]["meta"]["versionId"] for each in bundle(session, target).get("entry", ())]


def test_at_a_time_the_version_of_that_time_counts(session: FhirSession) -> None:
    assert versions(session, "Patient/a/_history?_at=2090") == ["2"]
    assert versions(session, "Patient/a/_history?_at=gt2000") == ["2", "1"]
    assert versions(session, "Patient/a/_history?_at=lt2000") == []
    assert versions(session, "Patient/_history?_at=2090") == []
    assert versions(session, "Patient/_history?_at=ge2000&_at=le2090") == ["2", "1", "1"]
    assert refusal(session, "_history?_at=x") == (400, 'HAPI-1940: Invalid date/time/quantity format: "x"')


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_every_method_reads_a_history_and_changes_nothing(session: FhirSession, method: str) -> None:
    before = session.written

    answer = session.handle(Request(method, "Patient/a/_history/"))

    assert answer.status == 200
    assert json.loads(answer.body)["link"][0]["url"].endswith("/Patient/a/_history/")
    assert ("location" in answer.headers) == (method == "POST")
    assert session.written == before


@pytest.mark.parametrize(
    ("since", "words"),
    [
        ("2000", "HAPI-1885"), ("2000-01-01T00:00", "MINUTE"), ("20000101", "HAPI-1883"), ("now", "HAPI-1882"),
    ],
)  # fmt: skip
def test_a_time_that_cannot_be_read(session: FhirSession, since: str, words: str) -> None:
    status, text = refusal(session, f"Patient/a/_history?_since={since}")
    assert status == 400
    assert words in text
