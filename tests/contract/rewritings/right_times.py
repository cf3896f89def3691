"""Right: the same times and intervals in other forms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from mab_gym.fhir.model._definitions import elements
from tests.contract.rewritings.grammar import Change, at, put
from tests.contract.rewritings.meaning import DOSAGE, Ask, iso
from tests.contract.rewritings.words import GTS, HOURS

_TIMING = (*DOSAGE, "timing")


def changes(ask: Ask) -> Iterator[Change]:
    """Doses due once or at intervals, and occurrences."""
    if ask.resource.get("dosageInstruction"):
        for label, timing, right, why in _once(ask) if ask.hours is None else _again(ask, ask.hours):
            yield Change(f"timing {label}", put(ask.resource, _TIMING, timing), right, why)
    if "occurrenceDateTime" in elements(ask.type):
        yield from _occurrences(ask)


Timing = tuple[str, dict[str, Any], bool | None, str]


def _once(ask: Ask) -> Iterator[Timing]:
    now, why = iso(ask.now), "it is due once"
    from_now = {"boundsPeriod": {"start": now}}
    for label, repeat in (
        ("count 1", {"count": 1}),
        ("frequency 1, count 1", {"frequency": 1, "count": 1}),
        ("count 1 from now", {"count": 1, **from_now}),
        ("frequency and count from now", {"frequency": 1, "count": 1, **from_now}),
        ("count 1 of at most 1", {"count": 1, "countMax": 1}),
        ("count 1, frequencyMax 1", {"count": 1, "frequency": 1, "frequencyMax": 1}),
        ("count 1 today", {"count": 1, "boundsPeriod": {"start": now, "end": iso(ask.now + timedelta(hours=6))}}),
    ):
        yield label, {"repeat": repeat}, True, why
    yield "frequency 1", {"repeat": {"frequency": 1}}, None, "how often in which period is left open"
    yield "from now", {"repeat": from_now}, None, "how often is left open"
    for text in ("once", "Once", "once only", "one time", "single dose", "stat"):
        yield f"in words: {text}", {"code": {"text": text}}, True, why
    yield "event now", {"event": [now]}, True, why
    yield "event now, with Z", {"event": [now.replace("+00:00", "Z")]}, True, why
    yield "event now and once", {"event": [now], "code": {"text": "once"}}, True, why
    yield "count 1 and once", {"repeat": {"count": 1}, "code": {"text": "once"}}, True, why
    yield "of nothing", {}, None, "it says nothing"
    yield (
        "extended",
        {"extension": [{"url": "http://a.example/origin", "valueString": "picklist"}]},
        True,
        ("extensions may be left unread"),
    )
    if ask.over:
        for label, long, unit in (
            ("hours", ask.over, "h"),
            ("minutes", ask.over * 60, "min"),
            ("seconds", ask.over * 3600, "s"),
        ):
            for name, more in (("", {}), (" and count 1", {"count": 1})):
                lasting = {"duration": long, "durationUnit": unit, **more}
                yield f"lasting {label}{name}", {"repeat": lasting}, True, f"it runs over {ask.over:g} hours"
        longest = {"duration": ask.over, "durationMax": ask.over, "durationUnit": "h"}
        yield "lasting no longer", {"repeat": longest}, True, f"it runs over {ask.over:g} hours"


def _again(ask: Ask, hours: float) -> Iterator[Timing]:
    gold = at(ask.resource, (*_TIMING, "repeat"))
    why = f"it is due every {hours:g} hours"
    forms: list[tuple[str, dict[str, Any]]] = [
        ("in hours", {"frequency": 1, "period": hours, "periodUnit": "h"}),
        ("in hours without frequency", {"period": hours, "periodUnit": "h"}),
        ("in minutes", {"frequency": 1, "period": hours * 60, "periodUnit": "min"}),
        ("by the day", {"frequency": int(24 / hours), "period": 1, "periodUnit": "d"}),
        ("by two days", {"frequency": int(48 / hours), "period": 2, "periodUnit": "d"}),
        ("by the day's hours", {"frequency": int(24 / hours), "period": 24, "periodUnit": "h"}),
        ("with decimals", {"frequency": 1, "period": float(hours), "periodUnit": "h"}),
        ("in hours, doubled", {"frequency": 2, "period": hours * 2, "periodUnit": "h"}),
        ("frequencyMax 1", {**gold, "frequencyMax": 1}), ("periodMax the same", {**gold, "periodMax": gold["period"]}),
        ("from now", {**gold, "boundsPeriod": {"start": iso(ask.now)}}),
        ("from now, with Z", {**gold, "boundsPeriod": {"start": iso(ask.now).replace("+00:00", "Z")}}),
    ]  # fmt: skip
    if hours in (12, 24):
        forms.append(("in parts of a day", {"frequency": 1, "period": hours / 24, "periodUnit": "d"}))
    for label, repeat in forms:
        yield label, {"repeat": repeat}, True, why
    if ask.route == "IV":
        for long, unit in ((30, "min"), (0.5, "h"), (15, "min")):
            lasting = {**gold, "duration": long, "durationUnit": unit}
            yield (
                f"lasting {long} {unit}",
                {"repeat": lasting},
                True if long != 15 else None,
                f"{why}; it may run so long",
            )
    for text in (f"every {hours:g} hours", f"q{hours:g}h", f"Q{hours:g}H", f"every {hours:g}h"):
        yield f"in words: {text}", {"repeat": gold, "code": {"text": text}}, True, why
    if hours == 24:
        for text in ("daily", "once daily", "every day", "once a day", "QD"):
            yield f"in words: {text}", {"repeat": gold, "code": {"text": text}}, True, why
    for code, each in HOURS.items():
        if each == hours and code not in ("AM", "PM", "BED"):
            right = True if code.startswith("Q") and code != "QID" else None
            for label, coding in (("", {"system": GTS, "code": code}), (" bare", {"code": code})):
                yield f"coded {code}{label}", {"repeat": gold, "code": {"coding": [coding]}}, right, why
    yield (
        "ends in a week",
        {"repeat": {**gold, "boundsDuration": {"value": 7, "unit": "d"}}},
        None,
        "no end was asked for",
    )
    yield "event now", {"repeat": gold, "event": [iso(ask.now)]}, None, "the first dose, or the only one"


def _occurrences(ask: Ask) -> Iterator[Change]:
    due, told = ask.due, "occurrenceDateTime" in ask.resource
    why = "it is due at the same time"
    for label, minutes in (("an hour", 60), ("half an hour", 30), ("no time", 0)):
        period = {"start": iso(due), "end": iso(due + timedelta(minutes=minutes))}
        yield Change(f"occurrence from then for {label}", put(ask.resource, ("occurrencePeriod",), period), True, why)
    open_end = put(ask.resource, ("occurrencePeriod",), {"start": iso(due)})
    yield Change("occurrence from then on", open_end, None, "its end is left open")
    events = put(ask.resource, ("occurrenceTiming",), {"event": [iso(due)]})
    yield Change("occurrence as an event", events, True, why)
    if not told:
        for label, text in (("now", iso(due)), ("now, with Z", iso(due).replace("+00:00", "Z"))):
            yield Change(f"occurrence {label}", put(ask.resource, ("occurrenceDateTime",), text), True, why)
        counted = put(
            ask.resource, ("occurrenceTiming",), {"repeat": {"count": 1, "boundsPeriod": {"start": iso(due)}}}
        )
        yield Change("occurrence once from now", counted, None, "its end is left open")
