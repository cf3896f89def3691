"""A small grammar of clinical language: rules of many alternatives, which are written out with a person's own words.

The rules lie in ``tables/phrases/*.toml``, each a text or a list of texts. In a text ``[a|b|]`` is a choice (an empty
one leaves it out), ``{name}`` a word of the person, the moment or the author's habits, and ``<rule>`` another rule of
the same file or of ``common``. `Draw` decides, from a stream of its own for each person.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, Final, TypeVar

from numpy.random import RandomState

from mab_gym.cohort._streams import integers
from mab_gym.errors import ContentError

FOLDER: Final = Path(__file__).parents[1] / "tables" / "phrases"
T = TypeVar("T")


class Slot:
    """A word that is filled in."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


Part = str | Slot | list[str] | tuple[Any, ...]
"""Words as they stand, a slot, a choice of words (a list), or a choice of sequences of parts (a tuple)."""
Rule = tuple[list[Part], ...]
"""A choice: sequences of parts, of which one is written."""


class Draw:
    """Draws whole numbers quickly, from a ring of them that comes from a random stream."""

    __slots__ = ("number",)

    def __init__(self, rng: RandomState, ring: int = 6_007) -> None:
        """Draws the ring.

        Args:
            rng: The stream.
            ring: So many numbers; then the first comes again, at another place of the text.
        """
        self.number: Callable[[], int] = cycle(integers(rng, 0, 1 << 30, ring).tolist()).__next__
        """Gives the next whole number, from 0 to 2**30 - 1."""

    def pick(self, choices: Sequence[T]) -> T:
        """Returns one of some, equally likely."""
        return choices[self.number() % len(choices)]

    def chance(self, share: float) -> bool:
        """Returns True with a probability."""
        return self.number() < share * (1 << 30)

    def between(self, low: int, high: int) -> int:
        """Returns a whole number from ``low`` to ``high``, both possible."""
        return low + self.number() % (high - low + 1)

    def some(self, choices: Sequence[T], count: int) -> list[T]:
        """Returns at most so many of them, in random order."""
        rest = list(choices)
        taken: list[T] = []
        while rest and len(taken) < count:
            taken.append(rest.pop(self.number() % len(rest)))
        return taken


class Phrases:
    """The compiled rules of a file.

    Attributes:
        rules: By name.
    """

    __slots__ = ("name", "rules")

    def __init__(self, name: str, rules: Mapping[str, Rule]) -> None:
        self.name = name
        self.rules = rules

    def __contains__(self, rule: str) -> bool:
        return rule in self.rules

    def write(self, rule: str, slots: Mapping[str, str], draw: Draw) -> str:
        """Returns one of the texts of a rule, as a sentence without a capital of its own.

        Args:
            rule: Its name.
            slots: Words to fill in.
            draw: Decides.

        Raises:
            KeyError: There is no such rule, or a word is missing.
        """
        out: list[str] = []
        choice = self.rules[rule]
        number = draw.number
        _expand(choice[number() % len(choice)], slots, number, out)
        return "".join(out)

    def some(self, rule: str, count: int, slots: Mapping[str, str], draw: Draw) -> list[str]:
        """Returns several of the texts of a rule, each of another way.

        Args:
            rule: Its name.
            count: At most so many.
            slots: Words to fill in.
            draw: Decides.
        """
        found = []
        for way in draw.some(self.rules[rule], count):
            out: list[str] = []
            _expand(way, slots, draw.number, out)
            found.append("".join(out))
        return found


def _expand(parts: Sequence[Part], slots: Mapping[str, str], number: Callable[[], int], out: list[str]) -> None:
    for part in parts:
        kind = part.__class__
        if kind is str:
            out.append(part)  # type: ignore[arg-type]
        elif kind is list:
            out.append(part[number() % len(part)])  # type: ignore[index,arg-type]
        elif kind is tuple:
            _expand(part[number() % len(part)], slots, number, out)  # type: ignore[index,arg-type]
        else:
            out.append(slots[part.name])  # type: ignore[union-attr]


