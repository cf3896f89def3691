"""The handbook's pages MED-130 and CLN-210 as rules.

Loading dose, area, levels: Rybak MJ et al., Am J Health Syst Pharm 2020;77:835. Clearance: Matzke GR et al., Antimicrob
Agents Chemother 1984;25:433. Ideal weight: Devine BJ, Drug Intell Clin Pharm 1974;8:650; adjusted weight, with 40 % of
what is above it: Bauer LA et al., Eur J Clin Pharmacol 1983;24:643.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mab_gym.dynamics.physiology._creatinine import injury_stage
from mab_gym.dynamics.physiology._vancomycin import (
    VOLUME_L_KG,
    VancomycinPatient,
    clearance_l_h,
    cockcroft_gault,
)

LOAD, LOAD_OBESE, MOST_LOAD = 25.0, 22.5, 3000.0
"""Loading dose in mg/kg, that from a BMI of 30 on (the middle of 20 to 25), and the most mg."""
OBESE = 30.0
AREA = 500.0
"""The middle of the target, mg·h/L."""
AREAS = 400.0, 600.0
RATE = 1000.0
"""The most mg an hour."""


def bmi(weight_kg: float, height_cm: float) -> float:
    """Returns the body mass index."""
    return weight_kg / (height_cm / 100) ** 2


def dosing_weights(weight_kg: float, height_cm: float, female: bool) -> tuple[float, float, float]:
    """Returns the weights that a creatinine clearance may be told by: actual, ideal, and the usual choice of these.

    The last is the adjusted weight where the actual one is above 120 % of the ideal one, else the actual one.
    """
    ideal = max((45.5 if female else 50.0) + 2.3 * (height_cm / 2.54 - 60), 35.0)
    usual = round(ideal + 0.4 * (weight_kg - ideal), 1) if weight_kg > 1.2 * ideal else weight_kg
    return weight_kg, min(ideal, weight_kg), usual


def clearance(age: int, weight_kg: float, creatinine: float, female: bool) -> float:
    """Returns the clearance of vancomycin that the page tells, L/h."""
    told = cockcroft_gault(max(age, 18), weight_kg, creatinine, "female" if female else "male")
    return clearance_l_h(VancomycinPatient(max(weight_kg, 30.0), min(told, 250.0)))


def stage(baseline: float, creatinine: float, results: Sequence[tuple[float, float]]) -> int:
    """Returns the stage of kidney injury by results of creatinine.

    Args:
        baseline: The lowest of three months, mg/dL.
        creatinine: The one before that a rise within 48 hours is held against, mg/dL.
        results: Hours since the beginning, and mg/dL.
    """
    return injury_stage(baseline, [(0.0, creatinine), *((max(hour, 0.01), value) for hour, value in results)])


def level_by(doses: Sequence[tuple[float, float, float]], hour: float, clearance_l_h: float, volume_l: float) -> float:
    """Returns the concentration that doses let expect, mg/L: one compartment, which is empty before the first.

    Args:
        doses: Hour of the beginning, hours that it runs in over, and mg, of each.
        hour: The time.
        clearance_l_h: Clearance.
        volume_l: Volume of distribution.
    """
    rate, total = clearance_l_h / volume_l, 0.0
    for begun, hours, amount in doses:
        if hour <= begun:
            continue
        lasted = max(hours, 0.1)
        ran = min(hour - begun, lasted)
        end = amount / lasted / clearance_l_h * -math.expm1(-rate * ran)
        total += end * math.exp(-rate * (hour - begun - ran))
    return total


def fitted_clearance(
    doses: Sequence[tuple[float, float, float]], levels: Sequence[tuple[float, float]], weight_kg: float
) -> float:
    """Returns the clearance in L/h that agrees best with levels, at the usual volume of 0.7 L/kg.

    Args:
        doses: As in `level_by`.
        levels: Hour and mg/L of each.
        weight_kg: Weight.
    """

    def miss(clearance_l_h: float) -> float:
        told = [(level_by(doses, hour, clearance_l_h, VOLUME_L_KG * weight_kg), level) for hour, level in levels]
        return sum(math.log(max(expected, 1e-3) / max(level, 1e-3)) ** 2 for expected, level in told)

    return min((0.3 * 1.02**step for step in range(200)), key=miss)


def clearances_of_pair(
    dose: tuple[float, float, float],
    following: float,
    daily: float,
    pair: Sequence[tuple[float, float]],
    weight_kg: float,
) -> tuple[float, float]:
    """Returns the clearances that two levels of an interval tell by hand, L/h.

    The first is the constant of elimination times the usual volume; the second the daily dose over the area of the
    interval, by trapezoids (Rybak MJ et al., Am J Health Syst Pharm 2020;77:835, first-order equations).

    Args:
        dose: Hour of the beginning, hours that it runs in over, and mg, of the dose before the levels.
        following: Hour of the next dose.
        daily: mg a day that are ordered then.
        pair: Hour and mg/L of both.
        weight_kg: Weight.
    """
    (first, high), (second, low) = pair
    rate = math.log(max(high / max(low, 0.1), 1.01)) / max(second - first, 0.1)
    begun, hours, _ = dose
    peak = high * math.exp(rate * (first - begun - hours))
    trough = high * math.exp(-rate * (following - first))
    area = (peak + trough) / 2 * hours + (peak - trough) / rate
    return rate * VOLUME_L_KG * weight_kg, daily / (area * 24 / max(following - begun, 1.0))
