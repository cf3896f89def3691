"""Judging by clinical meaning: the tools that verifiers are written with.

A `Judge` collects problems; no problem means success. It never raises for anything that an agent wrote. For partial
credit it also counts the share of the required work that was done. If orders are due, there is no credit without at
least one of them; if the answer has to be read in the chart, none without at least one such item right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from mab_gym.actions import read_answer
from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking._matching import assigned, compare
from mab_gym.tasking.meaning._reading import read
from mab_gym.tasking.meaning._said import Order
from mab_gym.tasking.meaning.due import Check, Due
from mab_gym.tasking.meaning.units import number as json_number
from mab_gym.tasking.stay import StayRecord
from mab_gym.tasking.verdict import CRITICAL, Code, Criterion, Deferral, Reason, Verdict, verdict_from

__all__ = ["Judge", "Result", "moment", "number", "once", "said", "text"]

_T = TypeVar("_T")

_SAME = 1e-6
_MOST_READ = 30_000
"""Characters and values of an agent's writes that are read; writes after them count as unexpected."""
NOTHING_ELSE = "nothing_else"
"""The last part of the names of two criteria: no further answers, no further writes. Doing nothing meets them."""


@dataclass(frozen=True, slots=True)
class Result:
    """An agent's answer and writes.

    Attributes:
        answer: The text between the brackets of ``FINISH(...)``.
        writes: The writes that the record system really executed for it, in order.
        known: A cache of the meanings of these writes, for an episode that is judged several times.
        course: The course of the stay; None where the family has no clock.
        knowledge: The place of the protocol, one of ``prompt``, ``handbook`` and ``none``. Without a protocol, other
            recognised ways may be right, too.
        recorded: The writes of others while the agent worked, in order.
        requests: The number of the agent's requests.
    """

    answer: str
    writes: Sequence[Write]
    known: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    course: StayRecord | None = field(default=None, compare=False, repr=False)
    knowledge: str = "handbook"
    recorded: Sequence[Write] = field(default=(), compare=False, repr=False)
    requests: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Expected:
    """One item of an expected answer.

    Attributes:
        description: The item in words, for people.
        test: Returns True if an item is right.
        read: True if it has to be read in the chart, False if the prompt says it word for word.
    """

    description: str
    test: Callable[[Any], bool]
    read: bool = True


def number(value: float, tolerance: float = _SAME) -> Expected:
    """Expects a JSON number equal to ``value`` within ``tolerance``; 2 and 2.0 are the same."""

    def same(item: Any) -> bool:
        given = json_number(item)
        return given is not None and abs(given - value) <= tolerance

    return Expected(f"{value:g}", same)


def said(expected: Expected) -> Expected:
    """Marks an item as said by the prompt word for word, such as the -1 for "no result": it proves no reading."""
    return replace(expected, read=False)


def text(value: str) -> Expected:
    """Expects exactly this text."""
    return Expected(f'"{value}"', lambda item: item == value)


def moment(value: datetime) -> Expected:
    """Expects the same instant, written in any time zone."""
    return Expected(f'"{value.isoformat()}"', lambda item: _same_moment(item, value))


def read_moment(item: Any) -> datetime | None:
    """Reads an instant with its time zone from a text; None if it is none."""
    if not isinstance(item, str):
        return None
    try:
        read = datetime.fromisoformat(item.strip())
    except ValueError:
        return None
    return read if read.tzinfo is not None else None


def _same_moment(item: Any, wanted: datetime) -> bool:
    try:
        return read_moment(item) == wanted
    except OverflowError:  # conversion to UTC may leave the calendar in the years 1 and 9999
        return False


def once(result: Result, key: str, compute: Callable[[], _T]) -> _T:
    """Computes something about a case once an episode, which is judged after each write and at its end.

    Args:
        result: The result that is judged.
        key: A name, unique in the family.
        compute: Computes it; it must not depend on what the agent did.
    """
    known = result.known
    if key not in known:
        known[key] = compute()
    found: _T = known[key]
    return found


