"""The menu of a family on the clock: its guide does the routine, questions are the decisions, right ones solve."""

from __future__ import annotations

from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest

from mab_gym.errors import UsageError
from mab_gym.menu import Question, StayMenuEnv

DOSES = (0.2, 0.3, 0.4, 0.5)


@pytest.fixture
def env() -> Iterator[StayMenuEnv]:
    made = StayMenuEnv(gymnasium.make("mab_gym/Hospital-v0"), "inpatient_insulin")
    yield made
    made.close()


def by_the_page(question: Question) -> int:
    """Answers a question by the handbook, from its features alone."""
    features = list(question.features)
    kind, (glucose, old, weak, failing) = features[:6].index(1.0), (features[9] * 400, *features[10:13])
    more = features[13:]
    match kind:
        case 0:
            return DOSES.index(0.2 if failing else 0.3 if old or weak else 0.4 if glucose <= 200 else 0.5)
        case 1:
            return 0 if old or weak else 1
        case 2:
            return 1
        case 3:
            return int(more[1])
        case 4:
            return 1 if more[0] else 2 if more[1] else 0
    _, _, _, low, near, mean, fasting = more
    return 0 if low else 1 if near else 3 if mean or fasting else 2


def play(env: StayMenuEnv, case: str, at_random: bool = False) -> tuple[bool, int]:
    observation, _ = env.reset(seed=1, options={"case": case})
    rng = np.random.default_rng(7)
    for decisions in range(1, 40):
        assert env.observation_space.contains(observation)
        mask = env.action_masks()
        assert mask.sum() == len(env.question.options)
        choice = int(rng.choice(np.flatnonzero(mask))) if at_random else by_the_page(env.question)
        observation, _, terminated, truncated, info = env.step(choice)
        if terminated or truncated:
            return bool(info["verdict"]["success"]), decisions
    raise AssertionError("a stay has an end")


def test_right_options_solve_and_options_at_random_do_not(env: StayMenuEnv) -> None:
    cases = [f"inpatient_insulin/{number:02d}" for number in range(1, 21, 2)]
    found = [play(env, case) for case in cases]
    assert sum(solved for solved, _ in found) >= 9
    assert all(decisions >= 6 for _, decisions in found)
    assert sum(play(env, case, at_random=True)[0] for case in cases) <= 1


def test_an_option_that_is_not_there_ends_the_episode_unsolved(env: StayMenuEnv) -> None:
    env.reset(seed=1)
    _, reward, terminated, _, info = env.step(5)
    assert terminated
    assert reward == 0
    assert not info["verdict"]["success"]


def test_a_family_without_a_guide_is_refused() -> None:
    with pytest.raises(UsageError, match=r"has no menu\.py"):
        StayMenuEnv(gymnasium.make("mab_gym/Hospital-v0"), "heparin_nomogram")
