"""Judges the area under the curve, the levels, and what was done where kidneys failed or cultures were negative.

The pages MED-130 and CLN-210: Rybak MJ et al., Am J Health Syst Pharm 2020;77:835; KDIGO, Kidney Int Suppl 2012;2:1.
Any interval, any number of doses and any of the usual weights in the clearance is right. Tolerances are our choice: 5 %
and 250 mg of a dose for rounding, 10 % of an area for what two levels can tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from mab_gym.casework import StayCaseJudge
from mab_gym.dynamics.outcomes import StayJudge, without_stay
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.stay import Given, Issued, StayRecord
from mab_gym.tasking.verdict import Verdict

from .cases import NEPHROTOXINS
from .protocol import AREAS, OBESE, RATE, bmi, clearance, clearances_of_pair, dosing_weights, fitted_clearance, stage

_DAY = 1440
_FIRST = 3 * 60
"""Minutes in which the first dose is begun."""
_TOO_MUCH = 800.0
"""Area over 24 hours above which it is to be held, mg·h/L (page MED-130)."""
_NOT_ASKED = ("AllergyIntolerance", "Condition", "Encounter", "MedicationAdministration", "Observation", "Patient")
_EVERY = re.compile(r"([\d.]+) mg iv .*every ([\d.]+) h")


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the stay, the writes and the answer."""
    if result.course is None:
        return without_stay(result)
    stay, record = StayCaseJudge(case, chart, result, result.course), result.course
    stay.safety()
    doses = stay.doses("vancomycin", route="iv")
    _load(stay, case, doses)
    if not record.finished:
        return stay.verdict()
    known = _known(stay, case)
    begun = doses[0].minute if doses else None
    stay.unharmed(begun is not None)
    fast = [each for each in doses if each.minutes and each.amount / each.minutes * 60 > RATE * 1.02]
    stay.process("rate", bool(doses) and not fast, "Vancomycin ran in faster than 1000 mg an hour, or not at all.")
    _maintenance(stay, case, doses, known)
    _levels(stay, doses, known, alone=result.knowledge == "none")
    _areas(stay, case, record, begun)
    _creatinine(stay, record)
    if case["body"]["kidneys"]:
        _injury(stay, case, doses, known)
    negative = _negative(case)
    if negative is not None:
        late = [each for each in doses if each.minute > negative + 180]
        met = begun is not None and not late and not _orders(record, record.horizon)
        stay.process("stopped", met, "Vancomycin went on although cultures and the nares swab were negative.")
    stay.handover()
    stay.nothing_else(*_NOT_ASKED, critical=())
    _answer(stay, case, record, known)
    return stay.verdict()


def _negative(case: Case) -> int | None:
    """Returns the minute at which negative cultures were told; None where they were not negative."""
    return next((int(minute) for minute, text in case["body"]["news"] if "nares swab is negative" in str(text)), None)


def _known(stay: StayJudge, case: Case) -> int | None:
    """Returns the minute at which a result showed kidney injury; None if none did."""
    told: list[tuple[float, float]] = []
    for each in sorted(stay.results, key=lambda one: one.minute):
        if each.analyte == "creatinine" and each.value is not None:
            told.append((each.drawn / 60, each.value))
            if stage(float(case["baseline"]), float(case["recent"]), told) > 0:
                return each.minute
    return None


def _load(stay: StayJudge, case: Case, doses: Sequence[Given]) -> None:
    """Checks the loading dose; far too much is a safety violation."""
    weight = float(case["weight_kg"])
    early = [each for each in doses if each.minute <= doses[0].minute + 240 and each.minutes < 600]
    amount = sum(each.amount for each in early)
    obese = bmi(weight, float(case["height_cm"])) >= OBESE
    low, high = min(20 * weight, 3000.0), min((25 if obese else 35) * weight, 3000.0)
    right = bool(doses) and doses[0].minute <= _FIRST and low * 0.95 - 125 <= amount <= high * 1.05 + 125
    too_much = amount > 1.2 * min(35 * weight, 3000.0)
    stay.process("load", right, f"The loading dose was {amount:g} mg.", too_much)


def _orders(record: StayRecord, minute: int) -> dict[str, str]:
    """Returns the repeated orders of vancomycin that are carried out at a minute, as they were understood."""
    running: dict[str, str] = {}
    for each in record.orders:
        if each.minute > minute:
            break
        if each.what in ("accepted", "changed") and each.text.startswith("vancomycin") and "mg iv" in each.text:
            running[each.order] = each.text
        elif each.what in ("stopped", "completed", "refused"):
            running.pop(each.order, None)
    return {order: text for order, text in running.items() if "every" in text or "at set times" in text}


