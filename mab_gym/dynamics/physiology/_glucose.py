"""Blood glucose under insulin, meals and the stress of illness.

The model of Hovorka 2004, Physiol Meas 25:905-920: glucose in two pools, three effects of insulin (on transport, on
disposal, on the liver), rapid insulin through two depots under the skin, meals through two in the gut; all its
parameters are means of the paper, compared with public implementations. It is of people with type 1 diabetes.

What is ours, for people in hospital: long-acting insulin (a precipitate that dissolves), the body's own insulin, and
stress (less effect of insulin, more glucose from the liver). Weaker: the counter-regulation of a low glucose is left
out, so a low lasts longer than in a body, and the hours of the day are all alike. Integrated in steps of one minute,
implicitly where a large dose would make it unstable.
"""

from __future__ import annotations

from dataclasses import dataclass

from mab_gym.dynamics.physiology._bounds import minutes_within, within
from mab_gym.dynamics.physiology._steps import pieces

MG_DL_PER_MMOL_L = 18.016
"""Glucose, mg/dL in one mmol/L: 180.16 g/mol."""
TARGET = (140.0, 180.0)
"""Range for most people in hospital, mg/dL (American Diabetes Association, Standards of Care, section 16)."""
LOW = (70.0, 54.0)
"""Below these, hypoglycaemia of level 1 and 2, mg/dL (American Diabetes Association, Standards of Care, section 6)."""

_F01, _EGP0 = 0.0097, 0.0161
"""Use of glucose without insulin, and what the liver gives at no insulin, mmol/kg/min (Hovorka 2004)."""
_VG, _VI = 0.16, 0.12
"""Volumes of glucose and insulin, L/kg (Hovorka 2004)."""
_K12, _KE = 0.066, 0.138
"""Return of glucose from the second pool, and loss of insulin, 1/min (Hovorka 2004)."""
_KA1, _KA2, _KA3 = 0.006, 0.06, 0.03
"""Loss of the three effects of insulin, 1/min (Hovorka 2004)."""
_ST, _SD, _SE = 51.2e-4, 8.2e-4, 520e-4
"""Sensitivities of transport and disposal (1/min for each mU/L) and of the liver (for each mU/L) (Hovorka 2004)."""
_RAPID, _MEAL, _MEAL_SHARE = 55.0, 40.0, 0.8
"""Minutes to the greatest absorption of rapid insulin and of a meal, and the share of a meal that is absorbed (Hovorka
2004)."""
_RENAL, _RENAL_FROM = 0.003, 9.0
"""Glucose lost by urine, 1/min, of what is above this level in mmol/L. Chosen: recalled from Hovorka 2004."""
_ENOUGH = 4.5
"""Below this level, mmol/L, use without insulin falls with glucose. Chosen: recalled from Hovorka 2004."""

_DISSOLVES, _SEEPS = 2.8 / 60, 1 / 60
"""Chosen: long-acting insulin dissolves by the cube root of what is left (mU/kg) and seeps into blood, 1/min; so 0.3
U/kg acts from an hour on, without a peak, for 24 hours (label of insulin glargine: onset about 1 hour, end 24)."""
_OWN, _OWN_SLOPE, _OWN_FROM = 0.166, 0.3, 5.0
"""Chosen: insulin of a healthy body into blood, mU/min/kg at 5 mmol/L (10 mU/L, a usual fasting level), and more for
each mmol/L above."""
_LIVER_LEAST = 0.03
"""Chosen: the least share of that which the liver gives under much insulin, so that glucose stays above zero."""
_STRESS_LIVER = 0.5
"""Chosen: stress of 3, at which insulin has a third of its effect, doubles what the liver gives."""


@dataclass(frozen=True, slots=True)
class GlucosePatient:
    """The fixed properties of a person.

    Attributes:
        weight_kg: Body weight, 30 to 250 kg.
        sensitivity: Effect of insulin against that of people with type 1 diabetes, 0.1 to 3; chosen
            for type 2 in hospital: 0.3.
        own_insulin: Own insulin against that of the healthy, 0 (type 1) to 1; chosen for type 2: 0.2.
    """

    weight_kg: float
    sensitivity: float = 1.0
    own_insulin: float = 0.0

    def __post_init__(self) -> None:
        within("weight_kg", self.weight_kg, 30, 250, "kg")
        within("sensitivity", self.sensitivity, 0.1, 3, "times the usual one")
        within("own_insulin", self.own_insulin, 0, 1, "of that of the healthy")


