"""Potassium and magnesium: replacement, exchange with cells, and loss by the kidneys.

Each of the two lies in three pools: fluid outside cells, which the laboratory measures, cells that exchange within an
hour, and cells (for magnesium bone, too) that exchange over a day. An oral dose waits in a depot. The kidneys answer
to both levels and to their own filtration; where magnesium is low they waste potassium (Huang and Kuo 2007, J Am Soc
Nephrol 18:2649-2652), so that potassium cannot be replaced before magnesium is.

Structure and pool sizes are ours, fitted to what the sources print: Kruse and Carlson 1990, Arch Intern Med 150:613;
Hamill 1991, Crit Care Med 19:694; Kruse 1994, J Clin Pharmacol 34:1077 (infusions); Sterns 1981, Medicine 60:339
(deficit); Gritter 2022, J Am Soc Nephrol 33:1779 (kidneys with disease); Gullestad 1994, Scand J Clin Lab Invest 54:23
(a load of magnesium). Weaker: acid and base are left out, aldosterone answers at once, and how much potassium a low
magnesium costs is chosen, as the sources give no figure. Integrated in steps of one minute.
"""

from __future__ import annotations

from dataclasses import dataclass

from mab_gym.dynamics.physiology._steps import minutes_to_pass, pieces, within

MMOL_PER_GRAM_MAGNESIUM_SULFATE = 4.06
"""Magnesium in one gram of magnesium sulfate heptahydrate: 8.12 mEq (US label), half as many mmol."""
MG_DL_PER_MMOL_L_MAGNESIUM = 2.43
"""Magnesium, mg/dL in one mmol/L: 24.3 g/mol."""

_OUTSIDE = 0.2
"""Fluid outside cells, L/kg: the usual fifth of body weight."""
_K_QUICK, _K_QUICK_FLOW = 0.55, 0.65
"""Quick pool of potassium, L/kg as seen from outside, and flow, L/h/kg: fitted to Hamill 1991 and Kruse 1994."""
_K_SLOW_BELOW, _K_SLOW_ABOVE, _K_SLOW_FLOW = 4.25, 1.0, 0.09
"""Slow pool, L/kg while it lacks potassium: with the others 350 mmol a mmol/L at 70 kg, amid 200 to 400 (Sterns 1981).
Chosen: above its usual content it takes less, so that too much is dangerous; flow, L/h/kg, fitted to Kruse 1990."""
_MG_QUICK_BELOW, _MG_QUICK_ABOVE, _MG_QUICK_FLOW = 0.55, 0.05, 0.25
"""The same for magnesium, fitted to Gullestad 1994 (the healthy excrete a load) and to a rise of 0.10 mg/dL a gram."""
_MG_SLOW_BELOW, _MG_SLOW_ABOVE, _MG_SLOW_FLOW = 2.2, 0.1, 0.02
"""Chosen: with the others a deficit of 1 mmol/kg where serum magnesium is 0.35 mmol/L low, over two days or so."""
_USUAL_MAGNESIUM = 0.85
"""Usual serum magnesium, mmol/L: the middle of 0.7 to 1.0."""

