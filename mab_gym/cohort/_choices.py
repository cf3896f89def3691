"""The values that an element can have, and how likely each is; they stand in ``tables/choices.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._data import read_table
from mab_gym.cohort._streams import Floats, Ints, pick

ABSENT: Final = "absent"
"""The value that stands for no element."""


class _Row(NamedTuple):
    element: str
    choice: str
    weight: float
    when: str = ""


class Choices(NamedTuple):
    """The values of an element.

    Attributes:
        values: The values, as the table names them.
        weights: By circumstance, the relative weight of each value; shape ``(values,)``.
    """

    values: tuple[str, ...]
    weights: Mapping[str, Floats]

    def pick(self, rng: RandomState, size: int, when: str = "") -> Ints:
        """Indices into ``values``, drawn with the weights of a circumstance."""
        return pick(rng, self.weights[when], size)


_ROWS: Final = read_table("choices.csv", _Row)


def choices(element: str) -> Choices:
    """The values of an element, as in ``Procedure.status``."""
    rows = [row for row in _ROWS if row.element == element]
    values = tuple(dict.fromkeys(row.choice for row in rows))
    weights = {row.when: np.zeros(len(values)) for row in rows}
    for row in rows:
        weights[row.when][values.index(row.choice)] = row.weight
    return Choices(values, weights)
