"""Judges each finding: the examination and its day, the message, and the Task; and that nothing else was ordered.

When a finding needs what is told by its report and by the sources in ``findings.py``. Accepted besides: any examination
that shows the finding (an echocardiogram or CT for the aorta, PET-CT for a nodule, an MRI for the adrenal), an earlier
day where the sources allow one, the day by a later report that tells of the finding again, and the text of the report,
its DiagnosticReport or its order as what a message is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import CaseJudge, TestDue
from mab_gym.casework.reading import references_in
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.judging import number as expected
from mab_gym.tasking.verdict import Verdict

from .findings import KINDS

_SOON = timedelta(days=35)
_SLACK = timedelta(days=7)
_DAY = timedelta(days=1)


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the review, finding by finding."""
    judge = CaseJudge(case, chart, result, [each["mrn"] for each in case["chosen"]])
    due = [(one, each) for one in case["chosen"] for each in one["findings"] if each["state"] == "due"]
    for one, each in due:
        _followed_up(judge, chart, one, each)
    quiet = {f"Patient/{one['mrn']}" for one in case["chosen"]} - {f"Patient/{one['mrn']}" for one, _ in due}
    wrong = [w for w in judge.changes.created("ServiceRequest") if set(references_in(w.resource)) & quiet]
    judge.kept("nothing_ordered", not wrong, f"{len(wrong)} examinations were ordered that nobody needs.")
    judge.nothing_else()
    judge.answer(expected(len(due)))
    return judge.verdict()


def _followed_up(judge: CaseJudge, chart: Chart, one: Mapping[str, Any], finding: Mapping[str, Any]) -> None:
    kind, patient = KINDS[finding["kind"]], f"Patient/{one['mrn']}"
    name = f"{finding['kind']}_{one['mrn']}"
    windows = [_window(each, chart.now) for each in finding["told"]]
    dues = [TestDue(words=kind.orders, codes=kind.codes, between=window) for window in windows]
    order = judge.requested(f"{name}.ordered", *dues, about=patient)
    sources = [each[part] for each in finding["told"] for part in ("report", "request")] + finding["documents"]
    reasons = () if order is None else references_in(order.resource)
    judge.checkpoint(
        f"{name}.reason", bool(set(reasons) & set(sources)), f"The order for {patient} does not name the report."
    )
    about = sources if order is None else [*sources, order.address]
    judge.message(f"{name}.told", to=[each["orderer"] for each in finding["told"]], about=about, patient=patient)
    focus = ("ServiceRequest/none",) if order is None else (order.address,)
    by = (min(first for first, _ in windows) - _DAY, max(last for _, last in windows) + _SLACK)
    judge.task(f"{name}.task", owner=(one["gp"],), focus=focus, due=by, patient=patient)


def _window(told: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime]:
    """Returns the first and the last time that is right for the examination, by a report that tells of the finding."""
    first, last = datetime.fromisoformat(told["from"]), datetime.fromisoformat(told["until"])
    now = now - timedelta(minutes=1)
    if last < now + _DAY * 21:
        return now - _DAY, now + _SOON
    return (max(first, now) - _SLACK, last + _SLACK) if first > now else (now - _DAY, last + _SLACK)