_K_URINE = 72 / 24
"""Potassium in urine on usual food, mmol/h: 72 mmol a day (Gritter 2022)."""
_K_SLOPE = 2.85 / 24
"""More potassium in urine, mmol/h for each mmol/L and each mL/min of filtration in health: 35 mmol a day more at 0.4
mmol/L more with 31 mL/min (Gritter 2022); with healthy kidneys 46 mmol a day at 0.14 (0.09 to 0.19) mmol/L more."""
_K_LEAST, _K_MOST = 20 / 24, 0.2
"""Least loss by urine, mmol/h: deprived people lost 6 to 34 mmol a day. Chosen: the most, mmol/h for each mL/min."""
_K_WASTED, _K_SET_LOWER = 60 / 24, 1.2
"""Chosen: at the lowest magnesium the least loss is 60 mmol a day more, and kidneys hold 1.2 mmol/L less potassium."""
_MG_FULL, _MG_EMPTY = 0.70, 0.40
"""Chosen: below the first (the lower limit of normal), in mmol/L, potassium is wasted, fully from the second on."""
_MG_THRESHOLD, _MG_SLOPE = 0.70, 0.075
"""Magnesium in urine: slope × filtration × (level above threshold)², mmol/h. Fitted: 4 mmol a day at 0.85 mmol/L."""
_MG_FILTERED = 0.7 * 0.06
"""Greatest loss of magnesium: what is filtered, 70 % being free of protein; L/h for each mL/min."""
_K_ABSORBED, _MG_ABSORBED = 0.9, 0.33
"""Shares of an oral dose that are absorbed: the rest of potassium, 10 %, and of magnesium, two thirds, are excreted."""
_ABSORBING = 0.6
"""Absorption of an oral dose, 1/h. Chosen: the highest level comes two hours after liquid potassium chloride."""
_SCARCE = 2.0, 0.3
"""Chosen: below these levels of potassium and magnesium, mmol/L, losses shrink with them; so none gets negative."""


@dataclass(frozen=True, slots=True)
class ElectrolytePatient:
    """What does not change.

    Attributes:
        weight_kg: Body weight, 30 to 250 kg.
        usual_gfr_ml_min: Filtration to which this person is used, 5 to 200 mL/min.
        usual_potassium: Serum potassium on usual food, 3.5 to 5.5 mmol/L.
    """

    weight_kg: float
    usual_gfr_ml_min: float = 100.0
    usual_potassium: float = 4.2

    def __post_init__(self) -> None:
        within("weight_kg", self.weight_kg, 30, 250, "kg")
        within("usual_gfr_ml_min", self.usual_gfr_ml_min, 5, 200, "mL/min")
        within("usual_potassium", self.usual_potassium, 3.5, 5.5, "mmol/L")


@dataclass(frozen=True, slots=True)
class ElectrolyteState:
    """All that the future depends on; a store is what a pool has more (or less, negative) than usually, in mmol.

    Attributes:
        potassium: Serum potassium, mmol/L.
        quick_potassium: Level in mmol/L with which quickly exchanging cells are in balance.
        slow_potassium: Store of slowly exchanging cells, mmol.
        oral_potassium: Potassium not yet absorbed, mmol.
        magnesium: Serum magnesium, mmol/L.
        quick_magnesium: Store of quickly exchanging cells, mmol.
        slow_magnesium: Store of slowly exchanging cells and bone, mmol.
        oral_magnesium: Magnesium not yet absorbed, mmol.
    """

    potassium: float
    quick_potassium: float
    slow_potassium: float
    oral_potassium: float
    magnesium: float
    quick_magnesium: float
    slow_magnesium: float
    oral_magnesium: float


@dataclass(frozen=True, slots=True)
class ElectrolyteInputs:
    """What is given and lost during a step; rates last for all of it, doses "now" fall at its start.

    Attributes:
        gfr_ml_min: The kidneys' filtration now, 0 to 250 mL/min.
        iv_potassium: Potassium into a vein, 0 to 100 mmol/h.
        iv_magnesium: Magnesium into a vein, 0 to 200 mmol/h (`MMOL_PER_GRAM_MAGNESIUM_SULFATE`).
        oral_potassium_now: A dose by mouth, 0 to 200 mmol.
        oral_magnesium_now: A dose by mouth, 0 to 100 mmol.
        food_potassium: Potassium in food, 0 to 20 mmol/h; usual food has 80 mmol a day.
        food_magnesium: Magnesium in food, 0 to 5 mmol/h; usual food has 12 mmol a day.
        lost_potassium: More loss by diuretics, gut or drains, 0 to 30 mmol/h.
        lost_magnesium: More loss by diuretics, gut or drains, 0 to 5 mmol/h.
        shift: Pull of cells on potassium, -3 to 3 mmol/L: positive with insulin, negative with acidosis.
    """

    gfr_ml_min: float
    iv_potassium: float = 0.0
    iv_magnesium: float = 0.0
    oral_potassium_now: float = 0.0
    oral_magnesium_now: float = 0.0
    food_potassium: float = 80 / 24
    food_magnesium: float = 12 / 24
    lost_potassium: float = 0.0
    lost_magnesium: float = 0.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        within("gfr_ml_min", self.gfr_ml_min, 0, 250, "mL/min")
        within("iv_potassium", self.iv_potassium, 0, 100, "mmol/h")
        within("iv_magnesium", self.iv_magnesium, 0, 200, "mmol/h")
        within("oral_potassium_now", self.oral_potassium_now, 0, 200, "mmol")
        within("oral_magnesium_now", self.oral_magnesium_now, 0, 100, "mmol")
        within("food_potassium", self.food_potassium, 0, 20, "mmol/h")
        within("food_magnesium", self.food_magnesium, 0, 5, "mmol/h")
        within("lost_potassium", self.lost_potassium, 0, 30, "mmol/h")
        within("lost_magnesium", self.lost_magnesium, 0, 5, "mmol/h")
        within("shift", self.shift, -3, 3, "mmol/L")


