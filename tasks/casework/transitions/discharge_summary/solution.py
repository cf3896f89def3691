"""Reads the stay, tells what counts from what does not, and writes the Composition."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags, note_text
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

_ANALYTES = {"creatinine": "2160-0", "hemoglobin": "718-7", "potassium": "2823-3"}
Resource = Mapping[str, Any]


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some sixteen actions."""
    mrn = case["mrn"]
    yield desk.get("DocumentReference", **handbook_page("ADM-520"))
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    stay = reply.resources[0]
    begun = datetime.fromisoformat(stay["period"]["start"])
    reply = yield desk.get("Encounter", patient=mrn, date=f"ge{(begun - timedelta(days=2)).isoformat()}", _count="50")
    arrived, before = _arrival(reply.resources, begun)
    encounters = {f"Encounter/{stay['id']}", *before}
    reply = yield desk.get("Patient", _id=mrn)
    doctor = reply.resources[0]["generalPractitioner"][0]["reference"]
    attending = stay["participant"][0]["individual"]["reference"]
    reply = yield desk.get("Condition", patient=mrn, encounter=f"Encounter/{stay['id']}", _count="100")
    diagnoses = desk.rule("new_diagnoses", _diagnoses(reply.resources, stay, arrived), lambda: _principal(stay))
    codes = ",".join(_ANALYTES.values())
    asked = {"code": codes, "date": f"ge{arrived.isoformat()}", "_sort": "date", "_count": "200"}
    reply = yield desk.get("Observation", patient=mrn, **asked)
    results = _results(desk, reply.resources)
    reply = yield desk.get("AllergyIntolerance", patient=mrn, _count="50")
    allergies = [f"AllergyIntolerance/{each['id']}" for each in reply.resources if _holds(each)]
    reply = yield desk.get("DocumentReference", patient=mrn, date=f"ge{begun.isoformat()}", _sort="-date", _count="100")
    notes = reply.resources
    plans = [note_text(each) for each in notes if each.get("description") == "Plan for leaving"]
    plan = desk.rule("newest_plan", plans[0], lambda: plans[-1])
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    new, changed, stopped, over = _drugs(desk, reply.resources, plan, begun)
    reply = yield desk.get("ServiceRequest", patient=mrn, _sort="-authored", _count="200")
    requests = [each for each in reply.resources if each.get("encounter", {}).get("reference") in encounters]
    pending = _pending(desk, requests)
    late = attending if "of this ward" in plan else doctor
    pending.append(desk.rule("late_results", late, lambda: doctor if late == attending else attending))
    code_status = [
        _address(each) for each in requests if _category(each) == "Code status" and each["status"] == "active"
    ]
    reply = yield desk.get("Appointment", patient=mrn, date=f"ge{desk.now.date().isoformat()}", _count="50")
    visits = [each for each in reply.resources if datetime.fromisoformat(each["created"]) >= begun]
    booked = [each for each in visits if each["status"] == "booked"]
    booked = desk.rule("visit_stands", booked, lambda: visits)
    images = [_address(each) for each in notes if each.get("description") == "Imaging report"]
    due = [_address(each) for each in notes if each.get("description") == "Imaging report" and _is_new(each)]
    found = desk.rule("finding_is_due", due, lambda: [] if due else images)
    asked = {"type": "18748-4", "date": f"ge{arrived.isoformat()}", "_count": "100"}
    reply = yield desk.get("DocumentReference", patient=mrn, **asked)
    also = [_address(each) for each in reply.resources if each["status"] == "current" and _asks_by_the_way(each)]
    found = [*found, *desk.rule("reports_read", also, list)]
    sections = [
        _section("Diagnoses", diagnoses, "11535-2"),
        _section("Results", results, "30954-2"),
        _section("Allergies", allergies, "48765-2"),
        _section("New", new),
        _section("Changed", changed),
        _section("Stopped", stopped),
        _section("Pending results", pending),
        _section("Follow-up", [_address(each) for each in booked], "18776-5"),
        _section("Incidental findings", found),
        _section("Code status", code_status, "42348-3"),
    ]
    reply = yield desk.post(_composition(case, stay, attending, sections, desk.now))
    number = reply.resources[0]["id"]
    for each in desk.rule("earlier_ended", over, list):
        yield desk.patch(each, [{"op": "replace", "path": "/status", "value": "stopped"}])
    for each in found if desk.rule("finding_task", True, lambda: False) else ():
        yield desk.post(_to_look_after(mrn, doctor, each))
    following = next(_practitioner(each) for each in booked)
    for whom in [doctor, *desk.rule("sent_to_next", [following], list)]:
        if desk.rule("sent", True, lambda: False):
            yield desk.post(_sent(mrn, whom, f"Composition/{number}"))
    yield desk.finish([])


