"""Learning the menu by MaskablePPO (Huang and Ontañón 2022; sb3-contrib). Needs the extra ``sb3``.

Training plays drawn cases of other people than those of the tests; every so often the policy of the moment plays the
validation cases through the text environment, and the best one is kept.
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

from mab_gym.curriculum import Curriculum, CurriculumWrapper, arms_of
from mab_gym.errors import NotInstalledError, UsageError
from mab_gym.menu._agent import MenuAgent, MenuPolicy
from mab_gym.menu._env import MenuEnv
from mab_gym.menu._orders_paid import OrdersPaid
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, assignments, play
from mab_gym.wrappers import PartialCredit, PotentialShaping

GAMMA = 0.9
"""Below 1, so that a search too many costs something: else the likeliest choices may go round in circles."""
TARGET, EXPLORE = 0.1, 0.25
"""The curriculum seeks what is solved seldom, and plays a quarter of the episodes evenly over all branches."""
POOL = 200
"""How many cases of each branch there are to learn from."""
REWARDS: Mapping[str, Callable[[Any], Any]] = {
    "sparse": lambda env: env,
    "credit": PartialCredit,
    "shaped": lambda env: PotentialShaping(env, gamma=GAMMA),
    "orders": OrdersPaid,
}
"""What training may pay: the verdict, the credit by criteria, or the verdict and shaping or stored orders besides."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train.

    Attributes:
        env: Whose cases are drawn.
        validation: By which cases the policy is chosen.
        families: Only these task families; all where empty.
        timesteps: Actions to learn from, at most.
        seed: Of cases, networks and chance.
        envs: Environments in turn.
        reward: See `REWARDS`.
        validate_every: Actions between two validations.
        patience: How many faultless validations, one after another, end the training.
        horizon: Actions from one update to the next, over all environments.
        learning_rate: Of Adam at the beginning; it falls in a straight line.
        entropy: The weight of the policy's entropy: what keeps it trying what it has not yet seen the good of.
        epochs: How often each action is learnt from.
        batch: How many actions make a gradient.
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
class Point:
    """A point of the learning curve.

    Attributes:
        timesteps: Actions learnt from so far.
        seconds: Wall time since the beginning.
        training: Share of training episodes solved since the last point, by chance as the policy then was.
        validation: Share of the validation cases solved by the likeliest choices.
        families: The same by family.
    """

    timesteps: int
    seconds: float
    training: float
    validation: float
    families: Mapping[str, float]


@dataclass(slots=True)
class Trained:
    """What training came to.

    Attributes:
        model: The MaskablePPO, with the parameters that did best at validation.
        curve: The learning curve.
        timesteps: Actions learnt from.
        seconds: Wall time.
        cpu_seconds: Processor time of the process.
    """

    model: Any
    curve: list[Point] = field(default_factory=list)
    timesteps: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def policy(self) -> MenuPolicy:
        """The likeliest choice among the possible ones."""
        return greedy(self.model)


def greedy(model: Any) -> MenuPolicy:
    """The likeliest choice of a MaskablePPO among the possible ones."""

    def choose(features: Any, mask: Any) -> int:
        action, _ = model.predict(features, action_masks=mask, deterministic=True)
        return int(action)

    return choose


def solved_by_family(records: Sequence[EpisodeRecord]) -> dict[str, float]:
    """The share of solved cases of each family, in order."""
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


def train(settings: Settings, tell: Callable[[Point], None] = lambda point: None) -> Trained:
    """Trains a policy.

    Args:
        settings: How.
        tell: Called with each point of the learning curve.

    Raises:
        NotInstalledError: The extra ``sb3`` is missing.
        UsageError: There is no such reward.
    """
    sb3, contrib, torch = (_needed(name) for name in ("stable_baselines3", "sb3_contrib", "torch"))
    if settings.reward not in REWARDS:
        raise UsageError(f"a reward is one of {', '.join(REWARDS)}, not {settings.reward!r}")
    begun, cpu_begun = time.perf_counter(), time.process_time()
    torch.set_num_threads(1)  # the networks are small: a second thread costs more than it does
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
    """A curriculum over branches whose cases are drawn once each, up to `POOL` of a branch: drawing takes its time.

    Args:
        env: Whose cases.
        seed: Of their draw.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], seed: int) -> None:
        super().__init__(arms_of(env), target=TARGET, focus=1.0, explore=EXPLORE)
        self._tasks = unwrapped(env).scenario.tasks
        self._draws = np.random.default_rng([seed, POOL])
        self._pool: dict[tuple[str, str], list[Any]] = {}

    def next_options(self, chance: Any) -> dict[str, Any]:
        """A case of the branch that the curriculum chooses."""
        chosen = super().next_options(chance)
        pool = self._pool.setdefault((chosen["family"], chosen["branch"]), [])
        place = int(chance.random() * POOL)
        if place >= len(pool):
            pool.append(self._tasks.pick(self._draws, chosen["family"], branch=chosen["branch"]))
            place = len(pool) - 1
        return {"case": pool[place]}


def _makers(settings: Settings) -> list[Callable[[], Any]]:
    """What makes each environment; one curriculum chooses the cases of all."""
    chosen: dict[str, Any] = {"families": settings.families} if settings.families else {}
    curriculum = _Pooled(gymnasium.make(settings.env, **chosen), settings.seed)

    def make() -> Any:
        rewarded = REWARDS[settings.reward](gymnasium.make(settings.env, **chosen).unwrapped)
        return MenuEnv(CurriculumWrapper(rewarded, curriculum))

    return [make] * settings.envs


def _watcher(
    sb3: Any, settings: Settings, trained: Trained, validation: Any, begun: float, tell: Callable[[Point], None]
) -> Any:
    """The callback that draws the learning curve, keeps the best parameters and ends the training."""

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
            point = Point(self.num_timesteps, time.perf_counter() - begun, training, success, solved_by_family(records))
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
            f"learning the menu needs {error.name}, which is not installed: pip install 'mab-gym[sb3]'"
        ) from error
