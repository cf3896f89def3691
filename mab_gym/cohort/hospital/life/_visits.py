"""Visits over the years of the records: a queue of what is due, each of which may lead to more.

Clinic visits are on weekdays in office hours; one a day at most; what is due during a stay waits until after it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, Final

from mab_gym.cohort._spec import DAY, HOUR, MINUTE
from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._history import NOW
from mab_gym.cohort.hospital.life._background import first_of_age
from mab_gym.cohort.hospital.life._builder import Life
from mab_gym.cohort.hospital.life._chance import MONTH, YEAR, any_hour, at_local, day_number, workday
from mab_gym.cohort.hospital.life._clinic import (
    call,
    course_of,
    cycle,
    follow,
    inr,
    planned,
    routine,
    specialist,
    symptom,
)
from mab_gym.cohort.hospital.life._fate import Episode
from mab_gym.cohort.hospital.life._obstetrics import birth, prenatal
from mab_gym.cohort.hospital.life._pregnancy import Pregnancy
from mab_gym.cohort.hospital.life._queue import (
    BIRTH,
    CALL,
    CYCLE,
    EPISODE,
    FOLLOW,
    INR,
    PLANNED,
    PRENATAL,
    ROUTINE,
    SPECIALIST,
    SYMPTOM,
    Course,
    Queue,
    after_clinic,
    after_stay,
    clinic_start,
    follow_new,
    months_until,
    recognise,
    refresh,
)
from mab_gym.cohort.hospital.life._stays import SLOW, operate_outpatient, stay, surgery_now
from mab_gym.cohort.hospital.life._treatment import purge, treat

OPERATED: Final = {"osteoarthritis": "knee_replacement", "colon_cancer": "colectomy"}
"""Diseases for whose operation people lie here now."""
_EARLY: Final = 1.5
"""Diseases with a shorter mean time to the diagnosis in years bring people to a doctor themselves."""
TAKEN_OUT: Final = {"appendicitis": "appendectomy", "cholecystitis": "cholecystectomy"}


def live(life: Life, pregnancies: list[Pregnancy], lasting: Episode | None) -> None:
    """Makes all visits of a life, with what is found and ordered at them.

    Args:
        life: With its problems.
        pregnancies: All pregnancies.
        lasting: The illness for which this one lies in the hospital now; None if not.
    """
    died = life.fate.died
    end = NOW if died is None else died
    begin = first_of_age(life.background)
    queue = Queue()
    pending = []
    for place, problem in enumerate(life.history.problems):
        if problem.known is None or problem.known < begin:
            if problem.known is not None:
                if problem.abated is None or problem.abated > begin:
                    life.known[problem.key] = place
                continue
            condition = CONDITIONS[problem.key]
            if not life.chance.hit(condition.recorded) and problem.key not in life.sure:
                continue
            found = problem.onset + int(condition.lag_years * life.chance.waits() * YEAR)
            if found >= end or (problem.abated is not None and found >= problem.abated):
                continue
            pending.append((found, place))
            if condition.lag_years < _EARLY and found > begin:
                queue.push(found + life.chance.whole(1, 12) * DAY, SYMPTOM, place)
    course = Course(life, queue, end, sorted(pending), pregnancies)
    if begin < end:
        queue.push(begin + int(life.chance.next() * months_until(course) * MONTH), ROUTINE)
    for episode in life.fate.episodes:
        queue.push(episode.moment, EPISODE, episode)
    for number, pregnancy in enumerate(pregnancies):
        if pregnancy.ends * DAY > begin + 60 * DAY:
            first = (pregnancy.begins + life.chance.whole(52, 80)) * DAY
            queue.push(max(first, begin + life.chance.whole(2, 25) * DAY), PRENATAL, number)
            if pregnancy.ends * DAY < end - 8 * DAY:
                queue.push(pregnancy.ends * DAY, BIRTH, number)
    stopped = lasting.moment if lasting is not None else end
    while queue.heap:
        moment, _, kind, about = heapq.heappop(queue.heap)
        if moment >= stopped - (3 * DAY if lasting is not None else 0):
            continue
        _WORK[kind](course, moment, about)
    if lasting is not None:
        purge(life, lasting.moment)
        refresh(life, lasting.moment)
        life.done.pop(TAKEN_OUT.get(lasting.acute.key, ""), None)
        operation = OPERATED.get(lasting.acute.key)
        if operation is not None:
            surgery_now(life, lasting, operation, course_of(course))
        else:
            stay(life, lasting, course_of(course))


def _episode(course: Course, moment: int, episode: Episode) -> None:
    life, chance = course.life, course.life.chance
    morning = at_local(day_number(moment), 0)  # a clinic may see somebody before the moment, on the same day
    refresh(life, morning)
    purge(life, morning)
    acute = episode.acute
    names, bounds = acute.reason_bounds
    if life.done.get(TAKEN_OUT.get(acute.key, "")):
        return
    if episode.setting == 3:
        if moment < life.busy:
            return
        place = stay(life, episode, course_of(course))
        after_stay(course, place)
        return
    reason = names[chance.weighted(bounds)]
    if moment < life.busy + HOUR:
        return
    if episode.setting == 2:
        start = max(any_hour(chance, day_number(moment)), life.busy + 2 * HOUR)
        if start + 10 * HOUR > course.last:
            return
        problem = _acute(life, episode, start)
        visit = life.add_emergency(
            start, 1.5 + 3.0 * chance.next() + 2.0 * episode.severity, reason, [problem], episode.severity
        )
        now = start + 70 * MINUTE
        for place in life.reveal(acute.needs, visit, now):
            life.history.visits[visit].problems.append(place)
            treat(life, place, visit, now)
            follow_new(course, place, now)
        recognise_few(course, visit, now)
        _begin(life, problem, visit, now)
        operate_outpatient(life, acute.key, visit, problem)
        if chance.hit(0.02):
            life.history.visits[visit].disposition = "left_against_advice"
        if chance.hit(0.4):
            course.queue.push(start + chance.whole(3, 14) * DAY, FOLLOW, ("emergency_follow_up", [problem]))
        return
    if episode.setting == 0:
        start = at_local(workday(day_number(moment)), 9 * HOUR + int(chance.next() * 90) * 5 * MINUTE)
        if start < life.busy + HOUR or start + HOUR > course.last:
            return
        problem = _acute(life, episode, start, 1)
        visit = life.add_call(start, "symptom_call", [problem])
        _begin(life, problem, visit, start + 2 * MINUTE)
        return
    begun = clinic_start(course, moment, EPISODE, episode)
    if begun is None:
        return
    problem = _acute(life, episode, begun)
    visit = life.add_clinic(begun, 20, "primary", reason, [problem])
    for place in life.reveal(acute.needs, visit, begun + 12 * MINUTE):
        life.history.visits[visit].problems.append(place)
        treat(life, place, visit, begun + 12 * MINUTE)
        follow_new(course, place, begun + 12 * MINUTE)
    if chance.hit(0.3):
        after_clinic(course, visit, begun + 12 * MINUTE)
    _begin(life, problem, visit, begun + 13 * MINUTE)


def recognise_few(course: Course, visit: int, now: int) -> None:
    """Diagnoses in an emergency department what is new in a few."""
    if course.life.chance.hit(0.3):
        for place in recognise(course, visit, now):
            treat(course.life, place, visit, now)
            follow_new(course, place, now)


def _acute(life: Life, episode: Episode, start: int, minutes: int = 10) -> int:
    """Adds the problem of an acute illness that is not admitted, found some minutes after a visit's begin."""
    onset = start - int((0.2 + 3.5 * life.chance.next()) * DAY)
    severity = round(0.1 + 0.6 * episode.severity, 3)
    place = life.add_problem(
        episode.acute.key, onset, start + minutes * MINUTE, len(life.history.visits), severity, False
    )
    life.known[episode.acute.key] = place
    days = 3.0 + 14.0 * life.chance.next()
    over = start + int((days * 12 if episode.acute.key in SLOW else days) * DAY)
    if over < NOW:
        life.history.problems[place].abated = over
    return place


def _begin(life: Life, problem: int, visit: int, now: int) -> None:
    treat(life, problem, visit, now, every_step=True)


_WORK: Final[dict[int, Callable[[Course, int, Any], None]]] = {
    ROUTINE: routine, SPECIALIST: specialist, EPISODE: _episode, FOLLOW: follow, CALL: call, SYMPTOM: symptom,
    PLANNED: planned, PRENATAL: prenatal, BIRTH: birth, INR: inr, CYCLE: cycle,
}  # fmt: skip
