"""Visits that are planned: routine and specialists' visits, follow-ups, calls, procedures, chemotherapy."""

from __future__ import annotations

from typing import Any, Final

from mab_gym.cohort._spec import DAY, HOUR, MINUTE
from mab_gym.cohort.hospital._catalogue import CONDITIONS, DRUGS
from mab_gym.cohort.hospital._history import Prescription
from mab_gym.cohort.hospital.life._builder import Life
from mab_gym.cohort.hospital.life._chance import MONTH, YEAR, at_local, day_number, workday
from mab_gym.cohort.hospital.life._operations import planned_after, screenings
from mab_gym.cohort.hospital.life._queue import (
    CALL,
    CYCLE,
    FOLLOW,
    INR,
    PLANNED,
    ROUTINE,
    SPECIALIST,
    SYMPTOM,
    Course,
    after_clinic,
    after_stay,
    chronic,
    clinic_start,
    months_until,
    recognise,
    refer,
    refresh,
)
from mab_gym.cohort.hospital.life._stays import Stay, elective
from mab_gym.cohort.hospital.life._treatment import ELSEWHERE, purge, treat

_SYMPTOMS: Final = {
    "type1_diabetes": "high_glucose", "coronary": "chest_pain", "fibrillation": "palpitations",
    "heart_failure_reduced": "shortness_of_breath", "heart_failure_preserved": "leg_swelling",
    "copd": "shortness_of_breath",
    "asthma": "shortness_of_breath", "gout": "joint_pain", "rheumatoid": "joint_pain", "osteoarthritis": "joint_pain",
    "back_pain": "back_pain", "migraine": "headache", "epilepsy": "seizure", "depression": "low_mood",
    "anxiety": "palpitations", "lung_cancer": "cough", "colon_cancer": "black_stool", "reflux": "abdominal_pain",
    "crohn": "diarrhea", "ulcerative_colitis": "diarrhea", "kidney_stones": "flank_pain", "psoriasis": "rash",
    "hypothyroidism": "weakness", "hyperthyroidism": "palpitations", "iron_anemia": "weakness", "cirrhosis": "weakness",
    "dementia": "confusion", "parkinson": "weakness", "schizophrenia": "low_mood", "chronic_pain": "back_pain",
    "esrd": "weakness", "ckd4": "abnormal_result", "kidney_anemia": "abnormal_result",
    "allergic_rhinitis": "cough", "insomnia": "follow_up",
}  # fmt: skip


def routine(course: Course, moment: int, about: Any) -> None:
    """A routine visit to their own doctor."""
    life = course.life
    start = clinic_start(course, moment, ROUTINE, about)
    if start is None:
        return
    refresh(life, start)
    purge(life, start)
    problems = chronic(life, 5)
    first, course.first = course.first, False
    reason = "new_patient" if first and life.chance.hit(0.25) else "follow_up" if len(problems) > 1 else "annual_visit"
    visit = life.add_clinic(start, 20 if reason == "follow_up" else 30, "primary", reason, problems)
    now = start + 12 * MINUTE
    known = list(life.known.values()) if first else []
    after_clinic(course, visit, now)
    for place in known:
        ordered = len(life.history.prescriptions)
        treat(life, place, visit, now, every_step=True)
        _from_elsewhere(life, life.history.prescriptions[ordered:])
        refer(course, place, now)
        for key, when in planned_after(life, place, now, old=True):
            course.queue.push(when, PLANNED, (key, place))
    if life.chance.hit(0.16):
        course.queue.push(start + life.chance.whole(1, 9) * DAY, CALL, ("results_call", [*problems[:1]]))
    if life.taking and life.chance.hit(0.09):
        course.queue.push(start + life.chance.whole(30, 85) * DAY, CALL, ("refill", [*problems[:1]]))
    for key, when in screenings(life, now):
        course.queue.push(when, PLANNED, (key, None))
    course.queue.push(start + int(months_until(course) * MONTH), ROUTINE)


def _from_elsewhere(life: Life, orders: list[Prescription]) -> None:
    """Lets a few drugs be known as statements alone: somebody outside ordered them, before the first visit here."""
    for order in orders:
        known = life.history.problems[order.problem].known if order.problem is not None else None
        if known is None or order.end is not None or not life.chance.hit(ELSEWHERE):
            continue
        ingredient = DRUGS[order.drug].ingredient
        if sum(DRUGS[other.drug].ingredient == ingredient for other in life.history.prescriptions) > 1:
            continue
        earlier = order.start - int(life.chance.between(30, 900) * DAY)
        order.start = min(order.start, max(earlier, known, int((DRUGS[order.drug].approved - 1969) * YEAR)))
        order.visit = order.prescriber = None


