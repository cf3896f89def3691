"""Expects a Task that stops the older duplicate, none without a duplicate, and the two ids."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, said, text
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due_task import TaskDue
from mab_gym.tasking.meaning.people import Person
from mab_gym.tasking.meaning.terms import TASK_CODE
from mab_gym.tasking.verdict import Verdict

from .cases import orders_of, review

STOP = Concept(
    TASK_CODE, "abort", ("abort", "stop", "discontinue", "cancel", "end", "no longer active"), alone=False
)  # fmt: skip


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the Task and the answer."""
    judge = Judge(result)
    found = review(orders_of(chart, case["mrn"]))
    if found is None or found.stop is None:
        judge.nothing_written("no drug is ordered twice")
        judge.answer(said(text("none")), text("" if found is None else found.keep["id"]))
        return judge.verdict()
    person, focus = Person.of(chart, case["mrn"]), f"MedicationRequest/{found.stop['id']}"
    judge.orders(TaskDue(person=person, now=chart.now, code=STOP, focus=focus))
    judge.answer(text(found.stop["id"]), text(found.keep["id"]))
    return judge.verdict()
