"""The Gymnasium environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from mab_gym.actions import OutOfContext
from mab_gym.envs._environment_file import Environment, read_environment
from mab_gym.envs._random_actions import plausible_action
from mab_gym.envs._scenario import Scenario, open_scenario
from mab_gym.envs._spaces import AnyText
from mab_gym.episode import Observation, Step
from mab_gym.errors import UsageError
from mab_gym.tasking._taskset import TaskSet
from mab_gym.tasking._variants import read_variants
from mab_gym.tasking.case import Case

OPTIONS = ("case", "family", "difficulty", "branch", "variant")


class MedicalRecordEnv(gymnasium.Env[dict[str, Any], str]):
    """An agent at work in a hospital's FHIR R4 record system; every episode is one clinical task.

    ## Actions
    Text (`AnyText`), one of ``GET url``, ``POST url`` + a line break + JSON, ``FINISH([...])``. Any other text ends the
    episode.

    ## Observations
    A dict of ``text`` (what a chat agent is shown this turn; after ``reset`` the whole task), ``fhir`` (the response's
    body as the server sent it, or empty) and ``status`` (its HTTP status, or 0).

    ## Rewards
    At the end 1.0 where the task's verifier is satisfied with the answer and with what the record system then holds,
    else 0.0; before that 0.0. With ``reward="partial"`` in the environment file or in `gymnasium.make` an unsolved case
    earns its verdict's ``credit``: the share, up to 0.9, of what had to be done that was done; nothing for doing
    nothing, for answering without having read, or for anything unsafe.

    ## Episode end
    ``terminated`` after FINISH or text that is no action; ``truncated`` after ``max_steps`` actions without, and where
    the record system failed.

    ## Reset
    The record system goes back to its snapshot. ``seed`` chooses the case; equal seeds give equal episodes, byte for
    byte. ``options`` may name a ``case`` (as in ``latest_magnesium/07``), a ``family``, a ``difficulty``, a ``branch``
    (a family's clinical situation, as in ``low``), and a ``variant`` or several of `mab_gym.tasking._variants` (as in
    ``"by_name+distractors"``); its chance follows the seed.

    ## Info
    ``case``, ``family``, ``kind``, ``difficulty``, ``step``, ``status``; ``cost``, the safety violations that came to
    light with this step (docs/rewards.md; the official grading does not judge them); and at the end ``verdict`` with
    its reasons, ``criteria`` (what was looked at, and whether it was met), ``episode_cost`` and ``branch``. None of it
    is for an agent's eyes. ``infrastructure_error`` is there only where the record system, a verifier or this package
    itself failed, not the agent; such an episode does not count.

    Args:
        environment: What to play; see `mab_gym.envs._environment_file.Environment`.
        render_mode: ``ansi`` for the transcript as text, or None.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012  (as Gymnasium declares it)

    def __init__(self, environment: Environment, render_mode: str | None = None) -> None:
        if render_mode not in (None, "ansi"):
            raise UsageError(f"render_mode is 'ansi' or None, not {render_mode!r}")
        self.render_mode = render_mode
        self.scenario: Scenario = open_scenario(environment)
        self.action_space, self.observation_space = spaces_of(self.scenario)
        self.episode = self.scenario.new_episode()
        self._transcript: list[str] = []

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begins a new episode at the snapshot.

        Args:
            seed: Chooses the case; None goes on with the chance of earlier resets.
            options: ``case``, ``family``, ``difficulty``, ``branch``, ``variant``; see the class.

        Raises:
            UsageError: The seed is no whole number from 0, or an option is unknown or names what does not exist.
        """
        check_seed(seed)
        super().reset(seed=None if seed is None else int(seed))
        tasks = self.scenario.tasks
        case, variants, chance = choose_case(tasks, self.np_random, check_options(options))
        observation, info = self.episode.reset(tasks.catalogue[case.family], case, variants, chance)
        self._transcript = [observation["text"]]
        return as_sampled(observation), info

    def step(self, action: str | OutOfContext) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Takes one action.

        Args:
            action: The agent's message; or `mab_gym.OutOfContext`, which ends the episode because the agent cannot read
                any more of it.

        Raises:
            gymnasium.error.ResetNeeded: There is no episode under way.
            UsageError: The action is no text; nothing was done.
        """
        if self.episode.over:
            raise gymnasium.error.ResetNeeded(
                "there is no episode under way (none was begun, or it has ended): call reset()"
            )
        step: Step = self.episode.step(action)
        self._transcript += [f">>> {action}", step.observation["text"]]
        return as_sampled(step.observation), step.reward, step.terminated, step.truncated, step.info

    def close(self) -> None:
        """Ends what is under way and gives the record system back."""
        self.episode.close()

    def render(self) -> str | None:
        """The episode's transcript so far where ``render_mode`` is ``ansi``."""
        return "\n".join(self._transcript) if self.render_mode == "ansi" else None


def check_seed(seed: object) -> None:
    """Checks that a seed is a whole number from 0, or None.

    Raises:
        UsageError: It is not.
    """
    if seed is not None and (not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0):
        raise UsageError(f"a seed is a whole number from 0, not {seed!r}")


def check_options(options: Mapping[str, Any] | None, also: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """Options of a reset, none where None.

    Args:
        options: As they were given.
        also: Further names that are allowed here.

    Raises:
        UsageError: They are no dict, or one of them is unknown.
    """
    if options is None:
        return {}
    names = (*OPTIONS, *also)
    if not isinstance(options, Mapping):
        raise UsageError(f"options are a dict with any of {', '.join(names)}, not {options!r}")
    unknown = set(options) - set(names)
    if unknown:
        raise UsageError(f"there is no option {', '.join(sorted(map(repr, unknown)))}; there are: {', '.join(names)}")
    return options


def choose_case(
    tasks: TaskSet, random: np.random.Generator, options: Mapping[str, Any]
) -> tuple[Case, tuple[str, ...], int]:
    """The case that a reset begins, its variants and the seed of their chance.

    Args:
        tasks: Where to choose from.
        random: The environment's own stream of chance.
        options: From `check_options`.

    Raises:
        UsageError: An option names what does not exist.
    """
    if options.get("case") is not None:
        case = tasks.case(options["case"])
    else:
        case = tasks.pick(random, *(options.get(name) for name in ("family", "difficulty", "branch")))
    variants = read_variants(options.get("variant"))
    return case, variants, int(random.integers(0, 2**31)) if variants else 0


def spaces_of(scenario: Scenario) -> tuple[AnyText, spaces.Dict]:
    """The action space and the observation space of one episode."""
    actions = AnyText(partial(plausible_action, base_url=scenario.backend.base_url))
    return actions, spaces.Dict({"text": AnyText(), "fhir": AnyText(), "status": spaces.Discrete(600)})


def as_sampled(observation: Observation) -> dict[str, Any]:
    """The observation in the types that its space samples."""
    return {"text": observation["text"], "fhir": observation["fhir"], "status": np.int64(observation["status"])}


def make_environment(env_file: str, render_mode: str | None = None, **overrides: Any) -> MedicalRecordEnv:
    """What Gymnasium calls to make an environment from its file.

    Args:
        env_file: The environment file.
        render_mode: See `MedicalRecordEnv`.
        overrides: Values in place of the file's; see `read_environment`.

    Raises:
        UsageError: There is no such field.
    """
    return MedicalRecordEnv(read_environment(Path(env_file), overrides), render_mode)
