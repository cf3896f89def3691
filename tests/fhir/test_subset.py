"""``_summary`` and ``_elements`` as a real HAPI FHIR 7.6 answered them for this Observation and this Patient."""

from typing import Any

from mab_gym.fhir.http._subset import subset

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o",
    "meta": {"versionId": "1"},
    "text": {"status": "generated", "div": "<div/>"},
    "extension": [{"url": "http://e", "valueString": "x"}],
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "K"}], "text": "Potassium"},
    "note": [{"text": "n"}],
    "component": [
        {
            "code": {"text": "a"},
            "valueSampledData": {"origin": {"value": 1}, "period": 2, "dimensions": 1, "data": "1 2"},
            "interpretation": [{"text": "i"}],
        }
    ],
}
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "meta": {"versionId": "1"},
    "name": [{"id": "n", "extension": [{"url": "http://n"}], "family": "A", "_family": {"id": "f"}, "given": ["B"]}],
    "birthDate": "2000-01-01",
    "_birthDate": {"id": "b"},
    "contact": [{"name": {"family": "C"}}],
}


def part(resource: dict[str, Any], summary: str = "", *names: str) -> dict[str, Any]:
    found = subset(resource, summary, names)
    assert list(found)[:3] == ["resourceType", "id", "meta"]
    assert found["meta"]["tag"][-1]["code"] == "SUBSETTED"
    return dict(list(found.items())[3:])


def test_a_summary_goes_all_the_way_down_and_keeps_what_is_mandatory() -> None:
    sampled = {"origin": {"value": 1}, "period": 2, "dimensions": 1}

    assert part(OBSERVATION, "true") == {
        "status": "final",
        "code": OBSERVATION["code"],
        "component": [{"code": {"text": "a"}, "valueSampledData": sampled}],
    }
    assert part(PATIENT, "true") == {
        "name": [{"id": "n", "family": "A", "given": ["B"]}],
        "birthDate": "2000-01-01",
    }


def test_text_comes_with_what_is_mandatory() -> None:
    assert list(part(OBSERVATION, "text")) == ["text", "status", "code"]


def test_data_is_all_but_the_text() -> None:
    assert list(part(OBSERVATION, "data")) == ["extension", "status", "code", "note", "component"]


def test_elements_below_elements() -> None:
    assert part(OBSERVATION, "", "code.text", "status") == {"status": "final", "code": {"text": "Potassium"}}
    assert part(OBSERVATION, "", "Observation.component.code") == {"component": [{"code": {"text": "a"}}]}
    assert part(OBSERVATION, "", "component.value.origin") == {
        "component": [{"valueSampledData": {"origin": {"value": 1}}}]
    }
    assert part(OBSERVATION, "", "valueSampledData") == {}


def test_an_element_keeps_its_id_and_its_extensions() -> None:
    assert part(PATIENT, "", "birthDate") == {"birthDate": "2000-01-01", "_birthDate": {"id": "b"}}
    assert part(PATIENT, "", "name.family") == {"name": [{"id": "n", "family": "A", "_family": {"id": "f"}}]}
    assert part(PATIENT, "", "name.foo") == {"name": [{"id": "n"}]}
    assert part(PATIENT, "", "name", "name.family")["name"] == PATIENT["name"]


def test_elements_of_other_types_alone_leave_a_resource_whole() -> None:
    assert subset(PATIENT, "", ["Encounter.status"]) == PATIENT
    assert list(part(PATIENT, "", "Encounter.status", "birthDate")) == ["birthDate", "_birthDate"]
