"""Judges three requests by the record, fills the form for each, and sends, orders or tells what comes of it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from mab_gym.casework import heeding_flags
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.dynamics.orders import lab_order, status_change
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

from .record import A1C, ALBUMIN, FILTRATION, Finding, assess, fills, moment, named, reference, valid

Resource = Mapping[str, Any]
_STATUS = {"send": "in-progress", "wait": "on-hold", "decline": "rejected"}


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some thirty actions."""
    yield desk.get("DocumentReference", **handbook_page("PHA-330"))
    reply = yield desk.get("Task", owner=case["pharmacist"], status="requested", _count="50")
    counts = dict.fromkeys(_STATUS, 0)
    for task in [each for each in reply.resources if each["code"].get("text") == "Prior authorization"]:
        decision = yield from _work(desk, task)
        counts[decision] += 1
    yield desk.finish(list(counts.values()))


def _work(desk: Desk, task: Resource) -> Generator[str, Reply, str]:
    """Works on one request, and returns what came of it."""
    mrn = str(task["for"]["reference"]).split("/")[1]
    seen = yield from _read(desk, mrn)
    found = _judged(desk, task, seen)
    decision = found.decision
    decision = desk.rule("wait", decision, lambda: "decline" if decision == "wait" else decision)
    reply = yield desk.post(_form(mrn, found, decision))
    form = f"QuestionnaireResponse/{reply.resources[0]['id']}"
    if decision == "send":
        prescription = (
            yield desk.get("MedicationRequest", _id=str(task["focus"]["reference"]).split("/")[1])
        ).resources[0]
        coverage = (yield desk.get("Coverage", patient=mrn, status="active")).resources[0]
        proof = [form, found.a1c_results[0], *_proof(found)]
        whole = [form, *(reference(each) for rows in seen.values() for each in rows[:12])]
        proof = desk.decide("what the policy asks for", proof, {"minimum": lambda: whole})
        yield desk.post(_claim(mrn, task, prescription, coverage, proof, desk.now.isoformat()))
    if decision == "wait":
        yield desk.post(lab_order(mrn, A1C))
    yield desk.patch(reference(task), status_change(_STATUS[decision]))
    if decision != "send" and desk.rule("told", True, lambda: False):
        yield desk.post(_message(mrn, task, decision))
    return decision


def _read(desk: Desk, mrn: str) -> Generator[str, Reply, dict[str, list[dict[str, Any]]]]:
    seen = {}
    reply = yield desk.get("Condition", patient=mrn, _count="500")
    seen["conditions"] = reply.resources
    for name, code in (("a1c", A1C), ("filtration", FILTRATION), ("albumin", ALBUMIN)):
        reply = yield desk.get("Observation", patient=mrn, code=code, _sort="-date", _count="100")
        seen[name] = reply.resources
    reply = yield desk.get("MedicationDispense", patient=mrn, _sort="-whenhandedover", _count="500")
    seen["dispenses"] = reply.resources
    reply = yield desk.get("FamilyMemberHistory", patient=mrn)
    seen["family"] = reply.resources
    return seen


def _judged(desk: Desk, task: Resource, seen: Mapping[str, Sequence[dict[str, Any]]]) -> Finding:
    """Judges a record by the policy, step by step; each step names what a hurried reader would do."""
    rows = {name: each for name, each in seen.items() if name != "family"}
    found = assess(**rows, now=desk.now)
    diabetes = [each for each in rows["conditions"] if "diabetes" in named(each)]
    found.diagnosis = desk.decide(
        "type 2 diabetes on the list", found.diagnosis, {"diagnosis": lambda: bool(diabetes or rows["conditions"])}
    )
    newest = valid(rows["a1c"])
    found.recent = desk.decide("an A1c of the last 90 days", found.recent, {
        "window": lambda: bool(newest),
        "superseded": lambda: bool(newest) and (desk.now - moment(newest[0])).days <= 180,
    })  # fmt: skip
    found.a1c = desk.rule("record", found.a1c, lambda: _stated(task))
    found.threshold = desk.rule("superseded", found.threshold, lambda: 7.5)
    some = fills(rows["dispenses"])
    recent = [each.address for each in some if (desk.now - each.end).days < 90]
    ways = found.ways
    ways = desk.rule(
        "exempt", ways, lambda: {name: each for name, each in ways.items() if name in ("dispensed", "egfr")}
    )
    ways = desk.rule("dose", ways, lambda: {"dispensed": recent} if recent and not ways else ways)
    ways = desk.rule(
        "dispensed", ways, lambda: {"dispensed": [each.address for each in some[:3]]} if some and not ways else ways
    )
    other = [reference(each) for each in rows["conditions"] if "artery" in named(each) or "ischemic" in named(each)]
    ways = desk.rule("listed", ways, lambda: {"vascular": other} if other and not ways else ways)
    found.ways = ways
    if found.against != "none":
        found.against = desk.rule("against", found.against, lambda: "none")
    return found


