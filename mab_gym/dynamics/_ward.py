"""The ward: vital signs, meals, and glucose by meter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mab_gym.dynamics._body import Dose
from mab_gym.dynamics._catalogues import tests
from mab_gym.dynamics._chance import normal
from mab_gym.dynamics._hospital import Hospital, Resource, concept, references
from mab_gym.dynamics._known import Known
from mab_gym.dynamics._laboratory import Laboratory, flag, quantity
from mab_gym.dynamics._timing import BEDTIME
from mab_gym.fhir.model._json_text import repeated
from mab_gym.tasking.meaning.terms import LOINC
from mab_gym.tasking.stay import Issued

_METER_BEFORE: Final = 15
"""Minutes before a meal at which glucose is measured: before insulin for that meal is given."""
_VITAL_SIGNS: Final[Mapping[str, tuple[str, str, str, int, float]]] = {
    # LOINC, display, UCUM, decimals, noise as a share
    "heart_rate": ("8867-4", "Heart rate", "/min", 0, 0.03),
    "respiratory_rate": ("9279-1", "Respiratory rate", "/min", 0, 0.05),
    "temperature": ("8310-5", "Body temperature", "Cel", 1, 0.003),
    "oxygen_saturation": ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", 0, 0.005),
    "systolic": ("8480-6", "Systolic blood pressure", "mm[Hg]", 0, 0.03),
    "diastolic": ("8462-4", "Diastolic blood pressure", "mm[Hg]", 0, 0.03),
}
_USUAL: Final[Mapping[str, float]] = {
    "heart_rate": 78.0, "respiratory_rate": 16.0, "temperature": 36.8, "oxygen_saturation": 97.0, "systolic": 124.0,
    "diastolic": 74.0,
}  # fmt: skip
"""Vital signs of the well, where a body does not know its own."""
_ALSO: Final[Mapping[str, str]] = {
    "pulse": "heart_rate", "breathing": "respiratory_rate", "respiration": "respiratory_rate",
    "saturation": "oxygen_saturation", "spo2": "oxygen_saturation", "systolic_pressure": "systolic",
    "diastolic_pressure": "diastolic", "body_temperature": "temperature",
}  # fmt: skip
"""Other keys that bodies may use."""
_PRESSURE: Final = ("85354-9", "Blood pressure panel with all children optional")
_CATEGORY: Final = repeated([
    {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs",
             "display": "Vital Signs"}
        ]
    }
])  # fmt: skip


class Ward:
    """The nurses' own work of one stay."""

    __slots__ = ("_hospital", "_known", "_laboratory")

    def __init__(self, hospital: Hospital, known: Known, laboratory: Laboratory) -> None:
        self._hospital = hospital
        self._known = known
        self._laboratory = laboratory

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
            return
        words = str(order.get("oralDiet", "")) + str(order.get("excludeFoodModifier", "")) + str(order.get("note", ""))
        nothing = ("npo", "nil by mouth", "nothing by mouth", "nil per os", "182923009")
        self._hospital.nil_by_mouth = any(word in words.lower() for word in nothing)

    def _measure(self, rounds: tuple[int, ...]) -> None:
        hospital = self._hospital
        told = {_ALSO.get(key, key): value for key, value in hospital.course.body.vital_signs().items()}
        signs = {**_USUAL, **{key: value for key, value in told.items() if key in _USUAL}}
        values: dict[str, float] = {}
        for key, (_, _, _, decimals, noise) in _VITAL_SIGNS.items():
            value = signs[key] * (1 + noise * normal(hospital.case, key, hospital.minute))
            values[key] = round(min(value, 100.0) if key == "oxygen_saturation" else value, decimals)
            self._known.learn(key, hospital.minute, values[key])
        resources = [self._sign(key, values[key]) for key in _VITAL_SIGNS if key not in ("systolic", "diastolic")]
        hospital.write(self._pressure(values), *resources)
        hospital.at(hospital.clock.next(rounds, hospital.minute), self._measure, rounds)

    def _sign(self, key: str, value: float) -> Resource:
        code, display, unit, decimals, _ = _VITAL_SIGNS[key]
        return {**self._observation(code, display), "valueQuantity": quantity(value, unit, decimals)}

    def _pressure(self, values: Mapping[str, float]) -> Resource:
        resource = self._observation(*_PRESSURE)
        resource["component"] = []
        for key in ("systolic", "diastolic"):
            code, display, unit, _, _ = _VITAL_SIGNS[key]
            part = {"code": concept(LOINC, code, display), "valueQuantity": quantity(values[key], unit)}
            resource["component"].append(part)
        return resource

    def _observation(self, code: str, display: str) -> Resource:
        hospital = self._hospital
        resource: Resource = {
            "resourceType": "Observation",
            "status": "final",
            "category": _CATEGORY,
            "code": concept(LOINC, code, display),
        }
        hospital.stamped(resource)
        resource["effectiveDateTime"] = resource["issued"] = hospital.time()
        if hospital.course.nurse:
            resource["performer"] = references(hospital.course.nurse)
        return resource

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
        hospital, test = self._hospital, tests()["glucose_meter"]
        true = self._laboratory.true_value("glucose_meter")
        value = round(max(10.0, true * (1 + test.noise * normal(hospital.case, "meter", hospital.minute))))
        resource = self._observation(test.loinc, test.display)
        resource["category"] = [
            {"coding": [{**_CATEGORY[0]["coding"][0], "code": "laboratory", "display": "Laboratory"}]}
        ]
        resource["valueQuantity"] = quantity(value, test.unit)
        resource["referenceRange"] = [{"low": quantity(70, test.unit), "high": quantity(99, test.unit)}]
        (address,) = hospital.write(resource, news=f"glucose by meter {value} mg/dL")
        critical = flag(test, value) in ("LL", "HH")
        self._known.learn("glucose", hospital.minute, value)
        issued = Issued(hospital.minute, hospital.minute, "glucose_meter", value, true, test.unit, "", False, critical)
        hospital.told.results.append(issued)
        if critical:
            hospital.at(hospital.minute + 2, hospital.page, f"Glucose by meter {value} mg/dL.", (address,))
