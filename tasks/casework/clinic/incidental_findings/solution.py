"""Reads the signed reports of four people, sees what became of each finding, and orders what is due."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from mab_gym.casework import heeding_flags, note_text
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

Resource = Mapping[str, Any]
_MRN: Final = re.compile(r"MRN (\w+)")
_FOUND: Final = (
    ("nodule", r"(\d+) mm nodule (?:in|at) the [^.;]*?[;,] (CT in [^.;]+)"),
    ("aorta", r"aortic arch ([\d.]+) cm[^.;]*[;,] (echo or CT in a year)"),
    ("adrenal", r"(\d+) mm left adrenal nodule[^;.]*[;,] (adrenal protocol CT in 12 months)"),
    ("pancreas", r"(\d+) mm lesion in the pancreatic tail[^;.]*[;,] (MRI in one year)"),
    ("meningioma", r"(\d+) mm meningioma over[^;.]*[;,] (MRI in one year)"),
    ("thyroid", r"(\d+) mm thyroid nodule at[^;.]*[;,] (thyroid ultrasound)"),
)
"""Findings as the radiologists of this hospital put them, with what they ask for."""
_NEXT: Final = {
    "nodule": ("CT chest", "24627-2"),
    "aorta": ("CT chest", "24627-2"),
    "adrenal": ("CT of the adrenal glands", ""),
    "pancreas": ("MRI abdomen", "24556-3"),
    "meningioma": ("MRI brain", "24590-2"),
    "thyroid": ("Thyroid ultrasound", "25010-0"),
}
_SHOWN_BY: Final = {
    "nodule": ("ct chest", "low-dose ct", "ct pulmonary"),
    "aorta": ("ct chest", "low-dose ct", "ct pulmonary", "echocardiogram"),
    "meningioma": ("mri brain",),
    "thyroid": ("thyroid ultrasound", "ultrasound of the thyroid"),
}
_ENOUGH: Final = timedelta(days=150)
_MONTHS: Final = "January|February|March|April|May|June|July|August|September|October|November|December"


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Goes through the people one by one."""
    yield desk.get("DocumentReference", **handbook_page("LAB-401"))
    count = 0
    for mrn in _MRN.findall(case["people"]):
        count += yield from _review(desk, mrn)
    yield desk.finish([desk.decide("how many findings needed something", count)])


def _review(desk: Desk, mrn: str) -> Generator[str, Reply, int]:
    """Reviews one person; returns how many findings needed something."""
    reply = yield desk.get("Patient", _id=mrn)
    patient = reply.resources[0]
    reply = yield desk.get("DocumentReference", patient=mrn, type="18748-4", _sort="date", _count="500")
    texts = reply.resources
    reply = yield desk.get("DiagnosticReport", patient=mrn, _sort="-date", _count="1000")
    reports = [each for each in reply.resources if each["status"] in ("final", "amended", "corrected")]
    found = _findings(texts, reports, desk)
    if not found or desk.rule("alive", bool(patient.get("deceasedDateTime")), lambda: False):
        return 0
    reply = yield desk.get("DocumentReference", patient=mrn, _sort="-date", _count="500")
    notes = reply.resources
    due = 0
    for finding in found:
        if desk.rule("done", _settled(finding, reports, notes), lambda: False):
            continue
        if finding["kind"] == "nodule" and finding["size"] < 6 and "if at risk" in finding["asks"]:
            continue
        yield from _close(desk, patient, finding)
        due += 1
    return due


def _findings(texts: Sequence[Resource], reports: Sequence[Resource], desk: Desk) -> list[dict[str, Any]]:
    """Returns the findings of the reports' texts, each with the first report that tells of it."""
    found: dict[tuple[str, float], dict[str, Any]] = {}
    for text in texts:
        report = _report_of(text, reports)
        said = desk.rule("text", note_text(text), partial(_conclusion, report))
        for kind, pattern in _FOUND:
            for match in re.finditer(pattern, said, re.IGNORECASE):
                size = float(match[1])
                if report is not None:
                    found.setdefault(
                        (kind, size), {"kind": kind, "size": size, "asks": match[2], "report": report, "text": text}
                    )
    return list(found.values())


