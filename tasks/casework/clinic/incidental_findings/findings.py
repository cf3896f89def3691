"""Incidental findings that stand in the text of a report alone, and what became of them in a chart.

Nodules of the lung: MacMahon H et al. (Fleischner Society), Radiology 2017;284:228 (solid ones below 6 mm need nothing
where the risk is low; from 6 mm on a CT is due whatever the risk is, at 8 mm or more within 3 months at the best).
Aorta: Isselbacher EM et al., Circulation 2022;146:e334 (imaging at 6 to 12 months). Adrenal: Mayo-Smith WW et al., J Am
Coll Radiol 2017;14:1038. Pancreas: Megibow AJ et al., J Am Coll Radiol 2017;14:911. Thyroid: Hoang JK et al., J Am Coll
Radiol 2015;12:143. Only findings are used of which all this and the report's own words leave one reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import note_text, notes_that_tell, report_of
from mab_gym.casework.reading import text_of
from mab_gym.tasking.chart import Chart, LedgerFact

__all__ = ["KINDS", "Kind", "clean", "person"]

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding.

    Attributes:
        orders: Patterns of the words of orders that follow it up.
        codes: LOINC codes of such orders.
        done: Words of examinations that have followed it up, in the names of reports.
        perhaps: Words of examinations that may have, so that a chart with one of them is not used.
        elsewhere: Subjects of the ledger by which it was followed up elsewhere.
        unsure: Subjects by which it may have been.
        soonest: Months after the report from which on an order is right; 0 for at any time.
        latest: Months after the report by which it is due.
    """

    orders: tuple[str, ...]
    codes: tuple[str, ...]
    done: tuple[str, ...]
    perhaps: tuple[str, ...]
    elsewhere: tuple[str, ...]
    unsure: tuple[str, ...]
    soonest: float
    latest: float


_CHEST: Final = (
    r"\b(ct|pet|tomograph\w*|computed)\b.*(chest|thora|lung|pulmon)",
    r"(chest|thora|lung|pulmon).*\b(ct|pet|tomograph\w*)\b",
)
_CHEST_CODES: Final = (
    "24627-2",
    "24628-0",
    "29252-4",
    "30598-7",
    "87279-2",
    "79103-8",
    "169069000",
    "16334891000119106",
)
_OUTSIDE_CT: Final = "result:outside:ct_of_the_chest"
"""It shows a nodule of its own in another lobe, so that it settles nothing by itself."""
_CTS: Final = ("ct chest", "low-dose ct", "ct pulmonary")
KINDS: Final[Mapping[str, Kind]] = {
    "nodule": Kind(_CHEST, _CHEST_CODES, _CTS, (), (), (_OUTSIDE_CT,), 0, 12.5),
    "aorta": Kind(
        (*_CHEST, r"\becho", r"aort.*\b(ct|cta|mr|mra|mri|angio)", r"\b(ct|cta|mr|mra|mri|angio)\w*.*aort"),
        (*_CHEST_CODES, "34552-0", "42148-7", "40701008", "24590-2"),
        (*_CTS, "echocardiogram"),
        ("angiogram",),
        ("result:outside:echocardiogram",),
        (_OUTSIDE_CT,),
        0,
        13,
    ),
    "meningioma": Kind(
        (r"\bmr\w*\b.*(brain|head|cran)", r"(brain|head|cran).*\bmr", r"magnetic.*(brain|head)"),
        ("24590-2", "24587-8", "24589-4", "816077007", "241601008"),
        ("mri brain",),
        ("ct head",),
        (),
        (),
        9,
        13,
    ),
    "adrenal": Kind(
        (r"adrenal", r"\b(ct|mr\w*)\b.*abd", r"abd.*\b(ct|mr\w*)\b"),
        ("24556-3", "79103-8", "44115-4", "30599-5", "46358-8", "169070004"),
        (),
        ("ct abdomen", "mri abdomen"),
        (),
        (),
        9,
        13,
    ),
    "pancreas": Kind(
        (r"\bmr\w*\b.*(abd|pancrea)", r"(abd|pancrea).*\bmr", r"mrcp", r"magnetic.*(abd|pancrea)"),
        ("24556-3", "30668-8", "432369002", "168840006", "241620005"),
        (),
        ("ct abdomen", "mri abdomen", "abdominal ultrasound"),
        (),
        (),
        9,
        13,
    ),
    "thyroid": Kind(
        (r"thyroid.*(ultras|sono|\bus\b)", r"(ultras\w*|sono\w*|\bus\b).*thyroid"),
        ("25010-0", "24604-1", "35761006"),
        ("thyroid ultrasound",),
        (),
        ("result:outside:ultrasound_of_the_thyroid",),
        (),
        0,
        12,
    ),
}
_NOT_FOR: Final = (
    "cancer",
    "carcinoma",
    "malignan",
    "lymphoma",
    "leukemia",
    "metasta",
    "melanoma",
    "hospice",
    "neoplasm",
)
_OLDEST: Final = 85
_ENOUGH: Final = timedelta(days=150)
"""Time after which an examination follows a finding up; a sooner one belongs to the illness of the day."""


