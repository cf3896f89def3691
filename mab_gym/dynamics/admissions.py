"""People who are admitted to a ward as a case begins: their visit, the note of who saw them, and first results.

A family chooses somebody of the chart who lies in no bed, by their history (`mab_gym.dynamics.emergency`). What comes
in with the case is the stay, a note, vital signs and the results of the blood that was drawn on arrival.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from mab_gym.cohort.hospital._catalogue import ANALYTES
from mab_gym.dynamics.emergency import Visitor, triage, visit_params
from mab_gym.dynamics.physiology._creatinine import estimated_gfr
from mab_gym.dynamics.staff import clinicians
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

__all__ = ["admission", "admission_params", "body_water_share", "egfr_of"]

_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_OBSERVED = "http://terminology.hl7.org/CodeSystem/observation-category"
_FLAGS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_SIGNS = 8
"""Ids that the visit, its note, the vital signs and the weight take."""


def admission_params(chart: Chart, person: Visitor, rng: random.Random) -> dict[str, Any]:
    """Draws what a case keeps of an admission; see `visit_params`. The physicians are those of general medicine."""
    params = visit_params(chart, person, rng)
    params["attending"] = rng.choice(clinicians(chart, "General medicine"))
    params["nurse"] = rng.choice(clinicians(chart, "General medicine", "Nurse"))
    params["weight_unit"] = "kg"
    params["arrived"] = rng.randrange(70, 130)
    return params


def admission(
    case: Case,
    chart: Chart,
    ids: Sequence[str],
    reason: tuple[str, str],
    note: str,
    signs: Mapping[str, float],
    results: Mapping[str, float],
) -> list[dict[str, Any]]:
    """Returns what came in with an admission: the Encounter, the note, vital signs, weight and first results.

    Args:
        case: The case, with the parameters of `admission_params`.
        chart: The chart.
        ids: Eight ids and one for each result; the first is the Encounter's.
        reason: SNOMED CT code and words of why they came.
        note: The text of the note.
        signs: Vital signs on arrival.
        results: Values by the key of the laboratory's catalogue, as in ``sodium``.
    """
    arrived = triage(case, chart, ids[:_SIGNS], reason, note, signs)
    visit = arrived[0]
    visit["class"] = {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        "code": "IMP",
        "display": "inpatient encounter",
    }
    visit["type"] = [{"text": "Admission through the emergency department"}]
    visit["serviceType"] = {"text": "General medicine"}
    female = (chart.patient(case["mrn"]) or {}).get("gender") == "female"
    drawn = (chart.now - timedelta(minutes=case["arrived"] - 10)).isoformat()
    issued = (chart.now - timedelta(minutes=6)).isoformat()
    shared = {
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "encounter": {"reference": f"Encounter/{ids[0]}"},
        "effectiveDateTime": drawn,
        "issued": issued,
    }
    known = zip(ids[_SIGNS:], results.items(), strict=True)
    return [*arrived, *(_result(number, key, value, female, shared) for number, (key, value) in known)]


def _result(number: str, key: str, value: float, female: bool, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the Observation of one result."""
    analyte = ANALYTES[key]
    rounded = round(value, analyte.places) if analyte.places else round(value)
    amount = {"unit": analyte.unit or analyte.ucum, "system": _UCUM, "code": analyte.ucum}
    resource = {
        "resourceType": "Observation",
        "id": number,
        "status": "final",
        "category": [{"coding": [{"system": _OBSERVED, "code": "laboratory", "display": "Laboratory"}]}],
        "code": {
            "coding": [{"system": _LOINC, "code": analyte.loinc, "display": analyte.display}],
            "text": analyte.short,
        },
        **shared,
        "valueQuantity": {"value": rounded, **amount},
    }
    low, high = analyte.reference(female)
    if low == low and high == high:  # noqa: PLR0124  (NaN: no range)
        resource["referenceRange"] = [{"low": {"value": low, **amount}, "high": {"value": high, **amount}}]
    flag = analyte.flag(value, female)
    if flag:
        resource["interpretation"] = [{"coding": [{"system": _FLAGS, "code": flag}]}]
    return resource


def body_water_share(person: Visitor) -> float:
    """Returns body water in L/kg: Adrogué HJ and Madias NE, N Engl J Med 2000;342:1581."""
    if person.female:
        return 0.45 if person.age >= 65 else 0.5
    return 0.5 if person.age >= 65 else 0.6


def egfr_of(person: Visitor) -> float:
    """Returns the filtration that the latest creatinine tells, mL/min/1.73 m²; 0 where none is known."""
    if not person.creatinine:
        return 0.0
    return estimated_gfr(person.creatinine, "female" if person.female else "male", person.age)
