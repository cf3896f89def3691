"""Reads the notice, the physician's visits, the patients' words and the slots, and moves one visit after the other."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from mab_gym.casework import SlotTime, heeding_flags, note_text
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

from .cases import CLINIC
from .times import NAMES, Notice, Wish, fitting

Resource = Mapping[str, Any]
Taken = list[tuple[datetime, datetime]]


@dataclass(slots=True)
class _Work:
    """Facts about the whole work."""

    notice: Notice
    times: list[SlotTime]
    used: set[str]
    counts: list[int]


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some thirty actions."""
    reply = yield desk.get("Task", owner=case["clerk"], status="requested", _count="50")
    task = next(each for each in reply.resources if each["code"].get("text") == "Visits to be moved")
    text = note_text((yield desk.get("DocumentReference", _id=task["focus"]["reference"].split("/")[1])).resources[0])
    roles = (yield desk.get("PractitionerRole", _count="500")).resources
    doctors = {
        each["practitioner"]["display"]: each["practitioner"]["reference"]
        for each in roles
        if each["specialty"][0]["text"] == CLINIC and each["code"][0].get("text") == "Physician"
    }
    notice = _read_notice(text, doctors, desk.now.date())
    found = yield desk.get(
        "Appointment",
        practitioner=notice.who,
        status="booked",
        date=f"ge{notice.first.isoformat()}",
        _count="200",
    )
    visits = [each for each in found.resources if notice.first <= _day(each) <= notice.last]
    schedules = (yield desk.get("Schedule", _count="200")).resources
    times: list[SlotTime] = []
    for schedule in schedules:
        who = schedule["actor"][0]["reference"]
        if who in doctors.values():
            reply = yield desk.get(
                "Slot",
                schedule=f"Schedule/{schedule['id']}",
                status="free",
                start=f"lt{(notice.last + timedelta(days=notice.days + 16)).isoformat()}",
                _count="1000",
            )
            times += [SlotTime.of(each, who) for each in reply.resources]
    work = _Work(notice, times, set(), [0, 0, 0])
    for visit in visits:
        yield from _move(desk, work, visit)
    yield desk.patch(f"Task/{task['id']}", _status("completed"))
    yield desk.finish(work.counts)


def _move(desk: Desk, work: _Work, visit: Resource) -> Generator[str, Reply, None]:
    actors = [each["actor"]["reference"] for each in visit["participant"]]
    mrn = next(each for each in actors if each.startswith("Patient/")).split("/")[1]
    messages = (
        yield desk.get("Communication", patient=mrn, sender=f"Patient/{mrn}", _sort="-sent", _count="5")
    ).resources
    booked = (yield desk.get("Appointment", patient=mrn, status="booked", _count="50")).resources
    others = [each for each in booked if each["id"] != visit["id"]]
    said = [str(each["payload"][0]["contentString"]) for each in messages]
    said = [each for each in said if _is_gone(each) or _wish(each) != Wish()]
    yield desk.patch(f"Appointment/{visit['id']}", _status("cancelled"))
    new = _needed(desk, work.notice, visit, said, others)
    about = f"Appointment/{visit['id']}"
    if new:
        chosen = _chosen(desk, work, visit, said, others)
        work.used.add(chosen.id)
        reply = yield desk.post(_appointment(mrn, chosen))
        about = f"Appointment/{reply.resources[0]['id']}"
        if desk.rule("busy", True, lambda: False):
            yield desk.patch(f"Slot/{chosen.id}", _status("busy"))
        work.counts[0 if chosen.who == work.notice.who else 1] += 1
    else:
        work.counts[2] += 1
    if desk.rule("told", True, lambda: False):
        yield desk.post(_message(mrn, about))


def _needed(desk: Desk, notice: Notice, visit: Resource, said: Sequence[str], others: Sequence[Resource]) -> bool:
    """Tells if a new visit is to be booked."""
    if said and _is_gone(said[0]):
        return desk.rule("gone", False, lambda: True)
    first = desk.now.date() + timedelta(days=notice.ahead)
    last = _day(visit) + timedelta(days=notice.days)
    again = [each for each in others if each["serviceType"][0]["text"] == CLINIC and first <= _day(each) <= last]
    return desk.rule("double", False, lambda: True) if again else True


