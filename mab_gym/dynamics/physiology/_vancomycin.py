"""Vancomycin in the blood: one compartment, with a clearance that follows the kidneys.

Matzke 1984 measured 56 patients with kidneys from healthy to none: the concentration fell with one exponential, and
the clearance followed the creatinine clearance on a straight line. All is solved exactly, the area under the curve too.

Weaker than life: no distribution phase in the first hour after an infusion (Rodvold 1988 saw two exponentials), no
dialysis, and the same line for everybody with the same kidneys. The model is for learning, not for patients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mab_gym.dynamics.physiology._bounds import minutes_within, within

Sex = Literal["female", "male"]

CLEARANCE_SLOPE = 0.689
"""Matzke GR et al., Antimicrob Agents Chemother 1984;25:433, abstract: CL (mL/min) = 3.66 + 0.689 × CrCl (mL/min)."""
CLEARANCE_INTERCEPT_ML_MIN = 3.66
"""Matzke 1984, abstract: the clearance that is left without kidneys, mL/min."""
VOLUME_L_KG = 0.7
"""chosen: the figure with which the line is commonly used; Matzke 1984's abstract gives 0.72 to 0.90 L/kg."""
TARGET_AUC24 = (400.0, 600.0)
"""Rybak MJ et al., Am J Health Syst Pharm 2020;77:835, summary: AUC24/MIC from 400 to 600 mg·h/L at a MIC of 1 mg/L."""


@dataclass(frozen=True)
class VancomycinPatient:
    """Holds one person's body and kidneys.

    Attributes:
        weight_kg: Weight, from 30 to 300 kg.
        creatinine_clearance_ml_min: Creatinine clearance, from 0 to 250 mL/min.
    """

    weight_kg: float
    creatinine_clearance_ml_min: float

    def __post_init__(self) -> None:
        """Holds the figures to their bounds."""
        within("weight_kg", self.weight_kg, 30.0, 300.0, "kg")
        within("creatinine_clearance_ml_min", self.creatinine_clearance_ml_min, 0.0, 250.0, "mL/min")


@dataclass(frozen=True)
class VancomycinState:
    """Holds all that the future depends on.

    Attributes:
        amount_mg: Vancomycin in the body, mg.
        auc_mg_h_l: Area under the concentration since the first dose, mg·h/L; its difference over a day is the AUC24.
    """

    amount_mg: float = 0.0
    auc_mg_h_l: float = 0.0


@dataclass(frozen=True)
class VancomycinInputs:
    """Holds what runs in.

    Attributes:
        rate_mg_h: Infusion, from 0 to 6,000 mg/h, all through the step.
    """

    rate_mg_h: float = 0.0


def cockcroft_gault(age_years: float, weight_kg: float, creatinine_mg_dl: float, sex: Sex) -> float:
    """Returns the creatinine clearance in mL/min.

    Cockcroft DW, Gault MH, Nephron 1976;16:31: (140 − age) × weight / (72 × creatinine), 15 % less in women.

    Args:
        age_years: Age, from 18 to 120 years; from 140 years on there would be no clearance.
        weight_kg: Weight, from 30 to 300 kg.
        creatinine_mg_dl: Creatinine in the serum, from 0.1 to 30 mg/dL.
        sex: Sex.
    """
    within("age_years", age_years, 18.0, 120.0, "years")
    within("weight_kg", weight_kg, 30.0, 300.0, "kg")
    within("creatinine_mg_dl", creatinine_mg_dl, 0.1, 30.0, "mg/dL")
    clearance = (140.0 - age_years) * weight_kg / (72.0 * creatinine_mg_dl)
    return clearance * 0.85 if sex == "female" else clearance


def clearance_l_h(patient: VancomycinPatient) -> float:
    """Returns the clearance of vancomycin in L/h."""
    return (CLEARANCE_SLOPE * patient.creatinine_clearance_ml_min + CLEARANCE_INTERCEPT_ML_MIN) * 0.06


def volume_l(patient: VancomycinPatient) -> float:
    """Returns the volume of distribution in L."""
    return VOLUME_L_KG * patient.weight_kg


def half_life_h(patient: VancomycinPatient) -> float:
    """Returns the half-life in hours."""
    return math.log(2.0) * volume_l(patient) / clearance_l_h(patient)


def advance(
    patient: VancomycinPatient, state: VancomycinState, inputs: VancomycinInputs, minutes: float
) -> VancomycinState:
    """Returns the state after some minutes of one infusion rate; exact.

    Args:
        patient: The person.
        state: The state before: from 0 to 100,000 mg.
        inputs: The infusion.
        minutes: The time in minutes.
    """
    within("amount_mg", state.amount_mg, 0.0, 100_000.0, "mg")
    within("rate_mg_h", inputs.rate_mg_h, 0.0, 6_000.0, "mg/h")
    hours = minutes_within(minutes) / 60.0
    rate_constant = clearance_l_h(patient) / volume_l(patient)
    left = math.exp(-rate_constant * hours)
    amount = state.amount_mg * left + inputs.rate_mg_h / rate_constant * -math.expm1(-rate_constant * hours)
    # What went out is the clearance times the area: the area follows from the balance.
    eliminated = state.amount_mg + inputs.rate_mg_h * hours - amount
    return VancomycinState(amount, state.auc_mg_h_l + max(eliminated, 0.0) / clearance_l_h(patient))


def steady(patient: VancomycinPatient, dose_mg: float, infusion_h: float, interval_h: float) -> VancomycinState:
    """Returns the state at the trough, just before a dose, when the same dose was given for ever; its area is 0.

    Args:
        patient: The person.
        dose_mg: The dose, from 0 to 6,000 mg.
        infusion_h: The infusion's length in hours, from 0.1 to the interval.
        interval_h: The time from dose to dose, from 1 to 168 hours.
    """
    within("interval_h", interval_h, 1.0, 168.0, "h")
    within("infusion_h", infusion_h, 0.1, interval_h, "h")
    within("dose_mg", dose_mg, 0.0, 6_000.0, "mg")
    rate_constant = clearance_l_h(patient) / volume_l(patient)
    at_end = dose_mg / infusion_h / rate_constant * -math.expm1(-rate_constant * infusion_h)
    before_next = at_end * math.exp(-rate_constant * (interval_h - infusion_h))
    return VancomycinState(before_next / -math.expm1(-rate_constant * interval_h))


def concentration_mg_l(patient: VancomycinPatient, state: VancomycinState) -> float:
    """Returns the concentration in the serum, mg/L: a peak just after an infusion, a trough just before the next."""
    return state.amount_mg / volume_l(patient)


def steady_auc24(patient: VancomycinPatient, daily_dose_mg: float) -> float:
    """Returns the area under a day's concentration in the steady state, mg·h/L: the daily dose over the clearance."""
    return within("daily_dose_mg", daily_dose_mg, 0.0, 20_000.0, "mg") / clearance_l_h(patient)


def auc24_on_target(auc24_mg_h_l: float, mic_mg_l: float = 1.0) -> bool:
    """Returns True where AUC24/MIC is from 400 to 600 (Rybak 2020).

    Args:
        auc24_mg_h_l: The area over 24 hours, mg·h/L.
        mic_mg_l: The minimum inhibitory concentration, from 0.01 to 64 mg/L.
    """
    low, high = TARGET_AUC24
    return low <= auc24_mg_h_l / within("mic_mg_l", mic_mg_l, 0.01, 64.0, "mg/L") <= high
