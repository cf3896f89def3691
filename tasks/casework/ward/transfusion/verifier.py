"""Judges who was given red cells, how many, how, and what was measured and read before and after.

The page CLN-220: Carson JL et al. (AABB), JAMA 2023;330:1892. A unit for somebody who bleeds is right at any value. A
second unit while signs of too few red cells last is right below 10. Antibodies that can be found no more come back
(Tormey CA, Stack G, Transfusion 2009;49:505). Tolerances are our choice: 0.05 g/dL for rounding, 5 minutes of 2 hours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from mab_gym.casework import StayCaseJudge, Written
from mab_gym.casework.reading import references_of, text_of
from mab_gym.dynamics.outcomes import without_stay
from mab_gym.dynamics.visit_courses import done_at
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once
from mab_gym.tasking.stay import Given, StayRecord
from mab_gym.tasking.verdict import Verdict

from .arrivals import arrive, consent_address, nurse_note_address

_ANTIGENS = {
    "K": r"\bkell\b|\bk1?\b",
    "E": r"\be\b|\brh3\b",
    "Fya": r"\bfy\W{0,2}a\b|duffy",
    "Jka": r"\bjk\W{0,2}a\b|kidd",
}
_AFTER = 8 * 60
"""Minutes after the last unit in which hemoglobin is measured: our choice, far above the quarter of an hour that it
takes to even out (Wiesen AR et al., Ann Intern Med 1994;121:278)."""
_LATE = 14 * 60
"""Minute from which on the last hemoglobin is drawn: 8 hours before the work ends."""


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the stay, the writes and the answer."""
    if result.course is None:
        return without_stay(result)
    record = result.course
    stay = StayCaseJudge(case, chart, result, record, arrivals=once(result, "arrivals", lambda: arrive(case, chart)))
    stay.safety()
    units = stay.doses("red cells")
    if not case["consents"]:
        stay.kept("refusal", not units, "Red cells were given although they are refused.", critical=True)
    if case["consents"] and case["antigen"] and units:
        bare = [each for each in units if not _told_antigen(stay, each, str(case["antigen"]))]
        sentence = f"A unit was ordered without a word of the antibody anti-{case['antigen']}."
        stay.checkpoint("antibody", not bare, sentence, critical=True)
    if not record.finished:
        return stay.verdict()
    measured = stay.tests("haemoglobin")
    stay.unharmed(bool(measured) and (bool(units) or not _is_due(case)))
    bled = next((each.minute for each in record.events if each.kind == "bleeding"), None)
    if case["consents"] and (_is_due(case) or bled is not None):
        _transfused(stay, case, record, units, bled)
    elif case["consents"]:
        stay.kept("no_units", not units, "Red cells were given above the threshold, without signs.")
    else:
        pages = [each for each in stay.messages(to=[case["attending"]], urgent=True) if _is_about_it(each, case)]
        stay.deferral(True, bool(pages), "The attending was not paged about the refusal.")
    if bled is not None:
        soon = stay.tests("haemoglobin", bled - 20, bled + 120)
        stay.checkpoint("bleeding", bool(soon), "Hemoglobin was not measured within two hours of the bleeding.")
    ends = [each.minute + each.minutes for each in units]
    if ends and max(ends) <= stay.end - 45:
        after = [each for each in measured if max(ends) - 5 <= each.drawn <= max(ends) + _AFTER]
        stay.checkpoint("recheck", bool(after), "Hemoglobin was not measured within 8 hours of the last unit.")
    late = [each for each in measured if each.drawn >= _LATE and each.minute <= stay.end]
    stay.checkpoint("late", bool(late), "No hemoglobin was drawn in the last 8 hours.")
    stay.nothing_else(
        "Consent", "Encounter", "Patient", "Observation", "Condition", "AllergyIntolerance", "Procedure", critical=()
    )
    stay.handover()
    # Without the page, where symptoms are no number, any threshold from 7 on is recognised for them.
    free = result.knowledge == "none" and float(case["threshold"]) == 10
    _answer(stay, case, units, 3.0 if free else 0.0)
    return stay.verdict()


