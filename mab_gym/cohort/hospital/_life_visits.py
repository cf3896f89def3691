"""Visits over the years of the records: a queue of what is due, each of which may lead to more.

Clinic visits are on weekdays in office hours; one a day at most; what is due during a stay waits until after it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from mab_gym.cohort._spec import DAY, HOUR, MINUTE
from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._history import NOW
from mab_gym.cohort.hospital._life_background import first_of_age
from mab_gym.cohort.hospital._life_builder import Life
from mab_gym.cohort.hospital._life_chance import MONTH, YEAR, any_hour, at_local, day_number, office, workday
from mab_gym.cohort.hospital._life_diseases import Episode
from mab_gym.cohort.hospital._life_operations import planned_after, screenings
from mab_gym.cohort.hospital._life_pregnancy import Pregnancy
from mab_gym.cohort.hospital._life_stays import Stay, elective, operate_outpatient, stay, surgery_now
from mab_gym.cohort.hospital._life_treatment import prescribe, purge, review, step_up, stop, treat

ROUTINE, SPECIALIST, EPISODE, FOLLOW, CALL, SYMPTOM, PLANNED, PRENATAL, BIRTH, INR, CYCLE = range(11)
OPERATED: Final = {"osteoarthritis": "knee_replacement", "colon_cancer": "colectomy"}
"""Diseases for whose operation people lie here now."""
_EARLY: Final = 1.5
"""Diseases with a shorter mean time to the diagnosis in years bring people to a doctor themselves."""
_MOST: Final = 14
"""The queue's events of one person and month at most, so that no chance makes a visit a day."""
_VISIT_MONTHS: Final = ((18, 22.0), (30, 18.0), (45, 13.0), (65, 8.0), (75, 6.0))
"""Months between routine visits of people without a long-term condition, from an age on: with what comes besides, about
the rates of office visits in the National Ambulatory Medical Care Survey 2019 (about 3.2 a person and year)."""


