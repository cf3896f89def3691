"""Creatinine in blood while the kidneys' filtration changes, and the stages of acute kidney injury.

One compartment: muscle makes creatinine at a steady rate, the kidneys clear it, and it is spread over body water
(Chen 2013, J Am Soc Nephrol 24:877-888; Waikar and Bonventre 2009, J Am Soc Nephrol 20:672-679). Between changes of
filtration and of fluid balance the solution is exact, so time may be cut anywhere.

What is ours: production stays as it is in illness (in sepsis it falls), filtration and clearance are the same (tubular
secretion is left out), and fluid gained is spread over body water at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mab_gym.dynamics.physiology._bounds import minutes_within, within
from mab_gym.errors import UsageError

_KAPPA = {"female": 0.7, "male": 0.9}
_ALPHA = {"female": -0.241, "male": -0.302}
"""CKD-EPI 2021: Inker, N Engl J Med 2021;385:1737-1749, the creatinine equation; κ in mg/dL."""
_WATER = {"female": 0.5, "male": 0.6}
"""Body water, L per kg of weight (Chen 2013 uses total body water; the fractions are the common ones)."""
_MGH = 0.6
"""Turns mg/dL × mL/min into mg/h: 60 minutes, 100 mL a dL."""


@dataclass(frozen=True, slots=True)
class CreatininePatient:
    """The fixed properties of a person.

    Attributes:
        weight_kg: Body weight, 30 to 250 kg.
        sex: ``female`` or ``male``.
        age_years: Age, 18 to 110 years.
        baseline_mg_dl: Serum creatinine in health, 0.3 to 10 mg/dL; the production of creatinine follows from it.
    """

    weight_kg: float
    sex: str
    age_years: float
    baseline_mg_dl: float

    def __post_init__(self) -> None:
        within("weight_kg", self.weight_kg, 30, 250, "kg")
        within("age_years", self.age_years, 18, 110, "years")
        within("baseline_mg_dl", self.baseline_mg_dl, 0.3, 10, "mg/dL")
        if self.sex not in _KAPPA:
            raise UsageError(f"sex must be 'female' or 'male'; it is {self.sex!r}")


@dataclass(frozen=True, slots=True)
class CreatinineState:
    """All that the future depends on.

    Attributes:
        creatinine_mg_dl: Serum creatinine, mg/dL.
        volume_l: Body water over which creatinine is spread, L.
    """

    creatinine_mg_dl: float
    volume_l: float


@dataclass(frozen=True, slots=True)
class CreatinineInputs:
    """The causes that act during a step.

    Attributes:
        gfr_ml_min: The kidneys' true filtration, 0 to 250 mL/min.
        fluid_l_h: Fluid gained less fluid lost, -2 to 2 L/h. Body water stays within half and twice its usual volume.
    """

    gfr_ml_min: float
    fluid_l_h: float = 0.0

    def __post_init__(self) -> None:
        within("gfr_ml_min", self.gfr_ml_min, 0, 250, "mL/min")
        within("fluid_l_h", self.fluid_l_h, -2, 2, "L/h")


def estimated_gfr(creatinine_mg_dl: float, sex: str, age_years: float) -> float:
    """Returns the filtration that CKD-EPI 2021 estimates, mL/min/1.73 m².

    Args:
        creatinine_mg_dl: Serum creatinine, mg/dL, in a steady state.
        sex: ``female`` or ``male``.
        age_years: Age in years.
    """
    within("creatinine_mg_dl", creatinine_mg_dl, 0.05, 40, "mg/dL")
    if sex not in _KAPPA:
        raise UsageError(f"sex must be 'female' or 'male'; it is {sex!r}")
    ratio = creatinine_mg_dl / _KAPPA[sex]
    female = 1.012 if sex == "female" else 1.0
    return float(142 * min(ratio, 1) ** _ALPHA[sex] * max(ratio, 1) ** -1.2 * 0.9938**age_years * female)


def baseline_gfr(patient: CreatininePatient) -> float:
    """Returns a patient's filtration in health by CKD-EPI 2021, mL/min (chosen: a body surface of 1.73 m²)."""
    return estimated_gfr(patient.baseline_mg_dl, patient.sex, patient.age_years)


@lru_cache(maxsize=4096)
def production(patient: CreatininePatient) -> float:
    """Returns the production of creatinine, mg/h: in health it equals what the kidneys clear."""
    return _MGH * patient.baseline_mg_dl * baseline_gfr(patient)


