"""A chart as a clinician wants it: what is dangerous first, names in the place of codes, ranges with their source."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mab_gym.charts._chart import PatientChart, read_chart
from mab_gym.charts._page import page
from mab_gym.charts._ranges import RESULTS, SOURCES, flag, reference_range
from mab_gym.charts._summary import patients
from mab_gym.cohort._locate import archive_path
from mab_gym.cohort._measurement import MEASUREMENTS
from mab_gym.cohort._spec import CANONICAL
from mab_gym.envs._scenario import Scenario
from mab_gym.fhir.store._archive import open_archive
from tests.charts.test_chart import NOW, PERSON, made, observation

HL7 = "http://terminology.hl7.org/CodeSystem/"
ME = {"reference": "Patient/p"}


def chart_of(*resources: dict[str, Any]) -> PatientChart:
    return read_chart(made(PERSON, *resources), "p")


def condition(
    number: int, code: str, name: str, status: str = "active", verified: str = "confirmed", listed: bool = True,
    when: str = "2020-01-01",
) -> dict[str, Any]:  # fmt: skip
    kind = "problem-list-item" if listed else "encounter-diagnosis"
    return {
        "resourceType": "Condition", "id": f"c{number}", "subject": ME, "recordedDate": f"{when}T08:00:00Z",
        "category": [{"coding": [{"system": f"{HL7}condition-category", "code": kind}]}],
        "clinicalStatus": {"coding": [{"code": status}]}, "verificationStatus": {"coding": [{"code": verified}]},
        "code": {"coding": [{"code": code, "display": name}]},
    }  # fmt: skip


def allergy(number: int, name: str, verified: str = "confirmed", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "AllergyIntolerance", "id": f"a{number}", "patient": ME, "code": {"text": name},
        "clinicalStatus": {"coding": [{"code": "active"}]}, "verificationStatus": {"coding": [{"code": verified}]},
        **more,
    }  # fmt: skip


def words(shown: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]*>", " ", shown, flags=re.S))


def test_problems_stand_by_importance_and_not_by_date() -> None:
    chart = chart_of(
        condition(1, "Z23", "Encounter for immunization", when="2023-11-13"),
        condition(2, "R42", "Dizziness", when="2023-11-12"),
        condition(3, "A41.9", "Sepsis", "resolved", when="2023-11-11"),
        condition(4, "I50.9", "Heart failure", when="2001-01-01"),
        condition(5, "I21.4", "Infarction", when="2000-01-01"),
        condition(6, "M10.9", "Gout", when="2002-01-01"),
        condition(7, "C80.1", "Cancer", verified="entered-in-error", when="2023-11-13"),
        condition(8, "E78.5", "Hyperlipidemia", "inactive", when="2023-11-13"),
        condition(9, "73211009", "Diabetes mellitus (disorder)", when="1999-01-01"),
        condition(10, "160903007", "Full-time employment (finding)", when="2023-11-13"),
    )
    assert [entry.name for entry in chart.conditions] == [
        "Infarction", "Heart failure", "Gout", "Diabetes mellitus (disorder)", "Full-time employment (finding)",
        "Dizziness", "Encounter for immunization", "Hyperlipidemia", "Sepsis", "Cancer",
    ]  # fmt: skip
    assert "void><td>Cancer" in page(chart, NOW)


def test_a_problem_is_not_over_because_a_visit_is() -> None:
    chart = chart_of(
        condition(1, "I10", "Hypertension", when="2010-01-01"),
        condition(2, "I10", "Hypertension", "resolved", listed=False, when="2023-01-01"),
    )
    (entry,) = chart.conditions
    assert (entry.status, entry.count, entry.listed) == ("active", 2, True)


def test_allergies_come_first_and_refuted_ones_are_struck_out() -> None:
    chart = chart_of(
        allergy(1, "aspirin", "refuted"),
        allergy(
            2, "penicillin", criticality="high",
            reaction=[{"manifestation": [{"text": "anaphylaxis"}], "severity": "severe"}],
        ),
    )  # fmt: skip
    assert [(entry.name, entry.void) for entry in chart.allergies] == [("penicillin", False), ("aspirin", True)]
    shown = page(chart, NOW)
    assert "high risk, anaphylaxis, severe, active" in shown
    assert "void><td>aspirin" in shown
    assert shown.index("Allergies") < shown.index("Problems") < shown.index("Latest results")


def test_no_allergy_on_record_is_not_said_to_be_none() -> None:
    assert "This does not say that there are none" in page(chart_of(), NOW)
    assert "This does not say" in page(chart_of(allergy(1, "aspirin", "entered-in-error")), NOW)


def test_encounters_are_told_in_words() -> None:
    encounter = {
        "resourceType": "Encounter", "id": "e", "status": "finished", "subject": ME, "class": {"code": "EMER"},
        "reasonCode": [{"text": "chest pain"}],
        "period": {"start": "2023-01-02T08:00:00Z", "end": "2023-01-03T09:00:00Z"},
    }  # fmt: skip
    chart = chart_of(encounter)
    told = words(page(chart, NOW))
    assert "emergency chest pain, finished 2023-01-02 – 2023-01-03" in told
    assert "EMER" not in told
    assert chart.contacts == []


def test_without_encounters_the_days_with_records_are_shown() -> None:
    days = ("2023-01-01", "2023-01-02", "2023-01-05")
    chart = chart_of(*(observation(4.0, f"{day}T08:00:00Z") for day in days))
    assert [(last - first + 1, records) for first, last, records in chart.contacts] == [(1, 1), (2, 2)]
    assert "No Encounter is recorded" in page(chart, NOW)


@pytest.mark.parametrize("code", ["systolic", "8480-6"])
def test_high_and_low_blood_pressures_are_marked(code: str) -> None:
    found = reference_range(code, "mmHg", None)
    assert found is not None
    assert [flag(value, found.limits) for value in (85, 90, 129, 130, 200, 219)] == ["L", "", "", "H", "H", "H"]
    assert "NEWS" not in str(SOURCES)


def test_a_pressure_of_two_parts_is_one_plot_and_no_other_result() -> None:
    parts = [
        {"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value, "unit": "mm[Hg]"}}
        for code, value in (("8480-6", 200), ("8462-4", 85))
    ]
    chart = chart_of(observation({"component": parts}, "2023-11-12T10:00:00Z", code="85354-9"))
    told = words(page(chart, NOW))
    assert "Systolic blood pressure 8480-6 200 H mmHg 90 – 129 ACC/AHA" in told
    assert "Blood pressure mmHg 200 H / 85 H" in told
    assert chart.texts == {}


def test_a_range_holds_for_its_units_and_for_adults() -> None:
    assert reference_range("GLU", "mg/dL", None) is not None
    assert reference_range("GLU", "mmol/L", None) is None
    assert reference_range("HGB", "g/dL", None) is None
    child = {**PERSON, "birthDate": "2015-01-01"}
    chart = read_chart(made(child, observation(7.0, "2023-11-12T10:00:00Z")), "p")
    assert chart.reference(chart.series["K"]) is None


def test_the_range_that_the_record_states_counts_first() -> None:
    stated = {
        "valueQuantity": {"value": 5.1, "unit": "mmol/L"},
        "referenceRange": [{"low": {"value": 3.4}, "high": {"value": 5.3}}],
    }
    chart = chart_of(observation(stated, "2023-11-12T10:00:00Z"))
    found = chart.reference(chart.series["K"])
    assert found is not None
    assert (found.limits, found.source) == ((3.4, 5.3), "record")
    assert "3.4 – 5.3 <small>record</small>" in page(chart, NOW)


def test_every_range_names_a_source() -> None:
    for known in RESULTS.values():
        assert (known.source in SOURCES) == (known.ranges is not None), known.code
        for low, high in known.ranges or ():
            assert low is None or high is None or low < high


def test_every_result_of_the_hospitals_has_a_name() -> None:
    assert {each.code for each in MEASUREMENTS} <= RESULTS.keys()


def test_no_code_stands_alone() -> None:
    bare = {"coding": [{"system": "http://loinc.org", "code": "99999-9"}]}
    chart = chart_of(
        observation(4.0, "2023-11-12T10:00:00Z"),
        {**observation(1.0, "2023-11-12T10:00:00Z", code="x"), "code": bare},
        {**observation(139, "2023-11-12T10:00:00Z", code="y"), "code": {"coding": [{"code": "2951-2"}]}},
        {"resourceType": "Procedure", "id": "1", "status": "completed", "subject": ME, "code": bare},
    )
    told = words(page(chart, NOW))
    assert "Potassium K " in told
    assert "Sodium 2951-2" in told
    assert told.count("(code 99999-9 without a name)") >= 2
    assert told.count("99999-9") == told.count("(code 99999-9 without a name)")


def test_in_a_whole_hospital_no_code_stands_alone(scenario: Scenario) -> None:
    archive = open_archive(archive_path(CANONICAL))
    for mrn in [each[0] for each in patients(archive) if each[4]][::25]:
        chart = read_chart(archive, mrn)
        named: list[Any] = [*chart.conditions, *chart.medications, *chart.procedures, *chart.texts.values()]
        for each in (*named, *chart.series.values()):
            assert each.name
            assert "without a name" not in each.name
            assert each.name != each.code or each.code == "INR"
