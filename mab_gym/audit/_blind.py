"""Finds the most that can be won without a single GET, by a search over every text that could win anything.

A text is some orders and an answer. The search covers the orders of all gold solutions, with the prompt's own words as
blanks, no orders at all, and all answers that can be built from the `items` of a family. There are millions of such
texts, but a verifier judges the orders and each item of the answer separately. So for each order, and for each item at
each position, the search finds the cases in which it is right if all else is right. A text is right in the cases in
which all its parts are. The best texts are then played through the environment, together with some that people try
first.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mab_gym.actions import Finish, parse_action, read_answer
from mab_gym.agents._reference import Template, abstract, fill_in
from mab_gym.audit._trial import Trial
from mab_gym.audit._words import Item, items, near, same_thing
from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking._family import Family
from mab_gym.tasking.case import Case

AT_ONCE = ("FINISH([])", "FINISH()", "FINISH([null])", 'FINISH([""])', "FINISH([[]])", "FINISH(null)", "FINISH({})")
"""The ways to finish at once without an answer."""
FIRST_TRIES = ("[]", "[-1]", '["Patient not found"]', "[0]", "[null]", '[""]', "[true]", '["none"]', "[1]")
"""Answers that people try first; they are tried as whole texts."""
_FREQUENT = 8
"""The number of most frequent right answers that are tried as whole texts."""

_PLAYED = 3
"""The number of best texts that are played through the environment."""

Places = dict[int, list[list[tuple[Item, int]]]]
"""Items with the cases in which they are right (one bit for each), by length of the answer and position in it."""


@dataclass(frozen=True, slots=True)
class Blind:
    """The best text without a GET in a family.

    Attributes:
        family: The family.
        needs_reading: True if its gold solutions read the chart.
        text: The text; ``{{name}}`` stands for a part of the prompt.
        solved: The number of cases that it solves through the environment.
        bound: The greatest number of cases that any text solves by the search; at least ``solved``.
        played: The number of cases.
        tried: The number of texts that the search covers.
        credit: The greatest mean partial credit of the whole texts.
        alone: True if the family is judged by itself, by whole texts.
    """

    family: str
    needs_reading: bool
    text: Template
    solved: int
    bound: int
    played: int
    tried: int
    credit: float = 0.0
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """The one text that wins the most cases.

    Attributes:
        text: The text.
        solved: The number of cases that it solves.
        played: The number of cases.
    """

    text: str = ""
    solved: int = 0
    played: int = 0


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A text, its actions in each case, and the cases in which it should be right."""

    shown: Template
    actions: Sequence[Sequence[str]]
    mask: int


