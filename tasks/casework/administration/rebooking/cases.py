"""Cases: a physician of primary care is away, and three of the patients are to be seen at other times.

The visits that are moved take times that are busy in the physician's real schedule, and belong to nobody whom the
records know. Patients are those of the physician. Wishes are drawn until they decide: one patient finds a time with the
same physician, one with a colleague alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any

from mab_gym.casework import SlotTime, flagged
from mab_gym.tasking.chart import Chart

from .times import Notice, Wish, clashes

BRANCHES = {"booked_twice": 10, "wants_none": 10, "near_another": 10}
CLINIC = "Primary care"
_KINDS = {
    "booked_twice": ("own", "colleague", "double"),
    "wants_none": ("own", "colleague", "gone"),
    "near_another": ("clash", "colleague", "own"),
}
_TRIES = 40
ELSEWHERE = ("Physical therapy", "Hearing test", "Eye examination", "Foot care")


@flagged("interpreter", "confidential", "complex")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a physician, an absence, and three patients with what they wish."""
    for _ in range(_TRIES):
        who = rng.choice(physicians(chart))
        patients = [mrn for mrn in _patients(chart).get(who, ()) if _may_come(chart, mrn)]
        if len(patients) < 3:
            continue
        today = chart.now.date()
        first = today + timedelta(days=rng.randrange(6, 18))
        first += timedelta(days=max(0, 7 - first.weekday()) if first.weekday() > 4 else 0)
        days, ahead = rng.choice((5, 7, 9)), rng.choice((2, 3, 4))
        colleagues = [each for each in physicians(chart) if each != who]
        last = first + timedelta(days=rng.randrange(1, 4))
        notice = Notice(who, first, last, days, ahead, rng.choice((15, 16)), rng.choice(colleagues))
        chosen = _people(chart, rng, branch, notice, rng.sample(patients, 3))
        if chosen is not None:
            rng.shuffle(chosen)
            return {
                "mrn": chosen[0]["mrn"],
                "clerk": _clerk(chart),
                "who": who,
                "who_name": _name(chart, who),
                "first": first.isoformat(),
                "last": last.isoformat(),
                "days": days,
                "ahead": ahead,
                "until": notice.until,
                "not_to": notice.not_to,
                "not_to_name": _name(chart, notice.not_to),
                "old_days": days + rng.choice((7, 14)),
                "old_ahead": ahead - 1,
                "visits": chosen,
            }
    return None


def _people(
    chart: Chart, rng: random.Random, branch: str, notice: Notice, patients: Sequence[str]
) -> list[dict[str, Any]] | None:
    """Draws the old visits and the wishes; None if they decide nothing."""
    if any(who == notice.who and notice.first <= day <= notice.last for who, day in _visits(chart)):
        return None  # visits that are real would have to be moved, too
    mine = [each for each in times(chart, notice.who) if not each.free and each.id not in _known_slots(chart)]
    old = [each for each in mine if notice.first <= each.start.date() <= notice.last]
    if len(old) < 3:
        return None
    found: list[dict[str, Any]] = []
    for kind, mrn, at in zip(_KINDS[branch], patients, rng.sample(old, 3), strict=True):
        visit = _visit(chart, rng, kind, notice, mrn, at)
        if visit is None:
            return None
        found.append(visit)
    return found


