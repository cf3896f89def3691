"""Cases: both visits on one day, one booked too late, one booked rightly, no time with the own doctor, none of these.

Limits are drawn again until at least three of them would mislead whoever does not know them. Van, company, shifts and
new drugs are our choice.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from mab_gym.casework import SlotTime, flagged
from mab_gym.dynamics.inpatients import active_drugs, inpatient, problems
from mab_gym.tasking.chart import Chart

from .rules import PRIMARY, Clinics, Limits, apart, clinics, fitting, limits_of, same_day, window, without

BRANCHES = {"one_day": 8, "booked_late": 8, "booked_right": 4, "substitute": 7, "plain": 3}
_TRIES: Final = 250
LATER: Final = timedelta(days=80)
"""Appointments after this are yearly visits, which a stay does not move."""
_DAY: Final = timedelta(days=1)
RENIN: Final = ("lisinopril", "losartan", "spironolactone")
OTHER: Final = ("pantoprazole", "cholecalciferol")
_ON_RENIN: Final = ("pril", "sartan", "spironolactone", "eplerenone")
_OWN_RIDES: Final = ("kin", "senior_van", "wheelchair_van")
_ELSEWHERE: Final = ("Echocardiogram", "Wound check", "Physical therapy", "Hearing test", "Home nurse, first visit")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who will leave the hospital.

    Attributes:
        params: The facts of the person that a case keeps.
        doctor: The own doctor.
        specialist: The physician seen last in a clinic.
        days: Days by which the stay is followed up.
        begun: The begin of the stay.
        taken: Appointments that stand in the chart.
        renin: True if a drug on the renin system may be new.
    """

    params: Mapping[str, Any]
    doctor: str
    specialist: str
    days: int
    begun: datetime
    taken: tuple[tuple[str, str], ...]
    renin: bool


