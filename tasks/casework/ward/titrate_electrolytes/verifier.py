"""Judges what became of potassium and magnesium, and how they were replaced.

Doses, rates and rechecks are those of the handbook's pages MED-101 and MED-102, which name their sources: Kraft MD et
al., Am J Health-Syst Pharm 2005;62:1663 (doses by level, half with bad kidneys); Kruse JA and Carlson RW, Arch Intern
Med 1990;150:613 and the labels of potassium chloride and magnesium sulfate (rates); KDIGO 2012 (creatinine up by 0.3
mg/dL within 48 hours). Any oral or intravenous dose within them is right. The tolerances are our choice: 0.1 to 0.15
mmol/L at the ends of the range, 0.05 mg/dL for magnesium, and 60 % of the last 12 hours.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from mab_gym.dynamics.inpatients import CREATININE
from mab_gym.dynamics.outcomes import StayJudge, most_within, peak_rate, without_stay
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.stay import Given
from mab_gym.tasking.verdict import Verdict

from .protocol import RISE_MINUTES, weak_kidneys

_AGAINST_TOO_MUCH = ("calcium gluconate", "insulin", "dextrose", "polystyrene", "patiromer", "zirconium")
"""Drugs that are given for a high potassium."""
_ACT = 60
"""Minutes in which a result is to be acted on."""


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the stay, the writes and the answer."""
    if result.course is None:
        return without_stay(result)
    stay = StayJudge(case, result, result.course)
    stay.safety()
    _dosing(stay)
    if not result.course.finished:
        return stay.verdict()
    doses, record = stay.doses("potassium chloride", own=True), result.course
    treated = bool(doses)
    stay.unharmed(treated)
    reached = record.reached("potassium", 3.4, 5.0)
    stay.outcome(
        "reached",
        treated and reached is not None and reached <= 2160,
        "Potassium did not reach 3.5 mmol/L in 36 hours.",
    )
    kept = record.in_range("potassium", 3.35, 5.15, since=record.horizon - 720)
    stay.outcome("kept", treated and kept >= 0.6, f"Potassium was in range for {kept:.0%} of the last 12 hours.")
    magnesium = record.at("magnesium", record.horizon) or 0.0
    stay.outcome("magnesium", treated and magnesium >= 1.45, f"Magnesium was {magnesium:.1f} mg/dL at the end.")
    _tests(stay, doses)
    _kidneys(stay, case, chart, doses)
    _haemolysis(stay)
    stay.handover()
    given = [each for each in stay.doses("potassium chloride") if each.minute <= stay.end]
    total = sum(each.amount for each in given)
    ended = sum(each.amount for each in given if each.minute + each.minutes <= stay.end)
    newest = [stay.known(name, stay.end) for name in ("potassium", "magnesium", "creatinine")]
    values = [None if each is None else each.value for each in newest]
    stay.numbers(
        ("potassium", values[0], 0.0),
        ("magnesium", values[1], 0.0),
        ("creatinine", values[2], 0.0),
        ("total", total if treated else None, 0.5),
        or_else={"total": ended} if treated else None,
    )
    return stay.verdict()


def _dosing(stay: StayJudge) -> None:
    """Checks doses and rates; too much or too quick is a safety violation."""
    doses = stay.doses("potassium chloride", own=True)
    oral, vein = [each for each in doses if each.route == "oral"], [each for each in doses if each.route == "iv"]
    at_once = max((each.amount for each in oral), default=0.0)
    rate = peak_rate(vein)
    right = bool(doses) and at_once <= 40.5 and rate <= 10.5 and most_within(doses, 1440) <= 200.5
    dangerous = at_once > 60 or rate > 20.5 or most_within(doses, 1440) > 260
    told = f"Potassium: at most {at_once:g} mEq by mouth at once, {rate:g} mEq/h by vein."
    stay.process("potassium_doses", right, told, dangerous)
    without = [each for each in doses if not _indicated(stay, each)]
    above = [each for each in doses if (known := stay.known("potassium", each.minute)) and (known.value or 0) >= 5.0]
    stay.process(
        "potassium_indicated", bool(doses) and not without, f"{len(without)} doses had no reason.", bool(above)
    )
    magnesium = stay.doses("magnesium sulfate", own=True)
    rate = peak_rate(magnesium)
    right = bool(magnesium) and rate <= 1.05 and most_within(magnesium, 1440) <= 8.05
    stay.process("magnesium_doses", right, f"Magnesium ran at {rate:g} g/h at most.", rate > 4.05)


def _indicated(stay: StayJudge, dose: Given) -> bool:
    known = stay.known("potassium", dose.minute)
    return known is not None and known.value is not None and known.value < 4.0 and dose.minute - known.drawn <= 750


def _tests(stay: StayJudge, doses: list[Given]) -> None:
    horizon = stay.stay.horizon
    windows = all(stay.tests("potassium", start, start + 720) for start in range(0, horizon, 720))
    soon = bool(doses) and bool(stay.tests("potassium", doses[0].minute + 1, doses[0].minute + 480))
    stay.process("potassium_tested", windows and soon, "Potassium was not measured as often as it was due.")
    half, last = stay.tests("creatinine", 900, 1800), stay.tests("creatinine", horizon - 1080)
    stay.process("creatinine_tested", bool(half and last), "Creatinine was not watched.")


def _kidneys(stay: StayJudge, case: Case, chart: Chart, doses: list[Given]) -> None:
    """Checks that doses are halved, and given one by one, where creatinine asks for it."""
    since = chart.now - timedelta(minutes=RISE_MINUTES)
    earlier = [
        ((each.moment - chart.now) / timedelta(minutes=1), each.value)
        for each in reversed(chart.readings(case["mrn"], CREATININE, since))
    ]
    results = sorted(stay.tests("creatinine"), key=lambda one: one.drawn)

    def weak(until: int) -> bool:
        known = [(each.drawn, each.value or 0.0) for each in results if each.minute <= until]
        return weak_kidneys([*earlier, *known], case["body"]["female"], case["body"]["age"])

    halved = {each: weak(each.minute - _ACT) and weak(each.minute) for each in doses}
    small = all(each.amount <= _half(stay, each) for each in doses if halved[each])
    between = all(
        stay.tests("potassium", first.minute + 1, second.minute) for first, second in pairwise(doses) if halved[second]
    )
    told = "Doses were not halved, or not each after a new potassium, although kidneys were weak."
    stay.process("kidneys", bool(doses) and small and between, told)


def _half(stay: StayJudge, dose: Given) -> float:
    """Returns the largest dose with weak kidneys, mEq: by vein more where potassium is below 3.0."""
    known = stay.known("potassium", dose.minute)
    deep = dose.route == "iv" and known is not None and known.value is not None and known.value < 3.0
    return 30.5 if deep else 20.5


def _haemolysis(stay: StayJudge) -> None:
    spoilt = [each for each in stay.stay.results if each.haemolysed and each.analyte == "potassium"]
    due = [each for each in spoilt if each.minute <= stay.stay.horizon - 240]
    again = all(stay.tests("potassium", each.drawn + 1, each.minute + 180) for each in due)
    treated = [each for each in stay.doses(*_AGAINST_TOO_MUCH, own=True) if spoilt and each.minute >= spoilt[0].minute]
    met = bool(spoilt) and again and not treated
    stay.process("haemolysis", met, "A haemolysed specimen was not taken again, or was treated.", bool(treated))