def _visit(
    chart: Chart, rng: random.Random, kind: str, notice: Notice, mrn: str, old: SlotTime
) -> dict[str, Any] | None:
    today, day = chart.now.date(), old.start.date()
    near = chart.now + timedelta(days=60)
    taken = [each for each in _booked(chart, mrn) if each[0] < near]
    visit: dict[str, Any] = {
        "mrn": mrn, "kind": kind, "old": old.id, "start": old.start.isoformat(), "end": old.end.isoformat(),
        "wish": None, "before": None, "other": None, "allowed": [], "words": rng.randrange(3),
    }  # fmt: skip
    if kind == "gone":
        visit["before"] = _data(rng.choice(_wishes()))
        return visit
    if kind == "double":
        first, last = today + timedelta(days=notice.ahead), day + timedelta(days=notice.days)
        others = (notice.who, notice.not_to)
        busy = [
            each for each in _all(chart, free=False) if first <= each.start.date() <= last and each.who not in others
        ]
        busy = [each for each in busy if each.start.date() != day and not (taken and clashes(each, taken))]
        if not busy:
            return None
        other = rng.choice(busy)
        visit["other"] = {
            "slot": other.id, "who": other.who, "start": other.start.isoformat(), "end": other.end.isoformat(),
        }  # fmt: skip
        return visit
    first, last = today + timedelta(days=notice.ahead), day + timedelta(days=notice.days)
    parts: dict[tuple[int, bool], list[SlotTime]] = {}
    for each in (time for at in _days(first, last) for time in _free(chart).get(at, ())):
        if notice.is_open(each) and not (taken and clashes(each, taken)):
            parts.setdefault((each.start.weekday(), each.start.hour < 12), []).append(each)
    for wish in rng.sample(_wishes(), len(_wishes())):
        found = [each for part, some in parts.items() if some and wish.allows(some[0]) for each in some]
        right = sorted((each for each in found if each.who == notice.who), key=lambda each: each.start)
        own = bool(right)
        right = right or sorted(found, key=lambda each: each.start)
        if len(right) < 2 or own == (kind == "colleague"):
            continue
        if kind == "clash":
            begin = right[0].start - timedelta(minutes=rng.choice((15, 30, 45)))
            end = begin + timedelta(minutes=45)
            visit["other"] = {"start": begin.isoformat(), "end": end.isoformat()}
            right = [each for each in right if not clashes(each, [(begin, end)])]
            if not right:
                continue
        other_wishes = [each for each in _wishes() if not set(each.weekdays) & set(wish.weekdays)]
        visit |= {"wish": _data(wish), "before": _data(rng.choice(other_wishes)), "allowed": [t.id for t in right]}
        return visit
    return None


def _days(first: date, last: date) -> Iterator[date]:
    """Yields the days of a time, both ends included."""
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _free(chart: Chart) -> Mapping[date, Sequence[SlotTime]]:
    """Returns the free times of all physicians by day."""

    def look() -> dict[date, list[SlotTime]]:
        found: dict[date, list[SlotTime]] = {}
        for each in _all(chart, free=True):
            found.setdefault(each.start.date(), []).append(each)
        return found

    return chart.remember("rebooking: free times", look)


def _wishes() -> list[Wish]:
    days = [(each,) for each in range(5)] + list(combinations(range(5), 2))
    return [Wish(each, part) for each in days for part in ("morning", "afternoon", "")]


def _data(wish: Wish) -> dict[str, Any]:
    return {"weekdays": list(wish.weekdays), "part": wish.part}


def physicians(chart: Chart) -> Sequence[str]:
    """Returns the physicians of the clinic who have a schedule."""

    def look() -> tuple[str, ...]:
        roles = chart.search("PractitionerRole", _count="500")
        here = [each for each in roles if each["specialty"][0]["text"] == CLINIC]
        doctors = [each["practitioner"]["reference"] for each in here if each["code"][0].get("text") == "Physician"]
        return tuple(each for each in doctors if each in _schedules(chart))

    return chart.remember("rebooking: physicians", look)


def _schedules(chart: Chart) -> Mapping[str, str]:
    """Returns the schedule of each physician."""

    def look() -> dict[str, str]:
        found = chart.search("Schedule", _count="200")
        return {each["actor"][0]["reference"]: f"Schedule/{each['id']}" for each in found}

    return chart.remember("rebooking: schedules", look)


def times(chart: Chart, who: str) -> Sequence[SlotTime]:
    """Returns the times of a physician."""

    def look() -> tuple[SlotTime, ...]:
        found = chart.search("Slot", schedule=_schedules(chart)[who], _count="1000")
        return tuple(SlotTime.of(each, who) for each in found)

    return chart.remember(f"rebooking: times of {who}", look)


