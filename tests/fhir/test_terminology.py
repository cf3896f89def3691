"""Terminology, with answers of a real HAPI FHIR 7.6."""

import json
from typing import Any

import pytest

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._server import FhirSession
from mab_gym.fhir.model._terminology import Expansion, code_system, value_set
from tests.fhir.serving import bundle, patient, refusal, serve

GENDER, GENDERS = "http://hl7.org/fhir/administrative-gender", "http://hl7.org/fhir/ValueSet/administrative-gender"
HEADERS = {"content-type": "application/fhir+json"}
OWN = {
    "resourceType": "CodeSystem",
    "id": "c",
    "url": "http://own",
    "version": "1",
    "name": "Own",
    "status": "active",
    "content": "complete",
    "concept": [{"code": "a", "display": "Alpha", "concept": [{"code": "b", "display": "Beta"}]}],
}


@pytest.fixture
def session() -> FhirSession:
    return serve([patient("a")])


def post(session: FhirSession, target: str, body: dict[str, Any]) -> Response:
    return session.handle(Request("POST", target, HEADERS, json.dumps(body)))


def told(session: FhirSession, target: str) -> dict[str, Any]:
    return {part["name"]: [*part.values()][1] for part in bundle(session, target)["parameter"]}


def codes(answer: dict[str, Any]) -> list[str]:
    return [each["code"] for each in answer["expansion"].get("contains", ())]


def test_a_value_set_is_expanded(session: FhirSession) -> None:
    whole = bundle(session, f"ValueSet/$expand?url={GENDERS}&filter=never%20read")

    assert codes(whole) == ["male", "female", "other", "unknown"]
    assert whole["expansion"]["contains"][0] == {"system": GENDER, "code": "male", "display": "Male"}
    assert codes(bundle(session, f"ValueSet/$expand?url={GENDERS}&offset=3&count=1")) == ["unknown"]
    assert refusal(session, f"ValueSet/$expand?url={GENDERS}&count=3")[0] == 500
    assert refusal(session, "ValueSet/$expand?url=http://no")[1] == "HAPI-2024: Unknown ValueSet: http%3A%2F%2Fno"
    assert refusal(session, "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/observation-codes")[0] == 500
    assert refusal(session, "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/currencies")[0] == 501


def test_value_sets_within_value_sets_are_expanded_in_order() -> None:
    url = "http://hl7.org/fhir/ValueSet/yesnodontknow"
    expansion, found = Expansion(code_system, value_set), value_set(url)
    assert found is not None
    expansion.add(found, url)
    assert [each.code for each in expansion.concepts] == ["N", "Y", "asked-unknown"]
    assert [each.partition("[")[2].partition("]")[0] for each in expansion.messages] == [
        url,
        "http://terminology.hl7.org/ValueSet/v2-0136",
    ]


def test_one_that_is_sent_is_expanded_too(session: FhirSession) -> None:
    sent = {
        "resourceType": "ValueSet",
        "status": "active",
        "compose": {
            "include": [{"system": GENDER}, {"system": "http://x", "concept": [{"code": "x"}]}],
            "exclude": [{"system": GENDER, "concept": [{"code": "male"}]}],
        },
    }
    assert codes(json.loads(post(session, "ValueSet/$expand", sent).body)) == ["female", "other", "unknown", "x"]


def test_one_that_includes_itself_ends(session: FhirSession) -> None:
    included = {"include": [{"valueSet": ["http://v"] * 9}]}
    own = {"resourceType": "ValueSet", "id": "v", "url": "http://v", "status": "active", "compose": included}
    session.handle(Request("PUT", "ValueSet/v", HEADERS, json.dumps(own)))
    assert session.handle(Request("GET", "ValueSet/v/$expand")).status in (400, 501)


