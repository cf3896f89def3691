"""A patient with sepsis: pressure, lactate and fever under fluid, norepinephrine and antibiotics.

All of it is `mab_gym.dynamics.physiology._sepsis`; what is harmful, and when, is our choice. For learning, not for
patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mab_gym.dynamics._body import CONTINUOUS, Dose
from mab_gym.dynamics.bodies._bedside import Bedside
from mab_gym.dynamics.physiology import _sepsis
from mab_gym.dynamics.physiology._sepsis_state import SepsisInputs, SepsisPatient, SepsisState
from mab_gym.tasking.stay import StayEvent

CRYSTALLOIDS: Final = ("sodium chloride", "lactated", "plasma-lyte")
COLLAPSE, COLLAPSE_MINUTES = 55.0, 180
"""Chosen: mean pressure in mmHg, and the minutes below it after which organs fail."""
TOO_MUCH, TOO_MUCH_HEART = 50.0, 40.0
"""Chosen: fluid in mL/kg after which lungs fill, and that where the heart is weak."""
STEP_HEART: Final = 9.0
"""Chosen: mL/kg within 20 minutes that a weak heart does not stand; 500 mL are less in almost everybody."""
HIGH_PRESSURE: Final = 105.0
"""Chosen: mean pressure under norepinephrine at which the heart suffers."""
Regimens = Sequence[Sequence[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class SepsisCase:
    """All that a case says of the body; none of it is shown to an agent.

    Attributes:
        weight_kg: Weight.
        usual_pressure: Mean pressure in health, mmHg.
        usual_pulse: Heart rate in health.
        severity: Effect of the infection on the pressure.
        burden: Germs at the beginning; 1 is usual.
        debt: Want of blood in the tissues at the beginning.
        lactate: At the beginning, mmol/L.
        has_source: True where something must be drained.
        weak_heart: True with heart failure.
        breathing: Breaths a minute at the beginning.
        saturation: Oxygen saturation at the beginning, %.
        regimens: Antibiotics that work: ways, each of groups, of each of which one drug is given.
    """

    weight_kg: float
    usual_pressure: float = 85.0
    usual_pulse: float = 78.0
    severity: float = 1.0
    burden: float = 1.0
    debt: float = 0.3
    lactate: float = 3.0
    has_source: bool = False
    weak_heart: bool = False
    breathing: float = 23.0
    saturation: float = 95.0
    regimens: Regimens = ()


class SepsisBody(Bedside):
    """Mean pressure, lactate and temperature under treatment.

    Args:
        case: The patient.
    """

    def __init__(self, case: SepsisCase) -> None:
        super().__init__((), None)
        self._case = case
        weight = min(max(case.weight_kg, 30.0), 300.0)
        self._patient = SepsisPatient(weight, case.usual_pressure, case.usual_pulse, case.severity, case.has_source)
        start = _sepsis.steady(self._patient, case.burden)
        self._state: SepsisState = replace(start, debt=case.debt, lactate_mmol_l=case.lactate)
        self._had: set[str] = set()
        self._low = 0
        self._boluses: list[tuple[int, float]] = []

    def _carry(self, minutes: int) -> SepsisState:
        pressor = self.rate("pressor") * 1000 / 60 / self._patient.weight_kg
        works = any(all(self._had & set(group) for group in way) for way in self._case.regimens)
        inputs = SepsisInputs(min(self.rate("fluid"), 6000.0), min(pressor, 3.0), works, False)
        return _sepsis.advance(self._patient, self._state, inputs, minutes)

    def _begin(self, dose: Dose, drug: str) -> list[StayEvent]:
        if any(word in drug for word in CRYSTALLOIDS) and "3%" not in drug:
            self.run(dose, "fluid", dose.amount, quickest=dose.amount / 100)
            if dose.minutes != CONTINUOUS:
                self._boluses.append((self._minute, dose.amount / max(dose.minutes, 20.0) * 20))
        elif "norepinephrine" in drug:
            self.run(dose, "pressor", dose.amount)
        elif dose.route in ("iv", "im"):
            self._had.add(drug)
        return []

    def _look(self, minute: int) -> list[StayEvent]:
        events = list[StayEvent]()
        pressure, weight = self._pressure(self._state), self._patient.weight_kg
        if minute % 15 == 0:
            self._low = self._low + 15 if pressure < COLLAPSE else max(self._low - 15, 0)
            if self._low >= COLLAPSE_MINUTES:
                text = f"The patient is mottled and drowsy, mean pressure {pressure:.0f} mmHg; no urine."
                events += self.once("collapse", text, harm=True, minute=minute)
        recent = sum(amount for begun, amount in self._boluses if minute - 20 <= begun)
        quick = self._case.weak_heart and recent / weight > STEP_HEART + 2 and recent > 700
        if quick or self._state.fluid_given_ml_kg > (TOO_MUCH_HEART if self._case.weak_heart else TOO_MUCH):
            text = "The patient gasps; crackles over both lungs, saturation 84 %."
            events += self.once("pulmonary_oedema", text, harm=True, minute=minute)
        if pressure > HIGH_PRESSURE and self.rate("pressor") > 0:
            text = f"Mean pressure is {pressure:.0f} mmHg under norepinephrine; the patient has chest pain."
            events += self.once("pressor_excess", text, harm=True, minute=minute)
        return events

    def _pressure(self, state: SepsisState) -> float:
        return _sepsis.mean_pressure_mmhg(self._patient, state)

    def _values(self) -> Mapping[str, float]:
        state = self._now()
        return {"lactate": state.lactate_mmol_l, "map": self._pressure(state), "fluid": state.fluid_given_ml_kg}

    def measures(self, analyte: str) -> bool:
        """Tells if the model knows an analyte."""
        return analyte == "lactate"

    def vital_signs(self) -> Mapping[str, float]:
        """Returns pressures that have the model's mean, pulse, temperature, breathing and saturation."""
        state, wet = self._now(), "pulmonary_oedema" in self._told
        pressure = self._pressure(state)
        return {
            "pulse": _sepsis.heart_rate(self._patient, state),
            "systolic": pressure + 26.0,
            "diastolic": pressure - 13.0,
            "respiratory_rate": 34.0 if wet else self._case.breathing,
            "temperature": state.temperature_c,
            "saturation": 84.0 if wet else self._case.saturation,
        }
