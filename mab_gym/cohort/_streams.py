"""Randomness that is the same everywhere: seeded streams, and the draws that several files need.

``numpy.random.RandomState`` is frozen by NumPy's compatibility policy (NEP 19): its streams do not change with
versions, which those of ``Generator`` may. Integers are always drawn with an explicit width, since the default width
is that of a C long and so depends on the platform.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random import RandomState

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

PEOPLE, PROFILES, PRESENTATIONS, ENCOUNTERS, OBSERVATIONS = range(5)
CONDITIONS, PROCEDURES, MEDICATIONS, LOADING, LAYER = range(5, 10)
"""The streams' numbers: one for each part, so that a change in one part leaves the others' draws alone."""


def stream(seed: int, *path: int) -> RandomState:
    """The random stream of one part of a cohort.

    Args:
        seed: The cohort's seed.
        path: Which part: a stream's number from above, then e.g. the number of a block of patients.
    """
    return RandomState(np.array([seed, *path], dtype=np.uint32))


def integers(rng: RandomState, low: int, high: int, size: int | tuple[int, ...]) -> Ints:
    """Whole numbers, equally likely, from ``low`` to ``high`` without the latter."""
    drawn: Ints = rng.randint(low, high, size=size, dtype=np.int64)
    return drawn


def pick(rng: RandomState, weights: npt.ArrayLike, size: int) -> Ints:
    """Indices drawn with the given relative weights."""
    bounds = np.cumsum(np.asarray(weights, dtype=np.float64))
    places = np.searchsorted(bounds, rng.random_sample(size) * bounds[-1], side="right")
    chosen: Ints = np.minimum(places, len(bounds) - 1).astype(np.int64)
    return chosen


def pick_rows(rng: RandomState, weights: Floats, rows: Ints) -> Ints:
    """Like `pick`, for many different weightings at a time.

    Args:
        rng: The stream to draw from.
        weights: Shape ``(weightings, choices)``.
        rows: Which weighting each draw follows.

    Returns:
        A choice for each of ``rows``.
    """
    bounds = np.cumsum(weights, axis=1)
    offsets = np.concatenate([[0.0], np.cumsum(bounds[:, -1])])
    flat = (bounds + offsets[:-1, None]).ravel()
    drawn = offsets[rows] + rng.random_sample(len(rows)) * bounds[rows, -1]
    places = np.searchsorted(flat, drawn, side="right") - rows * weights.shape[1]
    chosen: Ints = np.clip(places, 0, weights.shape[1] - 1).astype(np.int64)
    return chosen


def apportion(total: int, weights: Ints, least: int = 0) -> Ints:
    """Splits a total into whole numbers in proportion to weights, by largest remainders; the parts sum up exactly.

    Args:
        total: What to split; at least ``least`` times the number of weights.
        weights: Shape ``(parts,)``; integers, for floating-point sums might differ between machines.
        least: What every part gets before the rest is split.
    """
    rest, all_weights = total - least * len(weights), int(weights.sum())
    parts = weights * rest // all_weights
    missing = rest - int(parts.sum())
    largest = np.argsort(-(weights * rest % all_weights), kind="stable")[:missing]
    parts[largest] += 1
    shares: Ints = parts + least
    return shares


def counted(counts: npt.NDArray[Any]) -> tuple[Ints, Ints]:
    """For each element of consecutive groups of the given sizes: its group, and its place within the group."""
    sizes = np.asarray(counts, dtype=np.int64)
    group = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
    place = np.arange(len(group), dtype=np.int64) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return group, place