def test_codes_are_looked_up(session: FhirSession) -> None:
    assert told(session, f"CodeSystem/$lookup?system={GENDER}&code=male") == {
        "name": "AdministrativeGender", "version": "4.0.1", "display": "Male", "abstract": False,
    }  # fmt: skip
    assert refusal(session, "CodeSystem/$lookup?system=http://loinc.org&code=4548-4") == (
        404,
        "HAPI-1738: Unable to find code[4548-4] in system[http://loinc.org]",
    )
    session.handle(Request("PUT", "CodeSystem/c", HEADERS, json.dumps(OWN)))
    assert told(session, "CodeSystem/$lookup?system=http://own&code=b")["display"] == "Beta"
    session.reset()
    assert refusal(session, "CodeSystem/$lookup?system=http://own&code=b")[0] == 404


@pytest.mark.parametrize(
    ("asked", "result", "message"),
    [
        (f"ValueSet/$validate-code?url={GENDERS}&system={GENDER}&code=male", True, None),
        (f"ValueSet/$validate-code?url={GENDERS}&code=male", False, "Unknown code 'male'"),
        (f"ValueSet/$validate-code?url={GENDERS}&system={GENDER}&code=m", False, f"Unknown code '{GENDER}#m'"),
        (f"ValueSet/$validate-code?url={GENDERS}&system={GENDER}&code=male&display=M", True, "Concept Display"),
        ("ValueSet/$validate-code?url=http://no&system=a&code=b", False, "Validator is unable"),
        (f"CodeSystem/$validate-code?url={GENDER}&code=male", True, None),
        (f"CodeSystem/$validate-code?url={GENDER}&code=Male", False, "Unknown code"),
        ("CodeSystem/$validate-code?url=http://loinc.org&code=1", False, "Terminology service was unable"),
    ],
)
def test_codes_are_validated(session: FhirSession, asked: str, result: bool, message: str | None) -> None:
    answer = told(session, asked)
    assert answer["result"] is result
    assert answer.get("message", "").startswith(message or "")
    assert ("message" in answer) == (message is not None)


def test_codes_are_translated_by_maps_that_were_stored(session: FhirSession) -> None:
    target = {"code": "x", "display": "X", "equivalence": "equal"}
    group = {"source": "http://s", "target": "http://t", "element": [{"code": "a", "target": [target]}]}
    own = {"resourceType": "ConceptMap", "id": "m", "url": "http://m", "status": "active", "group": [group]}
    session.handle(Request("PUT", "ConceptMap/m", HEADERS, json.dumps(own)))

    found = bundle(session, "ConceptMap/$translate?system=http://s&code=a")["parameter"]

    assert found[2]["part"][1]["valueCoding"] == {"system": "http://t", "code": "x", "display": "X"}
    assert told(session, "ConceptMap/$translate?system=http://s&code=x")["result"] is False
    assert told(session, "ConceptMap/$translate?system=http://t&code=x&reverse=true")["result"] is True


def test_many_codes_in_many_maps_are_too_much(session: FhirSession) -> None:
    targets = [{"code": str(number), "target": [{"code": "x"}]} for number in range(500)]
    own = {"resourceType": "ConceptMap", "id": "m", "status": "active", "group": [{"element": targets}]}
    assert session.handle(Request("PUT", "ConceptMap/m", HEADERS, json.dumps(own))).status == 201
    many = {"name": "codeableConcept", "valueCodeableConcept": {"coding": [{"code": "none"}] * 1000}}
    asked = {"resourceType": "Parameters", "parameter": [many]}

    assert "too-costly" in post(session, "ConceptMap/$translate", asked).body


def test_a_set_that_lists_a_system_again_and_again_is_too_much(session: FhirSession) -> None:
    again = [{"system": "http://terminology.hl7.org/CodeSystem/v3-Race"}] * 200
    sent = {"resourceType": "ValueSet", "status": "active", "compose": {"include": again}}
    assert "too-costly" in post(session, "ValueSet/$expand", sent).body
