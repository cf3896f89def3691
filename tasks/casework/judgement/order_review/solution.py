"""Reads the chart, the notes and what was dispensed, settles each draft, and tells the prescriber."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from mab_gym.casework import heeding_flags, note_text
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.dynamics.orders import quantity, status_change
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import ALLERGENS, home_worth
from .drafts import DRAFTS
from .notes import borne_in, plain, really_taken
from .person import CREATININE, HEIGHT, POTASSIUM, WEIGHT, Person, ingredient, person_of
from .worths import Right, Worth

Resource = dict[str, Any]


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Takes some twenty to thirty actions."""
    mrn, prescriber = case["mrn"], case["prescriber"]
    for number in ("PHA-310", "MED-111", "MED-101", "CLN-210"):
        yield desk.get("DocumentReference", **handbook_page(number))
    reply = yield desk.get("MedicationRequest", patient=mrn, status="draft", _count="50")
    drafts = reply.resources
    reply = yield desk.get("Patient", _id=mrn)
    patient = reply.resources[0]
    reply = yield desk.get("AllergyIntolerance", patient=mrn, _count="100")
    allergies = reply.resources
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    orders = reply.resources
    reply = yield desk.get("Condition", patient=mrn, **{"clinical-status": "active", "_count": "200"})
    conditions = reply.resources
    results: dict[str, list[Resource]] = {}
    for code in (CREATININE, POTASSIUM, WEIGHT, HEIGHT):
        reply = yield desk.get("Observation", patient=mrn, code=code, _sort="-date", _count="20")
        results[code] = reply.resources
    reply = yield desk.get("MedicationDispense", patient=mrn, _sort="-whenhandedover", _count="200")
    person = person_of(patient, allergies, orders, conditions, results, reply.resources, desk.now)
    if set(person.allergies) & set(ALLERGENS.values()) or any(map(_of_home, drafts)):
        reply = yield desk.get("DocumentReference", patient=mrn, _sort="-date", _count="200")
        _read_notes(person, reply.resources)
    refused: list[Resource] = []
    count = {"release": 0, "change": 0, "refuse": 0}
    for draft in drafts:
        worth = _worth(person, draft)
        careless = "refuse" if worth.rule == "label" else "release"
        end = worth.end if worth.rule == "fine" else desk.rule(worth.rule, worth.end, partial(str, careless))
        desk.decide(f"what is to become of {ingredient(draft)}", end)
        count[end] += 1
        if end != "release":
            refused.append(draft)
        yield from _settle(desk, draft, end, worth)
    if desk.rule("tell", bool(refused), lambda: False):
        yield desk.post(_message(mrn, prescriber, refused))
    yield desk.finish(list(count.values()))


def _settle(desk: Desk, draft: Resource, end: str, worth: Worth) -> Iterator[str]:
    address = f"MedicationRequest/{draft['id']}"
    if end == "change":
        yield desk.put({**draft, "status": "active", **_regimen(draft, worth.rights[0])})
    else:
        yield desk.patch(address, status_change("active" if end == "release" else "cancelled"))


def _regimen(draft: Mapping[str, Any], right: Right) -> Resource:
    """Returns the dosage of a right order: one dose, or the most of a day in as many doses as the draft has."""
    first = draft["dosageInstruction"][0]
    timing: Resource = first["timing"]
    daily = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}
    dose = min(right.daily[1], right.most)
    if right.drug == "gabapentin":
        timing, dose = daily, 300
    elif right.drug in ("enoxaparin", "sitagliptin", "famotidine"):
        timing = daily
    elif not right.once:
        dose = round(sum(right.daily) / 2 / timing["repeat"].get("frequency", 1), 4)
    unit = first["doseAndRate"][0]["doseQuantity"].get("code", right.unit)
    changed = {name: value for name, value in first.items() if name != "text"}
    return {
        "dosageInstruction": [{**changed, "timing": timing, "doseAndRate": [{"doseQuantity": quantity(dose, unit)}]}]
    }


def _of_home(draft: Resource) -> bool:
    """Tells if a draft goes on with a drug of the list for home."""
    return bool(draft["reasonCode"][0]["text"] == "as at home")


def _worth(person: Person, draft: Resource) -> Worth:
    if _of_home(draft):
        home = next(each for each in person.home if each.drug == ingredient(draft))
        found = home_worth(person, home)
    else:
        known = next(each for each in DRAFTS.values() if each.name == draft["medicationCodeableConcept"]["text"])
        found = known.worth(person)
    return found or Worth("refuse", "fine")


def _read_notes(person: Person, notes: Sequence[Resource]) -> None:
    """Adds to a person what notes say, the newest first."""
    texts = [(each, plain(note_text(each))) for each in notes]
    told = " ".join(borne_in(text for _, text in texts))
    person.borne = frozenset(code for key, code in ALLERGENS.items() if key in told)
    really: dict[str, float] = {}
    for home in person.home:
        begun = datetime.fromisoformat(home.resource["authoredOn"])
        since = [text for each, text in texts if datetime.fromisoformat(each["date"]) >= begun]
        dose = really_taken(since, home.drug)
        if dose is not None:
            really[home.drug] = dose
    person.really = really


def _message(mrn: str, prescriber: str, drafts: Sequence[Resource]) -> Resource:
    named = ", ".join(ingredient(each) for each in drafts)
    return {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [{"reference": prescriber}],
        "about": [{"reference": f"MedicationRequest/{each['id']}"} for each in drafts],
        "payload": [{"contentString": f"Not released as they stood, for reasons in the chart: {named}."}],
    }
