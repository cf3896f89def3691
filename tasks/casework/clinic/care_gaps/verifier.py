"""Judges each person's topics: what is due is ordered, what was done elsewhere is on record, and no more is ordered.

What is due is by the sources in ``gaps.py``. Accepted besides: any test for the topic (a stool test or a colonoscopy,
unless a stool test was agreed on; any vaccine against the disease; a blood test for immunity before hepatitis B
vaccine), a record in any of the three forms, and a record of what is too old to count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from mab_gym.casework import CaseJudge, TestDue, Written
from mab_gym.casework.reading import codes_of, concept_text, member
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.judging import number as expected
from mab_gym.tasking.verdict import Verdict

from .gaps import DUE, ELSEWHERE, STOOL_CODES, STOOL_WORDS, TOPICS, Topic, month_of

_RECORDS = ("Observation", "DiagnosticReport", "Procedure")


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the review, person by person."""
    judge = CaseJudge(case, chart, result, [each["mrn"] for each in case["chosen"]])
    count, due = 0, set()
    for each in case["chosen"]:
        for name, state in each["topics"].items():
            if state == DUE:
                count += 1
                order = _ordered(judge, each, name)
                due.add("" if order is None else order.address)
            elif state == ELSEWHERE:
                _recorded(judge, each, name)
        for name in TOPICS:
            judge.claim(*_records(judge, each, TOPICS[name]))
    extra = [w for w in judge.changes.created("ServiceRequest") if w.address not in due]
    judge.kept("nothing_more_ordered", not extra, f"{len(extra)} orders were written that are not due.")
    judge.nothing_else(critical=("MedicationRequest", "MedicationAdministration", "AllergyIntolerance", "Consent"))
    judge.answer(expected(count))
    return judge.verdict()


def _ordered(judge: CaseJudge, person: Mapping[str, Any], name: str) -> Written | None:
    topic = TOPICS[name]
    stool = name == "colorectal" and person["stool_test"]
    due = TestDue(words=STOOL_WORDS, codes=STOOL_CODES) if stool else TestDue(words=topic.words, codes=topic.codes)
    return judge.requested(f"{name}_{person['mrn']}.ordered", due, about=f"Patient/{person['mrn']}")


def _recorded(judge: CaseJudge, person: Mapping[str, Any], name: str) -> None:
    """Checks that what was done elsewhere is on record with its month."""
    month = person["months"][name]
    found = _records(judge, person, TOPICS[name])
    right = [each for each in found if _about_then(each, month)]
    judge.claim(*found)
    told = f"{name} of Patient/{person['mrn']} in {month} is not on record."
    judge.checkpoint(f"{name}_{person['mrn']}.recorded", bool(right), told)


def _records(judge: CaseJudge, person: Mapping[str, Any], topic: Topic) -> list[Written]:
    kinds = (*_RECORDS, "Immunization")
    return [
        each
        for each in judge.changes.created(*kinds)
        if each.about == f"Patient/{person['mrn']}"
        and each.get("status") in ("completed", "final", "amended", "corrected")
        and _names(topic, each.get("vaccineCode") if each.kind == "Immunization" else each.get("code"))
    ]


def _names(topic: Topic, concept: Any) -> bool:
    said = concept_text(concept)
    return bool(codes_of(concept) & set(topic.codes)) or any(re.search(each, said) for each in topic.words)


def _about_then(each: Written, month: str) -> bool:
    """Tells if a record is of a month, give or take one."""
    days = [
        each.get("occurrenceDateTime"),
        each.get("effectiveDateTime"),
        each.get("performedDateTime"),
        each.get("occurrenceString"),
        member(each.get("effectivePeriod"), "start"),
        member(each.get("performedPeriod"), "start"),
    ]
    return any(day is not None and abs((day - month_of(month)).days) <= 46 for day in map(_day, days))


def _day(written: Any) -> date | None:
    if not isinstance(written, str):
        return None
    try:
        return month_of(written) if len(written) == 7 else datetime.fromisoformat(written[:40]).date()
    except ValueError:
        return None