class Search:
    """The search in one family.

    Args:
        trial: Tries the texts.
        family: The family.
        cases: Its cases.
    """

    def __init__(self, trial: Trial, family: Family, cases: Sequence[Case]) -> None:
        self._trial = trial
        self._family = family
        self.cases = cases
        golden = [trial.gold(family, case) for case in cases]
        self._own = [abstract(actions, case) for actions, case in zip(golden, cases, strict=True)]
        self._answers = [_read(actions[-1]) for actions in golden]
        self._stored: dict[tuple[Template, int], tuple[Write, ...]] = {}
        self.needs_reading = any(action.startswith("GET") for actions in golden for action in actions)
        counted = Counter(text[:-1] for text in self._own)
        self._orders = {order: self._right(order) for order in dict.fromkeys([(), *dict(counted.most_common())])}
        self._places, self._tried = self._items()

    def at_once(self) -> int:
        """Returns the number of cases that finishing at once solves, in any way to write it."""
        return sum(any(self._trial.play(self._family, case, (text,)) for text in AT_ONCE) for case in self.cases)

    def best(self) -> Blind:
        """Returns the text without a GET that solves the most cases."""
        found = [text for order, mask in self._orders.items() for text in self._put_together(order, mask)]
        whole, credit = self._whole()
        ranked = sorted([*found, *whole], key=lambda text: -text.mask.bit_count())
        solved = {text.shown: self.played(text.actions) for text in ranked[:_PLAYED]}
        best = max(solved, key=lambda shown: solved[shown])
        bound = max(ranked[0].mask.bit_count(), solved[best])
        tried = len(self._orders) * self._tried + len(whole)
        name = self._family.name
        return Blind(name, self.needs_reading, best, solved[best], bound, len(self.cases), tried, credit)

    def played(self, actions: Sequence[Sequence[str]]) -> int:
        """Returns the number of cases that the actions of each case solve through the environment."""
        return sum(
            self._trial.play(self._family, case, written) for case, written in zip(self.cases, actions, strict=True)
        )

    def constants(self) -> Places:
        """Returns the constants that are right in cases without orders."""
        silent = self._orders[()]
        return {
            length: [
                [(item, mask & silent) for item, mask in place if item.constant and mask & silent] for place in places
            ]
            for length, places in self._places.items()
        }

    # --- parts -----------------------------------------------------------------------------------------------------

    def _right(self, order: Template) -> int:
        """Returns the cases in which an order is right if the answer is."""
        return _mask(
            self._success(number, _answer(fill_in(text[-1], case)), order)
            for number, (case, text) in enumerate(zip(self.cases, self._own, strict=True))
        )

    def _items(self) -> tuple[Places, int]:
        """Returns the items that are right in some case if all else is, and the number of answers they can build."""
        answers = [answer for answer in self._answers if answer is not None]
        candidates = items(self._family, self.cases, self._trial.scenario.backend.now, answers)
        if self._tolerant():
            more = {other.values: other for item in candidates for other in near(item)}
            candidates.extend(item for values, item in more.items() if values not in {c.values for c in candidates})
        places: Places = {}
        for length in sorted({len(answer) for answer in answers}):
            masks = [[(item, self._fitting(item, place, length)) for item in candidates] for place in range(length)]
            places[length] = [[(item, mask) for item, mask in place if mask] for place in masks]
        return places, sum(len(candidates) ** length for length in places)

    def _fitting(self, item: Item, place: int, length: int) -> int:
        """Returns the cases in which an item is right at a position of an answer of this length."""
        return _mask(self._fits(item, place, number, length) for number in range(len(self.cases)))

    def _fits(self, item: Item, place: int, number: int, length: int) -> bool:
        """Tells if an item is right at a position of a case's answer of this length."""
        answer = self._answers[number]
        if answer is None or len(answer) != length or not item.values[number]:
            return False
        written = [json.dumps(each) for each in answer]
        written[place] = item.values[number]
        return self._success(number, f"[{', '.join(written)}]", self._own[number][:-1])

    def _tolerant(self) -> bool:
        """Tells if a number of some answer may be slightly different and still right."""
        for number, answer in enumerate(self._answers):
            for place, value in enumerate(answer or ()):
                for other in near(Item(json.dumps(value), (json.dumps(value),) * len(self.cases))):
                    if self._fits(other, place, number, len(answer or ())):
                        return True
        return False

    def _success(self, number: int, answer: str, orders: Template) -> bool:
        verdict = self._trial.judge(self._family, self.cases[number], answer, self._writes(orders, number))
        return verdict.success

    def _writes(self, orders: Template, number: int) -> tuple[Write, ...]:
        """Returns the record system's writes for some orders in a case."""
        if (orders, number) not in self._stored:
            actions = [fill_in(order, self.cases[number]) for order in orders]
            self._stored[orders, number] = self._trial.writes(actions)
        return self._stored[orders, number]

    # --- texts -----------------------------------------------------------------------------------------------------

    def _put_together(self, orders: Template, mask: int) -> Iterator[_Candidate]:
        """Yields the best answer of each length for orders that are right in these cases."""
        for length, places in self._places.items():
            fitting = mask & _mask(answer is not None and len(answer) == length for answer in self._answers)
            right, chosen = best_product(places, fitting)
            if right:
                shown = (*orders, f"FINISH([{', '.join(item.shown for item in chosen)}])")
                actions = [
                    [
                        *(fill_in(order, case) for order in orders),
                        f"FINISH([{', '.join(item.values[number] or 'null' for item in chosen)}])",
                    ]
                    for number, case in enumerate(self.cases)
                ]
                yield _Candidate(shown, actions, right)

    def _whole(self) -> tuple[list[_Candidate], float]:
        """Tries whole texts: likely answers with each of the orders; returns them and their greatest mean credit."""
        frequent = Counter(text[-1] for text in self._own).most_common(_FREQUENT)
        finishes = dict.fromkeys([*(f"FINISH({answer})" for answer in FIRST_TRIES), *(text for text, _ in frequent)])
        found: list[_Candidate] = []
        credit = 0.0
        for orders in self._orders:
            for finish in finishes:
                text = (*orders, finish)
                actions = [[fill_in(action, case) for action in text] for case in self.cases]
                verdicts = [
                    self._trial.judge(self._family, case, _answer(written[-1]), self._writes(orders, number))
                    for number, (case, written) in enumerate(zip(self.cases, actions, strict=True))
                ]
                found.append(_Candidate(text, actions, _mask(verdict.success for verdict in verdicts)))
                credit = max(credit, sum(verdict.credit for verdict in verdicts) / len(verdicts))
        return found, round(credit, 4)