@dataclass(frozen=True, slots=True)
class GlucoseState:
    """All that the future depends on.

    Attributes:
        glucose: Glucose that blood shares, mmol.
        far_glucose: Glucose of the second pool, mmol.
        insulin: Insulin in plasma, mU/L.
        effects: Effects of insulin on transport, on disposal (1/min) and on the liver.
        rapid: Rapid insulin in the two depots, mU.
        long: Long-acting insulin, not dissolved and dissolved, mU.
        meal: Carbohydrate in the two parts of the gut, mmol.
    """

    glucose: float
    far_glucose: float
    insulin: float
    effects: tuple[float, float, float]
    rapid: tuple[float, float] = (0.0, 0.0)
    long: tuple[float, float] = (0.0, 0.0)
    meal: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class GlucoseInputs:
    """Food and drugs during a step; rates last for all of it, doses "now" fall at its start.

    Attributes:
        rapid_now: Rapid insulin under the skin, 0 to 200 units.
        long_now: Long-acting insulin under the skin, 0 to 300 units.
        meal_now: Carbohydrate of a meal, 0 to 300 g.
        iv_insulin: Insulin into a vein, 0 to 100 units/h.
        iv_glucose: Glucose into a vein or by tube without a pause, 0 to 100 g/h.
        stress: 1 in health to 3 in the worst illness or under much steroid.
    """

    rapid_now: float = 0.0
    long_now: float = 0.0
    meal_now: float = 0.0
    iv_insulin: float = 0.0
    iv_glucose: float = 0.0
    stress: float = 1.0

    def __post_init__(self) -> None:
        within("rapid_now", self.rapid_now, 0, 200, "units")
        within("long_now", self.long_now, 0, 300, "units")
        within("meal_now", self.meal_now, 0, 300, "g")
        within("iv_insulin", self.iv_insulin, 0, 100, "units/h")
        within("iv_glucose", self.iv_glucose, 0, 100, "g/h")
        within("stress", self.stress, 1, 3, "times")


def advance(
    patient: GlucosePatient, state: GlucoseState, inputs: GlucoseInputs, minutes: float, step: float = 1.0
) -> GlucoseState:
    """Returns the state some minutes later; cuts at whole minutes change nothing.

    Args:
        patient: The patient.
        state: The state at the start.
        inputs: What is given.
        minutes: The time, 0 to 600,000 minutes.
        step: The length of a step of integration in minutes; a body at a bedside takes five, which costs a fifth.
    """
    minutes_within(minutes)
    w, power = patient.weight_kg, patient.sensitivity / inputs.stress
    q1, q2, level = state.glucose, state.far_glucose, state.insulin
    x1, x2, x3 = state.effects
    (s1, s2), (l1, l2), (d1, d2) = state.rapid, state.long, state.meal
    s1, l1 = s1 + 1000 * inputs.rapid_now, l1 + 1000 * inputs.long_now
    d1 += inputs.meal_now * 100 / MG_DL_PER_MMOL_L * _MEAL_SHARE
    given, drip = _given(inputs)
    liver, vg, vi = _liver(inputs) * w, _VG * w, _VI * w
    own, dissolves, uses = patient.own_insulin * w, w * _DISSOLVES, _F01 * w
    on_transport, on_disposal, on_liver = _ST * power, _SD * power, _SE * power
    enough, passed = _ENOUGH * vg, _RENAL * _RENAL_FROM * vg
    for count, t in pieces(minutes, step):
        for _ in range(count):  # a day has hundreds of these: no calls, and what does not change is worked out above
            g = q1 / vg
            from_gut = d2 / _MEAL
            d1, d2 = d1 - t * d1 / _MEAL, d2 + t * (d1 / _MEAL - from_gut)
            enters = s2 / _RAPID + l2 * _SEEPS + drip
            made = _OWN + _OWN_SLOPE * (g - _OWN_FROM)
            if made > 0.0:
                enters += own * made
            s1, s2 = s1 - t * s1 / _RAPID, s2 + t * (s1 - s2) / _RAPID
            melts = min(l1 / t, dissolves * (l1 / w) ** (1 / 3)) if l1 > 0.0 else 0.0
            left = l1 - t * melts
            l1, l2 = left if left > 0.0 else 0.0, l2 + t * (melts - l2 * _SEEPS)
            x1 += t * _KA1 * (on_transport * level - x1)
            x2 += t * _KA2 * (on_disposal * level - x2)
            x3 += t * _KA3 * (on_liver * level - x3)
            level += t * (enters / vi - _KE * level)
            share = 1 - x3
            comes = given + from_gut + liver * (share if share > _LIVER_LEAST else _LIVER_LEAST) + _K12 * q2
            used = uses / (q1 if q1 > enough else enough)
            if g > _RENAL_FROM:
                comes += passed
                used += _RENAL
            q1 = (q1 + t * comes) / (1 + t * (used + x1))
            q2 = (q2 + t * x1 * q1) / (1 + t * (_K12 + x2))
    return GlucoseState(q1, q2, level, (x1, x2, x3), (s1, s2), (l1, l2), (d1, d2))


def _given(inputs: GlucoseInputs) -> tuple[float, float]:
    """Returns glucose in mmol/min and insulin in mU/min into a vein."""
    return inputs.iv_glucose * 100 / MG_DL_PER_MMOL_L / 60, inputs.iv_insulin * 1000 / 60


