"""A patient with ketoacidosis: glucose, ketones, bicarbonate and potassium under fluid, insulin and potassium.

Potassium moves by `mab_gym.dynamics.physiology._potassium`, pushed out of cells by acidosis and pulled in by insulin.
Glucose and ketones have simple equations of ours, fitted to what guidelines ask for: glucose falls by 50 to 75 mg/dL an
hour under 0.1 U/kg/h, ketones by 0.5 mmol/L an hour and more (Umpierrez GE et al., Diabetes Care 2024;47:1257;
Joint British Diabetes Societies 2023). For learning, not for patients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from mab_gym.dynamics._body import CONTINUOUS, Dose
from mab_gym.dynamics.bodies._glucose_bedside import GlucoseBedside
from mab_gym.dynamics.physiology import _potassium
from mab_gym.dynamics.physiology._electrolytes import ElectrolyteInputs, ElectrolytePatient, ElectrolyteState
from mab_gym.tasking.stay import StayEvent

STEP: Final = 5.0
"""Minutes of a step of integration."""
FULL, ENOUGH = 0.1, 0.04
"""Insulin in U/kg/h at which the liver gives no more glucose, and no more ketones: chosen."""
_LIVER, _USE, _URINE = 20.0, 80.0, 0.12
"""Chosen: mg/dL an hour from the liver without insulin, into cells by full insulin, and by urine above 180 mg/dL."""
_GLUCOSE_L_KG: Final = 0.35
"""Chosen: volume in which dextrose spreads over hours, L/kg."""
_MADE, _CLEARED = 1.2, 0.85
"""Chosen: ketones made without insulin and cleared at most, mmol/L an hour."""
_DELAY, _RAPID, _LONG_BEGINS = 20.0, 70.0, 90.0
"""Chosen: minutes in which insulin comes to its effect by vein, under the skin, and as a long-acting one."""
_LONG_FORCE: Final = 4.0
"""Chosen: long-acting insulin holds ketones down so many times better than its hourly share says."""
_PUSHED_OUT, _PULLED_IN = 0.9, 0.8
"""Chosen: pull on potassium by 6 mmol/L of ketones and by full insulin, mmol/L."""
_LACKING: Final = 2.5
"""Potassium that slow cells lack, mmol/kg: deficits are 3 to 5 mmol/kg in all (Kitabchi AE et al., 2009)."""
SHORTEST_DRIP: Final = 30.0
"""Minutes from which insulin by vein counts as an infusion."""
LOW, HIGH = 2.5, 6.5
_CRYSTALLOIDS = ("sodium chloride", "lactated", "plasma-lyte")
_LONG = ("glargine", "detemir", "degludec", "nph")


@dataclass(frozen=True, slots=True)
class KetoacidosisCase:
    """All that a case says of the body; none of it is shown to an agent.

    Attributes:
        weight_kg: Weight.
        glucose: At the beginning, mg/dL.
        ketones: Beta-hydroxybutyrate at the beginning, mmol/L.
        potassium: At the beginning, mmol/L.
        gfr: Filtration in mL/min.
        sensitivity: Effect of insulin on glucose against the usual one.
    """

    weight_kg: float
    glucose: float
    ketones: float
    potassium: float
    gfr: float = 70.0
    sensitivity: float = 1.0


@dataclass(frozen=True, slots=True)
class _State:
    salts: ElectrolyteState
    glucose: float
    ketones: float
    effect: float
    depot: float
    fluid: float


class KetoacidosisBody(GlucoseBedside):
    """Glucose, ketones and potassium under treatment.

    Args:
        case: The patient.
        signs: Vital signs in the place of the usual ones.
    """

    def __init__(self, case: KetoacidosisCase, signs: Mapping[str, float] | None = None) -> None:
        super().__init__((), signs)
        self._case = case
        self._weight = min(max(case.weight_kg, 30.0), 250.0)
        self._patient = ElectrolytePatient(self._weight, min(max(case.gfr, 5.0), 200.0))
        salts = _potassium.depleted(self._patient, case.potassium, 0.85)
        pushed = case.potassium - _PUSHED_OUT * case.ketones / 6
        salts = replace(salts, quick_potassium=pushed, slow_potassium=-_LACKING * self._weight)
        self._state: _State = _State(salts, case.glucose, case.ketones, 0.0, 0.0, 0.0)
        self._long: list[tuple[int, float]] = []

    def _carry(self, minutes: int) -> _State:
        state, left, minute = self._state, float(minutes), float(self._carried)
        while left > 0:
            step = min(STEP, left)
            state = self._step(state, step, minute)
            left, minute = left - step, minute + step
        return state

    def _step(self, state: _State, minutes: float, minute: float) -> _State:
        weight, h = self._weight, minutes / 60
        released = state.depot * -math.expm1(-minutes / _RAPID)
        running = self.rate("insulin") / weight + released / weight / h
        effect = running + (state.effect - running) * math.exp(-minutes / _DELAY)
        basal = (
            sum(units / 24 * min(max(minute - begun, 0) / _LONG_BEGINS, 1.0) for begun, units in self._long) / weight
        )
        acts = min((effect + basal) / FULL, 2.0)
        holds = min((effect + _LONG_FORCE * basal) / ENOUGH, 1.0)
        level, wet = state.glucose, 0.4 + 0.6 * min(state.fluid / 3000, 1.0)
        change = _LIVER * (1 - min(acts, 1.0)) - _USE * self._case.sensitivity * acts * level / (level + 120)
        change -= _URINE * max(level - 180, 0.0) * wet
        change += min(self.rate("glucose"), 100.0) * 1000 / (_GLUCOSE_L_KG * 10 * weight)
        ketones = state.ketones + h * (_MADE * (1 - holds) - _CLEARED * state.ketones / (state.ketones + 0.5))
        shift = -_PUSHED_OUT * state.ketones / 6 + _PULLED_IN * min(acts, 1.2)
        salts = ElectrolyteInputs(
            self._patient.usual_gfr_ml_min,
            iv_potassium=min(self.rate("potassium"), 100.0),
            food_potassium=0.0,
            food_magnesium=0.3,
            lost_potassium=2.0 * min(max(level - 180, 0.0) / 250, 1.5),
            shift=max(min(shift, 3.0), -3.0),
        )
        return _State(
            _potassium.advance(self._patient, state.salts, salts, minutes, STEP),
            max(level + h * change, 15.0),
            max(ketones, 0.1),
            effect,
            state.depot - released,
            state.fluid + h * self.rate("fluid"),
        )

    def _begin(self, dose: Dose, drug: str) -> list[StayEvent]:
        if "insulin" in drug:
            self._insulin(dose, drug)
        elif drug.startswith(("dextrose", "glucose")):
            if dose.route == "iv":
                self.run(dose, "glucose", dose.amount, quickest=dose.amount * 60 / 100)
                part = {"dextrose 5%": 0.05, "dextrose 10%": 0.1}.get(drug)
                if part is not None:
                    self.run(dose, "fluid", dose.amount / part, quickest=dose.amount / part / 100)
            else:
                self.run(replace(dose, minutes=30.0), "glucose", dose.amount)
        elif "potassium" in drug:
            self.run(replace(dose, minutes=max(dose.minutes, 30.0)), "potassium", dose.amount)
            if dose.route == "iv" and dose.minutes != CONTINUOUS and dose.amount * 60 / max(dose.minutes, 1) > 41:
                return self.once("arrhythmia", "Ventricular tachycardia while potassium runs in.", harm=True)
        elif any(word in drug for word in _CRYSTALLOIDS):
            self.run(dose, "fluid", dose.amount, quickest=dose.amount / 100)
        return []

    def _insulin(self, dose: Dose, drug: str) -> None:
        if any(word in drug for word in _LONG):
            self._long.append((self._minute, min(dose.amount, 200.0)))
        elif dose.route == "iv" and dose.minutes >= SHORTEST_DRIP:
            self.run(dose, "insulin", dose.amount)
        elif dose.route == "iv":
            more = min(dose.amount, 100.0) / self._weight * 60 / _DELAY
            self._state = replace(self._state, effect=self._state.effect + more)
        else:
            self._state = replace(self._state, depot=self._state.depot + min(dose.amount, 200.0))

    def _look(self, minute: int) -> list[StayEvent]:
        events = list[StayEvent]()
        potassium = self._state.salts.potassium
        if potassium < LOW:
            text = "The monitor shows runs of ventricular tachycardia; the patient is weak and pale."
            events += self.once("ventricular_arrhythmia", text, harm=True, minute=minute)
        if potassium >= HIGH:
            text = "The monitor shows wide complexes and a pulse of 40 a minute."
            events += self.once("bradycardia", text, harm=True, minute=minute)
        return events + self._lows(minute, self._state.glucose, harm=False)

    def _values(self) -> Mapping[str, float]:
        state = self._now()
        bicarbonate = max(25.0 - 2.2 * state.ketones, 3.0)
        return {
            "glucose": state.glucose,
            "ketones": state.ketones,
            "bicarbonate": bicarbonate,
            "bicarbonate_arterial": bicarbonate,
            "ph_arterial": 6.1 + math.log10(bicarbonate / (0.03 * (1.5 * bicarbonate + 8)))
            if bicarbonate < 22
            else 7.39,
            "potassium": state.salts.potassium,
        }

    def measures(self, analyte: str) -> bool:
        """Tells if the model knows an analyte."""
        return analyte == "glucose_meter" or analyte in self._values()

    def vital_signs(self) -> Mapping[str, float]:
        """Returns signs that get better with ketones and fluid."""
        state = self._now()
        ill = min(state.ketones / 6, 1.0)
        dry = 1 - min(state.fluid / 3000, 1.0)
        return {
            **self._signs,
            "pulse": 80 + 30 * dry * ill + 6 * ill,
            "systolic": 126 - 20 * dry,
            "diastolic": 74 - 10 * dry,
            "respiratory_rate": 16 + 12 * ill,
        }
