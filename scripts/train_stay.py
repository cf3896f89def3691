#!/usr/bin/env python3
"""Trains MaskablePPO on the decisions of a family on the clock, and tests the policy on other people.

    python scripts/train_stay.py --seconds 600 --seed 1            # needs: pip install -e '.[sb3]'

Training draws cases of the validation hospital, in two processes; then the policy plays cases that are drawn from the
people of the hospital itself, whom it never met, and so does a player who chooses at random.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import SubprocVecEnv

from mab_gym.menu import StayMenuEnv

TRAINED, TESTED = "mab_gym/Hospital-Validation-v0", "mab_gym/Hospital-v0"


class Clock(BaseCallback):
    """Ends training after some seconds, and tells of it every half minute."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.begun, self.seconds, self.told = time.monotonic(), seconds, 0.0
        self.solved: list[bool] = []

    def _on_step(self) -> bool:
        self.solved += [bool(info["verdict"]["success"]) for info in self.locals["infos"] if "verdict" in info]
        passed = time.monotonic() - self.begun
        if passed - self.told > 30 and self.solved:
            self.told = passed
            share = float(np.mean(self.solved[-100:]))
            print(f"{passed:4.0f} s  {len(self.solved):5} episodes  {share:.0%} of the last 100 solved", flush=True)
        return passed < self.seconds


def maker(family: str, seed: int) -> Callable[[], gymnasium.Env[Any, Any]]:
    """Returns what makes one environment to train on."""

    def make() -> gymnasium.Env[Any, Any]:
        env = StayMenuEnv(gymnasium.make(TRAINED, reward="partial", cases="drawn"), family)
        env.reset(seed=seed)
        return env

    return make


def solved(family: str, choose: Callable[[Any, Any], int], episodes: int) -> float:
    """Returns the share of cases of the people of the hospital that a player solves."""
    env = StayMenuEnv(gymnasium.make(TESTED, cases="drawn"), family)
    found = []
    for number in range(episodes):
        features, info = env.reset(seed=2024 if number == 0 else None)
        over = False
        while not over:
            features, _, terminated, truncated, info = env.step(choose(features, env.action_masks()))
            over = terminated or truncated
        found.append(bool(info["verdict"]["success"]))
    return float(np.mean(found))


def main() -> None:
    """Trains, tests, and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", default="inpatient_insulin")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--episodes", type=int, default=60)
    given = parser.parse_args()
    torch.set_num_threads(1)
    envs = SubprocVecEnv([maker(given.family, given.seed * 100 + place) for place in range(2)])
    model = MaskablePPO(
        "MlpPolicy", envs, n_steps=192, batch_size=96, n_epochs=12, learning_rate=1e-3, gamma=1.0, gae_lambda=1.0,
        ent_coef=0.01, policy_kwargs={"net_arch": [64, 64]}, seed=given.seed,
    )  # fmt: skip
    model.learn(10**9, callback=Clock(given.seconds))
    envs.close()
    rng = np.random.default_rng(given.seed)

    def at_random(features: Any, mask: Any) -> int:
        return int(rng.choice(np.flatnonzero(mask)))

    def learned(features: Any, mask: Any) -> int:
        return int(model.predict(features, action_masks=mask, deterministic=True)[0])

    for name, player in (("at random", at_random), ("learned", learned)):
        print(
            f"{name}: {solved(given.family, player, given.episodes):.0%} of {given.episodes} cases of new people solved"
        )


if __name__ == "__main__":
    main()
