"""The MRN of the one person with this name and date of birth."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, text
from mab_gym.tasking.verdict import Verdict

from .cases import full_name

NOT_FOUND = "Patient not found"


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the answer; nothing may be written."""
    found = [
        mrn
        for mrn, patient in chart.patients().items()
        if patient["birthDate"] == case["birth_date"] and full_name(patient) == case["name"]
    ]
    judge = Judge(result)
    judge.answer(text(found[0] if found else NOT_FOUND))
    judge.nothing_written()
    return judge.verdict()
