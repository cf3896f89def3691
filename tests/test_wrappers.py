"""Rewards: what each wrapper pays, that shaping moves no optimum, and the cost of what is unsafe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import gymnasium
import numpy as np
import pytest

from mab_gym.actions import OutOfContext
from mab_gym.agents._reference import Oracle
from mab_gym.envs._random_actions import plausible_action
from mab_gym.episode import Step
from mab_gym.errors import UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.wrappers import InvalidActionPenalty, PartialCredit, PotentialShaping, ShapingState, StepPenalty
from tests.conftest import CANONICAL, OFFICIAL, make

BASE = "http://localhost:8080/fhir"
Env = gymnasium.Env[Any, str]


def gold(env: Env, **options: Any) -> list[str]:
    """Returns the oracle's actions in an episode of a bare environment."""
    oracle, actions = Oracle(), []
    observation, _ = env.reset(seed=3, options=options)
    inner = unwrapped(env)
    case = inner.episode.case
    assert case is not None
    oracle.brief(inner.scenario, case)
    ended = False
    while not ended:
        actions.append(oracle.act(observation))
        observation, _, terminated, truncated, _ = env.step(actions[-1])
        ended = terminated or truncated
    return actions


def play(env: Env, actions: Sequence[str], **options: Any) -> tuple[list[float], dict[str, Any]]:
    """The rewards of some actions, and the last info."""
    _, info = env.reset(seed=3, options=options)
    rewards = []
    for action in actions:
        _, reward, terminated, truncated, info = env.step(action)
        rewards.append(float(reward))
        if terminated or truncated:
            break
    return rewards, info


def with_branch(family: str, branch: str) -> str:
    tasks = unwrapped(gymnasium.make(CANONICAL)).scenario.tasks
    return next(case.id for case in tasks.cases if (case.family, case.branch) == (family, branch))


OTHER_ACTIONS: Any = gymnasium.spaces.Discrete(3)
LOW = with_branch("replace_potassium", "low")


def stranger() -> dict[str, str]:
    """A patient whom no canonical case is about."""
    tasks = unwrapped(gymnasium.make(CANONICAL)).scenario
    about = {case.params.get("mrn") for case in tasks.tasks.cases}
    return {"reference": "Patient/" + next(mrn for mrn in tasks.chart.profiles() if mrn not in about)}


def changed(action: str, **fields: Any) -> str:
    line, _, body = action.partition("\n")
    return f"{line}\n{json.dumps({**json.loads(body), **fields})}"


# --- shaping ---------------------------------------------------------------------------------------------------------


def by_chance(situation: ShapingState) -> float:
    """Some potential that nobody would choose; the first state has one, too."""
    state = (situation.steps, sorted(situation.returned), [write.text for write in situation.episode.session.writes])
    return int(hashlib.sha256(repr(state).encode()).hexdigest()[:4], 16) / 1000 - 20


@pytest.mark.parametrize("potential", [None, by_chance])
def test_shaping_changes_every_return_by_the_first_potential_alone(
    potential: Callable[[ShapingState], float] | None,
) -> None:
    gamma = 0.9
    plain = gymnasium.make(CANONICAL, reward="partial")
    shaped = PotentialShaping(gymnasium.make(CANONICAL, reward="partial"), gamma, potential)
    rng = np.random.default_rng(5)
    ends = set()
    cases = [case.id for case in unwrapped(plain).scenario.tasks.cases][::13]
    for number, case in enumerate(cases):
        actions = gold(plain, case=case)
        if number % 2:
            mrn = unwrapped(plain).episode.case.params.get("mrn")  # type: ignore[union-attr]
            actions = [*actions[:-1], *(plausible_action(rng, BASE, mrn) for _ in range(8))]
        if number % 6 == 5:
            actions = [f"GET {BASE}/Patient/{n}" for n in range(8)]
        rewards, info = play(plain, actions, case=case)
        ends.add(info["verdict"]["failure"])
        other, _ = play(shaped, actions, case=case)
        first = 0.0
        if potential is not None:
            shaped.reset(seed=3, options={"case": case})
            first = potential(ShapingState(shaped._inner.scenario, shaped._inner.episode, frozenset(), 0))
        difference = sum(gamma**t * (b - a) for t, (a, b) in enumerate(zip(rewards, other, strict=True)))
        assert difference == pytest.approx(-first, abs=1e-9)
    assert {None, "step_limit"} < ends


