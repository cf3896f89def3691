"""Judges each job of the shift by its own family; see `mab_gym.casework.Shift`."""

from __future__ import annotations

from .cases import SHIFT

verify = SHIFT.verify
