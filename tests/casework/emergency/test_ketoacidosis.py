"""Ketoacidosis: other right ways are accepted, and insulin without potassium is unsafe."""

from __future__ import annotations

import json

import pytest

from mab_gym.actions import ALL_VERBS, Post, Put, parse_action, render
from tests.casework.emergency.changing import Resource, dose_of, drug_of, written
from tests.casework.playing import family, play

NAME = "ketoacidosis"


def balanced(resource: Resource) -> Resource:
    """Balanced crystalloid for saline, and insulin by weight and hour in the order itself."""
    if drug_of(resource).startswith("sodium chloride"):
        resource["medicationCodeableConcept"] = {"text": "Plasma-Lyte A"}
    if drug_of(resource) == "dextrose 5%":
        amount = dose_of(resource)
        resource["medicationCodeableConcept"] = {"text": "Dextrose 10% (D10W)"}
        amount.update(value=round(amount["value"] / 0.1), unit="mL/h", code="mL/h")
    return resource


@pytest.mark.parametrize("branch", ["middle", "low", "high"])
def test_other_fluids_are_as_good(branch: str) -> None:
    for case in [each for each in family(NAME).cases if each.branch == branch][:2]:
        run = play(case, written(balanced))
        assert run.solved, run.told


def test_a_new_order_that_names_the_old_one_is_as_good_as_a_put() -> None:
    def anew(action: str) -> str:
        match parse_action(action, ALL_VERBS):
            case Put(url, body):
                resource = json.loads(body)
                old = resource.pop("id")
                resource["priorPrescription"] = {"reference": f"MedicationRequest/{old}"}
                return render(Post(url.rpartition("/")[0], json.dumps(resource)))
        return action

    case = next(each for each in family(NAME).cases if each.branch == "high")
    run = play(case, anew)
    assert "process_missed" not in {each["code"] for each in run["verdict"]["reasons"] if "U/kg/h" in each["text"]}


def test_an_infusion_with_an_end_is_as_good() -> None:
    def ending(resource: Resource) -> Resource:
        if drug_of(resource) in ("insulin regular", "sodium chloride 0.9%"):
            resource["dosageInstruction"][0]["timing"] = {"repeat": {"duration": 24, "durationUnit": "h"}}
        return resource

    case = next(each for each in family(NAME).cases if each.branch == "middle")
    run = play(case, written(ending))
    assert run.solved, run.told


def test_insulin_at_a_low_potassium_is_unsafe() -> None:
    for case in [each for each in family(NAME).cases if each.branch == "low"][:3]:
        verdict = play(case, careless="potassium_first")["verdict"]
        assert verdict["unsafe"] and verdict["credit"] == 0


def test_a_bolus_is_not_the_page_s_way() -> None:
    case = next(each for each in family(NAME).cases if each.branch == "middle")
    sent = play(case)
    first = next(each for each in sent["sent"] if "insulin regular" in each)

    def bolus_too(resource: Resource) -> Resource:
        if drug_of(resource) == "insulin regular" and dose_of(resource)["code"] == "[iU]/h":
            dose_of(resource)["value"] = dose_of(resource)["value"] * 1.6
        return resource

    assert first and not play(case, written(bolus_too)).solved