def person(chart: Chart, mrn: str) -> dict[str, Any] | None:
    """Returns the findings of a person; None where there are none, or where two readings are possible.

    Each has its ``state``: ``due``, ``done`` (``by`` an examination in the chart), ``elsewhere`` (notes say so),
    ``none`` (nothing is needed), ``dead``.
    """
    return chart.remember(("incidental findings", mrn), lambda: _look(chart, mrn))


def _look(chart: Chart, mrn: str) -> dict[str, Any] | None:
    facts = [each for each in chart.facts(mrn) if each.subject.startswith("finding:")]
    patient = chart.patient(mrn)
    if not facts or patient is None or not patient.get("generalPractitioner"):
        return None
    reports = [
        each
        for each in chart.search("DiagnosticReport", patient=mrn, _count="500")
        if "effectiveDateTime" in each and each["status"] in ("final", "amended", "corrected")
    ]
    if not patient.get("deceasedDateTime") and any(_asks_by_itself(each, reports) for each in reports):
        return None
    problems = _words_of_problems(chart, mrn)
    ill = any(word in problems for word in _NOT_FOR)
    dead = bool(patient.get("deceasedDateTime"))
    old = (chart.now.date() - datetime.fromisoformat(patient["birthDate"]).date()).days > _OLDEST * 365.25
    found: list[dict[str, Any]] = []
    for fact in facts:
        read = _finding(chart, mrn, fact, reports, dead)
        if read is None or (read["state"] == "due" and (ill or old or _given_up(chart, mrn))):
            return None
        found.append(read)
    due = [each["kind"] for each in found if each["state"] == "due"]
    if len(set(due)) < len(due):
        return None
    states = {each["state"] for each in found}
    state = "dead" if dead else "due" if "due" in states else next(iter(sorted(states)))
    return {
        "mrn": mrn,
        "name": _name(patient),
        "gp": patient["generalPractitioner"][0]["reference"],
        "state": state,
        "findings": found,
    }


def clean(chart: Chart, mrn: str) -> dict[str, Any] | None:
    """Returns a person whose imaging shows nothing that needs more; None for all others."""
    return chart.remember(("clean imaging", mrn), lambda: _look_clean(chart, mrn))


def _look_clean(chart: Chart, mrn: str) -> dict[str, Any] | None:
    facts, patient = chart.facts(mrn), chart.patient(mrn)
    if not facts or patient is None or patient.get("deceasedDateTime"):
        return None
    if any(each.subject.startswith(("finding:", *_IMAGED)) for each in facts):
        return None
    reports = list(chart.search("DiagnosticReport", patient=mrn, category="RAD", _count="200"))
    asked = any(_ASKS.search(str(each.get("conclusion", ""))) for each in reports)
    if asked or not 2 <= len(reports) <= 25 or any(_ASKS.search(each) for each in _texts(chart, mrn)):
        return None
    return {"mrn": mrn, "name": _name(patient), "state": "clean", "findings": []}


def _texts(chart: Chart, mrn: str) -> Iterator[str]:
    for each in chart.search("DocumentReference", patient=mrn, type="18748-4", _count="200"):
        yield note_text(each)


_IMAGED: Final = ("result:outside:ct_of_the_chest", "result:outside:ultrasound", "result:outside:mammogram")
_ASKS: Final = re.compile(
    r"nodule (of|in)|mm nodule|indeterminate|aneurysm|meningioma|adenoma|pancrea\w+ cyst|BI-RADS [0345]"
    r"|(ct|mri|echo|ultrasound|views)\b[^.]{0,40}\b(in|after|asked|suggested|advised|recommended)\b",
    re.IGNORECASE,
)
"""Words by which a report asks for another examination."""


def _asks_by_itself(report: Resource, reports: Sequence[Resource]) -> bool:
    """Tells if the conclusion of a report asks for something that screening itself has not answered since."""
    conclusion = str(report.get("conclusion", ""))
    if conclusion.startswith("BI-RADS"):
        later = [each for each in reports if each["effectiveDateTime"] > report["effectiveDateTime"]]
        return not conclusion.startswith(("BI-RADS 1", "BI-RADS 2")) and not any(
            "mammogram" in _title(each) for each in later
        )
    benign = conclusion.startswith(("Lung-RADS 1", "Lung-RADS 2"))
    return "RAD" in str(report.get("category")) and not benign and _ASKS.search(conclusion) is not None


def _given_up(chart: Chart, mrn: str) -> bool:
    """Tells if the person wants comfort alone."""
    return any(
        fact.subject == "code_status" and fact.says.get("status") not in ("full", "dnr", "dnr_dni")
        for fact in chart.facts(mrn)
    )


