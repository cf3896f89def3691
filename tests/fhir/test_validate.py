"""$validate, with answers of a real HAPI FHIR 7.6."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from mab_gym.fhir.http._server import FhirSession, Request, Response
from tests.fhir.serving import get, observation, patient, serve

REQUEST = {
    "resourceType": "MedicationRequest",
    "status": "active",
    "intent": "order",
    "medicationCodeableConcept": {"text": "Metformin"},
    "subject": {"reference": "Patient/a"},
}
SIMPLE = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
COMPLEX = "http://hl7.org/fhir/StructureDefinition/patient-nationality"
TYPE = "http://hl7.org/fhir/StructureDefinition/"


@pytest.fixture
def session() -> FhirSession:
    return serve([patient("a", gender="male"), observation("o", "Patient/a")])


def validate(session: FhirSession, body: Any, target: str = "") -> Response:
    text = body if isinstance(body, str) else json.dumps(body)
    target = target or f"{json.loads(text)['resourceType']}/$validate"
    return session.handle(Request("POST", target, {"content-type": "application/fhir+json"}, text))


def issues(response: Response) -> list[dict[str, Any]]:
    assert response.status == 200, response.body
    found: list[dict[str, Any]] = json.loads(response.body)["issue"]
    return found


def found(response: Response) -> list[tuple[str, str, str]]:
    """Severity, place and message of each issue, but for the missing narrative."""
    return [
        (issue["severity"], issue["location"][0], _message_id(issue))
        for issue in issues(response)
        if "dom-6" not in issue["diagnostics"]
    ]


def _message_id(issue: dict[str, Any]) -> str:
    return next((each["valueString"] for each in issue["extension"] if "valueString" in each), "")


def test_a_resource_without_narrative_is_good_but_for_that(session: FhirSession) -> None:
    (only,) = issues(validate(session, REQUEST))

    end = len(json.dumps(REQUEST)) + 1
    assert only == {
        "extension": [
            {"url": f"{TYPE}operationoutcome-issue-line", "valueInteger": 1},
            {"url": f"{TYPE}operationoutcome-issue-col", "valueInteger": end},
        ],
        "severity": "warning",
        "code": "processing",
        "diagnostics": "Constraint failed: dom-6: 'A resource should have narrative for robust management' (defined in "
        f"{TYPE}DomainResource) (Best Practice Recommendation)",
        "location": ["MedicationRequest", f"Line[1] Col[{end}]"],
    }


def test_a_resource_with_narrative_is_all_good(session: FhirSession) -> None:
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}

    (only,) = issues(validate(session, {**REQUEST, "text": text}))

    assert only["diagnostics"] == "No issues detected during validation"


def test_lines_and_columns_are_those_of_the_text_that_was_sent(session: FhirSession) -> None:
    text = '{\n  "resourceType": "Patient",\n  "gnder": "male"\n}'

    first = issues(validate(session, text))[0]

    assert first["location"] == ["Patient", "Line[3] Col[18]"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": None}, [("error", "MedicationRequest", "Validation_VAL_Profile_Minimum")]),
        (
            {"dispenseRequest": {"validityPeriod": {"start": "2024", "end": "2023"}}},
            [("error", "MedicationRequest.dispenseRequest.validityPeriod", f"{TYPE}Period#per-1")],
        ),
        ({"foo": 1}, [("error", "MedicationRequest", "")]),
        (
            {"subject": {"reference": "#x"}},
            [
                ("error", "MedicationRequest.subject", "Reference_REF_CantResolve"),
                ("error", "MedicationRequest.subject", f"{TYPE}Reference#ref-1"),
            ],
        ),
        (
            {"authoredOn": "1600-01-01"},
            [("warning", "MedicationRequest.authoredOn", "Type_Specific_Checks_DT_DateTime_Reasonable")],
        ),
        (
            {"authoredOn": "2023-01-01T10:00Z"},
            [("error", "MedicationRequest.authoredOn", "Type_Specific_Checks_DT_DateTime_Valid")],
        ),
        (
            {"dosageInstruction": [{"timing": {"repeat": {"period": 1}}}]},
            [("error", "MedicationRequest.dosageInstruction[0].timing.repeat", f"{TYPE}Timing#tim-2")],
        ),
        (
            {"note": [{"text": "a <b>b</b>"}]},
            [("warning", "MedicationRequest.note[0].text", "TYPE_SPECIFIC_CHECKS_DT_MARKDOWN_HTML")],
        ),
        (
            {"contained": [{"resourceType": "Patient", "id": "p"}]},
            [("error", "MedicationRequest.contained[0]", "CONTAINED_ORPHAN_DOM3")],
        ),
        (
            {"meta": {"profile": ["http://no"]}},
            [("error", "MedicationRequest.meta.profile[0]", "VALIDATION_VAL_PROFILE_UNKNOWN_NOT_POLICY")],
        ),
    ],
)
def test_what_is_wrong_with_an_order_is_found(
    session: FhirSession, changes: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    body = {name: value for name, value in {**REQUEST, **changes}.items() if value is not None}

    assert found(validate(session, body)) == expected


def test_units_are_tested(session: FhirSession) -> None:
    quantity = {"value": 1, "unit": "x", "system": "http://unitsofmeasure.org", "code": "mg/dLx"}

    good = found(validate(session, _observed(valueQuantity={**quantity, "code": "mg/dL"})))
    bad = found(validate(session, _observed(valueQuantity=quantity)))

    assert good == []
    assert [(severity, place) for severity, place, _ in bad] == [("error", "Observation.value.ofType(Quantity)")]


def test_observations_should_say_of_whom_by_whom_and_when(session: FhirSession) -> None:
    bare = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}

    assert [message_id.rpartition("_")[2] for _, _, message_id in found(validate(session, bare))] == [
        "subject",
        "performer",
        "effectivePeriod",
    ]
    assert found(validate(session, _observed(valueString="x"))) == []


def _observed(**elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/a"},
        "performer": [{"reference": "Practitioner/a"}],
        "effectiveDateTime": "2023-11-13",
        **elements,
    }


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        ({"url": "http://x.org/e", "valueString": "x"}, [("information", "Extension_EXT_Unknown")]),
        ({"url": "e", "valueString": "x"}, [("error", "Extension_EXT_URL_Absolute")]),
        ({"url": SIMPLE, "valueAddress": {"city": "x"}}, []),
        ({"url": SIMPLE, "valueString": "x"}, [("error", "Extension_EXT_Type")]),
        (
            {"url": SIMPLE},
            [
                ("error", f"{TYPE}Extension#ext-1"),
                ("error", "Extension_EXT_Simple_ABSENT"),
                ("error", "Validation_VAL_Profile_Minimum"),
            ],
        ),
        ({"url": COMPLEX, "extension": [{"url": "code", "valueCodeableConcept": {"text": "x"}}]}, []),
        ({"url": COMPLEX, "extension": [{"url": "code", "valueString": "x"}]}, [("error", "Extension_PROF_Type")]),
        (
            {"url": COMPLEX, "extension": [{"url": "foo", "valueString": "x"}]},
            [("information", "This_element_does_not_match_any_known_slice_")] * 2
            + [("error", "Extension_EXT_SubExtension_Invalid")],
        ),
    ],
)
def test_extensions_are_tested_by_their_definitions(
    session: FhirSession, extension: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    answer = found(validate(session, {"resourceType": "Patient", "extension": [extension]}))

    assert [(severity, message_id) for severity, _, message_id in answer] == expected


def test_a_resource_comes_in_parameters_too(session: FhirSession) -> None:
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": {**REQUEST, "foo": 1}}]}

    first = issues(validate(session, parameters, "MedicationRequest/$validate"))[0]

    place = "Parameters.parameter[0].resource"
    assert (first["diagnostics"], first["location"][0]) == ("Unrecognized property 'foo'", place)


def test_references_in_a_bundle_are_followed(session: FhirSession) -> None:
    def of(reference: str, **elements: Any) -> list[tuple[str, str, str]]:
        entry = {
            "resource": {**REQUEST, "subject": {"reference": reference}},
            "request": {"method": "POST", "url": "MedicationRequest"},
            **elements,
        }
        known = {
            "fullUrl": "urn:uuid:4f6a3c1e-0b1c-4b7e-9e3b-2f1d5a6b7c8d",
            "resource": {"resourceType": "Patient", "gender": "male"},
            "request": {"method": "POST", "url": "Patient"},
        }
        return found(validate(session, {"resourceType": "Bundle", "type": "transaction", "entry": [known, entry]}))

    url, place = {"fullUrl": "http://x.org/MedicationRequest/1"}, "Bundle.entry[1].resource/*MedicationRequest/null*/"
    other = "urn:uuid:5f6a3c1e-0b1c-4b7e-9e3b-2f1d5a6b7c8d"
    assert of("urn:uuid:4f6a3c1e-0b1c-4b7e-9e3b-2f1d5a6b7c8d", fullUrl=other) == []
    assert of(other) == [
        ("error", "Bundle.entry[1]", "Bundle_BUNDLE_Entry_NoFullUrl"),
        ("warning", f"{place}.subject", "Bundle_BUNDLE_Not_Local"),
    ]
    assert of("Patient/a") == [
        ("error", "Bundle.entry[1]", "Bundle_BUNDLE_Entry_NoFullUrl"),
        ("error", f"{place}.subject", "Bundle_BUNDLE_FullUrl_Missing"),
    ]
    assert of("Patient/a", **url) == [("error", "Bundle.entry[0]", "BUNDLE_ENTRY_URL_MATCHES_NO_ID")]


@pytest.mark.parametrize(
    ("mode", "body", "status", "text"),
    [
        ("create", {"id": "a"}, 422, "HAPI-0997"),
        ("update", {}, 422, "HAPI-0998"),
        ("delete", {}, 400, "HAPI-0991"),
        ("bogus", {}, 400, "HAPI-0364"),
        ("create", {}, 200, "dom-6"),
    ],
)
def test_modes(session: FhirSession, mode: str, body: dict[str, Any], status: int, text: str) -> None:
    parts = [{"name": "mode", "valueCode": mode}, {"name": "resource", "resource": {"resourceType": "Patient", **body}}]

    answer = validate(session, {"resourceType": "Parameters", "parameter": parts}, "Patient/$validate")

    assert (answer.status, text in answer.body) == (status, True)


def test_a_stored_resource_is_validated(session: FhirSession) -> None:
    assert get(session, "Patient/a/$validate").status == 200
    assert get(session, "Patient/no/$validate").status == 404
    assert "HAPI-0992" in get(session, "Patient/$validate").body
    assert "Ok to delete" in get(session, "Observation/o/$validate?mode=delete").body
    assert get(session, "Patient/a/$validate?mode=delete").status == 409


def test_validating_changes_nothing(session: FhirSession) -> None:
    before = get(session, "Patient").body

    validate(session, {"resourceType": "Patient", "gender": "female"})

    assert json.loads(get(session, "Patient").body)["total"] == json.loads(before)["total"] == 1


def test_profiles(session: FhirSession) -> None:
    def asked(profile: str, **elements: Any) -> Response:
        parts = [
            {"name": "profile", "valueString": profile},
            {"name": "resource", "resource": {"resourceType": "Patient", **elements}},
        ]
        return validate(session, {"resourceType": "Parameters", "parameter": parts}, "Patient/$validate")

    assert asked(f"{TYPE}Patient").status == 200
    stated = {"resourceType": "Patient", "meta": {"profile": [SIMPLE]}}
    assert found(validate(session, stated)) == [("error", "Patient", "Validation_VAL_Profile_WrongType")]
    vital = {"resourceType": "Observation", "meta": {"profile": [f"{TYPE}vitalsigns"]}, "status": "final"}
    assert validate(session, {**vital, "code": {"text": "x"}}).status == 501


def test_xml_and_hapis_other_json_are_refused_openly(session: FhirSession) -> None:
    body = '<Patient xmlns="http://hl7.org/fhir"/>'
    headers = {"content-type": "application/fhir+xml"}

    assert session.handle(Request("POST", "Patient/$validate", headers, body)).status == 501
    assert validate(session, "{'resourceType': 'Patient'}", "Patient/$validate").status == 501


def test_nothing_of_it_is_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys, mab_gym.fhir.http._server as s\n"
        "s.FhirServer({}).open().handle(s.Request('GET', 'Patient', {}))\n"
        "assert not [name for name in sys.modules if name.startswith('fhirpathpy') or 'fhir.validation' in name]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
