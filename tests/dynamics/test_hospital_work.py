"""The hospital's own work: tests are drawn and reported, drugs given, changed, held and stopped, messages answered."""

from __future__ import annotations

import copy
import importlib
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from mab_gym.dynamics.course import CONTINUOUS, Answer
from mab_gym.fhir.http._exchange import Request
from mab_gym.tasking.stay import Message, StayRecord
from tests.dynamics.stays import PATIENT, SimpleBody, Ward, dosage, drug, every, requested

INFUSION = dosage(rate=(10, "meq/h"), route="iv")
INSULIN = dosage(6, "units", "subcutaneous", timing={"repeat": {"when": ["AC"]}})
FHIR = {"content-type": "application/fhir+json"}
MEALS = ((480, 60.0), (720, 60.0), (1080, 60.0))


def results(ward: Ward, code: str = "2823-3") -> list[Any]:
    return ward.found(f"Observation?code={code}&_sort=date")


def doses(ward: Ward) -> list[tuple[int, float, float]]:
    return [(minute, dose.amount, dose.minutes) for minute, dose in ward.body.doses if dose.drug != "carbohydrate"]


def refusals(ward: Ward) -> list[str]:
    return [message.text for message in ward.told.messages if "not carried out" in message.text]


# --- the laboratory --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("priority", "drawn"), [("stat", 11), ("urgent", 21), ("asap", 21), ("routine", 46)])
def test_a_test_is_drawn_reported_and_completed(priority: str, drawn: int) -> None:
    ward = Ward()
    order = ward.post(requested("potassium", priority))
    ward.wait(4, "h")
    (result,) = ward.told.results
    assert (result.analyte, result.drawn, result.order) == ("potassium", drawn, order)
    assert 30 <= result.minute - drawn <= 110
    assert result.value == pytest.approx(result.true, abs=0.2)
    (stored,) = results(ward)
    assert stored["valueQuantity"]["value"] == result.value
    assert stored["interpretation"][0]["coding"][0]["code"] == "L"
    assert stored["referenceRange"][0]["low"]["value"] == 3.5
    assert stored["basedOn"] == [{"reference": order}]
    assert ward.get(stored["specimen"]["reference"])["collection"]["collectedDateTime"] == stored["effectiveDateTime"]
    assert ward.get(order)["status"] == "completed"


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        ({"coding": [{"system": "http://loinc.org", "code": "2823-3"}]}, ["potassium"]),
        ({"coding": [{"code": "K"}]}, ["potassium"]),
        ({"text": "Serum potassium level"}, ["potassium"]),
        ({"text": "K and Mg"}, ["potassium", "magnesium"]),
        ({"text": "aPTT"}, ["aptt"]),
        ({"text": "PT/INR"}, ["pt", "inr"]),
        ({"coding": [{"system": "http://loinc.org", "code": "24326-1", "display": "Electrolytes"}]},
         ["sodium", "potassium", "chloride", "bicarbonate"]),
    ],
)  # fmt: skip
def test_tests_are_known_by_code_and_by_name(code: Any, tests: list[str]) -> None:
    ward = Ward()
    ward.post(requested("", "stat", code=code))
    ward.wait(3, "h")
    assert [result.analyte for result in ward.told.results] == tests


def test_a_panel_comes_as_a_report() -> None:
    ward = Ward()
    order = ward.post(requested("basic metabolic panel"))
    ward.wait(4, "h")
    (report,) = ward.found("DiagnosticReport")
    assert report["basedOn"] == [{"reference": order}]
    assert [ward.get(each["reference"])["code"]["text"] for each in report["result"]][:2] == ["Na", "K"]


def test_what_is_computed_agrees_with_what_was_measured() -> None:
    ward = Ward(values={"mcv": 90.0})
    ward.post(requested("BMP"))
    ward.post(requested("CBC"))
    ward.wait(5, "h")
    value = {result.analyte: result.value for result in ward.told.results}
    assert value["anion_gap"] == value["sodium"] - value["chloride"] - value["bicarbonate"]
    assert value["haematocrit"] == pytest.approx(3 * value["haemoglobin"], abs=0.06)
    assert value["mchc"] == pytest.approx(33.3, abs=1)
    assert 60 < value["egfr"] < 120


