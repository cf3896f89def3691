"""Plots of two panels as SVG, in one style, with the same bytes on every machine.

Texts stay texts, curves lose the points that nobody sees, and the ground is white, so that a dark page shows them, too.
Curves are named where they are; a printed figure of a source is a ring with its bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 860, 372
COLOURS = ("#1f5fa8", "#b8570b", "#2a7f46", "#8a3d8f", "#9a2b2b")
"""Blue, orange, green, purple, red: each with a contrast of at least 4.5 to white."""
_TOP, _BOTTOM, _LEFT, _GAP, _RIGHT = 82.0, 306.0, 58.0, 78.0, 22.0
_A_LETTER = 6.8
"""The mean width of a letter."""
_STYLE = (
    "text{font:12px Helvetica,Arial,'DejaVu Sans',sans-serif;fill:#2b3442}.h{font-size:16px;font-weight:bold}"
    ".p{font-size:13px;font-weight:bold}.s{fill:#5b6675}.g{stroke:#e3e7ec;fill:none}.a{stroke:#8a94a3;fill:none}"
    ".b{fill:#e2f1e5}.l{stroke:#5b6675;stroke-dasharray:5 4;fill:none}.e{stroke:#9aa4b2;stroke-dasharray:2 3;fill:none}"
    ".c{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".d{stroke-dasharray:7 4}.m{fill:none;stroke:#111;stroke-width:1.6}"
    ".o{paint-order:stroke;stroke:#fff;stroke-width:3px}.w{stroke:#111;stroke-width:1.2;fill:none}"
)


@dataclass(frozen=True)
class Words:
    """A text within a panel.

    Attributes:
        x: Its place, in the unit of the x axis.
        y: Its place, in the unit of the y axis.
        text: The text.
        anchor: ``start``, ``middle`` or ``end``.
    """

    x: float
    y: float
    text: str
    anchor: str = "start"


@dataclass(frozen=True)
class Curve:
    """A curve of the model.

    Attributes:
        points: Its points, by x.
        name: The words that stand at it, or its name in the panel's key; None for none.
        colour: Place in `COLOURS`.
        dashed: True to draw it dashed.
        dots: True to draw its points as dots, and no line.
    """

    points: Sequence[tuple[float, float]]
    name: Words | str | None = None
    colour: int = 0
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Printed:
    """A figure that a source prints.

    Attributes:
        x: Its place.
        y: The figure; None where only bounds are printed.
        low: Its lower bound; None for none.
        high: Its upper bound; None for none.
        colour: Place in `COLOURS`; None for black.
    """

    x: float
    y: float | None
    low: float | None = None
    high: float | None = None
    colour: int | None = None


@dataclass(frozen=True)
class Panel:
    """One panel with its axes.

    Attributes:
        title: What it shows.
        across: The x axis' words, with the unit.
        up: The y axis' words, with the unit.
        x: The ticks of the x axis, by value; the first and the last are its ends.
        y: The ticks of the y axis; the first and the last are its ends.
        curves: Curves of the model.
        printed: Figures of sources.
        band: A range that is aimed at.
        limits: Horizontal lines.
        events: Vertical lines, each with words at its top.
        words: Further texts.
        names: The words of the x axis' ticks, where they are not its numbers.
        log: True for a logarithmic x axis.
        key: Place of the key of curves: ``top`` (left) or ``bottom`` (right).
        room: Room beside the ticks at both ends of the x axis, as a share of its length.
    """

    title: str
    across: str
    up: str
    x: Sequence[float]
    y: Sequence[float]
    curves: Sequence[Curve] = ()
    printed: Sequence[Printed] = ()
    band: tuple[float, float] | None = None
    limits: Sequence[float] = ()
    events: Sequence[tuple[float, str]] = ()
    words: Sequence[Words] = ()
    names: Sequence[str] = ()
    log: bool = False
    key: str = "top"
    room: float = 0.0


def drawn(title: str, panels: tuple[Panel, Panel], source: str) -> str:
    """Returns an SVG of two panels, with a line about its sources below."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><desc>{escape('; '.join(each.title for each in panels))}</desc>",
        f'<style>{_STYLE}</style><rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#fff"/>',
        f'<text class="h" x="16" y="30">{escape(title)}</text>',
    ]
    width = (WIDTH - _LEFT - _GAP - _RIGHT) / 2
    for place, panel in enumerate(panels):
        parts += _Drawn(panel, _LEFT + place * (width + _GAP), width).parts()
    parts.append(f'<text class="s" x="16" y="{HEIGHT - 10}">{escape(source)}</text></svg>')
    return "\n".join(parts) + "\n"


