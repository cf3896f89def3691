"""What a curriculum chooses between, and how that has gone so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import gymnasium

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.errors import UsageError

_SLOWER = 4.0
"""The slow average, against which progress is measured, looks back so many times as far as the quick one."""


@dataclass(frozen=True, slots=True, order=True)
class Arm:
    """What a curriculum chooses between.

    Attributes:
        difficulty: The family's.
        family: Its name.
        branch: One of its clinical situations.
    """

    difficulty: str
    family: str
    branch: str

    def __str__(self) -> str:
        return f"{self.difficulty}/{self.family}/{self.branch}"


def arms_of(env: gymnasium.Env[Any, Any]) -> tuple[Arm, ...]:
    """All that there is to choose between in an environment of this package, however wrapped.

    Raises:
        UsageError: It is none of this package.
    """
    inner = env.unwrapped
    if not isinstance(inner, MedicalRecordEnv):
        raise UsageError(f"a curriculum is for environments of mab_gym, not for {type(inner).__name__}")
    families = inner.scenario.tasks.catalogue.values()
    return tuple(Arm(family.difficulty, family.name, branch) for family in families for branch in family.branches)


class Record:
    """How an arm has done: exponentially forgotten counts, quick and slow.

    Attributes:
        episodes: How many there were in all.
    """

    __slots__ = ("_quick", "_slow", "episodes")

    def __init__(self) -> None:
        self.episodes = 0
        self._quick = (0.0, 0.0)
        self._slow = (0.0, 0.0)

    def add(self, score: float, decay: float) -> None:
        """Notes an episode.

        Args:
            score: From 0 to 1.
            decay: What an earlier episode weighs after one more.
        """
        self.episodes += 1
        slow = decay ** (1 / _SLOWER)
        self._quick = (self._quick[0] * decay + score, self._quick[1] * decay + 1)
        self._slow = (self._slow[0] * slow + score, self._slow[1] * slow + 1)

    def rate(self, prior: float, weight: float = 1.0) -> float:
        """The recent mean score, as if so many further episodes had scored ``prior`` each."""
        return (self._quick[0] + weight * prior) / (self._quick[1] + weight)

    @property
    def progress(self) -> float:
        """By how much the mean score of late differs from the one before; 0 where there was none yet."""
        if not self.episodes:
            return 0.0
        return abs(self._quick[0] / self._quick[1] - self._slow[0] / self._slow[1])

    def to_list(self) -> list[float]:
        """Plain data."""
        return [self.episodes, *self._quick, *self._slow]

    @classmethod
    def from_list(cls, data: Sequence[Any]) -> Self:
        """The inverse of `to_list`.

        Raises:
            ValueError: It is not as `to_list` writes it.
        """
        if not isinstance(data, list) or len(data) != 5 or any(isinstance(each, str | bool) for each in data):
            raise ValueError(f"a record is five numbers, not {data!r}")
        made = cls()
        made.episodes = int(data[0])
        made._quick = (float(data[1]), float(data[2]))
        made._slow = (float(data[3]), float(data[4]))
        return made
