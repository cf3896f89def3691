"""Wrong: sets of writes with one missing, twice, for somebody else, or one more than asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tests.contract.rewritings.grammar import Json, Rewriting, Scene

STRAYS: tuple[Json, ...] = (
    {"resourceType": "Condition", "code": {"text": "hypokalaemia"}},
    {"resourceType": "Observation", "status": "final", "code": {"text": "BP"}, "valueString": "120/80 mmHg"},
    {"resourceType": "Observation", "status": "preliminary", "code": {"text": "K"}, "valueQuantity": {"value": 9.9}},
    {"resourceType": "Procedure", "status": "completed", "code": {"text": "blood drawn"}},
    {"resourceType": "MedicationRequest", "status": "active", "intent": "order",
     "medicationCodeableConcept": {"text": "heparin"}},
    {"resourceType": "MedicationRequest", "status": "draft", "intent": "plan",
     "medicationCodeableConcept": {"text": "heparin"}},
    {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": "chest X-ray"}},
    {"resourceType": "ServiceRequest", "status": "draft", "intent": "proposal", "code": {"text": "sodium"}},
    {"resourceType": "CarePlan", "status": "active", "intent": "plan"},
    {"resourceType": "Communication", "status": "completed"},
    {"resourceType": "Flag", "status": "active", "code": {"text": "fall risk"}},
    {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}},
    {"resourceType": "MedicationStatement", "status": "active", "medicationCodeableConcept": {"text": "aspirin"}},
    {"resourceType": "MedicationAdministration", "status": "completed", "effectiveDateTime": "2023-11-13",
     "medicationCodeableConcept": {"text": "heparin"}},
    {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "report"}},
    {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {"title": "note"}}]},
)  # fmt: skip
OF_PATIENT = {"Task": "for", "AllergyIntolerance": "patient"}
SUBJECTLESS: tuple[Json, ...] = (
    {"resourceType": "Task", "status": "requested", "intent": "order", "code": {"text": "call the patient"}},
    {"resourceType": "AllergyIntolerance", "code": {"text": "peanut"}},
    {"resourceType": "Patient", "name": [{"family": "New"}]},
    {"resourceType": "Basic", "code": {"text": "note"}},
    {"resourceType": "List", "status": "current", "mode": "working"},
)


def rewritings(writes: Sequence[Json], scene: Scene) -> Iterator[Rewriting]:
    """Sets of writes that are not what was asked for."""
    gold = list(writes)
    for place, resource in enumerate(gold):
        kind = f"{resource['resourceType']} {place}"
        yield Rewriting(
            f"{kind} missing", [*gold[:place], *gold[place + 1 :]], False, "what was asked for is not there"
        )
        yield Rewriting(f"{kind} twice", [*gold, resource], False, "it is asked for twice")
        foreign = for_another(resource, scene)
        yield Rewriting(f"{kind} for another, too", [*gold, foreign], False, "somebody else gets it, too")
        yield Rewriting(f"{kind} for another first", [foreign, *gold], False, "somebody else gets it, too")
        instead = [*gold[:place], foreign, *gold[place + 1 :]]
        yield Rewriting(f"{kind} for another alone", instead, False, "somebody else gets it")
        for status in ("draft", "cancelled", "entered-in-error", "revoked"):
            if "status" in resource:
                more = {**resource, "status": status}
                yield Rewriting(
                    f"{kind} and again as {status}", [*gold, more], False, "there is one more than was asked for"
                )
    if len(gold) > 1:
        yield Rewriting("nothing at all", [], False, "what was asked for is not there")
    for number, stray in enumerate([*STRAYS, *SUBJECTLESS]):
        for person in (scene.patient, scene.other):
            made = {**stray}
            if stray not in SUBJECTLESS or stray["resourceType"] in OF_PATIENT:
                made[OF_PATIENT.get(stray["resourceType"], "subject")] = {"reference": f"Patient/{person.mrn}"}
            label = f"{stray['resourceType']} nobody asked for {number} of {person.mrn}"
            yield Rewriting(label, [*gold, made], False, "nobody asked for it")


def for_another(resource: Json, scene: Scene) -> Json:
    """The same write for somebody else."""
    made: Json = json.loads(json.dumps(resource).replace(f"Patient/{scene.patient.mrn}", f"Patient/{scene.other.mrn}"))
    return made


def with_strays(writes: Sequence[Json], strays: Sequence[Json]) -> Iterator[Rewriting]:
    """Yields the right writes together with one that is due in another case."""
    for number, stray in enumerate(strays):
        if not any(stray == resource for resource in writes):
            label = f"{stray['resourceType']} of another case {number}"
            yield Rewriting(label, [*writes, stray], False, "it was asked for in another case")