class _Drawn:
    def __init__(self, panel: Panel, left: float, width: float) -> None:
        self.panel, self.left, self.right = panel, left, left + width
        first, last = self._raw(panel.x[0]), self._raw(panel.x[-1])
        spare = panel.room * (last - first)
        self._x0, self._x1 = first - spare, last + spare

    def _raw(self, x: float) -> float:
        return math.log(x) if self.panel.log else x

    def _x(self, x: float) -> float:
        return self.left + (self._raw(x) - self._x0) / (self._x1 - self._x0) * (self.right - self.left)

    def _y(self, y: float) -> float:
        low, high = self.panel.y[0], self.panel.y[-1]
        return _BOTTOM - (y - low) / (high - low) * (_BOTTOM - _TOP)

    def parts(self) -> Iterator[str]:
        panel = self.panel
        yield f'<text class="p" x="{self.left - 42:g}" y="56">{escape(panel.title)}</text>'
        yield f'<text class="s" x="{self.left - 42:g}" y="73">{escape(panel.up)}</text>'
        if panel.band:
            low, high = self._y(panel.band[0]), self._y(panel.band[1])
            size = f'width="{self.right - self.left:.1f}" height="{low - high:.1f}"'
            yield f'<rect class="b" x="{self.left:.1f}" y="{high:.1f}" {size}/>'
        for tick in panel.y:
            y = self._y(tick)
            yield f'<path class="g" d="M{self.left:.1f} {y:.1f}H{self.right:.1f}"/>'
            yield f'<text class="s" x="{self.left - 7:.1f}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
        yield f'<path class="a" d="M{self.left:.1f} {_BOTTOM:g}H{self.right:.1f}"/>'
        for tick, name in zip(panel.x, panel.names or [f"{tick:g}" for tick in panel.x], strict=True):
            x = self._x(tick)
            yield f'<path class="a" d="M{x:.1f} {_BOTTOM:g}v4"/>'
            yield f'<text class="s" x="{x:.1f}" y="{_BOTTOM + 18:g}" text-anchor="middle">{escape(name)}</text>'
        middle = (self.left + self.right) / 2
        place = f'x="{middle:.1f}" y="{_BOTTOM + 35:g}" text-anchor="middle"'
        yield f'<text class="s" {place}>{escape(panel.across)}</text>'
        for limit in panel.limits:
            yield f'<path class="l" d="M{self.left:.1f} {self._y(limit):.1f}H{self.right:.1f}"/>'
        for x, text in panel.events:
            place = self._x(x)
            yield f'<path class="e" d="M{place:.1f} {_TOP:g}V{_BOTTOM:g}"/>'
            yield f'<text class="s" x="{place + 4:.1f}" y="{_TOP + 11:g}">{escape(text)}</text>'
        for curve in panel.curves:
            yield from self._curve(curve)
        for each in panel.printed:
            yield from self._printed(each)
        for words in panel.words:
            yield self._words(words, "#2b3442")
        yield from self._key([(each, each.name) for each in panel.curves if isinstance(each.name, str)])

    def _curve(self, curve: Curve) -> Iterator[str]:
        colour = COLOURS[curve.colour]
        places = [(self._x(x), self._y(y)) for x, y in curve.points]
        if curve.dots:
            for x, y in places:
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{colour}"/>'
        else:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in _thinned(places))
            yield f'<polyline class="c{" d" if curve.dashed else ""}" stroke="{colour}" points="{path}"/>'
        if isinstance(curve.name, Words):
            yield self._words(curve.name, colour)

    def _printed(self, each: Printed) -> Iterator[str]:
        x = self._x(each.x)
        colour = "" if each.colour is None else f' style="stroke:{COLOURS[each.colour]}"'
        if each.low is not None and each.high is not None:
            low, high = self._y(each.low), self._y(each.high)
            bars = f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 5:.1f} {low:.1f}h10M{x - 5:.1f} {high:.1f}h10"
            yield f'<path class="w" d="{bars}"{colour}/>'
        if each.y is not None:
            yield f'<circle class="m" cx="{x:.1f}" cy="{self._y(each.y):.1f}" r="6"{colour}/>'

    def _key(self, named: Sequence[tuple[Curve, str]]) -> Iterator[str]:
        """Draws the key in a row, or in a column where a row would be too wide."""
        sizes = [26 + _A_LETTER * len(name) + 16 for _, name in named]
        column = self.panel.key == "bottom" or sum(sizes) > self.right - self.left
        x = self.left + 8 if self.panel.key == "top" else self.right - max(sizes, default=0)
        y = _TOP + 10 if self.panel.key == "top" else _BOTTOM - 16.0 * len(named)
        for (curve, name), size in zip(named, sizes, strict=True):
            colour, dashed = COLOURS[curve.colour], " d" if curve.dashed else ""
            yield f'<path class="c{dashed}" stroke="{colour}" d="M{x:.1f} {y:.1f}h20"/>'
            yield f'<text x="{x + 26:.1f}" y="{y + 4:.1f}" style="fill:{colour}">{escape(name)}</text>'
            x, y = (x, y + 16) if column else (x + size, y)

    def _words(self, words: Words, colour: str) -> str:
        place = f'x="{self._x(words.x):.1f}" y="{self._y(words.y):.1f}" text-anchor="{words.anchor}"'
        return f'<text {place} class="o" style="fill:{colour}">{escape(words.text)}</text>'


def _thinned(points: Sequence[tuple[float, float]], error: float = 0.2) -> list[tuple[float, float]]:
    """Leaves out points that are within an error (in pixels) of the line between those beside them."""
    kept = {0, len(points) - 1}
    open_ = [(0, len(points) - 1)]
    while open_:
        first, last = open_.pop()
        (x0, y0), (x1, y1) = points[first], points[last]
        far, worst = 0, error
        for place in range(first + 1, last):
            x, y = points[place]
            share = (x - x0) / (x1 - x0) if x1 != x0 else 0.0
            off = abs(y - (y0 + share * (y1 - y0)))
            if off > worst:
                far, worst = place, off
        if far:
            kept.add(far)
            open_ += [(first, far), (far, last)]
    return [points[place] for place in sorted(kept)]
