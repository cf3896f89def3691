"""A Task that stops the older duplicate, nothing where there is none, and the two ids."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, said, text
from mab_gym.tasking.orders import task
from mab_gym.tasking.verdict import Verdict

from .cases import orders_of, review


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the Task and the answer."""
    judge = Judge(result)
    found = review(orders_of(chart, case["mrn"]))
    if found is None or found.stop is None:
        judge.nothing_written("no drug is ordered twice")
        judge.answer(said(text("none")), text("" if found is None else found.keep["id"]))
        return judge.verdict()
    written = judge.written("Task")
    if written is not None:
        task(judge, written[0], "abort", f"MedicationRequest/{found.stop['id']}", case["mrn"], chart.now)
    judge.answer(text(found.stop["id"]), text(found.keep["id"]))
    return judge.verdict()