def test_progress_is_paid_on_the_way_and_taken_back_at_the_end() -> None:
    actions = gold(gymnasium.make(CANONICAL), case=LOW)
    shaped = PotentialShaping(gymnasium.make(CANONICAL))
    rewards, _ = play(shaped, actions, case=LOW)
    assert [round(reward, 6) for reward in rewards[:1]] == [round(1 / 3, 6)]
    assert all(reward > 0 for reward in rewards[1:-1])
    assert sum(rewards[:-1]) == pytest.approx(1.0)
    assert rewards[-1] == pytest.approx(0.0)  # 1 for the solved case, less the potential of 1
    # Another way to read the same counts, too; an order for somebody else takes all progress back.
    mrn = unwrapped(shaped).scenario.tasks.case(LOW)["mrn"]
    other = f"GET {BASE}/Observation?patient={mrn}&code=K&_sort=-date"
    wrong = changed(actions[1], subject=stranger())
    rewards, _ = play(shaped, [other, wrong, actions[2]], case=LOW)
    assert rewards[0] == pytest.approx(1 / 3)
    assert sum(rewards) == pytest.approx(0.0)


def test_shaping_in_a_variant_knows_the_values_of_the_variant() -> None:
    shaped = PotentialShaping(gymnasium.make(CANONICAL))
    for variant in ("perturbed", "distractors+by_name", "lookup"):
        actions = gold(gymnasium.make(CANONICAL), case=LOW, variant=variant)
        rewards, info = play(shaped, actions, case=LOW, variant=variant)
        assert info["verdict"]["success"]
        assert sum(rewards[:-1]) == pytest.approx(1.0)


def test_a_truncated_episode_keeps_its_potential_for_a_learner_that_bootstraps() -> None:
    read = gold(gymnasium.make(CANONICAL), case=LOW)[0]
    ends, bootstraps = (
        PotentialShaping(gymnasium.make(CANONICAL, max_steps=2), 0.5, bootstraps=flag) for flag in (False, True)
    )
    assert play(ends, [read, read], case=LOW)[0] == pytest.approx([0.5 / 3, -1 / 3])
    assert play(bootstraps, [read, read], case=LOW)[0] == pytest.approx([0.5 / 3, 0.5 / 3 - 1 / 3])


def test_an_end_by_a_full_context_is_shaped_like_any_other() -> None:
    read = gold(gymnasium.make(CANONICAL), case=LOW)[0]
    shaped = StepPenalty(PotentialShaping(gymnasium.make(CANONICAL)), 0.25)
    (reward,), _ = play(shaped, [read], case=LOW)
    step = Step(*shaped.step(OutOfContext("full")))  # type: ignore[arg-type]
    assert reward + step.reward == pytest.approx(-0.25)


HORIZON, GAMMA = 4, 0.9


def menu(case: str) -> list[str]:
    """Returns the choices of a small agent in a real case: right, wrong and idle actions."""
    actions = gold(gymnasium.make(CANONICAL), case=case)
    posts = [action for action in actions if action.startswith("POST")]
    return [*actions, changed(posts[0], status="draft") if posts else f"GET {BASE}/Patient", "FINISH([1])"]


def optimal(env: Env, case: str, actions: Sequence[str]) -> dict[tuple[int, ...], frozenset[int]]:
    """For each history that can come about, which actions are optimal: by trying all sequences, backwards."""

    @cache
    def value(history: tuple[int, ...]) -> float:
        rewards, info = play(env, [actions[number] for number in history], case=case)
        reward = rewards[-1] if rewards else 0.0
        return reward if "verdict" in info else reward + GAMMA * max(following(history))

    @cache
    def following(history: tuple[int, ...]) -> tuple[float, ...]:
        return tuple(value((*history, number)) for number in range(len(actions)))

    def best(history: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], frozenset[int]]]:
        values = following(history)
        yield history, frozenset(n for n, v in enumerate(values) if v >= max(values) - 1e-9)
        for number in range(len(actions)):
            if len(history) + 1 < HORIZON and not actions[number].startswith("FINISH"):
                yield from best((*history, number))

    return dict(best(()))