def _address(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _arrival(encounters: Iterable[Resource], begun: datetime) -> tuple[datetime, set[str]]:
    for each in encounters:
        ended = each["period"].get("end")
        if each["class"].get("code") != "EMER" or ended is None:
            continue
        if timedelta(hours=-1) <= begun - datetime.fromisoformat(ended) <= timedelta(hours=6):
            return datetime.fromisoformat(each["period"]["start"]), {_address(each)}
    return begun, set()


def _principal(stay: Resource) -> list[str]:
    return [str(next(each["condition"]["reference"] for each in stay["diagnosis"] if each.get("rank") == 1))]


def _diagnoses(conditions: Iterable[Resource], stay: Resource, arrived: datetime) -> list[str]:
    first = _principal(stay)
    since = arrived.date().isoformat()
    new = [_address(each) for each in conditions if each.get("onsetDateTime", "")[:10] >= since]
    return [*first, *(each for each in new if each not in first)]


def _results(desk: Desk, every: Sequence[Resource]) -> list[str]:
    found: dict[str, None] = {}
    for name, code in _ANALYTES.items():
        these = [each for each in every if code in str(each["code"].get("coding"))]
        counted = [each for each in these if each["status"] != "entered-in-error"]
        valid = [each for each in counted if "emoly" not in str(each.get("note"))]
        valid = desk.rule("hemolyzed", valid, lambda counted=counted: counted)  # type: ignore[misc]
        valid = desk.rule("in_error", valid, lambda these=these, valid=valid: _with_errors(these, valid))  # type: ignore[misc]
        values = [float(each["valueQuantity"]["value"]) for each in valid]
        worst = max(values) if name == "creatinine" or (name == "potassium" and min(values) >= 3.5) else min(values)
        middle = [valid[values.index(worst)]]
        middle = desk.rule("worst", middle, list)
        whole = desk.rule("no_tables", [valid[0], *middle, valid[-1]], lambda valid=valid: list(valid))  # type: ignore[misc]
        found.update(dict.fromkeys(map(_address, whole)))
    return list(found)


def _with_errors(these: Sequence[Resource], valid: Sequence[Resource]) -> list[Resource]:
    return [each for each in these if each in valid or each["status"] == "entered-in-error"]


def _holds(allergy: Resource) -> bool:
    said = str(allergy.get("clinicalStatus")) + str(allergy.get("verificationStatus"))
    return "'active'" in said and "refuted" not in said


def _name(order: Resource) -> str:
    concept = order["medicationCodeableConcept"]
    return str(next((each["display"] for each in concept.get("coding", ())), concept.get("text", ""))).lower()


def _dose(order: Resource) -> float:
    return float(order["dosageInstruction"][0].get("doseAndRate", [{}])[0].get("doseQuantity", {}).get("value", 0))


def _drugs(
    desk: Desk, orders: Sequence[Resource], plan: str, begun: datetime
) -> tuple[list[str], list[str], list[str], list[str]]:
    """Returns prescriptions of new, changed and stopped drugs, and earlier ones that are over."""
    outside = [each for each in orders if "'inpatient'" not in str(each.get("category"))]
    home = {_name(each): each for each in outside if datetime.fromisoformat(each["authoredOn"]) < begun}
    leaving = [each for each in outside if datetime.fromisoformat(each["authoredOn"]) >= begun]
    new = [_address(each) for each in leaving if _name(each) not in home]
    known = [each for each in leaving if _name(each) in home]
    others = [each for each in known if _dose(each) != _dose(home[_name(each)])]
    changed = [_address(each) for each in others]
    new, changed = desk.rule("against_before", (new, changed), lambda: (list(map(_address, leaving)), []))
    changed = desk.rule("same_dose", changed, lambda: list(map(_address, known)))
    gone = re.compile(r"(?:No more|Would stop) (.+?) (?:after|then)|(?m:^)(.+?) (?:is stopped|could be stopped)")
    names = [(each[0] or each[1]).lower() for each in gone.findall(plan)]
    stopped = [_address(home[each]) for each in names if each in home]
    over = [*stopped, *(_address(home[_name(each)]) for each in others)]
    return new, changed, desk.rule("stopped", stopped, list), over


def _category(request: Resource) -> str:
    return str(next((each.get("text", "") for each in request.get("category", ())), ""))


def _pending(desk: Desk, requests: Iterable[Resource]) -> list[str]:
    open_ones = [each for each in requests if _category(each) not in ("Code status", "Patient referral")]
    active = [_address(each) for each in open_ones if each["status"] == "active"]
    unfinished = [_address(each) for each in open_ones if each["status"] in ("active", "revoked")]
    return list(desk.rule("revoked", active, lambda: unfinished))


def _is_new(note: Resource) -> bool:
    return "By the way, a new" in note_text(note)


_BY_THE_WAY = re.compile(
    r"(\d+ mm [\w ]*?nodule[\w ]*|aortic arch [\d.]+ cm|\d+ mm lesion [\w ]+|\d+ mm meningioma [\w ]+)"
    r"(?:, (?:incidental|not the reason for the scan))?[;,]\s+"
    r"((?:CT|MRI|echo or CT) in [\w ]+|adrenal protocol CT in 12 months|thyroid ultrasound)",
    re.IGNORECASE,
)


def _asks_by_the_way(note: Resource) -> bool:
    """Tells if a report wants something done about a finding beside the illness."""
    told = _BY_THE_WAY.search(re.sub(r"\s+", " ", note_text(note)))
    return told is not None and ("if at risk" not in told[2] or int(told[1].split()[0]) >= 6)


def _practitioner(visit: Resource) -> str:
    actors = (str(each["actor"]["reference"]) for each in visit["participant"])
    return next(each for each in actors if each.startswith("Practitioner/"))


def _section(title: str, cited: Sequence[str], code: str = "") -> dict[str, Any]:
    coded = {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}} if code else {}
    return {"title": title, **coded, "entry": [{"reference": each} for each in cited]}


def _to_look_after(mrn: str, doctor: str, report: str) -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"text": "Incidental finding to be followed up"},
        "for": {"reference": f"Patient/{mrn}"},
        "owner": {"reference": doctor},
        "focus": {"reference": report},
    }


def _composition(
    case: Case, stay: Resource, attending: str, sections: Iterable[Mapping[str, Any]], now: datetime
) -> dict[str, Any]:
    return {
        "resourceType": "Composition",
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "18842-5"}]},
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "encounter": {"reference": _address(stay)},
        "date": now.isoformat(),
        "author": [{"reference": attending}],
        "title": "Discharge summary",
        "section": [each for each in sections if each["entry"]],
    }


def _sent(mrn: str, whom: str, summary: str) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [{"reference": whom}],
        "about": [{"reference": summary}],
        "payload": [{"contentString": "The discharge summary, for you."}],
    }
