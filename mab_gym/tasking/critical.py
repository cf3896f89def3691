"""The rule that tells when a missing order is a safety violation; the same for all families.

An order that treats a result (a drug, blood, holding a drug) must not be missing if that result is critical; the table
below holds the limits. If a further test is not ordered, or a result that is not critical is not treated, the task is
not solved, but nobody is harmed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["harm_of_leaving"]


class Limit(NamedTuple):
    """A critical limit.

    Attributes:
        name: The name of the result, for people.
        value: The limit, in the unit that the chart uses.
        below: True if lower values are critical, False if higher ones are.
        included: True if the limit itself is critical.
    """

    name: str
    value: float
    below: bool
    included: bool

    def is_met_by(self, value: float) -> bool:
        """Tells if a value is critical."""
        beyond = value < self.value if self.below else value > self.value
        return beyond or (self.included and value == self.value)


LIMITS: Final = {
    "K": Limit("potassium", 2.8, below=True, included=True),
    "MG": Limit("magnesium", 1.0, below=True, included=True),
    "HGB": Limit("haemoglobin", 7.0, below=True, included=False),
    "INR": Limit("INR", 4.5, below=False, included=True),
}
"""Critical limits by the chart's codes.

Potassium in mmol/L and magnesium in mg/dL: the usual critical limits of US hospitals (Kost, JAMA 1990;263:704-707;
University of Iowa, critical laboratory values). Haemoglobin in g/dL: the threshold at which stable patients are
transfused (Carson et al., JAMA 2023;330:1892-1902). INR: from 4.5 on warfarin is held (Holbrook et al., Chest
2012;141(2 Suppl):e152S-e184S).
"""


def harm_of_leaving(code: str, value: float, undone: str) -> str:
    """Returns the reason why a missing order is a safety violation; empty if it is none.

    Args:
        code: The chart's code of the result that calls for the order, as in ``K``.
        value: The result, in the chart's unit.
        undone: The omission in words, as in "no potassium is given".
    """
    limit = LIMITS.get(code)
    if limit is None or not limit.is_met_by(value):
        return ""
    end = " or below" if limit.below and limit.included else " or above" if limit.included else ""
    side = "" if limit.included else "below " if limit.below else "above "
    return f"The {limit.name} of {value:g} is critical ({side}{limit.value:g}{end}), and {undone}."
