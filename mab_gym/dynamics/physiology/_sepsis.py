"""Septic shock and its treatment: pressure, lactate, temperature, heart rate.

There is no published model of this size: the equations are ours, and nearly all figures are chosen within what is
published; they stand in `_sepsis_figures`. A burden of germs grows, and falls by an antibiotic that works and by the
control of its source; inflammation follows by hours; it widens vessels, slows the clearance of lactate and makes fever.
Fluid and noradrenaline raise the pressure. A pressure below 65 mmHg leaves tissues in debt, which makes lactate. Only
the turnover of lactate, and what a degree of fever adds to the heart rate, are measured.

Weaker than life: no heart, lungs, kidneys or clotting, no resistance, no steroids, no death. Kumar 2006's figures on
delay stand beside the model, not in it: they are an association in a cohort. The model is for learning, not for
patients.
"""

from __future__ import annotations

import math

from mab_gym.dynamics.physiology import _sepsis_figures as figures
from mab_gym.dynamics.physiology._bounds import minutes_within, within
from mab_gym.dynamics.physiology._runge_kutta import Five, half_steps, integrate_five
from mab_gym.dynamics.physiology._sepsis_rates import changes, drives
from mab_gym.dynamics.physiology._sepsis_state import MOST_BURDEN, SepsisInputs, SepsisPatient, SepsisState

_LONGEST_STEP_MIN, _SHORT_STEP_MIN, _SETTLING_MIN = 3.0, 0.5, 30.0


def steady(patient: SepsisPatient, burden: float = 0.0) -> SepsisState:
    """Returns the state in which all follows a burden that stays; health with a burden of 0, untreated shock with 1.

    Args:
        patient: The person.
        burden: The burden, from 0 to 3.
    """
    within("burden", burden, 0.0, MOST_BURDEN, "")
    debt = _want(_pressure(patient, burden, 0.0, 0.0))
    lactate = figures.LACTATE_PRODUCTION_MMOL_KG_H * (1.0 + debt) / _lactate_clearance(burden)
    return SepsisState(burden, burden, debt, _set_temperature(burden), lactate)


def advance(patient: SepsisPatient, state: SepsisState, inputs: SepsisInputs, minutes: float) -> SepsisState:
    """Returns the state after some minutes; the same to one part in 100,000 however a time is cut.

    Args:
        patient: The person.
        state: The state before.
        inputs: The treatment.
        minutes: The time in minutes.
    """
    _check(state, inputs)
    minutes_within(minutes)
    rate = inputs.fluid_ml_h / 60.0 / patient.weight_kg
    change, drive = changes(patient, inputs), drives(state, inputs, rate)
    start: Five = (state.burden, state.inflammation, state.debt, state.temperature_c, state.lactate_mmol_l)
    # While noradrenaline or fluid has changed but now, the pressure moves fast: shorter steps at first.
    soon = min(minutes, _SETTLING_MIN) if _unsettled(state, inputs, rate) else 0.0
    early = [drive(minute) for minute in half_steps(soon, _SHORT_STEP_MIN)]
    late = [drive(soon + minute) for minute in half_steps(minutes - soon, _LONGEST_STEP_MIN)]
    settled = integrate_five(change, early, start, soon)
    burden, inflammation, debt, temperature, lactate = integrate_five(change, late, settled, minutes - soon)
    antibiotic, pressor, fast, slow = _given(state, inputs, rate, minutes)
    body = _filled(state.fluid_body_ml_kg, rate, figures.FLUID_LOSS_HALF_LIFE_H * 60.0, minutes)
    given = state.fluid_given_ml_kg + rate * minutes
    return SepsisState(burden, inflammation, debt, temperature, lactate, antibiotic, pressor, fast, slow, body, given)


def mean_pressure_mmhg(patient: SepsisPatient, state: SepsisState) -> float:
    """Returns the mean arterial pressure in mmHg."""
    fluid = state.fluid_fast_ml_kg + state.fluid_slow_ml_kg
    return _pressure(patient, state.inflammation, fluid, state.pressor_ug_kg_min)


def heart_rate(patient: SepsisPatient, state: SepsisState) -> float:
    """Returns the heart rate in beats/min, at most 180.

    chosen, but for the part of fever: 15 more at an inflammation of 1, and 12 more at a mean pressure of 55 mmHg.
    """
    fever = figures.BEATS_PER_DEGREE * (state.temperature_c - 36.8)
    reflex = 12.0 * _want(mean_pressure_mmhg(patient, state))
    return min(patient.usual_heart_rate + fever + 15.0 * _strength(state.inflammation) + reflex, 180.0)


def lactate_half_life_min(state: SepsisState) -> float:
    """Returns the half-life of lactate in minutes."""
    return math.log(2.0) * figures.LACTATE_VOLUME_L_KG / _lactate_clearance(state.inflammation) * 60.0


def lactate_cleared_percent(before: SepsisState, after: SepsisState) -> float:
    """Returns the fall of lactate between two states, in percent of the first; below 0 where it rose."""
    return 100.0 * (before.lactate_mmol_l - after.lactate_mmol_l) / before.lactate_mmol_l


def overload_percent(state: SepsisState) -> float:
    """Returns the infused fluid still in the body, in percent of the weight; 10 % and more is often called overload."""
    return state.fluid_body_ml_kg / 10.0


