"""A curriculum that prefers strata that are neither always solved nor never."""

from __future__ import annotations

from collections.abc import Iterable

from mab_gym.curriculum._sampler import CaseSampler, within
from mab_gym.curriculum._strata import Record, Stratum


class Curriculum(CaseSampler):
    """Prefers strata with a success rate near a target, which are neither always solved nor never.

    A stratum with the recent rate ``p`` and the target ``t`` has the weight ``((p/t)**t * ((1-p)/(1-t))**(1-t)) **
    focus``, which is 1 at the target and 0 at the rates 0 and 1. For a target of 0.5 and a focus of 2 that is
    ``4 * p * (1 - p)``, proportional to the variance of success. A stratum that was not played yet counts as having
    the target rate, so that all are tried.

    Args:
        strata: The strata to choose from, as from `strata`.
        target: The preferred success rate, between 0 and 1.
        focus: The strength of the preference, from 0 (none) to 1000.
        progress: The weight of the recent change of a stratum's rate, so that strata that are being learnt or
            forgotten are played more.
        explore: The share of episodes whose stratum is chosen evenly.
        decay: The weight of an earlier episode of a stratum after each further one, from 0.01 to 1; 0.95 remembers
            about twenty episodes.
        outcome: The recorded outcome of an episode: its verdict's ``success``, or its partial ``credit``.

    Raises:
        UsageError: An argument is out of its range.
    """

    def __init__(
        self,
        strata: Iterable[Stratum],
        *,
        target: float = 0.5,
        focus: float = 4.0,
        progress: float = 0.0,
        explore: float = 0.1,
        decay: float = 0.95,
        outcome: str = "success",
    ) -> None:
        super().__init__(strata, decay, outcome)
        self._target = within("target", target, inside=True)
        self._focus = within("focus", focus, most=1000.0)
        self._progress = within("progress", progress, most=1000.0)
        self._explore = within("explore", explore)

    def weights(self) -> list[float]:
        """Returns the weight of each stratum; see the class."""
        wanted = [self._worth(self.records[stratum]) for stratum in self.strata]
        total, count = sum(wanted), len(wanted)
        return [(1 - self._explore) * (each / total if total else 1 / count) + self._explore / count for each in wanted]

    def _worth(self, record: Record) -> float:
        rate, target = min(max(record.rate(self._target), 0.0), 1.0), self._target
        near = (rate / target) ** target * ((1 - rate) / (1 - target)) ** (1 - target)
        return float(near**self._focus) + self._progress * record.progress
