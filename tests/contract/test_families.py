"""The rules that every task family must keep, whoever wrote it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, SupportsFloat

import gymnasium
import pytest

from mab_gym.agents._reference import InstantFinish, Oracle
from mab_gym.envs._scenario import Scenario
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import assignments, play, play_all
from mab_gym.tasking._catalogue import load_catalogue
from mab_gym.tasking._difficulty import rated
from mab_gym.tasking._freeze import CASES_A_FAMILY, FREEZING_SEED
from mab_gym.tasking._gold import play_gold
from mab_gym.tasking.judging import Result
from mab_gym.tasking.solving import Desk
from tests.conftest import CANONICAL

CATALOGUE = load_catalogue()
FAMILIES = list(CATALOGUE)
# Number, kind and difficulty of MedAgentBench's ten categories (facts of the benchmark).
CATEGORIES = {
    1: ("query", "easy"), 2: ("query", "medium"), 3: ("action", "easy"), 4: ("query", "medium"),
    5: ("action", "hard"), 6: ("query", "medium"), 7: ("query", "medium"), 8: ("action", "easy"),
    9: ("action", "hard"), 10: ("action", "hard"),
}  # fmt: skip
NEED_NO_READING = {"record_blood_pressure", "refer_orthopaedics"}


def test_the_ten_categories_are_all_here() -> None:
    assert {f.number: (f.kind, f.difficulty) for f in CATALOGUE.values()} == CATEGORIES


@pytest.mark.parametrize("name", FAMILIES)
def test_thirty_frozen_cases_cover_every_branch(name: str) -> None:
    family = CATALOGUE[name]
    assert [case.number for case in family.cases] == list(range(1, 31))
    shares = Counter(case.branch for case in family.cases)
    assert set(shares) == set(family.branches)
    assert min(shares.values()) >= 3
    assert len({json.dumps(dict(case.params)) for case in family.cases}) == 30


@pytest.mark.parametrize("name", FAMILIES)
def test_frozen_cases_are_what_the_recipe_draws(name: str, scenario: Scenario) -> None:
    family = CATALOGUE[name]
    assert family.draw_cases(scenario.chart, FREEZING_SEED, CASES_A_FAMILY) == list(family.cases)


@pytest.mark.parametrize("name", FAMILIES)
def test_prompts_are_filled_and_say_how_to_answer(name: str, scenario: Scenario) -> None:
    family = CATALOGUE[name]
    for case in family.cases:
        context, question = family.prompt(case, scenario.backend.now.isoformat())
        assert "2023-11-13T10:15:00+00:00" in context
        assert "answer" in context
        assert "{" not in context + question


def test_the_oracle_solves_all_300_through_the_environment() -> None:
    env = gymnasium.make(CANONICAL)
    records = list(play_all(env, Oracle(), assignments(unwrapped(env))))
    assert len(records) == 300
    assert [r.case for r in records if r.reward != 1.0 or not r.terminated] == []
    easy = [r.steps for r in records if r.difficulty == "easy"]
    hard = [r.steps for r in records if r.difficulty == "hard"]
    assert sum(easy) / len(easy) < sum(hard) / len(hard)


def test_finishing_at_once_never_scores() -> None:
    env = gymnasium.make(CANONICAL)
    assert sum(r.reward for r in play_all(env, InstantFinish(), assignments(unwrapped(env)))) == 0.0


def gold_actions(env: gymnasium.Env[Any, str], case_id: str) -> list[str]:
    """Returns the writes of the oracle for a case."""
    oracle, actions = Oracle(), []
    observation, info = env.reset(seed=0, options={"case": case_id})
    inner = unwrapped(env)
    case = inner.episode.case
    assert case is not None
    oracle.brief(inner.scenario, case)
    oracle.reset(observation, info, 0)
    done = False
    while not done:
        actions.append(oracle.act(observation))
        observation, _, terminated, truncated, _ = env.step(actions[-1])
        done = terminated or truncated
    return actions


def replay(env: gymnasium.Env[Any, str], case_id: str, actions: list[str]) -> tuple[float, list[str]]:
    """Plays given actions; the reward and the codes of the verdict's reasons."""
    env.reset(seed=0, options={"case": case_id})
    reward: SupportsFloat = 0.0
    info: dict[str, Any] = {}
    for action in actions:
        _, reward, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            break
    return float(reward), [reason["code"] for reason in info["verdict"]["reasons"]]


