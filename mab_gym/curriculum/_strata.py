"""Strata: the branches of families that a curriculum chooses from, and the records of their outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Self

import gymnasium

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.errors import UsageError
from mab_gym.tasking._family import Family

_SLOWER = 4.0
"""The slow average, against which progress is measured, looks back so many times further than the quick one."""


@dataclass(frozen=True, slots=True, order=True)
class Stratum:
    """A stratum of cases: one branch of one family.

    Attributes:
        difficulty: The family's difficulty.
        family: The family's name.
        branch: One of its clinical situations.
        service: The family's service; empty where its folder has none.
        horizon: The steps of its gold solutions (median of the frozen cases); 0 where nobody counted.
    """

    difficulty: str
    family: str
    branch: str
    service: str = field(default="", compare=False)
    horizon: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.difficulty}/{self.family}/{self.branch}"


def strata(env: gymnasium.Env[Any, Any]) -> tuple[Stratum, ...]:
    """Returns the strata of an environment of this package, wrapped or not.

    Raises:
        UsageError: The environment is not one of this package.
    """
    inner = env.unwrapped
    if not isinstance(inner, MedicalRecordEnv):
        raise UsageError(f"a curriculum is for environments of mab_gym, not for {type(inner).__name__}")
    families = inner.scenario.tasks.catalogue.values()
    return tuple(
        Stratum(family.difficulty, family.name, branch, family.service, _horizon(family))
        for family in families
        for branch in family.branches
    )


def _horizon(family: Family) -> int:
    counted = [case.steps for case in family.cases if case.steps is not None]
    return round(median(counted)) if counted else 0


class Record:
    """The outcomes of a stratum, as counts with exponential decay, a quick one and a slow one.

    Attributes:
        episodes: The total number of episodes.
    """

    __slots__ = ("_quick", "_slow", "episodes")

    def __init__(self) -> None:
        self.episodes = 0
        self._quick = (0.0, 0.0)
        self._slow = (0.0, 0.0)

    def add(self, score: float, decay: float) -> None:
        """Notes an episode.

        Args:
            score: The outcome, from 0 to 1.
            decay: The weight of an earlier episode after this one.
        """
        self.episodes += 1
        slow = decay ** (1 / _SLOWER)
        self._quick = (self._quick[0] * decay + score, self._quick[1] * decay + 1)
        self._slow = (self._slow[0] * slow + score, self._slow[1] * slow + 1)

    def rate(self, prior: float, weight: float = 1.0) -> float:
        """Returns the recent mean score, as if ``weight`` further episodes had scored ``prior`` each."""
        return (self._quick[0] + weight * prior) / (self._quick[1] + weight)

    @property
    def progress(self) -> float:
        """The difference between the recent mean score and the earlier one; 0 without episodes."""
        if not self.episodes:
            return 0.0
        return abs(self._quick[0] / self._quick[1] - self._slow[0] / self._slow[1])

    def to_list(self) -> list[float]:
        """Returns plain data."""
        return [self.episodes, *self._quick, *self._slow]

    @classmethod
    def from_list(cls, data: Sequence[Any]) -> Self:
        """Reads the data of `to_list`.

        Raises:
            ValueError: The data does not have the form that `to_list` writes.
        """
        if not isinstance(data, list) or len(data) != 5 or any(isinstance(each, str | bool) for each in data):
            raise ValueError(f"a record is five numbers, not {data!r}")
        made = cls()
        made.episodes = int(data[0])
        made._quick = (float(data[1]), float(data[2]))
        made._slow = (float(data[3]), float(data[4]))
        return made
