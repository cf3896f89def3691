"""Judges what was stopped, ordered and asked about kidneys, and the baseline and stage of the answer.

The page is CLN-210: KDIGO, Kidney Int Suppl 2012;2:1 for stages and what is stopped; whom to ask is the hospital's own.
Enoxaparin may become heparin (CLN-210) or 30 mg once a day (MED-111 and its label). What careful physicians do in
either way is not judged: ACE inhibitors and ARBs with a good pressure, enoxaparin in stage 1, fluids, further tests,
and laxatives of somebody with loose stools.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from statistics import median
from typing import Any

from mab_gym.casework import CaseJudge, DocumentDue, DrugDue, TestDue, Written, arrival_id, read_drug_order
from mab_gym.casework.reading import concept_text, months_after
from mab_gym.dynamics.inpatients import CREATININE
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Expected, Result, number, once
from mab_gym.tasking.verdict import Verdict

from .arrivals import CREATININE_AT, ORDER_AT, arrive

_SOON = ("urgent", "asap", "stat")
_ENDED = ("stopped", "cancelled", "revoked", "completed", "entered-in-error", "ended", "on-hold")
_URINE = TestDue(
    tests=("urinalysis",),
    codes=("24356-8", "24357-6", "57021-8", "50556-0", "58077-9", "27171005"),
    words=("urinalysis", "dipstick", "urine.*(stick|microscop|sediment)", "(stick|microscop|sediment).*urine"),
)
_SODIUM = TestDue(
    tests=("urine_sodium",),
    codes=("2955-3", "2956-1"),
    words=(
        "fractional excretion",
        "fena",
        "urine.*(sodium|electrolyte)",
        "(sodium|electrolyte).*urine",
        "urinary.*sodium",
    ),
)
_URINE_CREATININE = TestDue(
    codes=("2161-8", "2162-6", "35674-1"),
    words=("fractional excretion", "fena", "urine.*creat", "creat.*urine", "urinary.*creat"),
)
_BLADDER = TestDue(
    codes=("20070-9", "45684-8"), words=("bladder.*(scan|ultraso|sonogr|volume)", "post-?\\s?void", "residual")
)
_ULTRASOUND = TestDue(
    codes=("24532-4", "38036-0", "69307-7", "306005"),
    words=(
        r"(ultraso|sonogr|\bus\b).*(kidney|renal|urinary tract|retroperiton)",
        r"(kidney|renal|urinary tract|retroperiton).*(ultraso|sonogr|\bus\b)",
    ),
)
_NEPHROLOGY = TestDue(words=("nephrolog", "renal (consult|service)", "kidney (consult|service)"))
_LAXATIVES = ("senna", "sennoside", "docusate", "bisacodyl", "polyethylene glycol", "lactulose", "magnesium hydroxide")
_FLUIDS = ("sodium chloride", "lactated ringer", "ringer", "plasma-lyte", "albumin")


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges orders, tests, the consult and the answer."""
    arrivals = once(result, "arrivals", lambda: arrive(case, chart))
    judge = CaseJudge(case, chart, result, arrivals=arrivals)
    baselines = once(result, "baselines", lambda: _baselines(case, chart))
    injured = case["stage"] > 0
    order = f"MedicationRequest/{arrival_id(case, ORDER_AT)}"
    _drugs(judge, case, order)
    consults = _asked(judge, _NEPHROLOGY)
    due = consult_due(case.params)
    if injured:
        _tests(judge, case, _standing(judge, chart, case))
    if due or not (result.knowledge == "none" and injured):
        judge.deferral(due=due, done=bool(consults))
    result_at = f"Observation/{arrival_id(case, CREATININE_AT)}"
    if due:
        addresses = tuple(each for some in baselines.values() for each in some)
        _consulted(judge, consults, result_at, addresses)
    judge.message("told", (case["attending"],), (result_at,), urgent=None if injured else False)
    allowed = judge.changes.created("ServiceRequest") if injured else consults
    judge.claim(*allowed, *judge.messages())
    judge.nothing_else(critical=())
    judge.answer(_one_of(baselines), number(case["stage"]))
    return judge.verdict()


def _one_of(baselines: Mapping[float, Any]) -> Expected:
    """Returns the item of the answer that is any of these baselines."""
    numbers = [number(each, 0.011) for each in baselines]
    told = " or ".join(each.description for each in numbers)
    return Expected(told, lambda given: any(each.test(given) for each in numbers))


