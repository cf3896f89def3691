"""Cases: a drug ordered twice in the same or another coding; and drugs stopped before, or ordered by two routes.

Checking the list of active orders for duplicates is part of medication reconciliation as The Joint Commission asks for
it (National Patient Safety Goal NPSG.03.06.01). A Task with the code ``abort`` is how FHIR R4 lets a system that
cannot change an order ask for its end (Task, 12.18; code system task-code).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from mab_gym.tasking.chart import Chart

BRANCHES = {"same_product": 9, "other_coding": 9, "stopped_before": 6, "other_route": 6}


class Review(NamedTuple):
    """The outcome of a reconciliation of the active orders.

    Attributes:
        stop: The order to stop, or None.
        keep: The order to keep; without a duplicate, the latest active order.
    """

    stop: Mapping[str, Any] | None
    keep: Mapping[str, Any]


def ingredient(order: Mapping[str, Any]) -> str:
    """Returns the ingredient, which is the first word of every drug's name here."""
    words = str(order["medicationCodeableConcept"]["text"]).lower().split()
    return words[0]


def route(order: Mapping[str, Any]) -> str:
    """Returns the route as the chart writes it."""
    return str(order["dosageInstruction"][0]["route"]["text"])


def authored(order: Mapping[str, Any]) -> datetime:
    """Returns the time of an order; charts write it in several time zones."""
    return datetime.fromisoformat(order["authoredOn"])


def review(
    orders: Iterable[Mapping[str, Any]],
    kind: Callable[[Mapping[str, Any]], Any] = lambda order: (ingredient(order), route(order)),
    key: Callable[[Mapping[str, Any]], Any] = authored,
) -> Review | None:
    """Reconciles the active orders among these; returns None if there are none.

    Args:
        orders: The orders.
        kind: Returns a value that is equal for duplicates.
        key: Returns the value by which the earlier of two orders is found.
    """
    active = sorted((order for order in orders if order["status"] == "active"), key=key)
    if not active:
        return None
    earlier: dict[Any, Mapping[str, Any]] = {}
    for order in active:
        if kind(order) in earlier:
            return Review(earlier[kind(order)], order)
        earlier[kind(order)] = order
    return Review(None, active[-1])


def orders_of(chart: Chart, mrn: str) -> list[dict[str, Any]]:
    """Returns all orders of a patient."""
    return chart.remember(("orders", mrn), lambda: list(chart.search("MedicationRequest", patient=mrn, _count="1000")))


def situation(orders: Iterable[Mapping[str, Any]]) -> str | None:
    """Returns the branch of a patient with these orders, or None."""
    orders = list(orders)
    result = review(orders)
    if result is None:
        return None
    if result.stop is not None:
        systems = [order["medicationCodeableConcept"]["coding"][0]["system"] for order in result if order is not None]
        return "same_product" if systems[0] == systems[1] else "other_coding"
    active = [order for order in orders if order["status"] == "active"]
    names = [ingredient(order) for order in active]
    if len(set(names)) < len(names):
        return "other_route"
    since = min(authored(order) for order in active)
    ended = {ingredient(order) for order in orders if order["status"] in ("stopped", "completed")
             and authored(order) >= since and order.get("category", [{}])[0].get("text") == "Community"}  # fmt: skip
    return "stopped_before" if ended & set(names) else None


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient in this situation."""

    def branch_of(mrn: str) -> str | None:
        return chart.remember(("reconciliation", mrn), lambda: situation(orders_of(chart, mrn)))

    wanted = [mrn for mrn in chart.profiles() if branch_of(mrn) == branch]
    return {"mrn": rng.choice(wanted)} if wanted else None
