"""Judges what became of glucose, ketones and potassium, and if the pathway was followed.

Figures are those of the handbook's page MED-121 (Umpierrez GE et al., Diabetes Care 2024;47:1257). Tolerances are our
choice: 15 % of a rate of insulin, a quarter of an hour of an hour, 90 minutes to act on a glucose. Without a protocol
insulin may begin at 3.3, after a bolus or at 0.14 U/kg/h, and may stay at 0.1 if dextrose is added (Kitabchi 2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from mab_gym.casework import StayCaseJudge
from mab_gym.casework.visits import ended
from mab_gym.dynamics.bodies._ketoacidosis_body import SHORTEST_DRIP
from mab_gym.dynamics.course import CONTINUOUS
from mab_gym.dynamics.outcomes import without_stay
from mab_gym.dynamics.visit_courses import done_at, infused
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.stay import Given
from mab_gym.tasking.verdict import Verdict

_CRYSTALLOIDS = ("sodium chloride", "lactated", "plasma-lyte")
_BASAL = ("glargine", "detemir", "degludec", "nph")
_SEARCHED = ("ecg", "urine_culture", "chest_xray", "blood_culture", "ct_abdomen", "ct_chest", "sputum_culture")
_OVER = 0.65
"""Ketones in mmol/L at which it is over: below 0.6, with the error of a result."""


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the visit, the writes and the answer."""
    if result.course is None:
        return without_stay(result)
    stay = StayCaseJudge(case, chart, result, result.course)
    stay.safety()
    strict = result.knowledge != "none"
    rates = _rates(stay)
    begun = next((minute for minute, rate in rates if rate > 0), None)
    early = [minute for minute in _begun_or_raised(stay, rates) if _unsafe(stay, case, minute, 3.5 if strict else 3.3)]
    told = "Insulin was given at a potassium that was too low or not known."
    stay.kept("potassium_first", not early, told, bool(early))
    if not result.course.finished:
        return stay.verdict()
    record, weight = result.course, float(case["weight_kg"])
    stay.unharmed(begun is not None)
    _potassium(stay, case, begun)
    fluid = infused(record, _CRYSTALLOIDS, stay.own, 240)
    stay.checkpoint("fluid", 1000 <= fluid <= 4300, f"{fluid:.0f} mL of crystalloid ran in within four hours.")
    start = next((rate for _, rate in rates if rate > 0), 0.0)
    bolus = [each for each in stay.doses("insulin", route="iv", own=True) if each.minutes < SHORTEST_DRIP]
    right = 0.084 <= start / weight <= (0.118 if strict else 0.155) and not (bolus and strict)
    stay.checkpoint("weight", right, f"Insulin began at {start / weight:.3f} U/kg/h, boluses {len(bolus)}.")
    soon = begun is not None and begun <= (330 if case["haemolysed"] else 120)
    stay.checkpoint("begun", soon, f"Insulin began at minute {begun}.")
    below = _below(stay, begun)
    _turning(stay, weight, rates, below, strict)
    ended_at = (
        next((minute for minute, rate in reversed(rates) if rate == 0), None) if rates and rates[-1][1] == 0 else None
    )
    _ending(stay, weight, begun, ended_at, rates)
    _watched(stay, begun, ended_at)
    stay.kept("no_bicarbonate", not stay.doses("bicarbonate", own=True), "Bicarbonate was not due.")
    looked = [each for each in _SEARCHED if done_at(record, each)] + [
        each.analyte for each in stay.tests("troponin")[:1]
    ]
    looked += [each.analyte for each in stay.results if each.analyte in ("hcg", "lipase")][:1]
    looked += ["urinalysis"] if any(each.analyte.startswith("urine_") for each in stay.results) else []
    stay.checkpoint("trigger", len(looked) >= 2, f"Looked for a trigger by: {', '.join(looked) or 'nothing'}.")
    if case["stop"]:
        left = [each for each in case["stop"] if each not in ended(result)]
        stay.checkpoint("cause_stopped", not left, f"A drug that causes ketoacidosis goes on: {', '.join(left)}.")
    stay.handover()
    ketones, potassium = stay.known("ketones", stay.end), stay.known("potassium", stay.end)
    sugars = [each for each in stay.results if each.analyte in ("glucose", "glucose_meter") and each.minute <= stay.end]
    lowest = min((each.value or 0.0 for each in sugars), default=None)
    stay.numbers(
        ("ketones", None if ketones is None else ketones.value, 0.0),
        ("potassium", None if potassium is None else potassium.value, 0.0),
        ("lowest_glucose", lowest, 0.5),
        or_else=_just_before(stay),
    )
    return stay.verdict()


