"""Draws a stay as one SVG: every row on the same time axis, readable without colour and without a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Final

from mab_gym.charts._ranges import Range, flag, readable_unit
from mab_gym.charts._series import ResultPoint, Series
from mab_gym.charts._stay import LANES, DrugRow, Given, Moment, ResultRow, Stay

WIDTH: Final = 1100
_LEFT, _RIGHT = 218, 14
_AXIS, _HEADING, _RESULT, _DRUG, _LANE = 40, 26, 50, 24, 24
_STEPS: Final = (1, 2, 3, 6, 12, 24, 48, 96, 168, 336)
"""Hours between two ticks; of these the first that gives at most `_TICKS`."""
_TICKS: Final = 14
_LETTERS: Final = 27
"""The longest name that fits beside the rows."""
_DAY: Final = 78
"""The width of a day's label."""
_DOTTED: Final = 60
_APART: Final = 34
"""Actions that are nearer to each other share a mark."""
_THIN: Final = 400
"""Points of a series, at most: more are thinned to the least and greatest of each stretch."""


def stay_svg(stay: Stay) -> str:
    """Returns a stay as an SVG, without styles; the page that shows it has them."""
    return "".join(_Drawing(stay).parts())


class _Drawing:
    def __init__(self, stay: Stay) -> None:
        self.stay = stay
        self.span = max(stay.end - stay.begin, 60)
        self.y = float(_AXIS)

    def x(self, time: int) -> float:
        """Returns the place of a time, within the plot."""
        share = (min(max(time, self.stay.begin), self.stay.end) - self.stay.begin) / self.span
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def parts(self) -> Iterator[str]:
        """Yields the whole picture."""
        rows = list(self._rows())
        height = self.y + 8
        stay = self.stay
        said = f"{stay.title}, {stay.told(stay.begin)} to {stay.told(stay.end)}"
        count = sum(len(series.points) for row in stay.results for series in row.series)
        doses = sum(len(row.given) for row in stay.drugs)
        about = f"{count} results, {doses} doses of {len(stay.drugs)} drugs, {len(stay.moments)} further events"
        yield f'<svg class="stay" viewBox="0 0 {WIDTH} {height:.0f}" role="img"><title>{escape(said)}</title>'
        yield f"<desc>{escape(about)}</desc>"
        yield from self._axis(height)
        yield from rows
        yield "</svg>"

    def _axis(self, height: float) -> Iterator[str]:
        free = 0.0
        for time, day in self._ticks():
            x = self.x(time)
            yield f'<path class="{"day" if day else "hour"}" d="M{x:.1f} {_AXIS - 4}V{height - 6:.0f}"/>'
            if day and x >= free and x < WIDTH - _DAY:
                yield _words(x, 15, self.stay.told(time, "%a %d %b"), "when day", "start")
                free = x + _DAY
            elif not day:
                yield _words(x, 31, self.stay.told(time, "%H:%M"), "when")
        midnight = next((self.x(time) for time, day in self._ticks() if day), float(WIDTH))
        if midnight > _LEFT + _DAY:
            yield _words(_LEFT, 15, self.stay.told(self.stay.begin, "%a %d %b"), "when day", "start")
        yield _words(2, 15, self.stay.told(self.stay.begin, "%Y"), "when", "start")
        zone = self.stay.told(self.stay.begin, "%z")
        yield _words(2, 31, f"UTC{zone[:3]}:{zone[3:]}" if zone not in ("", "+0000") else "UTC", "when", "start")

    def _ticks(self) -> Iterator[tuple[int, bool]]:
        """Yields times at round hours in the stay's zone, and True for those at midnight."""
        step = next((hours for hours in _STEPS if self.span / 3600 / hours <= _TICKS), _STEPS[-1])
        begin = datetime.fromtimestamp(self.stay.begin, self.stay.zone)
        at = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        while (time := int(at.timestamp())) <= self.stay.end:
            if time >= self.stay.begin:
                yield time, at.hour == 0
            at += timedelta(hours=step)

    def _rows(self) -> Iterator[str]:
        stay = self.stay
        if stay.places:
            yield from self._places()
        yield from self._lane("action")
        if stay.results:
            yield self._heading("Results")
            for row in stay.results:
                yield from self._result(row)
        if stay.drugs:
            yield self._heading("Drugs given")
            for drug in stay.drugs:
                yield from self._drug(drug)
        kinds = [kind for kind in LANES if kind != "action" and any(m.kind == kind for m in stay.moments)]
        if kinds:
            yield self._heading("What happened")
            for kind in kinds:
                yield from self._lane(kind)

    def _heading(self, text: str) -> str:
        self.y += _HEADING
        return _words(2, self.y - 7, text, "part", "start")

    def _named(self, name: str, below: str = "", middle: float = 0.0) -> str:
        cut = name if len(name) <= _LETTERS else name[: _LETTERS - 1].rstrip() + "…"
        full = f"<title>{escape(name)}</title>" if cut != name else ""
        drawn = f'<text class="name" x="2" y="{middle:.1f}">{escape(cut)}{full}</text>'
        return drawn + (_words(2, middle + 14, below, "unit", "start") if below else "")

    def _places(self) -> Iterator[str]:
        yield self._named("place", "", self.y + 15)
        for place in self.stay.places:
            left, right = self.x(place.time), self.x(place.end or self.stay.end)
            width = max(right - left - 2, 2)
            yield f'<rect class="place" x="{left:.1f}" y="{self.y + 3:.1f}" width="{width:.1f}" height="17" rx="3">'
            yield f"<title>{escape(place.text)}, {self.stay.told(place.time)}</title></rect>"
            if width > 6.4 * min(len(place.text), 6):
                fits = int(width / 6.4)
                cut = place.text if len(place.text) <= fits else place.text[: fits - 1] + "…"
                yield _words(left + 6, self.y + 16, cut, "within", "start")
        self.y += _LANE + 2

    def _result(self, row: ResultRow) -> Iterator[str]:
        top, bottom = self.y + 5, self.y + _RESULT - 5
        values = [point.value for series in row.series for point in series.points] + [value for _, value in row.true]
        ends = [each for limits in row.limits for each in limits or () if each is not None]
        low, high = min(values), max(values)
        near = [each for each in ends if low - (high - low or abs(low)) <= each <= high + (high - low or abs(high))]
        low, high = min([low, *near]), max([high, *near])
        spare = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
        low, high = low - spare, high + spare

        def y(value: float) -> float:
            return bottom - (min(max(value, low), high) - low) / (high - low) * (bottom - top)

        unit = readable_unit(row.series[0].unit)
        lasts = [f"{series.trusted[-1].value:g}" for series in row.series if series.trusted]
        yield self._named(row.name, " ".join(each for each in ("/".join(lasts), unit) if each), self.y + 20)
        for limits in row.limits:
            if limits is not None and _seen(limits, low, high):
                upper = y(high if limits[1] is None else limits[1])
                lower = y(low if limits[0] is None else limits[0])
                size = f'width="{WIDTH - _LEFT - _RIGHT}" height="{max(lower - upper, 0):.1f}"'
                yield f'<rect class="band" x="{_LEFT}" y="{upper:.1f}" {size}/>'
        for value in (min(values), max(values)) if min(values) < max(values) else (values[0],):
            yield _words(_LEFT - 6, y(value) + 4, f"{value:.4g}", "end", "end")
        if row.true:
            path = " ".join(f"{self.x(time):.1f},{y(value):.1f}" for time, value in _every(row.true))
            name = f"<title>{escape(row.name)}: the true course</title>"
            yield f'<polyline class="true" points="{path}">{name}</polyline>'
        for number, series in enumerate(row.series):
            yield from self._line(series, row.limits[number], number, y)
        self.y += _RESULT

    def _line(self, series: Series, limits: Range | None, number: int, at: Callable[[float], float]) -> Iterator[str]:
        shown = _thinned(series.trusted, self.stay)
        if len(shown) > 1:
            path = " ".join(f"{self.x(p.time):.1f},{at(p.value):.1f}" for p in shown)
            yield f'<polyline class="line n{number}" points="{path}"/>'
        for point in shown:
            mark = flag(point.value, limits)
            if mark or len(shown) <= _DOTTED:
                x, height = self.x(point.time), at(point.value)
                said = f"{series.name} {point.value:g} {readable_unit(series.unit)}{f' {mark}' if mark else ''}"
                title = self._told(said, point.time)
                if mark:  # a triangle that points up or down, so that it is told apart without colour
                    kind, shape = (
                        ("high", f"{height - 4:.1f}l4 7h-8z") if mark == "H" else ("low", f"{height + 4:.1f}l4-7h-8z")
                    )
                    yield f'<path class="{kind}" d="M{x:.1f} {shape}">{title}</path>'
                else:
                    place = f'cx="{x:.1f}" cy="{height:.1f}"'
                    yield f'<circle class="dot n{number}" {place} r="2.6">{title}</circle>'
        for point in series.points:
            if point.void or point.spoilt:
                x, height = self.x(point.time), at(point.value)
                why = "haemolysed" if point.spoilt else point.status
                said = f"{series.name} {point.value:g} {readable_unit(series.unit)}, {why}"
                cross = f"M{x - 4:.1f} {height - 4:.1f}l8 8m0-8l-8 8"
                yield f'<path class="void" d="{cross}">{self._told(said, point.time)}</path>'

    def _told(self, text: str, time: int) -> str:
        return f"<title>{escape(self.stay.told(time))}  {escape(text)}</title>"

    def _drug(self, row: DrugRow) -> Iterator[str]:
        middle = self.y + _DRUG / 2
        yield self._named(row.name, "", middle + 4)
        yield f'<path class="base" d="M{_LEFT} {middle:.1f}H{WIDTH - _RIGHT}"/>'
        rates = [given.rate for given in row.given if given.rate]
        for order in row.orders:
            x = self.x(order.time)
            said = self._told(f"ordered: {order.text}", order.time)
            yield f'<path class="order" d="M{x - 4:.1f} {self.y + 1:.1f}h8l-4 6z">{said}</path>'
        for place, given in enumerate(row.given):
            yield from self._dose(row.name, given, middle, max(rates, default=0.0), self.stay.until(row, place))
        self.y += _DRUG

    def _dose(self, name: str, given: Given, middle: float, most: float, end: int) -> Iterator[str]:
        said = self._told(f"{name}: {'not given, ' if given.missed else ''}{given.text}", given.time)
        x = self.x(given.time)
        if given.missed:
            yield f'<path class="void" d="M{x - 3.5:.1f} {middle - 3.5:.1f}l7 7m0-7l-7 7">{said}</path>'
        elif given.end is None and not given.goes_on:
            yield f'<circle class="dose" cx="{x:.1f}" cy="{middle:.1f}" r="3.6">{said}</circle>'
        else:
            width = max(self.x(end) - x, 2.5)
            tall = 5 + 9 * (given.rate / most if given.rate and most else 1.0)
            place = f'x="{x:.1f}" y="{middle - tall / 2:.1f}" width="{width:.1f}" height="{tall:.1f}"'
            yield f'<rect class="drip" {place} rx="2">{said}</rect>'
            if given.rate is not None and width > 30:
                yield _words(x + 12, middle + 4, f"{given.rate:g}", "within", "start")

    def _lane(self, kind: str) -> Iterator[str]:
        moments = [each for each in self.stay.moments if each.kind == kind]
        if not moments:
            return
        middle = self.y + _LANE / 2
        yield self._named(LANES[kind], "", middle + 4)
        yield f'<path class="base" d="M{_LEFT} {middle:.1f}H{WIDTH - _RIGHT}"/>'
        if kind == "action":
            yield from self._actions(moments, middle)
        else:
            for moment in moments:
                yield self._moment(moment, middle)
        self.y += _LANE

    def _actions(self, moments: Sequence[Moment], middle: float) -> Iterator[str]:
        """Yields the numbered actions; those that would lie on each other share a mark."""
        groups: list[list[int]] = []
        for number, moment in enumerate(moments):
            if groups and self.x(moment.time) - self.x(moments[groups[-1][0]].time) < _APART:
                groups[-1].append(number)
            else:
                groups.append([number])
        for group in groups:
            first, last = group[0], group[-1]
            label = f"{first + 1}" if first == last else f"{first + 1}–{last + 1}"
            wide = max(16.0, 6.2 * len(label) + 6)
            left = min(self.x(moments[first].time) - 8, WIDTH - wide)
            told = "; ".join(f"{number + 1} {moments[number].text[:120]}" for number in group[:12])
            place = f'x="{left:.1f}" y="{middle - 8:.1f}" width="{wide:.1f}" height="16" rx="8"'
            yield f'<g><rect class="sm action" {place}/>{_words(left + wide / 2, middle + 3.5, label, "num")}'
            yield f"{self._told(told, moments[first].time)}</g>"

    def _moment(self, moment: Moment, middle: float) -> str:
        x = self.x(moment.time)
        said = self._told(moment.text[:400], moment.time)
        mark = f"{moment.kind}{' alarm' if moment.alarm else ''}"
        if moment.end is not None and self.x(moment.end) - x > 8:
            width = self.x(moment.end) - x
            size = f'width="{width:.1f}" height="10"'
            return f'<rect class="sm {mark}" x="{x:.1f}" y="{middle - 5:.1f}" {size} rx="2">{said}</rect>'
        match moment.kind:
            case "note":
                shape = f"M{x - 4:.1f} {middle - 6:.1f}h5l3 3v9h-8z"
            case "message":
                shape = f"M{x - 6:.1f} {middle - 5:.1f}h12v9h-8l-4 4z"
            case "report":
                shape = f"M{x:.1f} {middle - 6:.1f}l6 6l-6 6l-6-6z"
            case "order":
                shape = f"M{x - 5:.1f} {middle - 4:.1f}h10l-5 8z"
            case _:
                shape = f"M{x - 5:.1f} {middle - 5:.1f}h10v10h-10z"
        return f'<path class="sm {mark}" d="{shape}">{said}</path>'


def _seen(limits: Range, low: float, high: float) -> bool:
    """Tells if a part of a reference range is within an axis."""
    some = limits[0] is not None or limits[1] is not None
    return some and (limits[0] is None or limits[0] < high) and (limits[1] is None or limits[1] > low)


def _words(x: float, y: float, text: str, kind: str, anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _every(points: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    """Returns at most about `_THIN` of many points, evenly."""
    return points[:: len(points) // _THIN + 1]


def _thinned(points: Sequence[ResultPoint], stay: Stay) -> list[ResultPoint]:
    """Thins a long series to the least and the greatest value of each stretch."""
    if len(points) <= _THIN:
        return list(points)
    stretches: dict[int, list[ResultPoint]] = {}
    for point in points:
        stretches.setdefault((point.time - stay.begin) * (_THIN // 2) // max(stay.end - stay.begin, 1), []).append(
            point
        )
    kept = []
    for some in stretches.values():
        ends = {min(some, key=lambda p: p.value), max(some, key=lambda p: p.value)}
        kept += sorted(ends, key=lambda p: p.time)
    return kept
