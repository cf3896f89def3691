"""A patient with a high potassium: heart, insulin with glucose, albuterol, calcium, and what carries potassium out.

Potassium moves by `mab_gym.dynamics.physiology._potassium`. Insulin and albuterol pull potassium into cells by effects
that rise and fall; their sizes are ours, near what trials print at an hour: 0.5 to 1 mmol/L less by 10 units of insulin
(Harel Z, Kamel KS, PLoS One 2016;11:e0154963), 0.6 by 10 mg and 1.0 by 20 mg of nebulised albuterol (Allon M et al.,
Ann Intern Med 1989;110:426). Glucose goes back to its own level by itself, falls by insulin and rises by dextrose; it
is lowest some hours after insulin, and lower in the small and in kidney failure. For learning, not for patients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from mab_gym.dynamics._body import Dose
from mab_gym.dynamics.bodies._glucose_bedside import RESCUE_G, GlucoseBedside
from mab_gym.dynamics.physiology import _potassium
from mab_gym.dynamics.physiology._electrolytes import ElectrolyteInputs, ElectrolytePatient, ElectrolyteState
from mab_gym.tasking.stay import StayEvent

STEP: Final = 5.0
"""Minutes of a step of integration."""
_INSULIN_SHIFT, _INSULIN_HALF = 2.0, 4.5
_ALBUTEROL_SHIFT, _ALBUTEROL_HALF = 1.8, 12.0
"""Chosen: the greatest pull on potassium, mmol/L, and the effect in units or mg at which half of it is reached."""
_RISE: Final = {"insulin": 25.0, "albuterol": 25.0}
_FALL: Final = {"insulin": 80.0, "albuterol": 100.0}
"""Chosen: half-lives in minutes in which an effect comes and goes; insulin lasts four to six hours, albuterol two."""
BINDER_MMOL_H, BINDER_MINUTES = 14.0, 240
"""Chosen: potassium that a dose of a binder carries out, so that it falls by some 0.4 mmol/L in four hours (0.4 at two
hours, 0.7 at a day in HARMONIZE: Kosiborod M et al., JAMA 2014;312:2223)."""
DIURETIC_MMOL_H, DIURETIC_MINUTES = 4.0, 180
PROTECTED: Final = 60
"""Minutes for which calcium protects the heart: 30 to 60 by the UK Kidney Association's guideline of 2023."""
_BACK_DOWN, _BACK_UP = 50.0, 120.0
"""Chosen: minutes in which glucose goes back to its own level, from above and from below."""
_GLUCOSE_BY_UNIT: Final = 0.13
"""Chosen: fall of glucose, mg/dL a minute, by a unit of insulin that acts, at 80 kg with working kidneys."""
_GLUCOSE_L_KG: Final = 0.19
"""Volume in which dextrose spreads, L/kg: near the two pools of Hovorka 2004."""
TOO_LOW: Final = 3.0
"""Potassium in mmol/L below which a treatment that was not due has harmed: our choice."""
_BINDERS = ("zirconium", "patiromer", "polystyrene")


@dataclass(frozen=True, slots=True)
class HyperkalaemiaCase:
    """All that a case says of the body; none of it is shown to an agent.

    Attributes:
        weight_kg: Weight.
        potassium: At the beginning, in mmol/L.
        gfr: Filtration in mL/min.
        glucose: At the beginning, in mg/dL.
        sensitivity: Effect of insulin on glucose against the usual one, more where kidneys fail.
        gained: Potassium that comes out of cells, mmol/h.
        changes_from: Potassium from which the electrocardiogram changes; 99 where it does not.
        calcium_needed: Grams of calcium gluconate until the electrocardiogram gets better.
        heart_holds: Minutes of unprotected changes on end that the heart stands.
    """

    weight_kg: float
    potassium: float
    gfr: float
    glucose: float
    sensitivity: float = 1.0
    gained: float = 4.0
    changes_from: float = 99.0
    calcium_needed: float = 1.0
    heart_holds: int = 110


