"""Arrivals: flags on the charts of the people."""

from __future__ import annotations

from mab_gym.casework import flags_alone, late_flags

arrive = flags_alone
later = late_flags
