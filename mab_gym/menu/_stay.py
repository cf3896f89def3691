"""A menu for families on the clock: a family's guide does the routine work and puts the decisions to a learner.

A stay takes some thirty requests, most of them routine: to look, to order what was decided, to wait. A family's folder
may hold ``menu.py`` with ``guide(opening)``, a generator that plays a case by what every agent is shown. It yields
texts, which are actions, and is sent the observation of each; and it yields a `Question` wherever something is to be
decided, and is sent the number of the option that was chosen.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.errors import UsageError

MOST_FEATURES = 32
"""Numbers that a question can show."""
MOST_OPTIONS = 6
"""Options that a question can have."""


@dataclass(frozen=True, slots=True)
class Question:
    """A decision.

    Attributes:
        features: What is known, in numbers of about -1 to 1; at most `MOST_FEATURES`.
        options: The options in words; at most `MOST_OPTIONS`.
    """

    features: Sequence[float]
    options: Sequence[str]


Guide = Generator["str | Question", "Mapping[str, Any] | int", None]


class StayMenuEnv(gymnasium.Env[npt.NDArray[np.float32], np.int64]):
    """Plays the cases of one family on the clock by its guide's questions.

    ## Actions
    ``Discrete``: the number of an option of the present question. `action_masks` tells how many there are; one that is
    not there ends the episode, unsolved.

    ## Observations
    ``Box(-1, 1)`` of float32: the question's features, with zeros behind them.

    Args:
        env: An environment with text actions.
        family: The name of the family.

    Attributes:
        question: The present question.

    Raises:
        UsageError: There is no such family in it, or it has no guide.
    """

    def __init__(self, env: gymnasium.Env[dict[str, Any], str], family: str) -> None:
        inside = env.unwrapped
        if not isinstance(inside, MedicalRecordEnv):
            raise UsageError("the menu wraps an environment of this package")
        chosen = inside.scenario.tasks.catalogue.family(family)
        if chosen.guide is None:
            raise UsageError(f"the family {family} has no menu.py")
        self._inside, self._family, self._guide_of = env, family, chosen.guide
        self._guide: Guide | None = None
        self.question = Question((), ("",))
        self.action_space = spaces.Discrete(MOST_OPTIONS)
        self.observation_space = spaces.Box(-1.0, 1.0, (MOST_FEATURES,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Begins a case of the family, and plays it to the first question."""
        super().reset(seed=seed)
        asked = {"family": self._family} if options is None else dict(options)
        observation, info = self._inside.reset(seed=seed, options=asked)
        self._guide = self._guide_of(observation["text"])
        found = self._play(next(self._guide))
        if found is not None:
            raise UsageError(f"the guide of {self._family} asks nothing")
        return self._features(), info

    def step(
        self, action: int | np.integer[Any]
    ) -> tuple[npt.NDArray[np.float32], SupportsFloat, bool, bool, dict[str, Any]]:
        """Takes an option, and plays to the next question or to the end."""
        if self._guide is None:
            raise UsageError("nothing is under way; call reset() first")
        if not 0 <= int(action) < len(self.question.options):
            found = self._inside.step(f"(option {int(action)} is not there)")
        else:
            ended = self._play(self._guide.send(int(action)))
            if ended is None:
                return self._features(), 0.0, False, False, {}
            found = ended
        _, reward, terminated, truncated, info = found
        return self._features(), reward, terminated, truncated, info

    def _play(self, said: str | Question) -> Any:
        """Plays until the guide asks; returns what the step that ended the episode gave, or None."""
        assert self._guide is not None
        while not isinstance(said, Question):
            found = self._inside.step(said)
            if found[2] or found[3]:
                return found
            said = self._guide.send(found[0])
        self.question = said
        return None

    def _features(self) -> npt.NDArray[np.float32]:
        features = np.zeros(MOST_FEATURES, np.float32)
        told = np.clip(np.asarray(self.question.features, np.float32), -1.0, 1.0)
        features[: len(told)] = told
        return features

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Returns a mask of the options that are there, as sb3-contrib's MaskablePPO expects it."""
        return np.arange(MOST_OPTIONS) < len(self.question.options)

    def close(self) -> None:
        """Closes the environment inside."""
        self._inside.close()