def test_repeated_tests_come_until_they_are_stopped() -> None:
    ward = Ward()
    order = ward.post(requested("potassium", occurrenceTiming=every(4)))
    ward.wait(9, "h")
    assert [result.drawn for result in ward.told.results] == [46, 286]
    assert ward.get(order)["status"] == "active"
    revoked = {**requested("potassium", occurrenceTiming=every(4)), "id": order.split("/")[1], "status": "revoked"}
    assert ward.ask("PUT", order, revoked).status == 200
    ward.wait(12, "h")
    assert [result.drawn for result in ward.told.results] == [46, 286, 526][: len(ward.told.results)]
    assert len(ward.told.results) <= 3


def test_a_test_at_a_time_and_so_many_of_them() -> None:
    ward = Ward()
    ward.post(requested("potassium", occurrenceDateTime="2023-11-13T09:15:00-05:00"))
    timing = {"repeat": {"count": 3, "frequency": 1, "period": 6, "periodUnit": "h"}}
    ward.post(requested("glucose", "stat", occurrenceTiming=timing))
    ward.wait(24, "h")
    drawn = [(result.analyte, result.drawn) for result in ward.told.results]
    assert sorted(drawn) == [("glucose", 12), ("glucose", 372), ("glucose", 732), ("potassium", 240)]


def test_a_planned_specimen_is_haemolysed_and_says_so() -> None:
    ward = Ward(haemolysed={"potassium": (2,)})
    ward.post(requested("potassium", occurrenceTiming=every(6)))
    ward.wait(15, "h")
    first, second, third = ward.told.results
    assert (first.haemolysed, second.haemolysed, third.haemolysed) == (False, True, False)
    assert second.value is not None
    assert second.value >= second.true + 0.9
    notes = [each.get("note", [{"text": ""}])[0]["text"][:20] for each in results(ward)]
    assert notes == ["", "Specimen haemolysed:", ""]


def test_a_laboratory_may_give_no_value_for_such_a_specimen() -> None:
    ward = Ward(haemolysed={"potassium": (1,)}, rejects_haemolysed=True)
    ward.post(requested("electrolytes"))
    ward.wait(5, "h")
    (result,) = results(ward)
    assert "valueQuantity" not in result
    assert result["dataAbsentReason"]["coding"][0]["code"] == "error"
    assert results(ward, "2951-2")[0]["valueQuantity"]["value"] > 100


def test_about_as_many_specimens_are_haemolysed_as_the_course_says() -> None:
    ward = Ward(haemolysis=0.25, horizon=14 * 1440)
    for _ in range(8):
        ward.post(requested("potassium", occurrenceTiming=every(4)))
    ward.stay.finish()
    spoilt = [result.haemolysed for result in ward.told.results]
    assert len(spoilt) == 8 * 48
    assert 0.18 < sum(spoilt) / len(spoilt) < 0.32


def test_a_critical_result_is_called_to_the_one_who_ordered() -> None:
    ward = Ward(body=SimpleBody(potassium=2.0))
    ward.post(requested("potassium", "stat", requester={"reference": "Practitioner/nurse"}))
    ward.wait(4, "h")
    (call,) = ward.found("Communication")
    (result,) = results(ward)
    assert call["payload"][0]["contentString"].startswith("Critical result: Potassium 2")
    assert call["recipient"] == [{"reference": "Practitioner/nurse"}]
    assert call["about"] == [{"reference": f"Observation/{result['id']}"}]
    assert call["priority"] == "urgent"


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (requested("soul weight"), "is no test"),
        (requested("", code={"coding": [{"system": "http://loinc.org", "code": "00000-0"}]}), "is no test"),
        (requested("potassium", occurrenceTiming=every(1 / 3600)), "cannot be drawn every 1 minutes"),
        (requested("potassium", occurrenceTiming={"repeat": {"period": -3, "periodUnit": "h"}}), "above 0"),
        (requested("potassium", occurrenceTiming={"code": {"text": "now and then"}}), "no times"),
        (requested("potassium", occurrenceDateTime="2023"), "time with its time zone"),
    ],
)
def test_the_laboratory_says_what_it_does_not_do(request_: Any, why: str) -> None:
    ward = Ward()
    ward.post(request_)
    (said,) = refusals(ward)
    assert why in said
    assert said in json.dumps(ward.found("Communication"))
    ward.wait(24, "h")
    assert not ward.told.results


