"""Reads creatinine, weight and age, computes the clearance, orders the dose."""

from __future__ import annotations

from datetime import datetime

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import DOSES, clearance, recent, step


def solve(case: Case, desk: Desk) -> Solution:
    """Takes three or five steps."""
    reply = yield desk.get("Observation", patient=case["mrn"], code="CREA", _sort="-date", _count="5")
    valid = [r for r in reply.resources if r["status"] != "entered-in-error"]
    newest = desk.decide("the newest valid result", valid[0], {"status": lambda: reply.resources[0]})
    written, creatinine = newest["effectiveDateTime"], newest["valueQuantity"]["value"]
    shared = {
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "authoredOn": desk.now.isoformat(),
    }
    if not desk.rule("window", recent(datetime.fromisoformat(written), desk.now), lambda: True):
        coding = {"system": "http://loinc.org", "code": "2160-0"}
        yield desk.post({"resourceType": "ServiceRequest", **shared, "priority": "stat", "code": {"coding": [coding]}})
        yield desk.finish([-1, creatinine, written])
        return
    reply = yield desk.get("Observation", patient=case["mrn"], **{"code:text": "WT"}, _sort="-date", _count="5")
    weight = next(r for r in reply.resources if r["status"] != "entered-in-error")["valueQuantity"]["value"]
    reply = yield desk.get("Patient", _id=case["mrn"])
    patient = reply.resources[0]
    rounded = clearance(patient, weight, creatinine, desk.now.date())
    rounded = desk.rule(
        "sex", rounded, lambda: clearance({**patient, "gender": "male"}, weight, creatinine, desk.now.date())
    )
    milligrams, hours = DOSES[step(rounded)]
    yield desk.post(
        {
            "resourceType": "MedicationRequest",
            **shared,
            "medicationCodeableConcept": {
                "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "29561"}]
            },
            "dosageInstruction": [
                {
                    "timing": {"repeat": {"frequency": 1, "period": hours, "periodUnit": "h"}},
                    "route": {"text": "IV"},
                    "doseAndRate": [{"doseQuantity": {"value": milligrams, "unit": "mg"}}],
                }
            ],
        }
    )
    yield desk.finish([rounded, creatinine, written])