def consult_due(case: Mapping[str, Any]) -> bool:
    """Tells if nephrology is to be asked (CLN-210)."""
    obvious = case["stools"] or case["full"]
    if case["stage"] == 0:
        return False
    return bool(case["stage"] == 3 or case["urine"] == "blood" or (case["stage"] == 2 and not obvious))


def _baselines(case: Case, chart: Chart) -> Mapping[float, tuple[str, ...]]:
    """Returns the baselines that careful readers of CLN-210 may find, each with the addresses of its results.

    The lowest of three months is right, as the page has it. So is, by KDIGO's own words on a value from before the
    illness, the lowest without the first day of this stay, or from before the stay: in the three months, else the
    median of twelve. Three months are 90 days or go by the calendar. All of them lead to one stage.
    """
    since = f"ge{(chart.now - timedelta(days=365)).isoformat()}"
    found = chart.search("Observation", patient=case["mrn"], code=CREATININE, date=since, _count="500")
    valid = [each for each in found if each["status"] != "entered-in-error" and "valueQuantity" in each]
    year = [(datetime.fromisoformat(each["effectiveDateTime"]), each) for each in valid]
    stay = next(chart.search("Encounter", _id=case["encounter"].partition("/")[2]))
    begun = datetime.fromisoformat(stay["period"]["start"])
    first, last = begun - timedelta(hours=12), begun + timedelta(hours=12)
    right: dict[float, tuple[str, ...]] = {}
    day = datetime.combine(months_after(chart.now.date(), -3), time(), chart.now.tzinfo)
    for quarter in (chart.now - timedelta(days=90), day):
        recent = [(at, each) for at, each in year if at >= quarter]
        before = [each for at, each in recent if at < first]
        for value, some in (
            _lowest([each for _, each in recent]),
            _lowest([each for at, each in recent if not first <= at <= last]),
            _lowest(before) if before else _median([each for at, each in year if at < first]),
        ):
            if value is not None and (value == case["baseline"] or stage_of(case, value) == case["stage"]):
                right.setdefault(value, tuple(f"Observation/{each['id']}" for each in some))
    return right


def _value(result: Mapping[str, Any]) -> float:
    return float(result["valueQuantity"]["value"])


def _lowest(results: list[dict[str, Any]]) -> tuple[float | None, list[dict[str, Any]]]:
    """Returns the lowest value of some results, and those that have it; None without any."""
    value = min(map(_value, results), default=None)
    return value, [each for each in results if _value(each) == value]


def _median(results: list[dict[str, Any]]) -> tuple[float | None, list[dict[str, Any]]]:
    """Returns the median of some results, and all of them; None without any."""
    return (median(map(_value, results)) if results else None), results


def stage_of(case: Case, baseline: float) -> int:
    """Returns the stage by KDIGO for a baseline in mg/dL."""
    ratio = case["creatinine"] / baseline
    if ratio >= 3 or case["creatinine"] >= 4:
        return 3
    if ratio >= 2:
        return 2
    return int(ratio >= 1.5 or case["creatinine"] - case["recent"] >= 0.3 - 1e-9)


def _consulted(judge: CaseJudge, consults: list[Written], reason: str, baselines: tuple[str, ...]) -> None:
    """Checks that the consult carries what nephrology needs: how soon, why, and from where the kidneys come."""
    due = DocumentDue(
        kind="ServiceRequest",
        statuses=("active",),
        refers=(("reasonReference", (reason,)), ("supportingInfo", baselines)),
        values=(("priority", _SOON),),
    )
    told = [[one for _, part in due.findings(each.resource or {}, judge.now) for one in part] for each in consults]
    problems = min(told, key=len, default=["it was not asked for"])
    judge.checkpoint("evidence", not problems, f"The consult of nephrology: {'; '.join(problems)}.")


def _asked(judge: CaseJudge, due: TestDue) -> list[Written]:
    return [each for each in judge.changes.created("ServiceRequest") if due.names(each.resource or {})]


def _drugs(judge: CaseJudge, case: Case, order: str) -> None:
    """Judges the orders of the stay."""
    if case["stools"]:
        judge.claim(*(each for each in judge.changes.updated("MedicationRequest") if _is_ended_laxative(each)))
    if case["stage"] == 0:
        going_on = [order, *case["always"], *case["angiotensin"], *case["enoxaparin"]]
        changed = [each for each in going_on if judge.changes.of(each) is not None]
        judge.claim(*(judge.changes.of(each) for each in changed))
        judge.kept("orders", not changed, f"{', '.join(changed)} was changed, and kidneys are not injured.")
        return
    judge.stopped("colleague", order, f"{order} ({case['order']}) goes on.", _ENDED)
    for address in case["always"]:
        judge.stopped("nephrotoxin", address, f"{address} goes on, which hurts the kidneys.", _ENDED)
    for address in case["angiotensin"]:
        if case["dry"]:
            judge.stopped("angiotensin", address, f"{address} goes on with a low pressure.", _ENDED)
        else:
            judge.claim(judge.changes.of(address))
    judge.claim(*(each for each in judge.changes.created("MedicationRequest") if _is_fluid(each)))
    for address in case["enoxaparin"]:
        _enoxaparin(judge, case, address)