# --- drugs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "given"),
    [
        (drug("potassium chloride", dosage(20)), [(31, 20, 0)]),
        (drug("KCl 20 mEq tablet", dosage(20, timing={"code": {"text": "BID"}})), [(31, 20, 0), (751, 20, 0)]),
        (drug("potassium chloride", dosage(20), priority="stat"), [(11, 20, 0)]),
        (drug("potassium chloride", dosage(40, timing={"repeat": {"count": 2, "period": 4, "periodUnit": "h"}})),
         [(31, 40, 0), (271, 40, 0)]),
        (drug("potassium chloride", dosage(20, route="iv", rate=(10, "meq/h"))), [(31, 20, 120)]),
        (drug("potassium chloride", dosage(20, route="iv", rate=(2, "h"))), [(31, 20, 120)]),
        (drug("potassium chloride", dosage(20, route="iv")), [(31, 20, 120)]),
        (drug("potassium chloride", dosage(1.5, "g")), [(31, pytest.approx(20.1, abs=0.1), 0)]),
        (drug("potassium chloride", {"text": "40 mEq PO every 6 hours"}), [(31, 40, 0), (391, 40, 0), (751, 40, 0)]),
        (drug("potassium chloride", INFUSION), [(31, 10, CONTINUOUS)]),
        (drug("heparin", dosage(80, "[iU]/kg", "iv", text="IV push")), [(31, 5600, 0)]),
        (drug("heparin", dosage(rate=(18, "U/kg/h"), route="iv")), [(31, 1260, CONTINUOUS)]),
        (drug("insulin glargine", dosage(20, "units", "sc", timing={"repeat": {"when": ["HS"]}})), [(1005, 20, 0)]),
        (drug("Atorvastatin 40 mg oral tablet", {"text": "40 mg by mouth at bedtime"}), [(1005, 40, 0)]),
        (drug("Ipratropium-albuterol nebulizer solution", dosage(3, "mL", "inhaled")), [(31, 3, 0)]),
        (drug("magnesium sulfate", dosage(2000, "mg", "iv", timing={"repeat": {"timeOfDay": ["09:00:00"]}})),
         [(225, 2, 120)]),
    ],
)  # fmt: skip
def test_an_order_is_given_as_it_says(order: Any, given: Any) -> None:
    ward = Ward()
    address = ward.post(order)
    ward.wait(17, "h")
    assert doses(ward) == given
    administrations = ward.found("MedicationAdministration")
    assert len(administrations) == len(given)
    assert {each["request"]["reference"] for each in administrations} == {address}
    assert [dose.status for dose in ward.told.given] == ["given"] * len(given)


def test_a_dose_that_runs_in_is_shown_as_under_way_and_then_as_completed() -> None:
    ward = Ward()
    ward.post(drug("potassium chloride", dosage(20, route="iv", rate=(10, "meq/h"))))
    ward.wait(60)
    (running,) = ward.found("MedicationAdministration")
    assert (running["status"], "end" in running["effectivePeriod"]) == ("in-progress", False)
    ward.wait(120)
    (done,) = ward.found("MedicationAdministration")
    assert (done["id"], done["status"]) == (running["id"], "completed")
    assert done["effectivePeriod"] == {"start": "2023-11-13T05:46:00-05:00", "end": "2023-11-13T07:46:00-05:00"}


