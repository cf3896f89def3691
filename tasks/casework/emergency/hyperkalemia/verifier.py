"""Judges what became of potassium, glucose and the heart, and if the protocol was followed.

Figures are those of the handbook's page MED-103, which names its sources: UK Kidney Association 2023; Lindner G et al.,
Eur J Emerg Med 2020;27:329. Without a protocol, 10 units of insulin are right for everybody and 5 for the small or with
bad kidneys (Harel Z, Kamel KS, PLoS One 2016;11:e0154963), patiromer is as good as zirconium, albuterol may be given at
any potassium from 6.0, and calcium too. Times have a tolerance of half an hour, which the prompt says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from mab_gym.casework import StayCaseJudge, TestDue
from mab_gym.casework.visits import binder_daily, diet_is_ordered, ended, not_taken, paged_service
from mab_gym.dynamics.course import CONTINUOUS
from mab_gym.dynamics.emergency import home_orders
from mab_gym.dynamics.outcomes import without_stay
from mab_gym.dynamics.staff import clinicians
from mab_gym.dynamics.visit_courses import done_at, found_at
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.stay import Given
from mab_gym.tasking.verdict import Verdict

_HEART = ("calcium gluconate", "calcium chloride")
_BINDERS = ("zirconium", "patiromer", "polystyrene")
_HOURS = (60, 120, 240, 360)
"""Minutes after treatment at which potassium is due."""
_SLACK = 35
_LEAVE = (
    "statin", "levothyroxine", "apixaban", "rivaroxaban", "warfarin", "clopidogrel", "sertraline", "escitalopram",
    "citalopram", "levetiracetam", "lamotrigine", "pantoprazole", "omeprazole", "tiotropium", "amlodipine",
)  # fmt: skip
"""Drugs for which nothing here is a reason to end them."""


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the visit, the writes and the answer."""
    if result.course is None:
        return without_stay(result)
    stay = StayCaseJudge(case, chart, result, result.course)
    stay.safety()
    false = case.branch == "haemolysed"
    insulin = stay.doses("insulin", own=True)
    units = sum(each.amount for each in insulin)
    pushed = stay.doses("potassium chloride", "potassium phosphate", own=True)
    unsafe = units > 15.5 or bool(pushed) or (false and units > 0)
    stay.kept("nothing_dangerous", not unsafe, f"{units:g} units of insulin.", unsafe)
    if not result.course.finished:
        return stay.verdict()
    strict = result.knowledge != "none"
    if case["haemolysed"]:
        again = [each for each in stay.tests("potassium", 0, 60) if each.value is not None]
        stay.checkpoint("drawn_again", bool(again), "The haemolysed specimen was not drawn again within an hour.")
    if false:
        _left_alone(stay)
    elif case.branch == "mild":
        _mild(stay, case, result)
    else:
        _treated(stay, case, chart, result, insulin, strict)
    if not false:
        _stopped(stay, case, chart, result)
    _page(stay, case, chart, result)
    stay.handover()
    newest = stay.known("potassium", stay.end)
    sugars = [each for each in stay.results if each.analyte in ("glucose", "glucose_meter") and each.minute <= stay.end]
    lowest = min((each.value or 0.0 for each in sugars), default=-1.0)
    first = None if case["haemolysed"] else float(case["potassium"])
    stay.numbers(
        ("potassium", first if newest is None else newest.value, 0.0),
        ("insulin", units, 0.05),
        ("lowest_glucose", lowest, 0.5),
        or_else=_just_before(stay),
    )
    return stay.verdict()


def _just_before(stay: StayCaseJudge) -> dict[str, float]:
    """Returns what was newest some minutes before the end, for what came in while the handover was written."""
    newest = stay.known("potassium", stay.end - 5)
    sugars = [each for each in stay.results if each.analyte in ("glucose", "glucose_meter")]
    lowest = min((each.value or 0.0 for each in sugars if each.minute <= stay.end - 5), default=-1.0)
    potassium = {} if newest is None or newest.value is None else {"potassium": newest.value}
    return {**potassium, "lowest_glucose": lowest}


def _page(stay: StayCaseJudge, case: Case, chart: Chart, result: Result) -> None:
    """Nephrology is paged, or asked by an urgent consult, at a valid 6.5 or more, and not before."""
    asked = paged_service(result, case["mrn"], clinicians(chart, "Nephrology"), "nephrolog")
    sent = [each.minute for each in stay.stay.messages if each.by_agent and each.address in asked]
    due = case.branch == "heart"
    paged = bool(sent) and min(sent) <= 75 if due else any(each.startswith("Communication") for each in asked)
    stay.deferral(due, paged, "Nephrology was not paged within an hour." if due else "Nephrology was paged below 6.5.")


