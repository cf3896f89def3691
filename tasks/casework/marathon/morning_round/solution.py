"""Goes from patient to patient: reads what came in, looks into the chart as far as it matters, and acts or does not."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags
from mab_gym.dynamics.inpatients import CREATININE, handbook_page
from mab_gym.dynamics.orders import (
    drug_order,
    is_inpatient_order,
    lab_order,
    loinc_of,
    moment_of,
    quantity,
    status_change,
)
from mab_gym.dynamics.physiology._creatinine import estimated_gfr
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

from .people import ANTICOAGULANTS, TARGET_FOUR

_PAGES = ("MED-101", "NUR-301", "MED-110", "MED-111", "MED-122", "CLN-210", "ADM-501")
_HEPARINS = ("enoxaparin", "heparin")
Resource = Mapping[str, Any]
Steps = Generator[str, Reply, str]


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some forty actions."""
    for page in _PAGES:
        yield desk.get("DocumentReference", **handbook_page(page))
    words: list[str] = []
    for mrn in case["patients"].split(", "):
        word = yield from _visit(desk, mrn)
        words.append(word)
    yield desk.finish(words)


def _visit(desk: Desk, mrn: str) -> Steps:
    begun = desk.now.replace(hour=7, minute=30, second=0)
    since = f"ge{begun.isoformat()}"
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    stay = f"Encounter/{reply.resources[0]['id']}"
    people = {each["type"][0]["coding"][0]["code"]: each["individual"]["reference"] for each in _staff(reply)}
    reply = yield desk.get("Communication", patient=mrn, sent=since)
    told = " ".join(each["payload"][0]["contentString"] for each in reply.resources).lower()
    reply = yield desk.get("Observation", patient=mrn, date=since, _count="50")
    results = {
        loinc_of(each): each for each in sorted(reply.resources, key=moment_of, reverse=True)
    }  # the first of each
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    orders = reply.resources
    new = [each for each in orders if _written(each) >= begun]
    score = desk.decide("signs added up by NEWS 2", _news(results))
    if score >= 5 and desk.rule("news", True, lambda: False):
        yield desk.post(_message(mrn, people["ATND"], "", f"NEWS2 {score}, please come.", "urgent"))
        return "page"
    if score > 0 and score < 5 and not desk.rule("one_sign", True, lambda: False):
        yield desk.post(_message(mrn, people["ATND"], "", f"NEWS2 {score}.", "urgent"))
        return "page"
    if "2823-3" in results:
        return (yield from _potassium(desk, mrn, stay, people["PART"], results["2823-3"], orders))
    if "777-3" in results:
        return (yield from _platelets(desk, mrn, people["PART"], results["777-3"], orders))
    if "41653-7" in results:
        return (yield from _glucose(desk, mrn, people["PART"], results["41653-7"], orders))
    if new:
        return (yield from _night(desk, mrn, people["PART"], new[0], orders))
    if any(word in told for word in ("fell", "slid", "slipped", "gave way")):
        return (yield from _fall(desk, mrn, people["PART"], told, orders))
    return (yield from _told(desk, mrn, people["ATND"], told))


def _potassium(desk: Desk, mrn: str, stay: str, nurse: str, result: Resource, orders: Sequence[Resource]) -> Steps:
    level = result["valueQuantity"]["value"]
    if "note" in result:
        if not desk.rule("hemolyzed", True, lambda: False):
            return "nothing"
        reply = yield desk.post(lab_order(mrn, "2823-3", priority="stat"))
        yield from _tell(desk, mrn, nurse, f"ServiceRequest/{reply.resources[0]['id']}", "Please draw potassium again.")
        return "order"
    ill = ""
    for which in ({"encounter": stay}, {"category": "problem-list-item", "clinical-status": "active"}):
        reply = yield desk.get("Condition", patient=mrn, _count="100", **which)
        ill += " ".join(str(each["code"]).lower() for each in reply.resources)
    heart = any(word in ill for word in TARGET_FOUR) or any("digoxin" in str(each).lower() for each in orders)
    weak = (yield from _weak(desk, mrn)) == "weak"
    if level >= 3.5:
        due = desk.rule("heart", True, lambda: False) if heart else not desk.rule("mild", True, lambda: False)
        if not due:
            return "nothing"
        dose = 20.0
    else:
        dose = desk.rule("halved", 20.0, lambda: 40.0) if weak else 40.0
    dosage = {
        "timing": {"repeat": {"count": 1}},
        "route": {"text": "oral"},
        "doseAndRate": [{"doseQuantity": quantity(dose, "meq", "mEq")}],
    }
    reply = yield desk.post(drug_order(mrn, "potassium chloride", "8591", dosage))
    order = f"MedicationRequest/{reply.resources[0]['id']}"
    if desk.rule("recheck", True, lambda: False):
        yield desk.post(lab_order(mrn, "2823-3", desk.now + timedelta(hours=7)))
    yield from _tell(desk, mrn, nurse, order, f"Potassium {dose:g} mEq by mouth once.")
    return "order"


