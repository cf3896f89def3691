"""Wrong: other amounts, units, rates and limits than those that are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.contract.rewritings.grammar import Change, Spot, add, filled, put
from tests.contract.rewritings.meaning import DOSAGE, DOSE, Ask
from tests.contract.rewritings.words import UCUM, UNITS


def changes(ask: Ask) -> Iterator[Change]:
    """Every Quantity of the write in another amount, and limits below the dose."""
    for spot in filled(ask.resource):
        if spot.element.type == "Quantity" and {"value", "unit"} <= set(spot.value):
            yield from _quantities(ask, spot)
    if ask.dose:
        yield from _doses(ask, *ask.dose)
        yield from _limits(ask, *ask.dose)
    if ask.over and ask.dose:
        yield from _rates(ask, ask.dose, ask.over)


def _quantities(ask: Ask, spot: Spot) -> Iterator[Change]:
    value, unit = spot.value["value"], spot.value["unit"]
    name = spot.name
    for comparator in ("<", "<=", ">=", ">"):
        compared = put(ask.resource, spot.path, spot.value | {"comparator": comparator})
        yield Change(f"{name} {comparator}", compared, False, "it is a limit and not an amount")
    known = UNITS.get(unit)
    for other in known.wrong if known else ("g", "mL", "h"):
        yield Change(f"{name} in {other}", put(ask.resource, (*spot.path, "unit"), other), False, f"it is in {other}")
        coded = spot.value | {"system": UCUM, "code": other}
        yield Change(f"{name} coded in {other}", put(ask.resource, spot.path, coded), False, "unit and code differ")
        told = {"value": value, "unit": other, "system": UCUM, "code": known.ucum if known else unit}
        yield Change(f"{name} called {other}", put(ask.resource, spot.path, told), False, "unit and code differ")
        alone = {"value": value, "system": UCUM, "code": other}
        yield Change(f"{name} by code in {other}", put(ask.resource, spot.path, alone), False, f"it is in {other}")
    yield Change(f"{name} bare", put(ask.resource, spot.path, {"value": value}), False, "it has no unit")
    for more in ("as needed", "twice daily", "per kg", "(not to be given)"):
        new = put(ask.resource, (*spot.path, "unit"), f"{unit} {more}")
        yield Change(f"{name} in {unit} {more}", new, False, "its unit says more")
    unnumbered = put(ask.resource, spot.path, {"unit": f"{value} {unit}"})
    yield Change(f"{name} as unit", unnumbered, False, "it has no value")
    system = put(ask.resource, spot.path, spot.value | {"system": "http://a.example/units", "code": "U7"})
    yield Change(f"{name} in unknown units", system, False, "the code of its unit cannot be understood")
    for equal, code, factor in known.equal if known else ():
        if factor == 1:  # two words for one unit
            continue
        torn = {"value": value * factor, "unit": unit, "system": UCUM, "code": code}
        yield Change(f"{name} torn to {equal}", put(ask.resource, spot.path, torn), False, "unit and code differ")
    if spot.element.choice:
        yield from _other_choices(ask, spot, value, unit)


def _other_choices(ask: Ask, spot: Spot, value: float, unit: str) -> Iterator[Change]:
    """The amount as a range, or as a ratio of another amount."""
    base, path = spot.element.choice, spot.path[:-1]
    low, high = {"value": value, "unit": unit}, {"value": value * 4, "unit": unit}
    for label, bounds in (("up", {"low": low, "high": high}), ("no less", {"low": low}), ("no more", {"high": low})):
        ranged = put(ask.resource, (*path, f"{base}Range"), bounds)
        yield Change(f"{base}Range {label}", ranged, False, "it leaves the amount open")
    if base == "quantity":
        ratio = {"numerator": high, "denominator": {"value": 1, "unit": unit}}
        yield Change(f"{base}Ratio", put(ask.resource, (*path, f"{base}Ratio"), ratio), False, "it is another amount")


def _doses(ask: Ask, value: float, unit: str) -> Iterator[Change]:
    path = DOSE[:-1]
    second = {"doseQuantity": {"value": value * 2, "unit": unit}}
    yield Change("two doses", add(ask.resource, path[:-1], second), False, "there are two doses")
    same = at_dose(ask)
    torn = {**same, "doseRange": {"low": {"value": value, "unit": unit}, "high": {"value": value * 5, "unit": unit}}}
    yield Change("dose and doseRange", put(ask.resource, path, torn), False, "there are two doses", unserved=True)
    another = {**ask.resource["dosageInstruction"][0], "doseAndRate": [second]}
    yield Change("two dosages", add(ask.resource, ("dosageInstruction",), another), False, "there are two dosages")
    numbered = [
        {**each, "sequence": place + 1} for place, each in enumerate([ask.resource["dosageInstruction"][0], another])
    ]
    yield Change(
        "two dosages in a row", put(ask.resource, ("dosageInstruction",), numbered), False, "there are two dosages"
    )
    rule = {"text": "calculated per kg, adjust to weight"}
    yield Change("dose type per kg", put(ask.resource, (*path, "type"), rule), False, "the dose is left open")
    if unit == "g":
        for other in ("mmol", "mEq"):
            moles = {"value": round(value * 4.06, 2), "unit": other}
            yield Change(
                f"dose by one valence in {other}",
                put(ask.resource, DOSE, moles),
                False if other == "mEq" else None,
                "magnesium has two charges: 1 g of the sulfate is 4.06 mmol and 8.12 mEq",
            )
    if ask.over is None:
        for rate in ({"value": value * 10, "unit": f"{unit}/min"}, {"value": value / 100, "unit": f"{unit}/h"}):
            if ask.route == "oral":
                yield Change(f"rate in {rate['unit']}", put(ask.resource, (*path, "rateQuantity"), rate), False,
                             "what is swallowed does not run at a rate")  # fmt: skip


def at_dose(ask: Ask) -> dict[str, Any]:
    """The write's doseAndRate."""
    found: dict[str, Any] = ask.resource["dosageInstruction"][0]["doseAndRate"][0]
    return found


