"""Due tests, procedures and referrals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from mab_gym.fhir.model._dates import milliseconds
from mab_gym.tasking.meaning._said import Facet, Order, Refusal
from mab_gym.tasking.meaning._texts import Expectation
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due import DAY, HOUR, Check, RequestDue, amount_told, compared, is_instant, told_day
from mab_gym.tasking.meaning.units import Amount
from mab_gym.tasking.verdict import Code

__all__ = ["ServiceDue"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceDue(RequestDue):
    """A test, a procedure or a referral.

    Attributes:
        service: The test, procedure or referral.
        kind: Words and codes for its kind. A category or a performer's type, if stated, must contain one of them.
        priority: The priority, as in ``stat``; None if any will do.
        at: The moment at which it should be done; None for now.
        quantity: The number, if more than one is due.
        note: A text that a note must contain; empty for none.
        unsafe: True if another service in its place is a safety violation.
    """

    resource_type: ClassVar[str] = "ServiceRequest"
    _COMPARED: ClassVar[tuple[str, ...]] = (
        "authoredOn", "occurrenceDateTime", "occurrencePeriod", "occurrenceTiming", "quantityQuantity", "quantityRange",
    )  # fmt: skip

    service: Concept
    kind: frozenset[str]
    priority: str | None = None
    at: datetime | None = None
    quantity: Amount | None = None
    note: str = ""
    unsafe: bool = False

    def checks(self, order: Order) -> Iterator[Check]:
        """Compares an order with this one."""
        yield from self._firm(order)
        yield self._concept(order, self.service, self._name("code"), critical=self.unsafe)
        if self.priority is not None:
            yield self._plain(order, Facet.PRIORITY, self.priority, Code.WRONG_PRIORITY)
        due = "It should be done " + ("now" if self.at is None else f"at {self.at.isoformat()}")
        yield compared(self._name("occurrence"), self._when(order), Code.WRONG_TIME, due)
        yield compared(self._name("quantity"), self._how_many(order), Code.WRONG_DOSE, "It is due once")
        kinds = list(self._kinds(order))
        yield compared(self._name("category"), kinds, Code.WRONG_CATEGORY, f"It should be of {sorted(self.kind)}")
        if self.note:
            yield self._noted(order)
        expected = Expectation(
            now=self.now, names=self.service, at=self.at, said=self.note, noted=bool(self.note), quantity=self.quantity
        )
        yield from self._understood(order, expected)

    @property
    def _note(self) -> str:
        """The requested remark."""
        return self.note

    def _when(self, order: Order) -> Iterator[Refusal]:
        refused = self._refused(order, "occurrenceDateTime", "occurrencePeriod", "occurrenceTiming")
        yield from refused
        for value, element in order.of(Facet.OFTEN):
            if value is None or value.times != 1:
                yield Refusal(element, str(value), "it is due once")
        for _, element in order.of(Facet.LASTS):
            yield Refusal(element, "a duration", "none is due")
        if self.at is None:
            yield from self._starts_now(order)
            for period, element in order.of(Facet.END):
                if period is not None and period.high > milliseconds(self.now) + DAY:
                    yield Refusal(element, told_day(period), "it may be done much later")
            return
        wanted = milliseconds(self.at)
        if not order.of(Facet.START) and not refused:
            yield Refusal("", None, "it is not stated")
        for period, element in order.of(Facet.START):
            if not is_instant(period, self.at):
                yield Refusal(element, told_day(period), f"it should be {self.at.isoformat()}")
        for period, element in order.of(Facet.END):
            if period is None or not wanted <= period.high <= wanted + HOUR:
                yield Refusal(element, "an end", "it is not when it is due")

    def _how_many(self, order: Order) -> Iterator[Refusal]:
        said = order.of(Facet.QUANTITY)
        refused = self._refused(order, "quantityQuantity", "quantityRange")
        yield from refused
        if self.quantity is not None and not said and not refused:
            yield Refusal("", None, "how many is not stated")
        for given, element in said:
            wanted = self.quantity
            if wanted is None:
                if not (given.dimension.startswith("{") or given.dimension == "dimensionless") or given.size != 1:
                    yield Refusal(element, amount_told(given), "one is due")
            elif not given.same(wanted):
                yield Refusal(element, amount_told(given), "it is not what is due")

    def _kinds(self, order: Order) -> Iterator[Refusal]:
        for facet in (Facet.CATEGORY, Facet.PERFORMER):
            for value, element in order.of(facet):
                text = str(value.get("text") or value.get("display") or value.get("code") or "").lower()
                if not any(word in text for word in self.kind) and str(value.get("code")) not in self.kind:
                    yield Refusal(element, value, "it is another kind, or none that is known here")
        for value, element in order.of(Facet.SITE):
            text = str(value.get("text") or value.get("display") or "").lower()
            if not text or not all(word in self._site_words() for word in text.split()):
                yield Refusal(element, value, "it is another place, or none that is known here")

    def _site_words(self) -> frozenset[str]:
        said = {word.strip(".,;:()").lower() for word in self.note.split()}
        return frozenset(said | {"structure", "joint", "of"}) if self.note else _BLOOD_SITES

    def _noted(self, order: Order) -> Check:
        wanted = " ".join(self.note.split())
        notes = [" ".join(text.text.split()) for text in order.texts if text.element.startswith("note[")]
        right = any(wanted in note for note in notes)
        sentence = "The free text that was asked for is not in the note."
        return Check(self._name("note"), right, Code.WRONG_NOTE, sentence)


_BLOOD_SITES: Final = frozenset({"arm", "left", "right", "vein", "antecubital", "fossa", "venous", "blood", "forearm",
                                 "structure", "of", "hand", "upper", "peripheral"})  # fmt: skip
