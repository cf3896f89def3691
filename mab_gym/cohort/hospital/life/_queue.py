"""The queue of what is due in a life, and what every visit to a doctor does: finding diseases, reviewing drugs."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any, Final

from mab_gym.cohort._spec import DAY, HOUR
from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._history import NOW
from mab_gym.cohort.hospital.life._background import first_of_age
from mab_gym.cohort.hospital.life._builder import Life
from mab_gym.cohort.hospital.life._chance import at_local, day_number, office, workday
from mab_gym.cohort.hospital.life._operations import planned_after
from mab_gym.cohort.hospital.life._pregnancy import Pregnancy
from mab_gym.cohort.hospital.life._treatment import review, step_up, treat

ROUTINE, SPECIALIST, EPISODE, FOLLOW, CALL, SYMPTOM, PLANNED, PRENATAL, BIRTH, INR, CYCLE = range(11)
"""Kinds of what is due."""
_VISIT_MONTHS: Final = ((18, 24.0), (30, 20.0), (45, 15.0), (65, 10.0), (75, 8.0))
"""Months between routine visits of people without a long-term condition, from an age on: with what comes besides, about
the rates of office visits in the National Ambulatory Medical Care Survey 2019 (about 3.2 a person and year)."""
_ALWAYS: Final = frozenset({"oncology", "cardiology", "nephrology"})
"""Services that see everybody with one of their diseases."""


@dataclass(slots=True)
class Queue:
    """The things that are due, by time.

    Attributes:
        heap: Time, order of entry, kind, what it is about.
        entered: How many have been entered.
    """

    heap: list[tuple[int, int, int, Any]] = field(default_factory=list)
    entered: int = 0

    def push(self, moment: int, kind: int, about: Any = None) -> None:
        """Enters an event."""
        self.entered += 1
        heapq.heappush(self.heap, (moment, self.entered, kind, about))


@dataclass(slots=True)
class Course:
    """The state of the queue's work for one person.

    Attributes:
        life: The life.
        queue: What is due.
        end: Until when.
        pending: Diseases that nobody knows of yet: moment from which a doctor finds it, and the place of the problem.
        pregnancies: All of them.
        seen: Services whose chain of visits has begun.
        first: False until the first visit to primary care.
    """

    life: Life
    queue: Queue
    end: int
    pending: list[tuple[int, int]]
    pregnancies: list[Pregnancy]
    seen: set[str] = field(default_factory=set)
    first: bool = True
    pregnancy: int = -1

    @property
    def last(self) -> int:
        """The moment after which there is no visit: the end, now, or a death that came sooner than it was due."""
        died = self.life.person.died
        return min(self.end, NOW, NOW if died is None else died)


def recognise(course: Course, visit: int, moment: int, only: int | None = None) -> list[int]:
    """Diagnoses what can be found by now, and begins its treatment.

    Returns:
        The places of the problems that are new.
    """
    life = course.life
    found: list[int] = []
    if not course.pending:
        return found
    left = []
    for since, place in course.pending:
        if since <= moment and (only is None or place == only or since <= moment):
            found.append(place)
        else:
            left.append((since, place))
    course.pending = left
    for place in found:
        problem = life.history.problems[place]
        if problem.known is not None or (problem.abated is not None and problem.abated <= moment):
            continue
        problem.known, problem.visit = moment, visit
        life.known[problem.key] = place
    return [place for place in found if life.history.problems[place].visit == visit]


def refresh(life: Life, moment: int) -> None:
    """Takes diseases that are over from what is known."""
    problems = life.history.problems
    over = [key for key, place in life.known.items() if (end := problems[place].abated) is not None and end <= moment]
    for key in over:
        del life.known[key]


def months_until(course: Course) -> float:
    """Returns the months until the next routine visit."""
    life = course.life
    months = 99.0
    for key in life.known:
        follow = CONDITIONS[key].follow_months
        if follow and follow < months:
            months = follow
    age = life.age(max(life.busy, first_of_age(life.background)))
    usual = _VISIT_MONTHS[0][1]
    for low, value in _VISIT_MONTHS:
        if age >= low:
            usual = value
    months = min(usual, max(3.5, 1.15 * months)) / life.background.care
    return months * (0.75 + 0.5 * life.chance.next())


def clinic_start(course: Course, moment: int, kind: int, about: Any) -> int | None:
    """Returns when a clinic visit of a day begins; None if it was put off to a later day or comes to nothing."""
    life = course.life
    day = day_number(moment)
    least = day_number(life.busy) + 1 if life.busy else day
    to = workday(max(day, least))
    if to != day:
        later = at_local(to, 8 * HOUR)
        if later < course.end:
            course.queue.push(max(later, moment + 1), kind, about)
        return None
    start = office(life.chance, day)
    return start if start + HOUR < course.last else None


def chronic(life: Life, most: int, service: str = "") -> list[int]:
    """Returns the places of known chronic problems, those of a service first."""
    keys = [key for key in life.known if CONDITIONS[key].follow_months]
    if service:
        keys = [key for key in keys if CONDITIONS[key].service == service]
    return [life.known[key] for key in keys[:most]]


def after_clinic(course: Course, visit: int, now: int) -> None:
    """Does at a clinic visit what any doctor does: reviews drugs, finds new diseases, steps treatment up."""
    life = course.life
    new = recognise(course, visit, now)
    review(life, visit, now)
    for place in new:
        treat(life, place, visit, now)
        life.history.visits[visit].problems.append(place)
        follow_new(course, place, now)
    if not new:
        step_up(life, visit, now)
    watch_warfarin(course, now)


def follow_new(course: Course, place: int, now: int) -> None:
    """Refers somebody with a new disease, and plans what it needs."""
    refer(course, place, now)
    for key, when in planned_after(course.life, place, now):
        course.queue.push(when, CYCLE if key == "chemotherapy" else PLANNED, (key, place))


def refer(course: Course, place: int, now: int) -> None:
    """Begins the visits to a disease's specialist, if it is grave enough."""
    life = course.life
    problem = life.history.problems[place]
    service = CONDITIONS[problem.key].service
    if service and service not in course.seen and (problem.severity > 0.45 or service in _ALWAYS):
        course.seen.add(service)
        course.queue.push(now + life.chance.whole(10, 55) * DAY, SPECIALIST, service)


def watch_warfarin(course: Course, now: int) -> None:
    """Begins the visits to the anticoagulation clinic of somebody who takes warfarin."""
    if "warfarin" in course.life.taking and "anticoagulation" not in course.seen:
        course.seen.add("anticoagulation")
        course.queue.push(now + course.life.chance.whole(5, 20) * DAY, INR)


def after_stay(course: Course, place: int) -> None:
    """Plans what follows a stay: a visit within two weeks, mostly, and what the diagnoses need."""
    life, chance = course.life, course.life.chance
    visit = life.history.visits[place]
    if visit.end is None or visit.disposition == "died":
        return
    if chance.hit(0.72):
        course.queue.push(visit.end + chance.whole(5, 16) * DAY, FOLLOW, ("hospital_follow_up", visit.problems[:3]))
    for number in visit.problems:
        problem = life.history.problems[number]
        if problem.chronic and problem.visit == place:
            follow_new(course, number, visit.end)
    if chance.hit(0.18):
        course.queue.push(visit.end + chance.whole(1, 4) * DAY, CALL, ("symptom_call", visit.problems[:1]))
    watch_warfarin(course, visit.end)
