"""Judges what was held, lessened, kept, ordered, fasted and told before an operation, or that it was put off.

The figures are those of the sheet that came in: fasting, Anesthesiology 2017;126:376 and 2023;138:132 (food 6 to 8
hours, clear fluids 2 hours); ACE inhibitors, beta blockers, statins, Circulation 2024;150:e351; diabetes, Diabetes Care
2024;47:S295; anticoagulants, JAMA Intern Med 2019;179:1469. Prophylaxis of clots and the diet of until now are not
judged, nor is a further message that is no page.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import CaseJudge, DrugDue, TestDue, Written
from mab_gym.casework.reading import listed, member, moment_of, text_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once, text
from mab_gym.tasking.verdict import Verdict

from .arrivals import arrive, letter_of, orders_of
from .cases import first_day, operation_at

_ENDED = ("stopped", "cancelled", "revoked", "completed", "entered-in-error", "ended", "on-hold")
_HELD = ("metformin", "empagliflozin", "apixaban", "rivaroxaban")
_A1C = TestDue(
    tests=("hba1c",),
    codes=("4548-4", "17856-6", "43396009", "83036", "41995-2"),
    words=(r"\ba1c", "hba1c", "h[ae]+moglobin a1", "glycated", "glycosylated"),
)
_SCREEN = TestDue(
    codes=("34532-2", "44950004", "86850", "2568-6"),
    words=("type (and|&|\\+) (screen|cross)", "type/screen", "antibody screen", "group (and|&) (screen|save)"),
)
_NOTHING = ("nil by mouth", "npo", "nothing by mouth", "nil per os")
_CLEAR = ("clear fluid", "clear liquid")
_CLOSE = timedelta(minutes=15)


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges orders, tests, fasting, messages and the answer."""
    arrivals = once(result, "arrivals", lambda: arrive(case, chart))
    judge = CaseJudge(case, chart, result, arrivals=arrivals)
    letter, late, surgeon = letter_of(case), case["late"], case["surgeon"]
    _drugs(judge, case)
    judge.deferral(due=late, done=bool(judge.messages(urgent=True)))
    judge.message("told", (case["attending"],), (letter,), urgent=None if late else False)
    judge.claim(*judge.messages())
    if late:
        judge.message("paged", (surgeon,), (letter,), urgent=True)
        fasting = _fasting_orders(judge, case, (*_NOTHING, *_CLEAR))
        judge.claim(*fasting)
        unsafe = not judge.messages(urgent=True)
        judge.kept("eats", not fasting, "The patient fasts for an operation that is put off.", critical=unsafe)
        asked = judge.changes.created("ServiceRequest")
        judge.claim(*asked)
        judge.kept("no_tests", not asked, "Tests were ordered for an operation that is put off.")
    else:
        _tests(judge, case)
        _fasting(judge, case)
        if case["dnr"]:
            judge.message("resuscitation", (surgeon,), (case["code_status"],))
    withdrawn = [each for each in judge.changes.created("NutritionOrder") if each.get("status") in _ENDED]
    judge.claim(*judge.changes.updated("NutritionOrder"), *withdrawn)
    judge.nothing_else()
    judge.answer(text(first_day(case.params, judge.now)))
    return judge.verdict()


def _drugs(judge: CaseJudge, case: Case) -> None:
    ordered = orders_of(case)
    for drug, address in ordered.items():
        if drug in _HELD:
            judge.stopped(drug, address, f"{address} ({drug}) goes on.", _ENDED)
    kept = list(case["kept"])
    basal = [(address, dose) for address, dose in case["basal"]]
    basal += [(ordered[drug], dose) for drug, dose, _ in case["ordered"] if drug == "insulin glargine"]
    if case["late"]:
        kept += [*case["angiotensin"], *(address for address, _ in basal)]
    else:
        for address in case["angiotensin"]:
            judge.stopped("angiotensin", address, f"{address} (ACE inhibitor or ARB) goes on.", _ENDED)
        for address, dose in basal:
            _basal(judge, address, dose)
    changed = [judge.changes.of(address) for address in kept]
    judge.claim(*changed)
    touched = [each.address for each in changed if each is not None and each.differs]
    judge.kept("go_on", not touched, f"{', '.join(touched)} was changed and goes on.")


def _basal(judge: CaseJudge, address: str, dose: float) -> None:
    """Checks that basal insulin goes on with 75 to 80 % of its dose, changed or ordered anew."""
    written, ended = judge.changes.of(address), judge.ended(address, _ENDED)
    due = DrugDue(drugs=("insulin glargine", "glargine"), daily=(0.75 * dose - 1, 0.8 * dose + 1), routes=("sc",))
    new = [
        each
        for each in judge.changes.created("MedicationRequest")
        if each.get("status") == "active" and judge.drug_order(each).drug in due.drugs
    ]
    judge.claim(written, *new)
    going = new if ended else [*new, *([written] if written is not None and written.resource is not None else [])]
    met = len(going) == 1 and not due.problems(judge.drug_order(going[0])) and (ended or not new)
    judge.checkpoint("basal", met, f"{address}: basal insulin does not go on at 75 to 80 % of {dose:g} units.")


def _tests(judge: CaseJudge, case: Case) -> None:
    for name, due, wanted in (("a1c", _A1C, case["a1c_due"]), ("screen", _SCREEN, case["risk"] == "high")):
        asked = [each for each in judge.changes.created("ServiceRequest") if due.names(each.resource or {})]
        asked = [each for each in asked if each.get("status") == "active"]
        judge.claim(*asked)
        if wanted:
            judge.checkpoint(name, bool(asked), f"No {name} was ordered.")
        else:
            judge.kept(f"no_{name}", not asked, f"{name} was ordered, and the sheet does not ask for it.")


def _fasting(judge: CaseJudge, case: Case) -> None:
    """Checks from when on the patient drinks clear fluids only, and nothing."""
    at = operation_at(judge.now, case["moved"] or case["clock"])
    nothing, clear = _fasting_orders(judge, case, _NOTHING), _fasting_orders(judge, case, _CLEAR)
    clear = [each for each in clear if each not in nothing]
    judge.claim(*nothing, *clear)
    for name, found, hours in (("clear", clear, 8), ("nothing", nothing, 2)):
        wanted = at - timedelta(hours=hours)
        starts = [start for each in found for start in _starts(each)]
        met = len(found) == 1 and bool(starts) and all(abs(start - wanted) <= _CLOSE for start in starts)
        told = ", ".join(start.isoformat() for start in starts) or "never"
        judge.checkpoint(name, met, f"{name}: from {told}, and {wanted.isoformat()} was right.")


def _fasting_orders(judge: CaseJudge, case: Case, words: tuple[str, ...]) -> list[Written]:
    return [
        each
        for each in judge.changes.created("NutritionOrder")
        if each.about == f"Patient/{case['mrn']}"
        and each.get("status") == "active"
        and any(word in text_of(member(each.get("oralDiet"), "type")) for word in words)
    ]


def _starts(written: Written) -> Iterator[datetime]:
    for each in listed(member(written.get("oralDiet"), "schedule"))[:20]:
        start: Any = member(member(member(each, "repeat"), "boundsPeriod"), "start")
        found = moment_of(start)
        if found is not None:
            yield found