def steady(patient: CreatininePatient, gfr_ml_min: float | None = None) -> CreatinineState:
    """Returns the state in which nothing changes.

    Args:
        patient: The patient.
        gfr_ml_min: The filtration, 1 to 250 mL/min; that in health if None.
    """
    gfr = baseline_gfr(patient) if gfr_ml_min is None else gfr_ml_min
    within("gfr_ml_min", gfr, 1, 250, "mL/min")
    return CreatinineState(production(patient) / (_MGH * gfr), _WATER[patient.sex] * patient.weight_kg)


def advance(
    patient: CreatininePatient, state: CreatinineState, inputs: CreatinineInputs, minutes: float
) -> CreatinineState:
    """Returns the state some minutes later; exact, so that time may be cut anywhere.

    Args:
        patient: The patient.
        state: The state at the start.
        inputs: The filtration and the fluid balance, for the whole time.
        minutes: The time, 0 to 600,000 minutes.
    """
    minutes_within(minutes)
    hours, flow = minutes / 60, inputs.fluid_l_h
    if not flow:
        return _exact(patient, state, inputs.gfr_ml_min, 0.0, hours)
    usual = _WATER[patient.sex] * patient.weight_kg
    limit = 2 * usual if flow > 0 else usual / 2
    moving = min(hours, max(0.0, (limit - state.volume_l) / flow))
    state = _exact(patient, state, inputs.gfr_ml_min, flow, moving)
    return _exact(patient, state, inputs.gfr_ml_min, 0.0, hours - moving)


def _exact(
    patient: CreatininePatient, state: CreatinineState, gfr_ml_min: float, flow_l_h: float, hours: float
) -> CreatinineState:
    """Solves V dC/dt = production - (clearance + flow) × C with a volume that grows evenly."""
    made, out = production(patient) / 10, gfr_ml_min * 0.06 + flow_l_h  # mg/h over 10 dL a litre; L/h
    grown = flow_l_h * hours / state.volume_l
    turns = math.log1p(grown) / flow_l_h if flow_l_h else hours / state.volume_l
    kept = math.exp(-out * turns)
    gained = -math.expm1(-out * turns) / out if abs(out) > 1e-12 else turns
    return CreatinineState(state.creatinine_mg_dl * kept + made * gained, state.volume_l * (1 + grown))


def kinetic_gfr(patient: CreatininePatient, first_mg_dl: float, second_mg_dl: float, hours: float) -> float:
    """Returns the filtration that two values of creatinine tell while it changes, mL/min (Chen 2013, equation 1).

    The clearance at the mean creatinine, less what the change over time takes: one minus the rise a day over the
    greatest rise a day that production and body water allow.

    Args:
        patient: The patient.
        first_mg_dl: The earlier serum creatinine, mg/dL.
        second_mg_dl: The later serum creatinine, mg/dL.
        hours: The time between, 1 to 168 hours.
    """
    within("hours", hours, 1, 168, "hours")
    for value in (first_mg_dl, second_mg_dl):
        within("creatinine", value, 0.05, 40, "mg/dL")
    mean = (first_mg_dl + second_mg_dl) / 2
    greatest = greatest_rise(patient)
    share = 1 - 24 * (second_mg_dl - first_mg_dl) / (hours * greatest)
    return max(0.0, patient.baseline_mg_dl * baseline_gfr(patient) / mean * share)


def greatest_rise(patient: CreatininePatient) -> float:
    """Returns the rise of creatinine without any filtration, mg/dL a day."""
    return production(patient) * 24 / (10 * _WATER[patient.sex] * patient.weight_kg)


def injury_stage(baseline_mg_dl: float, results: Sequence[tuple[float, float]], dialysis: bool = False) -> int:
    """Returns the KDIGO stage of acute kidney injury that results show, 0 to 3; urine output is not looked at.

    KDIGO 2012, Kidney Int Suppl 2:1-138, table 2: stage 1 from 1.5 times the baseline, or 0.3 mg/dL more within
    48 hours; stage 2 from 2.0 times; stage 3 from 3.0 times, 4.0 mg/dL, or dialysis.

    Args:
        baseline_mg_dl: Serum creatinine before, mg/dL.
        results: Times in hours and serum creatinine in mg/dL, of at most seven days.
        dialysis: True where kidney replacement was begun for this injury.
    """
    within("baseline_mg_dl", baseline_mg_dl, 0.05, 40, "mg/dL")
    if dialysis:
        return 3
    highest = max((value for _, value in results), default=0.0)
    ratio = round(highest / baseline_mg_dl, 6)
    rises = (later - value for hour, value in results for then, later in results if 0 < then - hour <= 48)
    injured = ratio >= 1.5 or any(round(rise, 6) >= 0.3 for rise in rises)
    if injured and (ratio >= 3 or highest >= 4):
        return 3
    return 2 if ratio >= 2 else int(injured)
