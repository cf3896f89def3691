"""The families on the clock: four kinds of players are told apart, rules bite, and several right ways are accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import gymnasium
import pytest

from mab_gym.actions import Post, Put, parse_action, render
from mab_gym.dynamics.inpatients import active_drugs, diagnoses, problems
from mab_gym.envs._scenario import Scenario
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking._family import Family
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply
from tests.tasking.hospital_players import PLAYERS, Player, nothing

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FAMILIES = tuple(PLAYERS)


@cache
def scenario() -> Scenario:
    return unwrapped(gymnasium.make("mab_gym/Hospital-v0")).scenario


def family(name: str) -> Family:
    return scenario().tasks.catalogue[name]


def play(
    name: str, case: Case, player: Player, change: Callable[[str], str] = str, careless: str = ""
) -> dict[str, Any]:
    """Plays a case and returns the end's info, with the number of actions."""
    found = scenario()
    episode = found.new_episode()
    observation, _ = episode.reset(family(name), case)
    desk = Desk(found.backend.base_url, found.backend.now, careless=careless)
    solution = player(case, desk)
    action = next(solution)
    for number in range(1, 62):
        step = episode.step(change(action))
        if episode.over:
            return {**step.info, "actions": number, "begun": observation["text"], "rules": desk.rules}
        reply = Reply(step.observation["status"], step.observation["fhir"])
        try:
            action = solution.send(reply)
        except (StopIteration, LookupError, ValueError, TypeError):  # a careless player cannot always go on
            action = "FINISH([])"
    raise AssertionError("an episode has a limit")


@cache
def verdicts(name: str, who: str) -> tuple[dict[str, Any], ...]:
    player = {"nothing": nothing, "textbook": family(name).solve, **PLAYERS[name]}[who]
    return tuple(play(name, case, player) for case in family(name).cases)


def success(name: str, who: str) -> float:
    return sum(bool(each["verdict"]["success"]) for each in verdicts(name, who)) / 20


def credit(name: str, who: str) -> float:
    return sum(float(each["verdict"]["credit"]) for each in verdicts(name, who)) / 20


@pytest.mark.parametrize("name", FAMILIES)
def test_four_players_are_told_apart(name: str) -> None:
    assert success(name, "nothing") == 0
    assert success(name, "guess") <= 0.3
    assert success(name, "textbook") == 1
    assert success(name, "too much") <= 0.2
    assert credit(name, "nothing") < credit(name, "guess") < credit(name, "textbook")
    assert credit(name, "too much") < credit(name, "guess")


@pytest.mark.parametrize("name", FAMILIES)
def test_twenty_cases_of_every_branch_need_long_work(name: str) -> None:
    cases = family(name).cases
    assert [case.number for case in cases] == list(range(1, 21))
    assert {case.branch for case in cases} == set(family(name).branches)
    actions = sorted(each["actions"] for each in verdicts(name, "textbook"))
    assert actions[10] >= 12
    assert actions[-1] <= 60


@pytest.mark.parametrize("name", FAMILIES)
def test_frozen_cases_are_what_the_recipe_draws(name: str) -> None:
    found = family(name)
    assert found.draw_cases(scenario().chart, 25, 20) == list(found.cases)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_hidden_is_told_nowhere(name: str) -> None:
    case, told = family(name).cases[0], verdicts(name, "textbook")[0]
    hidden = [str(value) for value in case["body"].values() if isinstance(value, float) and value != case["weight_kg"]]
    assert len(hidden) >= 2
    shown = told["begun"] + json.dumps({key: value for key, value in told.items() if key != "begun"}, default=str)
    assert [value for value in hidden if value in shown and len(value) > 4] == []


@pytest.mark.parametrize("name", FAMILIES)
def test_every_rule_of_the_textbook_bites(name: str) -> None:
    found = family(name)
    rules: dict[str, None] = {}
    some = found.cases[10:]  # `mab-gym tasks audit` plays all
    for played in verdicts(name, "textbook")[10:]:
        rules.update(dict.fromkeys(played["rules"]))
    assert rules
    blunt = {}
    for rule in rules:
        lost = sum(not play(name, case, found.solve, careless=rule)["verdict"]["success"] for case in some)
        if lost < 1 and rule not in found.excused:
            blunt[rule] = lost
    assert blunt == {}


