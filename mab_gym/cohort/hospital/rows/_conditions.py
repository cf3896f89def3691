"""Conditions: the problem list, and what was diagnosed or treated in each encounter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._history import NOW, RECORDS_FROM, Problem
from mab_gym.cohort.hospital._zone import AS_DAY, forms_at, local_midnights
from mab_gym.cohort.hospital.rows._chart import Chart
from mab_gym.cohort.hospital.rows._fhir import (
    HL7,
    ICD,
    SNOMED,
    US_CORE,
    Element,
    coded,
    concept,
)
from mab_gym.cohort.hospital.rows._sheet import Sheet, days_of

_SEVERITIES: Final = (("255604002", "Mild"), ("6736007", "Moderate"), ("24484000", "Severe"))
"""Qualifiers of SNOMED CT."""
_MODERATE, _SEVERE = 0.34, 0.75
"""From these severities on a problem is recorded as moderate and as severe; our choice."""


def condition_sheet() -> Sheet:
    """Returns an empty sheet of conditions."""
    return Sheet("Condition", ("onsetDateTime", "abatementDateTime", "recordedDate"))


def on_the_list(problem: Problem) -> bool:
    """Tells if a problem stands on the problem list: if it lasts, or was over before anybody wrote it down here."""
    return problem.known is not None and (problem.chronic or problem.visit is None)


def add_conditions(chart: Chart, sheet: Sheet) -> None:
    """Adds the problem list, then the diagnoses by visit."""
    history = chart.history
    problems, visits, doctor = history.problems, history.visits, history.person.doctor
    listed = [(n, one) for n, one in enumerate(problems) if on_the_list(one)]
    if listed:
        _add_conditions(
            chart,
            sheet,
            "problem-list-item",
            [chart.problems[number] for number, _ in listed],
            [one for _, one in listed],
            [one.visit for _, one in listed],
            [one.known or 0 for _, one in listed],
            [doctor if one.visit is None else visits[one.visit].practitioner for _, one in listed],
        )
    recorded = [
        min(max(problems[number].known or 0, visits[place].start), visits[place].end or NOW)
        for place, number in chart.diagnoses
    ]
    if recorded:
        _add_conditions(
            chart,
            sheet,
            "encounter-diagnosis",
            list(chart.diagnoses.values()),
            [problems[number] for _, number in chart.diagnoses],
            [place for place, _ in chart.diagnoses],
            recorded,
            [visits[place].practitioner for place, _ in chart.diagnoses],
        )


def _add_conditions(
    chart: Chart,
    sheet: Sheet,
    category: str,
    ids: Sequence[int],
    problems: Sequence[Problem],
    visits: Sequence[int | None],
    recorded: Sequence[int],
    recorders: Sequence[int],
) -> None:
    listed = category == "problem-list-item"
    profile = "condition-problems-health-concerns" if listed else "condition-encounter-diagnosis"
    status, severity, code, recorder = sheet["clinicalStatus"], sheet["severity"], sheet["code"], sheet["recorder"]
    who = chart.hospital.practitioner_texts
    written = np.array(recorded, dtype=np.int64)
    old = written < RECORDS_FROM
    sheet.add_many(
        len(ids),
        id=np.array(ids, dtype=np.int64),
        meta=chart.metas(sheet, US_CORE + profile, written),
        clinicalStatus=[status.of("active" if one.abated is None else "resolved", _clinical) for one in problems],
        verificationStatus=sheet["verificationStatus"].of("confirmed", _verification),
        category=sheet["category"].of(category, _category),
        severity=[severity.of((one.severity >= _MODERATE) + (one.severity >= _SEVERE), _severity) for one in problems],
        code=[code.of(one.key, condition_text) for one in problems],
        subject=chart.whose(sheet),
        encounter=[chart.encounter(sheet, visit) for visit in visits],
        onsetDateTime=days_of([one.onset for one in problems]),
        abatementDateTime=days_of([one.abated for one in problems]),
        recordedDate=(
            np.where(old, local_midnights(written), written),
            np.where(old, AS_DAY, forms_at(written)),
        ),
        recorder=[recorder.text(who[number]) for number in recorders],
    )


def condition_code(key: str) -> Element:
    """Returns the code of a condition."""
    row = CONDITIONS[key]
    return coded(row.display, (ICD, row.icd10, row.display), (SNOMED, row.snomed, ""))


@cache
def condition_text(key: str) -> str:
    """Returns the code of a condition as JSON."""
    return pretty(condition_code(key))


@cache
def _clinical(code: str) -> str:
    return pretty(concept(f"{HL7}condition-clinical", code, code.capitalize()))


@cache
def _verification(code: str) -> str:
    return pretty(concept(f"{HL7}condition-ver-status", code, code.capitalize()))


@cache
def _category(code: str) -> str:
    display = "Problem List Item" if code == "problem-list-item" else "Encounter Diagnosis"
    return pretty([concept(f"{HL7}condition-category", code, display)])


@cache
def _severity(grade: int) -> str:
    code, display = _SEVERITIES[grade]
    return pretty(coded(display, (SNOMED, code, display)))