def _is_about_it(page: Written, case: Case) -> bool:
    """Tells if a page is about the refusal: the form, the nurse's note, or by its words."""
    about = {*references_of(page.get("about")), *references_of(page.get("inResponseTo"))}
    said = text_of(page.get("payload"))
    forms = {consent_address(case), nurse_note_address(case)}
    return bool(about & forms) or any(word in said for word in ("refus", "declin", "consent"))


def _is_due(case: Case) -> bool:
    """Tells if the first hemoglobin is below the threshold of somebody who consents."""
    return bool(case["consents"]) and float(case["haemoglobin"]) < float(case["threshold"])


def _told_antigen(stay: StayCaseJudge, unit: Given, antigen: str) -> bool:
    """Tells if the order of a unit, or another order or message about the patient, says what the unit has to be."""
    others = (*stay.changes.created("ServiceRequest"), *stay.changes.created("Communication"))
    for each in (stay.changes.of(unit.order), *others):
        if each is None or each.resource is None:
            continue
        said = _words(each.resource)
        if re.search(_ANTIGENS[antigen], said) and re.search(r"negativ|\bneg\b|anti-|antibod|antigen", said):
            return True
    return False


def _words(resource: object) -> str:
    return str(resource)[:20_000].lower()


def _transfused(stay: StayCaseJudge, case: Case, record: StayRecord, units: Sequence[Given], bled: int | None) -> None:
    """Checks the units that were due."""
    threshold = float(case["threshold"])
    early = [each for each in units if bled is not None and each.minute < bled - 45]
    stay.kept("no_early_units", not early or _is_due(case), "Red cells were given above the threshold, without signs.")
    screens = done_at(record, "type_screen")
    first = units[0].minute if units else None
    met = first is not None and any(minute <= first for minute in screens)
    stay.checkpoint("screen", met, "No type and screen was reported before the first unit.")
    soon = first is not None and (first <= 6 * 60 if _is_due(case) else True)
    stay.checkpoint("transfused", soon, "No unit of red cells was begun within 6 hours.")
    least = 30 if bled is not None else 115
    slow = [each for each in units if least <= each.minutes / max(each.amount, 0.1) <= 250]
    stay.checkpoint("rate", bool(units) and len(slow) == len(units), "A unit did not run over two to four hours.")
    stay.checkpoint("one_unit", bool(units) and _one_by_one(stay, units, threshold, bled), "Not unit by unit.")
    if case["body"]["eased_at"]:
        met = any(each.kind == "eased" for each in record.events)
        stay.outcome("eased", met and len(units) <= 2, "The signs did not ease, or more than two units were given.")
        return
    results = sorted(stay.tests("haemoglobin"), key=lambda each: each.drawn)
    last = results[-1] if results else None
    enough = last is not None and (
        (last.value or 0.0) >= threshold - 0.05 or any(each.minute >= last.minute for each in units)
    )
    stay.outcome(
        "reached", bool(units) and enough, "The last hemoglobin was below the threshold, and nothing followed."
    )


def _one_by_one(stay: StayCaseJudge, units: Sequence[Given], threshold: float, bled: int | None) -> bool:
    """Tells if each unit was a single one, for a hemoglobin below the threshold that was drawn after the one before."""
    if any(each.amount > 1.05 or each.minutes == float("inf") for each in units):
        return False
    for before, after in pairwise(units):
        end = before.minute + before.minutes
        if bled is not None and after.minute >= bled:
            between = [each for each in stay.tests("haemoglobin", before.minute) if each.minute <= after.minute]
            if between:
                continue
        known = [each for each in stay.tests("haemoglobin", round(end) - 5) if each.minute <= after.minute]
        newest = max(known, key=lambda each: each.drawn, default=None)
        if newest is None or (newest.value or 0.0) >= threshold + 0.05:
            return False
    return True


def _answer(stay: StayCaseJudge, case: Case, units: Sequence[Given], room: float) -> None:
    known = [each for each in stay.tests("haemoglobin") if each.minute <= stay.end]
    newest = max(known, key=lambda each: each.drawn, default=None)
    given = sum(each.amount for each in units if each.minute <= stay.end)
    stay.numbers(
        ("threshold", float(case["threshold"]), room),
        ("hemoglobin", None if newest is None else newest.value, 0.0),
        ("units", given if newest is not None else None, 0.01),
    )