@pytest.mark.parametrize("family", ["check_a1c", "latest_magnesium"])
@pytest.mark.parametrize("reward", ["sparse", "partial"])
def test_shaping_leaves_the_optimal_actions_of_every_state_as_they_are(family: str, reward: str) -> None:
    case = with_branch(family, {"check_a1c": "out_of_date", "latest_magnesium": "only_before"}[family])
    actions = menu(case)

    def made() -> Env:
        return gymnasium.make(CANONICAL, max_steps=HORIZON, reward=reward)

    plain = optimal(made(), case, actions)
    assert len(plain) > 10
    assert any(len(best) < len(actions) for best in plain.values())
    assert optimal(PotentialShaping(made(), GAMMA), case, actions) == plain
    assert optimal(PotentialShaping(made(), GAMMA, by_chance), case, actions) == plain


def test_a_bonus_for_progress_that_is_not_taken_back_moves_the_optimum() -> None:
    """The test above would notice a shaping that is not potential-based."""

    class Bonus(PotentialShaping):
        def pay(self, action: str | None, step: Any) -> float:
            super().pay(action, step)
            return float(step.reward) + self._before

    case = with_branch("check_a1c", "out_of_date")
    actions = menu(case)
    plain = gymnasium.make(CANONICAL, max_steps=HORIZON)
    bonus = Bonus(gymnasium.make(CANONICAL, max_steps=HORIZON), GAMMA)
    assert optimal(bonus, case, actions) != optimal(plain, case, actions)


# --- partial credit --------------------------------------------------------------------------------------------------


def test_partial_credit_says_what_was_earned() -> None:
    env = PartialCredit(gymnasium.make(CANONICAL))
    case = with_branch("check_a1c", "out_of_date")
    read, order, finish = gold(gymnasium.make(CANONICAL), case=case)

    rewards, info = play(env, [read, order, finish], case=case)
    assert rewards == [0.0, 0.0, 1.0]
    assert all(info["criteria"].values())
    assert sum(info["earned"].values()) == pytest.approx(1.0)
    due = set(info["criteria"])
    assert {"answer.1", "answer.2", "ServiceRequest.written", "ServiceRequest.patient", "ServiceRequest.priority",
            "ServiceRequest.authoredOn", "ServiceRequest.code", "written.nothing_else"} <= due  # fmt: skip

    rewards, info = play(env, [read, changed(order, priority="routine"), finish], case=case)
    assert [name for name, met in info["criteria"].items() if not met] == ["ServiceRequest.priority"]
    assert rewards[-1] == pytest.approx(0.9)
    assert info["earned"]["ServiceRequest.priority"] == 0.0
    assert sum(info["earned"].values()) == pytest.approx(12 / 13)
    # An order that was forgotten has none of its properties, and without any order nothing is earned.
    rewards, info = play(env, [read, finish], case=case)
    assert set(info["criteria"]) == due
    assert not info["criteria"]["ServiceRequest.priority"]
    assert rewards[-1] == 0.0


def test_weights_go_by_whole_names_and_by_their_parts() -> None:
    case = with_branch("check_a1c", "out_of_date")
    read, order, finish = gold(gymnasium.make(CANONICAL), case=case)
    slip = changed(order, priority="routine")

    def earned(**weights: float) -> float:
        env = PartialCredit(gymnasium.make(CANONICAL), {name.replace("__", "."): w for name, w in weights.items()})
        return play(env, [read, slip, finish], case=case)[0][-1]

    assert earned(priority=0.0) == pytest.approx(0.9)  # all that counts is there, and yet it is not solved
    assert earned(ServiceRequest=0.0, ServiceRequest__priority=2.0) == pytest.approx(0.5)
    assert earned(answer=3.0) == pytest.approx(0.9)
    assert earned(answer=0.0, priority=3.0) == pytest.approx(10 / 13)


def test_nothing_is_earned_by_what_verdicts_give_no_credit_for() -> None:
    env = PartialCredit(gymnasium.make(CANONICAL))
    case = with_branch("check_a1c", "out_of_date")
    read, order, finish = gold(gymnasium.make(CANONICAL), case=case)
    wrong = changed(order, subject=stranger())
    for actions in ([read, wrong, finish], [order, "FINISH([])"], ["FINISH([])"], [read, order, "no action"]):
        rewards, info = play(env, actions, case=case)
        assert rewards[-1] == 0.0
        assert not any(info["earned"].values())
        assert info["criteria"]["answer.1"] is (actions[-1] == finish)