def test_an_infusion_runs_until_it_is_stopped() -> None:
    ward = Ward()
    order = ward.post(drug("potassium chloride", INFUSION))
    ward.wait(5, "h")
    stopped = {**drug("potassium chloride", INFUSION), "id": order.split("/")[1], "status": "stopped"}
    ward.ask("PUT", order, stopped)
    ward.wait(5, "h")
    assert ward.body.stopped == [(302, order)]
    assert [dose.status for dose in ward.told.given] == ["given", "stopped"]
    (administration,) = ward.found("MedicationAdministration")
    assert (administration["status"], administration["effectivePeriod"]["end"]) == (
        "stopped",
        "2023-11-13T10:17:00-05:00",
    )


def test_a_rate_is_changed_without_a_gap_and_a_bolus_is_not_repeated() -> None:
    ward = Ward()
    bolus = dosage(80, "[iU]/kg", "iv", text="IV push")
    order = ward.post(drug("heparin", bolus, dosage(rate=(18, "[iU]/kg/h"), route="iv")))
    ward.wait(6, "h")
    patch = [{"op": "replace", "path": "/dosageInstruction/1/doseAndRate/0/rateQuantity/value", "value": 20}]
    asked = Request("PATCH", order, {"content-type": "application/json-patch+json"}, json.dumps(patch))
    assert ward.stay.handle(asked).status == 200
    ward.wait(2, "h")
    assert doses(ward) == [(31, 5600, 0), (31, 1260, CONTINUOUS), (372, 1400, CONTINUOUS)]
    assert not ward.body.stopped
    assert ward.told.orders[-1].what == "changed"


@pytest.mark.parametrize(
    ("more", "hours", "given"),
    [
        ({}, 6, [(31, 20), (391, 40), (751, 40)]),
        ({}, 4, [(31, 20), (271, 40), (511, 40), (751, 40)]),
        ({"priority": "stat"}, 6, [(31, 20), (132, 40), (492, 40)]),
    ],
)
def test_another_dose_is_given_when_the_next_one_is_due(more: Any, hours: int, given: Any) -> None:
    """A changed dose comes an interval after the last one, so that nothing is doubled; an urgent one comes at once."""
    ward = Ward()
    order = ward.post(drug("potassium chloride", dosage(20, timing=every(6))))
    ward.wait(2, "h")
    changed = drug("potassium chloride", dosage(40, timing=every(hours)), **more)
    assert ward.ask("PUT", order, {**changed, "id": order.split("/")[1]}).status == 200
    ward.wait(11, "h")
    assert [(minute, amount) for minute, amount, _ in doses(ward)] == given


def test_a_new_order_takes_the_place_of_the_one_that_it_names() -> None:
    ward = Ward()
    old = ward.post(drug("potassium chloride", INFUSION))
    ward.wait(2, "h")
    faster = dosage(rate=(20, "meq/h"), route="iv")
    new = ward.post(drug("potassium chloride", faster, priorPrescription={"reference": old}))
    ward.wait(4, "h")
    assert ward.body.stopped == [(152, old)]
    assert doses(ward)[-1] == (152, 20, CONTINUOUS)
    tablets = ward.post(drug("potassium chloride", dosage(20, timing=every(6)), priorPrescription={"reference": new}))
    ward.wait(7, "h")
    ward.post(drug("potassium chloride", dosage(40, timing=every(6)), priorPrescription={"reference": tablets}))
    ward.wait(12, "h")
    assert [amount for _, amount, _ in doses(ward)[2:]] == [20, 20, 40, 40]


def test_a_deleted_order_is_not_given() -> None:
    ward = Ward()
    order = ward.post(drug("potassium chloride", dosage(20)))
    assert ward.ask("DELETE", order).status == 200
    ward.wait(5, "h")
    assert not doses(ward)


@pytest.mark.parametrize(
    "more",
    [
        {"status": "draft"},
        {"status": "on-hold"},
        {"intent": "plan"},
        {"intent": "proposal"},
        {"doNotPerform": True},
        {"subject": {"reference": "Patient/S2"}},
    ],
)
def test_what_is_no_order_for_this_patient_is_not_given(more: Any) -> None:
    ward = Ward()
    ward.raw.record([{"resourceType": "Patient", "id": "S2"}], ward.told.begun)
    ward.post({**drug("potassium chloride", dosage(20)), **more})
    ward.wait(5, "h")
    assert not doses(ward)
    assert not refusals(ward)


