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

from collections.abc import Callable

from mab_gym.dynamics.physiology._bounds import minutes_within, within
from mab_gym.dynamics.physiology._electrolytes import ElectrolyteInputs, ElectrolytePatient, ElectrolyteState
from mab_gym.dynamics.physiology._steps import pieces
from mab_gym.errors import UsageError

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
"""Least loss by urine, mmol/h: deprived people lost 6 to 34 mmol a day ("Potassium deficiency
and the role of the kidney in its production"). Chosen: the most, mmol/h for each mL/min."""
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
    low = 0.0 if magnesium >= _MG_FULL else min(1.0, (_MG_FULL - magnesium) / (_MG_FULL - _MG_EMPTY))
    usual = patient.usual_gfr_ml_min
    above = potassium - patient.usual_potassium + _K_SET_LOWER * low
    share = inputs.gfr_ml_min / usual
    wanted = share * (_K_URINE + _K_SLOPE * usual * above)
    least = (_K_LEAST + _K_WASTED * low) * min(1.0, share)
    return min(max(wanted, least), _K_MOST * inputs.gfr_ml_min) * _enough(potassium, _SCARCE[0])


def _enough(level: float, scarce: float) -> float:
    """Returns 1, and less where a level is scarce, down to 0."""
    return 1.0 if level >= scarce else max(0.0, level / scarce)


def urine_magnesium(inputs: ElectrolyteInputs, magnesium: float) -> float:
    """Returns the loss of magnesium by urine, mmol/h.

    Args:
        inputs: The filtration now.
        magnesium: Serum magnesium, mmol/L.
    """
    above = max(0.0, magnesium - _MG_THRESHOLD)
    return inputs.gfr_ml_min * min(_MG_SLOPE * above * above, _MG_FILTERED * magnesium)


def advance(
    patient: ElectrolytePatient, state: ElectrolyteState, inputs: ElectrolyteInputs, minutes: float, step: float = 1.0
) -> ElectrolyteState:
    """Returns the state some minutes later; cuts at whole minutes change nothing.

    Args:
        patient: The patient.
        state: The state at the start.
        inputs: What is given and lost.
        minutes: The time, 0 to 600,000 minutes.
        step: The length of a step of integration in minutes; a body at a bedside takes five, which costs a fifth.
    """
    minutes_within(minutes)
    w = patient.weight_kg
    k, quick, slow, mg = state.potassium, state.quick_potassium, state.slow_potassium, state.magnesium
    mg_quick, mg_slow = state.quick_magnesium, state.slow_magnesium
    k_oral = state.oral_potassium + inputs.oral_potassium_now
    mg_oral = state.oral_magnesium + inputs.oral_magnesium_now
    k_food, mg_food, k_iv, mg_iv = (
        inputs.food_potassium,
        inputs.food_magnesium,
        inputs.iv_potassium,
        inputs.iv_magnesium,
    )
    k_lost, mg_lost, shift, usual = inputs.lost_potassium, inputs.lost_magnesium, inputs.shift, patient.usual_potassium
    # `urine_potassium` and `urine_magnesium`, term by term: of these steps a day on the clock has hundreds.
    gfr, share = inputs.gfr_ml_min, inputs.gfr_ml_min / patient.usual_gfr_ml_min
    k_slope, k_share, k_most = _K_SLOPE * patient.usual_gfr_ml_min, min(1.0, share), _K_MOST * gfr
    k_scarce, mg_scarce = _SCARCE
    outside, room_quick = _OUTSIDE * w, _K_QUICK * w
    to_quick, to_slow, mg_to_quick, mg_to_slow = (
        flow * w for flow in (_K_QUICK_FLOW, _K_SLOW_FLOW, _MG_QUICK_FLOW, _MG_SLOW_FLOW)
    )
    for count, length in pieces(minutes, step):
        h = length / 60
        for _ in range(count):
            k_in, mg_in = _ABSORBING * k_oral, _ABSORBING * mg_oral
            k_oral += h * (k_food - k_in)
            mg_oral += h * (mg_food - mg_in)
            here = 1.0 if k >= k_scarce else max(0.0, k / k_scarce)
            pulled = k + shift * here
            into_quick = to_quick * (pulled - quick)
            base = slow / (w * (_K_SLOW_BELOW if slow < 0 else _K_SLOW_ABOVE)) + usual
            into_slow = to_slow * (pulled - base)
            low = 0.0 if mg >= _MG_FULL else min(1.0, (_MG_FULL - mg) / (_MG_FULL - _MG_EMPTY))
            urine = share * (_K_URINE + k_slope * (k - usual + _K_SET_LOWER * low))
            least = (_K_LEAST + _K_WASTED * low) * k_share
            urine = urine if urine > least else least
            lost = k_lost * here + (urine if urine < k_most else k_most) * here
            k += h * (k_iv + _K_ABSORBED * k_in - lost - into_quick - into_slow) / outside
            quick += h * into_quick / room_quick
            slow += h * into_slow
            mg_here = mg - _USUAL_MAGNESIUM
            room = w * (_MG_QUICK_BELOW if mg_quick < 0 else _MG_QUICK_ABOVE)
            mg_into_quick = mg_to_quick * (mg_here - mg_quick / room)
            room = w * (_MG_SLOW_BELOW if mg_slow < 0 else _MG_SLOW_ABOVE)
            mg_into_slow = mg_to_slow * (mg_here - mg_slow / room)
            above = mg - _MG_THRESHOLD if mg > _MG_THRESHOLD else 0.0
            urine, filtered = _MG_SLOPE * above * above, _MG_FILTERED * mg
            here = 1.0 if mg >= mg_scarce else max(0.0, mg / mg_scarce)
            lost = mg_lost * here + gfr * (urine if urine < filtered else filtered)
            mg += h * (mg_iv + _MG_ABSORBED * mg_in - lost - mg_into_quick - mg_into_slow) / outside
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
    return _balanced(patient, potassium, magnesium, ElectrolyteInputs(0, food_potassium=0, food_magnesium=0))


