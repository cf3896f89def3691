"""Sepsis: several antibiotics, fluids and ways of asking are right; allergies and too much fluid are not."""

from __future__ import annotations

import pytest

from mab_gym.tasking.case import Case
from tests.casework.emergency.changing import Resource, dose_of, drug_of, written
from tests.casework.playing import family, play

NAME = "sepsis_bundle"
OTHERS = {
    "piperacillin and tazobactam": ("meropenem", 1.0, "g"),
    "cefepime": ("meropenem", 1.0, "g"),
    "ceftriaxone": ("cefepime", 2.0, "g"),
    "azithromycin": ("levofloxacin", 750.0, "mg"),
    "vancomycin": ("linezolid", 600.0, "mg"),
}


def other_drugs(resource: Resource) -> Resource:
    """Other antibiotics that fit as well, and saline for Ringer's lactate."""
    drug = drug_of(resource)
    if drug == "lactated ringer's":
        resource["medicationCodeableConcept"] = {"text": "0.9% sodium chloride"}
    if drug in OTHERS:
        name, amount, unit = OTHERS[drug]
        resource["medicationCodeableConcept"] = {"text": name}
        dose_of(resource).update(value=amount, unit=unit, code=unit)
        resource["dosageInstruction"][0]["timing"]["repeat"] = {"count": 1, "duration": 1, "durationUnit": "h"}
    return resource


@pytest.mark.parametrize("branch", ["shock", "shock_by_fluid", "lactate", "calm", "heart"])
def test_other_drugs_are_as_good(branch: str) -> None:
    for case in [each for each in family(NAME).cases if each.branch == branch][:2]:
        run = play(case, written(other_drugs))
        assert run.solved, run.told


def test_cultures_by_code_and_a_surgeon_by_consult() -> None:
    def coded(resource: Resource) -> Resource:
        if resource["resourceType"] == "ServiceRequest" and resource["code"].get("text") == "Blood culture":
            resource["code"] = {"coding": [{"system": "http://loinc.org", "code": "600-7"}]}
        return resource

    def change(action: str) -> str | None:
        changed = written(coded)(action)
        if changed is not None and "/Communication" in changed and '"urgent"' in changed:
            return changed.replace("/Communication", "/CommunicationRequest", 1).replace(
                '"resourceType": "Communication"', '"resourceType": "CommunicationRequest"'
            )
        return changed

    drained = [case for case in family(NAME).cases if case["drain"]]
    for case in drained[:3]:
        run = play(case, change)
        assert run.solved, run.told


def test_a_penicillin_in_spite_of_an_allergy_is_unsafe() -> None:
    allergic = [case for case in family(NAME).cases if case["penicillin"] == "allergic"]
    verdicts = [play(case, careless="allergy")["verdict"] for case in allergic if case["source"] != "lung"]
    assert verdicts and all(verdict["unsafe"] and verdict["credit"] == 0 for verdict in verdicts)


def test_too_much_fluid_drowns_the_lungs() -> None:
    def more(resource: Resource) -> Resource:
        if drug_of(resource) == "lactated ringer's":
            dose_of(resource)["value"] = 4000
        return resource

    case: Case = next(each for each in family(NAME).cases if each.branch == "shock" and each["weight_kg"] < 75)
    assert not play(case, written(more)).solved
