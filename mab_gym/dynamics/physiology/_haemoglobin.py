"""Haemoglobin under bleeding, fluids and transfusion, and the marrow's answer.

The body holds haemoglobin (g) in a volume of blood. Bleeding takes both away, so that the concentration falls only
when water comes in: from the tissues over a day, or at once with crystalloid, of which most leaves the vessels within
half an hour. Red cell units bring both. The marrow makes up for what is missing, after some days, over weeks with iron
and over months without.

Weaker than life: the spleen, the kidneys, anaemia of other kinds and haemolysis are not there; a crystalloid leaves as
fast after a bleed as before (Drobin and Hahn 1999 saw it stay longer); nobody dies. The model is for learning, not
for patients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from mab_gym.dynamics.physiology._bounds import minutes_within, within
from mab_gym.dynamics.physiology._runge_kutta import Five, Numbers, half_steps, integrate_five
from mab_gym.errors import UsageError

Sex = Literal["female", "male"]
Iron = Literal["given", "stores", "deficient"]

NADLER = {"male": (0.3669, 0.03219, 0.6041), "female": (0.3561, 0.03308, 0.1833)}
"""Nadler SB et al., Surgery 1962;51:224: blood volume (L) = a × height³ (m) + b × weight (kg) + c."""
CELL_G_ML = 0.34
"""chosen: haemoglobin in red cells, 34 g/dL, the middle of the usual reference range of the MCHC."""
UNIT_ML = 300.0
"""chosen: a red cell unit's volume; the AABB's circular gives 300 to 400 mL with additive solution."""
UNIT_HAEMOGLOBIN_G = 50.0
"""chosen: a unit's haemoglobin that gives the usual rise of 1 g/dL in an adult of 70 kg; units hold 147 to 278 mg of
iron, which is 43 to 82 g."""
FAST_PART = 0.8
"""chosen: the part of a crystalloid that leaves the vessels fast. With the two below, about 50 % is within them at the
end of 30 minutes' infusion and about 20 % 30 minutes later; Hahn RG, Acta Anaesthesiol Scand 2020 (aas.13533): 50 to
60 % as long as it runs and 15 to 20 % 30 minutes after its end."""
FAST_HALF_LIFE_MIN = 8.0
"""chosen: the half-life of that part in the vessels, minutes."""
SLOW_HALF_LIFE_MIN = 240.0
"""chosen: the half-life of the rest, by the kidneys, minutes."""
REFILL_HALF_LIFE_H = 8.0
"""chosen: the half-life in which water from the tissues makes up for a lost volume, so that after a bleed the
concentration has fallen all the way within a day or two, as is taught."""
RECOVERY_PER_DAY: dict[Iron, float] = {
    "given": math.log(5.0) / 34.0,
    "stores": math.log(5.0) / 81.0,
    "deficient": math.log(5.0) / 161.0,
}
"""Rates of recovery per day, solved so that 80 % of what a donation took is back after 31 days (with iron), 78 days
(without, stores full) and 158 days (without, stores low): Kiss JE et al., JAMA 2015;313:575, abstract."""
LEAST_PART_TO_BLEED = 0.4
"""chosen: below this part of the usual volume a bleeding slows in proportion to what is left, as the pressure falls."""
MARROW_DELAY_DAYS = 5.0
"""chosen: the mean delay from a loss to new cells, in three steps; reticulocytes peak about a week after a bleed."""
CELL_LIFE_DAYS = 120.0
"""The life of a red cell, so that a day makes 1/120 of all, and a reticulocyte lives a day in the blood: 0.8 %."""


@dataclass(frozen=True)
class BloodPatient:
    """Holds one person's blood as it is in health.

    Attributes:
        sex: Sex.
        height_m: Height, from 1.2 to 2.3 m.
        weight_kg: Weight, from 30 to 300 kg.
        usual_haemoglobin_g_dl: The concentration to which the marrow comes back, from 5 to 20 g/dL.
        iron: The iron that the marrow has.
    """

    sex: Sex
    height_m: float
    weight_kg: float
    usual_haemoglobin_g_dl: float = 14.0
    iron: Iron = "stores"

    def __post_init__(self) -> None:
        """Holds the figures to their bounds."""
        if self.sex not in NADLER:
            raise UsageError(f"sex is {self.sex!r}; it must be female or male.")
        if self.iron not in RECOVERY_PER_DAY:
            raise UsageError(f"iron is {self.iron!r}; it must be given, stores or deficient.")
        within("height_m", self.height_m, 1.2, 2.3, "m")
        within("weight_kg", self.weight_kg, 30.0, 300.0, "kg")
        within("usual_haemoglobin_g_dl", self.usual_haemoglobin_g_dl, 5.0, 20.0, "g/dL")


@dataclass(frozen=True)
class BloodState:
    """Holds all that the future depends on.

    Attributes:
        haemoglobin_g: All haemoglobin in the blood, g.
        volume_ml: Volume of the blood without what crystalloid added, mL.
        fast_fluid_ml: Crystalloid in the vessels that leaves fast, mL.
        slow_fluid_ml: Crystalloid in the vessels that leaves slowly, mL.
        marrow_g: Missing haemoglobin as three steps of the marrow see it, g; the last sets the production.
    """

    haemoglobin_g: float
    volume_ml: float
    fast_fluid_ml: float = 0.0
    slow_fluid_ml: float = 0.0
    marrow_g: Numbers = field(default=(0.0, 0.0, 0.0))


@dataclass(frozen=True)
class BloodInputs:
    """Holds what comes and goes during a step, all through it.

    Attributes:
        bleeding_ml_min: Blood lost, from 0 to 200 mL/min.
        crystalloid_ml_min: Crystalloid in a vein, from 0 to 200 mL/min.
        red_cells_ml_min: Red cells in a vein, from 0 to 200 mL/min; a unit has 300 mL.
    """

    bleeding_ml_min: float = 0.0
    crystalloid_ml_min: float = 0.0
    red_cells_ml_min: float = 0.0


def blood_volume_ml(patient: BloodPatient) -> float:
    """Returns the usual volume of blood in mL, by Nadler 1962."""
    cubic, linear, constant = NADLER[patient.sex]
    return 1000.0 * (cubic * patient.height_m**3 + linear * patient.weight_kg + constant)


def steady(patient: BloodPatient, haemoglobin_g_dl: float | None = None) -> BloodState:
    """Returns the state with the usual volume of blood.

    With the person's usual haemoglobin it stays for ever; with another, the volume stays and the marrow answers.

    Args:
        patient: The person.
        haemoglobin_g_dl: The concentration, from 1 to 25 g/dL; the person's usual one where it is None.
    """
    usual = patient.usual_haemoglobin_g_dl
    wanted = usual if haemoglobin_g_dl is None else within("haemoglobin_g_dl", haemoglobin_g_dl, 1.0, 25.0, "g/dL")
    volume = blood_volume_ml(patient)
    missing = (usual - wanted) * volume / 100.0
    return BloodState(wanted * volume / 100.0, volume, marrow_g=(missing,) * 3)


def advance(patient: BloodPatient, state: BloodState, inputs: BloodInputs, minutes: float) -> BloodState:
    """Returns the state after some minutes; the same to one part in a million however a time is cut.

    Args:
        patient: The person.
        state: The state before.
        inputs: What comes and goes.
        minutes: The time in minutes.
    """
    _check(state, inputs)
    minutes_within(minutes)
    usual_volume = blood_volume_ml(patient)
    usual_g = patient.usual_haemoglobin_g_dl * usual_volume / 100.0
    refill = math.log(2.0) / (REFILL_HALF_LIFE_H * 60.0)
    recovery = RECOVERY_PER_DAY[patient.iron] / 1440.0
    step = 3.0 / (MARROW_DELAY_DAYS * 1440.0)
    units = inputs.red_cells_ml_min / UNIT_ML

    bleeding, red_cells, cells_g = inputs.bleeding_ml_min, inputs.red_cells_ml_min, units * UNIT_HAEMOGLOBIN_G
    least = LEAST_PART_TO_BLEED * usual_volume

    def change(fluid: float, grams: float, volume: float, first: float, second: float, third: float) -> Five:
        in_vessels = volume + fluid
        lost = bleeding / (in_vessels if in_vessels > least else least)
        return (
            recovery * third + cells_g - lost * grams,
            refill * (usual_volume - volume) + red_cells - lost * volume,
            step * (usual_g - grams - first),
            step * (first - second),
            step * (second - third),
        )

    times = half_steps(minutes, 3.0 if bleeding else 60.0)
    fluids = [sum(_fluids(state, inputs, minute)) for minute in times] if bleeding else [0.0] * len(times)
    first, second, third = state.marrow_g
    start = (state.haemoglobin_g, state.volume_ml, first, second, third)
    grams, volume, *marrow = integrate_five(change, fluids, start, minutes)
    fast, slow = _fluids(state, inputs, minutes)
    return BloodState(max(grams, 0.0), volume, fast, slow, tuple(marrow))


def haemoglobin_g_dl(state: BloodState) -> float:
    """Returns the concentration of haemoglobin in g/dL."""
    return 100.0 * state.haemoglobin_g / volume_ml(state)


def haematocrit(state: BloodState) -> float:
    """Returns the part of the blood that is red cells."""
    return state.haemoglobin_g / CELL_G_ML / volume_ml(state)


def volume_ml(state: BloodState) -> float:
    """Returns the volume of the blood with all fluid in it, mL."""
    return state.volume_ml + state.fast_fluid_ml + state.slow_fluid_ml


def volume_lost(patient: BloodPatient, state: BloodState) -> float:
    """Returns the missing part of the usual volume of blood; below 0 where there is too much."""
    return 1.0 - volume_ml(state) / blood_volume_ml(patient)


def reticulocytes_percent(patient: BloodPatient, state: BloodState) -> float:
    """Returns the reticulocytes as a part of all red cells, in percent, from what the marrow makes in a day."""
    usual_g = patient.usual_haemoglobin_g_dl * blood_volume_ml(patient) / 100.0
    made = usual_g / CELL_LIFE_DAYS + RECOVERY_PER_DAY[patient.iron] * state.marrow_g[2]
    return 100.0 * min(max(made, 0.0) / max(state.haemoglobin_g, 1.0), 1.0)


def _fluids(state: BloodState, inputs: BloodInputs, minute: float) -> tuple[float, float]:
    """Returns the crystalloid in the vessels after some minutes, that which leaves fast and the rest, mL; exact."""
    amounts = []
    for part, half_life, before in (
        (FAST_PART, FAST_HALF_LIFE_MIN, state.fast_fluid_ml),
        (1.0 - FAST_PART, SLOW_HALF_LIFE_MIN, state.slow_fluid_ml),
    ):
        rate = math.log(2.0) / half_life
        gone = -math.expm1(-rate * minute)
        amounts.append(before * (1.0 - gone) + part * inputs.crystalloid_ml_min / rate * gone)
    return amounts[0], amounts[1]


def _check(state: BloodState, inputs: BloodInputs) -> None:
    """Holds a state and what comes and goes to their bounds."""
    within("haemoglobin_g", state.haemoglobin_g, 0.0, 100_000.0, "g")
    within("volume_ml", state.volume_ml, 1.0, 1_000_000.0, "mL")
    within("fast_fluid_ml", state.fast_fluid_ml, 0.0, 100_000.0, "mL")
    within("slow_fluid_ml", state.slow_fluid_ml, 0.0, 100_000.0, "mL")
    if len(state.marrow_g) != 3:
        raise UsageError(f"marrow_g has {len(state.marrow_g)} numbers; it must have 3.")
    for missing in state.marrow_g:
        within("marrow_g", missing, -100_000.0, 100_000.0, "g")
    within("bleeding_ml_min", inputs.bleeding_ml_min, 0.0, 200.0, "mL/min")
    within("crystalloid_ml_min", inputs.crystalloid_ml_min, 0.0, 200.0, "mL/min")
    within("red_cells_ml_min", inputs.red_cells_ml_min, 0.0, 200.0, "mL/min")
