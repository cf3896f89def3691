"""Safety violations as a cost beside the reward: the signal of a constrained MDP (Altman 1999), as in safe RL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mab_gym.tasking.verdict import Code, Reason


class CostMeter:
    """Charges each safety violation of an episode once, at the step at which it is first found.

    Attributes:
        total: The cost since the last reset.
    """

    __slots__ = ("_charged", "total")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begins a new episode."""
        self._charged: tuple[int, ...] = ()  # hashes, since thousands of episodes may be alive
        self.total = 0.0

    def charge(self, found: Iterable[Reason], *, ended: bool) -> float:
        """Returns the cost of a step: the number of safety violations that are new after it.

        Args:
            found: All problems that the judge finds after the step.
            ended: True if the episode is over. Before that, a missing order may still be written, so it costs nothing.
        """
        now = Counter(hash(each) for each in found if each.critical and (ended or each.code is not Code.WRITE_MISSING))
        if not now:
            return 0.0
        before = Counter(self._charged)
        cost = float((now - before).total())
        self._charged = tuple((now | before).elements())
        self.total += cost
        return cost
