"""People who lie in the hospital now, as `draw` and ``course.py`` of families with a clock find them in the chart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from mab_gym.dynamics._body import Body
from mab_gym.dynamics.course import Course, standing_orders
from mab_gym.dynamics.physiology._creatinine import estimated_gfr
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

__all__ = [
    "CREATININE",
    "HEIGHT",
    "WEIGHT",
    "Inpatient",
    "active_drugs",
    "age_of",
    "course_of",
    "diagnoses",
    "drug_name",
    "egfr",
    "handbook_page",
    "inpatient",
    "problems",
]

WEIGHT = "29463-7"
"""LOINC code of body weight."""
HEIGHT = "8302-2"
"""LOINC code of body height."""
CREATININE = "2160-0"
"""LOINC code of creatinine in serum or plasma."""


@dataclass(frozen=True, slots=True)
class Inpatient:
    """A person who lies in the hospital now.

    Attributes:
        mrn: Medical record number.
        encounter: Reference of the stay, as in ``Encounter/12``.
        attending: Reference of the attending.
        nurse: Reference of the nurse; that of the attending where none is named.
        female: Sex.
        age: Completed years.
        weight_kg: The latest weight.
    """

    mrn: str
    encounter: str
    attending: str
    nurse: str
    female: bool
    age: int
    weight_kg: float

    @property
    def params(self) -> dict[str, Any]:
        """The facts of the person that a case keeps."""
        return {
            "mrn": self.mrn,
            "encounter": self.encounter,
            "attending": self.attending,
            "nurse": self.nurse,
            "weight_kg": self.weight_kg,
        }


def course_of(case: Case, chart: Chart, body: Body, horizon: int, **settings: Any) -> Course:
    """Returns the course of a case that keeps the person as `Inpatient.params` has it.

    Args:
        case: The case.
        chart: Its snapshot; the orders that stand in it go on.
        body: The patient's body at the beginning.
        horizon: Minutes of the stay.
        settings: Further fields of `Course`.
    """
    standing = standing_orders(chart, case["mrn"])
    return Course.of_person(case, chart, case["encounter"], body, horizon, standing=standing, **settings)


def inpatient(chart: Chart, mrn: str) -> Inpatient | None:
    """Returns an adult who lies in the hospital now, with a weight that is known; None for all others."""
    return chart.remember(("inpatient", mrn), lambda: _look(chart, mrn))


def _look(chart: Chart, mrn: str) -> Inpatient | None:
    patient = chart.patient(mrn)
    stays = [
        each for each in chart.search("Encounter", patient=mrn, status="in-progress", _count="20") if _lies_in(each)
    ]
    weight = chart.latest(mrn, WEIGHT)
    if patient is None or not stays or weight is None or patient.get("deceasedDateTime"):
        return None
    years = age_of(patient, chart.now)
    people = [str(each.get("individual", {}).get("reference", "")) for each in stays[0].get("participant", ())]
    people = [each for each in people if each]
    if years < 18 or not people or not 40 <= weight.value <= 180:
        return None
    return Inpatient(
        mrn,
        f"Encounter/{stays[0]['id']}",
        people[0],
        people[-1],
        patient.get("gender") == "female",
        years,
        weight.value,
    )


def _lies_in(encounter: Mapping[str, Any]) -> bool:
    return encounter.get("class", {}).get("code") in ("IMP", "ACUTE", "NONAC")


def age_of(patient: Mapping[str, Any], now: datetime) -> int:
    """Returns the completed years of a Patient."""
    born = date.fromisoformat(patient["birthDate"])
    return now.year - born.year - ((now.month, now.day) < (born.month, born.day))


def active_drugs(chart: Chart, mrn: str) -> Mapping[str, str]:
    """Returns the names, in lower case, of drugs that are ordered for a person in hospital, by the order's address."""

    def look() -> Mapping[str, str]:
        orders = chart.search("MedicationRequest", patient=mrn, status="active", _count="200")
        return {f"MedicationRequest/{each['id']}": drug_name(each) for each in orders if _within(each)}

    return chart.remember(("active drugs", mrn), look)


def _within(order: Mapping[str, Any]) -> bool:
    codings = (coding for each in order.get("category", ()) for coding in each.get("coding", ()))
    return any(coding.get("code") == "inpatient" for coding in codings)


def drug_name(order: Mapping[str, Any]) -> str:
    """Returns the words by which an order of the chart names its drug, in lower case."""
    concept = order.get("medicationCodeableConcept", {})
    words = [concept.get("text", ""), *(coding.get("display", "") for coding in concept.get("coding", ()))]
    return " ".join(words).lower()


def problems(chart: Chart, mrn: str) -> str:
    """Returns the words of a person's active conditions, in lower case, each on a line."""

    def look() -> str:
        found = chart.search("Condition", patient=mrn, **{"clinical__status": "active"}, _count="200")
        return "\n".join(str(each.get("code", {}).get("text", "")).lower() for each in found)

    return chart.remember(("active problems", mrn), look)


def diagnoses(chart: Chart, mrn: str) -> tuple[str, ...]:
    """Returns the diagnoses of the stay of a person who lies in the hospital now, the principal one first."""

    def look() -> tuple[str, ...]:
        person = inpatient(chart, mrn)
        if person is None:
            return ()
        stay = next(chart.search("Encounter", _id=person.encounter.partition("/")[2]))
        found = chart.search("Condition", patient=mrn, encounter=person.encounter, _count="100")
        names = {f"Condition/{each['id']}": str(each.get("code", {}).get("text", "")) for each in found}
        ranked = sorted(stay.get("diagnosis", ()), key=lambda each: each.get("rank", len(names)))
        told = (names.get(str(each.get("condition", {}).get("reference", ""))) for each in ranked)
        return tuple(each for each in told if each)

    return chart.remember(("diagnoses of the stay", mrn), look)


def egfr(creatinine: float, person: Inpatient) -> float:
    """Returns the filtration that a creatinine in mg/dL tells of a person, mL/min/1.73 m² (CKD-EPI 2021)."""
    return estimated_gfr(creatinine, "female" if person.female else "male", person.age)


def handbook_page(number: str) -> dict[str, str]:
    """Returns the search parameters that find the current version of a page of the handbook, as in ``MED-101``."""
    return {"description": number, "status": "current"}
