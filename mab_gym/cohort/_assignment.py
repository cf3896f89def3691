"""Who gets what, so that it fits best: the assignment of least cost."""

from __future__ import annotations

import numpy as np

from mab_gym.cohort._streams import Floats, Ints


def assign(cost: Floats) -> Ints:
    """Gives each row a column of its own, so that the sum of the costs is least.

    It is the Hungarian method by shortest augmenting paths (Jonker and Volgenant, Computing 1987;38:325-340).

    Args:
        cost: Shape ``(rows, rows)``.

    Returns:
        Shape ``(rows,)``; the column of each row.
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
    result = np.zeros(size, dtype=np.int64)
    result[owner[1:] - 1] = np.arange(size)
    return result
