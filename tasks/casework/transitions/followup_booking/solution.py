"""Books the first times that fit to everything, and tells who goes along."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from mab_gym.casework import SlotTime, heeding_flags, note_text
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .arrivals import WEEKDAYS
from .rules import LAB_DAYS, PRIMARY, Limits, apart, fitting, same_day, window, without

_DAY = re.compile(r"(January|November|December) (\d+)")
_FOUR_WEEKS = timedelta(days=28)
_RENIN = ("pril ", "sartan", "spironolactone")


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some twenty actions."""
    mrn, today = case["mrn"], desk.now.date()
    leaves = _day(case["leaves_words"], today)
    yield desk.get("DocumentReference", **handbook_page("ADM-520"))
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    stay = reply.resources[0]
    reply = yield desk.get("Condition", _id=stay["diagnosis"][0]["condition"]["reference"].partition("/")[2])
    diagnosis = reply.resources[0]["code"]["text"]
    reply = yield desk.get("Patient", _id=mrn)
    doctor = reply.resources[0]["generalPractitioner"][0]["reference"]
    begun = stay["period"]["start"]
    reply = yield desk.get("DocumentReference", patient=mrn, date=f"ge{begun}", _count="50")
    notes = {each.get("description"): note_text(each) for each in reply.resources}
    plan, rides = notes["Discharge plan"], notes["Case management note"]
    reply = yield desk.get("Communication", subject=f"Patient/{mrn}", sent=f"ge{begun}", _sort="-sent", _count="50")
    family = [
        each for each in reply.resources if each.get("sender", {}).get("reference", "").startswith("RelatedPerson")
    ]
    relative = family[0]["sender"]["reference"]
    texts = [each["payload"][0]["contentString"] for each in family]
    reply = yield desk.get("Appointment", patient=mrn, date=f"ge{today.isoformat()}", _count="50")
    booked = [each for each in reply.resources if each["status"] == "booked"]
    reply = yield desk.get("Appointment", patient=mrn, status="fulfilled", _sort="-date", _count="200")
    clinic = _found(r"(?m)^2\. (.+?)(?: within|, with)", plan)
    seen = [each for each in reply.resources if each["serviceType"][0]["text"] == clinic]
    specialist = max(seen, key=lambda each: str(each["start"]))["participant"][1]["actor"]["reference"]
    limits = _limits(desk, rides, texts, booked, leaves, today)
    lasts = (leaves + timedelta(days=window(diagnosis)), leaves + timedelta(days=_number(r"within (\d+) days", plan)))
    yes = desk.rule("known_physician", True, lambda: False)
    special = yield from _times(desk, clinic, [specialist] if yes else [], leaves)
    own = yield from _times(desk, PRIMARY, [doctor], leaves)
    mine, over = None, None
    for each in booked:
        if each["serviceType"][0]["text"] == clinic and "slot" in each:
            mine = each
    if mine is not None:
        begin, end = datetime.fromisoformat(mine["start"]), datetime.fromisoformat(mine["end"])
        apart_from_it = without(limits, taken=[pair for pair in limits.taken if pair != (begin, end)])
        taken = SlotTime("", specialist, begin, end, True)
        right = bool(fitting([taken], apart_from_it, lasts[1]))
        right = desk.rule("booked_already", right, lambda: not right)
        over = None if right else mine
        mine = mine if right else None
        if over is not None:
            limits = apart_from_it
    together = "one and the same day" in plan and desk.rule("one_day", True, lambda: False)
    if not fitting(own, limits, lasts[0]) and desk.rule("substitute", True, lambda: False):
        own = yield from _times(desk, PRIMARY, [], leaves)
    firsts, seconds = _in_time(desk, own, limits, lasts[0], leaves), _in_time(desk, special, limits, lasts[1], leaves)
    if mine is not None:
        chosen = [firsts[0]]
    else:
        pairs = same_day(firsts, seconds) if together else apart(firsts, seconds)
        chosen = list(pairs[0])
    held = [] if mine is None else [f"Appointment/{mine['id']}"]
    if over is not None:
        yield desk.patch(f"Appointment/{over['id']}", _status("cancelled"))
        yield desk.patch(over["slot"][0]["reference"], _status("free"))
    for one in chosen:
        reply = yield desk.post(_visit(mrn, one))
        held.append(f"Appointment/{reply.resources[0]['id']}")
        if desk.rule("slot_busy", True, lambda: False):
            yield desk.patch(f"Slot/{one.id}", _status("busy"))
    if any(word in plan for word in _RENIN) and desk.rule("blood", True, lambda: False):
        yield desk.post(_blood(mrn, datetime.combine(leaves + timedelta(days=LAB_DAYS - 1), time(9), desk.now.tzinfo)))
    if desk.rule("told", True, lambda: False):
        yield desk.post(_told(mrn, relative, held, chosen))
    yield desk.finish([])


