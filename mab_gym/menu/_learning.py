"""Trains a policy over the menu with MaskablePPO (Huang and Ontañón 2022; sb3-contrib). Needs the extra ``sb3``.

Training plays drawn cases of other people than those of the test cases. At intervals the current policy plays the
validation cases through the text environment, and the best policy is kept.
"""

from __future__ import annotations

import importlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np

from mab_gym.curriculum import Curriculum, CurriculumWrapper, strata
from mab_gym.errors import NotInstalledError, UsageError, how_to_install
from mab_gym.menu._agent import MenuAgent, MenuPolicy
from mab_gym.menu._env import MenuEnv
from mab_gym.menu._orders_paid import OrdersPaid
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, assignments, play
from mab_gym.wrappers import PartialCredit, PotentialShaping

GAMMA = 0.9
"""Below 1, so that an unneeded search costs something; otherwise the most likely choices may repeat for ever."""
TARGET, EXPLORE = 0.1, 0.25
"""The curriculum prefers branches that are rarely solved, and chooses a quarter of the episodes evenly."""
POOL = 200
"""The number of training cases of each branch."""
REWARDS: Mapping[str, Callable[[Any], Any]] = {
    "sparse": lambda env: env,
    "credit": PartialCredit,
    "shaped": lambda env: PotentialShaping(env, gamma=GAMMA),
    "orders": OrdersPaid,
}
"""The rewards of training: the verdict, credit by criteria, or the verdict with shaping or with stored orders."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of training.

    Attributes:
        env: The environment whose cases are drawn for training.
        validation: The environment whose cases choose the best policy.
        families: Only these task families; if empty, all.
        timesteps: The greatest number of actions to learn from.
        seed: The seed of cases, networks and random choices.
        envs: The number of environments, played in turn.
        reward: A key of `REWARDS`.
        validate_every: Actions between two validations.
        patience: The number of perfect validations in a row that end the training.
        horizon: Actions between two updates, over all environments.
        learning_rate: Adam's learning rate at the beginning; it falls linearly.
        entropy: The weight of the policy's entropy, which keeps the policy exploring.
        epochs: The number of passes over each update's actions.
        batch: The number of actions for one gradient.
    """

    env: str = "mab_gym/MedAgentBench-Train-v0"
    validation: str = "mab_gym/MedAgentBench-Validation-v0"
    families: tuple[str, ...] = ()
    timesteps: int = 300_000
    seed: int = 0
    envs: int = 16
    reward: str = "orders"
    validate_every: int = 10_000
    patience: int = 3
    horizon: int = 1024
    learning_rate: float = 1e-3
    entropy: float = 0.1
    epochs: int = 10
    batch: int = 256


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of the learning curve.

    Attributes:
        timesteps: The number of actions learnt from so far.
        seconds: Wall time since the beginning.
        training: The share of training episodes solved since the last point, with sampled choices.
        validation: The share of validation cases solved with the most likely choices.
        families: The share of validation cases solved, by family.
    """

    timesteps: int
    seconds: float
    training: float
    validation: float
    families: Mapping[str, float]


@dataclass(slots=True)
class Trained:
    """The result of training.

    Attributes:
        model: The MaskablePPO, with the parameters of the best validation.
        curve: The learning curve.
        timesteps: The number of actions learnt from.
        seconds: Wall time.
        cpu_seconds: Processor time of the process.
    """

    model: Any
    curve: list[CurvePoint] = field(default_factory=list)
    timesteps: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def policy(self) -> MenuPolicy:
        """Returns the policy that takes the most likely possible choice."""
        return greedy(self.model)


def greedy(model: Any) -> MenuPolicy:
    """Returns the policy that takes the most likely possible choice of a MaskablePPO."""

    def choose(features: Any, mask: Any) -> int:
        action, _ = model.predict(features, action_masks=mask, deterministic=True)
        return int(action)

    return choose


def solved_by_family(records: Sequence[EpisodeRecord]) -> dict[str, float]:
    """Returns the share of solved cases of each family, in order."""
    played = Counter(record.family for record in records)
    solved = Counter(record.family for record in records if record.verdict["success"])
    return {family: solved[family] / count for family, count in played.items()}


def validate(policy: MenuPolicy, env: Any, families: Sequence[str] = ()) -> list[EpisodeRecord]:
    """Plays all frozen cases of an environment, or those of some families."""
    todo: list[Assignment] = assignments(unwrapped(env))
    if families:
        todo = [each for each in todo if each.case and each.case.rpartition("/")[0] in families]
    agent = MenuAgent(policy, "menu")
    return [play(env, agent, each) for each in todo]


def train(settings: Settings, tell: Callable[[CurvePoint], None] = lambda point: None) -> Trained:
    """Trains a policy.

    Args:
        settings: The settings.
        tell: Called with each point of the learning curve.

    Raises:
        NotInstalledError: The extra ``sb3`` is missing.
        UsageError: There is no such reward.
    """
    sb3, contrib, torch = (_needed(name) for name in ("stable_baselines3", "sb3_contrib", "torch"))
    if settings.reward not in REWARDS:
        raise UsageError(f"a reward is one of {', '.join(REWARDS)}, not {settings.reward!r}")
    begun, cpu_begun = time.perf_counter(), time.process_time()
    torch.set_num_threads(1)  # the networks are so small that a second thread costs more than it helps
    vec_env = importlib.import_module("stable_baselines3.common.vec_env").DummyVecEnv(_makers(settings))
    model = contrib.MaskablePPO(
        "MlpPolicy",
        vec_env,
        seed=settings.seed,
        device="cpu",
        n_steps=settings.horizon // settings.envs,
        batch_size=settings.batch,
        n_epochs=settings.epochs,
        gamma=GAMMA,
        gae_lambda=0.95,
        ent_coef=settings.entropy,
        learning_rate=lambda left: settings.learning_rate * max(left, 0.1),
        policy_kwargs={"net_arch": [128, 128]},
    )
    trained = Trained(model)
    validation = gymnasium.make(settings.validation)
    model.learn(settings.timesteps, _watcher(sb3, settings, trained, validation, begun, tell))
    trained.seconds, trained.cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
    trained.timesteps = model.num_timesteps
    return trained


class _Pooled(Curriculum):
    """A curriculum with a pool of up to `POOL` drawn cases for each branch, because drawing is slow.

    Args:
        env: The environment that draws the cases.
        seed: The seed of the draws.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], seed: int) -> None:
        super().__init__(strata(env), target=TARGET, focus=1.0, explore=EXPLORE)
        self._tasks = unwrapped(env).scenario.tasks
        self._draws = np.random.default_rng([seed, POOL])
        self._pool: dict[tuple[str, str], list[Any]] = {}

    def next_options(self, chance: Any) -> dict[str, Any]:
        """Returns options with a case of the branch that the curriculum chooses."""
        chosen = super().next_options(chance)
        pool = self._pool.setdefault((chosen["family"], chosen["branch"]), [])
        place = int(chance.random() * POOL)
        if place >= len(pool):
            pool.append(self._tasks.pick(self._draws, chosen["family"], branch=chosen["branch"]))
            place = len(pool) - 1
        return {"case": pool[place]}


