import json
from collections import Counter
from typing import Any

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from mab_gym.fhir.http._capabilities import INTERACTIONS, SYSTEM_INTERACTIONS, capability_statement
from mab_gym.fhir.http._server import FhirSession, Request
from mab_gym.fhir.model._definitions import resource_types
from tests.fhir.serving import get, observation, patient, refusal, serve

INSTANT = "2023-11-13T10:15:00.000+00:00"
VALUES = {
    "composite": "2023$2023", "date": "2023-01-01", "number": "1", "quantity": "1", "reference": "Patient/a",
    "string": "a", "token": "a", "uri": "http://a",
}  # fmt: skip


@pytest.fixture
def session() -> FhirSession:
    return serve([patient("a"), observation("o", "a")])


def resource(name: str) -> dict[str, Any]:
    statement = capability_statement("http://h/fhir", INSTANT)
    return next(each for each in statement["rest"][0]["resource"] if each["type"] == name)


def test_it_is_valid_and_says_whose_it_is(session: FhirSession) -> None:
    response = get(session, "metadata")
    statement = json.loads(response.body)

    CapabilityStatement.model_validate(statement)
    assert response.status == 200
    assert response.headers["content-type"] == "application/fhir+json;charset=UTF-8"
    assert response.headers["content-location"].endswith(f"/CapabilityStatement/{statement['id']}")
    assert statement["software"]["name"] == "mab_gym embedded server"
    assert statement["implementation"]["url"] == session.server.base_url
    assert statement["date"] == "2023-11-13T10:15:00Z"
    assert [each["type"] for each in statement["rest"][0]["resource"]] == list(resource_types())


def test_it_is_the_same_whenever_it_is_asked_for(session: FhirSession) -> None:
    first = get(session, "metadata").body

    session.reset()

    assert get(session, "metadata?mode=full").body == first
    assert get(session, "metadata?_pretty=false").body == json.dumps(
        json.loads(first), separators=(",", ":"), ensure_ascii=False
    )


def test_few_are_kept_however_many_addresses_a_client_names() -> None:
    first = capability_statement("http://h:1/fhir", INSTANT)
    assert capability_statement("http://h:1/fhir", INSTANT) is first

    for port in range(2, 12):
        capability_statement(f"http://h:{port}/fhir", INSTANT)

    assert capability_statement("http://h:1/fhir", INSTANT) is not first


@pytest.mark.parametrize("kind", ["Patient", "Observation", "MedicationRequest", "ValueSet", "Location", "Binary"])
def test_every_parameter_that_it_lists_is_answered(session: FhirSession, kind: str) -> None:
    refused = {}
    for parameter in resource(kind)["searchParam"]:
        name, value = parameter["name"], VALUES[parameter["type"]]
        special = {"_has": "_has:Observation:patient:_id=o", "_filter": "_filter=_id eq o"}
        asked = f"{kind}?{special.get(name, f'{name}={value}')}"
        response = get(session, asked)
        if response.status != 200 and "HAPI-1948" not in response.body:  # what HAPI says to all such composites
            refused[asked] = response.body

    assert not refused


@pytest.mark.parametrize("kind", ["Patient", "Observation", "MedicationRequest"])
def test_every_include_that_it_lists_is_answered(session: FhirSession, kind: str) -> None:
    listed = resource(kind)

    for value in listed["searchInclude"]:
        assert get(session, f"{kind}?_include={value}").status == 200
    for value in listed["searchRevInclude"]:
        assert get(session, f"{kind}?_revinclude={value}").status == 200


@pytest.mark.parametrize("code", [*INTERACTIONS, *SYSTEM_INTERACTIONS])
def test_every_interaction_that_it_lists_is_there(session: FhirSession, code: str) -> None:
    body = json.dumps({"resourceType": "Patient", "id": "a"})
    requests = {
        "search-type": Request("GET", "Patient"),
        "read": Request("GET", "Patient/a"),
        "vread": Request("GET", "Patient/a/_history/1"),
        "history-instance": Request("GET", "Patient/a/_history"),
        "history-type": Request("GET", "Patient/_history"),
        "history-system": Request("GET", "_history"),
        "create": Request("POST", "Patient", {"content-type": "application/fhir+json"}, '{"resourceType": "Patient"}'),
        "update": Request("PUT", "Patient/a", {"content-type": "application/fhir+json"}, body),
        "patch": Request("PATCH", "Patient/a", {"content-type": "application/json-patch+json"}, "[]"),
        "delete": Request("DELETE", "Observation/o"),
        "transaction": Request(
            "POST",
            "",
            {"content-type": "application/fhir+json"},
            '{"resourceType": "Bundle", "type": "transaction"}',
        ),
    }

    status = session.handle(requests[code]).status

    assert status in (200, 201, 204)