def _conclusion(report: Resource | None) -> str:
    return "" if report is None else str(report.get("conclusion"))


def _report_of(text: Resource, reports: Sequence[Resource]) -> Resource | None:
    when = datetime.fromisoformat(text["date"])
    return next(
        (
            each
            for each in reports
            if each.get("issued")
            and each.get("basedOn")
            and abs(datetime.fromisoformat(each["issued"]) - when) < timedelta(minutes=2)
            and each["code"]["text"].lower() in text["description"].lower()
        ),
        None,
    )


def _settled(finding: Mapping[str, Any], reports: Sequence[Resource], notes: Sequence[Resource]) -> bool:
    """Tells if a later examination, here or elsewhere, has shown a finding again."""
    day = datetime.fromisoformat(finding["report"]["effectiveDateTime"])
    words = _SHOWN_BY.get(finding["kind"], ())
    for each in reports:
        at = datetime.fromisoformat(each["effectiveDateTime"])
        if at - day >= _ENOUGH and any(word in each["code"]["text"].lower() for word in words):
            return True
    for note in notes:
        for word in words:
            for match in re.finditer(rf"{word}[^.\n]{{0,80}}?({_MONTHS}) (\d{{4}})", note_text(note), re.IGNORECASE):
                at = datetime.strptime(f"15 {match[1]} {match[2]}", "%d %B %Y").replace(tzinfo=day.tzinfo)
                outside = re.search(r"outside|elsewhere|underwent|had |at [A-Z]|reports|wrote", note_text(note))
                if outside and at - day >= _ENOUGH and "imaging" not in str(note["type"]):
                    return True
    return False


def _close(desk: Desk, patient: Resource, finding: Mapping[str, Any]) -> Solution:
    """Orders the examination, tells who ordered the first one, and gives the rest to the general practitioner."""
    mrn, report = patient["id"], finding["report"]
    reply = yield desk.get("ServiceRequest", _id=report["basedOn"][0]["reference"].split("/")[1])
    doctor = patient["generalPractitioner"][0]["reference"]
    orderer = desk.rule("orderer", reply.resources[0]["requester"]["reference"], lambda: doctor)
    soon = desk.now + timedelta(days=21)
    asked = datetime.fromisoformat(report["effectiveDateTime"]) + timedelta(days=_days(finding["asks"]))
    day = asked
    if asked < soon:
        day = desk.rule("overdue", soon, lambda: asked)
    else:
        day = desk.rule("date", asked, lambda: desk.now + timedelta(days=1))
    words, code = _NEXT[finding["kind"]]
    coding = {"coding": [{"system": "http://loinc.org", "code": code}]} if code else {}
    reply = yield desk.post(
        {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "code": {**coding, "text": words},
            "subject": {"reference": f"Patient/{mrn}"},
            "occurrenceDateTime": day.isoformat(),
            "reasonReference": [{"reference": f"DiagnosticReport/{report['id']}"}],
        }
    )
    order = f"ServiceRequest/{reply.resources[0]['id']}"
    yield desk.post(
        {
            "resourceType": "Communication",
            "status": "completed",
            "subject": {"reference": f"Patient/{mrn}"},
            "recipient": [{"reference": orderer}],
            "about": [{"reference": f"DiagnosticReport/{report['id']}"}],
            "payload": [{"contentString": f"Incidental finding ({finding['kind']}); {words} is ordered."}],
        }
    )
    yield desk.post(
        {
            "resourceType": "Task",
            "status": "requested",
            "intent": "order",
            "code": {"text": "Incidental finding to be followed up"},
            "description": f"See that {words} is done.",
            "focus": {"reference": order},
            "for": {"reference": f"Patient/{mrn}"},
            "owner": {"reference": doctor},
            "restriction": {"period": {"end": day.isoformat()}},
        }
    )


def _days(asks: str) -> int:
    """Returns the days after the report by which something is asked for; none where it names no time."""
    return 360 if "12 months" in asks or "year" in asks else 0