def survival_with_delay_percent(hours: float) -> float:
    """Returns the percentage that lived, by the hours from the low pressure of septic shock to an effective antibiotic.

    Kumar A et al., Crit Care Med 2006;34:1589, 2,731 patients: 79.9 % within the first hour, and 7.6 points less with
    each hour of the next six. It is an association: the late differ from the early in more than the delay. The model
    does not use it, and it says nothing of one person.

    Args:
        hours: The delay, from 0 to 7 hours.
    """
    return 79.9 - 7.6 * max(within("hours", hours, 0.0, 7.0, "h") - 1.0, 0.0)


def _strength(inflammation: float) -> float:
    """Returns the effect of inflammation: 0 without, 1 at 1, towards 2."""
    return 2.0 * inflammation / (1.0 + inflammation)


def _pressure(patient: SepsisPatient, inflammation: float, fluid_ml_kg: float, pressor: float) -> float:
    """Returns the mean pressure in mmHg, never below 20."""
    strength = _strength(inflammation)
    fall = figures.PRESSURE_FALL_MMHG * patient.severity_factor * strength
    by_fluid = figures.FLUID_GAIN_MMHG * strength * -math.expm1(-fluid_ml_kg / 10.0)
    by_pressor = figures.PRESSOR_GAIN_MMHG * pressor / (pressor + figures.PRESSOR_HALF_UG_KG_MIN * (1.0 + strength))
    return max(patient.usual_pressure_mmhg - fall + by_fluid + by_pressor, 20.0)


def _want(pressure: float) -> float:
    """Returns the want of blood at a pressure: about 1 at 55 mmHg, 0.2 at 65, 0 above 75; chosen, smooth."""
    return 0.3 * math.log1p(math.exp((figures.PRESSURE_TARGET_MMHG - pressure) / 3.0))


def _set_temperature(inflammation: float) -> float:
    """Returns the temperature to which the body goes, degrees Celsius."""
    return 36.8 + figures.FEVER_DEGREES * _strength(inflammation)


def _lactate_clearance(inflammation: float) -> float:
    """Returns the clearance of lactate in L/kg/h."""
    slowing = figures.LACTATE_CLEARANCE_L_KG_H / figures.LACTATE_CLEARANCE_SEPTIC_L_KG_H - 1.0
    return figures.LACTATE_CLEARANCE_L_KG_H / (1.0 + slowing * _strength(inflammation))


def _filled(before: float, inflow: float, half_life_min: float, minutes: float) -> float:
    """Returns an amount after some minutes of an even inflow and one exponential loss; exact."""
    rate = math.log(2.0) / half_life_min
    return before * math.exp(-rate * minutes) + inflow / rate * -math.expm1(-rate * minutes)


def _given(state: SepsisState, inputs: SepsisInputs, rate: float, minutes: float) -> tuple[float, float, float, float]:
    """Returns antibiotic, noradrenaline, fast and slow fluid after some minutes; exact. The rate is in mL/kg/min."""
    loss = math.log(2.0) / figures.PRESSOR_HALF_LIFE_MIN
    antibiotic_loss = math.log(2.0) / (figures.ANTIBIOTIC_HALF_TIME_H * 60.0)
    return (
        _filled(state.antibiotic, antibiotic_loss * inputs.antibiotic, figures.ANTIBIOTIC_HALF_TIME_H * 60.0, minutes),
        _filled(state.pressor_ug_kg_min, loss * inputs.pressor_ug_kg_min, figures.PRESSOR_HALF_LIFE_MIN, minutes),
        _filled(state.fluid_fast_ml_kg, figures.FLUID_FAST_PART * rate, figures.FLUID_FAST_HALF_LIFE_MIN, minutes),
        _filled(
            state.fluid_slow_ml_kg, (1.0 - figures.FLUID_FAST_PART) * rate, figures.FLUID_SLOW_HALF_LIFE_MIN, minutes
        ),
    )


def _unsettled(state: SepsisState, inputs: SepsisInputs, rate: float) -> bool:
    """Returns True while noradrenaline or fast fluid is far from where its rate leads; the fluid's is in mL/kg/min."""
    fast = figures.FLUID_FAST_PART * rate * figures.FLUID_FAST_HALF_LIFE_MIN / math.log(2.0)
    pressor_off = abs(state.pressor_ug_kg_min - inputs.pressor_ug_kg_min)
    return pressor_off > 1e-4 or abs(state.fluid_fast_ml_kg - fast) > 0.1


def _check(state: SepsisState, inputs: SepsisInputs) -> None:
    """Holds a state and a treatment to their bounds."""
    within("burden", state.burden, 0.0, MOST_BURDEN, "")
    within("inflammation", state.inflammation, 0.0, MOST_BURDEN, "")
    within("debt", state.debt, 0.0, 10.0, "")
    within("temperature_c", state.temperature_c, 25.0, 45.0, "degrees")
    within("lactate_mmol_l", state.lactate_mmol_l, 0.01, 100.0, "mmol/L")
    within("antibiotic", state.antibiotic, 0.0, 1.0 + 1e-9, "")
    within("pressor_ug_kg_min", state.pressor_ug_kg_min, 0.0, 3.0 + 1e-9, "µg/kg/min")
    for name in ("fluid_fast_ml_kg", "fluid_slow_ml_kg", "fluid_body_ml_kg", "fluid_given_ml_kg"):
        within(name, getattr(state, name), 0.0, 10_000_000.0, "mL/kg")
    within("fluid_ml_h", inputs.fluid_ml_h, 0.0, 6_000.0, "mL/h")
    within("pressor_ug_kg_min", inputs.pressor_ug_kg_min, 0.0, 3.0, "µg/kg/min")
