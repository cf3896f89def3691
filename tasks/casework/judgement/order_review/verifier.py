"""Judges what became of each draft, and if the prescriber was told.

Sources stand in `worths.py`. A refusal is right as cancelled, stopped or entered in error; a change is right in the
draft itself or as a new order beside the refused draft.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.casework import CaseJudge, Written
from mab_gym.casework.reading import codes_of, listed, member, number, patient_of, quantity_of, text_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once
from mab_gym.tasking.judging import number as number_due
from mab_gym.tasking.meaning._reading import read
from mab_gym.tasking.meaning._said import Facet
from mab_gym.tasking.verdict import Verdict

from .arrivals import arrive

_REFUSED = ("cancelled", "stopped", "entered-in-error")
_UNITS = {
    "unit": "[iu]",
    "units": "[iu]",
    "iu": "[iu]",
    "u": "[iu]",
    "mcg": "ug",
    "g": "g",
    "meq": "meq",
    "meq/l": "meq",
}


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges drafts, messages and the answer."""
    arrivals = once(result, "arrivals", lambda: arrive(case, chart))
    drafts = [each for each in arrivals if each["resourceType"] == "MedicationRequest"]
    judge = CaseJudge(case, chart, result, arrivals=arrivals)
    judge.claim(*judge.messages(to=(case["prescriber"],), about=[f"MedicationRequest/{each['id']}" for each in drafts]))
    harmless, needless = True, False
    for place, (draft, before) in enumerate(zip(case["drafts"], drafts, strict=True), 1):
        address = f"MedicationRequest/{before['id']}"
        written = judge.changes.of(address)
        judge.claim(written)
        status = "draft" if written is None else written.get("status")
        named = text_of(before["medicationCodeableConcept"])[:60]
        if draft["end"] == "release":
            same = written is not None and status == "active" and _same(written.resource or {}, before)
            judge.checkpoint(
                f"draft_{place}", same, f"{address} ({named}) was right, and was not released as it stood."
            )
            needless |= status in _REFUSED
            continue
        if draft["end"] == "refuse":
            harmless &= status != "active"
            unsafe = draft["harm"] and status == "active"
            told = f"{address} ({named}) was to be refused ({draft['rule']}), and is {str(status)[:20]}."
            judge.checkpoint(f"draft_{place}", status in _REFUSED, told, unsafe)
        else:
            right = _changed(judge, case, written, draft["rights"])
            judge.checkpoint(f"draft_{place}", right, f"{address} ({named}) did not become the right order.")
        informed = judge.messages(to=(case["prescriber"],), about=(address,))
        judge.checkpoint(f"told_{place}", bool(informed), f"The prescriber was not told about {address} ({named}).")
    if needless and harmless:
        judge.deferral(due=False, done=True, sentence="An order was refused that was right.")
    else:
        judge.deferral(
            due=True, done=harmless and bool(result.writes), sentence="An order went through that was to be refused."
        )
    judge.nothing_else()
    ends = [each["end"] for each in case["drafts"]]
    judge.answer(*(number_due(ends.count(each)) for each in ("release", "change", "refuse")))
    return judge.verdict()


def _same(order: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Tells if an order gives the same drug in the same doses as before."""
    if patient_of(order) != patient_of(before):
        return False
    drug = codes_of(before["medicationCodeableConcept"])
    if drug and not drug & codes_of(order.get("medicationCodeableConcept")):
        return False
    if order.get("dosageInstruction") == before["dosageInstruction"]:
        return True
    return _regimen(order) == _regimen(before) is not None


def _changed(judge: CaseJudge, case: Case, draft: Written | None, rights: list[dict[str, Any]]) -> bool:
    """Tells if one right order stands: the draft itself, or a new one beside the draft, which is refused then."""
    if draft is None:
        return False
    if draft.get("status") == "active":
        return any(_fits(draft.resource or {}, right) for right in rights)
    for each in judge.changes.created("MedicationRequest"):
        order = each.resource or {}
        mine = patient_of(order) == f"Patient/{case['mrn']}"
        if mine and order.get("status") == "active" and any(_fits(order, right) for right in rights):
            judge.claim(each)
            return draft.get("status") in _REFUSED
    return False


def _fits(order: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    concept = order.get("medicationCodeableConcept")
    if right["code"] not in codes_of(concept) and right["drug"] not in text_of(concept):
        return False
    found = _regimen(order)
    if found is None or found[1] != right["unit"].lower():
        return False
    dose, _, hours = found
    if right["once"] != (hours == 0) or dose > right["most"] + 1e-6:
        return False
    daily = dose if hours == 0 else dose * 24 / hours
    least, most = right["daily"]
    return bool(least - 1e-6 <= daily <= most + 1e-6)


def _regimen(order: Mapping[str, Any]) -> tuple[float, str, float] | None:
    """Returns dose, unit and hours between doses (0 for a single one); None if the order does not say them plainly."""
    doses = [
        quantity_of(member(rate, "doseQuantity"))
        for each in listed(order.get("dosageInstruction"))[:1]
        for rate in listed(member(each, "doseAndRate"))[:1]
    ]
    if not doses or doses[0] is None or number(doses[0][0]) is None:
        return None
    said = [value for value, _ in read(dict(order), "MedicationRequest").of(Facet.OFTEN) if value is not None]
    hours = {0.0 if each.times == 1 else each.hours for each in said}
    if len(hours) != 1 or None in hours:
        return None
    value, unit = doses[0]
    return value, _UNITS.get(unit, unit), float(hours.pop() or 0.0)