def _liver(inputs: GlucoseInputs) -> float:
    """Returns what the liver gives at no insulin, mmol/kg/min."""
    return _EGP0 * (1 + _STRESS_LIVER * (inputs.stress - 1))


def steady(patient: GlucosePatient, inputs: GlucoseInputs) -> GlucoseState:
    """Returns the state in which nothing changes, single doses left out.

    Args:
        patient: The patient.
        inputs: Infusions and stress.
    """
    low, high = 0.01, 200.0  # mmol/L; more glucose, less gain
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _gain(patient, inputs, _still(patient, inputs, middle)) > 0 else (low, middle)
    return _still(patient, inputs, (low + high) / 2)


def _still(patient: GlucosePatient, inputs: GlucoseInputs, glucose: float) -> GlucoseState:
    """Returns the state in which all but the first pool is steady at a level of glucose, mmol/L."""
    w, power = patient.weight_kg, patient.sensitivity / inputs.stress
    own = patient.own_insulin * w * max(0.0, _OWN + _OWN_SLOPE * (glucose - _OWN_FROM))
    level = (_given(inputs)[1] + own) / (_KE * _VI * w)
    x1, x2, x3 = (s * power * level for s in (_ST, _SD, _SE))
    q1 = glucose * _VG * w
    return GlucoseState(q1, x1 * q1 / (_K12 + x2), level, (x1, x2, x3))


def _gain(patient: GlucosePatient, inputs: GlucoseInputs, state: GlucoseState) -> float:
    """Returns the gain of the first pool, mmol/min."""
    w, g = patient.weight_kg, state.glucose / (_VG * patient.weight_kg)
    x1, _, x3 = state.effects
    comes = _given(inputs)[0] + _liver(inputs) * w * max(_LIVER_LEAST, 1 - x3) + _K12 * state.far_glucose
    renal = _RENAL * max(0.0, g - _RENAL_FROM) * _VG * w
    return comes - _F01 * w * min(1.0, g / _ENOUGH) - renal - x1 * state.glucose


def insulin_need(patient: GlucosePatient, glucose_mg_dl: float, inputs: GlucoseInputs | None = None) -> float:
    """Returns the insulin a day, in units, that keeps a level of glucose without meals; 0 where none is needed.

    Args:
        patient: The patient.
        glucose_mg_dl: The level, 70 to 400 mg/dL.
        inputs: Stress and infusions of glucose; none if None.
    """
    within("glucose_mg_dl", glucose_mg_dl, 70, 400, "mg/dL")
    inputs = inputs or GlucoseInputs()
    w, power = patient.weight_kg, patient.sensitivity / inputs.stress
    none = GlucoseInputs(iv_glucose=inputs.iv_glucose, stress=inputs.stress)
    state = _still(patient, none, glucose_mg_dl / MG_DL_PER_MMOL_L)
    # `_gain` of `_still`, term by term: what insulin does not change is worked out once, as draws ask for much of this
    own = patient.own_insulin * w * max(0.0, _OWN + _OWN_SLOPE * (glucose_mg_dl / MG_DL_PER_MMOL_L - _OWN_FROM))
    q1, passes = state.glucose, _KE * _VI * w
    g = q1 / (_VG * w)
    given, liver = _given(none)[0], _liver(none) * w
    used, renal = _F01 * w * min(1.0, g / _ENOUGH), _RENAL * max(0.0, g - _RENAL_FROM) * _VG * w
    on_transport, on_disposal, on_liver = _ST * power, _SD * power, _SE * power
    low, high = 0.0, 100.0
    for _ in range(50):
        middle = (low + high) / 2
        level = (middle * 1000 / 60 + own) / passes
        x1, x2, x3 = on_transport * level, on_disposal * level, on_liver * level
        comes = given + liver * max(_LIVER_LEAST, 1 - x3) + _K12 * (x1 * q1 / (_K12 + x2))
        low, high = (middle, high) if comes - used - renal - x1 * q1 > 0 else (low, middle)
    return 24 * (low + high) / 2


def blood_glucose(patient: GlucosePatient, state: GlucoseState, noise_mg_dl: float = 0.0) -> float:
    """Returns blood glucose, mg/dL.

    Args:
        patient: The patient.
        state: The state.
        noise_mg_dl: What this measurement differs by, mg/dL.
    """
    return state.glucose / (_VG * patient.weight_kg) * MG_DL_PER_MMOL_L + noise_mg_dl


def hypoglycaemia(glucose_mg_dl: float) -> int:
    """Returns the level of hypoglycaemia by `LOW`: 0 for none, 1, or 2.

    Args:
        glucose_mg_dl: Blood glucose, mg/dL.
    """
    return sum(glucose_mg_dl < bound for bound in LOW)
