"""Due drugs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from mab_gym.fhir.model._dates import milliseconds
from mab_gym.tasking.meaning._said import Facet, Order, Refusal
from mab_gym.tasking.meaning._texts import Expectation
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due import PROMPTLY, Check, RequestDue, amount_told, compared, elsewhere, told_day
from mab_gym.tasking.meaning.often import ONCE, Often
from mab_gym.tasking.meaning.units import Amount
from mab_gym.tasking.verdict import Code

__all__ = ["MedicationDue"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MedicationDue(RequestDue):
    """A drug to be given.

    Attributes:
        drug: The drug.
        dose: The amount of one dose.
        tolerance: The allowed difference of the dose, in base units of its dimension.
        route: The route, by its name in `mab_gym.tasking.meaning.routes`.
        often: The schedule.
        over: The time that each dose takes, if that has to be stated.
        lasts: The least and the greatest time that a dose may take if the order states one, though it need not.
        within: The time that the first dose may wait, in milliseconds.
        replaces: The order that it replaces, as in ``MedicationRequest/1``; None if it replaces none.
    """

    resource_type: ClassVar[str] = "MedicationRequest"
    _COMPARED: ClassVar[tuple[str, ...]] = (
        "authoredOn", "doseAndRate", "route", "method", "timing", "maxDosePerPeriod", "maxDosePerAdministration",
        "maxDosePerLifetime", "validityPeriod",
    )  # fmt: skip

    drug: Concept
    dose: Amount
    tolerance: float = 0.0
    route: str
    often: Often = ONCE
    over: Amount | None = None
    lasts: tuple[Amount, Amount] | None = None
    within: int = PROMPTLY
    replaces: str | None = None

    def checks(self, order: Order) -> Iterator[Check]:
        """Compares an order with this one."""
        yield from self._firm(order)
        yield self._concept(order, self.drug, "medication.code", critical=True)
        yield self._dose(order)
        yield compared("dosage.route", self._routes(order), Code.WRONG_ROUTE, f"The route should be {self.route}")
        if self.over is not None:
            due = f"It should run over {_in_hours(self.over):g} h"
            yield compared("dosage.rate", self._rates(order), Code.WRONG_RATE, due)
        else:
            yield compared("dosage.rate", self._rates(order), Code.WRONG_RATE, "No rate is due")
        yield compared("dosage.timing", self._timing(order), Code.WRONG_TIME, f"It should be given {self.often}", True)
        yield self._replaced(order)
        expected = Expectation(
            now=self.now,
            names=self.drug,
            dose=self.dose,
            tolerance=self.tolerance,
            route=self.route,
            often=self.often,
            lasts=(self.over, self.over) if self.over is not None else self.lasts,
        )
        yield from self._understood(order, expected)

    def _dose(self, order: Order) -> Check:
        problems = self._refused(
            order,
            "doseQuantity",
            "doseRange",
            "maxDosePerPeriod",
            "maxDosePerAdministration",
            "maxDosePerLifetime",
            "type",
        )
        problems += [
            Refusal(element, count, f"there should be one {name}")
            for (name, count), element in order.of(Facet.COUNT)
            if count != 1
        ]
        said = order.of(Facet.DOSE)
        if not said:
            problems.append(Refusal("", None, "it is not stated"))
        problems += [
            Refusal(element, amount_told(given), "it is not the dose that is due")
            for given, element in said
            if not given.same(self.dose, self.tolerance)
        ]
        problems += self._limits(order)
        return compared("dosage.dose", problems, Code.WRONG_DOSE, f"The dose should be {amount_told(self.dose)}")

    def _limits(self, order: Order) -> Iterator[Refusal]:
        """Yields the maximum doses that are below the due dose."""
        for given, element in order.of(Facet.LIMIT):
            most, in_time = given if isinstance(given[0], Amount) else (given, None)
            least = self.dose.size * (1 - 1e-6)
            if in_time is not None and self.often.hours is not None and in_time.dimension == "[time]":
                least *= max(1.0, in_time.size / (self.often.hours * 3600))
            if most.dimension != self.dose.dimension or most.size < least:
                yield Refusal(element, amount_told(most), "it is less than what is due")

    def _routes(self, order: Order) -> Iterator[Refusal]:
        refused = self._refused(order, "route", "method")
        yield from refused
        yield from self._others(order.of(Facet.ROUTE), self.route, needed=not refused)
        places = _SITES.get(self.route, frozenset())
        for value, element in order.of(Facet.SITE):
            words = str(value.get("text") or value.get("display") or "").lower().split()
            if not places & set(words):
                yield Refusal(element, value, f"it is no place for the route {self.route}")

    def _rates(self, order: Order) -> Iterator[Refusal]:
        said = [*order.of(Facet.RATE), *order.of(Facet.LASTS)]
        refused = self._refused(order, "rateQuantity", "rateRatio", "rateRange")
        yield from refused
        if self.over is not None and not said and not refused:
            yield Refusal("", None, "no rate is stated")
        least, most = (self.over, self.over) if self.over is not None else self.lasts or (None, None)
        for given, element in said:
            if least is None or most is None:
                yield Refusal(element, _rate_told(given), "the order has no rate")
                continue
            time = self._time_of(given)
            if time is None or not least.size * (1 - 1e-6) <= time <= most.size * (1 + 1e-6):
                yield Refusal(element, _rate_told(given), "it is not the rate that is due")

    def _time_of(self, given: Any) -> float | None:
        """Returns the seconds that a dose takes at a rate; None if the rate does not tell."""
        if isinstance(given, Amount):
            if given.dimension == "[time]":
                return given.size
            if given.dimension == f"{self.dose.dimension} / [time]" and given.size > 0:
                return self.dose.size / given.size
            return None
        above, below = given
        if above.dimension == self.dose.dimension and below.dimension == "[time]" and above.size > 0:
            return float(self.dose.size / (above.size / below.size))
        return None

    def _timing(self, order: Order) -> Iterator[Refusal]:
        once = self.often == ONCE
        said = order.of(Facet.OFTEN)
        refused = self._refused(order, "timing", "validityPeriod")
        yield from refused
        if not once and not said and not refused:
            yield Refusal("", None, "how often is not stated")
        for value, element in said:
            same = value is not None and (
                value.times == 1 if once else value.times is None and _close(value.hours, self.often.hours)
            )
            if not same:
                yield Refusal(
                    element, "more than one dose" if value is None else str(value), f"it should be {self.often}"
                )
        for value, element in order.of(Facet.KIND):
            if once and value == "continuous":
                yield Refusal(element, value, "it should be given once")
        yield from self._starts_now(order, self.within)
        if not once:
            yield from (Refusal(element, "an end", "no end is due") for _, element in order.of(Facet.END))
        for period, element in order.of(Facet.VALID):
            if period is not None and period.high < milliseconds(self.now):
                yield Refusal(element, told_day(period), "it is over")

    def _replaced(self, order: Order) -> Check:
        said = order.of(Facet.REPLACES)
        if self.replaces is None:
            problems = [Refusal(element, value, "it should replace no order") for value, element in said]
            return compared(self._name("priorPrescription"), problems, Code.WRONG_VALUE, "It is a new order", True)
        problems = elsewhere(self.person, said, self.replaces)
        due = f"It should replace {self.replaces}"
        return compared(self._name("priorPrescription"), problems, Code.WRONG_VALUE, due, True)


_SITES: Final = {
    "intravenous": frozenset({"vein", "arm", "forearm", "hand", "line", "antecubital", "iv", "venous", "peripheral"}),
    "oral": frozenset({"mouth", "oral"}),
}


def _close(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= 1e-6


def _in_hours(time: Amount) -> float:
    return time.size / 3600


def _rate_told(given: Amount | tuple[Amount, Amount]) -> str:
    """Writes a rate, or the time that a dose takes, for people."""
    return amount_told(given) if isinstance(given, Amount) else " in ".join(map(amount_told, given))
