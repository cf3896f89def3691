"""Limits what one request may cost: work and characters, over all entries of a batch together.

Work is counted, not timed, so that equal requests are refused alike on every machine and in every process. One unit
stands for about a microsecond of processor time (2023's server processors, one core). What has to be read first, such
as the distinct elements of a column, counts in full, though a process that has read it before answers sooner: whether a
request is refused must not depend on who asked before.

HAPI as it is set up by default has no such limits; where it has one of its own (a page's included resources), that one
holds. Nobody who asks about patients meets these: a search of one patient's chart costs a hundredth of what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mab_gym.fhir.model._outcome import FhirError, Issue


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The most that one request may cost.

    Attributes:
        search: Units of work for finding and showing.
        body: Units of work for reading and storing what was sent.
        answer: Characters of the answer.
    """

    search: int
    body: int
    answer: int


DEFAULT_LIMITS = RequestLimits(search=40_000, body=40_000, answer=6_000_000)
"""For agents: some forty milliseconds of either, and a page of four thousand ordinary resources."""

_NO_LIMIT = 1 << 62

# What things cost, in units.
ROW = 0.01
"""Asking one row a question that small numbers answer."""
SORTED_ROW = 0.03
"""Putting a row into order by one parameter."""
ELEMENT = 2.0
"""Reading a distinct element and what a search parameter finds in it."""
ELEMENT_OF_A_PERSON = 0.1
"""The same of what tells patients apart, or refers to them, which is read once in a process: people are looked up all
the time, and a hospital may have thousands."""
COMPARISON = 0.2
"""Comparing what was found in an element with one value."""
PARAMETER = 20.0
"""Understanding one parameter of a search."""
ALTERNATIVE = 6.0
"""Understanding one of several values of a parameter."""
CONDITION = 2.0
"""Understanding one character of a ``_filter``."""
WRITE_LOOKED_AT = 5.0
"""Asking one of the session's own writes one question."""
MENTION_LOOKED_AT = 0.5
"""Asking one of them no more than what it refers to."""
ID = 0.2
"""Writing down the id of one resource that was found."""
LINK = 6.0
"""Following one reference."""
ENTRY = 4.0
"""Putting one resource into an answer."""
CHARACTER = 0.002
"""Writing one character of an answer."""
REWRITTEN = 0.04
"""Reading a character of a resource and writing it otherwise: without white space, or in part."""
AS_XML = 0.08
"""Reading a character of a resource and writing it as XML."""
VERSION = 16.0
"""Putting one version into a history."""
BUNDLE_ENTRY = 80.0
"""Seeing to one entry of a Bundle, whatever it asks for."""
STORED = 100.0
"""Checking and storing one resource."""
MARK = 1.0
"""Reading one brace, bracket, colon, comma or tag of what was sent."""


Bill = list[tuple[Hashable | None, float]]
"""Work that was spent, with the key of what is done once in a request."""


class Budget:
    """The rest of a request's allowance.

    Args:
        limits: The allowance.
        pause: Called again and again while work is done, so that others can go first.
    """

    __slots__ = ("_bill", "_body", "_characters", "_limits", "_pause", "_seen", "_work", "_written")

    def __init__(self, limits: RequestLimits, pause: Callable[[], None] | None = None) -> None:
        self._limits = limits
        self._pause = pause
        self._work = 0.0
        self._body = 0.0
        self._characters = 0
        self._written = 1
        self._seen: set[Hashable] | None = None
        self._bill: Bill | None = None

    @contextmanager
    def recording(self) -> Iterator[Bill]:
        """Writes down what is spent, so that whoever remembers a result can have it paid for again (`pay`)."""
        bill: Bill = []
        before, self._bill = self._bill, bill
        try:
            yield bill
        finally:
            self._bill = before
            if before is not None:
                before.extend(bill)

    def pay(self, bill: Bill) -> None:
        """Spends what was spent before, for the same result.

        Raises:
            FhirError: As `spend`.
        """
        for key, work in bill:
            if key is None:
                self.spend(work)
            else:
                self.spend_once(key, work)

    def spend(self, work: float) -> None:
        """Notes work that a search takes.

        Raises:
            FhirError: 400, it is more than a request may take.
        """
        if self._bill is not None:
            self._bill.append((None, work))
        self._spend(work)

    def _spend(self, work: float) -> None:
        self._work += work
        if self._work > self._limits.search:
            raise FhirError(400, Issue(_TOO_MUCH_WORK, "too-costly"))
        if self._pause is not None:
            self._pause()

    def spend_once(self, key: Hashable, work: float) -> None:
        """Notes work as `spend` does, but once in a request, however often it is needed."""
        if self._bill is not None:
            self._bill.append((key, work))
        if self._seen is None:
            self._seen = set()
        if key not in self._seen:
            self._seen.add(key)
            self._spend(work)

    def write_twice(self) -> None:
        """Lets half as many characters through from now on: each is held as an answer and in the answer around it."""
        self._written = 2

    def show(self, characters: int, *, rewritten: bool = False) -> None:
        """Notes that resources of so many characters become part of the answer.

        Args:
            characters: How many.
            rewritten: Whether they have to be read and written otherwise.

        Raises:
            FhirError: 413, the answer becomes longer than allowed; or as `spend`.
        """
        self._characters += characters * self._written
        if self._characters > self._limits.answer:
            self._work = math.inf  # what else a Bundle asks for is refused at once
            text = (
                f"The answer would have more than {self._limits.answer // self._written:,} characters; ask for fewer "
                "resources (a smaller _count, a patient, a code, a date) or for parts of them (_elements, _summary)"
            )
            raise FhirError(413, Issue(text, "too-costly"))
        self.spend(characters * (REWRITTEN if rewritten else CHARACTER))

    def read(self, work: float) -> None:
        """Notes work that reading and storing what was sent takes.

        Raises:
            FhirError: 413, it is more than a request may bring.
        """
        self._body += work
        if self._body > self._limits.body:
            raise FhirError(413, Issue(_TOO_MUCH_SENT, "too-costly"))
        if self._pause is not None:
            self._pause()


UNLIMITED = Budget(RequestLimits(search=_NO_LIMIT, body=_NO_LIMIT, answer=_NO_LIMIT))
"""For what no client asks for."""

_TOO_MUCH_WORK = (
    "This request would take too much work; ask for less at a time: name a patient, a code or a date, sort or include "
    "less, give fewer values, or put fewer requests into a Bundle"
)
_TOO_MUCH_SENT = (
    "This request brings more than can be read and stored at once; send fewer or smaller resources, or spread a Bundle "
    "over several requests"
)


def reading_work(parameters: Sequence[tuple[str, str]]) -> float:
    """The work of understanding a search, from what it asks; nobody looks as long at a text as at a ``_filter``."""
    values = sum(text.count(",") for _, text in parameters)
    conditions = sum(len(text) for name, text in parameters if name.startswith("_filter"))
    return len(parameters) * PARAMETER + values * ALTERNATIVE + conditions * CONDITION


def body_work(text: str) -> float:
    """The work of reading a body, from what makes it long to read."""
    marks = sum(map(text.count, "{[:,<"))
    quoted = 3.0 if "'" in text[:2000] and text.lstrip()[:2] == "{'" else 1.0
    return (marks * quoted + len(text) * 0.01) * MARK
