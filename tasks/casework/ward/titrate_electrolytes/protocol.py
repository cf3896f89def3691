"""The handbook's page MED-101 as rules: doses by level, and kidneys for which they are halved."""

from __future__ import annotations

from collections.abc import Sequence

from mab_gym.dynamics.physiology._creatinine import estimated_gfr

LEAST_FILTRATION = 30.0
"""Filtration in mL/min/1.73 m² below which doses are halved (Kraft MD et al., Am J Health-Syst Pharm 2005;62:1663)."""
RISE, RISE_MINUTES = 0.295, 48 * 60
"""Rise of creatinine in mg/dL, with what rounding takes, and the time: KDIGO 2012 (0.3 mg/dL within 48 hours)."""


def weak_kidneys(creatinine: Sequence[tuple[float, float]], female: bool, age: int) -> bool:
    """Tells if doses are to be halved.

    Args:
        creatinine: Minute and value in mg/dL of the valid results that are known, in order of time.
        female: Sex.
        age: Completed years.
    """
    if not creatinine:
        return False
    minute, newest = creatinine[-1]
    lowest = min(value for at, value in creatinine if at >= minute - RISE_MINUTES)
    return newest >= lowest + RISE or estimated_gfr(newest, "female" if female else "male", age) < LEAST_FILTRATION


def doses_due(level: float, weak: bool) -> tuple[int, float]:
    """Returns the number of doses by mouth, and the hours until the next potassium."""
    if level >= 3.5:
        return 0, 9.0 if level >= 3.8 else 6.0
    if level < 3.0 and not weak:
        return 2, 8.5
    return 1, 4.5 if weak and level < 3.0 else 6.5
