"""The most that can be won without a single GET, by search over every text that could win anything.

A text is some orders and an answer. Tried are the orders of all gold solutions with the prompt's own words as blanks,
none of them among these, and all answers that can be put together from the `items` of a family. There are millions of
such texts, but a verifier judges the orders and each item of the answer on their own, so that it is enough to ask of
every order, and of every item at every place, in which cases it is right when all else is; a text is right where all
its parts are. What is found so is played through the environment, and beside it what people try first, as a whole.
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
"""All ways to finish at once without an answer."""
FIRST_TRIES = ("[]", "[-1]", '["Patient not found"]', "[0]", "[null]", '[""]', "[true]", '["none"]', "[1]")
"""Answers that people try first; they are tried as they are."""
_FREQUENT = 8
"""How many of the most frequent right answers are tried as they are."""

_PLAYED = 3
"""How many of the best texts are played through the environment."""

Places = dict[int, list[list[tuple[Item, int]]]]
"""By length of the answer and place in it, items with the cases (a bit each) in which they are right."""


@dataclass(frozen=True, slots=True)
class Blind:
    """What the best text without a GET wins of a family.

    Attributes:
        family: The family.
        needs_reading: Whether its gold solutions read the chart.
        text: The text; ``{{name}}`` stands for what the prompt says.
        solved: How many cases it solves through the environment.
        bound: How many any text solves, as the search has it; not less than ``solved``.
        played: Out of how many cases.
        tried: How many texts the search is over.
        credit: The most partial credit that any of the likely texts earns, on average over the cases.
    """

    family: str
    needs_reading: bool
    text: Template
    solved: int
    bound: int
    played: int
    tried: int
    credit: float = 0.0


@dataclass(frozen=True, slots=True)
class Constant:
    """The one text that wins most of all cases.

    Attributes:
        text: The text.
        solved: How many cases it solves.
        played: Out of how many.
    """

    text: str = ""
    solved: int = 0
    played: int = 0


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A text, what it writes in each case, and the cases in which it should be right."""

    shown: Template
    actions: Sequence[Sequence[str]]
    mask: int


class Search:
    """The search in one family.

    Args:
        trial: Where texts are tried.
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
        """How many cases are solved by finishing at once, in any of the ways to write that."""
        return sum(any(self._trial.play(self._family, case, (text,)) for text in AT_ONCE) for case in self.cases)

    def best(self) -> Blind:
        """The text without a GET that solves most cases."""
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
        """How many cases are solved through the environment by what is written in each."""
        return sum(
            self._trial.play(self._family, case, written) for case, written in zip(self.cases, actions, strict=True)
        )

    def constants(self) -> Places:
        """The constants that are right where nothing is ordered."""
        silent = self._orders[()]
        return {
            length: [
                [(item, mask & silent) for item, mask in place if item.constant and mask & silent] for place in places
            ]
            for length, places in self._places.items()
        }

    # --- parts -----------------------------------------------------------------------------------------------------

    def _right(self, order: Template) -> int:
        """The cases in which an order is right when the answer is."""
        return _mask(
            self._success(number, _answer(fill_in(text[-1], case)), order)
            for number, (case, text) in enumerate(zip(self.cases, self._own, strict=True))
        )

    def _items(self) -> tuple[Places, int]:
        """The items that are right somewhere when all else is, and the number of answers that all items make."""
        answers = [answer for answer in self._answers if answer is not None]
        candidates = items(self._family, self.cases, self._trial.place.backend.now, answers)
        if self._tolerant():
            more = {other.values: other for item in candidates for other in near(item)}
            candidates.extend(item for values, item in more.items() if values not in {c.values for c in candidates})
        places: Places = {}
        for length in sorted({len(answer) for answer in answers}):
            masks = [
                [
                    (item, _mask(self._fits(item, place, n, length) for n in range(len(self.cases))))
                    for item in candidates
                ]
                for place in range(length)
            ]
            places[length] = [[(item, mask) for item, mask in place if mask] for place in masks]
        return places, sum(len(candidates) ** length for length in places)

    def _fitting(self, item: Item, place: int, length: int) -> int:
        """The cases in which an item is right at a place of an answer of this length."""
        return _mask(self._fits(item, place, number, length) for number in range(len(self.cases)))

    def _fits(self, item: Item, place: int, number: int, length: int) -> bool:
        """Whether an item is right at a place of a case's answer of this length."""
        answer = self._answers[number]
        if answer is None or len(answer) != length or not item.values[number]:
            return False
        written = [json.dumps(each) for each in answer]
        written[place] = item.values[number]
        return self._success(number, f"[{', '.join(written)}]", self._own[number][:-1])

    def _tolerant(self) -> bool:
        """Whether any right number of an answer may be a little off."""
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
        """What the record system does for some orders in a case."""
        if (orders, number) not in self._stored:
            actions = [fill_in(order, self.cases[number]) for order in orders]
            self._stored[orders, number] = self._trial.writes(actions)
        return self._stored[orders, number]

    # --- texts -----------------------------------------------------------------------------------------------------

    def _put_together(self, orders: Template, mask: int) -> Iterator[_Candidate]:
        """The best answer of each length with some orders that are right in these cases."""
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
        """Texts that are tried as a whole: the likely answers with each of the orders; and their most credit."""
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


def best_constant(searches: Sequence[Search]) -> Constant:
    """The one text, the same for all cases of all families, that solves most of them."""
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
    """One item for each place, so that all are right together in as many cases as possible.

    Args:
        places: For each place the items, with the cases in which they are right.
        within: The cases that count.

    Returns:
        The cases and the items; no cases where there are none.
    """
    if not within:
        return 0, ()
    if not places:
        return within, ()
    best: tuple[int, tuple[Item, ...]] = (0, ())
    for item, mask in sorted(places[0], key=lambda each: -(each[1] & within).bit_count()):
        left = mask & within
        if left.bit_count() <= best[0].bit_count():
            break  # those that follow are right in no more cases than this one
        right, rest = best_product(places[1:], left)
        if right.bit_count() > best[0].bit_count():
            best = right, (item, *rest)
    return best


def _mask(right: Iterable[bool]) -> int:
    return sum(1 << number for number, each in enumerate(right) if each)


def _answer(action: str) -> str:
    """What stands between the brackets of a FINISH."""
    match parse_action(action):
        case Finish(answer):
            return answer
    return ""


def _read(action: str) -> list[Any] | None:
    """The answer of a FINISH as a list, or None where it is none."""
    try:
        return list(read_answer(_answer(action)))
    except ValueError:
        return None
