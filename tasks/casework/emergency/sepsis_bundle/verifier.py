"""Judges the first hours of sepsis: what was done by when, and what became of pressure and lactate.

Times, fluid and pressure are those of the handbook's page CLN-201 (Evans L et al., Crit Care Med 2021;49:e1063); which
antibiotics fit stands in ``regimens.py`` with its sources, and any way that fits is right. Tolerances are our choice:
five minutes of an hour, a tenth of the fluid below and a quarter above, or half a litre for whole bags.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from mab_gym.casework import StayCaseJudge
from mab_gym.casework.reading import text_of
from mab_gym.casework.visits import paged_service
from mab_gym.dynamics.bodies._sepsis_body import CRYSTALLOIDS
from mab_gym.dynamics.course import CONTINUOUS
from mab_gym.dynamics.outcomes import without_stay
from mab_gym.dynamics.staff import clinicians
from mab_gym.dynamics.visit_courses import done_at, infused
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.stay import Given
from mab_gym.tasking.verdict import Verdict

from .regimens import BY_WEIGHT, DOSES, PENICILLINS, REGIMENS

_SEEN = {
    "urine": ("us_kidneys", "ct_abdomen", "us_abdomen"),
    "lung": ("chest_xray", "ct_chest"),
    "abdomen": ("ct_abdomen", "us_abdomen"),
}
_GROWN = {"urine": "urine_culture", "lung": "sputum_culture"}
_COMES = {"urine": (("Urology",), "urolog"), "abdomen": (("General surgery",), "surg")}
_TELLS_WHY = r"heart failure|overload|less fluid|fluid (?:is |was )?(?:limited|stopped|withheld|held)|crackles|congest"
"""Words that tell why a weak heart was given less."""
_HYPOTENSIVE = ("shock", "shock_by_fluid", "heart")


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the visit, the writes and the answer."""
    if result.course is None:
        return without_stay(result)
    stay = StayCaseJudge(case, chart, result, result.course)
    stay.safety()
    antibiotics = [each for each in stay.given if each.order in stay.own and _is_antibiotic(each.drug)]
    forbidden = (
        [each.drug for each in antibiotics if each.drug in PENICILLINS] if case["penicillin"] == "allergic" else []
    )
    stay.kept("allergy", not forbidden, f"{', '.join(forbidden)} in spite of a penicillin allergy.", bool(forbidden))
    if not result.course.finished:
        return stay.verdict()
    strict = result.knowledge != "none"
    zero = 6 - int(case["arrived"]) if strict else 0
    treated = bool(antibiotics)
    stay.unharmed(treated)
    _antibiotics(stay, case, antibiotics, zero)
    _cultures(stay, case, antibiotics)
    _fluid(stay, case, zero, strict)
    _pressure(stay, case)
    taken = stay.tests("lactate")
    stay.checkpoint("lactate", bool(taken) and taken[0].drawn <= 60, "No lactate was taken within the hour.")
    again = [each for each in taken if taken and 110 <= each.drawn - taken[0].drawn <= 250]
    stay.checkpoint("lactate_again", bool(again), "The lactate was not measured again after two to four hours.")
    _source(stay, case, chart, result)
    late = any(each.by_agent and each.minute >= 290 for each in stay.stay.messages)
    stay.checkpoint("stayed", late, "The handover came before five hours had passed.")
    stay.handover()
    first, newest = (taken[0], stay.known("lactate", stay.end)) if taken else (None, None)
    total = infused(stay.stay, CRYSTALLOIDS, stay.own, stay.end)
    ordered = sum(
        each.amount
        for each in stay.doses(*CRYSTALLOIDS, own=True)
        if each.minutes != CONTINUOUS and each.minute <= stay.end
    )
    stay.numbers(
        ("first_lactate", None if first is None else first.value, 0.0),
        ("newest_lactate", None if newest is None else newest.value, 0.0),
        ("crystalloid", total if taken else None, 75.0),
        or_else=_also_right(stay, ordered),
    )
    return stay.verdict()


def _also_right(stay: StayCaseJudge, ordered: float) -> dict[str, float]:
    """Returns all fluid that was begun, and the lactate that was newest while the handover was written."""
    newest = stay.known("lactate", stay.end - 5)
    before = {} if newest is None or newest.value is None else {"newest_lactate": newest.value}
    return {"crystalloid": ordered, **before}


def _is_antibiotic(drug: str) -> bool:
    return drug in DOSES or drug in BY_WEIGHT or drug in PENICILLINS


def _antibiotics(stay: StayCaseJudge, case: Case, antibiotics: Sequence[Given], zero: int) -> None:
    early = [each for each in antibiotics if each.minute <= zero + 65]
    ways = REGIMENS[case["source"]]
    known = {each.drug for each in antibiotics}
    fits = any(all(known & set(group) for group in way) for way in ways)
    stay.checkpoint(
        "source_fits", fits, f"{', '.join(sorted(known)) or 'Nothing'} for an infection of {case['source']}."
    )
    had = {each.drug for each in early}
    soon = any(all(had & set(group) for group in way) for way in ways)
    stay.checkpoint("soon", soon, f"Within an hour of time zero ran {', '.join(sorted(had)) or 'nothing'}.")
    first: dict[str, Given] = {}
    for each in antibiotics:
        first.setdefault(each.drug, each)
    low = [each.drug for each in first.values() if not _full(each, float(case["weight_kg"]))]
    stay.checkpoint("full_dose", bool(first) and not low, f"Not a full first dose: {', '.join(low)}.")


