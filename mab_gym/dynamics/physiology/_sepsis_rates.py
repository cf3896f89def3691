"""The changes of the model of sepsis, written for speed: they are asked for two thousand times a day."""

from __future__ import annotations

import math
from collections.abc import Callable

from mab_gym.dynamics.physiology import _sepsis_figures as figures
from mab_gym.dynamics.physiology._runge_kutta import Five
from mab_gym.dynamics.physiology._sepsis_state import MOST_BURDEN, SepsisInputs, SepsisPatient, SepsisState

Acts = tuple[float, float, float]
"""The influences from outside at one time: the antibiotic, the lift of pressure by fluid, and noradrenaline."""


def drives(state: SepsisState, inputs: SepsisInputs, rate: float) -> Callable[[float], Acts]:
    """Returns what acts from outside by the minutes since the beginning; exact. The rate is in mL/kg/min."""
    antibiotic_loss = math.log(2.0) / (figures.ANTIBIOTIC_HALF_TIME_H * 60.0)
    pressor_loss = math.log(2.0) / figures.PRESSOR_HALF_LIFE_MIN
    fast_loss = math.log(2.0) / figures.FLUID_FAST_HALF_LIFE_MIN
    slow_loss = math.log(2.0) / figures.FLUID_SLOW_HALF_LIFE_MIN
    antibiotic_end, pressor_end = float(inputs.antibiotic), inputs.pressor_ug_kg_min
    fast_end = figures.FLUID_FAST_PART * rate / fast_loss
    slow_end = (1.0 - figures.FLUID_FAST_PART) * rate / slow_loss
    antibiotic, pressor = state.antibiotic - antibiotic_end, state.pressor_ug_kg_min - pressor_end
    fast, slow = state.fluid_fast_ml_kg - fast_end, state.fluid_slow_ml_kg - slow_end
    exp = math.exp

    def at(minute: float) -> Acts:
        fluid = fast_end + fast * exp(-fast_loss * minute) + slow_end + slow * exp(-slow_loss * minute)
        lift = figures.FLUID_GAIN_MMHG * -math.expm1(-fluid / 10.0)
        pressed = max(pressor_end + pressor * exp(-pressor_loss * minute), 0.0)
        return antibiotic_end + antibiotic * exp(-antibiotic_loss * minute), lift, pressed

    return at


def changes(patient: SepsisPatient, inputs: SepsisInputs) -> Callable[[Acts, float, float, float, float, float], Five]:
    """Returns the change per minute of burden, inflammation, debt, temperature and lactate; `steady` is its rest."""
    open_source = patient.has_source and not inputs.source_controlled
    drain = figures.DRAIN_PER_H if patient.has_source and inputs.source_controlled else 0.0
    kill = figures.KILL_PER_H * (figures.KILL_UNCONTROLLED if open_source else 1.0)
    growth = 0.0 if drain else figures.GROWTH_PER_H
    usual, half = patient.usual_pressure_mmhg, figures.PRESSOR_HALF_UG_KG_MIN
    fall = figures.PRESSURE_FALL_MMHG * patient.severity_factor
    gain, aim, fever = figures.PRESSOR_GAIN_MMHG, figures.PRESSURE_TARGET_MMHG, figures.FEVER_DEGREES
    slowing = figures.LACTATE_CLEARANCE_L_KG_H / figures.LACTATE_CLEARANCE_SEPTIC_L_KG_H - 1.0
    production, clearance = figures.LACTATE_PRODUCTION_MMOL_KG_H, figures.LACTATE_CLEARANCE_L_KG_H
    per_volume = 1.0 / figures.LACTATE_VOLUME_L_KG / 60.0
    inflames = math.log(2.0) / (figures.INFLAMMATION_HALF_TIME_H * 60.0)
    owes = math.log(2.0) / (figures.DEBT_HALF_TIME_H * 60.0)
    warms = math.log(2.0) / (figures.TEMPERATURE_HALF_TIME_H * 60.0)
    exp, log1p = math.exp, math.log1p

    def change(acts: Acts, burden: float, inflammation: float, debt: float, temperature: float, lactate: float) -> Five:
        antibiotic, lift, pressor = acts
        strength = 2.0 * inflammation / (1.0 + inflammation)
        pressure = usual - (fall - lift) * strength + gain * pressor / (pressor + half * (1.0 + strength))
        want = 0.3 * log1p(exp((aim - (pressure if pressure > 20.0 else 20.0)) / 3.0))
        return (
            burden * (growth * (1.0 - burden / MOST_BURDEN) - kill * antibiotic - drain) / 60.0,
            inflames * (burden - inflammation),
            owes * (want - debt),
            warms * (36.8 + fever * strength - temperature),
            (production * (1.0 + debt) - clearance / (1.0 + slowing * strength) * lactate) * per_volume,
        )

    return change
