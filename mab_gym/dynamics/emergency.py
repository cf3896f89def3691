"""People who come to the emergency department as a case begins, and the record of their first minutes there.

A family chooses somebody of the chart who is not in a bed now, by their history. What comes in with the case is a visit
(Encounter), the nurse's triage note, vital signs and a weight, in the hospital's shapes; `triage` makes them for a
family's ``arrivals.py``, and `mab_gym.dynamics.visit_courses` its course on the clock.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.cohort.hospital._catalogue import ANALYTES
from mab_gym.dynamics._results import with_value
from mab_gym.dynamics.inpatients import CREATININE, HEIGHT, WEIGHT, age_of, drug_name
from mab_gym.dynamics.physiology._creatinine import estimated_gfr
from mab_gym.dynamics.staff import clinicians
from mab_gym.tasking._arrivals import arrival_id, note_text, text_attachment
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

__all__ = [
    "POUNDS",
    "Signs",
    "Visitor",
    "bought_now",
    "creatinine_for",
    "home_orders",
    "ideal_weight",
    "laboratory",
    "triage",
    "visit_ids",
    "visit_params",
    "visitor",
    "visitors",
    "words_of_problems",
]

POUNDS: Final = 2.20462
"""Pounds in a kilogram."""
_OBSERVED: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_SIGNS: Final = (
    ("pulse", "8867-4", "Heart rate", "/min", "beats/min"),
    ("respiratory_rate", "9279-1", "Respiratory rate", "/min", "breaths/min"),
    ("temperature", "8310-5", "Body temperature", "Cel", "°C"),
    ("saturation", "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", "%"),
)
Signs = Mapping[str, float]
"""Vital signs by ``pulse``, ``systolic``, ``diastolic``, ``respiratory_rate``, ``temperature``, ``saturation``."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who lives at home and may come to the emergency department.

    Attributes:
        mrn: Medical record number.
        female: Sex.
        age: Completed years.
        weight_kg: The latest weight.
        height_cm: The latest height; 0 where none is known.
        creatinine: The latest creatinine in mg/dL; 0 where none is known.
    """

    mrn: str
    female: bool
    age: int
    weight_kg: float
    height_cm: float
    creatinine: float


def visitors(chart: Chart) -> tuple[str, ...]:
    """Returns the MRNs of `chart.profiles()` that can come to the emergency department."""
    return tuple(mrn for mrn in chart.profiles() if visitor(chart, mrn) is not None)


def visitor(chart: Chart, mrn: str) -> Visitor | None:
    """Returns an adult who lives, lies in no bed and has a weight; None for all others."""
    return chart.remember(("visitor", mrn), lambda: _look(chart, mrn))


def _look(chart: Chart, mrn: str) -> Visitor | None:
    patient = chart.patient(mrn)
    if patient is None or patient.get("deceasedDateTime") or patient.get("deceasedBoolean"):
        return None
    if any(each for each in chart.search("Encounter", patient=mrn, status="in-progress", _count="5")):
        return None
    age = age_of(patient, chart.now)
    weight, height, creatinine = (chart.latest(mrn, code) for code in (WEIGHT, HEIGHT, CREATININE))
    if age < 18 or weight is None or not 38 <= weight.value <= 180:
        return None
    return Visitor(
        mrn,
        patient.get("gender") == "female",
        age,
        weight.value,
        height.value if height is not None else 0.0,
        creatinine.value if creatinine is not None else 0.0,
    )


def ideal_weight(female: bool, height_cm: float) -> float:
    """Returns the ideal weight in kg (Devine BJ, Drug Intell Clin Pharm 1974;8:650)."""
    return (45.5 if female else 50.0) + 2.3 * max(0.0, height_cm / 2.54 - 60)


def home_orders(chart: Chart, mrn: str, words: Sequence[str] = ()) -> Mapping[str, str]:
    """Returns the names of active orders for drugs taken at home, in lower case, by address.

    Args:
        chart: The chart.
        mrn: The person.
        words: Only drugs whose names hold one of these; all if empty.
    """

    def look() -> Mapping[str, str]:
        found = chart.search("MedicationRequest", patient=mrn, status="active", _count="200")
        return {f"MedicationRequest/{each['id']}": drug_name(each) for each in found if each.get("intent") == "order"}

    known = chart.remember(("home orders", mrn), look)
    if not words:
        return known
    return {address: name for address, name in known.items() if any(word in name for word in words)}


def words_of_problems(chart: Chart, mrn: str) -> str:
    """Returns the words of a person's active problem list, in lower case, each on a line."""

    def look() -> str:
        found = chart.search("Condition", patient=mrn, category="problem-list-item", _count="200")
        active = (each for each in found if _is_active(each))
        return "\n".join(dict.fromkeys(str(each.get("code", {}).get("text", "")).lower() for each in active))

    return chart.remember(("problem list", mrn), look)


