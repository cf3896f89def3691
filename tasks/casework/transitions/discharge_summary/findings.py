"""Incidental findings that the hospital's own reports of a stay tell of, beside the one that a case brings.

A report says itself that something is due. Where it wants a CT "if at risk", the CT is due for somebody who has smoked,
of a nodule of 6 mm or more. For others MacMahon H et al. (Fleischner Society), Radiology 2017;284:228 want one from
6 mm on and the report does not, so that both are right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from mab_gym.casework import note_text, report_of
from mab_gym.casework.reading import text_of
from mab_gym.tasking.chart import Chart

_SMALL_MM: Final = 6
_IMAGING: Final = "18748-4"
_SMOKING: Final = "72166-2"
_ASKS: Final = re.compile(
    r"nodule|indeterminate|aneurysm|meningioma|adenoma|\b(?:cyst|lesion) (?:of|in)\b"
    r"|\b(?:ct|mri|echo|ultrasound|views)\b[^.]{0,40}\b(?:in|after|asked|suggested|advised|recommended)\b",
    re.IGNORECASE,
)
"""Words by which a report may ask for another examination."""


def stay_findings(chart: Chart, mrn: str, arrived: datetime) -> dict[str, list[list[str]]]:
    """Returns the addresses of reports of a stay that tell of a finding, each as its note and its DiagnosticReport.

    Args:
        chart: The records.
        mrn: The person.
        arrived: The beginning of the stay, timezone-aware.

    Returns:
        ``findings`` with which something is due, and ``findings_perhaps``, with which it is a matter of judgement.
    """
    facts = [each for each in chart.facts(mrn) if each.subject.startswith("finding:")]
    told = {document: dict(each.says) for each in facts for document in each.documents}
    reports = list(chart.search("DiagnosticReport", patient=mrn, _count="500"))
    since = f"ge{arrived.isoformat()}"
    found: dict[str, list[list[str]]] = {"findings": [], "findings_perhaps": []}
    for note in chart.search("DocumentReference", patient=mrn, type=_IMAGING, date=since, _count="200"):
        says = told.get(note["id"])
        if note["status"] != "current" or (says is None and _ASKS.search(note_text(note)) is None):
            continue
        if says is not None and str(says["due"]).startswith("no "):
            continue
        report = report_of(note, reports)
        addresses = [f"DocumentReference/{note['id']}", *([f"DiagnosticReport/{report['id']}"] if report else [])]
        found["findings" if says is not None and _is_due(chart, mrn, says) else "findings_perhaps"].append(addresses)
    return found


def _is_due(chart: Chart, mrn: str, says: Mapping[str, Any]) -> bool:
    """Tells if a report leaves no doubt that something is due."""
    return "if at risk" not in str(says["due"]) or (float(says["mm"]) >= _SMALL_MM and _has_smoked(chart, mrn))


def _has_smoked(chart: Chart, mrn: str) -> bool:
    """Tells if the chart says that a person smokes or has smoked."""
    found = chart.search("Observation", patient=mrn, code=_SMOKING, _count="50")
    answers = [text_of(each.get("valueCodeableConcept")) for each in found]
    return any("smoke" in each and "never" not in each for each in answers)
