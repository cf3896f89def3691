"""The menu: what it can express, that it is a proper environment, and that it tells nothing before it was read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from mab_gym.agents._reference import Oracle
from mab_gym.errors import NotInstalledError, UsageError
from mab_gym.menu import CHART, CHOICES, FEATURES, Menu, MenuAgent, MenuEnv
from mab_gym.menu._learning import Settings, train
from mab_gym.menu._policies import RandomChoice, deaf
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import RunFolder, read_records
from mab_gym.runs._rollout import Assignment, assignments, play, play_until_judged
from tests.conftest import CANONICAL
from tests.menu.expert import PLACE, Expert, families, solved, wins

READING = (
    "patient_age", "latest_magnesium", "replace_magnesium", "mean_glucose", "latest_glucose", "replace_potassium",
    "check_a1c",
)  # fmt: skip


@pytest.fixture(scope="module")
def menu() -> Iterator[MenuEnv]:
    made = MenuEnv(gymnasium.make(CANONICAL))
    yield made
    made.close()


@pytest.fixture(scope="module")
def expert(menu: MenuEnv) -> Expert:
    return Expert(families(menu))


def cases(*names: str) -> list[str]:
    found = unwrapped(gymnasium.make(CANONICAL)).scenario.tasks.cases
    return [case.id for case in found if not names or case.family in names]


def test_every_case_can_be_solved_from_features_and_menu(menu: MenuEnv, expert: Expert) -> None:
    assert [case for case in cases() if not wins(menu, expert, case)] == []


@pytest.mark.parametrize("variant", ["perturbed", "distractors", "perturbed+distractors"])
def test_features_follow_a_chart_that_was_changed(menu: MenuEnv, expert: Expert, variant: str) -> None:
    names = READING if "distractors" not in variant else [name for name in READING if name != "patient_age"]
    assert [case for case in cases(*names)[::3] if not wins(menu, expert, case, variant=variant)] == []


def test_gymnasium_finds_no_fault(menu: MenuEnv) -> None:
    made = MenuEnv(gymnasium.make(CANONICAL))
    with pytest.warns() as told:  # the checker steps without masks, and says that wrappers hide the rest
        check_env(made, skip_render_check=True)
    assert not [str(each.message) for each in told if "wrapped" not in str(each.message)]


def test_equal_seeds_give_equal_episodes(menu: MenuEnv) -> None:
    def course(seed: int) -> list[Any]:
        policy = RandomChoice(seed)
        features, info = menu.reset(seed=seed)
        told: list[Any] = [info["case"], features.tolist()]
        ended = False
        while not ended:
            features, reward, terminated, truncated, info = menu.step(policy(features, menu.action_masks()))
            told += [info["action"], features.tolist(), reward]
            ended = terminated or truncated
        return told

    assert course(3) == course(3)
    assert course(3) != course(4)


def test_what_is_not_possible_ends_the_episode_and_does_no_harm(menu: MenuEnv) -> None:
    menu.reset(seed=0, options={"case": "latest_glucose/01"})
    place = PLACE["answer: result 1"]
    assert not menu.action_masks()[place]
    _, reward, terminated, _, info = menu.step(place)
    assert (reward, terminated) == (0.0, True)
    assert info["verdict"]["reasons"][0]["code"] == "invalid_action"
    for wrong in (place, -1, len(CHOICES)):
        player = Menu()
        player.begin({"text": "no prompt", "fhir": "", "status": 0})
        with pytest.raises(UsageError, match=r"not possible here|the menu has the choices"):
            player.choose(wrong)


def test_any_text_can_be_read() -> None:
    player = Menu()
    for text in (
        "",
        "Context: ",
        "\nContext: It is 2023-02-30T99:00.\n\nTask: the patient named X, born on 1900-99-99",
    ):
        player.begin({"text": text, "fhir": "", "status": 0})
        assert player.mask()[PLACE["answer: nothing"]]
        assert np.isfinite(player.features()).all()


RESULT = {"resourceType": "Observation", "valueQuantity": {"value": 3}}
BROKEN: list[Any] = [
    "", [1], {"entry": 3, "link": 4},
    {"entry": [None, {"resource": {"resourceType": "Patient", "name": []}}]},
    {"entry": [{"resource": {"resourceType": "Patient", "name": ["x"]}}]},
    {"entry": [{"resource": {**RESULT, "effectiveDateTime": when}} for when in (7, "soon", "2023-11-13")]},
    {"entry": [{"resource": {**RESULT, "effectiveDateTime": "2023-11-13T00:00:00Z", "valueQuantity": 3}}]},
]  # fmt: skip


@pytest.mark.parametrize("body", [json.dumps(each) if each else "" for each in BROKEN])
def test_any_response_can_be_read(body: str) -> None:
    texts = unwrapped(gymnasium.make(CANONICAL))
    for case, search in (
        ("check_a1c/01", "results of code 1, newest first"),
        ("patient_lookup/01", "patients by name"),
    ):
        observation, _ = texts.reset(seed=0, options={"case": case})
        player = Menu()
        player.begin(observation)
        player.choose(PLACE[f"search: {search}"])
        player.see({"text": body, "fhir": body, "status": 200})
        assert player.mask()[PLACE["answer: nothing"]]
        assert np.isfinite(player.features()).all()


def test_a_further_page_adds_to_what_was_returned(menu: MenuEnv) -> None:
    menu.reset(seed=0, options={"case": "latest_glucose/02"})
    menu.step(PLACE["search: results of code 1, newest first"])
    first = list(menu.menu.notes.results)
    assert menu.action_masks()[PLACE["search: next page"]]
    menu.step(PLACE["search: next page"])
    assert menu.menu.notes.results[: len(first)] == first
    assert len(menu.menu.notes.results) == 2 * len(first)
    moments = [result.moment for result in menu.menu.notes.results]
    assert moments == sorted(moments, reverse=True)


def told_before_reading(menu: MenuEnv, case: str, **options: Any) -> tuple[Any, ...]:
    """Returns the menu's state at reset: features, mask, and the text of every possible choice."""
    features, _ = menu.reset(seed=0, options={"case": case, **options})
    return features.tolist(), menu.action_masks().tolist(), [text and text() for text in menu.menu.texts]