def test_drugs_as_needed_are_given_by_known_values_alone() -> None:
    ward = Ward(body=SimpleBody(potassium=3.0))
    ward.post(drug("morphine", dosage(2, "mg", "iv", asNeededBoolean=True)))
    needed: Any = {"asNeededCodeableConcept": {"text": "potassium below 3.4"}}
    ward.post(drug("potassium chloride", dosage(40, timing=every(6), **needed)))
    ward.wait(7, "h")
    assert not doses(ward)
    ward.post(requested("potassium", "stat"))
    ward.wait(8, "h")
    assert doses(ward) == [(752, 40, 0)]


def test_a_sliding_scale_follows_the_meter() -> None:
    scale = "Before meals: 150-199: 2 units, 200-249: 4 units, >250: 6 units"
    given = []
    for glucose in (120, 170, 230, 300):
        ward = Ward(body=SimpleBody(glucose=glucose), meter=True, meals=MEALS[:1])
        ward.post(drug("insulin lispro", {"text": scale, "route": {"text": "SC"}}))
        ward.wait(4, "h")
        given += [[amount for _, amount, _ in doses(ward)]]
    assert given == [[], [2], [4], [6]]


def test_nurses_hold_insulin_at_a_low_glucose_and_say_so() -> None:
    ward = Ward(body=SimpleBody(glucose=60), meter=True, meals=MEALS)
    ward.post(drug("insulin lispro", INSULIN))
    ward.wait(12, "h")
    held, *given = ward.told.given
    assert (held.status, held.reason[:18]) == ("held", "The last glucose w")
    assert [dose.status for dose in given] == ["given"]
    statuses = {each["status"]: each for each in ward.found("MedicationAdministration")}
    assert statuses["not-done"]["statusReason"][0]["text"].endswith("below 70.")
    assert "effectiveDateTime" in statuses["not-done"]


def test_nurses_hold_potassium_at_a_high_result_and_tablets_when_nil_by_mouth() -> None:
    ward = Ward(body=SimpleBody(potassium=5.9))
    ward.post(requested("potassium", "stat"))
    ward.wait(90)
    ward.post(drug("potassium chloride", dosage(20)))
    ward.wait(60)
    assert not doses(ward)
    nothing = {"type": [{"text": "NPO"}]}
    order = {"resourceType": "NutritionOrder", "status": "active", "intent": "order", "patient": PATIENT}
    fasting = ward.post({**order, "dateTime": "2023-11-13T08:00:00Z", "oralDiet": nothing})
    ward.post(drug("metformin", dosage(500, "mg")))
    ward.wait(60)
    assert [dose.reason[:12] for dose in ward.told.given] == ["The last pot", "The patient "]
    ward.ask("PUT", fasting, {**order, "id": fasting.split("/")[1], "dateTime": "2023-11-13", "status": "revoked"})
    ward.post(drug("metformin", dosage(500, "mg")))
    ward.wait(60)
    assert len(doses(ward)) == 1


def test_a_course_without_rules_holds_nothing() -> None:
    ward = Ward(body=SimpleBody(glucose=60), meter=True, meals=MEALS, holds=False)
    ward.post(drug("insulin lispro", INSULIN))
    ward.wait(3, "h")
    assert len(doses(ward)) == 1


UNFIT = [
    (drug("unobtainium", dosage(5, "mg")), "formulary"),
    (drug("potassium chloride"), "no dose"),
    (drug("potassium chloride", {"route": {"text": "oral"}}), "how much"),
    (drug("potassium chloride", dosage(-20)), "above 0"),
    (drug("potassium chloride", dosage(1e12)), "no amount"),
    (drug("potassium chloride", dosage(2000)), "more potassium chloride than is handed out"),
    (drug("potassium chloride", dosage(20, "stone")), "no unit"),
    (drug("potassium chloride", dosage(1, "tablet")), "this order says tablets"),
    (drug("potassium chloride", dosage(20, route="iv", rate=(400, "meq/h"))), "faster"),
    (drug("potassium chloride", dosage(20, route="iv", text="IV push")), "never injected at once"),
    (drug("potassium chloride", dosage(20, route="intrathecal")), "route intrathecal"),
    (drug("insulin glargine", dosage(20, "units", "intravenous")), "route iv"),
    (drug("potassium chloride", dosage(20, timing=every(1 / 3600))), "a dose every"),
    (drug("potassium chloride", dosage(20, timing={"repeat": {"period": 0, "periodUnit": "d"}})), "above 0"),
    (drug("potassium chloride", dosage(20, timing={"code": {"text": "whenever"}})), "no times"),
    (drug("heparin and warfarin", dosage(5, "mg")), "several drugs"),
    (drug("heparin", dosage(rate=(10, "mL/h"), route="iv")), "mL"),
]  # fmt: skip