def _limits(
    desk: Desk, rides: str, texts: Sequence[str], booked: Sequence[Mapping[str, Any]], leaves: date, today: date
) -> Limits:
    """Reads what limits the visits; each of it may be overlooked."""
    text = desk.rule("newest_message", texts[0], lambda: texts[-1])
    days = [place for place, name in enumerate(WEEKDAYS) if name in text]
    away = [_day(" ".join(each), today) for each in _DAY.findall(texts[0])]
    away = desk.rule("away", away, lambda: [leaves])
    notice = desk.rule("van_notice", _number(r"(\d+) working days", rides), lambda: 0)
    hours = [time.fromisoformat(each) for each in re.findall(r"\d\d:\d\d", rides)]
    hours = desk.rule("van_hours", hours, lambda: [time(0), time(23)])
    first, left = today, notice
    while left:
        first += timedelta(days=1)
        left -= first.weekday() < 5
    taken = [(datetime.fromisoformat(each["start"]), datetime.fromisoformat(each["end"])) for each in booked]
    taken = desk.rule("clash", taken, list)
    return Limits(max(first, leaves + timedelta(days=1)), days, hours[0], hours[1], (away[0], away[-1]), taken)


def _in_time(desk: Desk, times: Iterable[SlotTime], limits: Limits, last: date, leaves: date) -> list[SlotTime]:
    """Returns times that fit, those to be preferred first; the careless books the usual four weeks ahead."""
    wide = leaves + _FOUR_WEEKS

    def usual() -> list[SlotTime]:
        return sorted(fitting(times, limits, wide + timedelta(days=7)), key=lambda one: abs(one.start.date() - wide))

    return desk.rule("in_time", fitting(times, limits, last), usual)


def _times(desk: Desk, clinic: str, whom: Sequence[str], leaves: date) -> Any:
    """Asks for the free slots of some physicians; of all of a clinic without any."""
    if whom:
        reply = yield desk.get("Schedule", actor=",".join(whom))
    else:
        reply = yield desk.get("Schedule", _count="200")
    schedules = {
        f"Schedule/{each['id']}": each["actor"][0]["reference"]
        for each in reply.resources
        if each["serviceType"][0]["text"] == clinic
    }
    asked = {"schedule": ",".join(schedules), "status": "free", "start": f"gt{leaves.isoformat()}", "_count": "1000"}
    reply = yield desk.get("Slot", **asked)
    return [
        SlotTime(
            each["id"],
            schedules[each["schedule"]["reference"]],
            datetime.fromisoformat(each["start"]),
            datetime.fromisoformat(each["end"]),
            True,
        )
        for each in reply.resources
    ]


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"no {pattern} in {text}")
    return found[1]


def _number(pattern: str, text: str) -> int:
    return int(_found(pattern, text))


def _day(text: str, today: date) -> date:
    name, _, day = _found(f"({_DAY.pattern})", text).partition(" ")
    month = {"January": 1, "November": 11, "December": 12}[name]
    year = today.year + (month < today.month)
    return date(year, month, int(day))


def _status(status: str) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": "/status", "value": status}]


def _visit(mrn: str, one: SlotTime) -> dict[str, Any]:
    actors = (f"Patient/{mrn}", one.who)
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": f"Slot/{one.id}"}],
        "start": one.start.isoformat(),
        "end": one.end.isoformat(),
        "participant": [{"actor": {"reference": each}, "status": "accepted"} for each in actors],
    }


def _blood(mrn: str, at: datetime) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": {"coding": [{"system": "http://loinc.org", "code": "51990-0"}], "text": "Basic metabolic panel"},
        "subject": {"reference": f"Patient/{mrn}"},
        "occurrenceDateTime": at.isoformat(),
    }


def _told(mrn: str, relative: str, held: Sequence[str], chosen: Sequence[SlotTime]) -> dict[str, Any]:
    when = "; ".join(f"{one.start:%A, %B %d, %H:%M}" for one in chosen)
    return {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [{"reference": relative}],
        "about": [{"reference": each} for each in held],
        "payload": [{"contentString": f"The visits are booked: {when}."}],
    }