def _is_active(condition: Mapping[str, Any]) -> bool:
    codings = condition.get("clinicalStatus", {}).get("coding", ())
    return any(coding.get("code") in ("active", "recurrence", "relapse") for coding in codings)


def creatinine_for(filtration: float, person: Visitor) -> float:
    """Returns the creatinine in mg/dL at which CKD-EPI 2021 tells a filtration in mL/min/1.73 m², to two places."""
    low, high = 0.2, 20.0
    sex: Any = "female" if person.female else "male"
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if estimated_gfr(middle, sex, person.age) > filtration else (low, middle)
    return round(high, 2)


def visit_params(
    chart: Chart, person: Visitor, rng: random.Random, waited: tuple[int, int] = (14, 40)
) -> dict[str, Any]:
    """Draws what a case keeps of a visit: the person, who sees them, when they came, how the weight was written.

    Args:
        chart: The chart.
        person: The person.
        rng: The generator of the draw.
        waited: The least and the most minutes since they came.
    """
    physicians, nurses = clinicians(chart, "Emergency medicine"), clinicians(chart, "Emergency medicine", "Nurse")
    weight = round(person.weight_kg * rng.uniform(0.985, 1.015), 1)
    pounds = rng.random() < 0.5
    return {
        "mrn": person.mrn,
        "attending": rng.choice(physicians),
        "nurse": rng.choice(nurses),
        "weight_kg": weight,
        "weight_unit": "[lb_av]" if pounds else "kg",
        "arrived": rng.randrange(*waited),
    }


def visit_ids(case: Case, count: int = 24) -> list[str]:
    """Returns ids for what came in with a case; the first is the visit's."""
    return [arrival_id(case, number) for number in range(count)]


def laboratory(
    case: Case, chart: Chart, ids: Sequence[str], values: Mapping[str, float], ago: int, spoilt: bool = False
) -> list[dict[str, Any]]:
    """Returns results of blood that was drawn as the visit began.

    Args:
        case: The case.
        chart: The chart.
        ids: The Encounter's id, then an id for each result.
        values: Values by the keys of the hospital's catalogue, as in ``potassium``.
        ago: Minutes since the specimen was taken.
        spoilt: True if it was haemolysed, which the potassium's note says.
    """
    taken = (chart.now - timedelta(minutes=ago)).isoformat()
    female = (chart.patient(case["mrn"]) or {}).get("gender") == "female"
    found = []
    for logical_id, (key, value) in zip(ids[1:], values.items(), strict=False):
        analyte = ANALYTES[key]
        resource = {
            "resourceType": "Observation",
            "id": logical_id,
            "status": "final",
            "category": [_concept(_OBSERVED, "laboratory", "Laboratory")],
            "code": _concept(_LOINC, analyte.loinc, analyte.display),
            "subject": {"reference": f"Patient/{case['mrn']}"},
            "encounter": {"reference": f"Encounter/{ids[0]}"},
            "effectiveDateTime": taken,
            "issued": (chart.now - timedelta(minutes=2)).isoformat(),
        }
        found.append(with_value(resource, analyte, value, female=female, spoilt=spoilt and key == "potassium"))
    return found


