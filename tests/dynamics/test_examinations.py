"""Examinations with a text as their result: asked for in many words, done, reported, and cancelled in time."""

from __future__ import annotations

from typing import Any

import pytest

from mab_gym.dynamics._examinations import asked_examination, examinations
from tests.dynamics.stays import PATIENT, Ward


def request(text: str, priority: str = "stat", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "priority": priority,
        "subject": PATIENT,
        "code": {"text": text},
        **more,
    }


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("12-lead ECG", "ecg"),
        ("EKG study", "ecg"),
        ("CTPA", "ct_chest_angio"),
        ("CT angiography chest with contrast (PE protocol)", "ct_chest_angio"),
        ("CT angiography of the chest for pulmonary embolism", "ct_chest_angio"),
        ("V/Q scan", "vq_scan"),
        ("Ventilation-perfusion scan", "vq_scan"),
        ("Continuous ECG monitoring", "telemetry"),
        ("CT abdomen and pelvis with contrast", "ct_abdomen"),
        ("Chest X-ray, portable", "chest_xray"),
        ("Renal ultrasound", "us_kidneys"),
        ("Right upper quadrant ultrasound", "us_abdomen"),
        ("Venous duplex of both legs", "us_leg_veins"),
        ("Blood cultures, two sets", "blood_culture"),
        ("Urine culture", "urine_culture"),
        ("Transthoracic echocardiogram", "echo"),
        ("Potassium", None),
        ("Basic metabolic panel", None),
        ("", None),
    ],
)
def test_names_are_read(text: str, key: str | None) -> None:
    found = asked_examination(request(text))
    assert (None if found is None else found.key) == key


def test_codes_are_read() -> None:
    coded = request("", code={"coding": [{"system": "http://loinc.org", "code": "600-7"}]})
    assert (found := asked_examination(coded)) is not None and found.key == "blood_culture"
    for each in examinations().values():
        again = asked_examination(request(each.display))
        assert again is not None and again.key == each.key, each.display


def test_an_examination_is_reported_and_completed() -> None:
    ward = Ward(studies=lambda key, told: f"{key} at {told.minute}: a finding")
    order = ward.post(request("12-lead ECG"))
    ward.wait(2, "h")
    (report,) = ward.found("DiagnosticReport")
    assert report["conclusion"].startswith("ecg at") and report["basedOn"] == [{"reference": order}]
    assert ward.get(order)["status"] == "completed"
    assert [each.what for each in ward.told.orders if each.order == order] == ["accepted", "found", "completed"]


def test_a_culture_is_taken_and_a_monitor_begins() -> None:
    ward = Ward(studies=lambda key, told: "")
    order = ward.post(request("Blood culture"))
    monitor = ward.post(request("Cardiac telemetry"))
    ward.wait(1, "h")
    (report,) = ward.found("DiagnosticReport")
    assert report["status"] == "registered" and len(ward.found("Specimen")) == 1
    assert [each.text for each in ward.told.orders if each.what == "completed"] == ["telemetry", "blood_culture"]
    assert ward.get(order)["status"] == ward.get(monitor)["status"] == "active"


def test_what_is_cancelled_is_not_done() -> None:
    ward = Ward(studies=lambda key, told: "")
    order = ward.post(request("Chest X-ray"))
    ward.ask("PUT", order, {**request("Chest X-ray"), "id": order.partition("/")[2], "status": "revoked"})
    ward.wait(3, "h")
    assert not ward.found("DiagnosticReport")


def test_without_studies_the_laboratory_says_that_it_does_none() -> None:
    ward = Ward()
    ward.post(request("Chest X-ray"))
    assert any("no test that this laboratory does" in each.text for each in ward.told.messages)


@pytest.mark.parametrize(
    "words", ["Bladder scan", "Contact isolation", "Daily weights", "Fluid balance", "Fall precautions"]
)
def test_nobody_says_of_what_nurses_do_that_it_is_no_test(words: str) -> None:
    ward = Ward(studies=lambda key, told: "")
    ward.post(request(words))
    assert not ward.told.messages
    assert [(each.what, each.text) for each in ward.told.orders] == [("accepted", "nursing")]


@pytest.mark.parametrize("words", ["Creatinine, urine", "Urine creatinine", "Creatinine [Mass/volume] in Urine"])
def test_a_test_of_urine_is_not_drawn_from_blood(words: str) -> None:
    ward = Ward()
    ward.post(request(words))
    ward.wait(3, "h")
    assert not ward.found("Observation")
    assert any("no test that this laboratory does" in each.text for each in ward.told.messages)
