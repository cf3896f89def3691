"""Builds the forms of orders from a prompt's descriptions, with blanks for what has to be decided."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

_NUMBER = r"\d+(?:\.\d+)?"
_FORM = re.compile(r"\b(?:as an?) ([A-Z][A-Za-z]+): (.*?)\.(?=\s|$)")
_CODED = re.compile(r"([\w-]+) \(system (https?://[^\s)]+)\)")
_CATEGORY = re.compile(r"category with the coding system (\S+?), code ([\w-]+), display ([^;,]+)")
_CODE_TEXT = re.compile(r"code\.text \((\w+) for ")
_AT = re.compile(r"\bfor (\d\d):(\d\d) \(([+-]\d\d:\d\d)\) \w+\s+as an? $")
_PLAIN = ("status", "intent", "priority")

Dose = tuple[float, float | None]
"""An amount in the form's dose unit, and a duration in its rate unit or None."""


@dataclass(frozen=True, slots=True)
class OrderForm:
    """A resource that a prompt describes.

    Attributes:
        resource: The elements that the prompt fixes.
        dose_unit: The unit of the dose; empty if there is no dose.
        rate_unit: The unit of an infusion's duration; empty if there is none.
        route: The route of a medication, or empty.
        doses: The doses that the prompt names, each with a duration or None.
        times: The times for which it may be ordered; empty if there is no choice.
    """

    resource: Mapping[str, Any]
    dose_unit: str = ""
    rate_unit: str = ""
    route: str = ""
    doses: Sequence[Dose] = ()
    times: Sequence[str] = field(default=())

    @property
    def resource_type(self) -> str:
        """The resource type, as in ``MedicationRequest``."""
        return str(self.resource["resourceType"])

    @property
    def blanks(self) -> bool:
        """True if there is anything to choose."""
        return bool(self.dose_unit or self.times)

    def filled(self, dose: Dose | None = None, at: str | None = None) -> dict[str, Any]:
        """Returns the resource with its blanks filled in.

        Args:
            dose: An amount in `dose_unit`, and a duration in `rate_unit` or None.
            at: The time at which it should be done.
        """
        resource = dict(self.resource)
        if at is not None:
            resource["occurrenceDateTime"] = at
        if dose is not None:
            amount, duration = dose
            rate: dict[str, Any] = {"doseQuantity": {"value": _short(amount), "unit": self.dose_unit}}
            if duration is not None:
                rate["rateQuantity"] = {"value": _short(duration), "unit": self.rate_unit}
            route = {"route": {"text": self.route}} if self.route else {}
            resource["dosageInstruction"] = [{**route, "doseAndRate": [rate]}]
        return resource


def read_forms(context: str, now: datetime | None, mrn: str, quoted: str) -> tuple[OrderForm, ...]:
    """Reads the forms that a context describes, in order.

    Args:
        context: The prompt's context.
        now: The record system's clock; without it there are no forms, since nothing can be dated.
        mrn: The patient's MRN; without it there are no forms.
        quoted: The quoted text of the question, for a note or a reading.
    """
    if now is None or not mrn:
        return ()
    found = list(_FORM.finditer(context))
    outside = context
    for form in found:
        outside = outside.replace(form[2], " ")
    return tuple(_form(each, context, outside, now, mrn, quoted) for each in found)


def _form(found: re.Match[str], context: str, outside: str, now: datetime, mrn: str, quoted: str) -> OrderForm:
    kind, told = found[1], found[2]
    resource: dict[str, Any] = {"resourceType": kind}
    for name in _PLAIN:
        if value := re.search(rf"\b{name} ([\w-]+)", told):
            resource[name] = value[1]
    if category := _CATEGORY.search(told):
        coding = {"system": category[1], "code": category[2], "display": category[3].strip()}
        resource["category"] = [{"coding": [coding]}]
    if code := _CODE_TEXT.search(told):
        resource["code"] = {"text": code[1]}
    elif coded := _CODED.search(told) or _CODED.search(outside):
        where = "medicationCodeableConcept" if "medicationCodeableConcept" in told else "code"
        resource[where] = {"coding": [{"system": coded[2], "code": coded[1]}]}
    if "subject" in told:
        resource["subject"] = {"reference": f"Patient/{mrn}"}
    for name in ("authoredOn", "effectiveDateTime"):
        if name in told:
            resource[name] = now.isoformat()
    if "valueString" in told:
        resource["valueString"] = quoted
    if "note" in told:
        resource["note"] = [{"text": quoted}]
    dose, rate = re.search(r"doseQuantity in (\w+)", told), re.search(r"rateQuantity with the unit (\w+)", told)
    route = re.search(r"\bthe route (\w+)", told)
    unit = dose[1] if dose else ""
    return OrderForm(
        resource=resource,
        dose_unit=unit,
        rate_unit=rate[1] if rate else "",
        route=route[1] if route else "",
        doses=_doses(context, unit) if unit else (),
        times=_times(context[: found.start(1)], now) if "occurrenceDateTime" in told else (),
    )


def _doses(context: str, unit: str) -> tuple[Dose, ...]:
    """Reads the doses in this unit that have a duration, as in "2 g over 2 hours"."""
    found = re.findall(rf"({_NUMBER}) {re.escape(unit)} over ({_NUMBER}) hours?", context)
    return tuple((float(amount), float(hours)) for amount, hours in found)


def _times(before: str, now: datetime) -> tuple[str, ...]:
    """Returns the times to choose from: now, and the hour named before a form, today and tomorrow."""
    times = [now.isoformat()]
    if at := _AT.search(before):
        zone = datetime.fromisoformat(f"2000-01-01T00:00:00{at[3]}").tzinfo
        today = datetime.combine(now.astimezone(zone).date(), time(int(at[1]), int(at[2])), zone)
        times += [(today + timedelta(days=days)).isoformat() for days in (0, 1)]
    return tuple(times)


def _short(number: float) -> int | float:
    return int(number) if number == int(number) else number
