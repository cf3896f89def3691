"""Orders that are due, and orders as the hospital's pharmacy and laboratory understand them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from mab_gym.casework.reading import codes_of, concept_text, moment_of
from mab_gym.dynamics._body import CONTINUOUS
from mab_gym.dynamics._drug_names import find_drug
from mab_gym.dynamics._prescriptions import read_prescription
from mab_gym.dynamics._requests import asked_tests
from mab_gym.dynamics._settings import MEALS
from mab_gym.dynamics._timing import Clock

__all__ = ["DrugDue", "DrugOrder", "TestDue", "read_drug_order"]

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class DrugOrder:
    """A MedicationRequest as a pharmacist reads it.

    Attributes:
        drug: The ingredient, in lower case; empty if it is none of the formulary.
        amount: The amount of the first instruction's dose, in the drug's unit; 0 if it cannot be read. Of a continuous
            infusion an hour's.
        unit: The drug's unit: ``mg``, ``g``, ``meq``, ``[iU]`` …
        route: ``oral``, ``iv``, ``sc``, ``im`` …; empty if it cannot be read.
        daily: The amount of 24 hours in steady use; of a single dose its amount.
        hours: Hours between doses; 0 for a single dose.
        once: True for a single dose.
        continuous: True for an infusion that goes on.
        as_needed: True if it is given only when needed.
        urgent: True for stat, asap and urgent.
        problem: The reason why nobody could carry it out; empty if one can.
    """

    drug: str
    amount: float = 0.0
    unit: str = ""
    route: str = ""
    daily: float = 0.0
    hours: float = 0.0
    once: bool = False
    continuous: bool = False
    as_needed: bool = False
    urgent: bool = False
    problem: str = ""


def read_drug_order(order: Mapping[str, Any], now: datetime, weight_kg: float | None = None) -> DrugOrder:
    """Reads a MedicationRequest.

    Args:
        order: The resource, of any shape.
        now: The record system's clock, timezone-aware.
        weight_kg: Body weight, for doses by weight; None if it is not known.
    """
    zone: tzinfo = now.tzinfo or datetime.now().astimezone().tzinfo  # type: ignore[assignment]
    clock = Clock.of(now, zone, [minute for minute, _ in MEALS])
    named = find_drug(order)
    if isinstance(named, str):
        return DrugOrder("", problem=named)
    read = read_prescription(order, weight_kg, clock)
    if isinstance(read, str):
        return DrugOrder(named.drug, unit=named.unit, problem=read)
    first = read.instructions[0]
    plan, going_on = first.plan, first.minutes == CONTINUOUS
    daily = hours = 0.0
    for each in read.instructions:
        times = 24.0 if each.minutes == CONTINUOUS else _times_a_day(each.plan)
        daily += each.amount * times
    if not going_on and not plan.once:
        hours = plan.interval / 60 if plan.interval else 24 / max(1, len(plan.of_day or plan.events))
    return DrugOrder(
        drug=named.drug,
        amount=first.amount,
        unit=named.unit,
        route=first.route,
        daily=daily,
        hours=hours,
        once=plan.once and not going_on,
        continuous=going_on,
        as_needed=first.as_needed,
        urgent=read.urgent,
    )


def _times_a_day(plan: Any) -> float:
    if plan.once:
        return 1.0
    return 1440 / plan.interval if plan.interval else float(len(plan.of_day or plan.events))


@dataclass(frozen=True, slots=True, kw_only=True)
class DrugDue:
    """A drug that is to be ordered; each span is the least and the greatest amount that is right.

    Attributes:
        drugs: Ingredients of which any is right, in lower case.
        amount: A single dose, in the drug's unit; None for any.
        daily: The amount of 24 hours; None for any.
        routes: Routes that are right; empty for any.
        hours: Hours between doses; None for any.
        once: True for a single dose alone, False for a standing order alone; None for either.
        as_needed: True if it may be ordered for when it is needed.
        weight_kg: Body weight, for doses by weight.
    """

    drugs: tuple[str, ...]
    amount: Span | None = None
    daily: Span | None = None
    routes: tuple[str, ...] = ()
    hours: Span | None = None
    once: bool | None = None
    as_needed: bool = False
    weight_kg: float | None = None

    def problems(self, order: DrugOrder) -> list[str]:
        """Returns what is wrong with an order; nothing if it is right."""
        if order.drug not in self.drugs:
            return [f"it is for {order.drug or 'no drug of the formulary'}, not for {' or '.join(self.drugs)}"]
        if order.problem:
            return [order.problem]
        found: list[str] = []
        for name, span, value in (
            ("dose", self.amount, order.amount),
            ("amount a day", self.daily, order.daily),
            ("interval in hours", self.hours, order.hours),
        ):
            if span is not None and not span[0] - 1e-9 <= value <= span[1] + 1e-9:
                found.append(f"its {name} is {value:g}, and {span[0]:g} to {span[1]:g} {order.unit} were due")
        if self.routes and order.route not in self.routes:
            found.append(f"its route is {order.route}, not {' or '.join(self.routes)}")
        if self.once is not None and order.once != self.once:
            found.append("it is a single dose" if order.once else "it is no single dose")
        if order.as_needed and not self.as_needed:
            found.append("it is given only when needed")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDue:
    """A test, an image, a consult, a procedure or a referral that is to be requested.

    Attributes:
        tests: Keys of the laboratory's tests, all of which must be in the request, as in ``potassium``.
        codes: Codes of which any is right, for what the laboratory does not do.
        words: Patterns of which any must be found in the words of its code, in lower case.
        priorities: Priorities that are right; empty for any. A request without one is ``routine``.
        between: The least and the greatest time for which it may be asked, timezone-aware; None for any. A request
            without a time is for now.
    """

    __test__ = False

    tests: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    between: tuple[datetime, datetime] | None = None

    def names(self, request: Mapping[str, Any]) -> bool:
        """Tells if a request is for this."""
        if self.tests:
            asked = asked_tests(request)
            if not isinstance(asked, str) and set(self.tests) <= set(asked[0]):
                return True
        code = request.get("code")
        if codes_of(code) & set(self.codes):
            return True
        said = concept_text(code)
        return any(re.search(pattern, said) for pattern in self.words)

    def problems(self, request: Mapping[str, Any], now: datetime) -> list[str]:
        """Returns what is wrong with a request; nothing if it is right."""
        if not self.names(request):
            return [f"it is not for {', '.join(self.tests or self.words or self.codes)}"]
        found: list[str] = []
        priority = request.get("priority") or "routine"
        if self.priorities and priority not in self.priorities:
            found.append(f"its priority is {str(priority)[:20]}, not {' or '.join(self.priorities)}")
        if self.between is not None:
            first, last = self.between
            at = _asked_for(request, now)
            if at is None or not first <= at <= last:
                told = "no time that can be read" if at is None else at.isoformat()
                found.append(f"it is for {told}, not from {first.isoformat()} to {last.isoformat()}")
        return found


def _asked_for(request: Mapping[str, Any], now: datetime) -> datetime | None:
    written: Any = request.get("occurrenceDateTime")
    if written is None and isinstance(request.get("occurrencePeriod"), Mapping):
        written = request["occurrencePeriod"].get("start") or request["occurrencePeriod"].get("end")
    if written is None:
        return now
    found = moment_of(written)
    if found is not None and isinstance(written, str) and len(written) == 10:
        found += timedelta(hours=12)
    return found


def is_order(resource: Mapping[str, Any], statuses: Sequence[str] = ("active",)) -> bool:
    """Tells if a request is in force: not a draft, a plan, or one that says not to do it."""
    return (
        resource.get("status") in statuses
        and resource.get("intent") in ("order", "original-order", "instance-order", "reflex-order", "filler-order")
        and resource.get("doNotPerform") is not True
    )