def _daily(stay: StayJudge, minute: int) -> float:
    """Returns the mg a day that are ordered at a minute."""
    total = 0.0
    for order, text in _orders(stay.stay, minute).items():
        found = _EVERY.match(text.removeprefix("vancomycin "))
        if found is not None:
            total += float(found[1]) * 24 / float(found[2])
            continue
        given = [each for each in stay.given if each.order == order]
        first = [each.amount for each in given if each.minute < given[0].minute + _DAY - 5]
        total += sum(first)
    return total


def _maintenance(stay: StayJudge, case: Case, doses: Sequence[Given], known: int | None) -> None:
    """Checks the first repeated dose by the page's clearance, whichever weight tells it."""
    following = [each for each in doses if each.minute > doses[0].minute + 240]
    first = following[0] if following else None
    if first is None or (known is not None and first.minute > known):
        met = known is not None and bool(doses) and known <= doses[0].minute + 26 * 60
        stay.process("maintenance", met, "No dose followed the first.")
        return
    daily = _daily(stay, first.minute)
    weights = dosing_weights(float(case["weight_kg"]), float(case["height_cm"]), bool(case["female"]))
    areas = [
        daily / clearance(int(case["age"]), one, float(case["creatinine"]), bool(case["female"])) for one in weights
    ]
    near = min(areas) <= 650 and max(areas) >= 370
    gap = first.minute - doses[0].minute
    met = near and 6 * 60 <= gap <= 26 * 60
    told = f"{daily:g} mg a day from hour {gap / 60:.0f} on let expect an area of {areas[-1]:.0f} mg·h/L."
    stay.process("maintenance", met, told)


def _running(doses: Sequence[Given], minute: int, after: int) -> bool:
    """Tells if a dose runs in at a minute, or has ended less than some minutes before."""
    return any(each.minute <= minute < each.minute + each.minutes + after for each in doses)


def _valid(stay: StayJudge, doses: Sequence[Given], after: int = 50) -> list[Issued]:
    """Returns the levels that were not drawn while the drug ran in or soon after, in order of drawing."""
    found = [each for each in stay.tests("vancomycin") if not _running(doses, each.drawn, after)]
    return sorted((each for each in found if doses and each.drawn > doses[0].minute), key=lambda each: each.drawn)


def _levels(stay: StayJudge, doses: Sequence[Given], known: int | None, alone: bool) -> None:
    """Checks that two levels of one interval tell the clearance within two days, or what is left after an injury.

    Without the page a single one is recognised, too, as it is used with a model of the population (Rybak 2020).
    """
    valid = _valid(stay, doses)
    last = (doses[0].minute if doses else 0) + 49 * 60
    pair = any(
        not any(first.drawn < each.minute < second.drawn for each in doses)
        and second.drawn - first.drawn >= 240
        and second.drawn <= last
        for place, first in enumerate(valid)
        for second in valid[place + 1 :]
    )
    pair |= alone and any(each.drawn <= last for each in valid)
    if known is not None and not pair:
        pair = len([each for each in valid if each.drawn > known]) >= 2
    stay.process("levels", pair, "No two valid levels of one interval were drawn within two days.")


def _areas(stay: StayJudge, case: Case, record: StayRecord, begun: int | None) -> None:
    """Checks the area of the first day, that of the last, and the greatest of all."""
    areas = dict(record.series("auc"))
    at = {minute: value for minute, value in areas.items() if minute % 15 == 0}
    days = [(minute, value - at[minute - _DAY]) for minute, value in at.items() if minute - _DAY in at]
    greatest = max((area for _, area in days), default=0.0)
    met = begun is not None and greatest <= _TOO_MUCH
    stay.outcome("never_too_much", met, f"The greatest area of 24 hours was {greatest:.0f} mg·h/L.")
    start = (begun or 0) // 15 * 15
    first = next((area for minute, area in days if minute >= start + _DAY), 0.0)
    stay.outcome("first_day", first >= 250, f"The area of the first day was {first:.0f} mg·h/L.")
    if _negative(case) is not None:
        return
    final = days[-1][1] if days else 0.0
    low, high = (280.0, 680.0) if case["body"]["kidneys"] else (370.0, 640.0)
    met = low <= final <= high or _by_levels(stay, case, record)
    stay.outcome("last_day", met, f"The area of the last day was {final:.0f} mg·h/L.")


