"""Limits the cost of one request: its work and its characters, over all entries of a batch together.

Work is counted, not timed, so that equal requests are refused alike on every machine and in every process. One unit
stands for about a microsecond on one core of a server processor of 2023. Reading the distinct elements of a column
counts in full even if the process has read them before: a refusal must not depend on earlier requests.

HAPI with its default settings has no such limits; its own limit on included resources holds here, too. A search in one
patient's chart costs a hundredth of the allowance.
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
        search: Units of work for finding and showing resources.
        body: Units of work for reading and storing what the client sends.
        answer: Characters of the answer.
    """

    search: int
    body: int
    answer: int


DEFAULT_LIMITS = RequestLimits(search=40_000, body=40_000, answer=6_000_000)
"""The limits for agents: about forty milliseconds of either work, and a page of four thousand ordinary resources."""

_NO_LIMIT = 1 << 62

# costs, in units of work
ROW = 0.01
"""Testing one row by a small number."""
SORTED_ROW = 0.03
"""Sorting one row by one parameter."""
ELEMENT = 2.0
"""Reading a distinct element and the values that a search parameter finds in it."""
ELEMENT_OF_A_PERSON = 0.1
"""Reading an element of a patient, or a reference to one: a process reads these once, and a hospital has thousands."""
COMPARISON = 0.2
"""Comparing an element's values with one value asked for."""
PARAMETER = 20.0
"""Reading one parameter of a search."""
ALTERNATIVE = 6.0
"""Reading one of several values of a parameter."""
CONDITION = 2.0
"""Reading one character of a ``_filter``."""
WRITE_LOOKED_AT = 5.0
"""Testing one of the session's own writes with one filter."""
MENTION_LOOKED_AT = 0.5
"""Testing one of the session's own writes for the resources that it refers to."""
ID = 0.2
"""Looking up the id of one resource that was found."""
LINK = 6.0
"""Following one reference."""
ENTRY = 4.0
"""Putting one resource into an answer."""
CHARACTER = 0.002
"""Writing one character of an answer."""
REWRITTEN = 0.04
"""Reading one character of a resource to write it in another form: without white space, or a part of it."""
AS_XML = 0.08
"""Reading one character of a resource to write it as XML."""
ONE_LINE = 0.01
"""Reading one character of a resource to write it on one line."""
VERSION = 16.0
"""Putting one version into a history."""
BUNDLE_ENTRY = 80.0
"""Processing one entry of a Bundle, without the request in it."""
STORED = 100.0
"""Checking and storing one resource."""
TAG = 3.5
"""Reading one tag of a body in XML."""
MARK = 1.0
"""Reading one brace, bracket, colon, comma or tag of a body."""


Bill = list[tuple[Hashable | None, float]]
"""Amounts of work, each with a key if that work is done only once in a request."""


class Budget:
    """The rest of a request's allowance.

    Args:
        limits: The allowance.
        pause: Called again and again during work, so that other requests can go first.
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
        """Records the work that is spent, so that a remembered result can be paid for again (`pay`)."""
        bill: Bill = []
        before, self._bill = self._bill, bill
        try:
            yield bill
        finally:
            self._bill = before
            if before is not None:
                before.extend(bill)

    def pay(self, bill: Bill) -> None:
        """Spends the work of an earlier request, for the same result.

        Raises:
            FhirError: 400, it is more than a request may take.
        """
        for key, work in bill:
            if key is None:
                self.spend(work)
            else:
                self.spend_once(key, work)

    def spend(self, work: float) -> None:
        """Charges for the work of a search.

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
        """Charges for work that is done only once in a request, however often it is needed."""
        if self._bill is not None:
            self._bill.append((key, work))
        if self._seen is None:
            self._seen = set()
        if key not in self._seen:
            self._seen.add(key)
            self._spend(work)

    def write_twice(self) -> None:
        """Counts each character twice from now on: in a Bundle it is held in one answer and in the answer around it."""
        self._written = 2

    def show(self, characters: int, *, rewritten: bool = False) -> None:
        """Charges for resources that become part of the answer.

        Args:
            characters: The number of their characters.
            rewritten: True if they have to be read and written in another form.

        Raises:
            FhirError: 413, the answer becomes longer than allowed; 400, the work is more than a request may take.
        """
        self._characters += characters * self._written
        if self._characters > self._limits.answer:
            self._work = math.inf  # the rest of a Bundle is refused at once
            text = (
                f"The answer would have more than {self._limits.answer // self._written:,} characters; ask for fewer "
                "resources (a smaller _count, a patient, a code, a date) or for parts of them (_elements, _summary)"
            )
            raise FhirError(413, Issue(text, "too-costly"))
        self.spend(characters * (REWRITTEN if rewritten else CHARACTER))

    def read(self, work: float) -> None:
        """Charges for reading and storing what the client sends.

        Raises:
            FhirError: 413, it is more than a request may bring.
        """
        self._body += work
        if self._body > self._limits.body:
            raise FhirError(413, Issue(_TOO_MUCH_SENT, "too-costly"))
        if self._pause is not None:
            self._pause()


UNLIMITED = Budget(RequestLimits(search=_NO_LIMIT, body=_NO_LIMIT, answer=_NO_LIMIT))
"""A budget without limits, for work that no client asks for."""

_TOO_MUCH_WORK = (
    "This request would take too much work; ask for less at a time: name a patient, a code or a date, sort or include "
    "less, give fewer values, or put fewer requests into a Bundle"
)
_TOO_MUCH_SENT = (
    "This request brings more than can be read and stored at once; send fewer or smaller resources, or spread a Bundle "
    "over several requests"
)


def reading_work(parameters: Sequence[tuple[str, str]]) -> float:
    """Returns the work of reading a search's parameters, of which ``_filter`` is the longest to read."""
    values = sum(text.count(",") for _, text in parameters)
    conditions = sum(len(text) for name, text in parameters if name.startswith("_filter"))
    return len(parameters) * PARAMETER + values * ALTERNATIVE + conditions * CONDITION


def body_work(text: str) -> float:
    """Returns the work of reading a body, estimated by its length and its punctuation."""
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        return (text.count("<") * TAG + text.count("=") * MARK) + len(text) * 0.01
    marks = sum(map(text.count, "{[:,<"))
    quoted = 3.0 if "'" in text[:2000] and text.lstrip()[:2] == "{'" else 1.0
    return (marks * quoted + len(text) * 0.01) * MARK