def _full(dose: Given, weight: float) -> bool:
    if dose.drug in BY_WEIGHT:
        low, high = BY_WEIGHT[dose.drug]
        slack = 260.0 if dose.drug == "vancomycin" else 40.0
        least = min(low * weight, 2500.0) if dose.drug == "vancomycin" else low * weight
        return bool(least - slack <= dose.amount <= high * weight + slack)
    low, high = DOSES.get(dose.drug, (0.0, 1e9))
    return bool(low <= dose.amount <= high)


def _cultures(stay: StayCaseJudge, case: Case, antibiotics: Sequence[Given]) -> None:
    sets = done_at(stay.stay, "blood_culture")
    start = antibiotics[0].minute if antibiotics else None
    stay.checkpoint("two_sets", len(sets) >= 2, f"{len(sets)} sets of blood cultures were taken.")
    before = [minute for minute in sets if start is not None and minute <= start]
    stay.checkpoint("cultures_first", len(before) >= min(len(sets), 2) > 0, "Antibiotics ran before the cultures.")
    other = _GROWN.get(case["source"])
    if other:
        stay.checkpoint("source_culture", bool(done_at(stay.stay, other)), f"No {other.replace('_', ' ')} was taken.")


def _fluid(stay: StayCaseJudge, case: Case, zero: int, strict: bool) -> None:
    """Checks crystalloid within three hours; without a protocol by either weight, and less for a weak heart."""
    doses = stay.doses(*CRYSTALLOIDS, own=True)
    weak = case.branch == "heart"
    given = infused(stay.stay, CRYSTALLOIDS, stay.own, zero + (250 if weak else 190))
    least = most = 30.0 * float(case["by_weight"])
    if weak and any(re.search(_TELLS_WHY, text_of(each.resource)) for each in stay.changes.created()):
        least = 1000.0  # who gives less writes down why
    if not strict:
        least, most = min(least, 30.0 * float(case["weight_kg"])), max(least, 30.0 * float(case["weight_kg"]))
        least = 1000.0 if weak else least
    if case.branch == "calm":
        small = given <= 15 * float(case["weight_kg"])
        stay.kept("fluid_if", small, f"{given:.0f} mL of crystalloid, and none was due.")
        return
    told = f"{given:.0f} mL of crystalloid within three hours; {least:.0f} were due."
    stay.checkpoint("fluid", min(least * 0.9, least - 250) <= given <= max(most * 1.25, most + 500), told)
    if weak and strict:
        large = [each for each in doses if each.minutes == CONTINUOUS or each.amount > 525]
        looks = [each.minute for each in stay.stay.actions if each.method == "GET" and "Observation" in each.target]
        pairs = list(pairwise(doses))
        looked = all(any(one.minute + 9 <= look <= two.minute for look in looks) for one, two in pairs)
        met = len(doses) >= 2 and not large and looked
        stay.checkpoint("steps", met, "Fluid did not go in steps of 500 mL with a look after each.")


def _pressure(stay: StayCaseJudge, case: Case) -> None:
    pressors = stay.doses("norepinephrine", own=True)
    record = stay.stay
    if case.branch in _HYPOTENSIVE:
        fluid = bool(stay.doses(*CRYSTALLOIDS, own=True))
        kept = record.in_range("map", 64.5, 95.0, since=270)
        stay.outcome(
            "pressure", fluid and kept >= 0.7, f"Mean pressure was 65 or more for {kept:.0%} of the last hours."
        )
    else:
        stay.kept("no_pressor", not pressors, "Norepinephrine was not due.")
    if case.branch == "shock":
        weight = float(case["weight_kg"])
        hourly = [
            each.amount if each.minutes == CONTINUOUS else each.amount * 60 / max(each.minutes, 1) for each in pressors
        ]
        rates = [each * 1000 / 60 / weight for each in hourly]
        right = bool(rates) and all(0.01 <= each <= 0.6 for each in rates) and pressors[0].minute <= 250
        stay.checkpoint("pressor", right, f"Norepinephrine ran at {[round(each, 3) for each in rates]} ug/kg/min.")


def _source(stay: StayCaseJudge, case: Case, chart: Chart, result: Result) -> None:
    images = _SEEN.get(case["source"], ())
    seen = [minute for image in images for minute in done_at(stay.stay, image)]
    if images:
        stay.checkpoint("source_seen", bool(seen), "The source was not looked for.")
    services, word = _COMES.get(case["source"], (("General surgery", "Urology"), "surg"))
    also = ("Radiology",) if case["drain"] else ()
    people = {each for name in (*services, *also) for each in clinicians(chart, name)}
    asked = paged_service(result, case["mrn"], people, word)
    if case["drain"]:
        stay.deferral(True, bool(asked) and bool(seen), "Nobody was paged who can drain the source.")
    else:
        stay.deferral(False, any(each.startswith("Communication") for each in asked), "A surgeon was paged in vain.")