def _is_for(due: TestDue, request: Written, judge: CaseJudge) -> bool:
    """Tells if a request is for a test in its time, or again and again from now on."""
    again = request.get("occurrenceTiming") is not None and due.names(request.resource or {})
    return again or not due.problems(request.resource or {}, judge.now)


def _is_ended_laxative(written: Written) -> bool:
    said = concept_text((written.before or {}).get("medicationCodeableConcept"))
    return any(word in said for word in _LAXATIVES) and written.get("status") in _ENDED


def _is_fluid(written: Written) -> bool:
    said = concept_text(written.get("medicationCodeableConcept"))
    return any(word in said for word in _FLUIDS) and "3 %" not in said and "3%" not in said


def _enoxaparin(judge: CaseJudge, case: Case, address: str) -> None:
    """Checks that enoxaparin became heparin, or 30 mg; in stage 1 both and neither are right."""
    written, ended = judge.changes.of(address), judge.ended(address, _ENDED)
    judge.claim(written)
    less = DrugDue(drugs=("enoxaparin",), daily=(28.0, 32.0), routes=("sc",))
    heparin = DrugDue(drugs=("heparin",), daily=(9_500.0, 15_500.0), routes=("sc",))
    new = [
        each
        for each in judge.changes.created("MedicationRequest")
        if each.about == f"Patient/{case['mrn']}"
        and read_drug_order(each.resource or {}, judge.now).drug in ("heparin", "enoxaparin")
    ]
    judge.claim(*new)
    right = [
        each
        for each in new
        if any(not due.problems(read_drug_order(each.resource or {}, judge.now)) for due in (less, heparin))
    ]
    if ended:
        met = len(right) == 1 and len(new) == 1
    else:
        state = read_drug_order(written.resource or {}, judge.now) if written is not None else None
        met = state is not None and not less.problems(state) and not new
    doubled = bool(new) and not ended
    if case["stage"] >= 2:
        judge.checkpoint("enoxaparin", met, f"{address}: enoxaparin 40 mg did not become heparin, or 30 mg.")
    else:
        judge.kept("enoxaparin", met or (written is None and not new), f"{address} was changed to what is not right.")
    judge.kept("one_heparin", not doubled, "Two heparins are ordered beside each other.", critical=True)


def _standing(judge: CaseJudge, chart: Chart, case: Case) -> list[Mapping[str, Any]]:
    """Returns the requests that others have written, that are in force, and that the agent has left so."""
    found = chart.search("ServiceRequest", patient=case["mrn"], status="active", _count="200")
    return [each for each in found if not judge.ended(f"ServiceRequest/{each['id']}")]


def _tests(judge: CaseJudge, case: Case, standing: list[Mapping[str, Any]]) -> None:
    """Judges the work-up; more tests than are due are no fault, and what is ordered already is not due."""

    def check(name: str, dues: tuple[TestDue, ...], sentence: str) -> None:
        missing = [due for due in dues if not any(due.names(each) for each in standing)]
        if missing:
            judge.checkpoint(name, all(_asked(judge, due) for due in missing), sentence)

    if not case["urine"]:
        check("urine", (_URINE,), "No urinalysis with microscopy was ordered.")
    check("sodium", (_SODIUM, _URINE_CREATININE), "Sodium and creatinine in urine were not both ordered.")
    if case["full"]:
        check("bladder", (_BLADDER,), "No bladder scan was ordered.")
        check("ultrasound", (_ULTRASOUND,), "No ultrasound of the kidneys was ordered.")
    later = (judge.now + timedelta(hours=8), judge.now + timedelta(hours=32))
    tomorrow = [TestDue(tests=(test,), between=later) for test in ("creatinine", "potassium")]
    missing = [due for due in tomorrow if not any(not due.problems(each, judge.now) for each in standing)]
    if missing:
        written = judge.changes.created("ServiceRequest")
        met = all(any(_is_for(due, each, judge) for each in written) for due in missing)
        judge.checkpoint("tomorrow", met, "Creatinine and potassium were not both ordered for tomorrow.")
