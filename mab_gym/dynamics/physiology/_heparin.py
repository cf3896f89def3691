"""Unfractionated heparin in the blood: two ways out, of which one saturates, and the aPTT that it gives.

Heparin leaves by cells that take it up and saturate, and by the kidneys in proportion (de Swart 1982 fitted both
together). The three constants are solved so that the half-lives after 25, 100 and 400 U/kg are 30, 60 and 150 minutes.
Raschke 1993's nomogram is a function beside the model.

Weaker than life: one compartment, no binding to proteins of the acute phase, an aPTT on a straight line, a protamine
that acts at once and in full, no rebound after it, no heparin under the skin. The model is for learning, not for
patients.
"""

from __future__ import annotations

from dataclasses import dataclass

from mab_gym.dynamics.physiology._bounds import minutes_within, within
from mab_gym.dynamics.physiology._runge_kutta import integrate_one

SATURABLE_U_KG_MIN = 0.6100796577
"""Greatest rate of the saturable way, U/kg/min. Solved, with the two below, from the half-lives 30, 60 and 150 min
after 25, 100 and 400 U/kg (Hirsh J et al., Chest 2001;119:64S, as later texts print it; de Swart CA et al., Blood
1982;60:1251 for the two ways). chosen: a half-life is the mean of the first three halvings, since it is read off curves
over hours; read off the first halving alone, the infusion of 18 U/kg/h would give only 0.28 U/mL."""
HALF_SATURATED_U_KG = 17.27709116
"""Amount at which the saturable way runs at half its rate, U/kg; solved as above."""
LINEAR_PER_MIN = 0.001106564498
"""Rate constant of the other way, per minute; solved as above."""
VOLUME_L_KG = 0.04
"""chosen: the volume of plasma, about 40 mL/kg; heparins spread over about the volume of plasma."""
PROTAMINE_U_PER_MG = 100.0
"""Label of protamine sulfate: 1 mg neutralises about 100 U of heparin."""
APTT_RATIO_PER_U_ML = 1.8
"""chosen: aPTT/control rises by this with each U/mL anti-Xa, so that 0.3 U/mL is about 1.5 times control and 0.7 U/mL
about 2.3 times, the bounds of the therapeutic range (Raschke RA et al., Ann Intern Med 1993;119:874)."""
LONGEST_APTT_S = 200.0
"""chosen: laboratories report no longer aPTT than about 200 s."""
INITIAL_BOLUS_U_KG = 80.0
"""Raschke 1993: the first bolus, U/kg."""
INITIAL_RATE_U_KG_H = 18.0
"""Raschke 1993: the first rate, U/kg/h."""
_LONGEST_STEP_MIN = 2.0


@dataclass(frozen=True)
class HeparinPatient:
    """Holds one person's answer to heparin.

    Attributes:
        weight_kg: Weight, from 30 to 300 kg.
        control_aptt_s: aPTT without heparin, from 20 to 60 s.
        clearance_factor: Both ways out, against the typical person's, from 0.3 to 3 (pulmonary embolism clears faster).
        sensitivity_factor: The aPTT's rise, against the typical person's, from 0.3 to 3.
    """

    weight_kg: float
    control_aptt_s: float = 30.0
    clearance_factor: float = 1.0
    sensitivity_factor: float = 1.0

    def __post_init__(self) -> None:
        """Holds the figures to their bounds."""
        within("weight_kg", self.weight_kg, 30.0, 300.0, "kg")
        within("control_aptt_s", self.control_aptt_s, 20.0, 60.0, "s")
        within("clearance_factor", self.clearance_factor, 0.3, 3.0, "")
        within("sensitivity_factor", self.sensitivity_factor, 0.3, 3.0, "")


@dataclass(frozen=True)
class HeparinState:
    """Holds all that the future depends on.

    Attributes:
        amount_u_kg: Active heparin in the body, U/kg.
    """

    amount_u_kg: float = 0.0


@dataclass(frozen=True)
class HeparinInputs:
    """Holds what is given during a step.

    Attributes:
        rate_u_kg_h: Infusion all through the step, from 0 to 200 U/kg/h.
        bolus_u_kg: Bolus at the step's beginning, from 0 to 1,000 U/kg.
        protamine_mg: Protamine at the step's beginning, after the bolus, from 0 to 500 mg; what binds none is lost.
    """

    rate_u_kg_h: float = 0.0
    bolus_u_kg: float = 0.0
    protamine_mg: float = 0.0


@dataclass(frozen=True)
class NomogramStep:
    """Holds what the nomogram wants.

    Attributes:
        bolus_u_kg: Bolus to give at once, U/kg.
        hold_minutes: Time to stop the infusion, minutes.
        rate_change_u_kg_h: Change of the rate, U/kg/h.
    """

    bolus_u_kg: float
    hold_minutes: float
    rate_change_u_kg_h: float


