"""Sodium and water: what infusions, drinking, urine and other losses do to serum sodium.

Serum sodium is exchangeable sodium and potassium over body water (Edelman 1958, J Clin Invest 37:1236, as simplified
by Rose); from this follows the formula of Adrogué and Madias 2000, N Engl J Med 342:1493 and 1581: a litre of an
infusate changes it by (sodium + potassium of the infusate - serum sodium) / (body water + 1). Around that stands a
simple kidney: vasopressin sets the urine's concentration by serum sodium, or illness fixes it (SIADH), and the solutes
to be excreted set the volume (checked against Musch and Decaux 1998, QJM 91:749: saline in SIADH).

What is ours: excretion of salt follows volume (the mean of what salt and water tell) with a time constant, thirst, and
what keeps bodies finite.
Weaker: one pool of water, no blood volume, so that low volume as a cause of vasopressin is the caller's to state.
Integrated in steps of one minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mab_gym.dynamics.physiology._bounds import minutes_within, within
from mab_gym.dynamics.physiology._steps import pieces

SALINE_3 = 513.0
SALINE_09 = 154.0
RINGER_LACTATE = 134.0
SALINE_045 = 77.0
WATER = 0.0
"""Sodium and potassium of infusates, mmol/L (Adrogué and Madias 2000; Ringer's lactate has 130 and 4; 5 % glucose is
water)."""
CORRECTION_LIMIT = 10.0
CORRECTION_LIMIT_AT_RISK = 8.0
"""Limits of a rise in 24 hours, mmol/L: Spasovski 2014, Nephrol Dial Transplant 29 Suppl 2:i1; Verbalis 2013, Am J Med
126:S1, for high risk of osmotic demyelination."""

_TARGET = 140.0
"""Usual serum sodium, mmol/L: the middle of 135 to 145."""
_USUAL_SALT = 210 / 24
"""Sodium and potassium of usual food, mmol/h: 140 and 70 mmol a day."""
_SALT_HOURS = 6.0
"""Hours in which kidneys excrete most of a surplus of volume: fitted to Musch and Decaux 1998."""
_DILUTE, _CONCENTRATED = 50.0, 1200.0
"""Urine without and with full vasopressin, mOsm/kg: the usual figures."""
_OFF, _FULL = 135.0, 142.5
"""Serum sodium at which vasopressin is off and full, mmol/L: 280 and 295 mOsm/kg (Robertson 1976, Kidney Int 10:25:
a threshold and a steep straight line), with 2 × sodium + 10."""
_THIRST_FROM, _THIRST, _THIRST_MOST = 142.0, 0.1, 0.5
"""Chosen: who can drink, drinks from this serum sodium on, L/h for each mmol/L, and L/h at most."""
_DRY = 0.5, 0.1
"""Chosen: losses end as body water falls from 0.6 to 0.5 of usual; nobody lives there, and results stay finite."""
_SCARCE = 100.0
"""Chosen: below this serum sodium, mmol/L, losses of salt shrink with it, so that it stays above zero."""


@dataclass(frozen=True, slots=True)
class WaterPatient:
    """The fixed properties of a person.

    Attributes:
        weight_kg: Body weight in health, 30 to 250 kg.
        water_share: Body water in health, L/kg: 0.6 for men, 0.5 for women and old men, 0.45 for old women (Adrogué
            and Madias 2000); 0.35 to 0.7.
        drinks: True if this person can drink when thirsty.
    """

    weight_kg: float
    water_share: float = 0.6
    drinks: bool = True

    def __post_init__(self) -> None:
        within("weight_kg", self.weight_kg, 30, 250, "kg")
        within("water_share", self.water_share, 0.35, 0.7, "L/kg")


@dataclass(frozen=True, slots=True)
class WaterState:
    """All that the future depends on.

    Attributes:
        cations_mmol: Exchangeable sodium and potassium, mmol.
        water_l: Body water, L.
    """

    cations_mmol: float
    water_l: float


@dataclass(frozen=True, slots=True)
class WaterInputs:
    """Gains and losses during a step.

    Attributes:
        iv_l_h: Infusion, 0 to 5 L/h.
        iv_cations: Its sodium and potassium, 0 to 2,000 mmol/L (`SALINE_09` and the like).
        drink_l_h: Water by mouth or tube, 0 to 2 L/h; thirst comes on top.
        food_cations: Sodium and potassium in food, 0 to 40 mmol/h.
        urea_mosm_h: Solutes of urine other than salt, 0 to 100 mOsm/h; usual food gives 400 a day.
        urine_mosm: The urine's concentration where illness or a drug fixes it (SIADH: 300 to 900; diabetes insipidus:
            100), 30 to 1,400 mOsm/kg; None where vasopressin answers to serum sodium.
        kidneys: What works of the kidneys, 0 to 1.
        lost_l_h: Losses by gut or drains, 0 to 2 L/h.
        lost_cations: Sodium and potassium of these, 0 to 200 mmol/L.
        insensible_l_h: Water lost by skin and breath, 0 to 0.3 L/h.
    """

    iv_l_h: float = 0.0
    iv_cations: float = SALINE_09
    drink_l_h: float = 1.6 / 24
    food_cations: float = _USUAL_SALT
    urea_mosm_h: float = 400 / 24
    urine_mosm: float | None = None
    kidneys: float = 1.0
    lost_l_h: float = 0.0
    lost_cations: float = 60.0
    insensible_l_h: float = 0.8 / 24

    def __post_init__(self) -> None:
        within("iv_l_h", self.iv_l_h, 0, 5, "L/h")
        within("iv_cations", self.iv_cations, 0, 2000, "mmol/L")
        within("drink_l_h", self.drink_l_h, 0, 2, "L/h")
        within("food_cations", self.food_cations, 0, 40, "mmol/h")
        within("urea_mosm_h", self.urea_mosm_h, 0, 100, "mOsm/h")
        if self.urine_mosm is not None:
            within("urine_mosm", self.urine_mosm, 30, 1400, "mOsm/kg")
        within("kidneys", self.kidneys, 0, 1, "of their usual work")
        within("lost_l_h", self.lost_l_h, 0, 2, "L/h")
        within("lost_cations", self.lost_cations, 0, 200, "mmol/L")
        within("insensible_l_h", self.insensible_l_h, 0, 0.3, "L/h")


NOTHING = WaterInputs(drink_l_h=0, food_cations=0, urea_mosm_h=0, kidneys=0, insensible_l_h=0)
"""Nothing comes in or goes out: the closed body of the formula of Adrogué and Madias."""


def urine_concentration(sodium: float) -> float:
    """Returns the urine's concentration that vasopressin sets at a serum sodium in mmol/L; mOsm/kg."""
    share = min(1.0, max(0.0, (sodium - _OFF) / (_FULL - _OFF)))
    return _DILUTE + share * (_CONCENTRATED - _DILUTE)