def _makers(settings: Settings) -> list[Callable[[], Any]]:
    """Returns a function for each environment that makes it; one curriculum chooses the cases of all."""
    chosen: dict[str, Any] = {"families": settings.families} if settings.families else {}
    curriculum = _Pooled(gymnasium.make(settings.env, **chosen), settings.seed)

    def make() -> Any:
        rewarded = REWARDS[settings.reward](gymnasium.make(settings.env, **chosen).unwrapped)
        return MenuEnv(CurriculumWrapper(rewarded, curriculum))

    return [make] * settings.envs


def _watcher(
    sb3: Any, settings: Settings, trained: Trained, validation: Any, begun: float, tell: Callable[[CurvePoint], None]
) -> Any:
    """Returns the callback that records the learning curve, keeps the best parameters and ends the training."""

    class Watcher(sb3.common.callbacks.BaseCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.ended: list[bool] = []
            self.best: tuple[float, Any] = (-1.0, None)
            self.due = settings.validate_every

        def _on_step(self) -> bool:
            counted = [info for info in self.locals["infos"] if "infrastructure_error" not in info]
            self.ended += [info["verdict"]["success"] for info in counted if "verdict" in info]
            if self.num_timesteps < self.due:
                return True
            self.due += settings.validate_every
            self.look()
            faultless = [point.validation == 1.0 for point in trained.curve[-settings.patience :]]
            return not (len(faultless) == settings.patience and all(faultless))

        def look(self) -> None:
            records = validate(greedy(self.model), validation, settings.families)
            success = sum(bool(record.verdict["success"]) for record in records) / len(records)
            training = float(np.mean(self.ended)) if self.ended else 0.0
            point = CurvePoint(
                self.num_timesteps, time.perf_counter() - begun, training, success, solved_by_family(records)
            )
            trained.curve.append(point)
            self.ended = []
            if success >= self.best[0]:
                self.best = (success, deepcopy(self.model.policy.state_dict()))
            tell(point)

        def _on_training_end(self) -> None:
            if not trained.curve or trained.curve[-1].timesteps != self.num_timesteps:
                self.look()
            self.model.policy.load_state_dict(self.best[1])

    return Watcher()


def _needed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotInstalledError(
            f"learning the menu needs {error.name}, which is not installed: {how_to_install('sb3')}"
        ) from error
