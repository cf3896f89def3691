"""A suspected embolism: several drugs and images are right, by kidneys and weight."""

from __future__ import annotations

import pytest

from mab_gym.tasking.case import Case
from tests.casework.emergency.changing import Resource, drug_of, without_patch, written
from tests.casework.playing import family, play

NAME = "pulmonary_embolism"


def cases(*branches: str) -> list[Case]:
    return [case for case in family(NAME).cases if case.branch in branches]


def given(drug: str, amount: float, unit: str, route: str, hours: int) -> Resource:
    repeat = {"frequency": 1, "period": hours, "periodUnit": "h"}
    quantity = {"value": amount, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    dosage = {"timing": {"repeat": repeat}, "route": {"text": route}, "doseAndRate": [{"doseQuantity": quantity}]}
    return {"medicationCodeableConcept": {"text": drug}, "dosageInstruction": [dosage]}


def heparin(kilograms: float) -> Resource:
    rate = {"value": round(18 * kilograms), "unit": "units/h", "system": "http://unitsofmeasure.org", "code": "[iU]/h"}
    dosage = {"route": {"text": "IV"}, "doseAndRate": [{"rateQuantity": rate}]}
    return {"medicationCodeableConcept": {"text": "heparin"}, "dosageInstruction": [dosage]}


@pytest.mark.parametrize("drug", ["enoxaparin", "rivaroxaban", "heparin"])
def test_other_anticoagulants_are_as_good(drug: str) -> None:
    for case in cases("embolism")[:3]:
        kilograms = case["weight_kg"]
        ways = {
            "enoxaparin": given("enoxaparin", round(kilograms), "mg", "subcutaneous", 12),
            "rivaroxaban": given("rivaroxaban", 15, "mg", "by mouth", 12),
            "heparin": heparin(kilograms),
        }

        def other(resource: Resource, way: Resource = ways[drug]) -> Resource:
            return {**resource, **way} if drug_of(resource) == "apixaban" else resource

        run = play(case, lambda action, other=other: written(other)(without_patch(action)))  # type: ignore[misc]
        assert run.solved, run.told


def test_twice_daily_enoxaparin_is_too_much_for_bad_kidneys() -> None:
    for case in [each for each in cases("no_contrast") if each["poor_kidneys"]][:2]:
        way = given("enoxaparin", round(case["weight_kg"]), "mg", "SC", 12)
        once = given("enoxaparin", round(case["weight_kg"]), "mg", "SC", 24)

        def twice(resource: Resource, way: Resource = way) -> Resource:
            return {**resource, **way} if drug_of(resource) == "apixaban" else resource

        def daily(resource: Resource, way: Resource = once) -> Resource:
            return {**resource, **way} if drug_of(resource) == "apixaban" else resource

        assert not play(case, written(twice)).solved
        run = play(case, written(daily))
        assert run.solved, run.told


def test_a_scan_without_contrast_is_right_for_all() -> None:
    def scanned(resource: Resource) -> Resource:
        if resource["resourceType"] == "ServiceRequest" and resource["code"].get("text") == "CT pulmonary angiogram":
            resource["code"] = {"text": "Ventilation-perfusion scan"}
        return resource

    for case in cases("embolism", "clear_scan")[:4]:
        run = play(case, written(scanned))
        assert run.solved, run.told


def test_an_anticoagulant_for_somebody_who_bleeds_is_unsafe() -> None:
    for case in cases("bleeding"):
        verdict = play(case, careless="bleeding")["verdict"]
        assert verdict["unsafe"] and verdict["credit"] == 0
        assert play(case)["verdict"]["deferral"] == "deferred"