def triage(
    case: Case, chart: Chart, ids: Sequence[str], reason: tuple[str, str], note: str, signs: Signs
) -> list[dict[str, Any]]:
    """Returns what came in with a visit: the Encounter, the triage note, vital signs and weight.

    Args:
        case: The case, with the parameters of `visit_params`.
        chart: The chart.
        ids: At least eight ids; the first is the Encounter's.
        reason: SNOMED CT code and words of why they came.
        note: The text of the triage note.
        signs: Vital signs at triage.
    """
    now = chart.now
    came, seen = now - timedelta(minutes=case["arrived"]), now - timedelta(minutes=case["arrived"] - 6)
    subject, encounter = {"reference": f"Patient/{case['mrn']}"}, {"reference": f"Encounter/{ids[0]}"}
    visit = {
        "resourceType": "Encounter",
        "id": ids[0],
        "status": "in-progress",
        "class": {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
            "code": "EMER",
            "display": "emergency",
        },
        "type": [_concept("http://snomed.info/sct", "50849002", "Emergency room admission")],
        "serviceType": {"text": "Emergency medicine"},
        "subject": subject,
        "participant": [
            _participant("ATND", "attender", case["attending"]),
            _participant("PART", "Participation", case["nurse"]),
        ],
        "period": {"start": came.isoformat()},
        "reasonCode": [_concept("http://snomed.info/sct", *reason)],
    }
    shared = {"subject": subject, "encounter": encounter, "performer": [{"reference": case["nurse"]}]}
    return [visit, _note(case, ids[1], note, seen), *_observations(case, ids[2:], shared, signs, seen)]


def _concept(system: str, code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def _participant(code: str, display: str, who: str) -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
    return {
        "type": [{"coding": [{"system": system, "code": code, "display": display}]}],
        "individual": {"reference": who},
    }


def _note(case: Case, logical_id: str, text: str, written: datetime) -> dict[str, Any]:
    attachment = text_attachment(text, "Triage note", written.isoformat())
    return {
        "resourceType": "DocumentReference",
        "id": logical_id,
        "status": "current",
        "docStatus": "final",
        "type": _concept(_LOINC, "54094-8", "Emergency department Triage note"),
        "category": [
            _concept(
                "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
                "clinical-note",
                "Clinical Note",
            )
        ],
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "date": written.isoformat(),
        "author": [{"reference": case["nurse"]}],
        "description": "Triage note",
        "content": [{"attachment": attachment}],
        "context": {"practiceSetting": {"text": "Emergency medicine"}},
    }


def _observations(
    case: Case, ids: Sequence[str], shared: Mapping[str, Any], signs: Signs, taken: datetime
) -> list[dict[str, Any]]:
    def observation(logical_id: str, code: str, display: str) -> dict[str, Any]:
        return {
            "resourceType": "Observation",
            "id": logical_id,
            "status": "final",
            "category": [_concept(_OBSERVED, "vital-signs", "Vital Signs")],
            "code": _concept(_LOINC, code, display),
            **shared,
            "effectiveDateTime": taken.isoformat(),
            "issued": taken.isoformat(),
        }

    pressure = observation(ids[0], "85354-9", "Blood pressure panel with all children optional")
    pressure["component"] = [
        {"code": _concept(_LOINC, code, display), "valueQuantity": _quantity(round(signs[key]), "mm[Hg]", "mmHg")}
        for key, code, display in (
            ("systolic", "8480-6", "Systolic blood pressure"),
            ("diastolic", "8462-4", "Diastolic blood pressure"),
        )
    ]
    found = [pressure]
    for logical_id, (key, code, display, ucum, unit) in zip(ids[1:], _SIGNS, strict=False):
        value = round(signs[key], 1) if key == "temperature" else round(signs[key])
        found.append({**observation(logical_id, code, display), "valueQuantity": _quantity(value, ucum, unit)})
    unit = case["weight_unit"]
    weight = case["weight_kg"] if unit == "kg" else case["weight_kg"] * POUNDS
    written = _quantity(round(weight, 1), unit, "kg" if unit == "kg" else "lb")
    found.append({**observation(ids[5], WEIGHT, "Body weight"), "valueQuantity": written})
    return found


def _quantity(value: float, code: str, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": _UCUM, "code": code}


def bought_now(documents: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Returns a drug that is bought now, as notes say: told with its dose, and nowhere told as stopped; empty if none.

    Args:
        documents: DocumentReferences.
        names: The drugs, in lower case; the first of them that is bought is returned.
    """
    text = "\n".join(note_text(each) for each in documents)
    for name in names:
        takes = re.search(rf"{name} \d+ mg,? ?(?:from the|without|over the|OTC|\d+x/week)", text)
        stopped = re.search(rf"(?:stopped|gave up|no longer takes) {name}|OTC {name} (?:stopped|not taken)", text)
        if takes and not stopped:
            return name
    return ""
