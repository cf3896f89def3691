"""Scripted players of the families on the clock: one who does nothing, one who guesses, and one who gives too much.

The fourth, the textbook, is each family's gold solution. A guess orders a usual dose for everybody, does not follow
what comes of it, and reads the answer at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"


def nothing(case: Case, desk: Desk) -> Solution:
    """Finishes at once."""
    yield desk.finish([])


def guess_electrolytes(case: Case, desk: Desk) -> Solution:
    """Gives 20 mEq twice a day and 1 g of magnesium, and looks at the end."""
    mrn = case["mrn"]
    yield desk.post(
        drug(mrn, "potassium chloride", 20, "meq", "oral", {"frequency": 2, "period": 1, "periodUnit": "d"})
    )
    yield desk.post(drug(mrn, "magnesium sulfate", 1, "g", "IV", {"count": 1, "duration": 1, "durationUnit": "h"}))
    yield from _electrolytes_at_the_end(case, desk, 80)


def overdo_electrolytes(case: Case, desk: Desk) -> Solution:
    """Gives 40 mEq every four hours by mouth, 10 mEq an hour by vein, and 4 g of magnesium twice."""
    mrn = case["mrn"]
    yield desk.post(test(mrn, "51990-0"))
    yield desk.post(
        drug(mrn, "potassium chloride", 40, "meq", "oral", {"frequency": 1, "period": 4, "periodUnit": "h"})
    )
    yield desk.post(rate(mrn, "potassium chloride", 10, "meq/h"))
    repeat = {"frequency": 1, "period": 24, "periodUnit": "h", "count": 2, "duration": 1, "durationUnit": "h"}
    yield desk.post(drug(mrn, "magnesium sulfate", 4, "g", "IV", repeat))
    yield from _electrolytes_at_the_end(case, desk, 960)


def _electrolytes_at_the_end(case: Case, desk: Desk, total: float) -> Iterator[str]:
    yield desk.wait(1440)
    yield desk.post(test(case["mrn"], "51990-0"))
    yield desk.post(test(case["mrn"], "19123-9"))
    yield desk.wait(1380)
    values = []
    for code in ("2823-3", "19123-9", "2160-0"):
        reply: Any = yield desk.get("Observation", patient=case["mrn"], code=code, _sort="-date", _count="1")
        values.append(reply.resources[0]["valueQuantity"]["value"])
    yield desk.post(message(case, reply.resources[0]["id"]))
    yield desk.finish([*values, total])


def guess_heparin(case: Case, desk: Desk) -> Solution:
    """Gives 5,000 units and 1,000 units an hour to everybody."""
    yield from _heparin(case, desk, 5000, 1000)


def overdo_heparin(case: Case, desk: Desk) -> Solution:
    """Gives 130 units/kg and 30 units/kg an hour."""
    yield from _heparin(case, desk, round(130 * case["weight_kg"]), round(30 * case["weight_kg"]))


def _heparin(case: Case, desk: Desk, bolus: float, hourly: float) -> Iterator[str]:
    mrn = case["mrn"]
    yield desk.post(drug(mrn, "heparin", bolus, "[iU]", "IV", {"count": 1}, text="bolus"))
    yield desk.post(rate(mrn, "heparin", hourly, "[iU]/h"))
    yield desk.wait(1380)
    yield desk.post(test(mrn, "14979-9"))
    yield desk.post(test(mrn, "58410-2"))
    yield desk.wait(700)
    values = []
    for code in ("14979-9", "777-3", "718-7"):
        reply: Any = yield desk.get("Observation", patient=mrn, code=code, _sort="-date", _count="1")
        values.append(reply.resources[0]["valueQuantity"]["value"])
    yield desk.post(message(case, reply.resources[0]["id"]))
    yield desk.finish([values[0], hourly, *values[1:]])


def guess_insulin(case: Case, desk: Desk) -> Solution:
    """Orders 6 units of rapid insulin with each meal and nothing else."""
    mrn = case["mrn"]
    yield desk.post(drug(mrn, "insulin lispro", 6, "[iU]", "subcutaneous", {"when": ["AC"]}))
    yield from _glucose_at_the_end(case, desk, 0, 6)


def overdo_insulin(case: Case, desk: Desk) -> Solution:
    """Orders 1.2 units/kg a day and a bold scale."""
    mrn, half = case["mrn"], round(0.6 * case["weight_kg"])
    daily = {"frequency": 1, "period": 1, "periodUnit": "d"}
    yield desk.post(drug(mrn, "insulin glargine", half, "[iU]", "subcutaneous", daily))
    yield desk.post(drug(mrn, "insulin lispro", round(half / 3), "[iU]", "subcutaneous", {"when": ["AC"]}))
    yield from _glucose_at_the_end(case, desk, half, round(half / 3))


def _glucose_at_the_end(case: Case, desk: Desk, basal: float, meal: float) -> Iterator[str]:
    for _ in range(3):
        yield desk.wait(1260)
    reply: Any = yield desk.get("Observation", patient=case["mrn"], code="41653-7", _sort="-date", _count="12")
    values = [each["valueQuantity"]["value"] for each in reply.resources]
    yield desk.post(message(case, reply.resources[0]["id"]))
    yield desk.finish([min(values), values[0], basal, meal])


Player = Callable[[Case, Desk], Solution]
PLAYERS: Mapping[str, Mapping[str, Player]] = {
    "titrate_electrolytes": {"guess": guess_electrolytes, "too much": overdo_electrolytes},
    "heparin_nomogram": {"guess": guess_heparin, "too much": overdo_heparin},
    "inpatient_insulin": {"guess": guess_insulin, "too much": overdo_insulin},
}


def shared(mrn: str) -> dict[str, Any]:
    return {"status": "active", "intent": "order", "subject": {"reference": f"Patient/{mrn}"}}


def test(mrn: str, code: str) -> dict[str, Any]:
    coded = {"coding": [{"system": LOINC, "code": code}]}
    return {"resourceType": "ServiceRequest", **shared(mrn), "priority": "stat", "code": coded}


def drug(
    mrn: str, name: str, amount: float, unit: str, route: str, repeat: Mapping[str, Any], text: str = ""
) -> dict[str, Any]:
    quantity = {"value": amount, "unit": unit, "system": UCUM, "code": unit}
    dosage = {"timing": {"repeat": dict(repeat)}, "route": {"text": route}, "doseAndRate": [{"doseQuantity": quantity}]}
    if text:
        dosage["text"] = text
    return {
        "resourceType": "MedicationRequest",
        **shared(mrn),
        "medicationCodeableConcept": {"text": name},
        "dosageInstruction": [dosage],
    }


def rate(mrn: str, name: str, amount: float, unit: str) -> dict[str, Any]:
    order = drug(mrn, name, amount, unit, "IV", {})
    quantity = {"value": amount, "unit": unit, "system": UCUM, "code": unit}
    order["dosageInstruction"] = [{"route": {"text": "IV"}, "doseAndRate": [{"rateQuantity": quantity}]}]
    return order


def message(case: Case, about: str) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "recipient": [{"reference": case["attending"]}],
        "about": [{"reference": f"Observation/{about}"}],
        "payload": [{"contentString": "Handed over."}],
    }