def test_partial_credit_stands_in_for_the_environments_own_reward_and_leaves_penalties() -> None:
    case = with_branch("check_a1c", "out_of_date")
    read, order, finish = gold(gymnasium.make(CANONICAL), case=case)
    for reward in ("sparse", "partial"):
        env = PartialCredit(StepPenalty(gymnasium.make(CANONICAL, reward=reward), 0.01))
        assert play(env, [read, finish], case=case)[0] == pytest.approx([-0.01, -0.01])
        assert play(env, [read, order, finish], case=case)[0] == pytest.approx([-0.01, -0.01, 0.99])


@pytest.mark.parametrize("env_id", [CANONICAL, "mab_gym/MedAgentBench-Beyond-v0"])
def test_every_case_is_judged_by_the_same_criteria_whatever_is_done(env_id: str) -> None:
    env = PartialCredit(gymnasium.make(env_id))
    plain = gymnasium.make(env_id)
    for case in [case.id for case in unwrapped(env).scenario.tasks.cases][::9]:
        actions = gold(plain, case=case)
        rewards, info = play(env, actions, case=case)
        assert rewards[-1] == 1.0
        assert all(info["criteria"].values())
        assert set(play(env, ["FINISH([])"], case=case)[1]["criteria"]) == set(info["criteria"])


# --- penalties -------------------------------------------------------------------------------------------------------


def test_each_step_costs() -> None:
    actions = gold(gymnasium.make(CANONICAL), case=LOW)
    assert play(StepPenalty(gymnasium.make(CANONICAL), 0.1), actions, case=LOW)[0] == pytest.approx(
        [-0.1] * (len(actions) - 1) + [0.9]
    )


@pytest.mark.parametrize(
    ("action", "kind", "cost"),
    [
        ("I am thinking", "none", 0.2),
        ("GET http://elsewhere.example/fhir/Patient", "refused", 0.4),
        (f"GET {BASE}/Nonsense", "client_error", 0.6),
        (f"GET {BASE}/Patient/nobody", "client_error", 0.6),
        (f"POST {BASE}/Observation\n{{", "client_error", 0.6),
        (f"GET {BASE}/Patient?_count=1", None, 0.0),
        ("FINISH(nonsense)", None, 0.0),
    ],
)
def test_what_comes_to_nothing_costs_by_its_kind(action: str, kind: str | None, cost: float) -> None:
    env = InvalidActionPenalty(gymnasium.make(CANONICAL), 0.2, none=1, refused=2, client_error=3)
    (reward, *_), info = play(env, [action], case=LOW)
    assert reward == pytest.approx(-cost)
    assert info.get("invalid_action") == kind


# --- how they are made -----------------------------------------------------------------------------------------------


def test_wrapped_environments_are_made_again_from_their_specs() -> None:
    env: Any = PartialCredit(gymnasium.make(CANONICAL), {"dose": 2.0})
    env = InvalidActionPenalty(StepPenalty(PotentialShaping(env, 0.5), 0.02), 0.3, refused=2.0)
    again: Any = gymnasium.make(env.spec)
    actions = [*gold(gymnasium.make(CANONICAL), case=LOW)[:2], "GET elsewhere", f"GET {BASE}/Nonsense", "FINISH([1])"]
    assert play(again, actions, case=LOW) == play(env, actions, case=LOW)
    assert again.spec.to_json() == env.spec.to_json()