def _by_levels(stay: StayJudge, case: Case, record: StayRecord) -> bool:
    """Tells if the dose of the last day is right by the levels as they were reported, whatever they really were."""
    doses, weight = stay.doses("vancomycin", route="iv"), float(case["weight_kg"])
    daily = _daily(stay, record.horizon - _DAY)
    valid = [each for each in _valid(stay, doses) if each.minute <= record.horizon - _DAY]
    spans = [(each.minute / 60, each.minutes / 60, each.amount) for each in doses]
    for first, second in pairwise(valid[:12]):
        before = [each for each in spans if each[0] * 60 < first.drawn]
        later = [each[0] for each in spans if each[0] * 60 >= second.drawn]
        if len([each for each in spans if each[0] * 60 < second.drawn]) != len(before) or not later:
            continue
        pair = [(each.drawn / 60, each.value or 0.1) for each in (first, second)]
        fitted = fitted_clearance(before, pair, weight)
        by_hand = clearances_of_pair(before[-1], later[0], _daily(stay, first.drawn), pair, weight)
        mean = (fitted + sum(by_hand)) / 3
        if any(AREAS[0] * 0.95 <= daily / each <= AREAS[1] * 1.05 for each in (fitted, mean) if each > 0):
            return True
    return False


def _creatinine(stay: StayJudge, record: StayRecord) -> None:
    drawn = sorted(each.drawn for each in stay.tests("creatinine") if each.minute <= stay.end)
    times = [0, *drawn, record.horizon]
    met = bool(drawn) and all(after - before <= 27 * 60 for before, after in pairwise(times))
    stay.process("creatinine", met, "Creatinine was not measured every day.")


def _injury(stay: StayJudge, case: Case, doses: Sequence[Given], known: int | None) -> None:
    """Checks what followed the result that showed kidney injury."""
    if known is None:
        for name in ("held", "by_level", "nephrotoxins", "paged"):
            stay.process(name, False, "Nobody looked for the kidney injury.")
        return
    soon = [each for each in doses if known + 60 < each.minute <= known + 360]
    levels = _valid(stay, doses, after=0)

    def was_low(dose: Given) -> bool:
        told = [each for each in levels if each.minute <= dose.minute and each.drawn > dose.minute - 15 * 60]
        newest = max(told, key=lambda each: each.drawn, default=None)
        return newest is not None and (newest.value or 0.0) <= 20

    later = [each for each in doses if each.minute > known + 60]
    stay.process("held", all(map(was_low, soon)), "Vancomycin went on after the kidney injury.", False)
    met = all(map(was_low, later)) and len([each for each in levels if each.drawn > known]) >= 2
    stay.process("by_level", met, "After the kidney injury vancomycin was not given by level.")
    standing = {each.order for each in stay.stay.orders if not each.by_agent}
    named = [each for each in stay.given if each.order in standing and any(word in each.drug for word in NEPHROTOXINS)]
    gone = {each.order for each in stay.stay.orders if each.what == "stopped" and each.minute <= known + 375}
    accepted = [
        each.order
        for each in stay.stay.orders
        if not each.by_agent and each.what == "accepted" and any(word in each.text for word in NEPHROTOXINS)
    ]
    met = all(order in gone for order in accepted) and not [each for each in named if each.minute > known + 375]
    stay.process("nephrotoxins", met, "A drug that harms failing kidneys went on.")
    stay.process("paged", stay.paged(0, known + 180), "Nobody was asked about the kidney injury.")


def _answer(stay: StayJudge, case: Case, record: StayRecord, known: int | None) -> None:
    results = [each for each in stay.results if each.minute <= stay.end]
    newest = {
        name: max((each for each in results if each.analyte == name), key=lambda each: each.drawn, default=None)
        for name in ("vancomycin", "creatinine")
    }
    level, creatinine = newest["vancomycin"], newest["creatinine"]
    told = [
        (each.drawn / 60, each.value) for each in results if each.analyte == "creatinine" and each.value is not None
    ]
    reached = stage(float(case["baseline"]), float(case["recent"]), told)
    stay.numbers(
        ("daily dose", _daily(stay, stay.end), 1.0),
        ("level", -1.0 if level is None else level.value, 0.0),
        ("creatinine", None if creatinine is None else creatinine.value, 0.0),
        ("stage", float(reached) if creatinine is not None else None, 0.0),
        or_else={"stage": float(stage(float(case["baseline"]), float(case["creatinine"]), told))},
    )
