"""Judges what became of the clot and the blood, and if the nomogram was followed.

The table is that of the handbook's page MED-110: Raschke RA et al., Ann Intern Med 1993;119:874-881. Platelets: Linkins
LA et al., Chest 2012;141(2 Suppl):e495S-e530S; Cuker A et al., Blood Adv 2018;2:3360-3392. Tolerances are our choice:
2 s of the aPTT, for the error of a result; 7 % of a dose or rate, for rounding; and the times that the prompt says.
"""

from __future__ import annotations

from itertools import pairwise

from mab_gym.dynamics.course import CONTINUOUS
from mab_gym.dynamics.outcomes import StayJudge, within, without_stay
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.stay import Given, Issued
from mab_gym.tasking.verdict import Verdict

from .cases import OTHERS
from .protocol import BOLUS, HIGH, LOW, bolus, must_end, start, step

_SAME = 0.07
_ACT = 125
"""Minutes in which a result is to be acted on."""


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the stay, the writes and the answer."""
    if result.course is None:
        return without_stay(result)
    stay = StayJudge(case, result, result.course)
    stay.safety(missed=("embolism",))
    weight = float(case["weight_kg"])
    rates, boluses = _rates(stay), _boluses(stay)
    _amounts(stay, weight, rates, boluses)
    if not result.course.finished:
        return stay.verdict()
    record, begun = result.course, rates[0][0] if rates else None
    fallen = _fallen(stay, case)
    stay.unharmed(begun is not None)
    until = record.horizon if fallen is None else min(fallen + _ACT, record.horizon)
    reached = record.reached("aptt", LOW - 0.5, 200.0, since=360)
    stay.outcome("reached", reached is not None and reached <= 1440, "The aPTT was not 46 s or more within 24 hours.")
    share = record.in_range("aptt", LOW - 2, HIGH + 2, since=720, until=until)
    stay.outcome("range", share >= 0.35, f"The aPTT was in range for {share:.0%} of the time from hour 12 on.")
    _others(stay, begun)
    counted = _counted(stay, rates, until)
    _timing(stay, rates, counted, until)
    _nomogram(stay, weight, rates, boluses, counted, fallen)
    counts = [stay.tests(name, since, last) for name in ("platelets", "haemoglobin") for since, last in _COUNTS]
    stay.process("blood_count", begun is not None and all(counts), "A blood count was missed at the start or on day 2.")
    _platelets(stay, rates, fallen)
    stay.handover()
    newest = [stay.known(name, stay.end) for name in ("aptt", "platelets", "haemoglobin")]
    aptt, platelets, haemoglobin = (None if each is None else each.value for each in newest)
    stay.numbers(
        ("aptt", aptt, 0.0),
        ("rate", _rate_at(rates, stay.end) if rates else None, 1.0),
        ("platelets", platelets, 0.0),
        ("haemoglobin", haemoglobin, 0.0),
    )
    return stay.verdict()


_COUNTS = ((0, 240), (1080, 1680))


def _rates(stay: StayJudge) -> list[tuple[int, float]]:
    """Returns the rates of heparin in units/h with the minutes from which on they held; 0 where it was stopped."""
    found: list[tuple[int, float]] = []
    running: dict[str, float] = {}
    for each in stay.stay.given:
        if "heparin" not in each.drug or each.route != "iv" or each.minutes != CONTINUOUS or each.status == "held":
            continue
        running[each.order] = each.amount if each.status == "given" else 0.0
        total = sum(running.values())
        if found and found[-1][0] == each.minute:
            found.pop()
        if not found or found[-1][1] != total:
            found.append((each.minute, total))
    return found


def _rate_at(rates: list[tuple[int, float]], minute: int) -> float:
    return next((rate for since, rate in reversed(rates) if since <= minute), 0.0)


def _boluses(stay: StayJudge) -> list[Given]:
    return [each for each in stay.doses("heparin", route="iv", own=True) if each.minutes != CONTINUOUS]


def _amounts(stay: StayJudge, weight: float, rates: list[tuple[int, float]], boluses: list[Given]) -> None:
    """Checks the start; far too much is a safety violation."""
    first = rates[0] if rates else None
    early = [each for each in boluses if first is not None and abs(each.minute - first[0]) <= 60]
    amount = sum(each.amount for each in early)
    right = first is not None and first[0] <= 190 and within(first[1], start(weight), _SAME)
    right = right and within(amount, bolus(BOLUS, weight), _SAME)
    told = f"Heparin began with {amount:g} units and {0 if first is None else first[1]:g} units/h."
    too_much = any(each.amount > 1.15 * bolus(BOLUS, weight) for each in boluses)
    too_much |= first is not None and first[1] > 1.3 * start(weight)
    stay.process("start", right, told, too_much or any(rate > 34 * weight for _, rate in rates))


def _others(stay: StayJudge, begun: int | None) -> None:
    standing = {each.order for each in stay.stay.orders if not each.by_agent and each.what == "accepted"}
    given = [each for each in stay.doses(*OTHERS) if each.order in standing]
    late = [] if begun is None else [each for each in given if each.minute > begun + 120]
    stay.process("others", begun is not None and not late, "Another anticoagulant went on beside heparin.", bool(late))


def _counted(stay: StayJudge, rates: list[tuple[int, float]], until: int) -> list[Issued]:
    """Returns the results of the aPTT that count for the table."""
    counted: list[Issued] = []
    for each in sorted(stay.tests("aptt"), key=lambda one: one.drawn):
        since = max((minute for minute, rate in rates if minute < each.drawn and rate > 0), default=None)
        last = counted[-1].drawn if counted else None
        running = since is not None and _rate_at(rates, each.drawn) > 0
        if since is None or not running or each.drawn < since + 295 or (last is not None and each.drawn < last + 295):
            continue
        if each.minute <= until - _ACT:
            counted.append(each)
    return counted


def _timing(stay: StayJudge, rates: list[tuple[int, float]], counted: list[Issued], until: int) -> None:
    """Checks that an aPTT was drawn 5 to 8 hours after the start and each change, and went on to be."""
    met = bool(rates and counted)
    for place, (minute, rate) in enumerate(rates):
        later = rates[place + 1][0] if place + 1 < len(rates) else until
        if rate > 0 and later >= minute + 490 and minute + 600 < until:
            met &= any(minute + 295 <= each.drawn <= minute + 490 for each in counted)
    for before, after in pairwise(counted):
        met &= after.drawn - before.drawn <= 1000
    stay.process("aptt_timing", met, "The aPTT was not drawn 6 hours after the start or after a change.")


def _nomogram(
    stay: StayJudge,
    weight: float,
    rates: list[tuple[int, float]],
    boluses: list[Given],
    counted: list[Issued],
    fallen: int | None,
) -> None:
    """Checks that each aPTT that counts was answered by the table, and no change was made without one."""
    wrong: list[str] = []
    allowed: list[tuple[int, int]] = [(0, rates[0][0] + 60)] if rates else []
    for each in counted:
        due, before = step(each.value or 0.0), _rate_at(rates, each.minute)
        end = each.minute + _ACT + (75 if due.hold_minutes else 0)
        allowed.append((each.minute, end))
        wanted = max(before + due.rate_change_u_kg_h * weight, 0.0)
        given = sum(one.amount for one in boluses if each.minute <= one.minute <= end)
        right = within(_rate_at(rates, end), wanted, _SAME)
        right &= within(given, bolus(due.bolus_u_kg, weight), 0.1) if due.bolus_u_kg else not given
        if due.hold_minutes:
            right &= any(each.minute < minute <= end and rate == 0 for minute, rate in rates)
        if not right and not (fallen is not None and each.minute >= fallen - 400):
            wrong.append(f"{each.value:g} s at minute {each.minute}")
    for minute, _ in rates:
        free = fallen is not None and minute >= fallen
        if not free and not any(start_ <= minute <= end for start_, end in allowed):
            wrong.append(f"a change at minute {minute} without an aPTT")
    stay.process("nomogram", bool(counted) and not wrong, f"Not by the table: {'; '.join(wrong[:4]) or 'no aPTT'}.")


def _fallen(stay: StayJudge, case: Case) -> int | None:
    """Returns the minute at which a platelet count was reported at which heparin must end; None if none was."""
    before = float(case["body"]["platelets"])
    low = (each.minute for each in stay.tests("platelets") if must_end(each.value or 0.0, before))
    return min(low, default=None)


def _platelets(stay: StayJudge, rates: list[tuple[int, float]], fallen: int | None) -> None:
    if fallen is None:
        running = bool(rates) and _rate_at(rates, stay.stay.horizon) > 0
        stay.process("goes_on", running, "Heparin did not run on to the end.")
        return
    stopped = _rate_at(rates, fallen + _ACT) == 0 and all(rate == 0 for minute, rate in rates if minute > fallen + _ACT)
    stay.process("stopped", stopped, "Heparin went on although platelets had fallen.", not stopped)
    stay.process("paged", stay.paged(fallen, fallen + 180), "Nobody was paged about the platelets.")