def _weak(desk: Desk, mrn: str) -> Steps:
    """Reads kidneys: the filtration, and the rise of creatinine within 48 hours."""
    reply = yield desk.get("Patient", _id=mrn)
    patient = reply.resources[0]
    reply = yield desk.get("Observation", patient=mrn, code=CREATININE, _sort="-date", _count="20")
    valid = [each for each in reply.resources if "valueQuantity" in each and each["status"] != "entered-in-error"]
    newest = valid[0]["valueQuantity"]["value"]
    recent = [each["valueQuantity"]["value"] for each in valid if moment_of(each) >= desk.now - timedelta(hours=48)]
    year, month, day = (int(part) for part in patient["birthDate"].split("-"))
    age = desk.now.year - year - ((desk.now.month, desk.now.day) < (month, day))
    filtration = estimated_gfr(newest, patient["gender"], age)
    found = filtration < 30 or newest - min([newest, *recent]) >= 0.3
    return "weak" if desk.decide("kidneys for which doses change", found) else "well"


def _platelets(desk: Desk, mrn: str, nurse: str, result: Resource, orders: Sequence[Resource]) -> Steps:
    reply = yield desk.get("Observation", patient=mrn, code="777-3", _sort="-date", _count="20")
    earlier = [
        each["valueQuantity"]["value"]
        for each in reply.resources
        if each["id"] != result["id"] and "valueQuantity" in each and each["status"] != "entered-in-error"
    ]
    value = result["valueQuantity"]["value"]
    if value <= 0.5 * earlier[0] or value < 100:
        stop = desk.rule("fallen", True, lambda: False)
    else:
        stop = not desk.rule("slightly", True, lambda: False)
    if not stop:
        return "nothing"
    order = f"MedicationRequest/{next(each['id'] for each in orders if is_inpatient_order(each, _HEPARINS))}"
    yield desk.patch(order, status_change("stopped"))
    yield from _tell(desk, mrn, nurse, order, "No heparins, platelets have fallen.")
    return "order"


def _glucose(desk: Desk, mrn: str, nurse: str, result: Resource, orders: Sequence[Resource]) -> Steps:
    value = result["valueQuantity"]["value"]
    order = next(each for each in orders if is_inpatient_order(each, ("glargine",)))
    share = desk.rule("level_two", 0.6, lambda: 0.8) if value < 54 else desk.rule("level_one", 0.8, lambda: 0.6)
    dosage = order["dosageInstruction"][0]
    amount = dosage["doseAndRate"][0]["doseQuantity"]
    amount["value"] = round(amount["value"] * share)
    dosage["text"] = f"{amount['value']} units under the skin daily"
    yield desk.put(order)
    yield from _tell(desk, mrn, nurse, f"MedicationRequest/{order['id']}", f"Glargine {amount['value']} units.")
    return "order"


def _night(desk: Desk, mrn: str, nurse: str, new: Resource, orders: Sequence[Resource]) -> Steps:
    old = [each for each in orders if each["id"] != new["id"]]
    if "ibuprofen" in str(new["medicationCodeableConcept"]).lower():
        weak = (yield from _weak(desk, mrn)) == "weak"
        stop = weak and desk.rule("nsaid", True, lambda: False)
    elif any(is_inpatient_order(each, (*ANTICOAGULANTS, *_HEPARINS)) for each in old):
        stop = desk.rule("doubled", True, lambda: False)
    else:
        stop = not desk.rule("fine", True, lambda: False)
    if not stop:
        return "nothing"
    order = f"MedicationRequest/{new['id']}"
    yield desk.patch(order, status_change("stopped"))
    yield from _tell(desk, mrn, nurse, order, "Stopped, please do not give it.")
    return "order"


def _fall(desk: Desk, mrn: str, nurse: str, told: str, orders: Sequence[Resource]) -> Steps:
    hit = any(word in told for word in ("bumped", "against the wall"))
    thin = any(is_inpatient_order(each, ANTICOAGULANTS) for each in orders)
    if hit:
        due = True
    elif thin:
        due = desk.rule("anticoagulant", True, lambda: False)
    else:
        due = not desk.rule("no_ct", True, lambda: False)
    if not due:
        return "nothing"
    order = lab_order(mrn, "24725-4", priority="stat")
    order["code"]["text"] = "CT head without contrast"
    reply = yield desk.post(order)
    number = f"ServiceRequest/{reply.resources[0]['id']}"
    yield from _tell(desk, mrn, nurse, number, "CT of the head within the hour, neurological checks every hour.")
    return "order"


def _told(desk: Desk, mrn: str, attending: str, told: str) -> Steps:
    reached = any(word in told for word in ("swallowed", "and taken", "and again"))
    page = desk.rule("mistake", True, lambda: False) if reached else not desk.rule("near_miss", True, lambda: False)
    if page:
        yield desk.post(_message(mrn, attending, "", "A mistake reached the patient, who feels well.", "urgent"))
    return "page" if page else "nothing"


def _tell(desk: Desk, mrn: str, nurse: str, order: str, words: str) -> Generator[str, Reply, None]:
    if desk.rule("nurse", True, lambda: False):
        yield desk.post(_message(mrn, nurse, order, words, ""))


def _message(mrn: str, to: str, about: str, words: str, priority: str) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        **({"priority": priority} if priority else {}),
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [{"reference": to}],
        **({"about": [{"reference": about}]} if about else {}),
        "payload": [{"contentString": words}],
    }


def _staff(reply: Reply) -> list[dict[str, Any]]:
    return list(reply.resources[0]["participant"])


def _written(order: Resource) -> datetime:
    return datetime.fromisoformat(order["authoredOn"])


def _news(results: Mapping[str, Resource]) -> int:
    """Adds up NEWS 2 for somebody who is alert and breathes air (Royal College of Physicians, 2017)."""
    values = {code: each["valueQuantity"]["value"] for code, each in results.items() if "valueQuantity" in each}
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
