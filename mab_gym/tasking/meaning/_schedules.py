"""Reads Timing (FHIR R4, section 2.24.0.13): frequency, start and end, and the duration of each time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from mab_gym.fhir.model._dates import Period, read_date, stored_period
from mab_gym.tasking.meaning._said import Facet, FreeText, Order, listed, member
from mab_gym.tasking.meaning.often import BY_CODE, HOURS_OF_UNIT, ONCE, ONCE_CODES, Often, every, often_in
from mab_gym.tasking.meaning.units import hours, number

_ONE_A_DAY: Final = frozenset({"MORN", "MORN.early", "MORN.late", "NOON", "AFT", "AFT.early", "AFT.late", "EVE",
                               "EVE.early", "EVE.late", "NIGHT", "PHS", "HS", "WAKE", "ACM", "ACD", "ACV", "PCM", "PCD",
                               "PCV", "CM", "CD", "CV"})  # fmt: skip
"""Codes of EventTiming for events that come once a day."""
_WEEK: Final = frozenset({"mon", "tue", "wed", "thu", "fri", "sat", "sun"})
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::[0-5]\d(?:\.\d+)?)?")


def read_timing(order: Order, timing: Any, path: str) -> None:
    """Notes the statements of a Timing."""
    if not isinstance(timing, Mapping):
        order.refuse(path, timing)
        return
    for name, value in timing.items():
        where = f"{path}.{name}"
        if name == "event":
            _read_events(order, listed(value), where)
        elif name == "repeat":
            _read_repeat(order, value, where)
        elif name == "code":
            _read_code(order, value, where)
        elif name == "modifierExtension" and value:
            order.refuse(where, value, "it changes the meaning in a way that is not known", critical=True)
        elif name not in ("id", "extension", "modifierExtension") and not name.startswith("_"):
            order.refuse(where, value)


def _read_events(order: Order, events: Any, where: str) -> None:
    times = [event for event in events if event is not None]
    if len(times) == 1:
        order.say(Facet.OFTEN, ONCE, where)
        read_start(order, times[0], f"{where}[0]")
    elif times:
        order.say(Facet.OFTEN, Often(len(times)), where)


def read_start(order: Order, written: Any, where: str) -> None:
    """Notes the start of something, from a date or dateTime."""
    period = read_date(written) if isinstance(written, str) else None
    if period is None:
        order.refuse(where, written, "it is no date")
    elif period.high_day != period.low_day:
        order.refuse(where, written, "it does not say on which day")
    else:
        order.say(Facet.START, _as_instant(period), where)


def read_bounds(order: Order, period: Any, where: str) -> None:
    """Notes the start and the end, from a Period."""
    if not isinstance(period, Mapping):
        order.refuse(where, period)
        return
    for name, value in period.items():
        if name == "start":
            read_start(order, value, f"{where}.start")
        elif name == "end":
            end = read_date(value) if isinstance(value, str) else None
            if end is None:
                order.refuse(f"{where}.end", value, "it is no date")
            else:
                order.say(Facet.END, _as_instant(end), f"{where}.end")
        elif name not in ("id", "extension") and not name.startswith("_"):
            order.refuse(f"{where}.{name}", value)
    whole = stored_period({name: period.get(name) for name in ("start", "end")})
    if whole is not None and whole.high < whole.low:
        order.refuse(where, dict(period), "it ends before it begins")


def _as_instant(period: Period) -> Period:
    return period._replace(high=period.low) if period.timed else period


def _read_code(order: Order, concept: Any, where: str) -> None:
    for place, coding in enumerate(listed(member(concept, "coding"))):
        here = f"{where}.coding[{place}]"
        code, display = member(coding, "code"), member(coding, "display")
        if code is not None:
            upper = str(code).upper()
            if upper in BY_CODE:
                order.say(Facet.OFTEN, every(BY_CODE[upper]), f"{here}.code")
            elif upper in ONCE_CODES:
                order.say(Facet.OFTEN, ONCE, f"{here}.code")
            elif not _say_words(order, display, f"{here}.display"):
                order.refuse(f"{here}.code", code, "it is no timing that is known here")
        elif display is None:
            order.refuse(here, coding)
        if isinstance(display, str):
            order.texts.append(FreeText(display, f"{here}.display"))
    text = member(concept, "text")
    if isinstance(text, str):
        if text.strip().upper() in ONCE_CODES:
            order.say(Facet.OFTEN, ONCE, f"{where}.text")
        elif not _say_words(order, text, f"{where}.text"):
            order.refuse(f"{where}.text", text, "it is no timing that is known here")
        order.texts.append(FreeText(text, f"{where}.text"))
    if not listed(member(concept, "coding")) and not isinstance(text, str):
        order.refuse(where, concept)


def _say_words(order: Order, text: Any, where: str) -> bool:
    """Notes the schedule that words state; returns False if they state none."""
    found = [said for said, _ in often_in(text)] if isinstance(text, str) else []
    if isinstance(text, str) and not found and text.strip().upper() in BY_CODE:
        found = [every(BY_CODE[text.strip().upper()])]
    for said in found:
        order.say(Facet.OFTEN, said, where)
    return bool(found)


def _read_repeat(order: Order, repeat: Any, where: str) -> None:
    if not isinstance(repeat, Mapping):
        order.refuse(where, repeat)
        return
    said = {name: value for name, value in repeat.items() if name not in ("id", "extension") and name[:1] != "_"}
    for name, value in said.items():
        if name in _REPEATED:
            _REPEATED[name](order, value, f"{where}.{name}")
        elif name not in _TAKEN_TOGETHER:
            order.refuse(f"{where}.{name}", value)
    _read_frequency(order, said, where)
    _read_duration(order, said, where)


_TAKEN_TOGETHER: Final = frozenset({"count", "countMax", "frequency", "frequencyMax", "period", "periodMax",
                                    "periodUnit", "timeOfDay", "when", "duration", "durationMax",
                                    "durationUnit"})  # fmt: skip


def _read_course(order: Order, value: Any, where: str) -> None:
    """Notes the length of a course as an end: no task asks for a course of so many days."""
    order.say(Facet.END, None, where)


def _read_weekdays(order: Order, days: Any, where: str) -> None:
    if not set(map(str, listed(days))) >= _WEEK:
        order.refuse(where, days, "some days of the week are left out")


def _read_offset(order: Order, minutes: Any, where: str) -> None:
    if minutes != 0:
        order.refuse(where, minutes)


_REPEATED: Final[dict[str, Callable[[Order, Any, str], None]]] = {
    "boundsPeriod": read_bounds,
    "boundsDuration": _read_course,
    "boundsRange": _read_course,
    "dayOfWeek": _read_weekdays,
    "offset": _read_offset,
}


def _equal_ends(order: Order, said: Mapping[str, Any], name: str, where: str) -> float | None:
    """Reads a number whose maximum, if stated, must be the same; None if neither is there."""
    least, most = said.get(name), said.get(f"{name}Max")
    if least is None and most is None:
        return None
    if most is not None and most != least:
        order.refuse(f"{where}.{name}Max", most, f"it is not the same as {name}")
    value = number(least if least is not None else most)
    if value is None or value <= 0:
        order.refuse(f"{where}.{name}", least, "it is no number above 0")
        return None
    return value


def _read_frequency(order: Order, said: Mapping[str, Any], where: str) -> None:
    """Notes the schedule from count, frequency and period, times of day, and events of the day: all must agree."""
    count = _equal_ends(order, said, "count", where)
    frequency = _equal_ends(order, said, "frequency", where)
    period = _equal_ends(order, said, "period", where)
    unit = said.get("periodUnit")
    if count is not None:
        order.say(Facet.OFTEN, Often(round(count)), f"{where}.count")
        if frequency is not None and frequency > count:
            order.refuse(f"{where}.frequency", frequency, "it is more than count")
    interval = None
    if period is not None:
        if unit not in HOURS_OF_UNIT:
            order.refuse(f"{where}.periodUnit", unit, "it is no unit of time")
            return
        interval = period * HOURS_OF_UNIT[str(unit)] / (frequency or 1.0)
        if count != 1:
            order.say(Facet.OFTEN, every(interval), f"{where}.period")
    elif unit is not None:
        order.refuse(f"{where}.periodUnit", unit, "there is no period")
    elif frequency is not None and count is None:
        order.say(Facet.OFTEN, Often(round(frequency)), f"{where}.frequency")
    _read_times_of_day(order, said, where, interval)
    events = [str(code) for code in listed(said.get("when"))]
    if events:
        if len(events) > 1 or not set(events) <= _ONE_A_DAY:
            order.refuse(f"{where}.when", events, "how often a day that is, is not known")
        else:
            order.say(Facet.OFTEN, every(24.0), f"{where}.when")


def _read_times_of_day(order: Order, said: Mapping[str, Any], where: str, interval: float | None) -> None:
    times = listed(said.get("timeOfDay"))
    if not times:
        return
    matches = [_TIME.fullmatch(str(time)) for time in times]
    minutes = sorted({int(match[1]) * 60 + int(match[2]) for match in matches if match is not None})
    gaps = {
        (later - earlier) % 1440 or 1440 for earlier, later in zip(minutes, [*minutes[1:], *minutes[:1]], strict=True)
    }
    if None in matches or len(minutes) != len(times) or len(gaps) != 1:
        order.refuse(f"{where}.timeOfDay", times, "they are not evenly over the day")
        return
    order.say(
        Facet.OFTEN, every(gaps.pop() / 60 if interval is None or interval <= 24 else interval), f"{where}.timeOfDay"
    )


def _read_duration(order: Order, said: Mapping[str, Any], where: str) -> None:
    duration, unit = _equal_ends(order, said, "duration", where), said.get("durationUnit")
    if duration is None:
        if unit is not None:
            order.refuse(f"{where}.durationUnit", unit, "there is no duration")
    elif unit not in HOURS_OF_UNIT:
        order.refuse(f"{where}.durationUnit", unit, "it is no unit of time")
    else:
        order.say(Facet.LASTS, hours(duration * HOURS_OF_UNIT[str(unit)]), f"{where}.duration")