@dataclass(frozen=True, slots=True)
class _State:
    salts: ElectrolyteState
    glucose: float
    waiting: tuple[float, float]
    acting: tuple[float, float]


class HyperkalaemiaBody(GlucoseBedside):
    """Potassium, glucose and the heart under treatment.

    Args:
        case: The patient.
        signs: Vital signs in the place of the usual ones.
    """

    def __init__(self, case: HyperkalaemiaCase, signs: Mapping[str, float] | None = None) -> None:
        super().__init__((), signs)
        self._case = case
        weight = min(max(case.weight_kg, 30.0), 250.0)
        gfr = min(max(case.gfr, 5.0), 200.0)
        self._patient = ElectrolytePatient(weight, gfr, min(max(case.potassium - 1.2, 3.5), 5.5))
        salts = _potassium.depleted(self._patient, case.potassium, 0.85)
        self._state: _State = _State(salts, case.glucose, (0.0, 0.0), (0.0, 0.0))
        self._calcium, self._calcium_until = 0.0, -1
        self._unprotected = 0

    # --- what runs ---------------------------------------------------------------------------------------------------

    def _carry(self, minutes: int) -> _State:
        state = self._state
        insulin, albuterol = state.acting
        pull = _INSULIN_SHIFT * insulin / (insulin + _INSULIN_HALF)
        pull += _ALBUTEROL_SHIFT * albuterol / (albuterol + _ALBUTEROL_HALF)
        salts = ElectrolyteInputs(
            self._patient.usual_gfr_ml_min,
            iv_potassium=min(self.rate("potassium") + self._case.gained, 100.0),
            food_potassium=0.0,
            food_magnesium=0.3,
            lost_potassium=min(self.rate("binder") + self.rate("diuretic"), 30.0),
            shift=min(pull, 3.0),
        )
        waiting, acting = _moved(state.waiting, state.acting, minutes)
        return _State(
            _potassium.advance(self._patient, state.salts, salts, minutes, STEP),
            self._sweetness(state, minutes),
            waiting,
            acting,
        )

    def _begin(self, dose: Dose, drug: str) -> list[StayEvent]:
        if "insulin" in drug:
            self._add(0, 0.0 if math.isinf(dose.minutes) else min(dose.amount, 60.0))
        elif "albuterol" in drug:
            self._add(1, min(dose.amount, 40.0))
        elif drug.startswith(("dextrose", "glucose")):
            slowest = dose if dose.route == "iv" else replace(dose, minutes=30.0)
            self.run(slowest, "glucose", min(dose.amount, 100.0), quickest=dose.amount * 60 / 300)
        elif "calcium" in drug and dose.route == "iv":
            grams = dose.amount * (3.0 if "chloride" in drug else 1.0)
            self._calcium += grams
            if self._calcium >= self._case.calcium_needed - 1e-6:
                self._calcium_until = self._minute + round(min(dose.minutes, 60.0)) + PROTECTED
        elif any(word in drug for word in _BINDERS) and dose.amount >= 5:
            self.run(replace(dose, minutes=float(BINDER_MINUTES)), "binder", BINDER_MMOL_H * BINDER_MINUTES / 60)
        elif "furosemide" in drug:
            grams = DIURETIC_MMOL_H * DIURETIC_MINUTES / 60
            self.run(replace(dose, minutes=float(DIURETIC_MINUTES)), "diuretic", grams)
        elif "potassium" in drug:
            self.run(replace(dose, minutes=max(dose.minutes, 30.0)), "potassium", dose.amount)
        return []

    def _add(self, place: int, amount: float) -> None:
        waiting = list(self._state.waiting)
        waiting[place] += amount
        self._state = replace(self._state, waiting=(waiting[0], waiting[1]))

    def _sweetness(self, state: _State, minutes: int) -> float:
        """Returns glucose some minutes later."""
        case, weight = self._case, self._patient.weight_kg
        rise = self.rate("glucose") / 60 * 100 / (_GLUCOSE_L_KG * weight)
        fall = _GLUCOSE_BY_UNIT * case.sensitivity * 80 / weight
        level, waiting, acting, left = state.glucose, state.waiting, state.acting, minutes
        while left > 0:
            step = min(left, round(STEP))
            away = level - case.glucose
            change = rise - fall * acting[0] - away / (_BACK_DOWN if away > 0 else _BACK_UP)
            level = max(level + step * change, 10.0)
            waiting, acting = _moved(waiting, acting, step)
            left -= step
        return level

    # --- what is seen ------------------------------------------------------------------------------------------------

    @property
    def electrocardiogram(self) -> str:
        """The words of an electrocardiogram that is written now."""
        if not self._changed(self._now()):
            return "Sinus rhythm. No peaked T waves, PR and QRS normal."
        if self._minute < self._calcium_until:
            return "QRS 100 ms, better than before calcium; T waves still tall."
        again = " No better after calcium." if self._calcium else ""
        return f"Peaked T waves, PR 240 ms, QRS 140 ms: hyperkalemia.{again}"

    def _changed(self, state: _State) -> bool:
        return state.salts.potassium >= self._case.changes_from

    def _look(self, minute: int) -> list[StayEvent]:
        events = list[StayEvent]()
        if not self._changed(self._state) or minute < self._calcium_until:
            self._unprotected = 0
        elif minute % 15 == 0:
            self._unprotected += 15
            if self._unprotected >= self._case.heart_holds:
                text = "The monitor shows wide complexes and a pulse of 34 a minute; the patient is gray."
                events += self.once("bradycardia", text, harm=True, minute=minute)
        level = self._state.glucose
        events += self._lows(minute, level, harm=False)
        if self._rescued(minute, level):
            self.run(Dose("", "dextrose", RESCUE_G, "g", "oral", 15.0), "glucose", RESCUE_G)
        if self._state.salts.potassium < TOO_LOW:
            text = "The monitor shows runs of ventricular beats; potassium is far too low."
            events += self.once("hypokalaemia", text, harm=True, minute=minute)
        return events

    def _values(self) -> Mapping[str, float]:
        state = self._now()
        return {"potassium": state.salts.potassium, "glucose": state.glucose}

    def measures(self, analyte: str) -> bool:
        """Tells if the model knows an analyte."""
        return analyte in ("potassium", "glucose", "glucose_meter")

    def truth(self) -> Mapping[str, float]:
        """Returns potassium, glucose, and 1 while the heart is changed and not protected."""
        bare = self._changed(self._now()) and self._minute >= self._calcium_until
        return {**self._values(), "unprotected": float(bare)}

    def vital_signs(self) -> Mapping[str, float]:
        """Returns the usual signs, moved where the heart is slow or glucose is low."""
        signs = dict(self._signs)
        if "bradycardia" in self._told:
            signs |= {"pulse": 36.0, "systolic": 84.0, "diastolic": 46.0}
        elif self._low_since is not None:
            signs |= {"pulse": 114.0}
        return signs


def _moved(
    waiting: tuple[float, float], acting: tuple[float, float], minutes: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Returns what waits and what acts of insulin and albuterol some minutes later; exact."""
    left, acts = [0.0, 0.0], [0.0, 0.0]
    for place, kind in enumerate(("insulin", "albuterol")):
        rise, fall = math.log(2) / _RISE[kind], math.log(2) / _FALL[kind]
        came = waiting[place] * rise / (rise - fall)
        left[place] = waiting[place] * math.exp(-rise * minutes)
        acts[place] = (acting[place] + came) * math.exp(-fall * minutes) - came * math.exp(-rise * minutes)
    return (left[0], left[1]), (max(acts[0], 0.0), max(acts[1], 0.0))
