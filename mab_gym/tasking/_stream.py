"""An endless stream of training cases, with every branch of a family equally often.

The case at a position depends on the seed and the position alone. So a stream can be continued anywhere, and workers
that take every n-th position share one stream without communicating.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from mab_gym.errors import UsageError
from mab_gym.tasking._family import Family
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart


class CaseStream(Iterator[Case]):
    """An endless iterator of fresh cases.

    With n families, each run of n cases has one case of each family, in a new order. Each family goes through all its
    branches in a new order before it begins again.

    Args:
        families: The families that take part.
        chart: The chart to draw cases from; the more people it has, the less often one comes twice.
        seed: Equal seeds give equal streams on equal charts.
        shard: This worker's number, from 0, and the number of workers, as in ``(0, 8)``: each worker gets every eighth
            case, and no two get the same one.
        position: The position at which this worker continues; keep the attribute `position` with a checkpoint.

    Raises:
        UsageError: There is no family, the shard does not exist, or the position is negative.
    """

    def __init__(
        self,
        families: Sequence[Family],
        chart: Chart,
        seed: int = 0,
        shard: tuple[int, int] = (0, 1),
        position: int = 0,
    ) -> None:
        worker, workers = shard
        if not families:
            raise UsageError("a stream of cases needs at least one task family")
        if not 0 <= worker < workers:
            raise UsageError(
                f"a shard is a worker's number, from 0, and the number of workers, as in (0, 8), not {shard!r}"
            )
        if position < 0:
            raise UsageError(f"the position of a stream is 0 or more, not {position}")
        self._families = tuple(families)
        self._chart = chart
        self._seed = seed
        self._shard = (worker, workers)
        self.position = position

    def __next__(self) -> Case:
        worker, workers = self._shard
        case = self._at(self.position * workers + worker)
        self.position += 1
        return case

    def _at(self, place: int) -> Case:
        """Draws the case at a position of the whole stream."""
        turn, seat = divmod(place, len(self._families))
        family = self._families[self._shuffled("families", turn, len(self._families))[seat]]
        branches = tuple(family.branches)
        cycle, step = divmod(turn, len(branches))
        branch = branches[self._shuffled(family.name, cycle, len(branches))[step]]
        params = family.draw_branch(self._chart, random.Random(f"{self._seed}/{place}"), branch)
        return Case(family.name, 1 + place, branch, params)

    def _shuffled(self, what: str, turn: int, count: int) -> list[int]:
        order = list(range(count))
        random.Random(f"{self._seed}/{what}/{turn}").shuffle(order)
        return order