def _all(chart: Chart, *, free: bool) -> Sequence[SlotTime]:
    """Returns the times of all physicians that are free, or that are taken by people whom the records do not know."""

    def look() -> tuple[SlotTime, ...]:
        every = (each for one in physicians(chart) for each in times(chart, one))
        return tuple(each for each in every if each.free == free and each.id not in _known_slots(chart))

    return chart.remember(f"rebooking: times that are {'free' if free else 'taken'}", look)


def _known_slots(chart: Chart) -> frozenset[str]:
    """Returns the ids of slots that people of the records have."""

    def look() -> frozenset[str]:
        slots = (each["reference"] for one in _coming(chart) for each in one.get("slot", ()))
        return frozenset(each.split("/")[1] for each in slots)

    return chart.remember("rebooking: known slots", look)


def _coming(chart: Chart) -> Sequence[Mapping[str, Any]]:
    """Returns all appointments that are booked."""
    return chart.remember(
        "rebooking: booked", lambda: tuple(chart.search("Appointment", status="booked", _count="1000"))
    )


def _visits(chart: Chart) -> Sequence[tuple[str, date]]:
    """Returns with whom and on which days people of the records have appointments."""

    def look() -> tuple[tuple[str, date], ...]:
        return tuple(
            (str(part["actor"]["reference"]), datetime.fromisoformat(each["start"]).date())
            for each in _coming(chart)
            for part in each["participant"]
        )

    return chart.remember("rebooking: visits", look)


def _booked(chart: Chart, mrn: str) -> list[tuple[datetime, datetime]]:
    """Returns the times at which a person has appointments."""

    def look() -> list[tuple[datetime, datetime]]:
        found = chart.search("Appointment", patient=mrn, status="booked", _count="100")
        return [(datetime.fromisoformat(each["start"]), datetime.fromisoformat(each["end"])) for each in found]

    return chart.remember(("rebooking: booked", mrn), look)


def _patients(chart: Chart) -> Mapping[str, Sequence[str]]:
    """Returns the living adults of each general practitioner."""

    def look() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for mrn, patient in chart.patients().items():
            if not patient.get("deceasedDateTime") and patient["birthDate"] < f"{chart.now.year - 19}":
                found.setdefault(patient["generalPractitioner"][0]["reference"], []).append(mrn)
        return found

    return chart.remember("rebooking: patients", look)


def _may_come(chart: Chart, mrn: str) -> bool:
    """Tells if a person is at home, has no visit with the clinic booked soon, and no ride that decides the day."""

    def look() -> bool:
        if next(chart.search("Encounter", patient=mrn, status="in-progress", _count="1"), None) is not None:
            return False
        horizon = chart.now + timedelta(days=60)
        booked = chart.search("Appointment", patient=mrn, status="booked", _count="100")
        soon = [each for each in booked if datetime.fromisoformat(each["start"]) < horizon]
        rides = any(
            fact.subject == "transport" and fact.says["by"] in ("kin", "senior_van") for fact in chart.facts(mrn)
        )
        return not rides and not any(each["serviceType"][0]["text"] == CLINIC for each in soon)

    return chart.remember(("rebooking: may come", mrn), look)


def _name(chart: Chart, who: str) -> str:
    def look() -> str:
        found = next(chart.search("Practitioner", _id=who.split("/")[1]))
        return f"Dr. {found['name'][0]['given'][0]} {found['name'][0]['family']}"

    return chart.remember(f"rebooking: name of {who}", look)


def _clerk(chart: Chart) -> str:
    def look() -> str:
        roles = chart.search("PractitionerRole", _count="500")
        clerks = [each for each in roles if each["code"][0].get("text") == "Clerk"]
        here = [each for each in clerks if each["specialty"][0]["text"] == CLINIC]
        return str((here or clerks)[0]["practitioner"]["reference"])

    return chart.remember("rebooking: clerk", look)


def notice_of(case: Mapping[str, Any]) -> Notice:
    """Reads the notice of a case's parameters."""
    days = (date.fromisoformat(case[name]) for name in ("first", "last"))
    return Notice(case["who"], *days, case["days"], case["ahead"], case["until"], case["not_to"])
