"""Goes from patient to patient: reads what came in, decides who goes, and sees to drugs, tests and visit."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags, note_text
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.dynamics.orders import loinc_of, status_change
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

from .people import CLASSES, days_of

_PAGES = ("ADM-520", "PHA-310", "LAB-401", "ADM-501")
Resource = Mapping[str, Any]
Steps = Generator[str, Reply, str]


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some forty-five actions."""
    for page in _PAGES:
        yield desk.get("DocumentReference", **handbook_page(page))
    words: list[str] = []
    for mrn in case["patients"].split(", "):
        word = yield from _visit_one(desk, mrn)
        words.append(word)
    yield desk.finish(words)


def _visit_one(desk: Desk, mrn: str) -> Steps:
    noon = (desk.now - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    morning = desk.now.replace(hour=7, minute=30, second=0, microsecond=0)
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    stay = reply.resources[0]
    attending = next(
        each["individual"] for each in stay["participant"] if each["type"][0]["coding"][0]["code"] == "ATND"
    )
    reply = yield desk.get("Observation", patient=mrn, date=f"ge{morning.isoformat()}", _count="50")
    results = reply.resources
    keeps = _keeps(desk, {loinc_of(each): each["valueQuantity"]["value"] for each in results})
    if keeps:
        yield desk.post(_page(mrn, attending["reference"], keeps))
        if desk.rule("alone", True, lambda: False):
            return "stays"
    reply = yield desk.get("DocumentReference", patient=mrn, date=f"ge{noon.isoformat()}", _count="50")
    plans = sorted(
        (each for each in reply.resources if each.get("description") == "Plan for leaving"),
        key=lambda e: str(e["date"]),
    )
    wrote = yield from _drugs(desk, mrn, noon, [note_text(each) for each in plans])
    wrote |= yield from _tests(desk, mrn, noon, [note_text(each) for each in plans], attending, results)
    wrote |= yield from _visit(desk, mrn, stay)
    if keeps:
        return "stays"
    return "changed" if wrote else "ready"


def _keeps(desk: Desk, values: Mapping[str, float]) -> str:
    """Returns the reason why somebody stays; empty if there is none."""
    score = desk.decide("signs added up by NEWS 2", _news(values))
    potassium = values["2823-3"]
    if score >= 5 and desk.rule("news", True, lambda: False):
        return f"NEWS2 {score}, please come."
    if potassium >= 6.2 and desk.rule("critical", True, lambda: False):
        return f"Potassium {potassium}, please call."
    little = 0 < score < 5 or 5.0 < potassium < 6.0
    return "Something is a little off." if little and not desk.rule("quiet", True, lambda: False) else ""


def _drugs(desk: Desk, mrn: str, noon: datetime, plans: Sequence[str]) -> Generator[str, Reply, bool]:
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    home = [each for each in reply.resources if "'inpatient'" not in str(each.get("category"))]
    new = [each for each in home if datetime.fromisoformat(each["authoredOn"]) >= noon]
    old = [each for each in home if each not in new]
    ends: list[Resource] = []
    for each in old:
        name = _name(each).split()[0]
        if f"{name} is not to be taken" in plans[-1].lower() and desk.rule("stopped", True, lambda: False):
            ends.append(each)
        if f"{name} stops when leaving" in plans[0].lower() and not desk.rule("goes_on", True, lambda: False):
            ends.append(each)
    for each in new:
        group = next((words for words in CLASSES.values() if any(word in _name(each) for word in words)), ())
        if any(word in _name(other) for other in old for word in group):
            if desk.rule("duplicate", True, lambda: False):
                ends.append(each)
        elif not desk.rule("fresh", True, lambda: False):
            ends.append(each)
    for ended in ends:
        yield desk.patch(f"MedicationRequest/{ended['id']}", status_change("stopped"))
    return bool(ends)


def _tests(
    desk: Desk, mrn: str, noon: datetime, plans: Sequence[str], attending: Resource, results: Sequence[Resource]
) -> Generator[str, Reply, bool]:
    reply = yield desk.get("ServiceRequest", patient=mrn, status="active", authored=f"ge{noon.isoformat()}")
    requests = [each for each in reply.resources if "Before leaving" in str(each.get("reasonCode"))]
    reply = yield desk.get("Patient", _id=mrn)
    doctor = reply.resources[0]["generalPractitioner"][0]
    wrote = False
    plan = desk.decide("the plan that holds", plans[-1], {"last_plan": lambda: plans[0]}) if requests else ""
    for each in requests:
        address = f"ServiceRequest/{each['id']}"
        if any(address in str(result.get("basedOn")) for result in results):
            due = not desk.rule("answered", True, lambda: False)
        else:
            due = desk.rule("pending", True, lambda: False)
        if due:
            owner = attending["reference"] if attending["display"] in plan else doctor["reference"]
            yield desk.post(_task(mrn, owner, address))
            wrote = True
    return wrote


def _visit(desk: Desk, mrn: str, stay: Resource) -> Generator[str, Reply, bool]:
    reply = yield desk.get("Condition", patient=mrn, encounter=f"Encounter/{stay['id']}", _count="50")
    known = {f"Condition/{each['id']}": str(each["code"].get("text", "")).lower() for each in reply.resources}
    ranked = sorted(stay.get("diagnosis", ()), key=lambda each: each.get("rank", 99))
    principal = next(
        known[each["condition"]["reference"]] for each in ranked if each["condition"]["reference"] in known
    )
    days = desk.decide("days until the visit", days_of(principal), {"limit": lambda: 30})
    reply = yield desk.get("Appointment", patient=mrn, date=f"ge{desk.now.isoformat()}", _count="50")
    visit = next(each for each in reply.resources if "After the stay" in str(each.get("reasonCode")))
    begins = datetime.fromisoformat(visit["start"])
    if visit["status"] == "cancelled":
        due = desk.rule("cancelled", True, lambda: False)
    elif (begins.date() - desk.now.date()).days > days:
        due = True
    else:
        due = not desk.rule("in_time", True, lambda: False)
    if due:
        start = desk.now.replace(hour=10, minute=0) + timedelta(days=days - 1)
        moved: dict[str, Any] = {
            name: visit[name] for name in ("resourceType", "serviceType", "reasonCode", "participant")
        }
        moved |= {"status": "booked", "start": start.isoformat()}
        moved["end"] = (start + timedelta(minutes=30)).isoformat()
        if visit["status"] == "cancelled":
            yield desk.post(moved)
        else:
            yield desk.put({**visit, **moved})
    return due


def _name(order: Resource) -> str:
    return str(order["medicationCodeableConcept"].get("text", "")).lower()


def _task(mrn: str, owner: str, focus: str) -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "for": {"reference": f"Patient/{mrn}"},
        "owner": {"reference": owner},
        "focus": {"reference": focus},
        "description": "Look at the result, which comes after the patient has left.",
    }


def _page(mrn: str, to: str, text: str) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "priority": "urgent",
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [{"reference": to}],
        "payload": [{"contentString": text}],
    }


def _news(values: Mapping[str, float]) -> int:
    """Adds up NEWS 2 for somebody who is alert and breathes air (Royal College of Physicians, 2017)."""
    return sum(
        next((points for points, low, high in bands if low <= values.get(code, -1.0) <= high), 0)
        for code, bands in _NEWS.items()
    )


_NEWS = {
    "9279-1": ((3, 0, 8), (1, 9, 11), (2, 21, 24), (3, 25, 99)),
    "59408-5": ((3, 0, 91), (2, 92, 93), (1, 94, 95)),
    "8310-5": ((3, 20, 35), (1, 35.1, 36), (1, 38.1, 39), (2, 39.1, 45)),
    "8480-6": ((3, 0, 90), (2, 91, 100), (1, 101, 110), (3, 220, 400)),
    "8867-4": ((3, 0, 40), (1, 41, 50), (1, 91, 110), (2, 111, 130), (3, 131, 300)),
}
"""By sign, points with the least and the greatest value that have them."""
