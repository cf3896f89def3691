"""Works the jobs of the shift one after another; see `mab_gym.casework.Shift`."""

from __future__ import annotations

from .cases import SHIFT

solve = SHIFT.solve
