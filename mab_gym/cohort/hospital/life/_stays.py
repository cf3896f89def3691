"""Stays in hospital and procedures by appointment: from the arrival to the discharge, with diagnoses and operations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mab_gym.cohort._spec import DAY, HOUR, MINUTE
from mab_gym.cohort.hospital._catalogue import CONDITIONS, DRUGS, PROCEDURES
from mab_gym.cohort.hospital._history import NOW, Visit
from mab_gym.cohort.hospital.life._builder import Life
from mab_gym.cohort.hospital.life._chance import any_hour, at_local, day_number, number_of
from mab_gym.cohort.hospital.life._fate import Episode
from mab_gym.cohort.hospital.life._operations import allowed, operate
from mab_gym.cohort.hospital.life._orders import order_stay, resume
from mab_gym.cohort.hospital.life._treatment import TWICE, add_twin, stop, treat, unfit

_THROUGH_EMERGENCY: Final = 0.85
"""Share of acute stays that begin in the emergency department (our estimate after NHAMCS 2021 and HCUP)."""
DIRECTLY: Final = frozenset({"infarction", "st_infarction", "stroke", "hip_fracture"})
OPERATIONS: Final = {
    # acute illness: procedure, chance, fewest and most hours from the admission on
    "infarction": (("angiography", 0.8, 8, 40), ("coronary_stent", 0.55, 9, 42), ("coronary_bypass", 0.07, 60, 90)),
    "st_infarction": (("angiography", 0.95, 0.2, 0.6), ("coronary_stent", 0.88, 0.9, 1.4)),
    "gi_bleed": (("gastroscopy", 0.65, 6, 22), ("transfusion", 0.4, 1, 8), ("colonoscopy", 0.25, 22, 40)),
    "cholecystitis": (("cholecystectomy", 0.78, 12, 36), ("ercp", 0.12, 8, 11)),
    "appendicitis": (("appendectomy", 0.93, 3, 14),),
    "bowel_obstruction": (("adhesiolysis", 0.25, 20, 50),),
    "hip_fracture": (("hip_fracture_repair", 0.95, 10, 36), ("transfusion", 0.25, 50, 70)),
    "diverticulitis": (("colectomy", 0.06, 24, 60),),
    "stroke": (("thrombolysis", 0.11, 0.2, 0.6),),
    "sepsis": (("central_line", 0.18, 1, 6), ("intubation", 0.1, 2, 12), ("bladder_catheter", 0.35, 1, 3)),
    "pneumonia": (("intubation", 0.04, 2, 24), ("thoracentesis", 0.05, 20, 40)),
    "copd_exacerbation": (("intubation", 0.04, 2, 20),),
    "heart_failure_acute": (("bladder_catheter", 0.15, 1, 4), ("thoracentesis", 0.04, 20, 50)),
    "pancreatitis": (("ercp", 0.14, 20, 40),),
    "fibrillation_rapid": (("cardioversion", 0.22, 18, 30),),
    "kidney_injury": (("bladder_catheter", 0.3, 1, 6), ("dialysis", 0.05, 20, 60)),
    "renal_colic": (("stone_removal", 0.3, 10, 22),),
    "delirium": (("lumbar_puncture", 0.06, 4, 12),),
    "seizure": (("lumbar_puncture", 0.08, 3, 10),),
}  # fmt: skip
"""Procedures of a stay; our estimate after HCUP's most frequent procedures (Statistical Brief 281)."""
_OUTSIDE_STAYS: Final = {
    "laceration": ("wound_suture", 0.85), "wrist_fracture": ("wrist_reduction", 0.5),
    "cellulitis": ("abscess_drainage", 0.12),
}  # fmt: skip
_INPATIENT: Final = {
    "knee_replacement": (1.5, 2.4), "hip_replacement": (1.5, 2.4), "colectomy": (4.5, 8.0),
    "coronary_bypass": (6.5, 10.0),
    "valve_replacement": (5.5, 9.0), "hysterectomy": (1.4, 2.2), "pacemaker": (1.1, 2.0), "caesarean": (2.8, 3.6),
    "vaginal_delivery": (1.8, 2.4),
}  # fmt: skip
"""Median and 84th centile of the days of planned stays; about HCUPnet's means of 2019."""
_COMORBID: Final = 6
SLOW: Final = frozenset({"deep_vein_thrombosis", "pulmonary_embolism"})
"""Illnesses that last for months."""


