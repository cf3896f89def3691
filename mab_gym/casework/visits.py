"""Reads what an agent has written in a visit: orders that it ended, pages, a diet, drugs that are not taken any more.

All of these accept anything: an element of the wrong type is read as one that is not there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mab_gym.casework._judge import URGENT
from mab_gym.casework.reading import member, references_of
from mab_gym.dynamics._timing import Clock, in_words, read_timing
from mab_gym.tasking.judging import Result
from mab_gym.tasking.stay import Given

__all__ = ["ENDED", "binder_daily", "diet_is_ordered", "ended", "not_taken", "paged_service"]

ENDED: Final = ("stopped", "cancelled", "on-hold", "entered-in-error", "completed", "ended")


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _reference(value: Any) -> str:
    return next(iter(references_of([value])), "")


def _words(value: Any) -> str:
    """Returns all of an element in lower case."""
    try:
        return json.dumps(value, ensure_ascii=False).lower()
    except (TypeError, ValueError, RecursionError):
        return ""


def _final(result: Result) -> dict[str, Mapping[str, Any] | None]:
    """Returns the last state of all that was written, by address; None where it was deleted."""
    return {f"{each.resource_type}/{each.logical_id}": each.resource for each in result.writes}


def ended(result: Result) -> set[str]:
    """Returns the addresses of MedicationRequests that were ended."""
    return {
        address
        for address, resource in _final(result).items()
        if address.startswith("MedicationRequest/") and (resource is None or resource.get("status") in ENDED)
    }


def not_taken(result: Result, mrn: str, drug: str) -> bool:
    """Tells if a MedicationStatement says that a drug is taken no more."""
    return any(
        address.startswith("MedicationStatement/")
        and resource is not None
        and resource.get("status") in ("stopped", "on-hold", "not-taken")
        and _reference(resource.get("subject")) == f"Patient/{mrn}"
        and drug in _words([resource.get("medicationCodeableConcept"), resource.get("medicationReference")])
        for address, resource in _final(result).items()
    )


def paged_service(result: Result, mrn: str, people: Collection[str], word: str) -> set[str]:
    """Returns the addresses of pages and urgent consults to a service.

    Args:
        result: The agent's writes.
        mrn: The patient.
        people: References of those who work there.
        word: The beginning of the service's name, for consults that name nobody.
    """
    found: set[str] = set()
    for address, resource in _final(result).items():
        if resource is None or resource.get("priority") not in URGENT:
            continue
        if _reference(resource.get("subject")) != f"Patient/{mrn}":
            continue
        kind = address.partition("/")[0]
        asked = [_reference(each) for name in ("recipient", "performer") for each in _list(resource.get(name))]
        if kind in ("Communication", "CommunicationRequest") and any(each in people for each in asked):
            found.add(address)
        if kind == "ServiceRequest":
            named = _words([resource.get("code"), resource.get("performerType"), resource.get("category")])
            if word in named or any(each in people for each in asked):
                found.add(address)
    return found


def diet_is_ordered(result: Result, mrn: str) -> bool:
    """Tells if a diet that has to do with potassium was ordered."""
    return any(
        address.startswith("NutritionOrder/")
        and resource is not None
        and resource.get("status") in ("active", "on-hold", "draft", None)
        and _reference(resource.get("patient")) == f"Patient/{mrn}"
        and any(word in _words(resource) for word in ("potassium", "renal"))
        for address, resource in _final(result).items()
    )


def binder_daily(result: Result, doses: Sequence[Given], strict: bool) -> bool:
    """Tells if a binder was ordered three times a day at its dose, or at any sensible one where no protocol holds."""
    orders = {each.order for each in doses}
    if not strict:
        return bool(orders)
    if any(not 9.5 <= each.amount <= 10.5 for each in doses if "zirconium" in each.drug):
        return False
    return any(_three_times(_final(result).get(order)) for order in orders)


def _three_times(order: Mapping[str, Any] | None) -> bool:
    clock = Clock(datetime(2024, 1, 1, tzinfo=UTC), (480, 720, 1080))
    for dosage in _list(member(order, "dosageInstruction")):
        timing = member(dosage, "timing")
        plan = read_timing(timing, clock) if timing is not None else in_words(str(member(dosage, "text")), clock)
        if isinstance(plan, str) or plan is None:
            continue
        if plan.interval in range(470, 491) or len(plan.of_day) == 3 or len(plan.events) >= 3:
            return True
    return False
