"""The ward: vital signs, meals, and glucose by meter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mab_gym.cohort.hospital._catalogue import ANALYTES
from mab_gym.cohort.hospital._catalogue_results import Analyte
from mab_gym.dynamics._body import CONTINUOUS, Dose
from mab_gym.dynamics._chance import normal
from mab_gym.dynamics._hospital import Hospital, Resource, concept
from mab_gym.dynamics._known import Known
from mab_gym.dynamics._results import observation, quantity, with_value
from mab_gym.dynamics._timing import BEDTIME
from mab_gym.dynamics._values import Values
from mab_gym.tasking.meaning.terms import LOINC
from mab_gym.tasking.stay import Issued

_METER_BEFORE: Final = 15
"""Minutes before a meal at which glucose is measured: before insulin for that meal is given."""
_VITAL_SIGNS: Final = ("pulse", "respiratory_rate", "temperature", "saturation", "systolic", "diastolic")
"""Vital signs, by the keys of the hospital's catalogue; a body knows all, some or none of them."""
_PRESSURE: Final = replace(
    ANALYTES["systolic"],
    display="Blood pressure panel with all children optional",
    loinc="85354-9",
    short="Blood pressure",
)
_LOWEST_METER: Final = 20.0
"""Glucose in mg/dL below which a meter says only "low"."""


_LIMITS: Final = re.compile(
    r"fluid[\w\s:,-]{0,12}?(?:restrict|limit)|restrict\w*[\w\s:,-]{0,16}fluid|limit[\w\s:,-]{0,16}fluid"
)
_LITRES: Final = re.compile(r"(\d{1,4}(?:[.,]\d{1,3})?)\s*(ml|cc|milliliters?|millilitres?|l|liters?|litres?)\b")


def fluid_limit(words: str) -> float | None:
    """Returns the mL a day that an order allows to be drunk; None if it limits nothing."""
    said = " ".join(words[:4000].lower().split())
    if _LIMITS.search(said) is None:
        return None
    found = _LITRES.search(said)
    if found is None:
        return None
    amount = float(found[1].replace(",", "" if len(found[1].partition(",")[2]) == 3 else "."))
    return amount * (1000.0 if found[2].startswith("l") else 1.0)


