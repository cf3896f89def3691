"""A high potassium: other right ways are accepted, and what harms earns nothing."""

from __future__ import annotations

import pytest

from mab_gym.tasking.case import Case
from tests.casework.emergency.changing import Resource, dose_of, drug_of, without_patch, written
from tests.casework.playing import family, play

NAME = "hyperkalemia"


def cases(*branches: str) -> list[Case]:
    return [case for case in family(NAME).cases if case.branch in branches][:4]


def in_other_words(resource: Resource) -> Resource:
    """Salbutamol for albuterol, patients' words for routes, times as codes, a consult for a page."""
    drug = drug_of(resource)
    if drug == "albuterol":
        resource["medicationCodeableConcept"] = {"text": "salbutamol nebulizer solution"}
        resource["dosageInstruction"][0]["route"] = {"text": "nebulized"}
    if "zirconium" in drug:
        resource["medicationCodeableConcept"] = {"text": "Lokelma (sodium zirconium cyclosilicate) 10 g packet"}
        resource["dosageInstruction"][0]["timing"] = {"code": {"text": "TID"}}
    if drug == "calcium gluconate":
        dose_of(resource)["value"] = 2
    if resource["resourceType"] == "Communication" and resource.get("priority") == "urgent":
        return {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "priority": "stat",
            "subject": resource["subject"],
            "code": {"text": "Nephrology consult"},
            "reasonCode": [{"text": "potassium"}],
        }
    return resource


@pytest.mark.parametrize("number", range(4))
def test_other_words_are_as_good(number: int) -> None:
    case = cases("heart", "moderate")[number]
    moved: list[str] = []

    def change(action: str) -> str | None:
        changed = written(in_other_words)(without_patch(action))
        if changed is not None and "Nephrology consult" in changed:
            changed = changed.replace("/Communication", "/ServiceRequest", 1)
            moved.append(changed)
        return changed

    run = play(case, change)
    assert run.solved, run.told
    assert bool(moved) == (case.branch == "heart")


def test_insulin_for_a_potassium_that_is_not_high_is_unsafe() -> None:
    for case in cases("haemolysed"):
        verdict = play(case, careless="haemolysed")["verdict"]
        assert verdict["unsafe"] and verdict["credit"] == 0


def test_twenty_units_are_unsafe() -> None:
    def more(resource: Resource) -> Resource:
        if "insulin" in drug_of(resource):
            dose_of(resource)["value"] = 20
        return resource

    assert play(cases("moderate")[0], written(more))["verdict"]["unsafe"]


def test_without_a_protocol_ten_units_are_right_for_all() -> None:
    less = [case for case in family(NAME).cases if case.branch == "moderate" and case["egfr"] < 30] or cases("moderate")

    def ten(resource: Resource) -> Resource | None:
        if "insulin" in drug_of(resource):
            dose_of(resource)["value"] = 10
        return None if drug_of(resource) == "dextrose 10%" else resource

    run = play(less[0], written(ten), knowledge="none")
    assert "units of insulin by vein" not in run.told
