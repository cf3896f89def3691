"""The Gymnasium environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from mab_gym.actions import NoAction, OutOfContext
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
    """A language-model agent works in a hospital's FHIR R4 record system; every episode is one clinical task.

    ## Description
    The agent is given a task in words, such as "What is the latest magnesium of S6315806 within 24 hours?". It reads
    the record by GET, writes to it by POST, and ends with an answer. A verifier then judges the answer and the record.

    ## Action Space
    `AnyText`: any text. Three forms are actions:

    | Action | Effect |
    |---|---|
    | ``GET url`` | reads or searches |
    | ``POST url``, a line break, JSON | creates a resource, or is refused with a reason |
    | ``FINISH([...])`` | ends the episode; the answer is a JSON list |

    Any other text ends the episode.

    ## Observation Space
    ``Dict(text=AnyText, fhir=AnyText, status=Discrete(600))``:

    | Key | Contents |
    |---|---|
    | ``text`` | the text that a chat agent is shown; after ``reset`` the whole task |
    | ``fhir`` | the body of the response as the server sent it; empty where nothing was sent |
    | ``status`` | its HTTP status; 0 where nothing was sent |

    ## Rewards
    0 for every step but the last. At the end 1 if the verifier is satisfied, else 0. With ``reward="partial"`` an
    unsolved case earns the verdict's ``credit``: the share of the required work that was done, up to 0.9. Doing
    nothing, answering without having read, and anything unsafe earn nothing.

    ## Starting State
    ``reset`` takes the record system back to its snapshot and chooses a case by ``seed``. Equal seeds and actions give
    equal episodes, byte for byte, unless the backend is a real server. ``options`` narrows the choice:

    | Option | Example | |
    |---|---|---|
    | ``case`` | ``"latest_magnesium/07"`` | exactly this case |
    | ``family`` | ``"latest_magnesium"`` | a case of this task family |
    | ``difficulty`` | ``"easy"`` | a case of this difficulty |
    | ``branch`` | ``"low"`` | a case in this clinical situation of its family |
    | ``variant`` | ``"by_name+distractors"`` | the case with these changes; their chance follows the seed |

    ## Episode End
    - Termination: the agent finishes, or writes a text that is no action.
    - Truncation: ``max_steps`` actions were taken without FINISH, or the record system failed.

    ## Info
    None of it is for an agent's eyes.

    | Key | When | Contents |
    |---|---|---|
    | ``case``, ``family``, ``kind``, ``difficulty`` | always | the case and its task family |
    | ``step``, ``status`` | always | the number of actions so far; the latest HTTP status |
    | ``variant`` | with a variant | the variants that changed anything |
    | ``cost`` | always | the safety violations that came to light with this step |
    | ``verdict`` | at the end | success, credit, reasons |
    | ``criteria`` | at the end | each criterion of the verifier, and if it was met |
    | ``episode_cost`` | at the end | the sum of ``cost`` |
    | ``branch`` | at the end | the case's branch |
    | ``infrastructure_error`` | after a fault | the fault of the record system, a verifier or this package |

    An episode with an ``infrastructure_error`` says nothing about the agent and does not count. The official rules have
    ``official`` (status and result) in place of ``cost``, ``criteria`` and ``episode_cost``.

    ## Arguments
    ``gymnasium.make(id, max_steps=4, cohort="reduced", ...)`` takes any key of an environment file
    (`mab_gym.envs.Environment`) and any setting of the environment's backend.

    ## Version History
    - v0: the first version.

    Args:
        environment: The contents of an environment file.
        render_mode: ``ansi`` for the transcript as text, or None.

    Attributes:
        scenario: The record system, its snapshot, the tasks and the rules.
        episode: The episode, without Gymnasium.

    Raises:
        MabGymError: Something is missing or not as it should be; the text says what would be right.
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
            seed: Seeds the random generator that chooses the case; None goes on with the generator as it is.
            options: Any of ``case``, ``family``, ``difficulty``, ``branch``, ``variant``.

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

    def step(self, action: str | NoAction | OutOfContext) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Takes one action.

        Args:
            action: The agent's message; `mab_gym.actions.NoAction` for a message that holds none; or
                `mab_gym.OutOfContext`, which ends the episode because the agent cannot read any more of it.

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
        """Ends the episode and gives the record system back."""
        self.episode.close()

    def render(self) -> str | None:
        """Returns the episode's transcript so far where ``render_mode`` is ``ansi``, else None.

        In an episode on the clock the course of the stay stands above it, on one time axis of 80 columns.
        """
        if self.render_mode != "ansi":
            return None
        return "\n".join([*self._stay_so_far(), *self._transcript])

    def _stay_so_far(self) -> list[str]:
        course = self.episode.course
        if course is None:
            return []
        from mab_gym.charts._stay_course import course_stay  # noqa: PLC0415  (few render)
        from mab_gym.charts._stay_text import stay_lines  # noqa: PLC0415

        said = [each.removeprefix(">>> ") for each in self._transcript[1::2]]
        stay = course_stay(course.to_data(), self.episode.begun.case.id, said)
        return [*(line.plain.rstrip() for line in stay_lines(stay)), ""]


def check_seed(seed: object) -> None:
    """Checks that a seed is a whole number from 0, or None.

    Raises:
        UsageError: It is not.
    """
    if seed is not None and (not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0):
        raise UsageError(f"a seed is a whole number from 0, not {seed!r}")


def check_options(options: Mapping[str, Any] | None, also: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """Returns the options of a reset; none where they are None.

    Args:
        options: The options as they were given.
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
    """Returns the case that a reset begins, its variants and their seed.

    Args:
        tasks: The cases to choose from.
        random: The environment's own random generator.
        options: The options, from `check_options`.

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
    """Returns the action space and the observation space of one episode."""
    actions = AnyText(partial(plausible_action, base_url=scenario.backend.base_url))
    return actions, spaces.Dict({"text": AnyText(), "fhir": AnyText(), "status": spaces.Discrete(600)})


def as_sampled(observation: Observation) -> dict[str, Any]:
    """Returns an observation in the types that its space samples."""
    return {"text": observation["text"], "fhir": observation["fhir"], "status": np.int64(observation["status"])}


def make_environment(env_file: str, render_mode: str | None = None, **overrides: Any) -> MedicalRecordEnv:
    """Makes an environment from its file; ``gymnasium.make`` calls it.

    Args:
        env_file: The environment file.
        render_mode: ``ansi`` for the transcript as text, or None.
        overrides: Values in place of the file's, by the names of their keys.

    Raises:
        UsageError: There is no such field.
    """
    return MedicalRecordEnv(read_environment(Path(env_file), overrides), render_mode)
