"""Vancomycin by levels: other right ways, and too much."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from mab_gym.tasking.case import Case
from tests.casework.playing import family, play

CASES = family("vancomycin_by_levels").cases


def of(branch: str) -> Case:
    return next(case for case in CASES if case.branch == branch)


@pytest.mark.parametrize("branch", ["injury", "quick"])
def test_an_order_may_be_held_in_place_of_being_stopped(branch: str) -> None:
    run = play(of(branch), lambda action: action.replace('"value": "stopped"', '"value": "on-hold"'))
    assert run.solved, run.told


def test_a_page_may_have_any_urgent_priority_and_a_dose_any_shape() -> None:
    def change(action: str) -> str:
        if "Communication" in action:
            return action.replace('"priority": "urgent"', '"priority": "stat"')
        return action.replace('"text": "vancomycin"', '"text": "Vancomycin injection"')

    run = play(of("injury"), change)
    assert run.solved, run.told


def test_a_dose_may_be_ordered_in_grams() -> None:
    def change(action: str) -> str:
        if not action.startswith("POST") or "11124" not in action:
            return action
        head, _, tail = action.partition('"doseQuantity": {"value": ')
        amount, _, rest = tail.partition(', "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"')
        return f'{head}"doseQuantity": {{"value": {float(amount) / 1000:g}, "unit": "g", "code": "g"{rest}'

    run = play(of("usual"), change)
    assert run.solved, run.told


def test_three_doses_a_day_are_right() -> None:
    """The second level comes before the second of these doses."""
    levels: list[str] = []

    def change(action: str) -> str:
        head, _, body = action.partition("\n")
        if not action.startswith("POST") or not body:
            return action
        resource = json.loads(body)
        if "20578-1" in body:
            levels.append(body)
            if len(levels) == 2:
                earlier = datetime.fromisoformat(resource["occurrenceDateTime"]) - timedelta(hours=4)
                resource["occurrenceDateTime"] = earlier.isoformat()
        elif "boundsPeriod" in body:
            (dosage,) = resource["dosageInstruction"]
            (rated,) = dosage["doseAndRate"]
            assert dosage["timing"]["repeat"]["period"] == 12
            dosage["timing"]["repeat"]["period"] = 8
            rated["doseQuantity"]["value"] *= 2 / 3
        return f"{head}\n{json.dumps(resource)}"

    run = play(of("negative"), change)
    assert run.solved, run.told


@pytest.mark.parametrize("branch", ["quick", "slow"])
def test_a_dose_may_be_changed_in_its_order(branch: str) -> None:
    stopped: list[str] = []

    def change(action: str) -> str | None:
        if action.startswith("PATCH"):
            stopped.append(action.splitlines()[0].rpartition("/")[2])
            return None
        if not stopped or not action.startswith("POST") or "11124" not in action:
            return action
        head, _, body = action.partition("\n")
        order = {**json.loads(body), "id": stopped[0]}
        return f"PUT {head.split()[1]}/{stopped[0]}\n{json.dumps(order)}"

    run = play(of(branch), change)
    assert stopped
    assert run.solved, run.told


def test_far_too_much_is_unsafe() -> None:
    light = min(CASES, key=lambda case: float(case["weight_kg"]))
    assert 1.2 * 35 * float(light["weight_kg"]) < 3500

    def change(action: str) -> str:
        if '"priority": "stat"' not in action or "11124" not in action:
            return action
        head, _, body = action.partition("\n")
        order = json.loads(body)
        (rated,) = order["dosageInstruction"][0]["doseAndRate"]
        rated["doseQuantity"]["value"], rated["rateQuantity"]["value"] = 3500, 240
        return f"{head}\n{json.dumps(order)}"

    run = play(light, change)
    assert not run.solved
    assert run["verdict"]["credit"] == 0
    assert "loading dose was 3500" in run.told


def test_half_the_work_earns_more_than_none_and_less_than_all() -> None:
    blind = play(of("injury"), careless="hold")
    assert not blind.solved
    assert 0 < blind["verdict"]["credit"] < 1
