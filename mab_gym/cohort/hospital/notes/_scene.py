"""One note while it is written: its author's habits, the words of the person and the moment, and what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, NUMBERS
from mab_gym.cohort.hospital._history import Practitioner, Problem, local
from mab_gym.cohort.hospital.notes._facts import Ledger, Tale, Told
from mab_gym.cohort.hospital.notes._past import DAY, Past
from mab_gym.cohort.hospital.notes._phrases import Draw, phrases
from mab_gym.cohort.hospital.notes._slots import Slots, cap
from mab_gym.cohort.hospital.notes._style import MONTHS_LONG, Style

_SIGNS: Final = tuple(
    NUMBERS[key] for key in ("systolic", "diastolic", "pulse", "respiratory_rate", "temperature", "saturation")
)


_STEPS: Final = (23, 29, 31, 37, 41, 43, 47)
"""Steps through a list that is shorter than any of these primes, so that each place comes once."""


class Scene:
    """A note in the making.

    Attributes:
        kind: As in `Note.kind`.
        author: Who writes it.
        style: The author's habits.
        moment: When it is signed.
        visit: Place of the visit; None for a letter.
        slots: Words to fill in.
        told: Facts that it holds.
        past: The person's past.
        ledger: Of the person's facts.
        draw: Decides.
    """

    __slots__ = (
        "_left", "_parts", "author", "draw", "kind", "ledger", "moment", "past", "slots", "style", "told", "visit",
    )  # fmt: skip

    def __init__(
        self,
        kind: str,
        author: Practitioner,
        style: Style,
        moment: int,
        visit: int | None,
        words: dict[str, str],
        past: Past,
        ledger: Ledger,
        draw: Draw,
        most: int,
    ) -> None:
        self.kind = kind
        self.author = author
        self.style = style
        self.moment = moment
        self.visit = visit
        self.draw = draw
        self.past = past
        self.ledger = ledger
        self.slots = Slots(words, draw, kind)
        self.told = ledger.due(kind, moment, visit, draw, most)
        self._left = list(self.told)
        self._parts: list[str] = []

    def say(self, rule: str) -> str:
        """Returns a sentence by a rule of ``notes``, with a capital."""
        return cap(phrases("notes").write(rule, self.slots, self.draw))

    def some(self, rule: str, count: int) -> list[str]:
        """Returns several sentences by a rule of ``notes``, each of another way."""
        return [cap(text) for text in phrases("notes").some(rule, count, self.slots, self.draw)]

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
        self.ledger.add(tale)
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
        past, moment = self.past, self.moment
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
        newest = self.past.latest(number, self.moment, since)
        if newest is None:
            return ""
        row = ANALYTE_ROWS[number]
        name = row.short
        value = f"{newest.value:.{row.places}f}" if key != "weight" else f"{newest.value:.1f} kg"
        form = self.style.labs
        if trend and form != 2 and self.draw.number() % 2:
            older = self.past.before(number, self.moment, newest.moment)
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
        keys = self.past.measured(analytes)
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