def urine_potassium(
    patient: ElectrolytePatient, inputs: ElectrolyteInputs, potassium: float, magnesium: float
) -> float:
    """Returns the loss of potassium by urine, mmol/h.

    Args:
        patient: The patient.
        inputs: The filtration now.
        potassium: Serum potassium, mmol/L.
        magnesium: Serum magnesium, mmol/L.
    """
    low = min(1.0, max(0.0, (_MG_FULL - magnesium) / (_MG_FULL - _MG_EMPTY)))
    usual = patient.usual_gfr_ml_min
    above = potassium - patient.usual_potassium + _K_SET_LOWER * low
    share = inputs.gfr_ml_min / usual
    wanted = share * (_K_URINE + _K_SLOPE * usual * above)
    least = (_K_LEAST + _K_WASTED * low) * min(1.0, share)
    return min(max(wanted, least), _K_MOST * inputs.gfr_ml_min) * min(1.0, max(0.0, potassium / _SCARCE[0]))


def urine_magnesium(inputs: ElectrolyteInputs, magnesium: float) -> float:
    """Returns the loss of magnesium by urine, mmol/h.

    Args:
        inputs: The filtration now.
        magnesium: Serum magnesium, mmol/L.
    """
    above = max(0.0, magnesium - _MG_THRESHOLD)
    return inputs.gfr_ml_min * min(_MG_SLOPE * above * above, _MG_FILTERED * magnesium)


def advance(
    patient: ElectrolytePatient, state: ElectrolyteState, inputs: ElectrolyteInputs, minutes: float
) -> ElectrolyteState:
    """Returns the state some minutes later; cuts at whole minutes change nothing.

    Args:
        patient: The patient.
        state: The state at the start.
        inputs: What is given and lost.
        minutes: The time, 0 to 600,000 minutes.
    """
    minutes_to_pass(minutes)
    w = patient.weight_kg
    k, quick, slow, mg = state.potassium, state.quick_potassium, state.slow_potassium, state.magnesium
    mg_quick, mg_slow = state.quick_magnesium, state.slow_magnesium
    k_oral = state.oral_potassium + inputs.oral_potassium_now
    mg_oral = state.oral_magnesium + inputs.oral_magnesium_now
    for count, length in pieces(minutes):
        h = length / 60
        for _ in range(count):
            k_in, mg_in = _ABSORBING * k_oral, _ABSORBING * mg_oral
            k_oral += h * (inputs.food_potassium - k_in)
            mg_oral += h * (inputs.food_magnesium - mg_in)
            pulled = k + inputs.shift * min(1.0, max(0.0, k / _SCARCE[0]))
            into_quick = _K_QUICK_FLOW * w * (pulled - quick)
            base = slow / (w * (_K_SLOW_BELOW if slow < 0 else _K_SLOW_ABOVE)) + patient.usual_potassium
            into_slow = _K_SLOW_FLOW * w * (pulled - base)
            lost = inputs.lost_potassium * min(1.0, max(0.0, k / _SCARCE[0])) + urine_potassium(patient, inputs, k, mg)
            k += h * (inputs.iv_potassium + _K_ABSORBED * k_in - lost - into_quick - into_slow) / (_OUTSIDE * w)
            quick += h * into_quick / (_K_QUICK * w)
            slow += h * into_slow
            mg_here = mg - _USUAL_MAGNESIUM
            room = w * (_MG_QUICK_BELOW if mg_quick < 0 else _MG_QUICK_ABOVE)
            mg_into_quick = _MG_QUICK_FLOW * w * (mg_here - mg_quick / room)
            room = w * (_MG_SLOW_BELOW if mg_slow < 0 else _MG_SLOW_ABOVE)
            mg_into_slow = _MG_SLOW_FLOW * w * (mg_here - mg_slow / room)
            lost = inputs.lost_magnesium * min(1.0, max(0.0, mg / _SCARCE[1])) + urine_magnesium(inputs, mg)
            mg += (
                h * (inputs.iv_magnesium + _MG_ABSORBED * mg_in - lost - mg_into_quick - mg_into_slow) / (_OUTSIDE * w)
            )
            mg_quick += h * mg_into_quick
            mg_slow += h * mg_into_slow
    return ElectrolyteState(k, quick, slow, k_oral, mg, mg_quick, mg_slow, mg_oral)