@cache
def phrases(name: str) -> Phrases:
    """Reads and compiles a file of rules.

    Args:
        name: The file's name without its ending.

    Raises:
        ContentError: A text has a bracket too many, or names a rule that there is not.
    """
    texts = _texts(name)
    known: dict[str, Rule] = {}
    if name != "common":
        known |= phrases("common").rules
    reader = _Reader(name, texts, known)
    return Phrases(
        name, {rule: reader.rule(rule, ()) for rule in texts} | {r: known[r] for r in known if r not in texts}
    )


@cache
def _texts(name: str) -> dict[str, list[str]]:
    """The texts of a file by rule; a rule of a table has the table's name before a dot."""
    found: dict[str, list[str]] = {}
    for key, value in tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8")).items():
        entries = {f"{key}.{part}": text for part, text in value.items()} if isinstance(value, dict) else {key: value}
        found |= {rule: [text] if isinstance(text, str) else text for rule, text in entries.items()}
    return found


def _plain(choice: Rule) -> Part:
    """A choice of mere words in the form that is quickest to write."""
    if all(not way or (len(way) == 1 and isinstance(way[0], str)) for way in choice):
        return ["".join(str(part) for part in way) for way in choice]
    return choice


def texts(name: str, rule: str) -> tuple[str, ...]:
    """Returns the texts of a rule as they stand, with ``{name}`` where a word is filled in; they have no choices.

    Args:
        name: The file's name without its ending.
        rule: The rule's.
    """
    return tuple(_texts(name)[rule])


class _Reader:
    """Compiles the texts of a file; each rule once, those that it names before it."""

    def __init__(self, name: str, texts: Mapping[str, list[str]], known: Mapping[str, Rule]) -> None:
        self._name = name
        self._texts = texts
        self._known = known
        self._done: dict[str, Rule] = {}

    def rule(self, rule: str, within: tuple[str, ...]) -> Rule:
        if rule in self._done:
            return self._done[rule]
        if rule in within:
            raise ContentError(f"{self._name}: the rule '{rule}' names itself, by {' > '.join(within)}")
        if rule not in self._texts:
            if rule in self._known:
                return self._known[rule]
            raise ContentError(f"{self._name}: '{within[-1]}' names the rule '{rule}', which there is not")
        made = tuple(self._text(text, (*within, rule)) for text in self._texts[rule])
        self._done[rule] = made
        return made

    def _text(self, text: str, within: tuple[str, ...]) -> list[Part]:
        parts, end = self._parts(text, 0, within)
        if end != len(text):
            raise ContentError(f"{self._name}: '{within[-1]}' has a bracket too many in '{text}'")
        return parts

    def _parts(self, text: str, start: int, within: tuple[str, ...]) -> tuple[list[Part], int]:
        """Reads up to the end, or to a bar or bracket that belongs to a choice around it."""
        parts: list[Part] = []
        words = ""
        place = start
        while place < len(text) and text[place] not in "|]":
            mark = text[place]
            if mark not in "[{<":
                words += mark
                place += 1
                continue
            if words:
                parts.append(words)
                words = ""
            if mark == "[":
                choice, place = self._choice(text, place + 1, within)
                parts.append(_plain(choice))
                continue
            end = text.find("}" if mark == "{" else ">", place)
            if end < 0:
                raise ContentError(f"{self._name}: '{within[-1]}' has an open bracket in '{text}'")
            inner = text[place + 1 : end]
            parts.append(Slot(inner) if mark == "{" else self.rule(inner, within))
            place = end + 1
        if words:
            parts.append(words)
        return parts, place

    def _choice(self, text: str, place: int, within: tuple[str, ...]) -> tuple[Rule, int]:
        ways: list[list[Part]] = []
        while True:
            way, place = self._parts(text, place, within)
            ways.append(way)
            if place >= len(text):
                raise ContentError(f"{self._name}: '{within[-1]}' has an open bracket in '{text}'")
            place += 1
            if text[place - 1] == "]":
                return tuple(ways), place