class Ward:
    """The nurses' own work of one stay."""

    __slots__ = ("_hospital", "_known", "_limit", "_values")

    def __init__(self, hospital: Hospital, known: Known, values: Values) -> None:
        self._hospital = hospital
        self._known = known
        self._values = values
        self._limit = 0.0

    def begin(self) -> None:
        """Schedules the first round of each kind."""
        course, clock = self._hospital.course, self._hospital.clock
        if course.vitals_every is not None:
            rounds = tuple(range(0, 1440, course.vitals_every))
            self._hospital.at(clock.next(rounds, -1), self._measure, rounds)
        for minute, carbohydrate in course.meals:
            self._hospital.at(clock.next((minute,), -1), self._serve, minute, carbohydrate)
        if course.meter:
            checks = tuple(sorted({BEDTIME, *((minute - _METER_BEFORE) % 1440 for minute, _ in course.meals)}))
            self._hospital.at(clock.next(checks, -1), self._check_glucose, checks)

    def take_nutrition(self, order: Mapping[str, Any] | None) -> None:
        """Reads a NutritionOrder: nothing by mouth, or food again."""
        if order is None or order.get("status") not in ("active", None):
            self._hospital.nil_by_mouth = False
            self._limited(0.0)
            return
        parts = ("oralDiet", "excludeFoodModifier", "note", "enteralFormula")
        words = " ".join(str(order.get(part, "")) for part in parts)
        self.limit_fluid(words)
        nothing = ("npo", "nil by mouth", "nothing by mouth", "nil per os", "182923009")
        self._hospital.nil_by_mouth = any(word in words.lower() for word in nothing)

    def limit_fluid(self, words: str) -> bool:
        """Reads a limit of what is drunk in a day, as in ``fluid restriction 1000 mL/day``; False if there is none."""
        millilitres = fluid_limit(words)
        if millilitres is not None:
            self._limited(millilitres)
        return millilitres is not None

    def _limited(self, millilitres: float) -> None:
        """Holds the patient to a limit; 0 for none."""
        hospital = self._hospital
        if millilitres or self._limit:
            self._limit = millilitres
            dose = Dose("fluid limit", "fluid limit", millilitres, "mL", "oral", CONTINUOUS)
            hospital.happened(hospital.course.body.give(dose))

    def _measure(self, rounds: tuple[int, ...]) -> None:
        hospital = self._hospital
        signs = hospital.course.body.vital_signs()
        values: dict[str, float] = {}
        for key in _VITAL_SIGNS:
            analyte = ANALYTES[key]
            true = signs.get(key, analyte.women if self._values.female else analyte.men)
            value = true * (1 + analyte.analytic * normal(hospital.case, key, hospital.minute))
            values[key] = round(min(analyte.highest, value), analyte.places)
            self._known.learn(key, hospital.minute, values[key])
        resources = [self._sign(key, values[key]) for key in _VITAL_SIGNS[:4]]
        hospital.write(self._pressure(values), *resources)
        hospital.at(hospital.clock.next(rounds, hospital.minute), self._measure, rounds)

    def _sign(self, key: str, value: float) -> Resource:
        analyte = ANALYTES[key]
        return {**self._observation(analyte), "valueQuantity": quantity(value, analyte)}

    def _pressure(self, values: Mapping[str, float]) -> Resource:
        resource = self._observation(_PRESSURE)
        resource["component"] = [
            {
                "code": concept(LOINC, ANALYTES[key].loinc, ANALYTES[key].display, ANALYTES[key].short),
                "valueQuantity": quantity(values[key], ANALYTES[key]),
            }
            for key in ("systolic", "diastolic")
        ]
        return resource

    def _observation(self, analyte: Analyte, category: str = "vital-signs") -> Resource:
        hospital = self._hospital
        return observation(hospital, analyte, hospital.minute, hospital.course.nurse, category)

    def _serve(self, minute: int, carbohydrate: float) -> None:
        """Serves a meal: carbohydrate for the body, where it is allowed to eat."""
        hospital = self._hospital
        if not hospital.nil_by_mouth:
            hospital.happened(hospital.course.body.give(Dose("meal", "carbohydrate", carbohydrate, "g", "oral")))
        hospital.at(hospital.clock.next((minute,), hospital.minute), self._serve, minute, carbohydrate)

    def _check_glucose(self, checks: tuple[int, ...]) -> None:
        self.measure_glucose()
        self._hospital.at(self._hospital.clock.next(checks, self._hospital.minute), self._check_glucose, checks)

    def measure_glucose(self) -> None:
        """Measures glucose by meter, and pages the attending where the value is critical."""
        hospital, analyte, female = self._hospital, ANALYTES["glucose_meter"], self._values.female
        true = self._values.true("glucose_meter")
        value = true * (1 + analyte.analytic * normal(hospital.case, "meter", hospital.minute))
        value = round(min(analyte.highest, max(_LOWEST_METER, value)))
        resource = self._observation(analyte, "laboratory")
        told = f"glucose by meter {value} mg/dL"
        (address,) = hospital.write(with_value(resource, analyte, value, female=female, spoilt=False), news=told)
        critical = analyte.flag(value, female) in ("LL", "HH")
        self._known.learn("glucose", hospital.minute, value)
        issued = Issued(
            hospital.minute, hospital.minute, "glucose_meter", value, true, analyte.ucum, "", False, critical
        )
        hospital.told.results.append(issued)
        if critical:
            hospital.at(hospital.minute + 2, hospital.page, f"{told[:1].upper()}{told[1:]}.", (address,))
