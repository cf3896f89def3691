"""Amounts with units, by UCUM (Unified Code for Units of Measure, https://ucum.org/ucum).

ucumvert and pint read the codes. A table maps the other words that people write for units to UCUM codes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

__all__ = ["Amount", "Unit", "amount", "hours"]

_LONGEST_UNIT: Final = 40
_WORDS: Final = {
    **{code.lower(): code for code in ("g", "mg", "ug", "kg", "mmol", "mol", "h", "d", "min", "s", "wk", "mo")},
    "gram": "g", "grams": "g", "gm": "g", "gms": "g", "milligram": "mg", "milligrams": "mg", "mgs": "mg", "mgm": "mg",
    "microgram": "ug", "micrograms": "ug", "mcg": "ug", "mcgs": "ug", "µg": "ug", "μg": "ug", "kilogram": "kg",
    "kilograms": "kg", "kgs": "kg", "nanogram": "ng", "nanograms": "ng",
    "meq": "meq", "meqs": "meq", "milliequivalent": "meq", "milliequivalents": "meq", "equivalent": "eq",
    "equivalents": "eq", "millimole": "mmol", "millimoles": "mmol", "mmols": "mmol", "mole": "mol", "moles": "mol",
    "milliliter": "mL", "milliliters": "mL", "millilitre": "mL", "millilitres": "mL", "ml": "mL", "mls": "mL",
    "cc": "mL", "liter": "L", "liters": "L", "litre": "L", "litres": "L", "l": "L",
    "second": "s", "seconds": "s", "sec": "s", "secs": "s", "minute": "min", "minutes": "min", "mins": "min",
    "hour": "h", "hours": "h", "hr": "h", "hrs": "h", "day": "d", "days": "d", "week": "wk", "weeks": "wk", "wks": "wk",
    "month": "mo", "months": "mo", "year": "a", "years": "a", "yr": "a", "yrs": "a",
    "unit": "{unit}", "units": "{unit}", "iu": "[iU]", "tablet": "{tablet}", "tablets": "{tablet}",
    "tab": "{tablet}", "tabs": "{tablet}", "tbl": "{tablet}", "capsule": "{capsule}", "capsules": "{capsule}",
    "cap": "{capsule}", "caps": "{capsule}", "dose": "{dose}", "doses": "{dose}", "drop": "[drp]", "drops": "[drp]",
    "bag": "{bag}", "bags": "{bag}", "puff": "{puff}", "puffs": "{puff}", "percent": "%",
    "mmhg": "mm[Hg]", "pound": "[lb_av]", "pounds": "[lb_av]", "lb": "[lb_av]", "lbs": "[lb_av]",
}  # fmt: skip
"""UCUM codes by the words, in lower case, that people write for them."""
TIMES: Final = {word: code for word, code in _WORDS.items() if code in ("s", "min", "h", "d", "wk", "mo", "a")}
"""The words of `_WORDS` for units of time, and their codes: schedules read the same ones."""
_ANNOTATION: Final = re.compile(r"\{[^{}]*\}")
_COUNTED: Final = re.compile(r"\{[a-z]+\}")
UCUM: Final = "http://unitsofmeasure.org"


class Unit(NamedTuple):
    """A unit of measure.

    Attributes:
        factor: Its size in the base units of its dimension.
        dimension: As in ``[mass]`` or ``[mass] / [time]``; for things that are counted their name, as in ``{unit}``.
    """

    factor: float
    dimension: str


class Amount(NamedTuple):
    """An amount in base units.

    Attributes:
        size: In the base units of its dimension.
        dimension: The same as in `Unit`.
    """

    size: float
    dimension: str

    def same(self, other: Amount, tolerance: float = 0.0) -> bool:
        """Tells if two amounts are equal, up to rounding and ``tolerance`` base units."""
        off = abs(self.size - other.size)
        return self.dimension == other.dimension and off <= max(tolerance, 1e-6 * max(abs(self.size), abs(other.size)))


_USUAL: Final = {
    "g": Unit(1e-3, "[mass]"), "mg": Unit(1e-6, "[mass]"), "ug": Unit(1e-9, "[mass]"), "kg": Unit(1.0, "[mass]"),
    "mmol": Unit(1e-3, "[substance]"), "mol": Unit(1.0, "[substance]"), "meq": Unit(1e-3, "[substance]"),
    "eq": Unit(1.0, "[substance]"), "mL": Unit(1e-6, "[length] ** 3"), "L": Unit(1e-3, "[length] ** 3"),
    "s": Unit(1.0, "[time]"), "min": Unit(60.0, "[time]"), "h": Unit(3600.0, "[time]"), "d": Unit(86_400.0, "[time]"),
    "wk": Unit(604_800.0, "[time]"), "mo": Unit(2_629_800.0, "[time]"), "a": Unit(31_557_600.0, "[time]"),
    "[iU]": Unit(1.0, "dimensionless"), "%": Unit(0.01, "dimensionless"), "/h": Unit(1 / 3600, "1 / [time]"),
    "g/h": Unit(1e-3 / 3600, "[mass] / [time]"), "mg/h": Unit(1e-6 / 3600, "[mass] / [time]"),
    "mg/min": Unit(1e-6 / 60, "[mass] / [time]"), "ug/min": Unit(1e-9 / 60, "[mass] / [time]"),
    "ug/kg/min": Unit(1e-9 / 60, "1 / [time]"), "mg/kg": Unit(1e-6, "dimensionless"), "/kg": Unit(1.0, "1 / [mass]"),
    "/kg/h": Unit(1 / 3600, "1 / [mass] / [time]"), "mL/kg": Unit(1e-6, "[length] ** 3 / [mass]"),
    "mL/h": Unit(1e-6 / 3600, "[length] ** 3 / [time]"), "mL/min": Unit(1e-6 / 60, "[length] ** 3 / [time]"),
    "L/min": Unit(1e-3 / 60, "[length] ** 3 / [time]"), "meq/h": Unit(1e-3 / 3600, "[substance] / [time]"),
    "mmol/h": Unit(1e-3 / 3600, "[substance] / [time]"), "meq/L": Unit(1.0, "[substance] / [length] ** 3"),
    "mmol/L": Unit(1.0, "[substance] / [length] ** 3"), "mg/dL": Unit(1e-2, "[mass] / [length] ** 3"),
}  # fmt: skip
"""Units of most orders, as pint reads them: its registry takes two seconds to make, and most processes need none."""


@lru_cache(maxsize=4096)
def read_unit(text: str) -> Unit | None:
    """Reads a unit from its UCUM code or from the words that people write for it; None if it is neither.

    A mole and an equivalent have the same dimension in UCUM. That is right for ions with one charge, such as potassium.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST_UNIT:
        return None
    spoken = _spoken(text.removesuffix("(s)"))
    if spoken is not None and _COUNTED.fullmatch(spoken):
        return Unit(1.0, spoken)
    for code in (spoken, text):
        if code is not None and (unit := _by_ucum(_ANNOTATION.sub("", code))) is not None:
            return unit
    return Unit(1.0, text) if _COUNTED.fullmatch(text) else None