class LongSearch:
    """The search in a family of a service: the texts of all gold solutions without their GETs, on all cases.

    A case asks for many writes that depend on one another, so whole texts are played through the environment: nobody
    puts such a text together from parts without reading. ``{{name}}`` stands for a part of the prompt.

    Args:
        trial: Plays the texts.
        family: The family.
        cases: Its cases.
    """

    def __init__(self, trial: Trial, family: Family, cases: Sequence[Case]) -> None:
        self._trial, self._family, self.cases = trial, family, cases
        self._texts = list(dict.fromkeys(self._without_reading(case) for case in cases))

    def _without_reading(self, case: Case) -> Template:
        said = " ".join(self._family.prompt(case, self._trial.scenario.backend.now.isoformat()))
        told = {name: value for name, value in case.params.items() if len(str(value)) > 2 and str(value) in said}
        return abstract(self._trial.gold(self._family, case), Case(case.family, case.number, case.branch, told))

    def at_once(self) -> int:
        """Returns the number of cases that finishing at once solves, in any way to write it."""
        return sum(any(self._trial.play(self._family, case, (text,)) for text in AT_ONCE) for case in self.cases)

    def best(self) -> Blind:
        """Returns the text without a GET that solves the most cases, and the greatest mean credit of any."""
        solved, credit = dict.fromkeys(self._texts, 0), dict.fromkeys(self._texts, 0.0)
        for text in self._texts:
            for case in self.cases:
                earned = self._trial.credit(self._family, case, [fill_in(action, case) for action in text])
                solved[text] += earned == 1.0
                credit[text] += earned / len(self.cases)
        best = max(self._texts, key=lambda text: solved[text])
        most, count = solved[best], len(self.cases)
        # Each text is a gold solution, and may solve its own case: another agent would not know it without reading.
        most = max(0, most - 1)
        return Blind(
            self._family.name, True, best, most, most, count, len(self._texts), round(max(credit.values()), 4), True
        )

    def played(self, actions: Sequence[Sequence[str]]) -> int:
        """Returns the number of cases that the actions of each case solve through the environment."""
        return sum(self._trial.play(self._family, case, text) for case, text in zip(self.cases, actions, strict=True))

    def constants(self) -> Places:
        """Returns nothing: no answer is right without the writes."""
        return {}


def best_constant(searches: Sequence[Search | LongSearch]) -> Constant:
    """Returns the one text that solves the most cases of all families."""
    merged: dict[int, list[dict[str, tuple[Item, int]]]] = {}
    begin = 0
    for search in searches:
        for length, places in search.constants().items():
            known = merged.setdefault(length, [{} for _ in places])
            for place, found in zip(known, places, strict=True):
                for item, mask in found:
                    same, sofar = place.get(same_thing(item.shown), (item, 0))
                    place[same_thing(item.shown)] = same, sofar | mask << begin
        begin += len(search.cases)
    every = (1 << begin) - 1
    texts = {f"FINISH({answer})" for answer in FIRST_TRIES}
    for known in merged.values():
        right, chosen = best_product([list(place.values()) for place in known], every)
        if right:
            texts.add(f"FINISH([{', '.join(item.shown for item in chosen)}])")
    solved = {text: sum(search.played([[text]] * len(search.cases)) for search in searches) for text in sorted(texts)}
    text = max(solved, key=lambda each: solved[each])
    return Constant(text, solved[text], begin)


def best_product(places: Sequence[Sequence[tuple[Item, int]]], within: int) -> tuple[int, tuple[Item, ...]]:
    """Chooses one item for each position, so that all are right together in as many cases as possible.

    Args:
        places: For each position the items, with the cases in which they are right.
        within: The cases that count.

    Returns:
        The cases and the items; 0 and no items if there are no such cases.
    """
    if not within:
        return 0, ()
    if not places:
        return within, ()
    best: tuple[int, tuple[Item, ...]] = (0, ())
    for item, mask in sorted(places[0], key=lambda each: -(each[1] & within).bit_count()):
        left = mask & within
        if left.bit_count() <= best[0].bit_count():
            break  # the following items are right in no more cases
        right, rest = best_product(places[1:], left)
        if right.bit_count() > best[0].bit_count():
            best = right, (item, *rest)
    return best


def _mask(right: Iterable[bool]) -> int:
    return sum(1 << number for number, each in enumerate(right) if each)


def _answer(action: str) -> str:
    """Returns the text between the brackets of a FINISH."""
    match parse_action(action):
        case Finish(answer):
            return answer
    return ""


def _read(action: str) -> list[Any] | None:
    """Returns the answer of a FINISH as a list, or None if it is not one."""
    try:
        return list(read_answer(_answer(action)))
    except ValueError:
        return None
