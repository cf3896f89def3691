"""Wrong: other times than what is asked for is due at, and other intervals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from mab_gym.fhir.model._definitions import elements
from tests.contract.rewritings.grammar import Change, Path, at, put
from tests.contract.rewritings.meaning import DOSAGE, Ask, iso
from tests.contract.rewritings.words import GTS, HOURS, MORE_THAN_ONCE


def changes(ask: Ask) -> Iterator[Change]:
    """Timings and occurrences that contradict when the write is due."""
    if ask.resource.get("dosageInstruction"):
        yield from _timings(ask, (*DOSAGE, "timing"))
    if "occurrenceDateTime" in elements(ask.type):
        yield from _timings(ask, ("occurrenceTiming",))
        yield from _occurrences(ask)


def _timings(ask: Ask, path: Path) -> Iterator[Change]:
    name = path[-1]
    for label, timing, why in [*_codes(ask), *_events(ask), *_repeats(ask)]:
        kept = (at(ask.resource, path) or {}) if name == "timing" else {}
        yield Change(f"{name} {label}", put(ask.resource, path, {**kept, **timing}), False, why)


def _codes(ask: Ask) -> Iterator[tuple[str, Any, str]]:
    for code, words in MORE_THAN_ONCE.items():
        if ask.hours is not None and HOURS[code] == ask.hours:
            continue
        if ask.hours is not None and code in ("AM", "PM", "BED") and ask.hours == 24:
            continue
        why = f"it is due {words}"
        yield f"coded {code}", {"code": {"coding": [{"system": GTS, "code": code}]}}, why
        yield f"coded {code} shown", {"code": {"coding": [{"system": GTS, "code": code, "display": words}]}}, why
        yield f"coded {code} bare", {"code": {"coding": [{"code": code}]}}, why
        yield f"text {code}", {"code": {"text": code}}, why
        yield f"text {words}", {"code": {"text": words}}, why
    hourly = [1, 2, 3, 5, 10] if ask.hours else [1, 4, 8, 24]
    for hours in hourly:
        yield f"text q{hours}h", {"code": {"text": f"q{hours}h"}}, f"it is due every {hours} hours"
    words = "once" if ask.hours else "twice"
    for text in ("as needed", "PRN", "continuous", "until further notice", "next year", "when the potassium falls",
                 f"{words} more than that", "never"):  # fmt: skip
        yield f"text {text}", {"code": {"text": text}}, "it is due at other times"
    if ask.hours:
        for text in ("once", "once only", "stat"):
            yield f"text {text}", {"code": {"text": text}}, "it is due again and again"
    yield (
        "coded by nobody",
        {"code": {"coding": [{"system": "http://a.example/times", "code": "T7"}]}},
        "it says nothing",
    )


def _events(ask: Ask) -> Iterator[tuple[str, Any, str]]:
    due = ask.due
    for label, moments in (
        ("next year", [due + timedelta(days=365)]), ("last year", [due - timedelta(days=365)]),
        ("tomorrow", [due + timedelta(days=1)]), ("yesterday", [due - timedelta(days=1)]),
        ("twice", [due, due + timedelta(hours=6)]), ("now and next year", [due, due + timedelta(days=365)]),
        ("daily", [due + timedelta(days=day) for day in range(5)]), ("in a hundred years", [due.replace(year=2123)]),
    ):  # fmt: skip
        yield f"event {label}", {"event": [iso(moment) for moment in moments]}, "it is due at other times"


def _repeats(ask: Ask) -> Iterator[tuple[str, Any, str]]:
    hours, due = ask.hours, ask.due
    base = {"frequency": 1, "period": hours, "periodUnit": "h"} if hours else {"count": 1}
    once = {"frequency": 1}
    label: str
    more: dict[str, Any]
    why = f"it is due every {hours:g} hours and without end" if hours else "it is due once"
    for label, more in (
        ("count 5", {"count": 5}),
        ("count 2", {"count": 2}),
        ("countMax 5", {"count": 1, "countMax": 5}),
        ("frequency 2", {"frequency": 2}),
        ("frequencyMax 4", {"frequency": 1, "frequencyMax": 4}),
        ("on Mondays", {"dayOfWeek": ["mon"]}),
        ("on three days", {"dayOfWeek": ["mon", "wed", "fri"]}),
        ("at three times", {"timeOfDay": ["08:00:00", "14:00:00", "20:00:00"]}),
        ("at meals", {"when": ["C"]}),
        ("morning and night", {"when": ["MORN", "NIGHT"]}),
        ("at bedtime, later", {"when": ["HS"], "offset": 600}),
        ("next year", {"boundsPeriod": {"start": iso(ask.next_year())}}),
        (
            "last year",
            {"boundsPeriod": {"start": iso(due - timedelta(days=365)), "end": iso(due - timedelta(days=358))}},
        ),
        ("ended", {"boundsPeriod": {"end": iso(due - timedelta(days=1))}}),
        ("from tomorrow", {"boundsPeriod": {"start": iso(due + timedelta(days=1))}}),
    ):
        if "frequency" in more and not hours:
            yield f"repeat {label}", {"repeat": {"period": 1, "periodUnit": "d", **more}}, why
        yield f"repeat {label} in the frame", {"repeat": {**base, **more}}, why
    if hours:
        yield from _other_intervals(base, hours, why)
        for label, more in (
            ("count 1", {"count": 1}),
            ("count 3", {"count": 3}),
            ("periodMax", {"periodMax": hours * 3}),
            ("lasting weeks", {"duration": 3, "durationUnit": "wk"}),
            ("a minute long", {"boundsDuration": {"value": 1, "unit": "min"}}),
        ):
            yield f"repeat {label}", {"repeat": {**base, **more}}, why
        return
    for label, more in (
        ("daily", {**once, "period": 1, "periodUnit": "d"}),
        ("hourly", {**once, "period": 1, "periodUnit": "h"}),
        ("weekly", {**once, "period": 1, "periodUnit": "wk"}),
        ("daily without frequency", {"period": 1, "periodUnit": "d"}),
        ("daily for a week", {**once, "period": 1, "periodUnit": "d", "boundsDuration": {"value": 7, "unit": "d"}}),
        ("daily, seven times", {**once, "period": 1, "periodUnit": "d", "count": 7}),
        ("for a range", {**once, "period": 1, "periodUnit": "d", "boundsRange": {"low": {"value": 3, "unit": "d"}}}),
        ("alone on Mondays", {"dayOfWeek": ["mon"]}),
        ("alone at two times", {"timeOfDay": ["08:00:00", "20:00:00"]}),
        ("alone in the morning", {"when": ["MORN"]}),
    ):
        yield f"repeat {label}", {"repeat": more}, why


def _other_intervals(base: dict[str, Any], hours: float, why: str) -> Iterator[tuple[str, Any, str]]:
    for other in (1, 2, 4, 6, 8, 12, 24, 36, 48, 168):
        if other != hours:
            yield f"repeat every {other} hours", {"repeat": {**base, "period": other}}, why
    for often in (2, 3, 4, 5):
        if 24 / often != hours:
            daily = {"frequency": often, "period": 1, "periodUnit": "d"}
            yield f"repeat {often} times a day", {"repeat": daily}, why
    for unit in ("s", "min", "wk", "mo", "a"):
        yield f"repeat by the {unit}", {"repeat": {**base, "periodUnit": unit}}, why
    yield "without repeat", {"repeat": {}}, why


def _occurrences(ask: Ask) -> Iterator[Change]:
    due = ask.due
    for label, moment in (
        ("next year", ask.next_year()), ("last year", due - timedelta(days=365)), ("tomorrow", due + timedelta(days=1)),
        ("yesterday", due - timedelta(days=1)), ("in a month", due + timedelta(days=30)),
        ("six hours later", due + timedelta(hours=6)), ("in a hundred years", due.replace(year=2123)),
    ):  # fmt: skip
        yield Change(f"occurrence {label}", put(ask.resource, ("occurrenceDateTime",), iso(moment)), False,
                     "it is due at another time")  # fmt: skip
        for more in (timedelta(hours=1), timedelta(days=30)):
            period = {"start": iso(moment), "end": iso(moment + more)}
            if not moment <= due <= moment + more:
                yield Change(f"occurrence {label} for {more}", put(ask.resource, ("occurrencePeriod",), period), False,
                             "it is due at another time")  # fmt: skip
    for label, period in (
        ("this year", {"start": iso(due), "end": iso(ask.next_year())}),
        ("from next year", {"start": iso(ask.next_year())}),
        ("until last year", {"end": iso(due - timedelta(days=365))}),
        ("a month wide", {"start": iso(due - timedelta(days=15)), "end": iso(due + timedelta(days=15))}),
        ("of years", {"start": "2030", "end": "2031"}),
    ):
        yield Change(
            f"occurrence {label}", put(ask.resource, ("occurrencePeriod",), period), False, "it does not say when"
        )
    for text in ("2024", "2024-06", "2030-01-01"):
        yield Change(f"occurrence {text}", put(ask.resource, ("occurrenceDateTime",), text), False, "it is due later")
