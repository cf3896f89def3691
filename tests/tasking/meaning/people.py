"""Shared: a patient, a moment, and orders that are due for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mab_gym.tasking.meaning._reading import read
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due import Due
from mab_gym.tasking.meaning.due_medication import MedicationDue
from mab_gym.tasking.meaning.due_record import AllergyDue, ObservationDue
from mab_gym.tasking.meaning.due_service import ServiceDue
from mab_gym.tasking.meaning.due_task import TaskDue
from mab_gym.tasking.meaning.people import Person
from mab_gym.tasking.meaning.terms import LABORATORY, LOINC, NDC, RXNORM, TASK_CODE
from mab_gym.tasking.meaning.units import amount

NOW = datetime(2023, 11, 13, 10, 15, tzinfo=UTC)
WRITTEN = "2023-11-13T10:15:00+00:00"
OWNERS = {"Encounter/1": "Patient/S1", "Encounter/2": "Patient/S2"}
PERSON = Person(
    "S1",
    frozenset({"ada", "king"}),
    frozenset({"S1", "123-45-6789"}),
    "http://h/fhir",
    OWNERS.get,
    lambda text: text in ("S1", "S2", "S7654321"),
)
POTASSIUM = Concept(NDC, "40032-917-01", ("potassium chloride", "potassium", "kcl"), frozenset({(RXNORM, "8591")}))
TEST = Concept(LOINC, "2823-3", ("serum potassium", "potassium"))
HOLD = Concept(TASK_CODE, "suspend", ("suspend", "hold"), alone=False)
SHARED: dict[str, Any] = {
    "status": "active", "intent": "order", "subject": {"reference": "Patient/S1"}, "authoredOn": WRITTEN,
}  # fmt: skip
DOSAGE: dict[str, Any] = {
    "route": {"text": "oral"},
    "doseAndRate": [{"doseQuantity": {"value": 40, "unit": "mEq"}}],
}
GIVEN: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    **SHARED,
    "medicationCodeableConcept": {"coding": [{"system": NDC, "code": "40032-917-01"}]},
    "dosageInstruction": [DOSAGE],
}
TESTED: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    **SHARED,
    "code": {"coding": [{"system": LOINC, "code": "2823-3"}]},
}
HELD: dict[str, Any] = {
    "resourceType": "Task",
    "status": "requested",
    "intent": "order",
    "code": {"coding": [{"system": TASK_CODE, "code": "suspend"}]},
    "focus": {"reference": "MedicationRequest/77777"},
    "for": {"reference": "Patient/S1"},
    "authoredOn": WRITTEN,
}


def medication(**changes: Any) -> MedicationDue:
    """Forty milliequivalents of potassium by mouth, once."""
    told: dict[str, Any] = {
        "person": PERSON, "now": NOW, "drug": POTASSIUM, "dose": amount(40, "meq"), "route": "oral",
    }  # fmt: skip
    return MedicationDue(**told | changes)


def service(**changes: Any) -> ServiceDue:
    """A potassium now."""
    told: dict[str, Any] = {"person": PERSON, "now": NOW, "service": TEST, "kind": LABORATORY}
    return ServiceDue(**told | changes)


def hold() -> TaskDue:
    """An order to be held."""
    return TaskDue(person=PERSON, now=NOW, code=HOLD, focus="MedicationRequest/77777")


def allergy() -> AllergyDue:
    """An allergy to potassium, of all things."""
    return AllergyDue(person=PERSON, now=NOW, substance=POTASSIUM, reaction=frozenset({"anaphyl"}))


def reading() -> ObservationDue:
    """A blood pressure."""
    return ObservationDue(
        person=PERSON,
        now=NOW,
        measured=Concept("", "BP", ("bp", "blood pressure")),
        category=(frozenset({"http://terminology.hl7.org/CodeSystem/observation-category"}), "vital-signs"),
        reading="140/90 mmHg",
        parts={"8480-6": 140, "8462-4": 90},
        interpretations=frozenset({"h"}),
    )


def unmet(due: Due, resource: dict[str, Any]) -> list[str]:
    """The comparisons of a resource with what is due that fail, by name."""
    return [check.name for check in due.checks(read(resource)) if not check.met]


def dosed(**changes: Any) -> dict[str, Any]:
    """The order of potassium with other members of its dosage."""
    return {**GIVEN, "dosageInstruction": [{**DOSAGE, **changes}]}
