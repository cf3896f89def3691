"""Orders beside what is due, by value: which comparisons fail, with which fault, how gravely, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.tasking.meaning._reading import read
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due import HOUR, Check, Due
from mab_gym.tasking.meaning.due_record import ObservationDue
from mab_gym.tasking.meaning.due_service import ServiceDue
from mab_gym.tasking.meaning.often import every
from mab_gym.tasking.meaning.terms import LOINC, NDC, REFERRAL, TRANSFUSION
from mab_gym.tasking.meaning.units import amount, hours
from tests.tasking.meaning.people import (
    DOSAGE,
    GIVEN,
    HELD,
    NOW,
    PERSON,
    TEST,
    TESTED,
    WRITTEN,
    allergy,
    hold,
    medication,
    service,
)
from tests.tasking.meaning.tabled import rows

CATEGORIES = frozenset({"http://a.example/category", "http://b.example/category"})
TOMORROW = NOW.replace(day=14, hour=8, minute=0)
DUES: dict[str, Due] = {
    "potassium": medication(),
    "about": medication(tolerance=1e-4),
    "infusion": medication(dose=amount(2, "g"), route="intravenous", over=hours(2)),
    "running": medication(
        dose=amount(500, "mg"), route="intravenous", often=every(8), lasts=(hours(0.05), hours(3))
    ),
    "replacing": medication(
        dose=amount(5, "mg"), often=every(24), within=12 * HOUR, replaces="MedicationRequest/1"
    ),
    "cream": medication(dose=amount(1, "g"), route="topical"),
    "drops": medication(dose=amount(1, "mL")),
    "test": service(),
    "later": service(at=TOMORROW, priority="stat"),
    "blood": ServiceDue(
        person=PERSON, now=NOW, service=Concept(LOINC, "RBC", ("red cells",)), kind=TRANSFUSION,
        quantity=amount(1, "unit"), unsafe=True,
    ),
    "referral": ServiceDue(
        person=PERSON, now=NOW, service=Concept(LOINC, "REF", ("orthopaedics",)), kind=REFERRAL,
        note="Do not wait.  Torn left knee.",
    ),
    "hold": hold(),
    "pressure": ObservationDue(
        person=PERSON, now=NOW, measured=Concept("", "BP", ("bp", "blood pressure"), frozenset({(LOINC, "85354-9")})),
        category=(CATEGORIES, "vital-signs"), reading="140/90 mmHg", parts={"8480-6": 140, "8462-4": 90},
        interpretations=frozenset({"h", "high"}),
    ),
    "allergy": allergy(),
}  # fmt: skip
EVERY_EIGHT = {"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}}
DAILY = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}
ALLERGIES = "http://terminology.hl7.org/CodeSystem/allergyintolerance"


def _dose(value: float, unit: str, **more: Any) -> dict[str, Any]:
    return {"doseAndRate": [{"doseQuantity": {"value": value, "unit": unit}, **more}]}


RIGHT: dict[str, dict[str, Any]] = {
    "potassium": GIVEN,
    "about": GIVEN,
    "infusion": GIVEN
    | {"dosageInstruction": [{"route": {"text": "IV"}, **_dose(2, "g", rateQuantity={"value": 2, "unit": "h"})}]},
    "running": GIVEN | {"dosageInstruction": [{"route": {"text": "IV"}, "timing": EVERY_EIGHT, **_dose(500, "mg")}]},
    "replacing": GIVEN
    | {
        "dosageInstruction": [{"route": {"text": "oral"}, "timing": DAILY, **_dose(5, "mg")}],
        "priorPrescription": {"reference": "MedicationRequest/1"},
    },
    "cream": GIVEN | {"dosageInstruction": [{"route": {"text": "topical"}, **_dose(1, "g")}]},
    "drops": GIVEN | {"dosageInstruction": [{**DOSAGE, **_dose(1, "mL")}]},
    "test": TESTED,
    "later": TESTED | {"occurrenceDateTime": "2023-11-14T08:00:00Z", "priority": "stat"},
    "blood": TESTED
    | {"code": {"coding": [{"system": LOINC, "code": "RBC"}]}, "quantityQuantity": {"value": 1, "unit": "unit"}},
    "referral": TESTED
    | {
        "code": {"coding": [{"system": LOINC, "code": "REF"}]},
        "note": [{"text": "Please: Do not wait. Torn left knee. Thanks"}],
    },
    "hold": HELD,
    "pressure": {
        "resourceType": "Observation",
        "status": "final",
        "subject": {"reference": "Patient/S1"},
        "effectiveDateTime": WRITTEN,
        "category": [{"coding": [{"system": "http://a.example/category", "code": "vital-signs"}]}],
        "code": {"text": "BP"},
        "valueString": "140/90 mmHg",
    },
    "allergy": {
        "resourceType": "AllergyIntolerance",
        "patient": {"reference": "Patient/S1"},
        "code": {"coding": [{"system": NDC, "code": "40032-917-01"}]},
        "clinicalStatus": {"coding": [{"system": f"{ALLERGIES}-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{ALLERGIES}-verification", "code": "confirmed"}]},
        "criticality": "high",
        "recordedDate": WRITTEN,
        "reaction": [{"manifestation": [{"text": "Anaphylaxis"}]}],
    },
}
GRAVITY = {None: "by its code", True: "unsafe", False: "no harm"}


def told(check: Check) -> str:
    """A comparison that fails, in one line."""
    return f"{check.name} | {check.code.value} | {GRAVITY[check.critical]} | {check.sentence}"


def changed(name: str, changes: dict[str, Any]) -> dict[str, Any]:
    """The right order with other members; those of ``dosage`` are its dosage's; null leaves a member out."""
    resource = {**RIGHT[name], **changes}
    if dosage := resource.pop("dosage", None):
        first = {**resource["dosageInstruction"][0], **dosage}
        resource["dosageInstruction"] = [{name: value for name, value in first.items() if value is not None}]
    return {name: value for name, value in resource.items() if value is not None}