def _chosen(desk: Desk, work: _Work, visit: Resource, said: Sequence[str], others: Sequence[Resource]) -> SlotTime:
    """Chooses the first time that fits; each careless way takes one that fits to all else."""
    wish = _wish(said[0]) if said else Wish()
    taken = [(datetime.fromisoformat(each["start"]), datetime.fromisoformat(each["end"])) for each in others]
    free = [each for each in work.times if each.id not in work.used]
    old, today, notice = _day(visit), desk.now.date(), work.notice
    right = fitting(free, notice, wish, old, today, taken)

    def instead(notice: Notice, wish: Wish, taken: Taken) -> SlotTime:
        wider = fitting(free, notice, wish, old, today, taken)
        return next((each for each in wider if each not in right), right[0])

    def by_the_same() -> SlotTime:
        mine = [each for each in free if each.who == notice.who]
        return next(iter(fitting(mine, notice, Wish(), old, today, taken)), right[0])

    def by_another() -> SlotTime:
        colleagues = [each for each in free if each.who != notice.who]
        return next(iter(fitting(colleagues, notice, wish, old, today, taken)), right[0])

    chosen = desk.decide("the first time that fits", right[0])
    chosen = desk.rule("within", chosen, lambda: instead(replace(notice, days=notice.days + 14), wish, taken))
    chosen = desk.rule("ahead", chosen, lambda: instead(replace(notice, ahead=1), wish, taken))
    chosen = desk.rule("kept", chosen, lambda: instead(replace(notice, until=17), wish, taken))
    chosen = desk.rule("wish", chosen, lambda: instead(notice, Wish(), taken))
    older = _wish(said[-1]) if said else Wish()
    chosen = desk.rule("newest", chosen, lambda: instead(notice, older, taken))
    chosen = desk.rule("same", chosen, by_another)
    if chosen.who != notice.who:
        chosen = desk.rule("other", chosen, by_the_same)
        chosen = desk.rule("closed", chosen, lambda: instead(replace(notice, not_to=""), wish, taken))
    return desk.rule("clash", chosen, lambda: instead(notice, wish, []))


def _read_notice(text: str, doctors: Mapping[str, str], today: date) -> Notice:
    """Reads the clinic's notice."""
    away = re.search(r"(Dr\. .+) is away from \w+, (\w+ \d+), through \w+, (\w+ \d+)\.", text)
    days = re.search(r"no later than (\d+) days", text)
    ahead = re.search(r"earlier than (\d+) days", text)
    until = re.search(r"begin at (\d+):00", text)
    shut = re.search(r"- (Dr\. .+) takes no patients", text)
    assert away is not None and days is not None and ahead is not None and shut is not None
    first, last = (datetime.strptime(f"{each} {today.year}", "%B %d %Y").date() for each in (away[2], away[3]))
    return Notice(
        _who(away[1], doctors),
        first,
        last,
        int(days[1]),
        int(ahead[1]),
        int(until[1]) if until is not None else 17,
        _who(shut[1], doctors),
    )


def _who(name: str, doctors: Mapping[str, str]) -> str:
    words = name.removeprefix("Dr. ")
    return next(address for display, address in doctors.items() if display.startswith(words))


def _is_gone(words: str) -> bool:
    return any(each in words for each in ("nothing for me", "any more visits", "to be seen there any more"))


def _wish(words: str) -> Wish:
    """Reads when a patient can come."""
    days = tuple(number for number, name in enumerate(NAMES) if f"{name}s" in words)
    part = "morning" if "before noon" in words else "afternoon" if "after noon" in words else ""
    return Wish(days, part)


def _day(appointment: Resource) -> date:
    return datetime.fromisoformat(str(appointment["start"])).date()


def _status(status: str) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": "/status", "value": status}]


def _appointment(mrn: str, time: SlotTime) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "serviceType": [{"text": CLINIC}],
        "slot": [{"reference": f"Slot/{time.id}"}],
        "start": time.start.isoformat(),
        "end": time.end.isoformat(),
        "participant": [{"actor": {"reference": each}, "status": "accepted"} for each in (f"Patient/{mrn}", time.who)],
    }


def _message(mrn: str, about: str) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [{"reference": f"Patient/{mrn}"}],
        "about": [{"reference": about}],
        "payload": [{"contentString": "Your visit has changed, since your physician is away."}],
    }
