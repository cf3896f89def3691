"""Amounts as orders write them, in the units in which nurses give them.

`mab_gym.tasking.meaning.units` reads any unit of UCUM, slowly at first. Orders in a stay use few, and these are read
here by a table: masses, equivalents, volumes, units of insulin and heparin, by kilogram and by time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from mab_gym.tasking.meaning.units import number

_SIZES: Final = {
    **dict.fromkeys(("g", "gm", "gram", "grams"), ("mg", 1000.0)),
    **dict.fromkeys(("mg", "milligram", "milligrams"), ("mg", 1.0)),
    **dict.fromkeys(("ug", "mcg", "µg", "μg", "microgram", "micrograms"), ("mg", 0.001)),
    **dict.fromkeys(("meq", "milliequivalent", "milliequivalents"), ("meq", 1.0)),
    **dict.fromkeys(("mmol", "millimole", "millimoles"), ("mmol", 1.0)),
    **dict.fromkeys(("ml", "milliliter", "milliliters", "millilitre", "millilitres", "cc"), ("mL", 1.0)),
    **dict.fromkeys(("l", "liter", "litre", "liters", "litres"), ("mL", 1000.0)),
    **dict.fromkeys(("[iu]", "iu", "u", "[u]", "unit", "units", "{unit}", "{units}", "unt", "[usp'u]"), ("[iU]", 1.0)),
    **dict.fromkeys(("{puff}", "puff", "puffs"), ("{puff}", 1.0)),
    **dict.fromkeys(("{tbl}", "tablet", "tablets", "tab", "tabs"), ("{tbl}", 1.0)),
    **dict.fromkeys(("{spray}", "spray", "sprays"), ("{spray}", 1.0)),
    **dict.fromkeys(("{drop}", "drop", "drops", "[drp]"), ("{drop}", 1.0)),
    **dict.fromkeys(("{patch}", "patch", "patches"), ("{patch}", 1.0)),
    **dict.fromkeys(("{application}", "application"), ("{application}", 1.0)),
}  # fmt: skip
"""Kind and size of a unit, by its words in lower case."""
MINUTES: Final = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1 / 60),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 1.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 60.0),
    **dict.fromkeys(("d", "day", "days"), 1440.0),
    **dict.fromkeys(("wk", "week", "weeks"), 10080.0),
}  # fmt: skip
"""Minutes by the words for units of time, in lower case."""
_COUNTED: Final = re.compile(r"\{?(tablet|tab|capsule|cap|dose|bag|puff|drop)s?\}?")


class Sized(NamedTuple):
    """A unit that was read.

    Attributes:
        kind: ``mg``, ``meq``, ``mmol``, ``mL``, ``[iU]``; ``min`` for a time, in minutes.
        size: How many of these it has.
        per_kg: True if it is for each kilogram of body weight.
        per_minutes: The minutes that it is for; None if it is no rate.
    """

    kind: str
    size: float
    per_kg: bool = False
    per_minutes: float | None = None


@lru_cache(maxsize=2048)
def read_unit(text: str) -> Sized | None:
    """Reads a unit, as in ``meq``, ``[iU]/kg/h`` or ``mL per hour``; None if it is not known here."""
    if len(text) > 40:
        return None
    words = re.sub(r"\s+per\s+", "/", text.strip().lower()).replace(" ", "").rstrip(".").split("/")
    first = words[0]
    if first in MINUTES and len(words) == 1:
        return Sized("min", MINUTES[first])
    if first not in _SIZES:
        return None
    kind, size = _SIZES[first]
    per_kg, per_minutes = False, None
    for word in words[1:]:
        if word == "kg" and not per_kg:
            per_kg = True
        elif word in MINUTES and per_minutes is None:
            per_minutes = MINUTES[word]
        else:
            return None
    return Sized(kind, size, per_kg, per_minutes)


def is_counted(text: str) -> bool:
    """Tells if a unit counts tablets and the like, whose strength the order does not say."""
    return _COUNTED.fullmatch(text.strip().lower()) is not None


def quantity(value: Any) -> tuple[float, Sized] | str:
    """Reads a Quantity.

    Returns:
        Its number and its unit, or what is wrong with it.
    """
    if not isinstance(value, dict):
        return "an amount is an object with value and unit"
    size = number(value.get("value"))
    if size is None or not size < 1e9:
        return f"{value.get('value')!r} is no amount that can be given"
    if size <= 0:
        return f"an amount is above 0, not {size:g}"
    written = value.get("code") or value.get("unit")
    if not isinstance(written, str):
        return "the amount has no unit"
    unit = read_unit(written)
    if unit is None and isinstance(value.get("unit"), str):
        unit = read_unit(value["unit"])
    if unit is None:
        return (
            f"{written!r} does not say how much of the drug it is; write mg, g, mEq, units or mL"
            if is_counted(written)
            else f"{written[:40]!r} is no unit that is known here; write it as UCUM does"
        )
    return size, unit
