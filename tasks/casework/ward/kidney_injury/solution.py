"""Reads the page, the creatinines of three months and what came in, and does what the stage asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags
from mab_gym.dynamics.inpatients import CREATININE, handbook_page
from mab_gym.dynamics.orders import (
    drug_order,
    is_inpatient_order,
    lab_order,
    loinc_of,
    message,
    moment_of,
    quantity,
    status_change,
)
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import ALWAYS, ANGIOTENSIN, morning

_NIGHT = ("ibuprofen", "naproxen", "ketorolac", "potassium", "magnesium")


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some twenty actions."""
    mrn, begun = case["mrn"], morning(desk.now)
    for page in ("CLN-210", "MED-111"):
        yield desk.get("DocumentReference", **handbook_page(page))
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    attending = reply.resources[0]["participant"][0]["individual"]["reference"]
    reply = yield desk.get("Communication", patient=mrn, sent=f"ge{begun.isoformat()}")
    told = " ".join(each["payload"][0]["contentString"] for each in reply.resources).lower()
    reply = yield desk.get("Observation", patient=mrn, date=f"ge{begun.isoformat()}", _count="50")
    today = {loinc_of(each): each for each in reply.resources}
    reply = yield desk.get("DiagnosticReport", patient=mrn, date=f"ge{begun.isoformat()}")
    urine = " ".join(each.get("conclusion", "") for each in reply.resources).lower()
    since = (desk.now - timedelta(days=90)).date().isoformat()
    reply = yield desk.get("Observation", patient=mrn, code=CREATININE, date=f"ge{since}", _sort="-date", _count="100")
    now = today[CREATININE]
    valid = [
        each
        for each in reply.resources
        if each["id"] != now["id"]
        and each["status"] != "entered-in-error"
        and "valueQuantity" in each
        and moment_of(each) >= desk.now - timedelta(days=90)
    ]
    earlier = [(moment_of(each), each["valueQuantity"]["value"]) for each in valid]
    baseline = desk.rule("baseline", min(value for _, value in earlier), lambda: earlier[0][1])
    recent = min((value for at, value in earlier if at >= desk.now - timedelta(hours=48)), default=earlier[0][1])
    stage = _stage(desk, now["valueQuantity"]["value"], baseline, recent)
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    orders = reply.resources
    if stage:
        low = today["8480-6"]["valueQuantity"]["value"] < 100
        for action in _ended(desk, orders, begun, low):
            yield action
        for action in _heparin(desk, mrn, orders, stage):
            yield action
        for action in _tests(desk, mrn, bool(urine), "urin" in told and ("no urine" in told or "cannot" in told)):
            yield action
    obvious = low_or_told(today, told)
    due = stage == 3 or (stage > 0 and "casts" in urine and "3+" in urine) or (stage == 2 and not obvious)
    asked = desk.rule("consult", True, lambda: False) if due else not desk.rule("no_consult", True, lambda: False)
    if asked and stage:
        lowest = [each for each in valid if each["valueQuantity"]["value"] == baseline]
        evidence = desk.rule("evidence", lowest, lambda: [])
        yield desk.post(_consult(mrn, now, evidence))
    text = f"Creatinine {now['valueQuantity']['value']:g} mg/dL, was {baseline:g}: stage {stage}."
    yield desk.post(message(mrn, attending, now, text))
    yield desk.finish([baseline, stage])


def _consult(mrn: str, now: Mapping[str, Any], baseline: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the request for nephrology with what it has to carry."""
    return {
        **lab_order(mrn, ""),
        "code": {"text": "Nephrology consult"},
        "priority": "urgent",
        "reasonReference": [{"reference": f"Observation/{now['id']}"}],
        "supportingInfo": [{"reference": f"Observation/{each['id']}"} for each in baseline],
    }


def low_or_told(today: Mapping[str, Any], told: str) -> bool:
    """Tells if there is an obvious cause: a low pressure, loose stools, a full bladder."""
    low = today["8480-6"]["valueQuantity"]["value"] < 100
    return low or any(word in told for word in ("loose stools", "watery", "no urine", "cannot pass"))


def _stage(desk: Desk, value: float, baseline: float, recent: float) -> int:
    """Returns the stage by KDIGO."""
    ratio = value / baseline
    if ratio >= 3 or value >= 4:
        return 3
    if ratio >= 2:
        return 2
    if ratio >= 1.5:
        return 1
    if value - recent >= 0.3 - 1e-9:
        return desk.rule("small", 1, lambda: 0)
    return desk.rule("none", 0, lambda: 1)


def _ended(desk: Desk, orders: list[dict[str, Any]], begun: datetime, low: bool) -> Iterator[str]:
    for each in orders:
        new = datetime.fromisoformat(each["authoredOn"]) >= begun
        if (new and is_inpatient_order(each, _NIGHT)) or is_inpatient_order(each, ALWAYS):
            if desk.rule("nephrotoxin", True, lambda: False):
                yield desk.patch(f"MedicationRequest/{each['id']}", status_change("stopped"))
        elif low and is_inpatient_order(each, ANGIOTENSIN) and desk.rule("angiotensin", True, lambda: False):
            yield desk.patch(f"MedicationRequest/{each['id']}", status_change("on-hold"))


def _heparin(desk: Desk, mrn: str, orders: list[dict[str, Any]], stage: int) -> Iterator[str]:
    for each in orders:
        if stage >= 2 and is_inpatient_order(each, ("enoxaparin",)) and desk.rule("enoxaparin", True, lambda: False):
            yield desk.patch(f"MedicationRequest/{each['id']}", status_change("stopped"))
            dosage = {
                "timing": {"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}},
                "route": {"text": "subcutaneous"},
                "doseAndRate": [{"doseQuantity": quantity(5000, "[iU]", "units")}],
            }
            yield desk.post(drug_order(mrn, "heparin", "5224", dosage))


def _tests(desk: Desk, mrn: str, urine: bool, full: bool) -> Iterator[str]:
    if not urine and desk.rule("urine", True, lambda: False):
        yield desk.post(lab_order(mrn, "24356-8", priority="urgent"))
    for code in desk.rule("sodium", ["2955-3", "2161-8"], list[str]):
        yield desk.post(lab_order(mrn, code, priority="urgent"))
    if full and desk.rule("bladder", True, lambda: False):
        for words in ("Bladder scan", "Ultrasound of the kidneys and urinary tract"):
            yield desk.post({**lab_order(mrn, ""), "code": {"text": words}, "priority": "urgent"})
    if desk.rule("tomorrow", True, lambda: False):
        yield desk.post(lab_order(mrn, "51990-0", desk.now + timedelta(hours=22)))
