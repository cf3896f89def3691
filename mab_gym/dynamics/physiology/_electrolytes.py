"""The patient, the state and the inputs of the model of potassium and magnesium (`_potassium`)."""

from __future__ import annotations

from dataclasses import dataclass

from mab_gym.dynamics.physiology._bounds import within


@dataclass(frozen=True, slots=True)
class ElectrolytePatient:
    """The fixed properties of a person.

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
    """Gains and losses during a step; rates last for all of it, doses "now" fall at its start.

    Attributes:
        gfr_ml_min: The kidneys' filtration now, 0 to 250 mL/min.
        iv_potassium: Potassium into a vein, 0 to 100 mmol/h.
        iv_magnesium: Magnesium into a vein, 0 to 200 mmol/h (`_potassium.MMOL_PER_GRAM_MAGNESIUM_SULFATE`).
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
