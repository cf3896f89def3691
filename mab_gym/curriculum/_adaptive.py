"""A curriculum that looks for what is neither always solved nor never."""

from __future__ import annotations

from collections.abc import Iterable

from mab_gym.curriculum._sampler import CaseSampler, within
from mab_gym.curriculum._strata import Arm, Record


class Curriculum(CaseSampler):
    """Chooses what is neither always solved nor never: cases whose success rate is near a target.

    An arm with the recent rate ``p`` and the target ``t`` weighs ``((p/t)**t * ((1-p)/(1-t))**(1-t)) ** focus``, which
    is 1 at the target and 0 at 0 and at 1; for a target of 0.5 and a focus of 2 that is ``4 * p * (1 - p)``, the
    variance of success and failure. An arm that has not been played yet has the target rate, so that all are tried.

    Args:
        arms: See `CaseSampler`.
        target: The success rate that is sought, between 0 and 1.
        focus: How sharply, from 0 (not at all) to 1000.
        progress: Adds so many times by how much an arm's rate has changed of late: what is being learnt, or forgotten,
            is played more.
        explore: The share of episodes whose arm is chosen evenly, so that nothing is lost from sight.
        decay: See `CaseSampler`; 0.95 remembers some twenty episodes of an arm.
        outcome: See `CaseSampler`.

    Raises:
        UsageError: An argument is not as it should be.
    """

    def __init__(
        self,
        arms: Iterable[Arm],
        *,
        target: float = 0.5,
        focus: float = 4.0,
        progress: float = 0.0,
        explore: float = 0.1,
        decay: float = 0.95,
        outcome: str = "success",
    ) -> None:
        super().__init__(arms, decay, outcome)
        self._target = within("target", target, inside=True)
        self._focus = within("focus", focus, most=1000.0)
        self._progress = within("progress", progress, most=1000.0)
        self._explore = within("explore", explore)

    def weights(self) -> list[float]:
        """See the class."""
        wanted = [self._worth(self.records[arm]) for arm in self.arms]
        total, count = sum(wanted), len(wanted)
        return [(1 - self._explore) * (each / total if total else 1 / count) + self._explore / count for each in wanted]

    def _worth(self, record: Record) -> float:
        rate, target = min(max(record.rate(self._target), 0.0), 1.0), self._target
        near = (rate / target) ** target * ((1 - rate) / (1 - target)) ** (1 - target)
        return float(near**self._focus) + self._progress * record.progress
