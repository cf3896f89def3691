"""Expects the MRN of the person with this name and date of birth, or the date of birth of the person of this name."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, said, text
from mab_gym.tasking.verdict import Verdict

from .cases import named

NOT_FOUND = "Patient not found"


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the answer; nothing may be written."""
    namesakes = named(chart, case["name"])
    found = [patient["id"] for patient in namesakes if patient["birthDate"] == case["birth_date"]]
    judge = Judge(result)
    if found:
        judge.answer(text(found[0]))
    else:
        judge.answer(said(text(NOT_FOUND)), *(text(patient["birthDate"]) for patient in namesakes))
    judge.nothing_written()
    return judge.verdict()