def _spoken(text: str) -> str | None:
    """Returns the UCUM code of a unit in words, as in ``mEq``, ``grams per hour`` and ``mg/hr``."""
    words = re.sub(r"\s+per\s+", "/", text.lower()).replace(" ", "").rstrip(".").split("/")
    codes = [_WORDS.get(word, word) for word in words]
    return "/".join(codes) if any(word in _WORDS for word in words) else None


def _by_ucum(code: str) -> Unit | None:
    if not code:
        return None
    return _USUAL.get(code) or _by_pint(code)


def _by_pint(code: str) -> Unit | None:
    with _one_at_a_time:
        registry = _registry()
        try:
            # UCUM reads from left to right; ucumvert takes "/kg/h" for one over "kg/h", but not with a 1 before it.
            quantity = registry.from_ucum(f"1{code}" if code.startswith("/") else code).to_base_units()
            return Unit(float(quantity.magnitude), _dimension(quantity.dimensionality))
        except Exception:  # the parser may raise anything for texts that are not UCUM
            return None


def _dimension(powers: Mapping[str, float]) -> str:
    """Returns a dimension in words, always in the same order: pint's own words have that of the code it read first."""
    if not powers:
        return "dimensionless"
    parts = {name: name if abs(power) == 1 else f"{name} ** {abs(power):g}" for name, power in sorted(powers.items())}
    over = " * ".join(part for name, part in parts.items() if powers[name] > 0) or "1"
    return " / ".join([over, *(part for name, part in parts.items() if powers[name] < 0)])


_one_at_a_time = threading.Lock()
"""Neither the making of the registry nor its use is made for threads: a verdict of the first could find half of it."""


@lru_cache(maxsize=1)
def _registry() -> Any:
    from ucumvert import PintUcumRegistry  # noqa: PLC0415 - takes two seconds, so only if a unit is an unusual one

    return PintUcumRegistry()


def amount(value: float, unit: str) -> Amount:
    """Returns an amount, as in ``amount(20, "meq")``.

    Raises:
        ValueError: There is no such unit.
    """
    found = read_unit(unit)
    if found is None:
        raise ValueError(f"there is no unit {unit!r}; write it as UCUM does")
    return Amount(value * found.factor, found.dimension)


def hours(value: float) -> Amount:
    """Returns a time, given in hours."""
    return amount(value, "h")


def number(value: object) -> float | None:
    """Returns a JSON number as a float; None for anything else, and for a number beyond a float's range."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