@flagged("complex", "interpreter", after=(5, 11))
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a person, what limits the visits, and what is booked already."""
    known = clinics(chart)
    soonest = 14 if branch == "substitute" else 30
    found = [mrn for mrn in chart.profiles() if (one := person(chart, mrn)) is not None and one.days <= soonest]
    if not found:
        return None
    for _ in range(_TRIES):
        mrn = rng.choice(found)
        one = person(chart, mrn if rng.random() < 0.6 else rng.choice(_renin(chart, found) or found))
        assert one is not None
        drawn = _limits(known, one, rng, branch, chart.now)
        if drawn is not None:
            new = rng.choice(RENIN if one.renin and rng.random() < 0.8 else OTHER)
            return {**one.params, **drawn, "new_drug": new, "words": rng.randrange(1000)}
    return None


def _renin(chart: Chart, found: Sequence[str]) -> list[str]:
    return [mrn for mrn in found if (one := person(chart, mrn)) is not None and one.renin]


def person(chart: Chart, mrn: str) -> Person | None:
    """Returns a person who can be a case, or None."""
    return chart.remember(("followup booking", mrn), lambda: _look(chart, mrn))


def _look(chart: Chart, mrn: str) -> Person | None:
    known, lies = clinics(chart), inpatient(chart, mrn)
    patient = chart.patient(mrn)
    if lies is None or patient is None or not patient.get("generalPractitioner"):
        return None
    doctor = patient["generalPractitioner"][0]["reference"]
    if known.service.get(doctor) != PRIMARY:
        return None
    if any(f.subject == "transport" and f.until is None and f.says["by"] in _OWN_RIDES for f in chart.facts(mrn)):
        return None
    relatives = [one for one in chart.search("RelatedPerson", patient=mrn) if one.get("active", True)]
    stays = chart.search("Encounter", patient=mrn, status="in-progress")
    stay = next((one for one in stays if f"Encounter/{one['id']}" == lies.encounter), None)
    if not relatives or stay is None:
        return None
    named = [
        next(chart.search("Condition", _id=each["condition"]["reference"].partition("/")[2]))["code"]["text"]
        for each in sorted(stay.get("diagnosis", ()), key=lambda each: int(each.get("rank", 9)))
    ]
    if not named or any(window(each) < window(named[0]) for each in named[1:]):
        return None  # a second diagnosis that is followed up earlier: readers would differ
    if any("kidney injury" in each.lower() for each in named):
        return None  # blood would be due whatever is new
    visits = [
        (each["start"], each["participant"][1]["actor"]["reference"], each["serviceType"][0]["text"])
        for each in chart.search("Appointment", patient=mrn, status="fulfilled", _count="500")
    ]
    seen = [visit for visit in visits if visit[2] not in (PRIMARY, "Anticoagulation management")]
    seen = [visit for visit in seen if known.service.get(visit[1]) == visit[2]]
    if not seen:
        return None
    _, specialist, clinic = max(seen)
    booked = list(chart.search("Appointment", patient=mrn, status="booked", _count="100"))
    horizon = chart.now + 40 * _DAY
    soon = [each for each in booked if datetime.fromisoformat(each["start"]) < horizon]
    near = [each for each in booked if datetime.fromisoformat(each["start"]) < chart.now + LATER]
    if any(each["serviceType"][0]["text"] in (PRIMARY, clinic) for each in near):
        return None  # what is booked with these clinics is drawn
    relative = relatives[0]
    known_problems, drugs = problems(chart, mrn), " ".join(active_drugs(chart, mrn).values())
    home = " ".join(str(each) for each in chart.search("MedicationRequest", patient=mrn, status="active", _count="200"))
    allergies = str(list(chart.search("AllergyIntolerance", patient=mrn, _count="50"))).lower()
    renin = (
        any(word in known_problems for word in ("hypertension", "heart failure", "infarction"))
        and not any(word in drugs + home.lower() + allergies for word in _ON_RENIN)
        and "kidney" not in known_problems
        and not (lies.female and lies.age < 55)
    )
    params = {
        "mrn": mrn,
        "encounter": lies.encounter,
        "attending": lies.attending,
        "nurse": lies.nurse,
        "diagnosis": named[0],
        "doctor": doctor,
        "specialist": specialist,
        "clinic": clinic,
        "relative": f"RelatedPerson/{relative['id']}",
        "relation": relative["relationship"][0].get("text", "relative").removeprefix("natural "),
        "she": "she" if lies.female else "he",
        "begun": stay["period"]["start"],
    }
    taken = tuple((each["start"], each["end"]) for each in soon)
    begun = datetime.fromisoformat(stay["period"]["start"])
    return Person(params, doctor, specialist, window(named[0]), begun, taken, renin)


def _limits(known: Clinics, one: Person, rng: random.Random, branch: str, now: datetime) -> dict[str, Any] | None:
    """Draws limits; None if they do not fit to the branch, or mislead nobody."""
    today = now.date()
    leaves = max(today, (one.begun + 2 * _DAY).date()) + rng.randrange(1, 3) * _DAY
    days = rng.sample(range(5), rng.choice((2, 2, 3)))
    old = rng.sample([each for each in range(5) if each not in days], 2)
    notice = rng.choice((4, 5, 5))
    limits: dict[str, Any] = {
        "first": max(_working_day(today, notice), leaves + _DAY).isoformat(),
        "weekdays": sorted(days),
        "earliest": rng.choice(("08:30", "09:00", "09:30", "10:00", "10:30")),
        "latest": rng.choice(("13:30", "14:00", "14:30", "15:00")),
        "away": [(today - _DAY).isoformat()] * 2,
        "taken": [list(each) for each in one.taken],
    }
    clinic_days = rng.choice((14, 21, 28))
    lasts = (leaves + one.days * _DAY, leaves + clinic_days * _DAY)
    if branch == "substitute":
        # in short hours there are weekdays on which the own doctor has no time
        limits["earliest"], limits["latest"] = rng.choice(("10:00", "10:30", "11:00")), "13:30"
        every_day = without(limits_of({"limits": limits}), weekdays=range(5), away=(today, today))
        full = {each.start.weekday() for each in fitting(known.times[one.doctor], every_day, lasts[0])}
        days = [each for each in range(5) if each not in full][:2]
        limits["weekdays"], old = days, sorted(full)[:2]
        if not days or not old:
            return None
    case: dict[str, Any] = {
        "limits": limits,
        "old_weekdays": sorted(old),
        "leaves": leaves.isoformat(),
        "leaves_words": f"{leaves:%A}, {leaves:%B} {leaves.day}",
        "notice": notice,
        "doctor_days": one.days,
        "clinic_days": clinic_days,
        "one_day": branch == "one_day",
        "booked": None,
        "substitute": branch == "substitute",
    }
    doctors = known.of(PRIMARY) if branch == "substitute" else [one.doctor]
    span = (leaves, max(lasts), {*days, *old})
    own = tuple(each for who in doctors for each in _between(known.times[who], *span) if each.free)
    special = _between(known.times[one.specialist], *span)
    # somebody is away, and something else is booked, when the first of the times would be that fit otherwise
    for blocked in ("away", "clash"):
        found = _pairs(own, special, limits_of(case), lasts, branch == "one_day")
        if not found:
            return None
        first = rng.choice(found[0])
        if blocked == "away":
            begin = first.start.date()
            end = begin + rng.randrange(0, 3) * _DAY
            limits["away"] = [begin.isoformat(), end.isoformat()]
        else:
            clash = [
                (first.start - timedelta(minutes=15)).isoformat(),
                (first.start + timedelta(minutes=45)).isoformat(),
            ]
            limits["taken"].append(clash)
            case["clash"], case["elsewhere"] = clash, rng.choice(_ELSEWHERE)
    narrow = limits_of(case)
    found = _pairs(own, special, narrow, lasts, branch == "one_day")
    if not found or bool(fitting(known.times[one.doctor], narrow, lasts[0])) == (branch == "substitute"):
        return None
    if _misled(own, special, narrow, lasts, old, leaves, branch == "one_day") < (2 if branch == "substitute" else 3):
        return None
    if branch in ("booked_late", "booked_right"):
        booked = _booked(known.times[one.specialist], narrow, lasts[1], branch == "booked_right", rng)
        if booked is None:
            return None
        case["booked"] = {"slot": booked.id, "start": booked.start.isoformat(), "end": booked.end.isoformat()}
        if branch == "booked_right" and not fitting(own, _with(narrow, booked), lasts[0]):
            return None
    free = found[0][0]
    case["cancelled"] = [free.start.isoformat(), (free.start + timedelta(hours=1)).isoformat()]
    return case


def _between(times: tuple[SlotTime, ...], after: date, last: date, days: Collection[int]) -> tuple[SlotTime, ...]:
    return tuple(one for one in times if after < one.start.date() <= last and one.start.weekday() in days)


def _with(limits: Limits, one: SlotTime) -> Limits:
    return without(limits, taken=(*limits.taken, (one.start, one.end)))


def _pairs(
    own: tuple[SlotTime, ...], special: tuple[SlotTime, ...], limits: Limits, lasts: tuple[date, date], together: bool
) -> list[tuple[SlotTime, SlotTime]]:
    firsts, seconds = fitting(own, limits, lasts[0]), fitting(special, limits, lasts[1])
    return same_day(firsts, seconds) if together else apart(firsts, seconds)


def _misled(
    own: tuple[SlotTime, ...],
    special: tuple[SlotTime, ...],
    limits: Limits,
    lasts: tuple[date, date],
    old: list[int],
    leaves: date,
    together: bool,
) -> int:
    """Returns of how many limits one must know to book rightly."""
    careless = (
        without(limits, weekdays=old),
        without(limits, away=(leaves, leaves)),
        without(limits, earliest=time(0), latest=time(23)),
        without(limits, first=leaves + _DAY),
        without(limits, taken=limits.taken[:-1]),
    )
    count = 0
    for each in careless:
        found = _pairs(own, special, each, lasts, together)
        count += not found or not all(limits.fit(one) for one in found[0])
    return count


def _booked(
    special: tuple[SlotTime, ...], limits: Limits, last: date, right: bool, rng: random.Random
) -> SlotTime | None:
    """Returns a time that is taken, as the patient's own booking: one that fits, or one that comes too late."""
    if right:
        found = [one for one in special if not one.free and one.start.date() <= last and limits.fit(one)]
    else:
        found = [one for one in special if not one.free and one.start.date() > last + 2 * _DAY]
    return rng.choice(found) if found else None


def _working_day(today: date, count: int) -> date:
    """Returns the day that is so many working days after today."""
    found = today
    while count:
        found += _DAY
        count -= found.weekday() < 5
    return found