@pytest.mark.parametrize("name", FAMILIES)
def test_anything_else_written_is_rejected(name: str) -> None:
    env = gymnasium.make(CANONICAL)
    for number in (1, 11, 21):
        case_id = f"{name}/{number:02d}"
        actions = gold_actions(env, case_id)
        assert replay(env, case_id, actions) == (1.0, ["solved"])
        mrn = next(iter(unwrapped(env).scenario.chart.profiles()))
        stray = {"resourceType": "Condition", "subject": {"reference": f"Patient/{mrn}"}}
        written = f"POST http://localhost:8080/fhir/Condition\n{json.dumps(stray)}"
        assert replay(env, case_id, [written, *actions]) == (0.0, ["write_unexpected"])


@pytest.mark.parametrize("name", [f for f in FAMILIES if CATALOGUE[f].kind == "action"])
def test_orders_of_another_patient_twice_or_not_at_all_are_rejected(name: str) -> None:
    env = gymnasium.make(CANONICAL)
    tried = 0
    for case in CATALOGUE[name].cases:
        actions = gold_actions(env, case.id)
        posts = [action for action in actions if action.startswith("POST")]
        if not posts:
            continue
        tried += 1
        profiles = unwrapped(env).scenario.chart.profiles()
        somebody_else = next(mrn for mrn in profiles if mrn != case["mrn"])
        wrong = [a.replace(f"Patient/{case['mrn']}", f"Patient/{somebody_else}") for a in actions]
        assert "wrong_patient" in replay(env, case.id, wrong)[1]
        assert "write_duplicate" in replay(env, case.id, [posts[0], *actions])[1]
        assert "write_missing" in replay(env, case.id, [a for a in actions if a not in posts])[1]
        draft = [a.replace('"active"', '"draft"').replace('"final"', '"preliminary"') for a in actions]
        assert "wrong_status" in replay(env, case.id, draft)[1]
        later = [a.replace("2023-11-13T10:15:00", "2023-11-13T10:16:00") if a in posts else a for a in actions]
        assert "wrong_time" in replay(env, case.id, later)[1]
        elsewhere = [
            a.replace("2023-11-13T10:15:00+00:00", "2023-11-13T02:15:00-08:00") if a in posts else a for a in actions
        ]
        assert replay(env, case.id, elsewhere) == (1.0, ["solved"])
    assert tried >= 15


@pytest.mark.parametrize("name", [f for f in FAMILIES if f not in NEED_NO_READING])
def test_another_cases_answer_does_not_score(name: str) -> None:
    """Answers differ from case to case, so that one has to read."""
    env = gymnasium.make(CANONICAL)
    ids = [case.id for case in CATALOGUE[name].cases]
    finishes = [gold_actions(env, case_id)[-1] for case_id in ids]
    assert max(Counter(finishes).values()) <= 4


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[",
        "nonsense",
        "[NaN]",
        '{"a": 1}',
        "[[[[]]]]",
        "null",
        '["' + "x" * 5000 + '"]',
        "[true]",
        "[1" + "0" * 4000 + ', "0001-01-01T00:00:00+23:59"]',
        '[-1, "9999-12-31T23:59:59-23:59"]',
        '[{"a": []}, null]',
    ],
)
def test_no_answer_makes_a_verifier_raise(name: str, answer: str, scenario: Scenario) -> None:
    family = CATALOGUE[name]
    for case in family.cases[:3]:
        verdict = family.verify(case, scenario.chart, Result(answer, ()))
        assert not verdict.success
        assert verdict.failure is not None


@pytest.mark.parametrize("name", FAMILIES)
def test_difficulty_is_what_the_solutions_take(name: str) -> None:
    """The frozen numbers of steps are those of the gold solutions as they are, and no fewer than their requests."""
    env = gymnasium.make(CANONICAL)
    family, backend = CATALOGUE[name], unwrapped(env).scenario.backend
    requests = {
        case.id: play(env, Oracle(), a).steps - 1
        for case, a in zip(family.cases, assignments(unwrapped(env), family=name), strict=True)
    }
    for case in family.cases:
        desk = Desk(backend.base_url, backend.now)
        assert case.steps == play_gold(family.solve, case, desk, backend.open()).steps
        assert requests[case.id] <= case.steps
    assert family.difficulty == rated(max(case.steps or 0 for case in family.cases))
