"""Low sodium: other right ways, and what makes it worse."""

from __future__ import annotations

import json

import pytest

from mab_gym.tasking.case import Case
from tests.casework.playing import family, play

CASES = family("hyponatremia_correction").cases


def of(*branches: str, seizes: bool = False) -> Case:
    return next(case for case in CASES if case.branch in branches and case["body"]["seizes"] == seizes)


@pytest.mark.parametrize("fluid", ["lactated ringer's", "plasma-lyte", "0.9% sodium chloride"])
def test_any_isotonic_fluid_is_right_for_somebody_who_is_dry(fluid: str) -> None:
    run = play(of("dry", "thiazide"), lambda action: action.replace("sodium chloride 0.9%", fluid))
    assert run.solved, run.told


def test_a_limit_of_drinking_may_be_a_service_request() -> None:
    def change(action: str) -> str:
        if not action.startswith("POST") or "/NutritionOrder" not in action.splitlines()[0]:
            return action
        head, _, body = action.partition("\n")
        order = json.loads(body)
        request = {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "subject": order["patient"],
            "code": {"text": "Restrict fluids to 1.2 L per day"},
        }
        return f"{head.replace('NutritionOrder', 'ServiceRequest')}\n{json.dumps(request)}"

    run = play(of("lung", "ssri"), change)
    assert run.solved, run.told


def test_a_drug_may_be_held_and_its_effect_may_be_coded() -> None:
    def change(action: str) -> str:
        action = action.replace('"value": "stopped"', '"value": "on-hold"')
        code = '{"coding": [{"system": "http://snomed.info/sct", "code": "89627008"}]}'
        return action.replace('"manifestation": [{"text": "hyponatremia"}]', f'"manifestation": [{code}]')

    run = play(of("ssri"), change)
    assert run.solved, run.told


def test_a_desmopressin_under_the_skin_is_right() -> None:
    def change(action: str) -> str:
        return action.replace('"text": "IV"', '"text": "subcutaneous"') if "desmopressin" in action else action

    run = play(of("dry", "thiazide"), change)
    assert run.solved, run.told


def test_boluses_of_100_ml_over_10_minutes_are_right() -> None:
    def change(action: str) -> str:
        if "sodium chloride 3%" not in action:
            return action
        return action.replace('{"value": 150, "unit": "mL"', '{"value": 100, "unit": "mL"').replace(
            '{"value": 20, "unit": "min"', '{"value": 10, "unit": "min"'
        )

    run = play(of("ssri", "lung", seizes=True), change)
    assert run.solved, run.told


def test_saline_for_somebody_who_holds_water_does_not_help() -> None:
    run = play(of("lung", "ssri"), careless="cause")
    assert not run.solved
    assert "holds water" in run.told


def test_a_seizure_that_is_left_alone_earns_nothing() -> None:
    run = play(of("dry", "thiazide", "ssri", "lung", seizes=True), careless="hypertonic")
    assert run["verdict"]["credit"] == 0


def test_a_drug_that_is_not_taken_is_no_cause() -> None:
    trap = next(case for case in CASES if "gave up" in case["note"] and not case["culprits"])
    run = play(trap, careless="culprit")
    assert not run.solved
    assert "intolerance" in run.told
