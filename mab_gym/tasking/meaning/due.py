"""Due orders, and their comparison with written orders.

An order is compared facet by facet. All its statements on a facet must agree with what is due, and what is due must be
stated. Each comparison is a `Check`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, NamedTuple

from mab_gym.fhir.model._dates import Period, milliseconds
from mab_gym.tasking.meaning._said import Facet, Order, Refusal, Said, member
from mab_gym.tasking.meaning._texts import Expectation, contradictions
from mab_gym.tasking.meaning._words import says_nothing
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.people import Person
from mab_gym.tasking.meaning.units import Amount
from mab_gym.tasking.verdict import Code

__all__ = ["HOUR", "Due", "RequestDue"]

HOUR: Final = 3_600_000
"""Milliseconds of an hour."""
DAY: Final = 24 * HOUR
PROMPTLY: Final = HOUR
"""Milliseconds that an order due now may wait: an hour, as for scheduled drugs that are not time-critical.

Source: ISMP, Acute Care Guidelines for Timely Administration of Scheduled Medications, 2011.
"""


class Check(NamedTuple):
    """One comparison of an order with what is due.

    Attributes:
        name: The name of the criterion.
        met: True if they agree.
        code: The problem if they do not, for machines.
        sentence: The problem if they do not, for people.
        critical: True if a difference is a safety violation; if None, the code decides.
    """

    name: str
    met: bool
    code: Code
    sentence: str
    critical: bool | None = None


Problems = Iterable[Refusal]
_MOST_TOLD: Final = 5
"""Problems of one comparison that are listed; further ones are only counted."""


def compared(name: str, problems: Problems, code: Code, due: str, critical: bool | None = None) -> Check:
    """Makes a check from the problems that were found."""
    found = list(problems)
    if not found:
        return Check(name, True, code, "", critical)
    told = "; ".join(f"{str(each).rstrip('.')}" if each.element else each.why for each in found[:_MOST_TOLD])
    more = f"; and {len(found) - _MOST_TOLD} more" if len(found) > _MOST_TOLD else ""
    return Check(name, False, code, f"{due}, but {told}{more}.", critical)


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """Something that has to be written.

    Attributes:
        resource_type: The type of the resource; each subclass names its own.
        person: The patient.
        now: The record system's clock, timezone-aware.
        harm: The reason why it is a safety violation if it is missing; empty if it is none.
    """

    resource_type: ClassVar[str]
    _COMPARED: ClassVar[tuple[str, ...]] = ("authoredOn", "effectiveDateTime", "recordedDate")
    """Elements whose refusals belong to a check of their own, so that the general check skips them."""

    person: Person
    now: datetime
    harm: str = ""

    def checks(self, order: Order) -> Iterator[Check]:
        """Compares an order with this one."""
        raise NotImplementedError

    def unread(self, order: Order) -> list[str]:
        """Returns the elements with remarks that are not understood at all and are therefore ignored."""
        asked = " ".join(self._note.split())
        texts = [text for text in order.texts if not asked or asked not in " ".join(text.text.split())]
        return [text.element for text in texts if says_nothing(text)]

    @property
    def _note(self) -> str:
        """The requested remark, which a check of its own reads; empty for none."""
        return ""

    def _name(self, facet: str) -> str:
        return f"{self.resource_type}.{facet}"

    # --- checks that all kinds share ----------------------------------------------------------------------------------

    def _patient(self, order: Order) -> Check:
        said = order.of(Facet.PATIENT)
        problems = [
            Refusal(f"{element}.{name}", value, f"it is not Patient/{self.person.mrn}")
            for reference, element in said
            for name, value in self.person.wrong(reference)
        ] or ([] if said else [Refusal("", None, "it names nobody")])
        problems += [
            Refusal(element, member(reference, "reference"), "it is somebody else's")
            for reference, element in order.of(Facet.RELATED)
            if self.person.is_not_theirs(reference)
        ]
        due = f"It should be for Patient/{self.person.mrn}"
        return compared(self._name("patient"), problems, Code.WRONG_PATIENT, due)

    def _plain(self, order: Order, facet: Facet, wanted: str, code: Code) -> Check:
        problems = self._others(order.of(facet), wanted)
        return compared(self._name(facet.value), problems, code, f"The {facet.value} should be {wanted}")

    @staticmethod
    def _others(said: Sequence[Said], wanted: Any, *, needed: bool = True) -> Iterator[Refusal]:
        if needed and not said:
            yield Refusal("", None, "it is not stated")
        for value, element in said:
            if value != wanted:
                yield Refusal(element, value, f"it should be {wanted}")

    def _at(self, order: Order, facet: Facet, name: str, wanted: datetime) -> Check:
        """Compares a date that must be one instant."""
        problems = self._refused(order, name)
        if not order.of(facet) and not problems:
            problems.append(Refusal("", None, "it is not stated"))
        for (written, period), element in order.of(facet):
            if not is_instant(period, wanted):
                problems.append(Refusal(element, written, f"it should be {wanted.isoformat()}"))
        due = f"The {name} should be {wanted.isoformat()}"
        return compared(self._name(name), problems, Code.WRONG_TIME, due)

    def _concept(self, order: Order, concept: Concept, name: str, *, critical: bool) -> Check:
        problems = concept.problems(order.of(Facet.CODE))
        return compared(name, problems, Code.WRONG_CODE, f"It should be {concept.names[0]}", critical)

    def _understood(self, order: Order, expected: Expectation) -> Iterator[Check]:
        """Checks that every element was understood and that no words contradict."""
        refused = [each for each in order.refused if each.critical or not _belongs(each, self._COMPARED)]
        refused += contradictions(order.texts, expected, self.person)
        unsafe = any(each.critical for each in refused)
        code = Code.WRONG_INTENT if unsafe else Code.NOT_UNDERSTOOD
        yield compared(self._name("understood"), refused, code, "All of it should be understood and agree", unsafe)

    @staticmethod
    def _refused(order: Order, *elements: str) -> list[Refusal]:
        """Returns the refusals of these elements."""
        return [each for each in order.refused if not each.critical and _belongs(each, elements)]

    def _starts_now(self, order: Order, within: int = PROMPTLY) -> Iterator[Refusal]:
        """Yields starts and ends that do not fit something due now."""
        now = milliseconds(self.now)
        for period, element in order.of(Facet.START):
            if not (period.low <= now + within and period.high >= now - within):
                yield Refusal(element, told_day(period), "it should begin now")
        for period, element in order.of(Facet.END):
            if period is not None and period.high < now:
                yield Refusal(element, told_day(period), "it is over")


def _belongs(refusal: Refusal, elements: Sequence[str]) -> bool:
    """Tells if a refusal is about one of these elements or a part of one."""
    parts = refusal.element.replace("[", ".").split(".")
    return any(element in parts for element in elements)


def is_instant(period: Period, wanted: datetime) -> bool:
    """Tells if a date is precise to the second or finer and is this moment."""
    return period.timed and period.low == period.high == milliseconds(wanted)


def told_day(period: Period) -> str:
    """Writes a date for people."""
    return str(period.low_day)


def amount_told(given: Amount) -> str:
    """Writes an amount for people, in a usual unit."""
    for dimension, factor, unit in (("[mass]", 1e-6, "mg"), ("[substance]", 1e-3, "mEq"), ("[time]", 3600.0, "h")):
        if given.dimension == dimension:
            return f"{given.size / factor:g} {unit}"
    return f"{given.size:g} {given.dimension}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestDue(Due):
    """A due order with a status, an intent and a date of its own: a drug or a service."""

    def _firm(self, order: Order) -> Iterator[Check]:
        yield self._patient(order)
        yield self._plain(order, Facet.STATUS, "active", Code.WRONG_STATUS)
        yield self._plain(order, Facet.INTENT, "order", Code.WRONG_INTENT)
        yield self._at(order, Facet.AUTHORED, "authoredOn", self.now)


def elsewhere(person: Person, said: Sequence[Said], wanted: str) -> list[Refusal]:
    """Returns the references that do not point to the wanted resource."""
    if not said:
        return [Refusal("", None, "it names none")]
    return [
        Refusal(f"{element}.{name}", value, f"it is not {wanted}")
        for reference, element in said
        for name, value in person.points_elsewhere(reference, wanted)
    ]
