"""A patient who lacks red cells, who can bleed again, and who is given units of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mab_gym.dynamics._body import Dose
from mab_gym.dynamics.bodies._bedside import Bedside
from mab_gym.dynamics.physiology import _haemoglobin
from mab_gym.dynamics.physiology._haemoglobin import UNIT_ML, BloodInputs, BloodPatient, BloodState
from mab_gym.tasking.stay import StayEvent

FLUIDS: Final = ("sodium chloride", "lactated ringer's", "plasma-lyte")
QUICKEST: Final = 100.0
"""Minutes of a unit below which the circulation of a frail person is overloaded: our choice, below the usual two hours
(AABB, Circular of Information: over two to four hours)."""
LETHAL, LETHAL_HOURS = 5.0, 3.0
"""Haemoglobin in g/dL and hours below it, after which the heart is short of oxygen. Mortality without transfusion rises
steeply below 5 (Carson JL et al., Transfusion 2002;42:812); the hours are our choice."""
OVERLOAD: Final = 2.6
"""Litres of units in a day that overload anybody here: our choice."""


@dataclass(frozen=True, slots=True)
class BloodCase:
    """All that a case says of the body; none of it is shown to an agent.

    Attributes:
        weight_kg: Weight.
        height_cm: Height.
        female: Sex.
        haemoglobin: In g/dL, at the beginning.
        usual: In g/dL, to which the marrow goes back.
        bleeds_at: The minute at which it bleeds; -1 for never.
        bleeds_ml: The blood that is lost then, in two hours.
        frail: True if a quick unit overloads the circulation.
        eased_at: Haemoglobin in g/dL with which the signs are gone; 0 where there are none.
        signs: Vital signs in the place of the usual ones.
    """

    weight_kg: float
    height_cm: float
    female: bool
    haemoglobin: float
    usual: float = 11.5
    bleeds_at: int = -1
    bleeds_ml: float = 0.0
    frail: bool = False
    eased_at: float = 0.0
    signs: Mapping[str, float] | None = None


BLEEDING_MINUTES: Final = 120


class BloodBody(Bedside):
    """Haemoglobin under bleeding, fluids and red cells.

    Args:
        case: The patient.
    """

    def __init__(self, case: BloodCase) -> None:
        changes: Sequence[int] = (case.bleeds_at, case.bleeds_at + BLEEDING_MINUTES) if case.bleeds_at >= 0 else ()
        super().__init__(changes, case.signs)
        self._case = case
        self._person = BloodPatient(
            "female" if case.female else "male",
            min(max(case.height_cm / 100, 1.2), 2.3),
            min(max(case.weight_kg, 30.0), 300.0),
            usual_haemoglobin_g_dl=min(max(case.usual, 5.0), 20.0),
            iron="deficient",
        )
        self._state: BloodState = _haemoglobin.steady(self._person, min(max(case.haemoglobin, 3.0), 20.0))
        self._short = 0.0
        self._given_l = 0.0

    def _bleeding(self, minute: int) -> bool:
        case = self._case
        return 0 <= case.bleeds_at <= minute < case.bleeds_at + BLEEDING_MINUTES

    def _carry(self, minutes: int) -> BloodState:
        lost = self._case.bleeds_ml / BLEEDING_MINUTES if self._bleeding(self._carried) else 0.0
        inputs = BloodInputs(
            bleeding_ml_min=min(lost, 200.0),
            crystalloid_ml_min=min(self.rate("fluid") / 60, 200.0),
            red_cells_ml_min=min(self.rate("cells") / 60, 200.0),
        )
        return _haemoglobin.advance(self._person, self._state, inputs, minutes)

    def _look(self, minute: int) -> list[StayEvent]:
        events = list[StayEvent]()
        if minute % 15:
            return events
        case, level = self._case, _haemoglobin.haemoglobin_g_dl(self._state)
        if case.bleeds_at >= 0 and minute >= case.bleeds_at + 45:
            text = "Two large black stools within the hour. The patient is pale; the pulse is 112, the pressure 102/58."
            events += self.once("bleeding", text, harm=False, minute=minute)
        if level < LETHAL:
            self._short += 0.25
            if self._short >= LETHAL_HOURS:
                text = "Pressure on the chest at rest; the electrocardiogram shows depressed ST segments."
                events += self.once("ischaemia", text, harm=True, minute=minute)
        if case.eased_at and level >= case.eased_at:
            text = "The pulse has slowed to 88; sitting up is possible without dizziness."
            events += self.once("eased", text, harm=False, minute=minute)
        return events

    def _begin(self, dose: Dose, drug: str) -> list[StayEvent]:
        if drug == "red cells":
            self.run(dose, "cells", dose.amount * UNIT_ML, quickest=10)
            self._given_l += 0.0 if dose.minutes == float("inf") else dose.amount * UNIT_ML / 1000
            minutes = dose.minutes / max(dose.amount, 0.1)
            if (self._case.frail and minutes < QUICKEST) or self._given_l > OVERLOAD:
                text = "The patient sits up and fights for air; crackles everywhere, saturation 84 %."
                return self.once("overload", text, harm=True)
        elif drug in FLUIDS and dose.route == "iv":
            self.run(dose, "fluid", dose.amount, quickest=5)
        return []

    def _values(self) -> Mapping[str, float]:
        return {"haemoglobin": _haemoglobin.haemoglobin_g_dl(self._now())}

    def vital_signs(self) -> Mapping[str, float]:
        """Returns the usual signs, moved by bleeding, by what a lack of red cells does, and by its end."""
        signs = dict(self._signs)
        if "eased" in self._told:
            signs |= {"pulse": 88.0}
        if "bleeding" in self._told:
            signs |= {"pulse": 104.0, "systolic": 106.0, "diastolic": 60.0}
        if "overload" in self._told:
            signs |= {"pulse": 118.0, "saturation": 84.0, "respiratory_rate": 30.0}
        return signs
