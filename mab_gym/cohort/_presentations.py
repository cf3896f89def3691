"""The mechanism that assigns presentations, so that every branch and every threshold of the tasks occurs.

A presentation is the state in which a person's chart stands today. Nothing that a task asks for is left to chance: a
table lists presentations and says how many people get each. They lie in slots, one for a person. The people stand in a
queue, which says whom a presentation fits: by chance, by their own level among the others, by a reason for it, or by
the best fit of all. `assign` gives the slots to the queue in order.

The rows follow from the presentation and the person. `mab_gym.cohort._readings` writes those of every cohort, as
arrays, since there are thousands of people; `mab_gym.cohort._layer.write` writes those of a layer, one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import TypeVar

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._streams import Bools, Floats, Ints

S = TypeVar("S")


def assign(slots: Iterable[S], queue: Ints | Sequence[int]) -> dict[int, S]:
    """Gives the first slot to the first in the queue, and so on.

    Args:
        slots: Presentations, at least as many as the queue is long.
        queue: Numbers of people, the first one first.

    Returns:
        The presentations by numbers of people, in the order of these.
    """
    return dict(sorted(zip(map(int, queue), slots, strict=False), key=itemgetter(0)))


def by_chance(rng: RandomState, people: int) -> Ints:
    """A queue in random order."""
    return np.argsort(rng.permutation(people))


def by_fit(cost: Floats) -> Ints:
    """A queue in which the sum of the costs is least.

    It is the Hungarian method by shortest augmenting paths (Jonker and Volgenant, Computing 1987;38:325-340).

    Args:
        cost: Shape ``(people, slots)``, as many of the one as of the other; the cost of giving a slot to a person.

    Returns:
        Shape ``(slots,)``; the person of each slot.
    """
    size = len(cost)
    row_price, column_price = np.zeros(size + 1), np.zeros(size + 1)
    owner = np.zeros(size + 1, dtype=np.int64)  # of each column, from 1; 0 for nobody, as column 0 is for none
    for row in range(1, size + 1):
        owner[0] = row
        shortest, before = np.full(size + 1, np.inf), np.zeros(size + 1, dtype=np.int64)
        done = np.zeros(size + 1, dtype=np.bool_)
        at = 0
        while owner[at]:
            done[at] = True
            reduced = cost[owner[at] - 1] - row_price[owner[at]] - column_price[1:]
            better = ~done[1:] & (reduced < shortest[1:])
            shortest[1:][better] = reduced[better]
            before[1:][better] = at
            following = int(np.argmin(np.where(done, np.inf, shortest)[1:])) + 1
            step = shortest[following]
            row_price[owner[done]] += step
            column_price[done] -= step
            shortest[~done] -= step
            at = following
        while at:
            owner[at] = owner[before[at]]
            at = int(before[at])
    return owner[1:] - 1


def some(rng: RandomState, groups: Sequence[int] | Ints, share: float) -> Bools:
    """Draws a share of people, as large in each group as in the others; both arrays have the shape ``(people,)``."""
    numbers = np.asarray(groups, dtype=np.int64)
    order = rng.permutation(len(numbers))
    order = order[np.argsort(numbers[order], kind="stable")]
    steps = np.floor((np.arange(len(numbers) + 1) + float(rng.random_sample())) * share)
    result = np.zeros(len(numbers), dtype=np.bool_)
    result[order] = np.diff(steps) > 0
    return result