def _limits(ask: Ask, value: float, unit: str) -> Iterator[Change]:
    for part in (0.5, 0.1, 0.001):
        little = {"value": value * part, "unit": unit}
        why = "the dose is above the limit"
        for name in ("maxDosePerAdministration", "maxDosePerLifetime"):
            yield Change(f"{name} {part} of the dose", put(ask.resource, (*DOSAGE, name), little), False, why)
        for hours in (24, 1):
            ratio = {"numerator": little, "denominator": {"value": hours, "unit": "h"}}
            yield Change(f"maxDosePerPeriod {part} in {hours} h",
                         put(ask.resource, (*DOSAGE, "maxDosePerPeriod"), ratio), False, why)  # fmt: skip
    for name, amount in (("quantity", {"value": value * 0.1, "unit": unit}),):
        path = ("dispenseRequest", name)
        yield Change(
            f"dispense a tenth ({name})", put(ask.resource, path, amount), False, "less is handed out than is due"
        )


def _rates(ask: Ask, dose: tuple[float, str], hours: float) -> Iterator[Change]:
    path = DOSE[:-1]
    value, unit = dose
    rates: list[tuple[str, float, str]] = [
        ("twice as fast", 2 * value / hours, f"{unit}/h"), ("half as fast", value / hours / 2, f"{unit}/h"),
        ("by the minute", value / hours, f"{unit}/min"), ("of milligrams", value / hours, "mg/h"),
        ("of millilitres", 100, "mL/h"), ("by weight", value / hours, f"{unit}/kg/h"),
        ("a hundredfold", 100 * value / hours, f"{unit}/h"), ("of the dose", value * 3, f"{unit}/h"),
    ]  # fmt: skip
    for label, number, per in rates:
        told = put(ask.resource, (*path, "rateQuantity"), {"value": number, "unit": per})
        yield Change(f"rate {label}", told, False, f"it does not run over {hours:g} hours")
    for label, over in (("in a minute", 1 / 60), ("twice as long", hours * 2), ("in a day", 24.0 + hours)):
        ratio = {"numerator": {"value": value, "unit": unit}, "denominator": {"value": over, "unit": "h"}}
        instead = put(ask.resource, (*path, "rateRatio"), ratio)
        yield Change(f"rateRatio {label}", instead, False, f"it does not run over {hours:g} hours")
        both = put(ask.resource, path, {**at_dose(ask), "rateRatio": ratio})
        yield Change(f"rate and rateRatio {label}", both, False, "there are two rates", unserved=True)
        for spoken, factor in (("h", 1.0), ("min", 60.0)):
            repeat = {"duration": over * factor, "durationUnit": spoken}
            lasting = put(ask.resource, (*DOSAGE, "timing", "repeat"), repeat)
            yield Change(f"lasting {label} in {spoken}", lasting, False, f"it does not run over {hours:g} hours")
    long = put(ask.resource, (*DOSAGE, "timing", "repeat"), {"duration": hours, "durationUnit": "min"})
    yield Change("lasting minutes", long, False, f"it does not run over {hours:g} hours")
    most = {"duration": hours, "durationMax": hours * 6, "durationUnit": "h"}
    yield Change(
        "lasting longer", put(ask.resource, (*DOSAGE, "timing", "repeat"), most), False, "it may run for longer"
    )
    pushed = put(ask.resource, (*DOSAGE, "method"), {"text": "IV push"})
    yield Change("method push", pushed, False, "a push takes minutes")
