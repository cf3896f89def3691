"""Wrong: what stands in a gold write is gone, or something else stands there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.contract.rewritings.grammar import Change, Spot, drop, filled, put
from tests.contract.rewritings.meaning import Ask, moment_of

IMPLIED = {"frequency"}
"""1 where nothing is said (FHIR R4, Timing.repeat)."""
IN_WORDS = {"display"}
"""The names of codes; the prompts may ask for them, and they mean nothing beside the code."""
SUBTYPES = {"original-order", "reflex-order", "filler-order", "instance-order"}
"""Kinds of orders (FHIR R4, code system request-intent)."""


def changes(ask: Ask) -> Iterator[Change]:
    """Every element of the write without its value, and with others."""
    for spot in filled(ask.resource):
        if spot.name == "resourceType":
            continue
        yield from _gone(ask, spot)
        if spot.element.codes and isinstance(spot.value, str):
            yield from _other_codes(ask, spot)
        elif spot.element.primitive and not spot.element.many:
            yield from _other_primitives(ask, spot)
            if isinstance(spot.value, int | float):
                said = put(ask.resource, spot.path, str(spot.value))
                yield Change(f"{spot.where} as text", said, False, "a text is no number", unserved=True)
        elif spot.element.many and isinstance(spot.value, list) and spot.name not in ("coding", "category", "note"):
            twice = put(ask.resource, spot.path, spot.value * 2)
            yield Change(f"{spot.where} twice", twice, False, "it is asked for twice")


def _gone(ask: Ask, spot: Spot) -> Iterator[Change]:
    if spot.name in IMPLIED or (spot.name == "text" and len(spot.path) > 1 and spot.path[-2] in _CODED):
        return
    without = drop(ask.resource, spot.path)
    right = None if spot.name in IN_WORDS else False
    yield Change(f"{spot.where} gone", without, right, f"nothing says what its {spot.name} is")


_CODED = ("medicationCodeableConcept",)


def _other_codes(ask: Ask, spot: Spot) -> Iterator[Change]:
    for code in sorted(spot.element.codes - {spot.value}):
        if spot.name == "periodUnit":
            why = "it is due at other intervals"
        else:
            why = f"{spot.value} was asked for, and {code} means something else"
        right = None if code in SUBTYPES else False
        yield Change(f"{spot.where} {code}", put(ask.resource, spot.path, code), right, why)


def _other_primitives(ask: Ask, spot: Spot) -> Iterator[Change]:
    if spot.name in ("display", "unit", "div") or (spot.name == "text" and spot.owner == "CodeableConcept"):
        return  # see the codings, the words and the amounts
    tried = _other_words(str(spot.value)) if spot.element.type in ("string", "markdown") else _others(spot.value)
    if spot.name == "reference":
        kind, _, known = str(spot.value).partition("/")
        tried = iter([("of nobody", f"{kind}/0000000", "it points at nothing"),
                      ("without its type", known, "it points at nothing")])  # fmt: skip
    for label, value, why in tried:
        yield Change(f"{spot.where} {label}", put(ask.resource, spot.path, value), False, why)


def _other_words(value: str) -> Iterator[tuple[str, str, str]]:
    """A text with other numbers, another side, an end that is missing, or a retraction."""
    for place, digit in enumerate(value):
        if digit.isdigit():
            other = value[:place] + str((int(digit) + 3) % 10) + value[place + 1 :]
            yield f"other digit at {place}", other, "it is another number"
    for one, another in (
        ("left", "right"),
        ("right", "left"),
        ("woman", "man"),
        ("mmHg", "kPa"),
        ("mmHg", "/min"),
        ("/", "-"),
    ):
        if one in value:
            yield f"{another} for {one}", value.replace(one, another), "it says something else"
    yield "without its end", value[: len(value) // 2], "a part is missing"
    yield "backwards", value[::-1], "it cannot be understood"
    measured = ("(not measured)", "or 200/120 mmHg") if "mmHg" in value else ()
    for more in ("Disregard this.", "Cancelled.", "For another patient.", *measured):
        yield f"and then {more}", f"{value} {more}", "it takes it back"
        yield f"after {more}", f"{more} {value}", "it takes it back"
    yield "of nothing", "N/A", "it says nothing"
    if "/" in value:
        high, _, rest = value.partition("/")
        low, _, unit = rest.partition(" ")
        yield "turned round", f"{low}/{high} {unit}", "it is another reading"
        yield "half of it", f"{high} {unit}", "a part is missing"


def _others(value: Any) -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, bool):
        yield "turned round", not value, "it says the opposite"
    elif isinstance(value, int | float):
        for label, other in (
            ("doubled", value * 2), ("halved", value / 2), ("and one", value + 1), ("tenfold", value * 10),
            ("a tenth", value / 10), ("a thousandfold", value * 1000), ("a thousandth", value / 1000),
            ("none", 0), ("negative", -value), ("and a bit", value + 0.5), ("without end", 999999),
        ):  # fmt: skip
            yield label, other, "it is another number"
    elif moment := moment_of(value):
        yield from _other_moments(moment)
    elif not value.startswith("http"):
        yield "longer", f"{value}0", "it is another code"
        yield "shorter", value[:-1], "it is another code"
        yield "of something", "other", "it cannot be understood"
        yield "nothing", " ", "it cannot be understood"
    else:
        yield "elsewhere", "http://a.example/unknown", "nobody knows that code system"
        yield "and more", f"{value}/other", "nobody knows that code system"


def _other_moments(moment: datetime) -> Iterator[tuple[str, str, str]]:
    for label, step in (
        ("a year on", timedelta(days=365)),
        ("a year ago", timedelta(days=-365)),
        ("a day on", timedelta(days=1)),
        ("a day ago", timedelta(days=-1)),
        ("twelve hours on", timedelta(hours=12)),
        ("twelve hours ago", timedelta(hours=-12)),
        ("a week on", timedelta(days=7)),
        ("a month ago", timedelta(days=-30)),
        ("an hour ago", timedelta(hours=-1)),
        ("three hours on", timedelta(hours=3)),
    ):
        yield label, (moment + step).isoformat(), "it is another time"
    yield "in another zone", moment.isoformat().replace("+00:00", "-08:00"), "it is eight hours later"
    yield "a century on", moment.replace(year=moment.year + 100).isoformat(), "it is another time"
    yield "a year alone", str(moment.year), "it does not say when"
