"""Plots series over time as small SVGs of one style, readable without colour and without a script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from mab_gym.charts._chart import when
from mab_gym.charts._ranges import Range, flag
from mab_gym.charts._series import ResultPoint

WIDTH, HEIGHT = 380, 132
_LEFT, _RIGHT, _TOP, _BOTTOM = 38, 8, 8, 20
_BUCKETS: Final = 140
"""The number of time spans of a long series; each shows its least and its greatest value."""
_DOTTED: Final = 70
"""Up to so many points, each gets a dot."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot.

    Attributes:
        name: The name of the series.
        unit: Its unit.
        points: Its points, oldest first, those entered in error included.
        limits: The reference range, or None.
    """

    name: str
    unit: str
    points: Sequence[ResultPoint]
    limits: Range | None


def plot(lines: Sequence[Line], begin: int, end: int) -> str:
    """Returns an SVG of lines from ``begin`` to ``end`` (seconds since 1970); empty if there is no point between."""
    inside = [[point for point in line.points if begin <= point.time <= end] for line in lines]
    values = [point.value for points in inside for point in points]
    if not values:
        return ""
    ticks = _ticks(min(values), max(values))
    scale = _Scale(begin, end, ticks[0], ticks[-1])
    parts = [_frame(lines, scale, ticks)]
    for number, (line, points) in enumerate(zip(lines, inside, strict=True)):
        parts.append(_line(line, points, scale, number))
    names = " and ".join(line.name for line in lines)
    label = f"{names} from {when(begin, 'days')} to {when(end, 'days')}, {len(values)} results"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}" data-begin="{begin}" '
        f'data-end="{end}">{"".join(parts)}</svg>'
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    begin: int
    end: int
    low: float
    high: float

    def x(self, time: int) -> float:
        return _LEFT + (time - self.begin) / max(self.end - self.begin, 1) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _frame(lines: Sequence[Line], scale: _Scale, ticks: Sequence[float]) -> str:
    parts = []
    right = WIDTH - _RIGHT
    for line in lines:
        if line.limits is not None:
            low, high = (scale.low if line.limits[0] is None else max(line.limits[0], scale.low)), scale.high
            high = high if line.limits[1] is None else min(line.limits[1], high)
            if high > low:
                top, width = scale.y(high), right - _LEFT
                parts.append(
                    f'<rect class="band" x="{_LEFT}" y="{top:.1f}" width="{width}" height="{scale.y(low) - top:.1f}"/>'
                )
    for tick in ticks:
        y = scale.y(tick)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{tick:g}</text>')
    short = scale.end - scale.begin <= 2 * 86400
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        time = int(scale.begin + share * (scale.end - scale.begin))
        label = when(time)[11:] if short else when(time, "days")
        parts.append(
            f'<text class="tick" x="{scale.x(time):.1f}" y="{HEIGHT - 5}" text-anchor="{anchor}">{label}</text>'
        )
    return "".join(parts)


def _line(line: Line, points: Sequence[ResultPoint], scale: _Scale, number: int) -> str:
    valid = [point for point in points if not point.void]
    drawn = _thinned(valid, scale)
    parts = []
    if drawn:
        path = " ".join(f"{scale.x(p.time):.1f},{scale.y(p.value):.1f}" for p in drawn)
        data = ";".join(f"{p.time},{p.value:g}" for p in drawn)
        parts.append(
            f'<polyline class="line n{number}" points="{path}" data-name="{escape(line.name)}" '
            f'data-unit="{escape(line.unit)}" data-points="{data}"/>'
        )
    for point in drawn:
        mark = flag(point.value, line.limits)
        if mark or len(drawn) <= _DOTTED:
            kind = {"H": "high", "L": "low"}.get(mark, f"dot n{number}")
            parts.append(
                f'<circle class="{kind}" cx="{scale.x(point.time):.1f}" cy="{scale.y(point.value):.1f}" r="2"/>'
            )
    for point in points:
        if point.void:
            x, y = scale.x(point.time), scale.y(point.value)
            parts.append(f'<path class="void" d="M{x - 3:.1f} {y - 3:.1f}l6 6m0-6l-6 6"/>')
    return "".join(parts)


def _thinned(points: Sequence[ResultPoint], scale: _Scale) -> list[ResultPoint]:
    """Thins a long series to the least and the greatest value of each time span; keeps the last day as it is."""
    if len(points) <= 2 * _BUCKETS:
        return list(points)
    exact = [point for point in points if point.time >= scale.end - 86400]
    buckets: dict[int, list[ResultPoint]] = {}
    for point in points[: len(points) - len(exact)]:
        place = int((point.time - scale.begin) / max(scale.end - scale.begin, 1) * _BUCKETS)
        buckets.setdefault(place, []).append(point)
    kept: list[ResultPoint] = []
    for bucket in buckets.values():
        ends = (min(bucket, key=lambda p: p.value), max(bucket, key=lambda p: p.value))
        kept += sorted(set(ends), key=lambda p: p.time)
    return [*kept, *exact]


def _ticks(low: float, high: float) -> list[float]:
    """Returns three to five round numbers around all values."""
    span = (high - low) or abs(high) * 0.2 or 1.0
    step = 10.0 ** math.floor(math.log10(span / 3))
    step = next(step * factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 3.5)
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        first, last = first - 1, last + 1
    return [round(place * step, 10) for place in range(first, last + 1)]
