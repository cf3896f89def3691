"""Every distinct shape of resource, validated against FHIR R4B and compared with HAPI's way of writing."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator

import numpy as np
import pytest

from mab_gym.cohort._spec import CANONICAL
from mab_gym.fhir.store._table import InstantColumn, PoolColumn, read_instant

from .charts import Cohort, instant_text

TYPES = ["Patient", "Observation", "Procedure", "Condition", "MedicationRequest"]
ORDER = {
    "Patient": "meta extension identifier name telecom gender birthDate address maritalStatus",
    "Observation": "meta status category code subject effectiveDateTime issued valueQuantity valueString note",
    "Procedure": "meta status code subject performedDateTime performedPeriod",
    "Condition": "meta clinicalStatus verificationStatus category code subject onsetDateTime abatementDateTime"
    " recordedDate",
    "MedicationRequest": "meta status intent category priority medicationCodeableConcept subject authoredOn requester"
    " dosageInstruction",
}
NOW = 1_699_870_500
FIRST = NOW - (5 * 365 + 1) * 86400


def samples(cohort: Cohort, resource_type: str) -> Iterator[int]:
    """Rows in which every combination of present elements and every code occurs."""
    table = cohort.tables[resource_type]
    shape = np.zeros(len(table), dtype=np.int64)
    for column in table.columns:
        present = column.codes > 0 if isinstance(column, PoolColumn) else column.forms
        shape = shape * 8 + present
        if column.name in ("code", "medicationCodeableConcept", "status", "dosageInstruction"):
            shape = shape * 128 + np.asarray(column.codes, dtype=np.int64)  # type: ignore[union-attr]
    yield from np.unique(shape, return_index=True)[1].tolist()


@pytest.mark.parametrize("resource_type", TYPES)
def test_elements_stand_in_the_order_of_fhir(canonical: Cohort, resource_type: str) -> None:
    assert [column.name for column in canonical.tables[resource_type].columns] == ORDER[resource_type].split()


@pytest.mark.parametrize("resource_type", TYPES)
def test_every_shape_is_valid_fhir(canonical: Cohort, resource_type: str) -> None:
    module = importlib.import_module(f"fhir.resources.R4B.{resource_type.lower()}")
    model = getattr(module, resource_type)
    rows = list(samples(canonical, resource_type))
    assert rows
    for row in rows[:400] + rows[400::7]:
        model.model_validate_json(canonical.text(resource_type, row))


@pytest.mark.parametrize("resource_type", TYPES)
def test_pools_are_written_as_hapi_writes_and_hold_each_text_once(canonical: Cohort, resource_type: str) -> None:
    for column in canonical.tables[resource_type].columns:
        if isinstance(column, InstantColumn):
            assert not column.others
            continue
        texts = list(column.texts)
        assert len(set(texts)) == len(texts)
        used = np.unique(column.codes)
        assert used[used > 0].tolist() == list(range(1, len(texts) + 1))
        for text in texts[:500]:
            json.loads(text)
            lines = text.split("\n")
            assert all(line.startswith(("    ", "  }, {")) for line in lines[1:-1])
            if len(lines) > 1:
                assert lines[0] in ("{", "[ {")
                assert lines[-1] in ("  }", "  } ]")


@pytest.mark.parametrize("resource_type", TYPES[1:])
def test_nothing_is_recorded_before_the_five_years_or_after_now(canonical: Cohort, resource_type: str) -> None:
    recorded = {"effectiveDateTime", "issued", "performedDateTime", "recordedDate", "authoredOn", "abatementDateTime"}
    for column in canonical.tables[resource_type].columns:
        if isinstance(column, InstantColumn):
            seconds = column.seconds[column.forms > 0]
            assert seconds.max() <= NOW
            if column.name in recorded:
                assert seconds.min() >= FIRST


def test_periods_end_before_now(canonical: Cohort) -> None:
    for text in canonical.pool("Procedure", "performedPeriod").texts:
        period = json.loads(text)
        start, end = read_instant(period["start"]), read_instant(period["end"])
        assert start is not None
        assert end is not None
        assert FIRST <= start[0] < end[0] <= NOW


def test_nothing_happens_before_birth(canonical: Cohort) -> None:
    births = [read_instant(canonical.resource("Patient", row)["birthDate"]) for row in range(CANONICAL.patients)]
    born = np.array([birth[0] for birth in births if birth is not None])
    for resource_type in TYPES[1:]:
        patients = canonical.patient_of_rows(resource_type)
        for column in canonical.tables[resource_type].columns:
            if isinstance(column, InstantColumn):
                present = column.forms > 0
                assert (column.seconds[present] >= born[patients[present]]).all(), column.name


def test_results_are_issued_after_they_were_taken(canonical: Cohort) -> None:
    taken, issued = (canonical.instants("Observation", name) for name in ("effectiveDateTime", "issued"))
    present = issued.forms > 0
    assert (issued.seconds[present] > taken.seconds[present]).all()


def test_a_minority_of_times_is_written_in_other_zones(canonical: Cohort) -> None:
    column = canonical.instants("Observation", "effectiveDateTime")
    suffixes = {form.suffix: float((column.forms == 1 + place).mean()) for place, form in enumerate(column.known)}
    assert suffixes["+00:00"] > 0.8
    assert suffixes["-08:00"] > 0.01
    assert suffixes["-05:00"] > 0.01


def test_onsets_are_known_to_the_year_the_month_the_day_or_not_at_all(canonical: Cohort) -> None:
    column = canonical.instants("Condition", "onsetDateTime")
    rows = range(0, len(canonical.tables["Condition"]), 3)
    lengths = {len(instant_text(column, row)) if column.forms[row] else 0 for row in rows}
    assert lengths == {0, 4, 7, 10, 25}


def test_a_result_and_a_vital_sign_look_as_they_do_in_the_official_server(canonical: Cohort) -> None:
    result = canonical.resource("Observation", canonical.series("K")[canonical.mrns[0]][0].row)
    mrn = canonical.mrns[0]
    assert result["category"] == [
        {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                    "code": "laboratory",
                    "display": "Laboratory",
                }
            ]
        }
    ]
    assert result["code"] == {"coding": [{"system": "http://loinc.org", "code": "K", "display": "K"}], "text": "K"}
    system = "http://terminology.hl7.org/CodeSystem/v2-0203"
    assert result["subject"] == {"reference": f"Patient/{mrn}", "identifier": {"system": system, "value": mrn}}
    quantity = result["valueQuantity"]
    assert list(quantity) == ["value", "unit", "system", "code"]
    assert quantity["unit"] == quantity["code"] == "mmol/L"
    strings = canonical.pool("Observation", "valueString")
    pressures = [json.loads(text) for text in strings.texts if "/" in text]
    assert len(pressures) > 1000
    code = canonical.pool("Observation", "code")
    flowsheet = [json.loads(text) for text in code.texts if "coding" not in json.loads(text)]
    assert {"text": "BP"} in flowsheet
    assert {"text": "HR"} in flowsheet


def test_few_results_were_changed_later(canonical: Cohort) -> None:
    status = canonical.pool("Observation", "status")
    laboratory = canonical.instants("Observation", "issued").forms > 0
    shares = {
        json.loads(text): float((status.codes[laboratory] == 1 + place).mean())
        for place, text in enumerate(status.texts)
    }
    assert 0.005 < shares["amended"] + shares["corrected"] < 0.015
    assert 0.001 < shares["entered-in-error"] < 0.006