@dataclass(frozen=True, slots=True)
class Stay:
    """The part of the queue of visits that a stay needs.

    Attributes:
        end: The moment after which there is nothing, now at the latest.
        recognise: Diagnoses what can be found, given the visit and a moment; returns places of problems.
    """

    end: int
    recognise: Callable[[int, int], list[int]]


def stay(life: Life, episode: Episode, tools: Stay) -> int:
    """Makes the stay of an acute illness: arrival, admission, diagnoses, orders, operations, discharge or death.

    Returns:
        The place of the visit.
    """
    chance, acute = life.chance, episode.acute
    names, bounds = acute.reason_bounds
    reason = names[chance.weighted(bounds)]
    key = episode.acute.key
    through = episode.lasting or key in DIRECTLY or chance.hit(_THROUGH_EMERGENCY)
    hours = chance.between(2.5, 6.5)
    if episode.lasting:
        hours = min(hours, 3.5)
    arrival = episode.moment
    if not episode.lasting:
        arrival = max(any_hour(chance, day_number(arrival)), life.busy + HOUR)
    elif through:
        arrival = max(arrival - int(hours * 12) * 300, life.busy + HOUR)
    onset = arrival - int(chance.between(0.1, 3.0 if key not in DIRECTLY else 0.4) * DAY)
    severity = round(episode.severity, 3)
    number = len(life.history.visits)
    principal = life.add_problem(key, onset, arrival + 45 * MINUTE, number, severity, False)
    came_from = None
    start = arrival
    if through:
        came_from = life.add_emergency(arrival, hours, reason, [principal], episode.severity)
        start = life.busy
        life.history.visits[came_from].disposition = "admitted"
    end = None if episode.lasting else _end(life, episode, start)
    chronic = _comorbid(life)
    service = "intensive" if episode.service == "intensive" else acute.ward if not episode.lasting else episode.service
    visit = life.add_stay(start, end, service, reason, [principal, *chronic], round(episode.severity, 3), episode.bed)
    here = life.history.visits[visit]
    here.came_from = came_from
    problems = [principal, *_leads(life, episode, visit, start, end)]
    here.problems[1:1] = problems[1:]
    for place in problems:
        life.known[life.history.problems[place].key] = place
    new = life.reveal(acute.needs, visit, start + 20 * MINUTE)
    new += tools.recognise(visit, start + 90 * MINUTE)
    here.problems += new
    _stop_unfit(life, start + 30 * MINUTE)
    order_stay(life, visit, [*problems, *chronic], episode.lasting, episode.tag)
    _operations(life, visit, principal, episode)
    if end is not None:
        _discharge(life, visit, problems, new, episode)
    return visit


def _end(life: Life, episode: Episode, start: int) -> int:
    """Returns the end of a stay: in the day, unless it is death."""
    end = start + int(episode.days * DAY)
    if episode.fatal:
        end = max(start + 2 * HOUR, end)
        life.fate.died = life.person.died = end
        return end
    home = at_local(day_number(end), 10 * HOUR + int(life.chance.next() * 84) * 5 * MINUTE)
    return home if home > start + 8 * HOUR else home + DAY


def _comorbid(life: Life) -> list[int]:
    """Returns the places of the chronic problems that matter in a stay."""
    keys = [key for key in life.known if CONDITIONS[key].chronic and CONDITIONS[key].follow_months]
    keys.sort(key=lambda key: -CONDITIONS[key].mortality)
    return [life.known[key] for key in keys[:_COMORBID]]


def _leads(life: Life, episode: Episode, visit: int, start: int, end: int | None) -> list[int]:
    """Adds the acute states that come with an illness."""
    chance, found = life.chance, []
    for key in episode.leads:
        severity = round(0.15 + 0.8 * chance.next(), 3)
        if end is None:
            onset = start - int(chance.between(7.5, 30) * HOUR)
            known = max(start + 20 * MINUTE, NOW - chance.whole(35, 150) * MINUTE)
            # Soon after the admission the first results say it; later, this morning's.
            if key in ("dehydration", "kidney_injury") or NOW - start < 12 * HOUR:
                known = start + 30 * MINUTE
            place = life.add_problem(key, onset, known, visit, severity, False)
        else:
            known = min(start + int(chance.between(0.4, 3) * HOUR), end - HOUR)
            if key == "delirium":
                known = min(start + int(chance.between(14, 50) * HOUR), end - HOUR)
            onset = known - int(chance.between(1, 24) * HOUR)
            place = life.add_problem(key, onset, known, visit, severity, False)
            life.history.problems[place].abated = int(known + (end - known) * chance.between(0.35, 0.98))
        found.append(place)
    return found