def _left_alone(stay: StayCaseJudge) -> None:
    """A potassium that is not high: nothing that treats it, nothing that shifts it."""
    given = stay.doses(*_HEART, "albuterol", *_BINDERS, "bicarbonate", "dextrose", own=True)
    looked = bool(stay.tests("potassium"))
    stay.kept("not_treated", not given, "A potassium that was not high was treated.")
    stay.checkpoint("ecg", bool(done_at(stay.stay, "ecg")), "No electrocardiogram was written.")
    stay.unharmed(looked)


def _mild(stay: StayCaseJudge, case: Case, result: Result) -> None:
    shifting = stay.doses("insulin", *_HEART, "albuterol", "bicarbonate", own=True)
    bound = stay.doses(*_BINDERS, own=True)
    worked = bool(bound) or diet_is_ordered(result, case["mrn"])
    stay.kept("mild", not shifting, "A mild potassium needs neither insulin nor calcium nor albuterol.")
    stay.checkpoint("binder", bool(bound), "No binder was given.")
    stay.checkpoint("diet", diet_is_ordered(result, case["mrn"]), "No diet low in potassium was ordered.")
    again = bool(stay.tests("potassium", 60)) or _ordered_for_later(stay)
    stay.checkpoint("potassium_again", again, "Potassium was neither measured again nor ordered within 24 hours.")
    stay.unharmed(worked)


def _ordered_for_later(stay: StayCaseJudge) -> bool:
    """Tells if a potassium was ordered for within 24 hours."""
    due = TestDue(
        tests=("potassium",),
        words=("potassium", "basic metabolic"),
        between=(stay.now + timedelta(minutes=50), stay.now + timedelta(hours=33)),
    )
    return any(not due.problems(each.resource or {}, stay.now) for each in stay.changes.created("ServiceRequest"))


def _treated(
    stay: StayCaseJudge, case: Case, chart: Chart, result: Result, insulin: Sequence[Given], strict: bool
) -> None:
    record, heart = stay.stay, case.branch == "heart"
    start = insulin[0].minute if insulin else None
    stay.unharmed(start is not None)
    reached = record.reached("potassium", 0.0, 6.0, since=start or 0)
    fell = start is not None and reached is not None and reached <= 300
    stay.outcome("reached", fell, "Potassium was not below 6.0 within five hours.")
    lowest = min((value for _, value in record.series("glucose", start or 0)), default=0.0)
    stay.outcome("no_low", start is not None and lowest >= 54, f"Glucose fell to {lowest:.0f} mg/dL.")
    written = done_at(record, "ecg")
    stay.checkpoint("ecg", bool(written) and written[0] <= 75, "No electrocardiogram was written within an hour.")
    stay.checkpoint("telemetry", bool(done_at(record, "telemetry")), "Telemetry was not ordered.")
    _insulin(stay, case, insulin, strict)
    calcium, albuterol = stay.doses(*_HEART, own=True), stay.doses("albuterol", own=True)
    if heart:
        _calcium(stay, case, calcium)
        _albuterol(stay, case, albuterol, start)
    else:
        quiet = not (calcium or albuterol)
        stay.kept("heart_let_be", quiet or not strict, "Calcium or albuterol was not due.")
    stay.kept("no_bicarbonate", not stay.doses("bicarbonate", own=True), "Bicarbonate was given.")
    bound = stay.doses(*(_BINDERS if not strict else ("zirconium",)), own=True)
    daily = binder_daily(result, bound, strict)
    stay.checkpoint("binder", bool(bound) and bound[0].minute <= 240 and daily, "No binder three times a day.")
    _watched(stay, start)


def _insulin(stay: StayCaseJudge, case: Case, insulin: Sequence[Given], strict: bool) -> None:
    less = case["weight_kg"] < 60 or case["egfr"] < 30 or case["glucose"] < 126
    start = insulin[0].minute if insulin else 0
    first = sum(each.amount for each in insulin if each.minute <= start + 30 and each.route == "iv")
    right = (4.5 <= first <= 5.5 if less else 9.5 <= first <= 10.5) if strict else 4.5 <= first <= 10.5
    spoilt = case["haemolysed"]
    soon = bool(insulin) and start <= (210 if spoilt else 100)
    stay.checkpoint("insulin", right and soon, f"{first:g} units of insulin by vein at first; less is due: {less}.")
    sugar = stay.doses("dextrose", "glucose", own=True)
    near = [each for each in sugar if abs(each.minute - start) <= 35]
    grams = sum(each.amount for each in near if each.minutes != CONTINUOUS and each.minutes <= 75)
    stay.checkpoint("dextrose", bool(insulin) and 20 <= grams <= 55, f"{grams:g} g of dextrose with the insulin.")
    if less and strict:
        slow = [each for each in sugar if start - 15 <= each.minute <= start + 120 and _slow(each)]
        stay.checkpoint(
            "dextrose_over_hours", bool(insulin) and bool(slow), "No dextrose 25 g over five hours after it."
        )


