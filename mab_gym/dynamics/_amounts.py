"""Doses and rates of an order, in the unit of its drug."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mab_gym.dynamics._catalogues import Drug
from mab_gym.dynamics._units import Sized, quantity, read_unit
from mab_gym.tasking.meaning._said import member

_AMOUNT: Final = re.compile(r"(?<![\w.])(\d{1,6}(?:\.\d{1,4})?)\s*([a-zA-Zµμ\[\]{}]+(?:\s*/\s*[a-zA-Z]+){0,2})")
Amounts = tuple[float | None, float | None, float | None]
"""Dose, rate an hour, and minutes that a dose takes."""


def amounts(rated: Mapping[str, Any], drug: Drug, weight_kg: float | None) -> Amounts | str:
    """Reads a ``doseAndRate``.

    Args:
        rated: The element.
        drug: The drug, in whose unit the amounts are returned.
        weight_kg: Body weight, for doses by weight; None if it is not known.

    Returns:
        The amounts, or what is wrong with them.
    """
    dose: float | None = None
    rate: float | None = None
    over: float | None = None
    written = rated.get("doseQuantity") or member(rated.get("doseRange"), "high")
    if written is not None:
        read = quantity(written)
        if isinstance(read, str):
            return read
        found = _in_unit(read[0], read[1], drug, weight_kg)
        if isinstance(found, str):
            return found
        dose, rate = (found, None) if read[1].per_minutes is None else (None, found)
    written = rated.get("rateQuantity") or member(rated.get("rateRange"), "high")
    ratio = rated.get("rateRatio")
    if ratio is not None:
        above, below = quantity(member(ratio, "numerator")), quantity(member(ratio, "denominator"))
        if isinstance(above, str) or isinstance(below, str):
            return above if isinstance(above, str) else str(below)
        if below[1].kind != "min" or above[1].kind == "min":
            return "rateRatio is an amount for a time, as in 10 mEq for 1 h"
        sized = above[1]._replace(per_minutes=below[0] * below[1].size)
        found = _in_unit(above[0], sized, drug, weight_kg)
        if isinstance(found, str):
            return found
        rate = found
    elif written is not None:
        read = quantity(written)
        if isinstance(read, str):
            return read
        if read[1].kind == "min":
            over = read[0] * read[1].size
        else:
            if read[1].per_minutes is None:
                return "rateQuantity is an amount for a time, with a unit such as meq/h"
            found = _in_unit(read[0], read[1], drug, weight_kg)
            if isinstance(found, str):
                return found
            rate = found
    return dose, rate, over


def amounts_in(text: str, drug: Drug, weight_kg: float | None) -> Amounts | str:
    """Reads the amounts that a text names; see `amounts`."""
    dose = rate = over = None
    for found in _AMOUNT.finditer(text):
        unit = read_unit(found[2])
        if unit is None:
            continue
        if unit.kind == "min":
            if over is None and re.search(r"over\s*$", text[: found.start()], re.IGNORECASE):
                over = float(found[1]) * unit.size
            continue
        amount = _in_unit(float(found[1]), unit, drug, weight_kg)
        if isinstance(amount, str):
            return amount
        if unit.per_minutes is None:
            dose = amount if dose is None else dose
        else:
            rate = amount if rate is None else rate
    return dose, rate, over


def _in_unit(value: float, unit: Sized, drug: Drug, weight_kg: float | None) -> float | str:
    """Returns an amount in the drug's unit, an hour where it is a rate; or why it cannot be."""
    amount = value * unit.size
    if unit.per_kg:
        if weight_kg is None:
            return "it is ordered by weight, and the chart has none"
        amount *= weight_kg
    if unit.per_minutes is not None:
        amount *= 60 / unit.per_minutes
    kind, wanted = unit.kind, drug.unit
    if wanted in ("g", "ug"):
        size = 1000.0 if wanted == "g" else 0.001
        if kind == "mg":
            return amount / size
    if kind == wanted:
        return amount
    if wanted == "meq" and kind == "mmol":
        return amount
    if wanted == "mmol" and kind == "meq":
        return amount
    if drug.meq_per_g is not None:
        if wanted == "meq" and kind == "mg":
            return amount / 1000 * drug.meq_per_g
        if wanted == "g" and kind in ("meq", "mmol"):
            return amount * (2 if kind == "mmol" else 1) / drug.meq_per_g
    if kind == "mL" and drug.per_ml is not None:
        return amount * drug.per_ml
    if kind == "{puff}" and drug.per_puff is not None:
        return amount * drug.per_puff
    if wanted == "{unit}" and kind == "[iU]":
        return amount
    return f"{drug.drug} is given in {spoken(wanted)}, and this order says {spoken(kind)}"


def spoken(unit: str) -> str:
    """Returns a unit as people write it."""
    spoken = {"[iU]": "units", "{unit}": "units", "meq": "mEq", "ug": "mcg", "{tbl}": "tablets"}
    return spoken.get(unit, unit.strip("{}"))