class Judge:
    """Collects the problems of an episode's result and makes the verdict.

    Args:
        result: The agent's answer and writes.
    """

    def __init__(self, result: Result) -> None:
        self._result = result
        self._problems: list[Reason] = []
        self._asked = 0
        self._met = 0
        self._unread = False
        self._shares: list[float] = []
        self._unread_texts: list[str] = []
        self._criteria: dict[str, bool] = {}
        self._deferral: Deferral | None = None

    def problem(self, code: Code, sentence: str, critical: bool | None = None) -> None:
        """Notes a problem.

        Args:
            code: The problem, for machines.
            sentence: The problem, for people.
            critical: True if it is a safety violation; if None, the code decides (`mab_gym.tasking.verdict.CRITICAL`).
        """
        self._problems.append(Reason(code, sentence, code in CRITICAL if critical is None else critical))

    def verdict(self) -> Verdict:
        """Returns the verdict on everything that was checked."""
        if self._problems and not self._result.writes and _is_empty(self._result.answer):
            self._problems.insert(0, Reason(Code.GAVE_UP, "It was finished without an answer and without a write."))
        criteria = map(Criterion._make, self._criteria.items())
        return verdict_from(self._problems, self._done(), criteria, self._unread_texts, self._deferral)

    def _done(self) -> float:
        """Returns the share of the required work that was done, from 0 to 1.

        If orders are due, they decide: without any of them nothing is earned, however good the answer is. The answer
        scales what the orders earn between a half and the whole.
        """
        answered = self._met / self._asked if self._asked else 1.0
        if self._unread:
            return 0.0
        if not self._shares:
            return answered if self._asked else 0.0
        return sum(self._shares) / len(self._shares) * (0.5 + 0.5 * answered)

    def check(self, met: bool, code: Code, sentence: str, critical: bool | None = None, name: str = "") -> None:
        """Checks one thing, and notes a problem if it is not right.

        Args:
            met: True if it is right.
            code: The problem otherwise, for machines.
            sentence: The problem otherwise, for people.
            critical: True if it is a safety violation; if None, the code decides (`mab_gym.tasking.verdict.CRITICAL`).
            name: The criterion's name; if empty, made from the code, as ``dose`` from ``wrong_dose``.
        """
        self._asked += 1
        self._looked_at(name or code.removeprefix("wrong_"), met)
        if met:
            self._met += 1
        else:
            self.problem(code, sentence, critical)

    def _looked_at(self, name: str, met: bool) -> None:
        """Notes a criterion; a name that was used before gets a number."""
        place, numbered = 1, name
        while numbered in self._criteria:
            place += 1
            numbered = f"{name}#{place}"
        self._criteria[numbered] = met

    def answer(self, *expected: Expected) -> None:
        """Checks that the answer is a list of exactly these items."""
        self._asked += len(expected)
        self._unread = any(item.read for item in expected)
        try:
            given = read_answer(self._result.answer)
        except ValueError as error:
            self._items([False] * len(expected), alone=False)
            self.problem(Code.ANSWER_MALFORMED, f"The answer could not be read: {error}.")
            return
        right = [item.test(each) for item, each in zip(expected, given, strict=False)]
        self._items([*right, *[False] * (len(expected) - len(right))], alone=len(given) <= len(expected))
        if any(met and item.read for item, met in zip(expected, right, strict=False)):
            self._unread = False
        self._met += sum(right)
        if len(given) != len(expected) or not all(right):
            wanted = "[" + ", ".join(item.description for item in expected) + "]"
            self.problem(Code.ANSWER_WRONG, f"The answer should be {wanted}, but it was {_short(self._result.answer)}.")

    def _items(self, right: Sequence[bool], *, alone: bool) -> None:
        for place, met in enumerate(right, start=1):
            self._looked_at(f"answer.{place}", met)
        self._looked_at(f"answer.{NOTHING_ELSE}", alone)

    def nothing_written(self, why: str = "the task asks for no change") -> None:
        """Checks that nothing was written."""
        self._looked_at(f"written.{NOTHING_ELSE}", not self._result.writes)
        for write in self._result.writes:
            self.problem(Code.WRITE_UNEXPECTED, f"{_a(write.resource_type)} was written although {why}.")

    def orders(self, *dues: Due) -> None:
        """Checks that all of these were written, and nothing else. Every write is judged, even if others are missing.

        Written and due orders are matched by meaning, so their sequence does not matter and several orders of one type
        are told apart.

        Args:
            dues: The orders that are due; without any, nothing may be written.
        """
        kinds = dict.fromkeys(due.resource_type for due in dues)
        written: dict[str, list[Order]] = {kind: [] for kind in kinds}
        unexpected: list[str] = []
        room = _MOST_READ
        for write in self._result.writes:
            readable = write.interaction == "create" and write.resource_type in written and room > 0
            if readable and write.resource is not None:
                order = self._read(write)
                room -= order.size
                written[write.resource_type].append(order)
            else:
                unexpected.append(write.resource_type)
        for kind, orders in written.items():
            self._judge([due for due in dues if due.resource_type == kind], orders, kind, unexpected)
        self._looked_at(f"written.{NOTHING_ELSE}", not unexpected)
        for kind in unexpected:
            self.problem(Code.WRITE_UNEXPECTED, f"{_a(kind)} was written that nobody asked for.")

    def _read(self, write: Write) -> Order:
        """Returns the meaning of a write, which is read once."""
        known, key = self._result.known, id(write.resource)
        if key not in known:
            known[key] = read(write.resource or {}, write.resource_type)
        order: Order = known[key]
        return order

    def _compare(self, due: Due, order: Order) -> list[Check]:
        """Compares an order with what is due; each pair is compared once."""
        compared: list[tuple[Due, list[Check]]] = self._result.known.setdefault((id(order), "compared"), [])
        checks = next((checks for known, checks in compared if known == due), None)
        if checks is None:
            checks = compare(due, order)
            compared.append((due, checks))
        return checks

    def _judge(self, dues: Sequence[Due], orders: Sequence[Order], kind: str, unexpected: list[str]) -> None:
        """Judges the written orders of one type."""
        taken: set[int] = set()
        for due, (place, checks) in zip(dues, assigned(dues, orders, self._compare), strict=True):
            self._looked_at(f"{kind}.written", place is not None)
            if place is None:
                self._shares.append(0.0)
                self.problem(Code.WRITE_MISSING, f"No {kind} was written, but one was due.", False)
                if due.harm:
                    self.problem(Code.WRITE_MISSING, due.harm, True)
                continue
            taken.add(place)
            self._shares.append((1 + sum(check.met for check in checks)) / (1 + len(checks)))
            for check in checks:
                self._looked_at(check.name, check.met)
                if not check.met:
                    self.problem(check.code, check.sentence, check.critical)
            self._unread_texts += due.unread(orders[place])
        for place, order in enumerate(orders):
            if place in taken:
                continue
            if any(_is_same(self._compare(due, order)) for due in dues):
                self.problem(Code.WRITE_DUPLICATE, f"{len(orders)} {kind} resources were written; {len(dues)} due.")
            else:
                unexpected.append(kind)


def _is_same(checks: Sequence[Check]) -> bool:
    """Tells if an order is for the right patient and the right thing, however it is to be carried out."""
    return all(check.met for check in checks if check.code in (Code.WRONG_CODE, Code.WRONG_PATIENT))


def _a(kind: str) -> str:
    """Returns a resource type with its article."""
    return f"An {kind}" if kind[:1] in "AEIO" else f"A {kind}"


def _is_empty(answer: str) -> bool:
    """Tells if an answer holds nothing at all."""
    try:
        return all(item is None or item == "" for item in read_answer(answer))
    except ValueError:
        return not answer.strip()


def _short(answer: str, limit: int = 200) -> str:
    return answer if len(answer) <= limit else answer[:limit] + "…"