def urine(patient: WaterPatient, state: WaterState, inputs: WaterInputs) -> tuple[float, float]:
    """Returns the volume of urine in L/h, and the sodium and potassium in it in mmol/h.

    Args:
        patient: The patient.
        state: The state.
        inputs: Solutes, the kidneys and what fixes the urine's concentration.
    """
    sodium = state.cations_mmol / state.water_l
    volume = (state.cations_mmol / _TARGET + state.water_l) / 2 - patient.water_share * patient.weight_kg
    salt = max(0.0, _USUAL_SALT + _TARGET * volume / _SALT_HOURS) * min(1.0, sodium / _SCARCE) * inputs.kidneys
    fixed = inputs.urine_mosm
    volume = (inputs.urea_mosm_h * inputs.kidneys + 2 * salt) / (
        urine_concentration(sodium) if fixed is None else fixed
    )
    return volume, salt


def advance(patient: WaterPatient, state: WaterState, inputs: WaterInputs, minutes: float) -> WaterState:
    """Returns the state some minutes later; cuts at whole minutes change nothing.

    Args:
        patient: The patient.
        state: The state at the start.
        inputs: What is given and lost.
        minutes: The time, 0 to 600,000 minutes.
    """
    minutes_within(minutes)
    usual = patient.water_share * patient.weight_kg
    cations, water = state.cations_mmol, state.water_l
    salt_in = inputs.iv_l_h * inputs.iv_cations + inputs.food_cations
    water_in = inputs.iv_l_h + inputs.drink_l_h
    fixed, kidneys, urea = inputs.urine_mosm, inputs.kidneys, inputs.urea_mosm_h * inputs.kidneys
    lost, insensible, lost_salt = inputs.lost_l_h, inputs.insensible_l_h, inputs.lost_l_h * inputs.lost_cations
    for count, length in pieces(minutes):
        h = length / 60
        for _ in range(count):
            sodium = cations / water
            left = (water / usual - _DRY[0]) / _DRY[1]
            left = 1.0 if left > 1.0 else 0.0 if left < 0.0 else left
            scarce = sodium / _SCARCE if sodium < _SCARCE else 1.0
            # `urine`, without a state for each minute
            salt = _USUAL_SALT + _TARGET * ((cations / _TARGET + water) / 2 - usual) / _SALT_HOURS
            salt = salt * scarce * kidneys if salt > 0.0 else 0.0
            if fixed is None:
                share = (sodium - _OFF) / (_FULL - _OFF)
                share = 1.0 if share > 1.0 else 0.0 if share < 0.0 else share
                volume = (urea + 2 * salt) / (_DILUTE + share * (_CONCENTRATED - _DILUTE))
            else:
                volume = (urea + 2 * salt) / fixed
            thirst = _THIRST * (sodium - _THIRST_FROM) if sodium > _THIRST_FROM and patient.drinks else 0.0
            thirst = _THIRST_MOST if thirst > _THIRST_MOST else thirst
            cations += h * (salt_in - left * (salt + lost_salt * scarce))
            water += h * (water_in + thirst - left * (volume + lost + insensible))
    return WaterState(cations, water)


