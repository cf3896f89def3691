"""NEWS2 and the limits of page ADM-501 (Royal College of Physicians, National Early Warning Score (NEWS) 2, 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["SIGNS", "by_signs", "news2"]

SIGNS: Final[Mapping[str, str]] = {
    "breathing": "9279-1",
    "saturation": "59408-5",
    "systolic": "8480-6",
    "pulse": "8867-4",
    "temperature": "8310-5",
}
"""LOINC codes of the signs; the mind is clear, and oxygen is told."""
_BANDS: Final[Mapping[str, Sequence[tuple[float, int]]]] = {
    "breathing": ((8, 3), (11, 1), (20, 0), (24, 2), (1e9, 3)),
    "saturation": ((91, 3), (93, 2), (95, 1), (1e9, 0)),
    "systolic": ((90, 3), (100, 2), (110, 1), (219, 0), (1e9, 3)),
    "pulse": ((40, 3), (50, 1), (90, 0), (110, 1), (130, 2), (1e9, 3)),
    "temperature": ((35.0, 3), (36.0, 1), (38.0, 0), (39.0, 1), (1e9, 2)),
}
"""Points up to and with a value, scale 1 of the saturation."""
_RAPID: Final[Mapping[str, tuple[float, float]]] = {
    "systolic": (90, 1e9),
    "pulse": (40, 130),
    "breathing": (8, 30),
}
"""Limits below and above which the page calls the rapid response team whatever the score is."""


def news2(signs: Mapping[str, float], oxygen: bool) -> tuple[int, int]:
    """Returns the score, and the greatest points of a single sign."""
    points = [
        next(score for most, score in _BANDS[name] if value <= most) for name, value in signs.items() if name in _BANDS
    ]
    return sum(points) + 2 * oxygen, max(points, default=0)


def by_signs(signs: Mapping[str, float], oxygen: bool) -> str:
    """Returns whom the page calls for a set of signs: ``rapid``, ``resident`` or ``quiet``."""
    score, most = news2(signs, oxygen)
    limits = (low <= signs[name] <= high for name, (low, high) in _RAPID.items())
    if score >= 7 or not all(limits) or (oxygen and signs["saturation"] < 90):
        return "rapid"
    return "resident" if score >= 5 or most == 3 else "quiet"
