"""Cases: inpatients who are to be operated on tomorrow, the drugs that a colleague ordered, and when they were taken.

Shares of the branches, operations, times and last doses are our choice. All orders but a colleague's are the chart's.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import flagged
from mab_gym.dynamics.inpatients import CREATININE, active_drugs, diagnoses, egfr, inpatient, problems
from mab_gym.dynamics.staff import clinicians
from mab_gym.tasking.chart import Chart

BRANCHES = {"plain": 6, "sugar": 9, "thin": 6, "late": 9}
ANGIOTENSIN = ("lisinopril", "losartan", "valsartan", "enalapril", "ramipril", "candesartan", "irbesartan")
KEPT = (
    "metoprolol", "carvedilol", "bisoprolol", "atenolol", "statin", "prednisone", "levothyroxine", "aspirin tablet 81",
)  # fmt: skip
OPERATIONS: Final = (
    ("Laparoscopic cholecystectomy", "low"),
    ("Open repair of an inguinal hernia", "low"),
    ("Excision of a lipoma of the back", "low"),
    ("Laparoscopic right hemicolectomy", "high"),
    ("Open repair of a large incisional hernia with mesh", "high"),
    ("Laparoscopic splenectomy", "high"),
)
FREE_DAYS: Final = {"low": 1, "high": 2}
"""Whole days without apixaban or rivaroxaban before the day of the operation (PAUSE)."""
GLIFLOZIN_DAYS: Final = 3
"""Whole days without empagliflozin (Diabetes Care 2024;47:S295)."""
HBA1C: Final = "4548-4"
_NOT_FOR = (
    "clopidogrel", "infusion", "warfarin", "dabigatran", "apixaban", "rivaroxaban", "metformin", "gliflozin",
    "semaglutide", "dulaglutide", "liraglutide", "glipizide", "glimepiride", "sitagliptin", "nph",
    "ibuprofen", "naproxen",
)  # fmt: skip
"""Drugs whose place before an operation would be a matter of its own."""
_NOT_WITH = (
    "heart failure",
    "type 1",
    "ketoacidosis",
    "dialysis",
    "end-stage",
    "transplant",
    "pregnan",
    "mechanical",
    "mitral stenosis",
)
_TOO_ILL = (
    "infarction", "embolism", "thrombosis", "stroke", "sepsis", "bleed", "hemorrhage", "pneumonia", "withdrawal",
    "difficile", "rapid ventricular", "exacerbation", "respiratory failure", "coronary syndrome",
)  # fmt: skip
"""Words of diagnoses of a stay in which nobody would operate electively, or hold an anticoagulant."""
_CLOCK: Final = ("08:00", "08:30", "10:15", "11:30")
_LATER: Final = ("12:45", "13:30", "14:15", "15:00")


@flagged("trial", "arm", "confidential", after=(5, 11))
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws an inpatient, the operation, and what a colleague ordered."""
    fitting = [mrn for mrn in chart.profiles() if known(chart, mrn) is not None]
    rng.shuffle(fitting)
    weights = (0, 3, 1, 1, 3, 1) if branch in ("thin", "late") else (9, 4, 2, 4, 6, 0)
    wanted = rng.choices(("dnr", "angiotensin", "kept", "basal", "a1c_due", "clots"), weights)[0]
    for mrn in sorted(fitting, key=lambda each: not (known(chart, each) or {}).get(wanted)):
        facts, person = known(chart, mrn), inpatient(chart, mrn)
        if facts is None or person is None:
            continue
        sweet = facts["diabetes"] and facts["filters"]
        drugs = [*(("empagliflozin",) if sweet else ()), *(("apixaban", "rivaroxaban") if facts["clots"] else ())]
        if (branch in ("thin", "late") and not drugs) or (branch == "sugar" and not sweet):
            continue
        drug = rng.choice(drugs) if drugs else ""
        operation, risk = rng.choice(OPERATIONS)
        ordered = _ordered(rng, branch, drug, risk, basal=bool(facts["basal"]))
        return {
            **person.params,
            **{name: facts[name] for name in ("angiotensin", "kept", "basal", "code_status", "dnr")},
            "a1c_due": facts["a1c_due"],
            "surgeon": rng.choice([each for each in clinicians(chart, "surgery") if each != person.attending]),
            "operation": operation,
            "risk": risk,
            "clock": rng.choice(_CLOCK),
            "moved": rng.choice(_LATER) if rng.random() < 0.5 else "",
            "ordered": ordered,
            "late": branch == "late",
            "words": rng.randrange(1000),
        }
    return None


