"""One note while it is written: its author's habits, the words of the person and the moment, and what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, NUMBERS
from mab_gym.cohort.hospital._facts import Tale, Told
from mab_gym.cohort.hospital._history import Practitioner, Problem, local
from mab_gym.cohort.hospital._notes_past import DAY
from mab_gym.cohort.hospital._notes_style import MONTHS_LONG, WEEKDAYS, Style
from mab_gym.cohort.hospital._notes_words import (
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
from mab_gym.cohort.hospital._phrases import Draw, phrases

if TYPE_CHECKING:
    from mab_gym.cohort.hospital._notes_writer import Writer

_SIGNS: Final = tuple(
    NUMBERS[key] for key in ("systolic", "diastolic", "pulse", "respiratory_rate", "temperature", "saturation")
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
    """Returns a text that begins with a capital."""
    return text[:1].upper() + text[1:]


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


_STEPS: Final = (23, 29, 31, 37, 41, 43, 47)
"""Steps through a list that is shorter than any of these primes, so that each place comes once."""


class Scene:
    """A note in the making.

    Attributes:
        writer: Who knows the person and the hospital.
        author: Who writes it.
        style: The author's habits.
        moment: When it is signed.
        visit: Place of the visit; None for a letter.
        slots: Words to fill in.
        told: Facts that it holds.
    """

    __slots__ = ("_left", "_parts", "author", "draw", "kind", "moment", "slots", "style", "told", "visit", "writer")

    def __init__(
        self, writer: Writer, kind: str, author: Practitioner, style: Style, moment: int, visit: int | None, most: int
    ) -> None:
        self.writer = writer
        self.kind = kind
        self.author = author
        self.style = style
        self.moment = moment
        self.visit = visit
        self.draw = writer.draw
        self.slots = Slots(writer.base(style, moment), writer.draw, kind)
        self.told = writer.ledger.due(kind, moment, visit, writer.draw, most)
        self._left = list(self.told)
        self._parts: list[str] = []

    def say(self, rule: str) -> str:
        """Returns a sentence by a rule of ``notes``, with a capital."""
        return cap(phrases("notes").write(rule, self.slots, self.draw))

    def words(self, rule: str) -> str:
        """Returns words by a rule of ``notes``, as they come."""
        return phrases("notes").write(rule, self.slots, self.draw)

    def acute(self, key: str, rule: str) -> str:
        """Returns words about an acute disease."""
        name = f"{key}.{rule}"
        rules = phrases("acute")
        return rules.write(name if name in rules else f"other.{rule}", self.slots, self.draw)

    def chronic(self, problem: Problem, rule: str) -> str:
        """Returns words about a long-term disease."""
        name = f"{problem.key}.{rule}"
        rules = phrases("chronic")
        if name not in rules:
            self.slots["problem"] = condition_name(problem.key)
            name = f"other.{rule}"
        return rules.write(name, self.slots, self.draw)

    def section(self, name: str, text: str) -> None:
        """Adds a section with its heading, unless it is empty."""
        if text:
            heading = self.style.headings[name]
            if text[0] == "\n":  # a list begins on a line of its own
                heading = heading.rstrip(" \n-")
            self._parts.append(heading + text)

    def plain(self, text: str) -> None:
        """Adds a paragraph without a heading."""
        if text:
            self._parts.append(text)

    def left(self, section: str) -> list[Told]:
        """Returns the facts of a section that are yet to be written."""
        return [one for one in self._left if one.tale.section == section]

    def facts(self, *sections: str) -> list[str]:
        """Returns the sentences of the facts that belong into a section, and notes that they stand here."""
        found: list[str] = []
        if not self._left:
            return found
        for one in [one for one in self._left if one.tale.section in sections]:
            self._left.remove(one)
            found.append(self.tell(one))
        return found

    def told_now(self, tale: Tale) -> str:
        """Returns the sentence of a fact that came up with this note, which the ledger takes up."""
        self.writer.ledger.add(tale)
        one = Told(tale, True)
        self.told.append(one)
        return self.tell(one)

    def tell(self, one: Told) -> str:
        """Returns the sentence of a fact, and keeps its words."""
        tale = one.tale
        slots = Slots({**self.slots, **tale.slots}, self.draw, self.kind)
        slots.later = self.slots.later
        one.words = cap(phrases("facts").write(f"{tale.rule}.{'tell' if one.right else 'wrong'}", slots, self.draw))
        return one.words

    def text(self, signed: bool = True) -> str:
        """Returns the whole note; facts that no section took stand at its end."""
        if self._left:
            self._parts.append(sentences(self.facts(*{one.tale.section for one in self._left})))
        if signed:
            stamp = local(self.moment)
            self._parts.append(
                f"{self.style.signature} {self.style.day(self.moment)} {stamp.hour:02d}:{stamp.minute:02d}"
            )
        return self.style.gap.join(self._parts) + "\n"

    def listed(self, lines: Iterable[str]) -> str:
        """Returns lines as a list in the author's form."""
        lines = list(lines)
        if not lines:
            return ""
        if not self.style.bullet:
            return "; ".join(lines)
        return "".join(f"\n{self.style.bullet}{line}" for line in lines)

    def vitals(self, since: int) -> str:
        """Returns the newest vital signs of the visit in the author's form; empty if there are none."""
        past, moment = self.writer.past, self.moment
        found = [past.latest(number, moment, since) for number in _SIGNS]
        systolic, diastolic, pulse, breaths, heat, oxygen = (None if one is None else one.value for one in found)
        if systolic is None or diastolic is None:
            return ""
        form = self.style.signs
        words = self.style.words
        parts = [f"{words['bp']} {systolic:.0f}/{diastolic:.0f}" if form != 2 else f"{systolic:.0f}/{diastolic:.0f}"]
        if pulse is not None:
            parts.append(f"{words['hr']} {pulse:.0f}" if form != 3 else f"P{pulse:.0f}")
        if breaths is not None:
            parts.append(f"RR {breaths:.0f}" if form < 3 else f"resp {breaths:.0f}")
        if heat is not None:
            parts.append(f"T {heat:.1f}" if self.style.celsius else f"T {heat * 9 / 5 + 32:.1f} F")
        if oxygen is not None:
            parts.append(f"sat {oxygen:.0f} %" if form % 2 else f"SpO2 {oxygen:.0f}%")
        if form == 4:
            parts.reverse()
        return (", ", " ", ", ", " | ", "; ")[form].join(parts)

    def result(self, key: str, since: int, trend: bool = True) -> str:
        """Returns the newest result of an analyte in the author's form, maybe with the one before; empty if none."""
        number = NUMBERS[key]
        newest = self.writer.past.latest(number, self.moment, since)
        if newest is None:
            return ""
        row = ANALYTE_ROWS[number]
        name = row.short
        value = f"{newest.value:.{row.places}f}" if key != "weight" else f"{newest.value:.1f} kg"
        form = self.style.labs
        if trend and form != 2 and self.draw.number() % 2:
            older = self.writer.past.before(number, self.moment, newest.moment)
            if older is not None and newest.moment - older.moment < 400 * DAY:
                old = f"{older.value:.{row.places}f}"
                if form == 4:
                    return f"{name} {value} (was {old} {self.style.day(older.moment)})"
                if form == 3:
                    return f"{name} {old} -> {value}"
                return f"{name} {value} (from {old})"
        if form == 1 and key != "weight":
            return f"{name} {value} {row.unit}"
        if form == 3:
            return f"{name}: {value}"
        return f"{name} {value}"

    def results(self, analytes: tuple[str, ...], since: int, most: int) -> str:
        """Returns several results in a row, of analytes in random order: from one on, each so many further."""
        found = []
        keys = self.writer.past.measured(analytes)
        count = len(keys)
        if not count:
            return ""
        place, step = self.draw.number() % count, _STEPS[self.draw.number() % len(_STEPS)]
        for number in range(count):
            key = keys[(place + number * step) % count]
            if text := self.result(key, since):
                found.append(text)
                if len(found) >= most:
                    break
        return (", ", ", ", " | ", "; ", ". ")[self.style.labs].join(found)


def sentences(parts: Iterable[str]) -> str:
    """Joins sentences, each with a capital and a full stop."""
    return " ".join(cap(part) + ("" if part[-1:] in ".!?" else ".") for part in parts if part)


@cache
def condition_name(key: str) -> str:
    """Returns a disease in words, in lower case where it is no name or abbreviation."""
    display = CONDITIONS[key].display if key in CONDITIONS else key.replace("_", " ")
    first = display.split(" ", 1)[0].split("-", 1)[0]
    keep = first.isupper() or first in _NAMES or first.endswith("'s")
    return display if keep else display[:1].lower() + display[1:]


_NAMES: Final = frozenset({"Clostridioides", "COVID"})


def month_name(moment: int) -> str:
    """Returns a month in words."""
    return MONTHS_LONG[local(moment).month - 1]
