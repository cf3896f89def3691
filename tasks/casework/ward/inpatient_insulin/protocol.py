"""The handbook's page MED-120 as rules: Umpierrez GE et al., Diabetes Care 2007;30:2181-2186; ADA Standards of Care."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

STOPPED = (
    "metformin",
    "glipizide",
    "glimepiride",
    "glyburide",
    "gliflozin",
    "glutide",
    "liraglutide",
    "dulaglutide",
    "insulin",
)
"""Words in the names of drugs for diabetes that end when insulin is begun by the page."""
SCALE = {
    "sensitive": (2, 4, 6, 8, 10, 12, 14),
    "usual": (4, 6, 8, 10, 12, 14, 16),
}
"""Units of the correction by band of `BANDS`."""
BANDS = ("141-180", "181-220", "221-260", "261-300", "301-350", "351-400", "401-999")
MORNINGS = (1440, 2880)
"""Minutes at which the second and the third day begin: 08:00."""


def every_morning(values: Sequence[float], fasting: float) -> tuple[float, float]:
    """Returns the factors of basal insulin and of the insulin for meals.

    Args:
        values: Glucoses by meter of the last 24 hours, mg/dL.
        fasting: That of the morning.
    """
    if min(values) < 70:
        return 0.8, 0.8
    if min(values) < 100:
        return 0.9, 1.0
    if fmean(values) > 180 or fasting > 180:
        return 1.2, 1.2
    return 1.0, 1.0