def _just_before(stay: StayCaseJudge) -> dict[str, float]:
    """Returns what was newest some minutes before the end, for what came in while the handover was written."""
    found = {name: stay.known(name, stay.end - 5) for name in ("ketones", "potassium")}
    sugars = [each for each in stay.results if each.analyte in ("glucose", "glucose_meter")]
    lowest = min((each.value or 0.0 for each in sugars if each.minute <= stay.end - 5), default=-1.0)
    told = {name: each.value for name, each in found.items() if each is not None and each.value is not None}
    return {**told, "lowest_glucose": lowest}


def _basal(dose: Given) -> bool:
    return any(word in dose.drug for word in _BASAL)


def _rates(stay: StayCaseJudge) -> list[tuple[int, float]]:
    """Returns the rates of insulin by vein in units/h, with the minutes from which on they held."""
    changes: list[tuple[int, str, float]] = []
    for each in stay.stay.given:
        if "insulin" not in each.drug or each.route != "iv" or each.minutes < SHORTEST_DRIP or each.status == "held":
            continue
        if each.status != "given":
            changes.append((each.minute, each.order, 0.0))
        elif each.minutes == CONTINUOUS:
            changes.append((each.minute, each.order, each.amount))
        else:
            changes.append((each.minute, each.order, each.amount * 60 / each.minutes))
            if each.minute + each.minutes <= stay.stay.horizon:
                changes.append((each.minute + round(each.minutes), each.order, 0.0))
    found: list[tuple[int, float]] = []
    running: dict[str, float] = {}
    for minute, order, rate in sorted(changes, key=lambda one: one[0]):
        running[order] = rate
        if found and found[-1][0] == minute:
            found.pop()
        found.append((minute, sum(running.values())))
    return found


def _begun_or_raised(stay: StayCaseJudge, rates: Sequence[tuple[int, float]]) -> list[int]:
    """Returns the minutes at which insulin was begun or more of it was given; less of it is never too early."""
    drips = [minute for (minute, rate), (_, before) in zip(rates, [(0, 0.0), *rates], strict=False) if rate > before]
    doses = (each for each in stay.doses("insulin", own=True) if not _basal(each))
    return drips + [each.minute for each in doses if each.route != "iv" or each.minutes < SHORTEST_DRIP]


def _unsafe(stay: StayCaseJudge, case: Case, minute: int, least: float) -> bool:
    """Tells if insulin was given at a potassium that was too low, or not known."""
    known = stay.known("potassium", minute)
    if known is None or known.value is None:
        return bool(case["haemolysed"])
    return known.value < least - 0.05


def _potassium(stay: StayCaseJudge, case: Case, begun: int | None) -> None:
    doses = stay.doses("potassium", own=True)
    record = stay.stay
    high = [each for each in doses if (known := stay.known("potassium", each.minute)) and (known.value or 0) > 5.25]
    if case.branch == "high":
        early = [each for each in doses if stay.known("potassium", each.minute) is None]
        stay.kept("none_above", not high and not early, "Potassium was given above 5.0.")
    else:
        soon = bool(doses) and doses[0].minute <= (150 if case["haemolysed"] else 130)
        stay.checkpoint("replace", soon, "Potassium did not run within two hours.")
        stay.kept("none_above", not high, "Potassium was given above 5.0.")
    rates = [each.amount for each in doses if each.minutes == CONTINUOUS]
    stay.kept("rate", all(rate <= 40 for rate in rates), f"Potassium ran at {max(rates, default=0):g} mEq/h.")
    since = 240 if case.branch != "low" else 330
    share = record.in_range("potassium", 3.4, 5.3, since=since)
    stay.outcome(
        "potassium", begun is not None and share >= 0.8, f"Potassium was in range for {share:.0%} of the time."
    )