@pytest.mark.parametrize(("written", "faults"), rows("orders"))
def test_what_fails(written: str, faults: list[str]) -> None:
    name, _, changes = written.partition(" ")
    checks = DUES[name].checks(read(changed(name, json.loads(changes))))
    assert [told(check) for check in checks if not check.met] == faults


@pytest.mark.parametrize(("name", "compared"), rows("comparisons"))
def test_all_that_is_compared(name: str, compared: list[str]) -> None:
    checks = list(DUES[name].checks(read(RIGHT[name])))
    assert [f"{check.name} | {check.code.value} | {GRAVITY[check.critical]}" for check in checks] == compared
    assert all((check.met, check.sentence) == (True, "") for check in checks if not check.name.endswith(".note"))


@pytest.mark.parametrize(
    ("name", "changes", "unread"),
    [
        ("potassium", {"note": [{"text": "Thank you."}, {"text": "40 mEq"}, {"text": " "}]}, ["note[0].text"]),
        ("potassium", {"medicationCodeableConcept": {"text": "thing"}}, []),
        (
            "referral",
            {"note": [{"text": "So: Do not wait. Torn left\n knee."}, {"text": "Torn right knee."}]},
            ["note[1].text"],
        ),
        ("test", {"patientInstruction": "Come."}, ["patientInstruction"]),
        ("hold", {"description": "Thank you."}, ["description"]),
    ],
)
def test_remarks_that_nobody_reads(name: str, changes: dict[str, Any], unread: list[str]) -> None:
    assert DUES[name].unread(read(changed(name, changes))) == unread


def test_the_text_that_is_asked_for_is_read_elsewhere() -> None:
    due = ServiceDue(person=PERSON, now=NOW, service=TEST, kind=REFERRAL, note="Torn  left knee.")
    notes = [{"text": "So: Torn left\n knee."}, {"text": "Torn right knee."}]
    assert due.unread(read({**TESTED, "note": notes})) == ["note[1].text"]


def test_what_is_due_has_a_type() -> None:
    assert {name: due.resource_type for name, due in DUES.items()} == {
        name: right["resourceType"] for name, right in RIGHT.items()
    }
    assert (DUES["potassium"].harm, DUES["test"].harm) == ("", "")