def at_sodium(patient: WaterPatient, sodium: float, water_change_l: float = 0.0) -> WaterState:
    """Returns a state with a given serum sodium.

    Args:
        patient: The patient.
        sodium: Serum sodium, 95 to 190 mmol/L.
        water_change_l: Body water more (or less, negative) than in health, at most 30 % of it, L.
    """
    usual = patient.water_share * patient.weight_kg
    within("sodium", sodium, 95, 190, "mmol/L")
    within("water_change_l", water_change_l, -0.3 * usual, 0.3 * usual, "L")
    return WaterState(sodium * (usual + water_change_l), usual + water_change_l)


def steady(patient: WaterPatient, inputs: WaterInputs) -> WaterState:
    """Returns the state after fifty days of the same inputs, begun in health.

    Args:
        patient: The patient.
        inputs: What is given and lost.
    """
    return advance(patient, at_sodium(patient, _TARGET), inputs, 50 * 24 * 60.0)


def serum_sodium(state: WaterState, noise: float = 0.0, glucose_mg_dl: float = 100.0) -> float:
    """Returns serum sodium as a laboratory reports it, mmol/L.

    Glucose above 100 mg/dL draws water out of cells: 1.6 mmol/L less for each 100 mg/dL (Katz 1973, N Engl J Med
    289:843).

    Args:
        state: The state.
        noise: What this measurement differs by, mmol/L.
        glucose_mg_dl: Blood glucose, mg/dL.
    """
    return state.cations_mmol / state.water_l - 1.6 * max(0.0, glucose_mg_dl - 100) / 100 + noise


def change_per_litre(patient_water_l: float, sodium: float, infusate_cations: float) -> float:
    """Returns the change of serum sodium by a litre of an infusate, mmol/L (Adrogué and Madias 2000).

    Args:
        patient_water_l: Body water, L.
        sodium: Serum sodium, mmol/L.
        infusate_cations: Sodium and potassium of the infusate, mmol/L.
    """
    return (infusate_cations - sodium) / (patient_water_l + 1)


def water_deficit(state: WaterState) -> float:
    """Returns the water that brings serum sodium to 140 mmol/L, L; negative where water is in excess."""
    return state.cations_mmol / _TARGET - state.water_l


def greatest_rise(results: Sequence[tuple[float, float]], hours: float = 24.0) -> float:
    """Returns the greatest rise of serum sodium between two results within some hours, mmol/L; 0 if it never rose.

    Compare it with `CORRECTION_LIMIT`. For the greatest fall, give negative values.

    Args:
        results: Times in hours and serum sodium in mmol/L.
        hours: The length of the window.
    """
    within("hours", hours, 0, 10_000, "hours")
    rises = (later - value for hour, value in results for then, later in results if 0 < then - hour <= hours)
    return max((0.0, *rises))
