"""Arrivals: all that came in with the jobs of the shift, and all that comes in while it is worked."""

from __future__ import annotations

from .cases import SHIFT

arrive, later = SHIFT.arrive, SHIFT.later