def _stop_unfit(life: Life, moment: int) -> None:
    """Stops drugs for home that an acute illness forbids."""
    for order in list(life.taking.values()):
        if not order.mistake and unfit(life, DRUGS[order.drug], moment):
            if life.chance.hit(0.03):
                order.mistake = "not_stopped"
            else:
                stop(life, order, moment, "stopped")


def _operations(life: Life, visit: int, problem: int, episode: Episode) -> None:
    here, chance = life.history.visits[visit], life.chance
    limit = min(here.end or NOW, NOW) - 20 * MINUTE
    for key, share, soonest, latest in OPERATIONS.get(episode.acute.key, ()):
        intensive = here.service == "intensive" and key in ("intubation", "central_line", "dialysis")
        if not chance.hit(min(0.9, share * 4) if intensive else share):
            continue
        start = here.start + int(chance.between(soonest, latest) * HOUR)
        if start > limit - 30 * MINUTE:
            continue
        doctor = chance.one(life.wards.doctors.get(PROCEDURES[key].service, [here.practitioner]))
        operate(life, key, start, visit, problem, doctor, limit)
        if key == "intubation":
            begun = start + 20 * MINUTE
            operate(life, "ventilation", begun, visit, problem, doctor, limit)


def _discharge(life: Life, visit: int, problems: list[int], new: list[int], episode: Episode) -> None:
    """Ends a stay: where they go, what is over, and what is ordered for home."""
    here, chance = life.history.visits[visit], life.chance
    end = here.end or NOW
    key = episode.acute.key
    if episode.fatal:
        here.disposition = "died"
        return
    here.disposition = _disposition(life, key, here)
    principal = life.history.problems[problems[0]]
    over = end + int(chance.between(2.0, 25.0) * DAY)
    if over < NOW:
        principal.abated = over
    if key in SLOW:
        over = end + chance.whole(90, 200) * DAY
        principal.abated = over if over < NOW else None
    resume(life, visit)
    moment = end - 40 * MINUTE
    for place in problems:
        treat(life, place, visit, moment, every_step=True)
    for key in episode.acute.leaves:
        if key not in life.known:
            _as(life, problems[0], key, visit, moment)
    for place in new:
        treat(life, place, visit, moment)
    if chance.hit(TWICE):
        add_twin(life, visit, moment)


def _as(life: Life, place: int, key: str, visit: int, moment: int) -> None:
    """Begins the treatment of what an illness leaves, as of the illness itself."""
    problem = life.history.problems[place]
    own, problem.key = problem.key, key
    treat(life, place, visit, moment, every_step=True)
    problem.key = own


def _disposition(life: Life, key: str, here: Visit) -> str:
    """Draws where somebody goes; shares about HCUP's (home 68 %, home health 13 %, other facilities 15 %)."""
    age, draw = life.age(here.start), life.chance.next()
    if key in ("hip_fracture", "stroke", "knee_replacement", "hip_replacement"):
        limits = (0.01, 0.28, 0.28 + (0.36 if age > 70 else 0.1), 0.85)
    else:
        frail = min(0.5, max(0.03, 0.05 * math.exp(0.04 * (age - 45)))) * (0.6 + 0.8 * here.course)
        limits = (0.016, 0.016 + 0.12 * frail, 0.016 + 0.8 * frail, 0.016 + 1.75 * frail)
    for limit, name in zip(
        limits, ("left_against_advice", "rehabilitation", "nursing_facility", "home_health"), strict=True
    ):
        if draw < limit:
            return name
    return "home"