def advance(
    patient: HeparinPatient,
    state: HeparinState,
    inputs: HeparinInputs,
    minutes: float,
    step: float = _LONGEST_STEP_MIN,
) -> HeparinState:
    """Returns the state after some minutes; bolus and protamine act at the beginning.

    However a time is cut, the amount is the same to one part in a million, or to 1e-6 U/kg.

    Args:
        patient: The person.
        state: The state before: from 0 to 20,000 U/kg.
        inputs: What is given.
        minutes: The time in minutes.
        step: The longest step of integration in minutes; a body at a bedside takes fifteen.
    """
    within("amount_u_kg", state.amount_u_kg, 0.0, 20_000.0, "U/kg")
    within("rate_u_kg_h", inputs.rate_u_kg_h, 0.0, 200.0, "U/kg/h")
    within("bolus_u_kg", inputs.bolus_u_kg, 0.0, 1_000.0, "U/kg")
    within("protamine_mg", inputs.protamine_mg, 0.0, 500.0, "mg")
    minutes_within(minutes)
    neutralised = inputs.protamine_mg * PROTAMINE_U_PER_MG / patient.weight_kg
    start = max(state.amount_u_kg + inputs.bolus_u_kg - neutralised, 0.0)
    rate = inputs.rate_u_kg_h / 60.0
    factor = patient.clearance_factor

    def change(amount: float) -> float:
        return rate - factor * _elimination(amount)

    return HeparinState(max(integrate_one(change, start, minutes, step), 0.0))


def steady(patient: HeparinPatient, rate_u_kg_h: float) -> HeparinState:
    """Returns the state in which an infusion and both ways out are equal.

    Args:
        patient: The person.
        rate_u_kg_h: The infusion, from 0 to 200 U/kg/h.
    """
    # The balance is a quadratic in the amount.
    rate = within("rate_u_kg_h", rate_u_kg_h, 0.0, 200.0, "U/kg/h") / 60.0 / patient.clearance_factor
    b = SATURABLE_U_KG_MIN + LINEAR_PER_MIN * HALF_SATURATED_U_KG - rate
    root = (b * b + 4.0 * LINEAR_PER_MIN * rate * HALF_SATURATED_U_KG) ** 0.5
    if b >= 0.0:
        return HeparinState(2.0 * rate * HALF_SATURATED_U_KG / (b + root))
    return HeparinState((root - b) / (2.0 * LINEAR_PER_MIN))


def anti_xa_u_ml(state: HeparinState) -> float:
    """Returns the anti-Xa activity in U/mL."""
    return state.amount_u_kg / (VOLUME_L_KG * 1000.0)


def aptt_s(patient: HeparinPatient, state: HeparinState) -> float:
    """Returns the aPTT in seconds, at most 200."""
    ratio = 1.0 + APTT_RATIO_PER_U_ML * patient.sensitivity_factor * anti_xa_u_ml(state)
    return min(patient.control_aptt_s * ratio, LONGEST_APTT_S)


def protamine_dose_mg(patient: HeparinPatient, state: HeparinState) -> float:
    """Returns the protamine that neutralises all heparin in the body, at most the label's 50 mg at a time."""
    return min(state.amount_u_kg * patient.weight_kg / PROTAMINE_U_PER_MG, 50.0)


def raschke(aptt_seconds: float) -> NomogramStep:
    """Returns what Raschke 1993's nomogram wants, by the aPTT six hours after the start or the last change.

    The table, with a control of about 30 s: < 35 s, 35 to 45, 46 to 70, 71 to 90, > 90. An aPTT between two rows, as
    45.5 s, is rounded to whole seconds first, halves upwards: the table knows none.

    Args:
        aptt_seconds: The aPTT, from 10 to 1,000 s.
    """
    seconds = int(within("aptt_seconds", aptt_seconds, 10.0, 1_000.0, "s") + 0.5)
    if seconds < 35:
        return NomogramStep(80.0, 0.0, 4.0)
    if seconds <= 45:
        return NomogramStep(40.0, 0.0, 2.0)
    if seconds <= 70:
        return NomogramStep(0.0, 0.0, 0.0)
    if seconds <= 90:
        return NomogramStep(0.0, 0.0, -2.0)
    return NomogramStep(0.0, 60.0, -3.0)


def rate_after(rate_u_kg_h: float, step: NomogramStep) -> float:
    """Returns the rate after a step of the nomogram, never below 0.

    Args:
        rate_u_kg_h: The rate before, from 0 to 200 U/kg/h.
        step: The step.
    """
    return max(within("rate_u_kg_h", rate_u_kg_h, 0.0, 200.0, "U/kg/h") + step.rate_change_u_kg_h, 0.0)


def _elimination(amount_u_kg: float) -> float:
    """Returns what the typical person clears, U/kg/min."""
    amount = max(amount_u_kg, 0.0)
    return SATURABLE_U_KG_MIN * amount / (HALF_SATURATED_U_KG + amount) + LINEAR_PER_MIN * amount
