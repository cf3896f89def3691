"""Notes and the further types of resources, as people read them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from mab_gym.charts._chart import PatientChart, read_chart
from mab_gym.charts._page import page
from tests.charts.test_chart import NOW, PERSON, made

ME = {"reference": "Patient/p"}


def chart_of(*resources: dict[str, Any]) -> PatientChart:
    return read_chart(made(PERSON, *resources), "p")


def note(number: int, text: str, kind: str = "text/plain", **more: Any) -> dict[str, Any]:
    attachment = {"contentType": kind, "data": base64.b64encode(text.encode()).decode()}
    return {
        "resourceType": "DocumentReference", "id": str(number), "status": "current", "subject": ME,
        "type": {"text": "Progress note"}, "date": f"2024-01-0{number}T10:00:00Z",
        "author": [{"reference": "Practitioner/7"}], "content": [{"attachment": attachment}], **more,
    }  # fmt: skip


DOCTOR = {"resourceType": "Practitioner", "id": "7", "name": [{"given": ["Ana"], "family": "Reyes"}]}


def test_notes_are_decoded_and_signed() -> None:
    old = note(1, "K 3.1", status="superseded")
    chart = chart_of(DOCTOR, old, note(2, "K 3.4 <b>", description="Ward round"))
    assert [(each.text, each.author, each.title, each.old) for each in chart.notes] == [
        ("K 3.4 <b>", "Ana Reyes", "Ward round", False), ("K 3.1", "Ana Reyes", "", True),
    ]  # fmt: skip
    shown = page(chart, NOW)
    assert "K 3.4 &lt;b&gt;" in shown
    assert '<details class="note-text void">' in shown


def test_a_text_may_lie_in_a_binary_and_may_be_no_text() -> None:
    data = base64.b64encode(b"From the referring practice.").decode()
    binary = {"resourceType": "Binary", "id": "5", "contentType": "text/plain", "data": data}
    letter = note(1, "", content=[{"attachment": {"url": "Binary/5"}}])
    scan = note(2, "%PDF", "application/pdf")
    broken = note(3, "", content=[{"attachment": {"contentType": "text/plain", "title": "lost"}}])
    web = note(4, "<p>Seen today.</p><p>Well &amp; cheerful</p>", "text/html")
    nowhere = note(5, "", content=[{"attachment": {"url": "Binary/6"}}])
    assert [each.text for each in chart_of(binary, letter, scan, broken, web, nowhere).notes] == [
        "(no text here: Binary/6)", "Seen today.\nWell & cheerful", "(no text here)",
        "(application/pdf, 4 bytes)", "From the referring practice.",
    ]  # fmt: skip


KINDS = [
    (
        {"resourceType": "FamilyMemberHistory", "status": "completed", "patient": ME, "name": "Ida",
         "relationship": {"text": "mother"},
         "condition": [{"code": {"text": "Diabetes"}, "onsetAge": {"value": 55, "unit": "years"}}],
         "deceasedAge": {"value": 81, "unit": "years"}},
        "Family history", "mother", "Ida, Diabetes at 55 years, died at 81 years",
    ),
    (
        {"resourceType": "Coverage", "status": "active", "beneficiary": ME, "type": {"text": "Medicare"},
         "payor": [{"reference": "Organization/9"}], "period": {"start": "2021-01-01"}},
        "Coverage", "Medicare", "Empire Mutual, since 2021-01-01",
    ),
    (
        {"resourceType": "Communication", "status": "completed", "subject": ME, "topic": {"text": "Critical result"},
         "sender": {"display": "Laboratory"}, "payload": [{"contentString": "Potassium 2.9."}]},
        "Messages", "Critical result", "Laboratory: Potassium 2.9.",
    ),
    (
        {"resourceType": "Immunization", "patient": ME, "vaccineCode": {"text": "Influenza"}, "status": "not-done",
         "statusReason": {"text": "refused"}},
        "Immunizations", "Influenza", "refused",
    ),
    (
        {"resourceType": "DiagnosticReport", "status": "final", "subject": ME, "code": {"text": "Chest X-ray"},
         "conclusion": "No edema."},
        "Reports", "Chest X-ray", "No edema.",
    ),
    (
        {"resourceType": "CareTeam", "status": "active", "subject": ME, "name": "Heart failure team",
         "participant": [{"role": [{"text": "nurse"}], "member": {"display": "Kim Ode"}}]},
        "Care team", "Heart failure team", "Kim Ode (nurse)",
    ),
    (
        {"resourceType": "Appointment", "status": "booked", "start": "2024-12-01T15:00:00Z", "description": "Clinic",
         "participant": [{"actor": ME}, {"actor": {"reference": "Practitioner/7"}}]},
        "Appointments", "Clinic", "Clinic, Ana Reyes",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "title", "name", "detail"), KINDS, ids=[each[1] for each in KINDS])
def test_further_types_are_told_in_words(resource: dict[str, Any], title: str, name: str, detail: str) -> None:
    payer = {"resourceType": "Organization", "id": "9", "name": "Empire Mutual"}
    chart = chart_of(DOCTOR, payer, {**resource, "id": "1"})
    (entry,) = chart.others[resource["resourceType"]]
    assert (entry.name, entry.detail) == (name, detail)
    assert f"<h2>{title} <small>1</small></h2>" in page(chart, NOW)


def test_the_order_is_a_readers_and_not_the_archives() -> None:
    made_last = {"resourceType": "Immunization", "id": "1", "status": "completed", "patient": ME}
    flag = {"resourceType": "Flag", "id": "1", "status": "active", "subject": ME, "code": {"text": "Falls risk"}}
    basic = {"resourceType": "Basic", "id": "1", "subject": ME}
    chart = chart_of(basic, made_last, flag)
    assert list(chart.others) == ["Flag", "Immunization", "Basic"]
    shown = page(chart, NOW)
    assert shown.index("Falls risk") < shown.index("Problems") < shown.index("Immunizations")
