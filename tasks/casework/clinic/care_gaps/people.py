"""A person's prevention as a chart has it, with what stands in notes alone from the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from mab_gym.casework.reading import concept_text, text_of
from mab_gym.tasking.chart import Chart

from .gaps import Person, month_of

__all__ = ["exam_of", "of_resources", "person", "vaccine_of"]

Resource = Mapping[str, Any]
_TESTS = {
    "colonoscopy": "colonoscopy",
    "mammogram": "mammogram",
    "pap_smear": "pap_smear",
    "hiv_test": "hiv_test",
    "bone_density": "bone_density",
    "hepatitis_b_antibody": "hepatitis_b",
}


def of_resources(
    patient: Resource,
    immunizations: Sequence[Resource],
    procedures: Sequence[Resource],
    reports: Sequence[Resource],
    conditions: Iterable[Resource],
    elsewhere: Mapping[str, tuple[date, float]],
    stool_test: bool,
) -> Person:
    """Returns what resources say of a person, with what was read in notes."""
    given = [vaccine_of(each) for each in immunizations if each["status"] == "completed"]
    refused = [vaccine_of(each) for each in immunizations if each["status"] == "not-done"]
    exams = [exam_of(each) for each in (*procedures, *reports)]
    problems = [concept_text(each.get("code")) for each in (*conditions, *procedures)]
    return Person(
        born=date.fromisoformat(patient["birthDate"]),
        female=patient.get("gender") == "female",
        smoked=None,
        problems=" ".join(problems),
        vaccines=given,
        refused=refused,
        exams=[each for each in exams if each is not None],
        elsewhere=elsewhere,
        stool_test=stool_test,
    )


def vaccine_of(each: Resource) -> tuple[str, date]:
    """Returns the words and the day of an Immunization."""
    return concept_text(each["vaccineCode"]), _day(each["occurrenceDateTime"])


def exam_of(each: Resource) -> tuple[str, date, str] | None:
    """Returns the words, the day and the finding of an examination; None if it was not done."""
    if each["status"] not in ("completed", "final", "amended", "corrected"):
        return None
    when = (
        each.get("performedDateTime") or each.get("performedPeriod", {}).get("start") or each.get("effectiveDateTime")
    )
    found = text_of([each.get("note"), each.get("conclusion"), each.get("outcome")])
    return None if when is None else (concept_text(each["code"]), _day(when), found)


def _day(written: str) -> date:
    if len(written) == 7:
        return month_of(written)
    return date(int(written), 7, 1) if len(written) == 4 else datetime.fromisoformat(written).date()


def person(chart: Chart, mrn: str) -> Person | None:
    """Returns what is known of an adult at home; None for others, and where notes can be read in two ways."""
    patient = chart.patient(mrn)
    if patient is None or patient.get("deceasedDateTime") or not patient.get("generalPractitioner"):
        return None
    if (chart.now.date() - date.fromisoformat(patient["birthDate"])).days < 18 * 365.25:
        return None
    if any(True for _ in chart.search("Encounter", patient=mrn, status="in-progress", _count="1")):
        return None  # acute illness is a reason to wait with vaccines
    conditions = list(chart.search("Condition", patient=mrn, _count="500"))
    if any(word in str(each["code"]).lower() for each in conditions for word in ("pregnan", "hospice", "transplant")):
        return None
    elsewhere: dict[str, tuple[date, float]] = {}
    agreed = False
    for fact in chart.facts(mrn):
        kind, _, rest = fact.subject.partition(":")
        key = rest.removesuffix(":elsewhere") if kind == "vaccine" else _TESTS.get(rest.removeprefix("outside:"), "")
        if kind == "agreed" and rest == "stool_test":
            agreed = fact.until is None and not fact.contradicted_in
            if not agreed:
                return None
        if kind not in ("vaccine", "result") or not key or not fact.documents:
            continue
        if key in elsewhere:
            return None
        elsewhere[key] = (month_of(str(fact.says["month"])), float(fact.says.get("next_years", 0)))
    return of_resources(
        patient,
        list(chart.search("Immunization", patient=mrn, _count="500")),
        list(chart.search("Procedure", patient=mrn, _count="500")),
        list(chart.search("DiagnosticReport", patient=mrn, _count="1000")),
        conditions,
        elsewhere,
        agreed,
    )
