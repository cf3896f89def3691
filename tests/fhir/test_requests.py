"""Searches, reads and writes as agents send them, a few of each kind; the recordings hold many more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.actions import as_sent
from mab_gym.fhir.http._server import FhirServer, FhirSession, Request, Response

PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "ベッカー"}]}
URN = "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c9"


def send(session: FhirSession, method: str, target: str, body: Any = None, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    text = "" if body is None else json.dumps(body)
    return session.handle(Request(method, as_sent(target), {"content-type": "application/fhir+json", **named}, text))


def told(response: Response) -> tuple[int, str]:
    return response.status, json.loads(response.body)["issue"][0].get("diagnostics", "")


def total(session: FhirSession, target: str) -> int:
    found: int = json.loads(send(session, "GET", target).body)["total"]
    return found


def transaction(*entries: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def conditional(full_url: str = "") -> dict[str, Any]:
    resource = {"resourceType": "Patient", "identifier": [{"system": "s", "value": "1"}]}
    request = {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=s|1"}
    return {"resource": resource, "request": request, **({"fullUrl": full_url} if full_url else {})}


@pytest.fixture
def session() -> FhirSession:
    session = FhirServer({}).open()
    assert send(session, "PUT", "Patient/p1", PATIENT).status == 201
    subject = {"reference": "Patient/p1"}
    observation = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"text": "x"},
        "subject": subject,
    }
    assert send(session, "PUT", "Observation/o1", observation).status == 201
    return session


@pytest.mark.parametrize("kind", ["transaction", "batch", "history", "searchset", "batch-response", None])
def test_a_bundle_that_asks_for_something_is_not_stored(session: FhirSession, kind: str | None) -> None:
    body = {"resourceType": "Bundle", "id": "b", **({"type": kind} if kind else {})}

    for answer in (send(session, "POST", "Bundle", body), send(session, "PUT", "Bundle/b", body)):
        assert told(answer)[0] == 422
        assert f"Bundle.type value of: {kind or '(missing)'}." in told(answer)[1]
    assert total(session, "Bundle?_total=accurate") == 0


@pytest.mark.parametrize("name", ["_include", "_revinclude:iterate", "_COUNT", "_sort", "_total"])
def test_a_read_takes_no_parameters_of_searches(session: FhirSession, name: str) -> None:
    refusal = f'HAPI-0384: Invalid query parameter(s) for this request: "[{name}]"'

    assert told(send(session, "GET", f"Patient/p1?{name}=1")) == (400, refusal)
    assert told(send(session, "GET", f"Patient/p1/_history/1?{name}=1")) == (400, refusal)


def test_numbers_name_resources_in_load_order(session: FhirSession) -> None:
    assert told(send(session, "GET", "Observation/99")) == (404, "HAPI-1996: Resource Observation/99 is not known")
    assert told(send(session, "GET", "Patient/1")) == (404, "HAPI-2000: Patient/1")
    assert told(send(session, "GET", "Observation/001"))[1].startswith("HAPI-0935: Resource with ID p1 exists but")
    assert total(session, "Patient?_id=1") == total(session, "Observation?patient=1") == 1
    assert send(session, "GET", f"Patient/{2**63}").status == 500


def test_a_reference_to_another_server_is_told_apart_from_the_relative_one(session: FhirSession) -> None:
    relative, absolute = "Observation?subject=Patient/p1", "Observation?subject=http://elsewhere/fhir/Patient/p1"

    assert [total(session, each) for each in (absolute, relative, absolute)] == [0, 1, 0]


def test_only_the_accents_of_latin_script_fall_away(session: FhirSession) -> None:
    assert total(session, "Patient?family=ベッカー") == 1
    assert total(session, "Patient?family=ヘッカー") == 0
    send(session, "POST", "Patient", {"resourceType": "Patient", "name": [{"family": "Müller"}]})
    assert total(session, "Patient?family=muller") == 1


def test_the_second_sixty_is_the_first_of_the_next_minute(session: FhirSession) -> None:
    body = {"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "leap"}]}}
    send(session, "POST", "Observation", {**body, "effectiveDateTime": "2016-12-31T23:59:60Z"})

    assert total(session, "Observation?code=leap&date=2017-01-01T00:00:00Z") == 1
    assert total(session, "Observation?code=leap&date=2016-12-31") == 1
    assert total(session, "Observation?code=leap&date:missing=true") == 0
    assert send(session, "GET", "Observation?date=2016-12-31T23:59:60Z").status == 400


@pytest.mark.parametrize("tag", ["*", 'W/"abc"', 'W/"1'])
def test_an_entity_tag_that_is_no_number_fails_as_in_java(session: FhirSession, tag: str) -> None:
    assert told(send(session, "PUT", "Patient/p1", PATIENT, if_match=tag))[0] == 500


def test_what_comes_again_has_a_version_more_where_it_refers_to_something(session: FhirSession) -> None:
    body = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "y"}}
    send(session, "DELETE", "Observation/o1")
    again = send(session, "PUT", "Observation/o1", {**body, "subject": {"reference": "Patient/p1"}})
    assert again.headers["etag"] == 'W/"4"'
    send(session, "DELETE", "Observation/o1")
    assert send(session, "PUT", "Observation/o1", body).headers["etag"] == 'W/"6"'


def test_equal_conditions_of_a_transaction_make_one_resource(session: FhirSession) -> None:
    named = transaction(conditional(URN), conditional(URN[:-1] + "0"))

    assert len(json.loads(send(session, "POST", "", named).body)["entry"]) == 1
    assert total(session, "Patient?identifier=s|1") == 1
    assert told(send(session, "POST", "", transaction(conditional(), conditional())))[1].startswith("HAPI-2008")


def test_a_transaction_may_delete_a_resource_with_all_that_refers_to_it(session: FhirSession) -> None:
    entries = [{"request": {"method": "DELETE", "url": url}} for url in ("Patient/p1", "Observation/o1")]

    assert send(session, "POST", "", transaction(entries[0])).status == 409
    assert send(session, "POST", "", transaction(*entries)).status == 200
    assert send(session, "GET", "Patient/p1").status == 410


def test_of_unknown_names_the_first_in_java_s_map_is_told(session: FhirSession) -> None:
    assert 'parameter "lastName"' in told(send(session, "GET", "Patient?firstName=a&lastName=b"))[1]
    assert 'parameter "firstName"' in told(send(session, "GET", "Patient?lastName=b&firstName=a"))[1]


def test_a_search_that_is_not_to_be_kept_ends_with_its_page(session: FhirSession) -> None:
    send(session, "POST", "Patient", {"resourceType": "Patient"})
    page = json.loads(send(session, "GET", "Patient?_count=5", cache_control="no-store, max-results=1").body)

    assert len(page["entry"]) == 1
    assert "total" not in page
    assert [link["relation"] for link in page["link"]] == ["self"]