def _stated(task: Resource) -> float:
    """Returns the A1c that a request tells."""
    words = str(task["description"]).replace(",", " ").split()
    return float(words[words.index("%") - 1] if "%" in words else words[words.index("%.") - 1])


def _proof(found: Finding) -> list[str]:
    """Returns the references that prove how the rule about metformin is met."""
    way = _way(found)
    return found.ways[way] if way == "dispensed" else found.ways[way][:2]


def _way(found: Finding) -> str:
    """Returns the way in which the rule is met, one that nobody can doubt before the others."""
    return next((each for each in found.ways if each not in found.open), next(iter(found.ways), "none"))


def _item(link: str, **answer: Any) -> dict[str, Any]:
    return {"linkId": link, "answer": [answer]}


def _references(link: str, addresses: Sequence[str]) -> dict[str, Any]:
    return {"linkId": link, "answer": [{"valueReference": {"reference": each}} for each in addresses]}


def _form(mrn: str, found: Finding, decision: str) -> dict[str, Any]:
    items = [_item("diagnosis", valueBoolean=found.diagnosis)]
    if found.a1c is not None:
        items += [_item("a1c", valueDecimal=found.a1c), _references("a1c-result", found.a1c_results[:1])]
    items += [_item("a1c-rule", valueBoolean=found.high), _item("metformin-daily", valueDecimal=found.daily)]
    items.append(_item("metformin-rule", valueString=_way(found)))
    if found.ways:
        items.append(_references("metformin-evidence", _proof(found)))
    items.append(_item("against", valueString=found.against))
    if found.against != "none":
        items.append(_references("against-evidence", found.against_proof[:1]))
    items.append(_item("decision", valueString=decision))
    return {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "subject": {"reference": f"Patient/{mrn}"},
        "item": items,
    }


def _claim(
    mrn: str, task: Resource, prescription: Resource, coverage: Resource, proof: Sequence[str], now: str
) -> dict[str, Any]:
    category = {"text": "Evidence"}
    return {
        "resourceType": "Claim",
        "status": "active",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/claim-type", "code": "pharmacy"}]},
        "use": "preauthorization",
        "patient": {"reference": f"Patient/{mrn}"},
        "created": now,
        "insurer": {"reference": coverage["payor"][0]["reference"]},
        "provider": {"reference": task["requester"]["reference"]},
        "priority": {"coding": [{"code": "normal"}]},
        "prescription": {"reference": reference(prescription)},
        "supportingInfo": [
            {"sequence": place, "category": category, "valueReference": {"reference": each}}
            for place, each in enumerate(proof, start=1)
        ],
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"reference": reference(coverage)}}],
        "item": [{"sequence": 1, "productOrService": prescription["medicationCodeableConcept"]}],
    }


def _message(mrn: str, task: Resource, decision: str) -> dict[str, Any]:
    words = (
        "A new A1c is ordered; the request waits for it." if decision == "wait" else "Not sent: the rules are not met."
    )
    return {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": f"Patient/{mrn}"},
        "about": [{"reference": reference(task)}],
        "recipient": [{"reference": task["requester"]["reference"]}],
        "payload": [{"contentString": words}],
    }