def test_it_supports_conditions_as_it_says(session: FhirSession) -> None:
    headers = {"content-type": "application/fhir+json"}
    body = '{"resourceType": "Patient", "gender": "male"}'
    listed = resource("Patient")

    assert listed["versioning"] == "versioned-update"
    stale = Request("PUT", "Patient/a", {**headers, "if-match": 'W/"9"'}, '{"resourceType": "Patient", "id": "a"}')
    assert session.handle(stale).status == 409
    assert listed["conditionalCreate"] is True
    create = Request("POST", "Patient", {**headers, "if-none-exist": "gender=male"}, body)
    assert [session.handle(create).status for _ in range(2)] == [201, 200]
    assert listed["conditionalUpdate"] is True
    assert session.handle(Request("PUT", "Patient?gender=male", headers, body)).status == 200
    assert listed["conditionalDelete"] == "single"
    assert session.handle(Request("DELETE", "Patient?gender=male")).status == 200
    for _ in range(2):
        session.handle(Request("POST", "Patient", headers, body))
    assert session.handle(Request("DELETE", "Patient?gender=male")).status == 412


def test_every_operation_that_it_lists_is_answered(session: FhirSession) -> None:
    server = capability_statement(session.server.base_url, INSTANT)["rest"][0]
    for kind, listed in (("", server), *((each["type"], each) for each in server["resource"])):
        for name in (f"${operation['name']}" for operation in listed["operation"]):
            places = (f"{kind}/{name}", f"{kind}/none/{name}") if kind else (name,)
            answers = [session.handle(Request("POST", place)) for place in places]
            assert any("does not know how to handle" not in answer.body for answer in answers)
            assert 501 not in {answer.status for answer in answers}


def test_the_definitions_of_its_operations_can_be_read(session: FhirSession) -> None:
    base_url = session.server.base_url
    listed = capability_statement(base_url, INSTANT)["rest"][0]["resource"]
    for operation in next(each["operation"] for each in listed if each["type"] == "Encounter"):
        definition = json.loads(get(session, operation["definition"].removeprefix(f"{base_url}/")).body)
        assert (definition["url"], definition["code"]) == (operation["definition"], operation["name"])
    unknown = "OperationDefinition/Multi-its-expunge"
    assert refusal(session, unknown) == (404, f"HAPI-2249: {unknown}")


def test_parameters_stand_in_the_order_of_hapis_map() -> None:
    assert [parameter["name"] for parameter in resource("Observation")["searchParam"]][:5] == [
        "date", "subject", "value-concept", "value-date", "derived-from",
    ]  # fmt: skip
    assert resource("Patient")["searchParam"][0] == {
        "name": "birthdate",
        "definition": "http://hl7.org/fhir/SearchParameter/individual-birthdate",
        "type": "date",
        "documentation": "Multiple Resources: \r\n\r\n* [Patient](patient.html): The patient's date of birth\r\n"
        "* [Person](person.html): The person's date of birth\r\n"
        "* [RelatedPerson](relatedperson.html): The Related Person's date of birth\r\n",
    }
    counted = Counter(parameter["name"] for parameter in resource("Patient")["searchParam"])
    assert max(counted.values()) == 1


def test_parts_of_it(session: FhirSession) -> None:
    software = json.loads(get(session, "metadata?_elements=software,rest.mode").body)
    summary = json.loads(get(session, "metadata?_summary=true").body)

    assert list(software) == ["resourceType", "id", "meta", "software", "rest"]
    assert software["rest"] == [{"mode": "server"}]
    first = summary["rest"][0]["resource"][0]
    assert first["profile"] == "http://hl7.org/fhir/StructureDefinition/Account"
    assert list(first) == ["type", "profile", "operation"]
    assert all(list(operation) == ["name", "definition"] for operation in first["operation"])
    assert "text" not in summary
    assert get(session, "metadata?_summary=text").headers["content-type"] == "text/html;charset=UTF-8"
    assert get(session, "metadata?_format=xml").body.startswith('<CapabilityStatement xmlns="http://hl7.org/fhir">')


def test_what_it_refuses(session: FhirSession) -> None:
    assert refusal(session, "metadata?_summary=true&_elements=software")[0] == 400
    assert session.handle(Request("POST", "metadata")).status == 405