def _ordered(rng: random.Random, branch: str, drug: str, risk: str, basal: bool) -> list[list[Any]]:
    """Returns what the colleague ordered: drug, dose, and days since the last one (0 for today)."""
    if branch == "sugar":
        found: list[list[Any]] = [["metformin", rng.choice((500, 1000)), 0]]
        if rng.random() < 0.5:
            found.append(["empagliflozin", 10, GLIFLOZIN_DAYS + rng.randrange(2)])
        if not basal and rng.random() < 0.6:
            found.append(["insulin glargine", rng.choice((16, 20, 24, 28, 32, 40)), 1])
        return found
    if branch in ("thin", "late"):
        days = free_days(drug, risk)
        close = days - 1 if rng.random() < 0.6 else rng.randrange(days)
        last = days + rng.randrange(2) if branch == "thin" else close
        return [[drug, {"apixaban": 5, "rivaroxaban": 20, "empagliflozin": 10}[drug], last]]
    return [["acetaminophen", 650, 0]]


def free_days(drug: str, risk: str) -> int:
    """Returns the whole days that must pass without a drug before the day of the operation."""
    return GLIFLOZIN_DAYS if drug == "empagliflozin" else FREE_DAYS[risk]


def operation_at(now: datetime, clock: str) -> datetime:
    """Returns a time of tomorrow, as in ``08:30``."""
    hours, minutes = map(int, clock.split(":"))
    return (now + timedelta(days=1)).replace(hour=hours, minute=minutes, second=0, microsecond=0)


def first_day(case: Mapping[str, Any], now: datetime) -> str:
    """Returns the first day on which the operation may take place."""
    ahead = [1]
    for drug, _, last in case["ordered"]:
        if drug in ("apixaban", "rivaroxaban", "empagliflozin"):
            ahead.append(free_days(drug, case["risk"]) + 1 - last)
    return (now + timedelta(days=max(ahead))).date().isoformat()


def known(chart: Chart, mrn: str) -> Mapping[str, Any] | None:
    """Returns the orders and illnesses of a person who fits; None for others."""
    return chart.remember(("nil by mouth", mrn), lambda: _look(chart, mrn))


def _look(chart: Chart, mrn: str) -> dict[str, Any] | None:
    person, creatinine = inpatient(chart, mrn), chart.latest(mrn, CREATININE)
    if person is None or creatinine is None:
        return None
    now, ill = " ".join(diagnoses(chart, mrn)[:1]).lower(), problems(chart, mrn)
    if any(word in now for word in _TOO_ILL) or any(word in now + ill for word in _NOT_WITH):
        return None
    drugs = active_drugs(chart, mrn)
    if any(word in drug for drug in drugs.values() for word in _NOT_FOR):
        return None
    asked = chart.search("ServiceRequest", patient=mrn, status="active", _count="200")
    statuses = [each for each in asked if "Code status" in str(each.get("category"))]
    a1c = chart.latest(mrn, HBA1C)
    days = (chart.now - a1c.moment).days if a1c is not None else 999
    other = ill.replace("type 2 diabetes", "").replace("prediabetes", "")
    if len(statuses) != 1 or 85 <= days <= 97 or "diabetes" in other:
        return None
    diabetes = "type 2 diabetes" in ill
    return {
        "angiotensin": [each for each, drug in drugs.items() if any(word in drug for word in ANGIOTENSIN)],
        "kept": [each for each, drug in drugs.items() if any(word in drug for word in KEPT)],
        "basal": [[each, _dose(chart, each)] for each, drug in drugs.items() if "glargine" in drug],
        "diabetes": diabetes,
        "a1c_due": diabetes and days > 97,
        "filters": egfr(creatinine.value, person) >= 50,
        "clots": "atrial fibrillation" in ill,
        "code_status": f"ServiceRequest/{statuses[0]['id']}",
        "dnr": "not resuscitate" in str(statuses[0]["code"]).lower(),
        "mrn": True,
    }


def _dose(chart: Chart, address: str) -> float:
    order = next(chart.search("MedicationRequest", _id=address.partition("/")[2]))
    return float(order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"])
