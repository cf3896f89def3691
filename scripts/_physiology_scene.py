"""A scene: the picture of one model of physiology, and how a course is followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from _svg_plot import Panel

_S = TypeVar("_S")
DAY = 1440
"""Minutes of a day."""


@dataclass(frozen=True)
class Scene:
    """The picture of one model.

    Attributes:
        title: The model, in words.
        panels: The model against its source, and a course.
        source: The sources of the rings, in one line.
        says: One or two sentences on what is to be seen.
    """

    title: str
    panels: tuple[Panel, Panel]
    source: str
    says: str


def course(
    start: _S, step: Callable[[_S, int], _S], read: Callable[[_S], float], count: int, per_unit: float
) -> list[tuple[float, float]]:
    """Returns a course: what is read after each of some steps, by the steps over ``per_unit``."""
    points, state = [(0.0, read(start))], start
    for number in range(count):
        state = step(state, number)
        points.append(((number + 1) / per_unit, read(state)))
    return points
