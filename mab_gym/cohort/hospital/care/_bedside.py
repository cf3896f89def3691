"""Vital signs, weights, fluid balances, scores and bedside glucose: which are taken when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mab_gym.cohort.hospital._catalogue import REASONS
from mab_gym.cohort.hospital._catalogue_results import NUMBERS
from mab_gym.cohort.hospital._history import NOW, History, Visit
from mab_gym.cohort.hospital._zone import offset_at
from mab_gym.cohort.hospital.care._chance import Luck
from mab_gym.cohort.hospital.care._crew import Crew, age_at
from mab_gym.cohort.hospital.care._effects import DAY, FOREVER
from mab_gym.cohort.hospital.care._orders import HOUR


def _numbers(keys: str) -> tuple[int, ...]:
    return tuple(NUMBERS[key] for key in keys.split())


PRESSURE: Final = _numbers("systolic diastolic")
BASIC: Final = _numbers("systolic diastolic pulse")
FULL: Final = _numbers("systolic diastolic pulse respiratory_rate temperature saturation")
_BREATHING: Final = _numbers("temperature respiratory_rate")
_SATURATION: Final = _numbers("saturation")
_SIMPLE: Final = _numbers("respiratory_rate saturation")
_WEIGHS: Final = frozenset({"primary", "cardiology", "nephrology", "endocrinology", "oncology", "obstetrics"})
"""Clinics that weigh most people; the others some."""
OXYGEN: Final = NUMBERS["oxygen_flow"]
WEIGHT: Final = _numbers("weight bmi")
HEIGHT: Final = _numbers("height")
PAIN, COMA, METER = _numbers("pain"), _numbers("glasgow"), _numbers("glucose_meter")
BALANCE: Final = _numbers("intake output urine_output")
RISKS: Final = _numbers("morse braden")
MOOD: Final = {"phq9": _numbers("phq9"), "phq2": _numbers("phq2"), "gad7": _numbers("gad7")}
_WATER: Final = frozenset({
    "heart_failure_acute", "kidney_injury", "esrd", "cirrhosis", "sepsis", "ketoacidosis", "hyponatremia",
    "heart_failure_reduced", "heart_failure_preserved", "dehydration",
})  # fmt: skip
_BRAIN: Final = frozenset({"stroke", "seizure", "delirium", "concussion", "alcohol_withdrawal", "transient_ischemia"})
_SUGAR_DRUGS: Final = ("insulin", "prednisone", "methylprednisolone", "dexamethasone")
_SUGAR: Final = frozenset({
    "type2_diabetes", "type1_diabetes", "hyperglycemia", "ketoacidosis", "hypoglycemia", "gestational_diabetes",
})  # fmt: skip
_MEALS: Final = (7.15, 11.7, 17.1, 21.5)


class Rounds:
    """Goes through one person's visits and has signs taken.

    Attributes:
        sets: Moment, numbers of the analytes, place of the visit, and who took them.
    """

    def __init__(self, history: History, crew: Crew, luck: Luck) -> None:
        """Prepares.

        Args:
            history: The person.
            crew: Who takes signs.
            luck: Draws of this part alone.
        """
        self._history, self._crew, self._luck = history, crew, luck
        self.sets: list[tuple[int, tuple[int, ...], int, int]] = []
        died = history.person.died
        self._until = NOW if died is None else min(died, NOW)
        self._asked: dict[str, int] = {}
        self._measured = 0

    def run(self) -> None:
        """Takes all signs of all visits."""
        for number, visit in enumerate(self._history.visits):
            end = min(visit.end or NOW, self._until)
            if visit.kind == "ambulatory":
                self._clinic(number, visit, end)
            elif visit.kind == "emergency":
                self._emergency(number, visit, end)
            elif visit.kind == "inpatient":
                self._stay(number, visit, end)

    def _take(self, moment: int, numbers: Sequence[int], number: int, end: int) -> None:
        visit = self._history.visits[number]
        if visit.start <= moment < end:
            self.sets.append((moment, tuple(numbers), number, self._crew.nurse(visit, moment)))

    def _active(self, visit: Visit, moment: int) -> set[str]:
        return {
            problem.key
            for problem in self._history.problems
            if problem.onset <= moment and (problem.abated is None or problem.abated > visit.start)
        }

    def _clinic(self, number: int, visit: Visit, end: int) -> None:
        chance = self._luck.some(6)
        length = end - visit.start
        moment = visit.start + int(length * (0.1 + 0.12 * chance[0]))
        if visit.reason in ("anticoagulation", "vaccination"):
            self._take(moment, BASIC if chance[1] < 0.6 else PRESSURE, number, end)
            return
        if visit.service not in _WEIGHS and chance[0] < 0.5:
            self._take(moment, PRESSURE, number, end)
            self._moods(number, visit, moment + 120, end, chance[5])
            return
        numbers = list(BASIC)
        ill = visit.reason in REASONS and REASONS[visit.reason].kind == "acute"
        if chance[1] < (0.9 if ill else 0.2):
            numbers += _BREATHING
        if chance[2] < (0.7 if ill else 0.3):
            numbers += _SATURATION
        if chance[3] < 0.25:
            numbers += PAIN
        weighed = chance[4] < (0.75 if visit.service in _WEIGHS else 0.4)
        if weighed:
            numbers += WEIGHT
        young = age_at(self._history.person, visit.start) < 19
        if moment - self._measured > (120 if young else 500) * DAY:
            numbers += HEIGHT if weighed else (*WEIGHT, *HEIGHT)
            self._measured = moment
        self._take(moment, numbers, number, end)
        if not young:
            self._moods(number, visit, moment + 120, end, chance[5])

    def _moods(self, number: int, visit: Visit, moment: int, end: int, chance: float) -> None:
        """Asks for mood: PHQ-2 once a year of everybody, PHQ-9 and GAD-7 where there is reason (USPSTF 2023)."""
        if visit.service not in ("primary", "psychiatry", "obstetrics"):
            return
        active = self._active(visit, visit.start)
        asked: list[int] = []
        since = {key: moment - self._asked.get(key, 0) for key in ("phq9", "phq2", "gad7", "auditc", "moca")}
        low = active & {"depression", "bipolar", "suicidal_ideation"} or visit.reason in ("low_mood", "postpartum")
        wanted = {
            "phq9": bool(low) and since["phq9"] > 80 * DAY,
            "gad7": ("anxiety" in active or (bool(low) and chance < 0.4)) and since["gad7"] > 100 * DAY,
            "phq2": not low and since["phq2"] > 330 * DAY and visit.reason in ("annual_visit", "new_patient"),
            "auditc": since["auditc"] > 600 * DAY and visit.reason == "annual_visit" and chance < 0.6,
            "moca": "dementia" in active and since["moca"] > 330 * DAY,
        }
        for key, due in wanted.items():
            if due:
                asked.append(NUMBERS[key])
                self._asked[key] = moment
        if asked:
            self._take(moment, asked, number, end)

    def _emergency(self, number: int, visit: Visit, end: int) -> None:
        chance = self._luck.some(3)
        moment = visit.start + int(60 * (5 + 8 * chance[0]))
        first = [*FULL, *PAIN, OXYGEN]
        if chance[1] < 0.6:
            first += WEIGHT
        brain = bool(self._active(visit, end) & _BRAIN) or visit.reason in ("confusion", "headache", "fall", "seizure")
        if brain or chance[2] < 0.25:
            first += COMA
        self._take(moment, first, number, end)
        if visit.reason in ("high_glucose", "low_glucose", "confusion", "weakness", "seizure", "speech_and_arm"):
            self._take(moment + 240, METER, number, end)
        if visit.reason == "low_glucose":
            self._take(moment + 1800, METER, number, end)
            self._take(moment + 5400, METER, number, end)
        every = 1.8 + 3 * (1 - visit.course)
        while True:
            moment += int(HOUR * every * (0.8 + 0.4 * self._luck.one()))
            if moment >= end - 300:
                break
            self._take(moment, [*BASIC, *_SIMPLE, OXYGEN, *PAIN], number, end)

    def _stay(self, number: int, visit: Visit, end: int) -> None:
        active = self._active(visit, end)
        ill = visit.course > 0.65
        intensive = visit.service == "intensive"
        scale = self._luck.some(8)
        first = visit.start + int(60 * (10 + 20 * scale[0]))
        self._take(first, [*FULL, *PAIN, OXYGEN, *WEIGHT, *HEIGHT], number, end)
        self._take(first + 1500, [*RISKS, *(COMA if active & _BRAIN or intensive else ())], number, end)
        hours = (2, 6, 10, 14, 18, 22) if ill or intensive else (6, 14, 22)
        water = bool(active & _WATER) or intensive
        sugar = bool(active & _SUGAR) or any(
            drug.inpatient and drug.drug.startswith(_SUGAR_DRUGS) and drug.start < end
            and (drug.end or FOREVER) > visit.start
            for drug in self._history.prescriptions
        )  # fmt: skip
        day = (visit.start + offset_at(visit.start)) // DAY * DAY
        place = 0
        while day - offset_at(day) < end:
            midnight = day - offset_at(day)
            jitter = self._luck.some(len(hours) + 6)
            for hour, shift in zip(hours, jitter, strict=False):
                moment = midnight + int(HOUR * hour + 60 * (50 * shift - 25))
                if moment > first + HOUR:
                    numbers = [*FULL, OXYGEN] if ill or intensive or hour != 14 else [*BASIC, OXYGEN, *_SATURATION]
                    if shift < 0.35:
                        numbers += PAIN
                    if active & _BRAIN or (intensive and hour in (6, 18)):
                        numbers += COMA
                    self._take(moment, numbers, number, end)
            weighed = midnight + 6 * HOUR + int(900 * jitter[-1])
            today = visit.end is None and NOW - weighed < DAY // 2
            if (water or place % 3 == 2 or today) and weighed > first + 3 * HOUR:
                self._take(weighed, WEIGHT, number, end)
            if water and place:
                self._take(midnight + 7 * HOUR - int(600 * jitter[-2]), BALANCE, number, end)
            if place and place % 3 == 0:
                self._take(midnight + 9 * HOUR + int(1800 * jitter[-1]), RISKS, number, end)
            if sugar:
                for meal, shift in zip(_MEALS, jitter[-6:-2], strict=True):
                    moment = midnight + int(HOUR * meal + 60 * (30 * shift - 15))
                    if moment > first + 600:
                        self._take(moment, METER, number, end)
            place += 1
            day += DAY
