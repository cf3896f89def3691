"""A patient who lacks potassium and magnesium, and whose kidneys change during the stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mab_gym.dynamics._body import Dose
from mab_gym.dynamics.bodies._bedside import Bedside
from mab_gym.dynamics.physiology import _creatinine, _potassium
from mab_gym.dynamics.physiology._creatinine import CreatinineInputs, CreatininePatient, CreatinineState
from mab_gym.dynamics.physiology._electrolytes import ElectrolyteInputs, ElectrolytePatient, ElectrolyteState
from mab_gym.dynamics.physiology._potassium import MG_DL_PER_MMOL_L_MAGNESIUM, MMOL_PER_GRAM_MAGNESIUM_SULFATE
from mab_gym.tasking.stay import StayEvent

STEP: Final = 7.5
"""Minutes of a step of integration: half of a quarter of an hour, within 0.01 mmol/L of steps of one minute."""
TOO_LOW, LOW_HOURS = 2.5, 2.0
"""Potassium in mmol/L below which the heart is in danger, and the hours below it after which it answers. The limit of
severe hypokalaemia is from Gennari FJ, N Engl J Med 1998;339:451-458; the hours are our choice."""
HIGH, TOO_HIGH = 6.0, 6.5
"""Moderate and severe hyperkalaemia, mmol/L: UK Kidney Association, Treatment of acute hyperkalaemia, 2020 (from 6.0
and from 6.5, the latter with changes of the electrocardiogram to be expected)."""
PERIPHERAL, QUICKEST = 10.0, 20.0
"""Potassium into a vein, mmol/h: as a rule at most 10, and at most 20 with a monitor and a central line (Kruse JA and
Carlson RW, Arch Intern Med 1990;150:613-617, gave 20; labels of potassium chloride injection name 10 as the usual)."""
MAGNESIUM_MG_MIN = 150.0
"""Magnesium sulfate into a vein, mg/min, above which pressure falls (US label: at most 150 mg/min, except in seizures
of pre-eclampsia)."""
MAGNESIUM_HIGH = 4.9
"""Magnesium in mg/dL (4 mEq/L) from which tendon reflexes weaken (US label of magnesium sulfate injection)."""
OXIDE_MMOL_MG: Final = 24.8e-3
"""Magnesium in a milligram of its oxide, mmol: 1/40.3."""


@dataclass(frozen=True, slots=True)
class ElectrolyteCase:
    """All that a case says of the body; none of it is shown to an agent.

    Attributes:
        weight_kg: Weight.
        female: Sex.
        age: Age in years.
        creatinine: Creatinine at the beginning, in mg/dL, in a steady state.
        potassium: Potassium at the beginning, in mmol/L.
        magnesium: Magnesium at the beginning, in mg/dL.
        kidneys: Minutes since the beginning, rising, and the filtration then as a share of that at the beginning;
            between them it changes evenly, before the first it is 1, after the last it stays.
        lost_potassium: Potassium lost by gut or diuretics, mmol/h.
        lost_magnesium: Magnesium lost so, mmol/h.
        losses_end: The minute at which these losses end.
        eats: Share of usual food that is eaten.
    """

    weight_kg: float
    female: bool
    age: int
    creatinine: float
    potassium: float
    magnesium: float
    kidneys: Sequence[tuple[int, float]] = ()
    lost_potassium: float = 0.0
    lost_magnesium: float = 0.0
    losses_end: int = 1 << 30
    eats: float = 0.7


_State = tuple[ElectrolyteState, CreatinineState, int]
"""Electrolytes, and creatinine as it was at a minute: the last whole hour."""


class ElectrolyteBody(Bedside):
    """Potassium, magnesium and creatinine under replacement, losses and changing kidneys.

    Args:
        case: The patient.
        signs: Vital signs in the place of the usual ones.
    """

    def __init__(self, case: ElectrolyteCase, signs: Mapping[str, float] | None = None) -> None:
        last = case.kidneys[-1][0] if case.kidneys else 0
        super().__init__([case.losses_end, *range(60, last + 61, 60)], signs)
        self._case = case
        self._kidneys = CreatininePatient(
            min(max(case.weight_kg, 30), 250),
            "female" if case.female else "male",
            max(case.age, 18),
            min(max(case.creatinine, 0.3), 10),
        )
        self._usual_gfr = min(max(_creatinine.baseline_gfr(self._kidneys), 5.0), 200.0)
        self._hour, self._gfr = -1, self._usual_gfr
        self._patient = ElectrolytePatient(self._kidneys.weight_kg, self._usual_gfr)
        magnesium = case.magnesium / MG_DL_PER_MMOL_L_MAGNESIUM
        start = _potassium.depleted(self._patient, case.potassium, magnesium)
        self._state: _State = (start, _creatinine.steady(self._kidneys), 0)
        self._hours_low = 0.0
        self._quick_magnesium = False
        self._key: tuple[float, float, float, bool] | None = None

    @property
    def gfr(self) -> float:
        """The filtration in mL/min during the present step."""
        hour = self._carried // 60
        if hour != self._hour:
            self._hour, self._gfr = hour, self._usual_gfr * self._share(hour * 60)
        return self._gfr

    def _share(self, minute: int) -> float:
        before, share = 0, 1.0
        for at, reached in self._case.kidneys:
            if minute < at:
                return share + (reached - share) * (minute - before) / max(at - before, 1)
            before, share = at, reached
        return share

    def _inputs(self) -> tuple[ElectrolyteInputs, CreatinineInputs]:
        """Returns the inputs of both models during the present step; kept while nothing changes."""
        case, losing, gfr = self._case, self._carried < self._case.losses_end, self.gfr
        key = (gfr, self.rate("potassium"), self.rate("magnesium"), losing)
        if key != self._key:
            self._key = key
            salts = ElectrolyteInputs(
                gfr,
                iv_potassium=min(key[1], 100.0),
                iv_magnesium=min(key[2], 200.0),
                food_potassium=80 / 24 * case.eats,
                food_magnesium=12 / 24 * case.eats,
                lost_potassium=case.lost_potassium if losing else 0.0,
                lost_magnesium=case.lost_magnesium if losing else 0.0,
            )
            self._kept = salts, CreatinineInputs(gfr)
        return self._kept

    def _carry(self, minutes: int) -> _State:
        for_salts, for_kidneys = self._inputs()
        salts, kidneys, since = self._state
        after = _potassium.advance(self._patient, salts, for_salts, minutes, STEP)
        reached = self._carried + minutes
        if reached % 60 == 0:  # the solution is exact, and filtration changes at whole hours alone
            return after, _creatinine.advance(self._kidneys, kidneys, for_kidneys, reached - since), reached
        return after, kidneys, since

    def _look(self, minute: int) -> list[StayEvent]:
        potassium, magnesium = self._state[0].potassium, self._state[0].magnesium * MG_DL_PER_MMOL_L_MAGNESIUM
        events: list[StayEvent] = []
        if potassium < TOO_LOW:
            self._hours_low += 0.25 if minute % 15 == 0 else 0.0
            if self._hours_low >= LOW_HOURS:
                text = "The monitor shows runs of ventricular tachycardia; the patient is pale and dizzy."
                events += self.once("ventricular_arrhythmia", text, harm=True, minute=minute)
        elif potassium >= TOO_HIGH:
            text = "The monitor shows wide complexes and a pulse of 40 a minute."
            events += self.once("bradycardia", text, harm=True, minute=minute)
        elif potassium >= HIGH:
            events += self.once("peaked_t_waves", "The monitor shows peaked T waves.", harm=False, minute=minute)
        if magnesium >= MAGNESIUM_HIGH:
            text = "The patient is drowsy, and the knee jerks are hard to find."
            events += self.once("magnesium_excess", text, harm=True, minute=minute)
        return events

    def _begin(self, dose: Dose, drug: str) -> list[StayEvent]:
        if "potassium" in drug and "phosphate" not in drug:
            return self._potassium_given(dose, _mmol_potassium(dose))
        if "magnesium" in drug:
            return self._magnesium_given(dose, _mmol_magnesium(dose, drug))
        return []

    def _potassium_given(self, dose: Dose, mmol: float) -> list[StayEvent]:
        if dose.route == "oral":
            salts, kidneys, since = self._state
            given = ElectrolyteInputs(self.gfr, oral_potassium_now=min(mmol, 200.0))
            self._state = _potassium.advance(self._patient, salts, given, 0.0), kidneys, since
            if mmol > 60:
                return self.once("vomiting", "The patient vomits after the large dose of potassium.", harm=False)
            return []
        self.run(dose, "potassium", mmol, quickest=mmol * 60 / 100)
        rate = self.rate("potassium")
        if rate > QUICKEST:
            text = f"While potassium runs in at {rate:.0f} mmol/h, the monitor shows ventricular tachycardia."
            return self.once("arrhythmia_by_infusion", text, harm=True)
        if rate > PERIPHERAL:
            return self.once("phlebitis", "The vein of the infusion is red and hurts.", harm=False)
        return []

    def _magnesium_given(self, dose: Dose, mmol: float) -> list[StayEvent]:
        if dose.route == "oral":
            salts, kidneys, since = self._state
            given = ElectrolyteInputs(self.gfr, oral_magnesium_now=min(mmol, 100.0))
            self._state = _potassium.advance(self._patient, salts, given, 0.0), kidneys, since
            return []
        self.run(dose, "magnesium", mmol, quickest=mmol * 60 / 200)
        if self.rate("magnesium") / MMOL_PER_GRAM_MAGNESIUM_SULFATE * 1000 / 60 > MAGNESIUM_MG_MIN:
            text = "The patient is flushed, and the pressure is 78/40 while magnesium runs in quickly."
            self._quick_magnesium = True
            return self.once("fall_in_pressure", text, harm=True)
        return []

    def _values(self) -> Mapping[str, float]:
        salts, kidneys, since = self._now()
        if self._minute > since:
            kidneys = _creatinine.advance(self._kidneys, kidneys, self._inputs()[1], self._minute - since)
        return {
            "potassium": salts.potassium,
            "magnesium": salts.magnesium * MG_DL_PER_MMOL_L_MAGNESIUM,
            "creatinine": kidneys.creatinine_mg_dl,
            "gfr": self.gfr,
        }

    def measures(self, analyte: str) -> bool:
        """Tells if the model knows an analyte."""
        return analyte in ("potassium", "magnesium", "creatinine")

    def vital_signs(self) -> Mapping[str, float]:
        """Returns the usual signs, moved where potassium or a quick infusion harms."""
        signs: dict[str, Any] = dict(self._signs)
        if "ventricular_arrhythmia" in self._told or "arrhythmia_by_infusion" in self._told:
            signs |= {"pulse": 138.0, "systolic": 94.0, "diastolic": 58.0}
        if "bradycardia" in self._told:
            signs |= {"pulse": 42.0, "systolic": 92.0, "diastolic": 50.0}
        if self._quick_magnesium and self.rate("magnesium") > 0:
            signs |= {"systolic": 78.0, "diastolic": 40.0}
        return signs


def _mmol_potassium(dose: Dose) -> float:
    """Returns potassium in mmol; a gram of potassium chloride has 13.4 mmol."""
    return dose.amount * {"g": 13.4, "mg": 0.0134}.get(dose.unit, 1.0)


def _mmol_magnesium(dose: Dose, drug: str) -> float:
    """Returns magnesium in mmol; oral oxide by its mass, all else as the sulfate."""
    if dose.unit in ("meq", "mEq"):
        return dose.amount / 2
    if dose.unit == "mmol":
        return dose.amount
    grams = dose.amount * {"mg": 1e-3}.get(dose.unit, 1.0)
    return grams * 1000 * OXIDE_MMOL_MG if "oxide" in drug else grams * MMOL_PER_GRAM_MAGNESIUM_SULFATE