@pytest.mark.parametrize(
    ("wrap", "words"),
    [
        (lambda env: StepPenalty(env, -1), "penalty is a number from 0"),
        (lambda env: StepPenalty(env, True), "penalty is a number from 0"),
        (lambda env: InvalidActionPenalty(env, refused=float("nan")), "refused is a number from 0"),
        (lambda env: PartialCredit(env, {"dose": -1}), "the weight of dose"),
        (lambda env: PotentialShaping(env, 1.5), "gamma is a number from 0 to 1"),
        (lambda env: PotentialShaping(gymnasium.make("CartPole-v1")), "not CartPoleEnv"),
        (lambda env: PartialCredit(gymnasium.wrappers.TransformAction(env, str, OTHER_ACTIONS)),
         "inside the wrappers"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_told(wrap: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        wrap(gymnasium.make(CANONICAL))


def test_official_tasks_have_no_criteria() -> None:
    for wrap in (PartialCredit, PotentialShaping):
        with pytest.raises(UsageError, match="graded officially"):
            wrap(make(OFFICIAL))
    with pytest.raises(UsageError, match="official rules"):
        InvalidActionPenalty(make(OFFICIAL))


# --- cost ------------------------------------------------------------------------------------------------------------


def costs(actions: Sequence[str], case: str) -> tuple[list[float], dict[str, Any]]:
    env = gymnasium.make(CANONICAL)
    _, info = env.reset(seed=3, options={"case": case})
    assert info["cost"] == 0.0
    found = []
    for action in actions:
        _, _, terminated, truncated, info = env.step(action)
        found.append(info["cost"])
        assert ("episode_cost" in info) is (terminated or truncated)
    return found, info


def test_what_is_unsafe_costs_at_the_step_that_shows_it() -> None:
    case = with_branch("replace_magnesium", "moderate")
    read, order, finish = gold(gymnasium.make(CANONICAL), case=case)
    assert costs([read, order, finish], case)[0] == [0.0, 0.0, 0.0]

    wrong = changed(order, subject=stranger())
    found, info = costs([read, wrong, read, finish], case)
    assert found == [0.0, 1.0, 0.0, 0.0]
    assert info["episode_cost"] == 1.0 == sum(reason["critical"] for reason in info["verdict"]["reasons"])
    # No dosage: dose, rate and route are missing; then the same again, which is one more.
    bare = changed(order, dosageInstruction=[])
    first, second = costs([bare, bare, finish], case)[0][:2]
    assert first >= 3.0
    assert second == 1.0
    # Without FINISH it costs the same.
    found, info = costs([wrong, "no action"], case)
    assert (found, info["episode_cost"]) == ([1.0, 0.0], 1.0)


def test_what_may_still_come_costs_nothing_before_the_end() -> None:
    """A transfusion that is due is critical where it is missing; that is known at the end alone."""
    env = gymnasium.make("mab_gym/MedAgentBench-Beyond-v0")
    env.reset(seed=0, options={"family": "follow_inr", "branch": "reverse"})
    case = unwrapped(env).episode.case
    assert case is not None
    stray = {"resourceType": "Condition", "subject": {"reference": f"Patient/{case['mrn']}"}}
    post = f"POST {BASE}/Condition\n{json.dumps(stray)}"
    found = [env.step(action)[4]["cost"] for action in (f"GET {BASE}/Patient?_count=1", post)]
    assert found == [0.0, 1.0]
    info = env.step("FINISH([])")[4]
    assert (info["cost"], info["episode_cost"]) == (2.0, 3.0)


def test_costs_agree_with_verdicts_over_random_episodes() -> None:
    env = gymnasium.make(CANONICAL)
    rng = np.random.default_rng(11)
    unsafe = 0
    for seed in range(150):
        _, info = env.reset(seed=seed)
        case = unwrapped(env).episode.case
        assert case is not None
        total = 0.0
        while "verdict" not in info:
            info = env.step(plausible_action(rng, BASE, case.params.get("mrn")))[4]
            total += info["cost"]
        verdict = info["verdict"]
        unsafe += verdict["unsafe"]
        assert info["episode_cost"] == total
        assert (total > 0) is verdict["unsafe"]
        assert total >= sum(reason["critical"] for reason in verdict["reasons"])
    assert 20 < unsafe < 130


def test_nothing_of_it_is_observed() -> None:
    """The observation of an unsafe order is that of any order that is stored."""
    case = with_branch("replace_magnesium", "moderate")
    _, order, _ = gold(gymnasium.make(CANONICAL), case=case)
    env = gymnasium.make(CANONICAL)
    texts = []
    for action in (order, changed(order, subject=stranger())):
        env.reset(seed=3, options={"case": case})
        observation, _, _, _, info = env.step(action)
        assert not {"verdict", "criteria", "branch"} & set(info)
        texts.append(observation["text"])
    mrn = unwrapped(env).scenario.tasks.case(case)["mrn"]
    assert texts[0].replace(f"Patient/{mrn}", stranger()["reference"]) == texts[1]
