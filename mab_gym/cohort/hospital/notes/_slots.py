"""Words of a note that are drawn when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mab_gym.cohort.hospital.notes._phrases import Draw, phrases
from mab_gym.cohort.hospital.notes._style import WEEKDAYS
from mab_gym.cohort.hospital.notes._words import (
    ASKED,
    DISTANCES,
    FOODS,
    HOBBIES,
    KIN,
    MINOR,
    RHYTHMS,
    SITES,
    WALKS,
    WORRIES,
)


class Slots(dict[str, str]):
    """Words to fill in; one that is not there yet is drawn when it is asked for, and stays for this note."""

    __slots__ = ("draw", "kind", "later")

    def __init__(self, words: dict[str, str], draw: Draw, kind: str) -> None:
        super().__init__(words)
        self.draw = draw
        self.kind = kind
        self.later: dict[str, Callable[[], str]] = {}

    def __missing__(self, name: str) -> str:
        if name in LAZY:
            value = LAZY[name](self.draw)
        elif name in self.later:
            value = self.later[name]()
        elif f"{self.kind}.{name}" in phrases("notes"):
            value = phrases("notes").write(f"{self.kind}.{name}", self, self.draw)
        elif name.endswith("_cap"):
            value = cap(self[name[:-4]])
        elif name[0].isupper():
            value = cap(self[name.lower()])
        else:
            raise KeyError(name)
        self[name] = value
        return value


def cap(text: str) -> str:
    """Returns a text that begins with a capital, unless it is a name such as aPTT."""
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def _duration(draw: Draw) -> str:
    return draw.pick(_DURATIONS)


_DURATIONS: Final = (
    "2 days", "3 days", "4 days", "5 days", "6 days", "a week", "8 days", "10 days", "two weeks", "36 hours",
    "a day and a half", "three days", "five days", "several days", "12 days", "a few days", "about a week",
)  # fmt: skip


def _clock(draw: Draw, first: int, last: int) -> str:
    hour, minute = draw.between(first, last), draw.pick((0, 5, 10, 15, 20, 30, 40, 45, 50))
    form = draw.number() % 3
    if form == 0:
        return f"{hour:02d}:{minute:02d}"
    if form == 1:
        return f"{hour % 12 or 12}:{minute:02d} {'PM' if hour >= 12 else 'AM'}"
    return f"{hour:02d}{minute:02d}"


def _from(words: Sequence[str]) -> Callable[[Draw], str]:
    return lambda draw: draw.pick(words)


def _number(low: int, high: int, step: int = 1) -> Callable[[Draw], str]:
    return lambda draw: str(low + step * (draw.number() % ((high - low) // step + 1)))


_PAINS: Final = ("{}/10", "pain {} of 10", "a {}", "{} out of 10", "{}/10 pain")


_PAINS_BARE: Final = ("{}/10", "{} of 10", "at {}", "{} out of 10", "{}")
_PAINS_NOW: Final = ("pain {}/10", "pain {}", "rates pain {} of 10", "{}/10", "pain score {}")


_SEASONS: Final = ("spring", "summer", "last winter", "the holidays", "the fall", "Easter", "Labor Day", "the new year")


_SINCE: Final = ("in a week", "since the last visit", "in 4 days", "in ten days", "over two weeks", "this month")


_IN: Final = ("this year", "since spring", "in six months", "since the last visit", "this winter", "in 12 months")


LAZY: Final[dict[str, Callable[[Draw], str]]] = {
    "dur": _duration,
    "few": _number(2, 6),
    "many": _number(6, 14),
    "hours": _number(2, 6),
    "hrs": _number(3, 8),
    "hour": lambda draw: _clock(draw, 0, 23),
    "dayhour": lambda draw: _clock(draw, 8, 16),
    "min": _number(5, 60, 5),
    "pain": lambda draw: draw.pick(_PAINS).format(draw.between(2, 8)),
    "pain_n": lambda draw: draw.pick(_PAINS_BARE).format(draw.between(1, 8)),
    "pain_now": lambda draw: draw.pick(_PAINS_NOW).format(draw.between(0, 6)),
    "tmax": lambda draw: draw.pick(("{:.1f}", "{:.1f} F", "{:.1f} at home")).format(draw.between(1004, 1032) / 10),
    "t_low": lambda draw: f"{draw.between(976, 993) / 10:.1f}",
    "blocks": _from(DISTANCES),
    "weekday": _from(WEEKDAYS),
    "weekday_m": _from(_SEASONS),
    "food": _from(FOODS),
    "kin": _from(KIN),
    "cm": _number(2, 14),
    "lb": _number(3, 14),
    "ml": _number(150, 900, 10),
    "ml2": _number(50, 600, 25),
    "liters": _number(1, 5),
    "spiro": _number(500, 2000, 50),
    "gluc": _number(92, 188),
    "glucx": _number(248, 412),
    "glu": _number(92, 138),
    "glux": _number(142, 238),
    "low": _number(41, 66),
    "sys": _number(116, 138),
    "dia": _number(66, 84),
    "sysx": _number(142, 178),
    "diax": _number(86, 104),
    "rate": _number(60, 88),
    "jvp": _number(9, 16),
    "tray": _number(25, 100, 5),
    "ciwa": _number(8, 19),
    "cigs": _number(3, 22),
    "steps": _number(20, 300, 10),
    "ebl": _number(10, 400, 10),
    "ox": _number(2, 4),
    "dose_f": _number(50, 150, 25),
    "gauge": _from(("20", "22", "18")),
    "evening": _from(("in the evening", "after supper", "before bed", "at night", "late in the day")),
    "evening_w": _from(("by evening", "after supper", "at night", "late in the day", "by bedtime")),
    "morning_w": _from(("on waking", "in the morning", "before breakfast", "first thing")),
    "better_w": _from(("better", "a bit better", "stronger", "rested", "more like usual")),
    "since_when": _from(_SINCE),
    "since_m": _from(_IN),
    "hobby": _from(HOBBIES),
    "worry": _from(WORRIES),
    "askabout": _from(ASKED),
    "minor": _from(MINOR),
    "emergency": _from(("ED", "ER", "emergency")),
    "mw_unit": _from(("weeks", "months", "months", "weeks or so")),
    "cyc": _number(26, 33),
    "cycx": _number(38, 75),
    "aid": _from(WALKS),
    "aid_w": lambda draw: "with " + draw.pick(WALKS),
    "site": _from(SITES),
    "arm": _from(("right", "left", "R", "L")),
    "rhythm": lambda draw: draw.pick(RHYTHMS).format(rate=draw.between(58, 92), tens=draw.pick((60, 70, 80, 90))),
    "suture": _from(("staples", "subcuticular suture", "3-0 nylon", "glue", "4-0 Monocryl")),
    "bmday": _from(("today", "yesterday", "2 days ago", "3 days ago")),
    "why_up": _from(("the bathroom", "a blood draw", "the pump alarm", "pain", "noise", "a cough")),
}  # fmt: skip
"""Words that are drawn for a note when they are first asked for."""