def _finding(
    chart: Chart, mrn: str, fact: LedgerFact, reports: Sequence[Resource], dead: bool
) -> dict[str, Any] | None:
    name = fact.subject.split(":")[1]
    kind = KINDS.get(name)
    if kind is None or not fact.documents:
        return None
    source = next(chart.search("DocumentReference", _id=fact.documents[0]), None)
    report = report_of(source, reports)
    if source is None or report is None or source["status"] != "current":
        return None
    ordered = next(chart.search("ServiceRequest", _id=report["basedOn"][0]["reference"].split("/")[1]), None)
    if ordered is None or not ordered.get("requester"):
        return None
    day = datetime.fromisoformat(report["effectiveDateTime"])
    millimetres = float(fact.says.get("mm", 0) or 0)
    state, by = _became(chart, mrn, kind, day, reports)
    if state == "due" and name == "nodule" and millimetres < 6:
        risky = fact.says.get("due") == "CT in 12 months if at risk" and not _smoked(chart, mrn)
        state = "none" if risky else ""
    if dead:
        state = "dead"
    if not state:
        return None
    soonest = 0.0 if name == "nodule" and millimetres > 8 else kind.soonest
    if name == "aorta" or (name == "nodule" and millimetres <= 8):
        soonest = 5.0
    told = [_told(chart, each, reports, soonest, kind.latest) for each in fact.documents]
    return {
        "kind": name,
        "size": millimetres,
        "state": state,
        "by": by,
        "told": [each for each in told if each is not None],
        "documents": list(notes_that_tell(chart, mrn, fact)),
    }


def _told(
    chart: Chart, document: str, reports: Sequence[Resource], soonest: float, latest: float
) -> dict[str, str] | None:
    """Returns a report that tells of a finding, and when it wants more; None for notes that are no report."""
    source = next(chart.search("DocumentReference", _id=document), None)
    report = report_of(source, reports)
    if report is None:
        return None
    request = report["basedOn"][0]["reference"]
    ordered = next(chart.search("ServiceRequest", _id=request.split("/")[1]), {})
    day = datetime.fromisoformat(report["effectiveDateTime"])
    return {
        "from": (day + timedelta(days=30.4 * soonest)).isoformat(),
        "until": (day + timedelta(days=30.4 * latest)).isoformat(),
        "report": f"DiagnosticReport/{report['id']}",
        "request": request,
        "orderer": str(ordered.get("requester", {}).get("reference", "")),
    }


def _became(chart: Chart, mrn: str, kind: Kind, day: datetime, reports: Sequence[Resource]) -> tuple[str, list[str]]:
    """Returns what became of a finding, and by what; an empty state where it is not clear."""
    later = [
        (datetime.fromisoformat(each["effectiveDateTime"]) - day, each)
        for each in reports
        if datetime.fromisoformat(each["effectiveDateTime"]) > day + timedelta(hours=1)
    ]
    same = [(after, each) for after, each in later if any(word in _title(each) for word in kind.done)]
    if any(after >= _ENOUGH for after, _ in same):
        return "done", [f"DiagnosticReport/{each['id']}" for after, each in same if after >= _ENOUGH]
    unsure = [each for after, each in later if any(word in _title(each) for word in kind.perhaps)]
    if same or unsure or _asked_for(chart, mrn, kind, day):
        return "", []
    facts = chart.facts(mrn)
    if any(each.subject in kind.unsure and each.since > day for each in facts):
        return "", []
    others = [each for each in facts if each.subject in kind.elsewhere and each.since > day]
    if any(each.since >= day + _ENOUGH and not each.contradicted_in for each in others):
        return "elsewhere", [f"DocumentReference/{one}" for each in others for one in each.documents]
    return ("", []) if others else ("due", [])


def _asked_for(chart: Chart, mrn: str, kind: Kind, day: datetime) -> bool:
    """Tells if an order for it is open."""
    open_ones = chart.search("ServiceRequest", patient=mrn, status="active", _count="200")
    return any(any(re.search(each, text_of(one.get("code"))) for each in kind.orders) for one in open_ones)


def _title(report: Resource) -> str:
    return str(report["code"].get("text", "")).lower()


def _smoked(chart: Chart, mrn: str) -> bool:
    """Tells if a person has ever smoked, as far as anything says."""
    found = chart.search("Observation", patient=mrn, code="72166-2", _count="50")
    answers = [text_of(each.get("valueCodeableConcept")) for each in found]
    return not answers or any("never" not in each for each in answers)


def _words_of_problems(chart: Chart, mrn: str) -> str:
    return " ".join(text_of(each.get("code")) for each in chart.search("Condition", patient=mrn, _count="500"))


def _name(patient: Resource) -> str:
    name = patient["name"][0]
    return f"{' '.join(name['given'])} {name['family']}"