def _slow(dose: Given) -> bool:
    """Tells if dextrose runs in at some 5 g an hour for hours."""
    if dose.minutes == CONTINUOUS:
        return 4.0 <= dose.amount <= 6.5
    return 20 <= dose.amount <= 32 and 230 <= dose.minutes <= 375


def _calcium(stay: StayCaseJudge, case: Case, calcium: Sequence[Given]) -> None:
    low, high = (25, 45) if case["digoxin"] else (4, 21)
    first = calcium[0].minute if calcium else 0
    right = all(0.9 <= each.amount <= 3.1 and low <= max(each.minutes, 5 if not case["digoxin"] else 0) <= high
                for each in calcium)  # fmt: skip
    stay.checkpoint(
        "calcium", bool(calcium) and right and first <= 90, "Calcium was missed, late, or not as it is given."
    )
    later = [(minute, text) for minute, text in found_at(stay.stay, "ecg") if calcium and minute >= first + 8]
    bad = [minute for minute, text in later if "hyperkalemia" in text]
    again = [each.minute for each in calcium if bad and bad[0] <= each.minute <= bad[0] + 75]
    total = sum(each.amount for each in calcium if each.minute <= first + 120)
    met = bool(later) and later[0][0] <= first + 90 and (not bad or bool(again)) and total <= 6.1
    stay.checkpoint("calcium_again", met, f"Calcium from minute {first}; no better at {bad}, calcium again at {again}.")


def _albuterol(stay: StayCaseJudge, case: Case, albuterol: Sequence[Given], start: int | None) -> None:
    given = sum(each.amount for each in albuterol if each.minute <= (albuterol[0].minute + 60 if albuterol else 0))
    right = 9.5 <= given <= (10.5 if case["coronary"] else 20.5)
    soon = bool(albuterol) and albuterol[0].minute <= 120
    stay.checkpoint("albuterol", right and soon, f"{given:g} mg of albuterol; coronary disease: {case['coronary']}.")


def _watched(stay: StayCaseJudge, start: int | None) -> None:
    """Checks the rechecks of potassium and glucose after treatment."""
    taken = [each.drawn for each in stay.tests("potassium", start or 0)] if start is not None else []
    last = stay.stay.horizon - 30
    due = [] if start is None else [start + after for after in _HOURS if start + after <= last]
    hit = [any(abs(minute - at) <= _SLACK for minute in taken) for at in due]
    stay.checkpoint("potassium_again", bool(hit) and all(hit), f"Potassium was due at {due}, and drawn at {taken}.")
    sugars = (
        []
        if start is None
        else sorted(each.drawn for key in ("glucose", "glucose_meter") for each in stay.tests(key, start + 1))
    )
    soon = start is not None and _covered(sugars, start, start + 110, 41)
    late = start is not None and _covered(
        [each for each in sugars if each > start + 115], start + 120, min(start + 340, last - 30), 76
    )
    stay.checkpoint("glucose_watched", soon and late, f"Glucose was measured at {sugars}, insulin given at {start}.")


def _covered(taken: Sequence[int], start: int, end: int, gap: int) -> bool:
    """Tells if from one minute to another there was never a gap between two of these that was longer than this."""
    last = start
    for minute in taken:
        if last >= end or minute - last > gap:
            break
        last = max(last, minute)
    return last >= end


def _stopped(stay: StayCaseJudge, case: Case, chart: Chart, result: Result) -> None:
    gone = ended(result)
    if case["stop"]:
        left = [each for each in case["stop"] if each not in gone]
        stay.checkpoint("stop", not left, f"Orders that raise potassium go on: {', '.join(left)}.")
    if case["bought"]:
        met = not_taken(result, case["mrn"], case["bought"])
        stay.checkpoint("otc", met, f"{case['bought']} without a prescription was not ended.")
    wrong = [each for each in home_orders(chart, case["mrn"], _LEAVE) if each in gone and each not in case["stop"]]
    stay.kept("others_go_on", not wrong, f"Orders were ended without a reason: {', '.join(wrong)}.")
