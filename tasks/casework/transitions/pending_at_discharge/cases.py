"""Cases: five people of whom four leave; one result came in meanwhile, critical by the present limits or not.

What is pending is in part the people's own; who looks at late results, what the laboratory says, and who stays is
drawn. Results that are pending at discharge get lost where nobody is named (Roy CL et al., Ann Intern Med
2005;143:121-128: 41 % of patients leave with some).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import flagged
from mab_gym.dynamics.inpatients import inpatient
from mab_gym.tasking.chart import Chart

BRANCHES = {"new_limit": 12, "critical": 9, "normal": 9}
WHO = "people"
ROLES: Final = ("stays", "answered", "rejected", "revoked", "plain")
TESTS: Final = (
    ("2132-9", "Vitamin B12"),
    ("2284-8", "Folate"),
    ("2276-4", "Ferritin"),
    ("1989-3", "Vitamin D"),
    ("4548-4", "Hemoglobin A1c"),
    ("3016-3", "TSH"),
    ("2857-1", "PSA"),
    ("2885-2", "Total protein"),
)
"""Tests whose results take days."""
_QUICK: Final = {"potassium": ("2823-3", "Potassium", "mmol/L"), "sodium": ("2951-2", "Sodium", "mmol/L")}
_VALUES: Final = {
    "new_limit": (("potassium", 6.3, 6.4), ("potassium", 2.6, 2.7)),
    "critical": (("potassium", 6.7, 7.3), ("sodium", 112, 118), ("potassium", 2.1, 2.4), ("sodium", 160, 166)),
    "normal": (("potassium", 3.8, 4.8), ("sodium", 137, 143), ("potassium", 5.5, 5.9), ("sodium", 124, 130)),
}
"""Least and greatest values: beyond the present limits alone, beyond earlier ones, too, and within both (LAB-401)."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who lies in the hospital.

    Attributes:
        params: The facts of the person that a case keeps.
        pending: Addresses of each request without a result, with those of its reports.
    """

    params: Mapping[str, Any]
    pending: tuple[tuple[str, ...], ...]


@flagged("complex", "arm")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws five people and what became of their tests."""
    found = [mrn for mrn in chart.profiles() if person(chart, mrn) is not None]
    if len(found) < len(ROLES):
        return None
    chosen = rng.sample(found, len(ROLES))
    roles = rng.sample(ROLES, len(ROLES))
    patients = []
    for mrn, role in zip(chosen, roles, strict=True):
        one = person(chart, mrn)
        if one is not None:
            patients.append(_patient(one, role, rng, branch, chart.now))
    mrns = sorted(chosen)
    named = ", ".join(f"MRN {mrn}" for mrn in mrns)
    return {"people": mrns, "named": named, "patients": patients, "words": rng.randrange(1000)}


def _patient(one: Person, role: str, rng: random.Random, branch: str, now: datetime) -> dict[str, Any]:
    test, other = rng.sample(TESTS, 2)
    found: dict[str, Any] = {
        **one.params,
        "role": role,
        "pending": [list(each) for each in one.pending],
        "test": list(test),
        "expected": (now + timedelta(days=rng.randrange(2, 10))).date().isoformat() if rng.random() < 0.7 else "",
        "late_to_doctor": rng.random() < 0.5,
    }
    if role in ("rejected", "revoked"):
        found["other"] = list(other)
    if role == "answered":
        name, low, high = rng.choice(_VALUES[branch])
        value = round(rng.uniform(low, high), 1) if name == "potassium" else rng.randrange(int(low), int(high) + 1)
        found |= {"other": list(_QUICK[name]), "value": value, "by_resident": rng.random() < 0.7}
    return found


def person(chart: Chart, mrn: str) -> Person | None:
    """Returns a person who can be in a case, or None."""
    return chart.remember(("pending at discharge", mrn), lambda: _look(chart, mrn))


def _look(chart: Chart, mrn: str) -> Person | None:
    lies, patient = inpatient(chart, mrn), chart.patient(mrn)
    if lies is None or patient is None or not patient.get("generalPractitioner"):
        return None
    stay = next(chart.search("Encounter", _id=lies.encounter.partition("/")[2]))
    begun = datetime.fromisoformat(stay["period"]["start"])
    encounters = {lies.encounter}
    for each in chart.search(
        "Encounter", patient=mrn, date=f"ge{(begun - timedelta(days=2)).isoformat()}", _count="50"
    ):
        if each["class"].get("code") == "EMER":
            encounters.add(f"Encounter/{each['id']}")
    doctor, resident = patient["generalPractitioner"][0], _resident(chart, mrn, lies.encounter)
    if doctor["reference"] == lies.attending:
        return None
    pending = []
    for each in chart.search("ServiceRequest", patient=mrn, status="active", _count="200"):
        if str(each.get("category", [{}])[0].get("text")) in ("Code status", "Patient referral"):
            continue
        if each.get("encounter", {}).get("reference") not in encounters:
            return None  # an order of a clinic: readers may differ if it belongs here
        address = f"ServiceRequest/{each['id']}"
        based = {"based-on": address}
        reports = list(chart.search("DiagnosticReport", patient=mrn, **based, _count="20"))
        if any(r["status"] != "registered" for r in reports):
            return None
        if next(chart.search("Observation", patient=mrn, **based, _count="1"), None) is not None:
            return None
        pending.append((address, *(f"DiagnosticReport/{r['id']}" for r in reports)))
    if len(pending) > 3:
        return None
    params = {
        "mrn": mrn,
        "encounter": lies.encounter,
        "attending": lies.attending,
        "attending_name": stay["participant"][0]["individual"].get("display", "the attending"),
        "resident": resident,
        "doctor": doctor["reference"],
        "doctor_name": doctor.get("display", "the family doctor"),
        "begun": stay["period"]["start"],
    }
    return Person(params, tuple(pending))


def _resident(chart: Chart, mrn: str, encounter: str) -> str:
    """Returns a resident of the stay's care team; the attending's address is never given. Empty if there is none."""
    for team in chart.search("CareTeam", patient=mrn, status="active", _count="20"):
        if team.get("encounter", {}).get("reference") == encounter:
            for each in team.get("participant", ()):
                role = str(each.get("role", [{}])[0].get("text", ""))
                if "resident" in role:
                    return str(each["member"]["reference"])
    return ""
