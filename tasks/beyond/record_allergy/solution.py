"""Finds the person, looks for the allergy, records it."""

from __future__ import annotations

from typing import Any

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import name_of

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance"


def solve(case: Case, desk: Desk) -> Solution:
    """Takes two to four steps."""
    reply = yield desk.get("Patient", family=case["name"].split(" ", 1)[1], _count="100")
    named = [patient for patient in reply.resources if " ".join(name_of(patient)) == case["name"]]
    mrn = next((patient["id"] for patient in named if patient["birthDate"] == case["birth_date"]), None)
    mrn = desk.rule("birth date", mrn, lambda: named[0]["id"])
    if mrn is None:
        yield desk.finish(["none", named[0]["id"]])
        return
    reply = yield desk.get("AllergyIntolerance", patient=mrn, code=case["code"], _count="100")
    on_record = any(_counts(allergy) for allergy in reply.resources)
    if desk.rule("status", on_record, lambda: bool(reply.resources)):
        yield desk.finish([mrn, "known"])
        return
    yield desk.post(
        {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": {"coding": [{"system": f"{_TERMINOLOGY}-clinical", "code": "active"}]},
            "verificationStatus": {"coding": [{"system": f"{_TERMINOLOGY}-verification", "code": "confirmed"}]},
            "criticality": "high",
            "code": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": case["code"]}]},
            "patient": {"reference": f"Patient/{mrn}"},
            "recordedDate": desk.now.isoformat(),
        }
    )
    yield desk.finish([mrn, "recorded"])


def _counts(allergy: dict[str, Any]) -> bool:
    statuses = {coding["code"] for coding in allergy.get("verificationStatus", {}).get("coding", ())}
    return not statuses & {"entered-in-error", "refuted"}
