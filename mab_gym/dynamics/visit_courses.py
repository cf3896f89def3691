"""The course of a visit to the emergency department, and the examinations and fluids in the record of one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from mab_gym.dynamics._body import Body
from mab_gym.dynamics._settings import Studies
from mab_gym.dynamics.course import CONTINUOUS, Course
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.stay import StayRecord

__all__ = ["done_at", "findings_of", "found_at", "infused", "visit_course"]


def findings_of(case: Case) -> Studies:
    """Returns what examinations find in a case: its parameter ``findings``, by the name of the examination."""
    return lambda examination, told: str(case["findings"].get(examination, ""))


def visit_course(case: Case, chart: Chart, encounter: str, body: Body, horizon: int, **settings: Any) -> Course:
    """Returns the course of a visit.

    Args:
        case: The case, with the parameters of `visit_params`.
        chart: Its snapshot.
        encounter: The id of the visit's Encounter.
        body: The patient's body at the beginning.
        horizon: Minutes of the visit.
        settings: Further fields of `Course`.
    """
    return Course.of_person(case, chart, f"Encounter/{encounter}", body, horizon, meals=(), **settings)


def done_at(stay: StayRecord, examination: str) -> list[int]:
    """Returns the minutes at which an examination was completed: a culture taken, a report written."""
    return [each.minute for each in stay.orders if each.what == "completed" and each.text == examination]


def found_at(stay: StayRecord, examination: str) -> list[tuple[int, str]]:
    """Returns the minutes at which an examination was done, with what it found."""
    start = f"{examination}: "
    return [
        (each.minute, each.text.removeprefix(start))
        for each in stay.orders
        if each.what == "found" and each.text.startswith(start)
    ]


def infused(stay: StayRecord, words: Sequence[str], orders: Collection[str], until: int) -> float:
    """Returns the amount of drugs that has run in by a minute.

    Args:
        stay: The stay.
        words: Parts of the drugs' names.
        orders: Addresses of the orders that count.
        until: The minute.
    """
    total = 0.0
    running: dict[str, tuple[int, float]] = {}
    for each in sorted(stay.given, key=lambda one: one.minute):
        if each.order not in orders or each.minute > until or not any(word in each.drug for word in words):
            continue
        if each.order in running and (each.status == "stopped" or each.minutes == CONTINUOUS):
            begun, rate = running.pop(each.order)
            total += rate * (each.minute - begun) / 60
        if each.status != "given":
            continue
        if each.minutes == CONTINUOUS:
            running[each.order] = (each.minute, each.amount)
        else:
            stopped = [
                one.minute for one in stay.given
                if one.order == each.order and one.status == "stopped" and one.minute >= each.minute
            ]  # fmt: skip
            end = min([until, each.minute + round(each.minutes), *stopped])
            share = (end - each.minute) / each.minutes if each.minutes else 1.0
            total += each.amount * max(0.0, min(share, 1.0))
    return total + sum(rate * (until - begun) / 60 for begun, rate in running.values())