def _balanced(
    patient: ElectrolytePatient, potassium: float, magnesium: float, inputs: ElectrolyteInputs
) -> ElectrolyteState:
    """Returns the state in which pools and depots are in balance with given levels in mmol/L, and with food."""
    w, mg = patient.weight_kg, magnesium - _USUAL_MAGNESIUM
    pulled = potassium + inputs.shift * min(1.0, potassium / _SCARCE[0])
    k = pulled - patient.usual_potassium
    slow = k * w * (_K_SLOW_BELOW if k < 0 else _K_SLOW_ABOVE)
    mg_quick = mg * w * (_MG_QUICK_BELOW if mg < 0 else _MG_QUICK_ABOVE)
    mg_slow = mg * w * (_MG_SLOW_BELOW if mg < 0 else _MG_SLOW_ABOVE)
    k_oral, mg_oral = inputs.food_potassium / _ABSORBING, inputs.food_magnesium / _ABSORBING
    return ElectrolyteState(potassium, pulled, slow, k_oral, magnesium, mg_quick, mg_slow, mg_oral)


def steady(patient: ElectrolytePatient, inputs: ElectrolyteInputs) -> ElectrolyteState:
    """Returns the state in which nothing changes, the doses "now" left out.

    Args:
        patient: The patient.
        inputs: What is given and lost.

    Raises:
        UsageError: If the kidneys work too little to excrete what is given, so that no state is steady.
    """
    mg_in = inputs.iv_magnesium + _MG_ABSORBED * inputs.food_magnesium
    k_in = inputs.iv_potassium + _K_ABSORBED * inputs.food_potassium

    def mg_kept(level: float) -> float:
        return mg_in - inputs.lost_magnesium * min(1.0, level / _SCARCE[1]) - urine_magnesium(inputs, level)

    magnesium = _root(mg_kept)

    def k_kept(level: float) -> float:
        lost = inputs.lost_potassium * min(1.0, level / _SCARCE[0])
        return k_in - lost - urine_potassium(patient, inputs, level, magnesium)

    return _balanced(patient, _root(k_kept), magnesium, inputs)


def _root(kept: Callable[[float], float]) -> float:
    """Returns the level in mmol/L at which nothing is kept; what is kept falls with the level."""
    low, high = 0.0, 30.0
    if kept(high) > 0:
        raise UsageError("gfr_ml_min must be high enough to excrete what is given; here no state is steady")
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if kept(middle) > 0 else (low, middle)
    return high


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