def _below(stay: StayCaseJudge, begun: int | None) -> int | None:
    """Returns the minute at which a glucose below 250 was first known; None if none was."""
    sugars = [
        each for each in stay.results if each.analyte in ("glucose", "glucose_meter") and (each.value or 999) < 250
    ]
    return min((each.minute for each in sugars), default=None) if begun is not None else None


def _turning(
    stay: StayCaseJudge, weight: float, rates: Sequence[tuple[int, float]], below: int | None, strict: bool
) -> None:
    """Checks what was done as glucose fell below 250: dextrose, and half of the insulin."""
    sweet = [each.minute for each in stay.doses("dextrose", own=True)]
    added = below is not None and any(below - 75 <= minute <= below + 90 for minute in sweet)
    stay.checkpoint(
        "dextrose", added, f"Glucose was known to be below 250 at minute {below}; dextrose began at {sweet}."
    )
    then = [rate for minute, rate in rates if below is not None and minute <= below + 90]
    low, high = (0.034, 0.066) if strict else (0.02, 0.118)
    halved = bool(then) and low <= then[-1] / weight <= high
    told = f"{then[-1] / weight:.3f}" if then else "no"
    stay.checkpoint("halve", halved, f"Insulin ran at {told} U/kg/h 90 minutes after that.")
    if below is not None:
        share = stay.stay.in_range("glucose", 120, 290, since=below + 60, until=min(below + 360, stay.stay.horizon))
        stay.outcome("glucose", share >= 0.75, f"Glucose was about 200 for {share:.0%} of the hours after that.")
    else:
        stay.outcome("glucose", False, "Glucose never was known to be below 250.")


def _ending(
    stay: StayCaseJudge, weight: float, begun: int | None, ended_at: int | None, rates: Sequence[tuple[int, float]]
) -> None:
    gaps = [one for (one, rate), (two, _) in pairwise(rates) if rate == 0 and two - one > 30]
    known = None if ended_at is None else stay.known("ketones", ended_at)
    over = known is not None and (known.value or 9.0) <= _OVER and not gaps
    told = "not known" if known is None else f"{known.value:g} mmol/L"
    stay.checkpoint(
        "not_too_soon", over, f"The infusion ended at minute {ended_at} with ketones {told}; gaps at {gaps}."
    )
    basal = stay.doses(*_BASAL, own=True)
    first = basal[0].minute if basal else None
    between = first is not None and ended_at is not None and ended_at - first >= 50
    units = sum(each.amount for each in basal if first is not None and each.minute <= first + 60)
    late = first is not None and ended_at is not None and ended_at - first <= 24 * 60
    stay.checkpoint("overlap", between and late, f"Basal insulin at {first}, the infusion's end at {ended_at}.")
    stay.checkpoint("basal_dose", 0.14 <= units / weight <= 0.41, f"Basal insulin {units / weight:.2f} U/kg.")
    last = stay.stay.at("ketones", stay.stay.horizon) or 9.0
    stay.outcome("over", begun is not None and last < 1.0, f"Ketones are {last:.1f} mmol/L at the end.")


def _watched(stay: StayCaseJudge, begun: int | None, ended_at: int | None) -> None:
    if begun is None:
        stay.checkpoint("hourly", False, "Nothing was watched.")
        return
    end = min(stay.end, ended_at if ended_at is not None else stay.end)
    sugars = sorted({each.drawn for key in ("glucose", "glucose_meter") for each in stay.tests(key, begun)})
    salts = sorted({each.drawn for each in stay.tests("potassium", max(0, begun - 60))})
    hourly = _covered(sugars, begun, end - 20, 76)
    twice = _covered(salts, begun, end - 60, 260)
    stay.checkpoint("hourly", hourly and twice, f"Glucose was measured at {sugars}, potassium at {salts}.")


def _covered(taken: Sequence[int], start: int, end: int, gap: int) -> bool:
    """Tells if from one minute to another there was never a longer gap between two of these."""
    last = start
    for minute in taken:
        if last >= end or minute - last > gap:
            break
        last = max(last, minute)
    return last >= end or end - last <= gap