@dataclass(slots=True)
class Queue:
    """What is due, by time.

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
            if not life.chance.hit(condition.recorded):
                continue
            found = problem.onset + int(condition.lag_years * life.chance.waits() * YEAR)
            if found >= end or (problem.abated is not None and found >= problem.abated):
                continue
            pending.append((found, place))
            if condition.lag_years < _EARLY and found > begin:
                queue.push(found + life.chance.whole(1, 12) * DAY, SYMPTOM, place)
    course = Course(life, queue, end, sorted(pending), pregnancies)
    if begin < end:
        queue.push(begin + int(life.chance.next() * _months(course) * MONTH), ROUTINE)
    for episode in life.fate.episodes:
        queue.push(episode.moment, EPISODE, episode)
    for number, pregnancy in enumerate(pregnancies):
        if pregnancy.ends * DAY > begin and (pregnancy.begins + 45) * DAY > begin:
            queue.push((pregnancy.begins + life.chance.whole(52, 80)) * DAY, PRENATAL, number)
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
        _refresh(life, lasting.moment)
        operation = OPERATED.get(lasting.acute.key)
        if operation is not None:
            surgery_now(life, lasting, operation, course_of(course))
        else:
            stay(life, lasting, course_of(course))


def course_of(course: Course) -> Stay:
    """Returns what a stay needs to find new diseases in."""
    return Stay(course.end, lambda visit, moment: recognise(course, visit, moment))


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
        if problem.abated is not None and problem.abated <= moment:
            continue
        problem.known, problem.visit = moment, visit
        life.known[problem.key] = place
    return [place for place in found if life.history.problems[place].visit == visit]


def _refresh(life: Life, moment: int) -> None:
    """Takes diseases that are over from what is known."""
    over = [key for key, place in life.known.items() if (end := life.history.problems[place].abated) and end <= moment]
    for key in over:
        del life.known[key]


def _months(course: Course) -> float:
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
    months = min(usual, max(3.0, months)) / life.background.care
    return months * (0.75 + 0.5 * life.chance.next())


def _clinic_start(course: Course, moment: int, kind: int, about: Any) -> int | None:
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
    return start if start + HOUR < min(course.end, NOW) else None


def _chronic(life: Life, most: int, service: str = "") -> list[int]:
    """Returns the places of known chronic problems, those of a service first."""
    keys = [key for key in life.known if CONDITIONS[key].follow_months]
    if service:
        keys = [key for key in keys if CONDITIONS[key].service == service]
    return [life.known[key] for key in keys[:most]]


def _routine(course: Course, moment: int, about: Any) -> None:
    life = course.life
    start = _clinic_start(course, moment, ROUTINE, about)
    if start is None:
        return
    _refresh(life, start)
    purge(life, start)
    problems = _chronic(life, 5)
    first, course.first = course.first, False
    reason = "new_patient" if first and life.chance.hit(0.25) else "follow_up" if len(problems) > 1 else "annual_visit"
    visit = life.add_clinic(start, 20 if reason == "follow_up" else 30, "primary", reason, problems)
    now = start + 12 * MINUTE
    known = list(life.known.values()) if first else []
    _after_clinic(course, visit, now)
    for place in known:
        treat(life, place, visit, now, every_step=True)
        for key, when in planned_after(life, place, now, old=True):
            course.queue.push(when, PLANNED, (key, place))
    if life.chance.hit(0.16):
        course.queue.push(start + life.chance.whole(1, 9) * DAY, CALL, ("results_call", [*problems[:1]]))
    if life.taking and life.chance.hit(0.09):
        course.queue.push(start + life.chance.whole(30, 85) * DAY, CALL, ("refill", [*problems[:1]]))
    for key, when in screenings(life, now):
        course.queue.push(when, PLANNED, (key, None))
    course.queue.push(start + int(_months(course) * MONTH), ROUTINE)


def _after_clinic(course: Course, visit: int, now: int) -> None:
    """Does at a clinic visit what any doctor does: reviews drugs, finds new diseases, steps treatment up."""
    life = course.life
    review(life, visit, now)
    new = recognise(course, visit, now)
    for place in new:
        treat(life, place, visit, now)
        life.history.visits[visit].problems.append(place)
        follow_new(course, place, now)
    if not new:
        step_up(life, visit, now)


def follow_new(course: Course, place: int, now: int) -> None:
    """Refers somebody with a new disease, and plans what it needs."""
    life = course.life
    problem = life.history.problems[place]
    service = CONDITIONS[problem.key].service
    if service and service not in course.seen and (problem.severity > 0.45 or service in _ALWAYS):
        course.seen.add(service)
        course.queue.push(now + life.chance.whole(10, 55) * DAY, SPECIALIST, service)
    for key, when in planned_after(life, place, now):
        course.queue.push(when, CYCLE if key == "chemotherapy" else PLANNED, (key, place))


_ALWAYS: Final = frozenset({"oncology", "cardiology", "nephrology"})


def _specialist(course: Course, moment: int, service: str) -> None:
    life = course.life
    start = _clinic_start(course, moment, SPECIALIST, service)
    if start is None:
        return
    _refresh(life, start)
    problems = _chronic(life, 3, service)
    if not problems:
        course.seen.discard(service)
        return
    purge(life, start)
    first = service not in life.doctors
    visit = life.add_clinic(
        start, 40 if first else 20, service, "specialist_first" if first else "specialist_follow_up", problems
    )
    _after_clinic(course, visit, start + 12 * MINUTE)
    months = min(CONDITIONS[life.history.problems[place].key].follow_months for place in problems)
    wait = max(3.0, months) * (1.0 + 0.6 * life.chance.next()) / life.background.care
    if life.chance.hit(0.93):
        course.queue.push(start + int(wait * MONTH), SPECIALIST, service)
    else:
        course.seen.discard(service)


def _episode(course: Course, moment: int, episode: Episode) -> None:
    life, chance = course.life, course.life.chance
    _refresh(life, moment)
    purge(life, moment)
    acute = episode.acute
    names, bounds = acute.reason_bounds
    if life.done.get(_TAKEN_OUT.get(acute.key, "")):
        return
    if episode.setting == 3:
        if moment < life.busy:
            return
        place = stay(life, episode, course_of(course))
        _after_stay(course, place)
        return
    reason = names[chance.weighted(bounds)]
    if moment < life.busy + HOUR:
        return
    if episode.setting == 2:
        start = max(any_hour(chance, day_number(moment)), life.busy + 2 * HOUR)
        if start + 10 * HOUR > min(course.end, NOW):
            return
        problem = _acute(life, episode, start)
        visit = life.add_emergency(
            start, 1.5 + 3.0 * chance.next() + 2.0 * episode.severity, reason, [problem], episode.severity
        )
        now = start + 70 * MINUTE
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
        if start < life.busy + HOUR or start + HOUR > min(course.end, NOW):
            return
        problem = _acute(life, episode, start, 1)
        visit = life.add_call(start, "symptom_call", [problem])
        _begin(life, problem, visit, start + 2 * MINUTE)
        return
    begun = _clinic_start(course, moment, EPISODE, episode)
    if begun is None:
        return
    problem = _acute(life, episode, begun)
    visit = life.add_clinic(begun, 20, "primary", reason, [problem])
    if chance.hit(0.3):
        _after_clinic(course, visit, begun + 12 * MINUTE)
    _begin(life, problem, visit, begun + 13 * MINUTE)


_TAKEN_OUT: Final = {"appendicitis": "appendectomy", "cholecystitis": "cholecystectomy"}


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
    over = start + int((3.0 + 14.0 * life.chance.next()) * DAY)
    if over < NOW:
        life.history.problems[place].abated = over
    return place


def _begin(life: Life, problem: int, visit: int, now: int) -> None:
    treat(life, problem, visit, now, every_step=True)


def _after_stay(course: Course, place: int) -> None:
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


def _follow(course: Course, moment: int, about: Any) -> None:
    start = _clinic_start(course, moment, FOLLOW, about)
    if start is None:
        return
    life = course.life
    reason, problems = about
    _refresh(life, start)
    purge(life, start)
    visit = life.add_clinic(start, 20, "primary", reason, list(problems))
    _after_clinic(course, visit, start + 12 * MINUTE)


def _call(course: Course, moment: int, about: Any) -> None:
    life = course.life
    day = workday(day_number(moment))
    start = at_local(day, 9 * HOUR + int(life.chance.next() * 90) * 5 * MINUTE)
    if start < life.busy + HOUR or start + HOUR > min(course.end, NOW):
        return
    reason, problems = about
    life.add_call(start, reason, list(problems))


def _symptom(course: Course, moment: int, place: int) -> None:
    life = course.life
    problem = life.history.problems[place]
    if problem.known is not None or (problem.abated is not None and problem.abated <= moment):
        return
    start = _clinic_start(course, moment, SYMPTOM, place)
    if start is None:
        return
    _refresh(life, start)
    purge(life, start)
    visit = life.add_clinic(start, 30, "primary", _SYMPTOMS.get(problem.key, "follow_up"), [])
    now = start + 12 * MINUTE
    _after_clinic(course, visit, now)


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


def _planned(course: Course, moment: int, about: Any) -> None:
    """A planned procedure: a screening, an operation, an endoscopy."""
    life = course.life
    key, place = about
    if moment < life.busy:
        course.queue.push(life.busy + 20 * DAY, PLANNED, about)
        return
    start = _clinic_start(course, moment, PLANNED, about)
    if start is None:
        return
    _refresh(life, start)
    purge(life, start)
    if life.pregnant:
        return
    done = elective(life, key, place, start, course_of(course))
    if done is not None:
        if life.history.visits[done].kind == "inpatient":
            _after_stay(course, done)
        elif place is not None:
            for again, when in planned_after(life, place, start, key):
                course.queue.push(when, PLANNED, (again, place))


def _prenatal(course: Course, moment: int, number: int) -> None:
    life = course.life
    pregnancy = course.pregnancies[number]
    start = _clinic_start(course, moment, PRENATAL, number)
    if start is None:
        return
    day = day_number(start)
    if day >= pregnancy.ends - 1:
        return
    if not life.pregnant:
        life.pregnant = True
        place = life.add_problem("pregnancy", pregnancy.begins * DAY + 14 * DAY, start + 10 * MINUTE, None, 0.2, False)
        course.pregnancy = place
        ends = pregnancy.ends * DAY
        life.history.problems[place].abated = ends if ends < course.end else None
        visit = life.add_clinic(start, 40, "obstetrics", "prenatal", [place])
        life.history.problems[place].visit = visit
        review(life, visit, start + 12 * MINUTE)
        prescribe(life, "prenatal_vitamin", place, visit, start + 14 * MINUTE)
    else:
        visit = life.add_clinic(start, 20, "obstetrics", "prenatal", [course.pregnancy])
        week = (day - pregnancy.begins) // 7
        for there, key, since in (
            (pregnancy.diabetes, "gestational_diabetes", 26),
            (pregnancy.preeclampsia, "preeclampsia", 33),
        ):
            if (
                there
                and week >= since
                and not any(p.key == key and p.onset > pregnancy.begins * DAY for p in life.history.problems)
            ):
                place = life.add_problem(key, start - 6 * DAY, start + 10 * MINUTE, visit, 0.4, False)
                ends = (pregnancy.ends + 20) * DAY
                life.history.problems[place].abated = ends if ends < course.end else None
                life.history.visits[visit].problems.append(place)
    week = (day - pregnancy.begins) // 7
    course.queue.push(start + (28 if week < 28 else 14 if week < 36 else 7) * DAY, PRENATAL, number)


def _birth(course: Course, moment: int, number: int) -> None:
    life, chance = course.life, course.life.chance
    moment = max(moment, life.busy + HOUR)
    pregnancy = course.pregnancies[number]
    life.pregnant = True
    if course.pregnancy < 0:
        course.pregnancy = life.add_problem("pregnancy", (pregnancy.begins + 14) * DAY, moment, None, 0.2, False)
    start = any_hour(chance, day_number(moment))
    if start < life.busy + HOUR or start > min(course.end, NOW) - 6 * DAY:
        life.pregnant = False
        course.pregnancy = -1
        return
    done = elective(
        life, "caesarean" if pregnancy.caesarean else "vaginal_delivery", course.pregnancy, start, course_of(course)
    )
    life.pregnant = False
    problem = life.history.problems[course.pregnancy]
    if done is not None:
        visit = life.history.visits[done]
        problem.abated = visit.end
        if problem.visit is None:
            problem.visit, problem.known = done, visit.start
        course.queue.push((visit.end or start) + chance.whole(35, 48) * DAY, FOLLOW, ("postpartum", [course.pregnancy]))
        taken = life.taking.get("prenatal_vitamin")
        if taken is not None:
            stop(life, taken, (visit.end or start) + 60 * DAY, "completed")
    course.pregnancy = -1


def _inr(course: Course, moment: int, about: Any) -> None:
    life = course.life
    if "warfarin" not in life.taking:
        return
    start = _clinic_start(course, moment, INR, about)
    if start is None:
        return
    purge(life, start)
    order = life.taking.get("warfarin")
    if order is None:
        return
    life.add_clinic(
        start, 15, "anticoagulation", "anticoagulation", [order.problem] if order.problem is not None else []
    )
    course.queue.push(start + life.chance.whole(21, 42) * DAY, INR)


def _cycle(course: Course, moment: int, about: Any) -> None:
    """A cycle of chemotherapy."""
    life = course.life
    start = _clinic_start(course, moment, CYCLE, about)
    if start is None:
        return
    key, place = about
    purge(life, start)
    elective(life, key, place, start, course_of(course))


_WORK: Final[dict[int, Callable[[Course, int, Any], None]]] = {
    ROUTINE: _routine, SPECIALIST: _specialist, EPISODE: _episode, FOLLOW: _follow, CALL: _call, SYMPTOM: _symptom,
    PLANNED: _planned, PRENATAL: _prenatal, BIRTH: _birth, INR: _inr, CYCLE: _cycle,
}  # fmt: skip