def specialist(course: Course, moment: int, service: str) -> None:
    """A visit to a specialist."""
    life = course.life
    start = clinic_start(course, moment, SPECIALIST, service)
    if start is None:
        return
    refresh(life, start)
    problems = chronic(life, 3, service)
    if not problems:
        course.seen.discard(service)
        return
    purge(life, start)
    first = service not in life.doctors
    kidneys = service == "nephrology" and "esrd" in life.known
    reason = "dialysis" if kidneys else "specialist_first" if first else "specialist_follow_up"
    visit = life.add_clinic(start, 40 if first else 20, service, reason, problems)
    after_clinic(course, visit, start + 12 * MINUTE)
    months = min(CONDITIONS[life.history.problems[place].key].follow_months for place in problems)
    wait = 1.0 if kidneys else max(3.0, months) * (1.25 + 0.9 * life.chance.next()) / life.background.care
    if life.chance.hit(0.93):
        course.queue.push(start + int(wait * MONTH), SPECIALIST, service)
    else:
        course.seen.discard(service)


def follow(course: Course, moment: int, about: Any) -> None:
    """A visit after a stay or an emergency."""
    start = clinic_start(course, moment, FOLLOW, about)
    if start is None:
        return
    life = course.life
    reason, problems = about
    refresh(life, start)
    purge(life, start)
    visit = life.add_clinic(start, 20, "primary", reason, list(problems))
    after_clinic(course, visit, start + 12 * MINUTE)


def call(course: Course, moment: int, about: Any) -> None:
    """A telephone call."""
    life = course.life
    day = workday(day_number(moment))
    start = at_local(day, 9 * HOUR + int(life.chance.next() * 90) * 5 * MINUTE)
    if start < life.busy + HOUR or start + HOUR > course.last:
        return
    reason, problems = about
    life.add_call(start, reason, list(problems))


def symptom(course: Course, moment: int, place: int) -> None:
    """A visit for the complaints of a new disease."""
    life = course.life
    problem = life.history.problems[place]
    if problem.known is not None or (problem.abated is not None and problem.abated <= moment):
        return
    start = clinic_start(course, moment, SYMPTOM, place)
    if start is None:
        return
    refresh(life, start)
    purge(life, start)
    visit = life.add_clinic(start, 30, "primary", _SYMPTOMS.get(problem.key, "follow_up"), [])
    now = start + 12 * MINUTE
    after_clinic(course, visit, now)


def planned(course: Course, moment: int, about: Any) -> None:
    """A planned procedure: a screening, an operation, an endoscopy."""
    life = course.life
    key, place = about
    if moment < life.busy:
        course.queue.push(life.busy + 20 * DAY, PLANNED, about)
        return
    start = clinic_start(course, moment, PLANNED, about)
    if start is None:
        return
    refresh(life, start)
    purge(life, start)
    if life.pregnant:
        return
    done = elective(life, key, place, start, course_of(course))
    if done is None:
        return
    if life.history.visits[done].kind == "inpatient":
        after_stay(course, done)
    if place is not None:
        for again, when in planned_after(life, place, start, key):
            course.queue.push(when, PLANNED, (again, place))


def inr(course: Course, moment: int, about: Any) -> None:
    """A visit for the control of warfarin."""
    life = course.life
    if "warfarin" not in life.taking:
        course.seen.discard("anticoagulation")
        return
    start = clinic_start(course, moment, INR, about)
    if start is None:
        return
    purge(life, start)
    order = life.taking.get("warfarin")
    if order is None:
        course.seen.discard("anticoagulation")
        return
    refresh(life, start)
    life.add_clinic(
        start, 15, "anticoagulation", "anticoagulation", [order.problem] if order.problem is not None else []
    )
    course.queue.push(start + life.chance.whole(21, 42) * DAY, INR)


def cycle(course: Course, moment: int, about: Any) -> None:
    """A cycle of chemotherapy."""
    life = course.life
    start = clinic_start(course, moment, CYCLE, about)
    if start is None:
        return
    key, place = about
    purge(life, start)
    elective(life, key, place, start, course_of(course))


def course_of(course: Course) -> Stay:
    """Returns what a stay needs to find new diseases in."""
    return Stay(course.last, lambda visit, moment: recognise(course, visit, moment))
