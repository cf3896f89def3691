"""The handbook's page MED-110 as rules: Raschke RA et al., Ann Intern Med 1993;119:874-881."""

from __future__ import annotations

from mab_gym.dynamics.physiology._heparin import NomogramStep, raschke

BOLUS, MOST_BOLUS = 80.0, 10_000.0
"""First bolus, units/kg, and the most units."""
START, MOST_START = 18.0, 2_000.0
"""First rate, units/kg/h, and the most units/h."""
FALL, LOWEST = 0.5, 100.0
"""Platelets at which heparin ends: the share of those at the start, and 10^9/L (page MED-110)."""
LOW, HIGH = 46.0, 70.0
"""Therapeutic aPTT, s."""


def bolus(per_kg: float, weight_kg: float) -> float:
    """Returns a bolus in units."""
    return min(per_kg * weight_kg, MOST_BOLUS)


def start(weight_kg: float) -> float:
    """Returns the first rate in units/h."""
    return min(START * weight_kg, MOST_START)


def step(aptt: float) -> NomogramStep:
    """Returns the step of the table for an aPTT in seconds."""
    return raschke(aptt)


def must_end(platelets: float, before: float) -> bool:
    """Tells if heparin must end at a platelet count."""
    return platelets < LOWEST or platelets <= FALL * before