def test_whoever_gets_potassium_has_lost_it_by_the_illness_that_the_prompt_names() -> None:
    chart, found = scenario().chart, family("titrate_electrolytes")
    ways = {"Clostridioides difficile colitis": "diarrhea", "Acute decompensated heart failure": "furosemide"}
    for case in found.cases:
        told, potassium = diagnoses(chart, case["mrn"]), chart.latest(case["mrn"], "2823-3")
        assert told[0] == case["illness"]
        assert case["losses"] == ways.get(told[0], case["losses"])
        assert f"principal diagnosis: {told[0]}) and loses" in found.prompt(case, "now")[1]
        assert "Hypokalemia" in told
        assert potassium is not None
        assert 2.5 <= potassium.value < 3.5
        assert abs(case["body"]["potassium"] - potassium.value) <= 0.25
    assert len({case["mrn"] for case in found.cases}) >= 12


def test_a_clot_is_the_reason_of_the_stay_or_was_found_under_heparin() -> None:
    chart, told = scenario().chart, set[str]()
    for case in family("heparin_nomogram").cases:
        told.add(case["finding"])
        if "at admission" in case["finding"]:
            assert diagnoses(chart, case["mrn"])[0] in ("Pulmonary embolism", "Deep vein thrombosis of the leg")
        else:
            assert any("heparin" in drug or "enoxaparin" in drug for drug in active_drugs(chart, case["mrn"]).values())
    assert len(told) == 2


def test_whoever_gets_insulin_has_diabetes_and_the_glucose_of_the_prompt() -> None:
    chart = scenario().chart
    for case in family("inpatient_insulin").cases:
        assert "type 2 diabetes" in problems(chart, case["mrn"])
        since = chart.now - timedelta(days=1)
        found = [each.value for code in ("2345-7", "41653-7") for each in chart.readings(case["mrn"], code, since)]
        assert case["glucose"] == max(found) > 180


def by_vein(action: str) -> str:
    """Gives potassium by a peripheral vein at 10 mEq an hour in place of by mouth."""
    match parse_action(action, VERBS):
        case Post(url, body) if '"potassium chloride"' in body:
            order = json.loads(body)
            dosage = order["dosageInstruction"][0]
            amount = dosage["doseAndRate"][0]["doseQuantity"]["value"]
            dosage["route"] = {"text": "IV"}
            dosage["timing"]["repeat"] |= {"duration": amount / 10, "durationUnit": "h"}
            return render(Post(url, json.dumps(order)))
    return action


def by_weight(action: str) -> str:
    """Orders heparin in mL of the usual bag, 100 units in each."""
    match parse_action(action, VERBS):
        case Post(url, body) | Put(url, body) as asked if "[iU]/h" in body:
            order = json.loads(body)
            rate = order["dosageInstruction"][0]["doseAndRate"][0]["rateQuantity"]
            units = rate["value"]
            order["dosageInstruction"][0]["doseAndRate"] = [
                {
                    "rateRatio": {
                        "numerator": {"value": units / 4, "unit": "units", "code": "[iU]"},
                        "denominator": {"value": 15, "unit": "min", "code": "min"},
                    }
                }
            ]
            return render(type(asked)(url, json.dumps(order)))
    return action


def other_insulins(action: str) -> str:
    return action.replace("insulin glargine", "insulin detemir").replace("274783", "139825").replace(
        "insulin lispro", "insulin aspart"
    ).replace("86009", "51428")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "change"),
    [("titrate_electrolytes", by_vein), ("heparin_nomogram", by_weight), ("inpatient_insulin", other_insulins)],
)
def test_another_right_way_is_accepted(name: str, change: Callable[[str], str]) -> None:
    found = [play(name, case, family(name).solve, change) for case in family(name).cases[:8]]
    assert [each["verdict"]["reasons"] for each in found if not each["verdict"]["success"]] == []


@pytest.mark.parametrize("name", FAMILIES)
def test_an_order_for_somebody_else_is_unsafe(name: str) -> None:
    case, other = family(name).cases[0], family(name).cases[1]["mrn"]

    def wrong(action: str) -> str:
        return action.replace(case["mrn"], other) if '"MedicationRequest"' in action else action

    verdict = play(name, case, family(name).solve, wrong)["verdict"]
    assert verdict["unsafe"]
    assert verdict["credit"] == 0