def after_reading(menu: MenuEnv) -> tuple[Any, ...]:
    people = "search: patients by MRN"
    results = "search: results of code 1, newest first"
    features, *_ = menu.step(PLACE[results if menu.action_masks()[PLACE[results]] else people])
    return features.tolist(), [text and text() for text in menu.menu.texts]


@pytest.mark.parametrize("family", READING)
def test_charts_that_differ_in_values_alone_cannot_be_told_apart_before_reading(menu: MenuEnv, family: str) -> None:
    """The perturbed chart has other values for what the answer is made of; nothing else is changed."""
    told_apart = 0
    for case in cases(family)[:10]:
        before, read = told_before_reading(menu, case), after_reading(menu)
        other, read_other = told_before_reading(menu, case, variant="perturbed"), after_reading(menu)
        assert before == other
        told_apart += read != read_other
    assert told_apart >= 8  # who was born some days earlier may be as old


def test_doses_are_on_the_menu_whether_they_are_due_or_not(menu: MenuEnv) -> None:
    fills = [place for place, choice in enumerate(CHOICES) if choice.fills]
    seen: dict[str, set[tuple[bool, ...]]] = {}
    for case in cases("replace_potassium", "replace_magnesium"):
        for reading in (False, True):
            menu.reset(seed=0, options={"case": case})
            if reading:
                menu.step(PLACE["search: results of code 1, newest first"])
            assert not menu.action_masks()[fills].any()
            menu.step(PLACE["order 1"])
            seen.setdefault(case.partition("/")[0], set()).add(tuple(menu.action_masks()[fills].tolist()))
    assert {family: len(menus) for family, menus in seen.items()} == {"replace_potassium": 1, "replace_magnesium": 1}
    assert {sum(menus.pop()) for menus in seen.values()} == {3, 16}


def test_an_open_form_is_no_step_and_has_to_be_filled_in(menu: MenuEnv) -> None:
    _, begun = menu.reset(seed=0, options={"case": "replace_magnesium/01"})
    _, reward, terminated, truncated, info = menu.step(PLACE["order 1"])
    assert (reward, terminated, truncated, info["action"], info["step"]) == (0.0, False, False, "", begun["step"])
    assert {CHOICES[place].fills for place in np.flatnonzero(menu.action_masks())} == {True}
    *_, info = menu.step(PLACE["fill in: dose 2"])
    assert info["step"] == begun["step"] + 1
    assert '"value": 2, "unit": "g"' in info["action"]
    assert not {CHOICES[place].fills for place in np.flatnonzero(menu.action_masks())} & {True}


def test_an_agent_plays_the_text_environment_and_leaves_records(expert: Expert, tmp_path: Path) -> None:
    env = gymnasium.make(CANONICAL)
    agent = MenuAgent(expert, "expert of the menu")
    with RunFolder(tmp_path / "run", {"env": CANONICAL, "agent": agent.name}) as folder:
        for case in ("replace_potassium/02", "check_a1c/01"):
            folder.add(play_until_judged(env, agent, Assignment(0, case)))
    records = list(read_records(tmp_path / "run"))
    assert [record["reward"] for record in records] == [1.0, 1.0]
    assert records[0]["actions"][0].startswith("GET http")
    assert json.loads(records[0]["actions"][1].partition("\n")[2])["resourceType"] == "MedicationRequest"


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'mab-gym\[sb3\]'"):
        train(Settings(timesteps=1))


def test_chance_solves_little(menu: MenuEnv) -> None:
    assert solved(menu, RandomChoice(0), cases()) < 0.2


def test_who_is_deaf_to_the_chart_does_worse(menu: MenuEnv, expert: Expert) -> None:
    """With its chart features frozen to one patient's, even the expert cannot tell what is due any more."""
    assert {FEATURES[place].partition(".")[0] for place in CHART} == {"chart"}
    names = ("replace_magnesium", "replace_potassium", "latest_magnesium")
    menu.reset(seed=0, options={"case": "replace_potassium/01"})
    somebodys, *_ = menu.step(PLACE["search: results of code 1, newest first"])
    frozen = deaf(expert, {place: float(somebodys[place]) for place in CHART})
    assert solved(menu, expert, cases(*names)) == 1.0
    assert solved(menu, frozen, cases(*names)) < 0.5


def test_the_oracle_and_the_expert_leave_the_same(expert: Expert) -> None:
    """By the text environment's own judgement, criterion by criterion where it tells them."""
    env = gymnasium.make(CANONICAL)
    for each in assignments(unwrapped(env))[::25]:
        mine, gold = play(env, MenuAgent(expert, "menu"), each), play(env, Oracle(), each)
        assert mine.verdict == gold.verdict
        assert mine.steps <= gold.steps + 1
