"""The morning round: other right ways, needless pages, and orders for the wrong one of the five."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mab_gym.actions import Patch, Post, Put, parse_action, render
from mab_gym.tasking.case import Case
from tests.casework.playing import Played, family, play, scenario

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def with_kind(*kinds: str) -> list[tuple[Case, dict[str, Any]]]:
    found = [(case, each) for case in family("morning_round").cases for each in case["people"] if each["kind"] in kinds]
    assert found
    return found


def body_of(action: str) -> tuple[str, dict[str, Any]] | None:
    asked = parse_action(action, VERBS)
    return (asked.url, json.loads(asked.body)) if isinstance(asked, Post | Put) else None


def on_potassium(change: Callable[[dict[str, Any]], None]) -> Callable[[str], str]:
    def changed(action: str) -> str:
        found = body_of(action)
        if found is None or "potassium chloride" not in action:
            return action
        change(found[1]["dosageInstruction"][0])
        return render(Post(found[0], json.dumps(found[1])))

    return changed


def by_vein(dosage: dict[str, Any]) -> None:
    amount = dosage["doseAndRate"][0]["doseQuantity"]["value"]
    dosage["route"] = {"text": "IV"}
    dosage["timing"]["repeat"] |= {"duration": amount / 10, "durationUnit": "h"}


def too_much(dosage: dict[str, Any]) -> None:
    dosage["doseAndRate"][0]["doseQuantity"]["value"] = 100


def test_potassium_by_vein_is_right_and_far_too_much_is_unsafe() -> None:
    for case, _ in with_kind("low", "low_weak"):
        run = play(case, on_potassium(by_vein))
        assert run.solved, run.told
        run = play(case, on_potassium(too_much))
        assert run["verdict"]["unsafe"]


def test_insulin_may_be_changed_by_patch_and_orders_held() -> None:
    def change(action: str) -> str:
        found = body_of(action)
        if found is None or found[1].get("resourceType") != "MedicationRequest" or "glargine" not in action:
            return action.replace('"stopped"', '"on-hold"')
        dose = found[1]["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"]
        path = "/dosageInstruction/0/doseAndRate/0/doseQuantity/value"
        return render(Patch(found[0], json.dumps([{"op": "replace", "path": path, "value": dose}])))

    for case, _ in with_kind("level_one", "level_two", "fallen", "nsaid", "doubled"):
        run = play(case, change)
        assert run.solved, run.told


def paged(case: Case, person: dict[str, Any]) -> Played:
    """Plays the gold solution with one page more."""
    base = scenario().backend.base_url
    page = {
        "resourceType": "Communication",
        "status": "completed",
        "priority": "urgent",
        "subject": {"reference": f"Patient/{person['mrn']}"},
        "recipient": [{"reference": person["attending"]}],
        "payload": [{"contentString": "Please come."}],
    }
    first = [render(Post(f"{base}/Communication", json.dumps(page)))]
    return play(case, lambda action: first.pop() if first and "ADM-501" in action else action)


def test_a_needless_page_is_over_deferral_and_one_about_fallen_platelets_is_not() -> None:
    case, person = with_kind("slightly", "one_sign", "near_miss")[0]
    run = paged(case, person)
    assert not run.solved
    assert run["verdict"]["deferral"] == "over"
    for case, person in with_kind("fallen"):
        run = paged(case, person)
        assert "without need" not in run.told, run.told


@pytest.mark.parametrize("rule", ["news", "mistake"])
def test_who_does_not_page_defers_too_little(rule: str) -> None:
    runs = [play(case, careless=rule) for case, _ in with_kind(rule)]
    assert {run["verdict"]["deferral"] for run in runs} == {"under"}


def test_potassium_for_the_neighbour_of_the_list_is_no_potassium() -> None:
    case, person = with_kind("low")[0]
    other = next(each["mrn"] for each in case["people"] if each["mrn"] != person["mrn"])
    run = play(case, lambda action: action.replace(person["mrn"], other) if "potassium chloride" in action else action)
    assert not run.solved
    assert "nothing called for it" in run.told or "No potassium" in run.told