@pytest.mark.parametrize(("order", "why"), UNFIT)
def test_an_order_that_nobody_can_give_is_stored_and_told(order: Any, why: str) -> None:
    ward = Ward()
    address = ward.post(order)
    (said,) = refusals(ward)
    assert why in said
    assert address in ward.stay.news
    (message,) = ward.found("Communication")
    assert message["about"] == [{"reference": address}]
    ward.wait(24, "h")
    assert not doses(ward)
    assert [each.what for each in ward.told.orders] == ["refused"]


@pytest.mark.parametrize("value", [None, [], {}, "x", 5, [None], [{"repeat": 5}], {"repeat": {"count": "many"}}, True])
@pytest.mark.parametrize("element", ["timing", "route", "doseAndRate", "asNeededCodeableConcept", "method", "text"])
def test_no_content_of_an_order_breaks_the_clock(element: str, value: Any) -> None:
    ward = Ward()
    order = drug("potassium chloride", {**dosage(20), element: value})
    ward.stay._pharmacy.take("MedicationRequest/x", order)  # no server would store some of these
    ward.wait(5, "h")


ODD: Sequence[Any] = (
    None, True, 0, -1, 1.5, 1e308, float("inf"), float("nan"), 10**400, "", "x", "AC", "BID", "9999-12-31T23:59:59Z",
    "2023-11-13T12:00:00Z", "2023", [], {}, [None], [[]], [{}], {"a": 1}, "h", "meq", "1" * 50, "glucose 1-2",
    "150-199: 2 units",
)  # fmt: skip
SCHEDULE = {
    "event": ["2023-11-13T12:00:00Z"], "code": {"coding": [{"code": "BID"}], "text": "BID"},
    "repeat": {
        "boundsPeriod": {"start": "2023-11-13T12:00:00Z", "end": "2023-11-14T12:00:00Z"},
        "boundsDuration": {"value": 2, "unit": "d"}, "count": 3, "duration": 2, "durationUnit": "h", "frequency": 1,
        "period": 6, "periodUnit": "h", "timeOfDay": ["09:00:00"], "when": ["AC"],
    },
}  # fmt: skip
WHOLE = (
    drug(
        "potassium chloride",
        {
            "text": "20 mEq PO every 6 hours", "asNeededCodeableConcept": {"text": "potassium below 3.5"},
            "route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006"}]}, "method": {"text": "push"},
            "timing": SCHEDULE,
            "doseAndRate": [
                {"doseQuantity": {"value": 20, "unit": "meq"}, "rateQuantity": {"value": 10, "unit": "meq/h"},
                 "rateRatio": {"numerator": {"value": 10, "unit": "meq"}, "denominator": {"value": 1, "unit": "h"}}}
            ],
        },
    ),
    requested("potassium", occurrenceTiming=SCHEDULE, occurrencePeriod={"start": "2023-11-13T12:00:00Z"}),
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all members and items."""
    if path:
        yield path
    for name, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(part, (*path, name))


@pytest.mark.parametrize("seed", range(8))
def test_no_change_of_an_order_breaks_the_clock(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        order = copy.deepcopy(rng.choice(WHOLE))
        for _ in range(rng.choice((1, 1, 2, 3))):
            *where, last = rng.choice([path for path in places(order) if path != ("resourceType",)])
            part: Any = order
            for name in where:
                part = part[name]
            part[last] = copy.deepcopy(rng.choice(ODD))
        ward = Ward()
        if order["resourceType"] == "MedicationRequest":
            ward.stay._pharmacy.take("MedicationRequest/x", order)
        else:
            ward.stay._laboratory.take("ServiceRequest/x", order)
        ward.stay.finish()


def thousand(ward: Ward, order: Any) -> None:
    request = {"method": "POST", "url": order["resourceType"]}
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": order, "request": request}] * 100}
    for _ in range(10):
        assert ward.ask("POST", "", bundle).status == 200


def test_a_thousand_orders_are_bounded_and_told_in_a_few_messages() -> None:
    ward = Ward()
    order = drug("potassium chloride", dosage(1, timing=every(0.5)))
    thousand(ward, order)
    assert sum(each.what == "accepted" for each in ward.told.orders) == 100
    assert len(refusals(ward)) == 9
    assert refusals(ward)[-1].endswith("95 further orders are not carried out either.")
    ward.stay.finish()
    assert len(ward.told.given) <= 4100


def test_a_thousand_requests_are_bounded() -> None:
    ward = Ward(horizon=14 * 1440)
    thousand(ward, requested("potassium", occurrenceTiming=every(0.25)))
    ward.stay.finish()
    assert sum(each.what == "accepted" for each in ward.told.orders) == 200
    assert 500 <= len(ward.told.results) <= 700


# --- what stood in the chart -----------------------------------------------------------------------------------------


def test_standing_orders_go_on() -> None:
    running = {**drug("potassium chloride", INFUSION), "id": "running"}
    tablets = {**drug("metformin", dosage(500, "mg", timing={"code": {"text": "BID"}})), "id": "tablets"}
    daily = {**requested("potassium", occurrenceTiming={"repeat": {"timeOfDay": ["06:00:00"]}}), "id": "daily"}
    ward = Ward(standing=[running, tablets, daily])
    ward.wait(17, "h")
    assert doses(ward) == [(0, 10, CONTINUOUS), (225, 500, 0), (945, 500, 0)]
    assert [result.drawn for result in ward.told.results] == [45]
    assert not any(each.by_agent for each in ward.told.orders)
    assert len(ward.found("MedicationAdministration")) == 2  # the infusion was begun before


# --- nurses ----------------------------------------------------------------------------------------------------------


def test_nurses_take_vital_signs() -> None:
    ward = Ward(vitals_every=240)
    ward.wait(12, "h")
    pressures = ward.found("Observation?code=85354-9&_sort=date")
    assert [each["effectiveDateTime"][11:16] for each in pressures] == ["08:00", "12:00", "16:00"]
    assert [len(each["component"]) for each in pressures] == [2, 2, 2]
    assert len(ward.found("Observation?category=vital-signs")) == 15
    assert 60 < ward.found("Observation?code=8867-4")[0]["valueQuantity"]["value"] < 100


def test_meals_come_unless_nothing_is_allowed_by_mouth() -> None:
    fed, fasting = Ward(meals=MEALS), Ward(meals=MEALS, nil_by_mouth=True)
    for ward in (fed, fasting):
        ward.wait(24, "h")
    assert [minute for minute, dose in fed.body.doses] == [165, 405, 765]
    assert not fasting.body.doses


def test_nurses_measure_glucose_before_meals_and_at_bedtime_and_call_a_low_one() -> None:
    ward = Ward(body=SimpleBody(glucose=45), meter=True, meals=MEALS)
    ward.wait(24, "h")
    times = [each["effectiveDateTime"][11:16] for each in results(ward, "41653-7")]
    assert times == ["07:45", "11:45", "17:45", "22:00"]
    pages = [message for message in ward.told.messages if message.urgent]
    assert pages[0].text.startswith("Glucose by meter 4")


def test_what_happens_to_the_body_is_paged_and_recorded() -> None:
    ward = Ward(body=SimpleBody(potassium=2.52))
    ward.wait(6, "h")
    (event,) = ward.told.events
    assert (event.kind, event.harm) == ("arrhythmia", True)
    assert ward.told.harmed == [event]
    (page,) = ward.found("Communication")
    assert page["payload"][0]["contentString"] == "Runs of ventricular beats on the monitor."
    assert (page["recipient"], page["sender"]) == (
        [{"reference": "Practitioner/doctor"}],
        {"reference": "Practitioner/nurse"},
    )


# --- messages --------------------------------------------------------------------------------------------------------


def message(text: str, kind: str = "Communication") -> dict[str, Any]:
    return {
        "resourceType": kind, "status": "completed" if kind == "Communication" else "active", "subject": PATIENT,
        "recipient": [{"reference": "Practitioner/nurse"}], "payload": [{"contentString": text}],
    }  # fmt: skip


def obliging(asked: Message, told: StayRecord) -> Answer | None:
    return Answer(f"You wrote: {asked.text}", 15) if "?" in asked.text else None


@pytest.mark.parametrize(("kind", "element"), [("Communication", "inResponseTo"), ("CommunicationRequest", "basedOn")])
def test_people_answer_messages(kind: str, element: str) -> None:
    ward = Ward(replies=obliging)
    asked = ward.post(message("How is the patient?", kind))
    ward.post(message("Thank you.", kind))
    ward.wait(60)
    answers = [each for each in ward.found("Communication") if element in each]
    (answer,) = answers
    assert answer[element] == [{"reference": asked}]
    assert answer["payload"][0]["contentString"] == "You wrote: How is the patient?"
    assert (answer["sender"], answer["sent"]) == ({"reference": "Practitioner/nurse"}, "2023-11-13T05:31:00-05:00")


def test_consultants_answer_requests() -> None:
    ward = Ward(consults=lambda asked, told: Answer("Stop the diuretic.", 120, "Practitioner/doctor"))
    note = [{"text": "Potassium 3.0, why?"}]
    order = ward.post(requested("Nephrology consult", note=note, performer=[{"reference": "Practitioner/doctor"}]))
    ward.wait(3, "h")
    (answer,) = ward.found("Communication")
    assert answer["basedOn"] == [{"reference": order}]
    assert ward.get(order)["status"] == "completed"
    assert [each.text for each in ward.told.messages] == [
        "Nephrology consult\nPotassium 3.0, why?",
        "Stop the diuretic.",
    ]
    assert not refusals(ward)


def test_without_anybody_to_answer_nothing_comes() -> None:
    ward = Ward()
    ward.post(message("Anybody there?"))
    ward.post(requested("Cardiology consult"))
    ward.wait(24, "h")
    assert len(ward.found("Communication")) == 1


# --- all of it -------------------------------------------------------------------------------------------------------


def test_everything_that_the_hospital_writes_is_valid() -> None:
    ward = Ward(
        vitals_every=240, meter=True, meals=MEALS, haemolysed={"potassium": (1,)}, rejects_haemolysed=True,
        replies=obliging, body=SimpleBody(potassium=2.51, glucose=60),
    )  # fmt: skip
    ward.post(drug("potassium chloride", dosage(20, route="iv", rate=(10, "meq/h"), timing=every(6))))
    ward.post(drug("potassium chloride", INFUSION))
    ward.post(drug("insulin lispro", INSULIN))
    ward.post(drug("moonshine", dosage(1, "mg")))
    ward.post(requested("comprehensive metabolic panel", "stat"))
    ward.post(requested("INR"))
    ward.post(message("How is the patient?"))
    ward.wait(24, "h")
    kinds = {write.resource_type for write in ward.stay.recorded}
    assert kinds == {
        "Communication", "DiagnosticReport", "MedicationAdministration", "Observation", "ServiceRequest", "Specimen",
    }  # fmt: skip
    for write in ward.stay.recorded:
        module = importlib.import_module(f"fhir.resources.R4B.{write.resource_type.lower()}")
        getattr(module, write.resource_type).model_validate(json.loads(write.text))
        checked = ward.raw.handle(Request("POST", f"{write.resource_type}/$validate", FHIR, write.text))
        issues = json.loads(checked.body)["issue"]
        assert not [issue for issue in issues if issue["severity"] in ("error", "fatal")], (write.text, issues)
