"""Appointments, kept, missed and coming, and what is asked at visits once a year.

How many visits are missed: Dantas et al., Health Policy 2018;122:412 (about a fifth; less
where people are reminded, so 7 % here: our choice).
"""

from __future__ import annotations

from typing import Final

from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._catalogue_results import PLANS
from mab_gym.cohort.hospital._history import NOW
from mab_gym.cohort.hospital._slots import starts
from mab_gym.cohort.hospital.care._crew import age_at
from mab_gym.cohort.hospital.care._effects import DAY
from mab_gym.cohort.hospital.care._pen import Pen

_YEAR: Final = 365 * DAY
_MISSED, _CANCELLED = 0.07, 0.05


def write_visits(pen: Pen) -> None:
    """Writes appointments and the answers to yearly questions."""
    _appointments(pen)
    _questions(pen)


def _appointments(pen: Pen) -> None:
    visits = pen.history.visits
    for number, visit in enumerate(visits):
        if visit.kind != "ambulatory" or NOW - visit.start > 540 * DAY or visit.start >= pen.until:
            continue
        made = (visit.start // DAY - 3 - int(60 * pen.drawn())) * DAY + int((14 + 7 * pen.drawn()) * 3600)
        before = [n for n in range(number) if visits[n].end is not None and visits[n].start < made]
        key = _kind_of(visit.reason)
        problem = visit.problems[0] if visit.problems else None
        made_at = before[-1] if before and made < (visits[before[-1]].end or NOW) else None
        start = visit.start // 900 * 900
        pen.write("appointment", key, made, "fulfilled", pen.history.person.doctor, visit=made_at, start=start,
                  end=visit.end, other=visit.practitioner, problem=problem)  # fmt: skip
        lot = pen.drawn()
        if lot < _MISSED + _CANCELLED:
            missed = start - int(5 + 20 * pen.drawn()) * DAY
            busy = any(one.start - DAY < missed < (one.end or NOW) + DAY for one in visits)
            if missed > made and not busy:
                status = "noshow" if lot < _MISSED else "cancelled"
                pen.write("appointment", "missed" if lot < _MISSED else key, made, status, pen.history.person.doctor,
                          start=missed, end=missed, other=visit.practitioner, problem=problem)  # fmt: skip
    if pen.alive:
        _coming(pen)


def _kind_of(reason: str) -> str:
    if ("appointment", reason) in PLANS:
        return reason
    return "specialist" if reason.startswith("specialist") else "follow_up"


def _coming(pen: Pen) -> None:
    """Books what is due: each service that somebody sees, about when its next visit falls."""
    history = pen.history
    number = history.person.number
    lying = any(visit.end is None for visit in history.visits)
    done: set[str] = set()
    for place in range(len(history.visits) - 1, -1, -1):
        visit = history.visits[place]
        if visit.kind != "ambulatory" or visit.service in done or NOW - visit.start > 400 * DAY:
            continue
        done.add(visit.service)
        months = max(
            (CONDITIONS[history.problems[p].key].follow_months for p in visit.problems), default=0
        ) or 12  # fmt: skip
        due = visit.start + int(months * 30.4 * DAY)
        if not pen.chance(0.35 if lying else 0.75) or due < NOW - 60 * DAY:
            continue
        slots = [start for start in starts(visit.service, visit.practitioner) if start > NOW + DAY // 2]
        if due < NOW + 42 * DAY and slots:
            start = slots[(number * 73 + place * 31) % len(slots)]
        else:
            day = max(due, NOW + 43 * DAY) // DAY * DAY
            day += (0, 0, 0, 0, 0, 2, 1)[(day // DAY + 3) % 7] * DAY  # Saturdays and Sundays move to Monday
            start = day + 14 * 3600 + (number * 7 + place) % 12 * 1800
        made = pen.within(visit, 0.95)
        pen.write("appointment", _kind_of(visit.reason), made, "booked", visit.practitioner, visit=place, start=start,
                  other=visit.practitioner, problem=visit.problems[0] if visit.problems else None)  # fmt: skip


def _questions(pen: Pen) -> None:
    """Asks for what is asked once a year: falls, tobacco, needs, wishes (US Preventive Services Task Force)."""
    person = pen.history.person
    last: dict[str, int] = {}
    falls = pen.known("parkinson", "osteoporosis", "dementia", "multiple_sclerosis", "prior_stroke") is not None
    for number, visit in enumerate(pen.history.visits):
        if visit.kind != "ambulatory" or visit.service != "primary" or visit.start >= pen.until:
            continue
        if visit.reason not in ("annual_visit", "new_patient", "follow_up", "hospital_follow_up"):
            continue
        age = age_at(person, visit.start)
        moment = pen.within(visit, 0.3)
        due = {key: moment - last.get(key, 0) > 340 * DAY for key in
               ("fall_questions", "tobacco_counselling", "social_needs", "advance_directive")}  # fmt: skip
        if age >= 65 and due["fall_questions"] and pen.chance(0.7):
            count = (pen.drawn() < (0.55 if falls else 0.25)) + (pen.drawn() < (0.3 if falls else 0.08))
            said = ("No falls in the past year.", "One fall in the past year, no injury.", "Two or more falls.")[count]
            last["fall_questions"] = moment
            pen.write("survey", "fall_questions", moment, "final", visit.nurse or visit.practitioner, visit=number,
                      words=said)  # fmt: skip
        smokes = person.smoked_from and not (person.smoked_until and moment // _YEAR + 1970 > person.smoked_until)
        if smokes and due["tobacco_counselling"] and pen.chance(0.6):
            last["tobacco_counselling"] = moment
            pen.write("survey", "tobacco_counselling", moment, "final", visit.practitioner, visit=number, words=pen.one(
                ("Advised to quit; not ready now.", "Wants to quit within a month; quit line number given.",
                 "Cut down; nicotine replacement discussed.", "Has tried twice; open to trying again.")))  # fmt: skip
        if due["social_needs"] and moment - last.get("social_needs", 0) > 600 * DAY and pen.chance(0.35):
            last["social_needs"] = moment
            pen.write("survey", "social_needs", moment, "final", visit.nurse or visit.practitioner, visit=number,
                      words=pen.one(("No unmet needs.", "No unmet needs.", "No unmet needs.",
                                     "Trouble paying for medicines at times.", "Needs rides to visits.",
                                     "Food runs short at the end of the month.", "Few contacts, would like more."))
                      )  # fmt: skip
        if age >= 68 and "advance_directive" not in last and pen.chance(0.25):
            last["advance_directive"] = moment
            pen.write("survey", "advance_directive", moment, "final", visit.practitioner, visit=number, words=pen.one(
                ("Has a health care proxy; copy on file.", "Discussed; wants to talk with the family first.",
                 "Living will on file.", "Declined to discuss today.")))  # fmt: skip
