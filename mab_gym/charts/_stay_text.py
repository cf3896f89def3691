"""Writes a stay as text of a given width, for a terminal and for ``render``: one column is a stretch of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.text import Text

from mab_gym.charts._ranges import flag, readable_unit
from mab_gym.charts._stay import LANES, DrugRow, Given, Moment, ResultRow, Stay

_LEFT, _RIGHT = 20, 8
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_STYLES: Final = {"H": "bold red", "L": "bold blue"}
_MARKS: Final = {"action": "▲", "order": "▾", "event": "■", "report": "◆", "message": "!", "note": "n"}
_TOLD: Final = ("event", "report", "message")
"""The kinds of moments that are told in words below the axis; actions stand in the transcript."""


def stay_lines(stay: Stay, width: int = 80, most: int = 12) -> list[Text]:
    """Returns a stay as lines.

    Args:
        stay: The stay.
        width: The number of columns, at least 60.
        most: The greatest number of moments that are told in words: alarms first, then the latest.
    """
    return list(_Writing(stay, max(width, 60)).lines(most))


class _Writing:
    def __init__(self, stay: Stay, width: int) -> None:
        self.stay, self.width = stay, width
        self.columns = width - _LEFT - _RIGHT
        self.span = max(stay.end - stay.begin, 60)

    def column(self, time: int) -> int:
        """Returns the column of a time."""
        share = (min(max(time, self.stay.begin), self.stay.end) - self.stay.begin) / self.span
        return min(int(share * self.columns), self.columns - 1)

    def lines(self, most: int) -> Iterator[Text]:
        """Yields the lines."""
        stay = self.stay
        zone = stay.told(stay.begin, "%z")
        place = f"UTC{zone[:3]}:{zone[3:]}" if zone not in ("", "+0000") else "UTC"
        times = f"{stay.told(stay.begin, '%a %d %b %Y %H:%M')} – {stay.told(stay.end)} ({place})"
        if len(stay.title) + len(times) + 2 <= self.width:
            yield Text(f"{stay.title}  {times}", "bold")
        else:
            yield Text(_cut(stay.title, self.width), "bold")
            yield Text(times, "bold")
        yield from self._axis()
        if stay.places:
            yield self._places()
        yield from self._lane("action")
        for row in stay.results:
            yield from self._result(row)
        if stay.left_out:
            yield Text(_cut(f"{'further results':{_LEFT}}{', '.join(stay.left_out)}", self.width), "dim")
        for drug in stay.drugs:
            yield self._drug(drug)
        for kind in LANES:
            if kind != "action":
                yield from self._lane(kind)
        yield from self._told(most)

    def _axis(self) -> Iterator[Text]:
        days, hours = [" "] * (self.columns + _RIGHT), [" "] * (self.columns + _RIGHT)
        begin = datetime.fromtimestamp(self.stay.begin, self.stay.zone)
        step = next((h for h in (1, 2, 3, 6, 12) if self.span / 3600 / h * 6 <= self.columns), 24)
        at = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        free_day = free_hour = 0
        while (time := int(at.timestamp())) <= self.stay.end:
            place = self.column(time)
            if time >= self.stay.begin:
                if at.hour == 0 and place >= free_day:
                    free_day = _put(days, place, "|" + self.stay.told(time, "%a %d %b")) + 1
                elif at.hour and place >= free_hour and step < 24:
                    free_hour = _put(hours, place, "|" + self.stay.told(time, "%H:%M")) + 1
            at += timedelta(hours=step)
        if not "".join(days[:12]).strip():
            _put(days, 0, self.stay.told(self.stay.begin, "%a %d %b"))
        for line in (days, hours):
            if "".join(line).strip():
                yield Text(" " * _LEFT + "".join(line).rstrip(), "dim")

    def _places(self) -> Text:
        cells = [" "] * self.columns
        for place in self.stay.places:
            begin, end = self.column(place.time), self.column(place.end or self.stay.end)
            _put(cells, begin, _cut("|" + place.text, max(end - begin, 1)))
        return Text(f"{'place':{_LEFT}}{''.join(cells).rstrip()}")

    def _result(self, row: ResultRow) -> Iterator[Text]:
        for series, limits in zip(row.series, row.limits, strict=True):
            values = [point.value for point in series.points if not point.spoilt] or [p.value for p in series.points]
            if not values:
                continue
            low, high = min(values), max(values)
            cells: list[tuple[str, str]] = [(" ", "")] * self.columns
            for point in series.points:
                place = self.column(point.time)
                if point.void or point.spoilt:
                    cells[place] = ("×", "dim")
                    continue
                share = (point.value - low) / (high - low) if high > low else 0.5
                mark = _BLOCKS[min(int(share * len(_BLOCKS)), len(_BLOCKS) - 1)]
                cells[place] = (mark, _STYLES.get(flag(point.value, limits), ""))
            name = series.name if len(row.series) > 1 else row.name
            whole = f"{name} {readable_unit(series.unit)}".strip()
            line = self._row(whole if len(whole) < _LEFT else name, cells)
            if series.trusted:
                last = series.trusted[-1].value
                mark = flag(last, limits)
                line.append(f" {last:g}{f' {mark}' if mark else ''}", _STYLES.get(mark, ""))
            yield line

    def _drug(self, row: DrugRow) -> Text:
        cells: list[tuple[str, str]] = [("·", "dim")] * self.columns
        most = max((given.rate or 0.0 for given in row.given), default=0.0)
        for order in row.orders:
            cells[self.column(order.time)] = ("▾", "magenta")
        for place, given in enumerate(row.given):
            for column, mark in self._dose(given, most, self.stay.until(row, place)):
                cells[column] = (mark, "dim" if given.missed else "cyan")
        line = self._row(row.name, cells)
        line.append(f" ×{sum(not given.missed for given in row.given)}", "dim")
        return line

    def _dose(self, given: Given, most: float, until: int) -> Iterator[tuple[int, str]]:
        begin = self.column(given.time)
        if given.missed:
            yield begin, "×"
        elif given.end is None and not given.goes_on:
            yield begin, "●"
        else:
            end = self.columns if until >= self.stay.end else self.column(until)
            if end <= begin:
                yield begin, "●"
                return
            tall = 2 + round(5 * (given.rate / most)) if given.rate and most else 4
            for column in range(begin, max(end, begin + 1)):
                yield column, _BLOCKS[min(tall, len(_BLOCKS) - 1)]

    def _lane(self, kind: str) -> Iterator[Text]:
        moments = [each for each in self.stay.moments if each.kind == kind]
        if not moments:
            return
        cells: list[tuple[str, str]] = [("·", "dim")] * self.columns
        for moment in moments:
            place = self.column(moment.time)
            alarm = "bold red" if moment.alarm or cells[place][1] == "bold red" else ""
            cells[place] = (_MARKS[kind], alarm)
        line = self._row(LANES[kind], cells)
        line.append(f" {len(moments)}", "dim")
        yield line

    def _row(self, name: str, cells: Sequence[tuple[str, str]]) -> Text:
        line = Text(f"{_cut(name, _LEFT - 1):{_LEFT}}")
        for mark, style in cells:
            line.append(mark, style)
        return line

    def _told(self, most: int) -> Iterator[Text]:
        moments = [each for each in self.stay.moments if each.kind in _TOLD]
        chosen = sorted(moments, key=_weight)[: max(most, 0)]
        for moment in sorted(chosen, key=lambda each: each.time):
            yield self._sentence(moment)
        if most > 0 and len(moments) > len(chosen):
            yield Text(f"and {len(moments) - len(chosen)} more", "dim")

    def _sentence(self, moment: Moment) -> Text:
        text = " ".join(moment.text.split())
        said = f"{self.stay.told(moment.time, '%a %d %b %H:%M')}  {_MARKS[moment.kind]} {text}"
        return Text(_cut(said, self.width), "red" if moment.alarm else "")


def _weight(moment: Moment) -> tuple[bool, bool, int]:
    """Returns a key by which alarms come first and diagnoses last, each the latest first."""
    return not moment.alarm, moment.text.startswith("diagnosis:"), -moment.time


def _put(cells: list[str], place: int, text: str) -> int:
    """Writes a text into cells, and returns the place after it."""
    for number, letter in enumerate(text):
        if place + number < len(cells):
            cells[place + number] = letter
    return place + len(text)


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: max(size - 1, 0)] + "…"
