"""A patient with diabetes on a ward: insulin, meals as they are eaten, the stress of illness, lows and ketosis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mab_gym.dynamics._body import Dose
from mab_gym.dynamics.bodies._glucose_bedside import RESCUE_G, GlucoseBedside
from mab_gym.dynamics.physiology import _glucose
from mab_gym.dynamics.physiology._glucose import GlucoseInputs, GlucosePatient, GlucoseState
from mab_gym.tasking.stay import StayEvent

STEP: Final = 5.0
"""Minutes of a step of integration: within 6 mg/dL of steps of one minute."""
KETOSIS_HOURS: Final = 10.0
"""Hours with hardly any insulin after which ketoacidosis is there, without own insulin: our choice, after pumps that
stopped, where it took about so long."""
HARDLY_ANY: Final = 2.0
"""Insulin in plasma, mU/L, that no longer holds ketones down: our choice."""
HALF: Final = 0.5
"""The share of a meal up to which nurses tell that little was eaten: half, as the handbook's page on insulin has it."""
LONG = ("glargine", "detemir", "degludec", "nph", "isophane")
"""Words in the names of long-acting insulins."""


@dataclass(frozen=True, slots=True)
class GlucoseCase:
    """All that a case says of the body; none of it is shown to an agent.

    Attributes:
        weight_kg: Weight.
        glucose: At the beginning, in mg/dL.
        sensitivity: Effect of insulin against that of type 1 diabetes.
        own_insulin: Own insulin against that of the healthy; 0 in type 1.
        eats: The share that is eaten of each tray that is served, in order; of those after the last as of that one.
        meals: The minute and the carbohydrate really eaten, in grams, of each meal beside the served ones.
        news: Minutes and words that nurses tell then, as where a steroid is begun.
        stress: Minutes since the beginning, rising, and the stress of illness and steroids from then on, 1 to 3; the
            first is of minute 0.
        clears: Insulin's effect lasts longer where kidneys fail: the effect by this factor.
    """

    weight_kg: float
    glucose: float
    sensitivity: float
    own_insulin: float
    eats: Sequence[float] = (1.0,)
    meals: Sequence[tuple[int, float]] = ()
    news: Sequence[tuple[int, str]] = ()
    stress: Sequence[tuple[int, float]] = ((0, 1.2),)
    clears: float = 1.0


class GlucoseBody(GlucoseBedside):
    """Blood glucose under insulin and meals.

    Args:
        case: The patient.
        signs: Vital signs in the place of the usual ones.
    """

    def __init__(self, case: GlucoseCase, signs: Mapping[str, float] | None = None) -> None:
        self._meals = dict(case.meals)
        self._news = dict(case.news)
        super().__init__([*self._meals, *self._news, *(minute for minute, _ in case.stress)], signs)
        self._trays = 0
        self._case = case
        weight = min(max(case.weight_kg, 30.0), 250.0)
        effect = min(max(case.sensitivity * case.clears, 0.1), 3.0)
        self._patient = GlucosePatient(weight, effect, case.own_insulin)
        # The stress of the first hours is eased until the steady state has the glucose of the beginning.
        start = _glucose.steady(self._patient, GlucoseInputs(stress=case.stress[0][1]))
        share = case.glucose / _glucose.blood_glucose(self._patient, start)
        self._state: GlucoseState = replace(start, glucose=start.glucose * share, far_glucose=start.far_glucose * share)
        self._without = 0.0
        self._key: tuple[float, float, float] | None = None

    def _stress(self) -> float:
        return next(stress for minute, stress in reversed(self._case.stress) if minute <= self._carried)

    def _carry(self, minutes: int) -> GlucoseState:
        key = (self.rate("insulin"), self.rate("glucose"), self._stress())
        if key != self._key:
            self._key = key
            self._inputs = GlucoseInputs(iv_insulin=min(key[0], 100.0), iv_glucose=min(key[1], 100.0), stress=key[2])
        return _glucose.advance(self._patient, self._state, self._inputs, minutes, STEP)

    def _look(self, minute: int) -> list[StayEvent]:
        events = list[StayEvent]()
        if minute in self._meals:
            self._now_given(GlucoseInputs(meal_now=min(self._meals[minute], 300.0)))
        if minute in self._news:
            events.append(StayEvent(minute, "news", self._news[minute], False))
        level = _glucose.blood_glucose(self._patient, self._state)
        events += self._lows(minute, level, harm=True)
        if self._rescued(minute, level):
            self._now_given(GlucoseInputs(meal_now=RESCUE_G))
        if minute % 15 == 0 and self._case.own_insulin == 0:
            held = self._state.insulin * self._patient.sensitivity >= HARDLY_ANY
            self._without = 0.0 if held else self._without + 0.25
            if self._without >= KETOSIS_HOURS:
                text = "The patient vomits and breathes deeply; ketones in blood are 5.2 mmol/L."
                events += self.once("ketoacidosis", text, harm=True, minute=minute)
        return events

    def _eat(self, grams: float) -> list[StayEvent]:
        """Eats a share of a tray; a nurse tells where little was eaten."""
        share = self._case.eats[min(self._trays, len(self._case.eats) - 1)]
        self._trays += 1
        if share > 0:
            self._now_given(GlucoseInputs(meal_now=min(grams * share, 300.0)))
        if share > HALF:
            return []
        text = f"The patient has eaten {100 * share:.0f} % of the meal alone, without appetite."
        return [StayEvent(self._minute, "ate_little", text, False)]

    def _begin(self, dose: Dose, drug: str) -> list[StayEvent]:
        if drug == "carbohydrate":
            return self._eat(dose.amount)
        if "insulin" in drug:
            if dose.route == "iv":
                if dose.minutes <= 30:  # as an infusion of half an hour, at least
                    self.run(replace(dose, minutes=30.0), "insulin", dose.amount)
                else:
                    self.run(dose, "insulin", dose.amount)
            elif any(word in drug for word in LONG):
                self._now_given(GlucoseInputs(long_now=min(dose.amount, 300.0)))
            else:
                self._now_given(GlucoseInputs(rapid_now=min(dose.amount, 200.0)))
        elif drug in ("dextrose", "glucose"):
            grams = dose.amount * {"mg": 1e-3, "mL": 0.5}.get(dose.unit, 1.0)
            if dose.route == "iv":
                self.run(dose, "glucose", grams, quickest=grams * 60 / 100)
            else:
                self._now_given(GlucoseInputs(meal_now=min(grams, 300.0)))
        return []

    def _now_given(self, inputs: GlucoseInputs) -> None:
        self._state = _glucose.advance(self._patient, self._state, inputs, 0.0)

    def _values(self) -> Mapping[str, float]:
        state = self._now()
        return {"glucose": _glucose.blood_glucose(self._patient, state), "insulin": state.insulin}

    def measures(self, analyte: str) -> bool:
        """Tells if the model knows an analyte."""
        return analyte in ("glucose", "glucose_meter")

    def vital_signs(self) -> Mapping[str, float]:
        """Returns the usual signs, moved by a low or by ketoacidosis."""
        signs = dict(self._signs)
        if self._low_since is not None:
            signs |= {"pulse": 112.0}
        if "ketoacidosis" in self._told:
            signs |= {"pulse": 116.0, "respiratory_rate": 28.0, "systolic": 102.0}
        return signs
