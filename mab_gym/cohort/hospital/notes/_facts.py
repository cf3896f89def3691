"""The ledger: what is true of a person beyond the resources, in which notes it stands, and which notes say otherwise.

A `Tale` is a fact with the words to tell it. Each note asks the `Ledger` which facts are told in it, and which it gets
wrong; the words that it used stand in the fact (`Fact.quotes`, `Fact.misquotes`). A fact that no note holds is dropped.

Subjects, each with what `Fact.says` holds beside ``since``:

- ``drug:<key>:taken``: ``takes``; ``dose`` and ``unit`` of what is really taken, or ``missed_days_a_week``; ``why``
- ``drug:<key>:held``: ``held``, ``restart_when``; ``drug:<key>:cost``: ``dollars_a_month``
- ``otc:<name>``: ``takes``, ``dose_mg``, ``days_a_week``, ``for``
- ``allergy:<key>:reaction``: ``reaction``, ``year``, ``after``, ``treated``
- ``allergy:<key>:tolerated``: ``drug``, ``year``
- ``result:outside:<test>``: ``place``, ``month``, ``value`` or ``words`` with figures of the test
- ``code_status``: ``status`` (``full``, ``dnr``, ``dnr_dni``); ``blood_products``: ``accepts``
- ``lives_with``, ``pills_by``, ``transport``, ``mobility``, ``proxy``, ``contact``, ``alcohol``, ``falls``,
  ``dry_weight``, ``home_oxygen``, ``metal``, ``airway``
- ``vaccine:<key>:elsewhere``: ``place``, ``month``; ``agreed:<key>``; ``plan:<key>``: ``dropped``, ``reason``
- ``finding:<name>``: what imaging found by the way, ``mm`` or ``cm``, ``due``
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field

from mab_gym.cohort.hospital._history import Fact
from mab_gym.cohort.hospital.notes._phrases import Draw

_RETOLD = 0.6
"""Share of notes that tell a fact again which another note holds, if the one drawn fits. Our choice."""
_WRONG = 0.5
"""Share of notes that get such a fact wrong, if the one drawn fits. Our choice."""


@dataclass(slots=True)
class Tale:
    """A fact and how notes tell it.

    Attributes:
        fact: The line of the ledger.
        rule: Rules of ``tables/phrases/facts.toml``: ``<rule>.tell`` and ``<rule>.wrong``.
        section: Where it stands in a note: ``meds``, ``allergies``, ``social``, ``data``, ``plan``, ``code``, ``pmh``.
        slots: Words to fill in.
        kinds: Kinds of notes that can hold it.
        visit: The visit at which it came up; it is told there alone before any other. None if anywhere.
        wrong: False if notes never say otherwise.
    """

    fact: Fact
    rule: str
    section: str
    slots: dict[str, str]
    kinds: frozenset[str]
    visit: int | None = None
    wrong: bool = True


@dataclass(slots=True)
class Told:
    """A telling of a fact in a note that is being written.

    Attributes:
        tale: The fact.
        right: False if the note says something else.
        words: The words, as they stand in the note.
    """

    tale: Tale
    right: bool
    words: str = ""


@dataclass(slots=True)
class Ledger:
    """The facts of a person while notes are written, in time.

    Attributes:
        tales: All that can be told.
        fresh: Those that no note holds yet, by kind of note.
    """

    tales: list[Tale]
    fresh: list[Tale] = field(init=False)

    def __post_init__(self) -> None:
        self.tales.sort(key=lambda tale: tale.fact.since)
        self.fresh = list(self.tales)

    def add(self, tale: Tale) -> None:
        """Adds a fact that came up while a note was written, which is the first to hold it."""
        insort(self.tales, tale, key=lambda other: other.fact.since)

    def due(self, kind: str, moment: int, visit: int | None, draw: Draw, most: int) -> list[Told]:
        """Chooses what a note tells, and what it gets wrong.

        Args:
            kind: The note's.
            moment: When it is written: facts of later are not known, those that are over not told.
            visit: The note's.
            draw: Decides.
            most: The most new facts that it holds; -1 for none at all.
        """
        if most < 0:
            return []
        told: list[Told] = []
        rest: list[Tale] = []
        for tale in self.fresh:
            fact = tale.fact
            known = fact.since <= moment and (fact.until is None or moment < fact.until)
            here = kind in tale.kinds and tale.visit in (None, visit)
            if known and here and len(told) < most and draw.chance(0.7):
                told.append(Told(tale, True))
            else:
                rest.append(tale)
        self.fresh = rest
        for share, right in ((_RETOLD, True), (_WRONG, False)):
            if self.tales and draw.chance(share):
                tale = draw.pick(self.tales)
                fact = tale.fact
                known = fact.since <= moment and (fact.until is None or moment < fact.until)
                fits = kind in tale.kinds and bool(fact.stands_in) and (right or tale.wrong)
                if known and fits and all(one.tale is not tale for one in told):
                    told.append(Told(tale, right))
        return told

    def write(self, note: int, told: Iterable[Told]) -> None:
        """Notes down which note holds which words."""
        for one in told:
            fact = one.tale.fact
            if one.right:
                fact.stands_in.append(note)
                fact.quotes.append(one.words)
            else:
                fact.contradicted_in.append(note)
                fact.misquotes.append(one.words)

    def facts(self) -> list[Fact]:
        """Returns the facts that stand in a note, or in a resource and otherwise in a note, by time and subject."""
        kept = [tale.fact for tale in self.tales]
        kept = [fact for fact in kept if fact.stands_in or (fact.structured and fact.contradicted_in)]
        return sorted(kept, key=lambda fact: (fact.since, fact.subject))
