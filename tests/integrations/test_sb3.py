"""Stable-Baselines3 on the menu: really trained, for some seconds, on easy families."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from mab_gym.menu import CHART, CHOICES, FEATURES, MenuEnv
from mab_gym.menu._learning import CurvePoint, Settings, Trained, train, validate
from mab_gym.menu._policies import RandomChoice, deaf
from tests.conftest import CANONICAL

pytest.importorskip("sb3_contrib", reason="sb3_contrib is not installed (extra sb3)")
pytestmark = pytest.mark.filterwarnings("default")  # other people's deprecations are not ours to mend

EASY = ("latest_glucose", "patient_age")
SHORT = Settings(families=EASY, timesteps=6_000, envs=8, reward="sparse", validate_every=3_000, horizon=512)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(SHORT)


def share(policy: Any) -> float:
    records = validate(policy, gymnasium.make(CANONICAL), EASY)
    return float(np.mean([record.verdict["success"] for record in records]))


def test_its_own_checker_finds_no_fault() -> None:
    from stable_baselines3.common.env_checker import check_env

    check_env(MenuEnv(gymnasium.make(CANONICAL)), warn=True)


def test_masks_are_found_where_maskable_ppo_looks() -> None:
    from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
    from stable_baselines3.common.vec_env import DummyVecEnv

    vec_env = DummyVecEnv([lambda: MenuEnv(gymnasium.make(CANONICAL))] * 2)
    vec_env.seed(0)
    observations = vec_env.reset()
    assert np.asarray(observations).shape == (2, len(FEATURES))
    assert is_masking_supported(vec_env)
    masks = get_action_masks(vec_env)
    assert masks.shape == (2, len(CHOICES))
    assert masks.any(axis=1).all()


def test_some_seconds_of_training_beat_chance_on_other_people(trained: Trained) -> None:
    chance = RandomChoice(0)
    assert share(trained.policy()) >= share(chance) + 0.3
    assert trained.timesteps >= SHORT.timesteps
    assert [point.timesteps for point in trained.curve] == sorted(point.timesteps for point in trained.curve)


def test_the_parameters_that_did_best_are_kept(trained: Trained) -> None:
    validation = validate(trained.policy(), gymnasium.make(SHORT.validation), EASY)
    best = max(point.validation for point in trained.curve)
    assert np.mean([record.verdict["success"] for record in validation]) == pytest.approx(best)


def test_a_policy_without_the_charts_features_is_another_one(trained: Trained) -> None:
    features = np.zeros(len(FEATURES), dtype=np.float32)
    features[list(CHART)] = 1.0
    heard: list[Any] = []
    deaf(lambda told, mask: heard.append(told) or 0)(features, np.ones(len(CHOICES), dtype=np.bool_))  # type: ignore[func-returns-value]
    assert not heard[0].any()
    assert features[list(CHART)].all()


def test_equal_seeds_learn_the_same() -> None:
    brief = Settings(families=EASY, timesteps=1_000, envs=4, reward="sparse", validate_every=10**9, horizon=512, seed=3)

    def parameters() -> list[Any]:
        return [value.numpy() for value in train(brief).model.policy.state_dict().values()]

    for one, other in zip(parameters(), parameters(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("reward", ["credit", "shaped"])
def test_other_rewards_can_be_learnt_from(reward: str) -> None:
    told: list[CurvePoint] = []
    brief = Settings(families=EASY, timesteps=512, envs=4, reward=reward, validate_every=10**9, horizon=512)
    assert train(brief, told.append).timesteps == 512
    assert len(told) == 1