def surgery_now(life: Life, episode: Episode, procedure: str, tools: Stay) -> int:
    """Makes the stay after a planned operation that goes on now."""
    chance = life.chance
    place = life.places[episode.acute.key]
    start = at_local(day_number(episode.moment), 6 * HOUR + chance.whole(0, 5) * 20 * MINUTE)
    if life.history.problems[place].known is None or life.history.problems[place].known > start:  # type: ignore[operator]
        life.history.problems[place].known = start + 5 * MINUTE
        life.history.problems[place].visit = len(life.history.visits)
    comorbid = [each for each in _comorbid(life) if each != place]
    visit = life.add_stay(
        start, None, episode.service, "planned_surgery", [place, *comorbid], episode.severity, episode.bed
    )
    here = life.history.visits[visit]
    doctor = chance.one(life.wards.doctors[PROCEDURES[procedure].service])
    operate(life, procedure, start + chance.whole(90, 200) * MINUTE, visit, place, doctor)
    tools.recognise(visit, start + 90 * MINUTE)
    leads = _leads(life, episode, visit, start, None)
    here.problems[1:1] = leads
    order_stay(life, visit, [place, *leads, *comorbid], True, f"planned {episode.tag}")
    return visit


def operate_outpatient(life: Life, key: str, visit: int, problem: int) -> None:
    """Does what an illness needs in the emergency department."""
    row = _OUTSIDE_STAYS.get(key)
    if row is None or not life.chance.hit(row[1]):
        return
    here = life.history.visits[visit]
    end = here.end or NOW
    operate(life, row[0], here.start + 50 * MINUTE, visit, problem, here.practitioner, end - 5 * MINUTE)


def elective(life: Life, key: str, place: int | None, start: int, tools: Stay) -> int | None:
    """Makes a visit or a stay for a procedure by appointment.

    Returns:
        The place of the visit; None if the procedure cannot be done any more.
    """
    if not allowed(life, key):
        return None
    if key == "hysterectomy" and any(number_of(ends) > day_number(start) for _, ends in life.person.pregnancies):
        return None  # whoever still bears a child has put it off
    chance, procedure = life.chance, PROCEDURES[key]
    problems = [] if place is None else [place]
    if (
        place is not None
        and life.history.problems[place].abated is not None
        and key not in ("caesarean", "vaginal_delivery")
    ):
        return None
    if key in _INPATIENT:
        median, wide = _INPATIENT[key]
        days = median * math.exp(math.log(wide / median) * chance.normal())
        birth = key in ("caesarean", "vaginal_delivery")
        if not birth:
            start = at_local(day_number(start), 6 * HOUR + chance.whole(0, 5) * 20 * MINUTE)
        end = at_local(day_number(start + int(max(0.9, days) * DAY)), 10 * HOUR + chance.whole(0, 70) * 5 * MINUTE)
        if end > tools.end - DAY:
            return None
        if end < start + 18 * HOUR:
            end += DAY
        comorbid = [] if birth else [each for each in _comorbid(life) if each not in problems]
        reason = "labor" if birth else "planned_surgery"
        service = {"orthopaedics": "surgery"}.get(procedure.service, procedure.service)
        visit = life.add_stay(start, end, service, reason, [*problems, *comorbid], 0.2 + 0.3 * chance.next(), None)
        if birth:
            delivery = life.add_problem("delivery", start - 3 * HOUR, start + HOUR, visit, 0.3, False)
            life.history.problems[delivery].abated = end
            life.history.visits[visit].problems.insert(0, delivery)
        begun = (
            start + int(chance.between(1.2, 3.5) * HOUR)
            if not birth or key == "caesarean"
            else start + int(chance.between(2, 11) * HOUR)
        )
        here = life.history.visits[visit]
        doctor = chance.one(life.wards.doctors.get(procedure.service, [here.practitioner]))
        operate(life, key, begun, visit, place, doctor, end - HOUR)
        order_stay(life, visit, [*problems, *comorbid], False, "planned")
        here.disposition = "home" if birth else _disposition(life, key, here)
        resume(life, visit)
        return visit
    service = "primary" if procedure.service == "radiology" else procedure.service
    where = life.wards.radiology if procedure.service == "radiology" else None
    reason = "chemotherapy" if key == "chemotherapy" else "screening_procedure" if place is None else (
        "planned_surgery" if procedure.service == "surgery" else "planned_procedure"
    )  # fmt: skip
    minutes = int(procedure.minutes * 1.3) + (15 if procedure.screening and key != "colonoscopy" else 60)
    visit = life.add_clinic(start, minutes // 5 * 5 + 5, service, reason, problems, where)
    here = life.history.visits[visit]
    end = here.end or start
    operate(life, key, start + 10 * MINUTE, visit, place, here.practitioner, end - 2 * MINUTE)
    return visit