def depleted(patient: ElectrolytePatient, potassium: float = 4.2, magnesium: float = 0.85) -> ElectrolyteState:
    """Returns a state in which all pools are in balance at given levels, and nothing waits in the gut.

    Args:
        patient: The patient.
        potassium: Serum potassium, 1.5 to 8 mmol/L.
        magnesium: Serum magnesium, 0.2 to 3 mmol/L.
    """
    within("potassium", potassium, 1.5, 8, "mmol/L")
    within("magnesium", magnesium, 0.2, 3, "mmol/L")
    w, k, mg = patient.weight_kg, potassium - patient.usual_potassium, magnesium - _USUAL_MAGNESIUM
    slow = k * w * (_K_SLOW_BELOW if k < 0 else _K_SLOW_ABOVE)
    mg_quick = mg * w * (_MG_QUICK_BELOW if mg < 0 else _MG_QUICK_ABOVE)
    mg_slow = mg * w * (_MG_SLOW_BELOW if mg < 0 else _MG_SLOW_ABOVE)
    return ElectrolyteState(potassium, potassium, slow, 0.0, magnesium, mg_quick, mg_slow, 0.0)


def steady(patient: ElectrolytePatient, inputs: ElectrolyteInputs) -> ElectrolyteState:
    """Returns the state after a hundred days of the same inputs, the dose "now" left out.

    Args:
        patient: The patient.
        inputs: What is given and lost.
    """
    return advance(patient, depleted(patient, patient.usual_potassium), inputs, 100 * 24 * 60.0)


def serum_potassium(state: ElectrolyteState, noise: float = 0.0, haemolysis: float = 0.0) -> float:
    """Returns serum potassium as a laboratory reports it, mmol/L.

    Args:
        state: The state.
        noise: What this measurement differs by, mmol/L.
        haemolysis: Potassium that broken red cells added in the tube, mmol/L.
    """
    return state.potassium + noise + haemolysis


def serum_magnesium(state: ElectrolyteState, noise: float = 0.0) -> float:
    """Returns serum magnesium, mmol/L.

    Args:
        state: The state.
        noise: What this measurement differs by, mmol/L.
    """
    return state.magnesium + noise


def potassium_deficit(patient: ElectrolytePatient, state: ElectrolyteState) -> float:
    """Returns the potassium that the body lacks against its usual content, mmol; negative if it has too much.

    Args:
        patient: The patient.
        state: The state.
    """
    lacking = patient.usual_potassium - state.potassium
    quick = patient.usual_potassium - state.quick_potassium
    return patient.weight_kg * (_OUTSIDE * lacking + _K_QUICK * quick) - state.slow_potassium
