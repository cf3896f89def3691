"""The official tasks as families and cases: ten families, ``task1`` to ``task10``."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mab_gym.errors import ContentError, UsageError
from mab_gym.official._phrases import named_mrns
from mab_gym.official._solution import solve
from mab_gym.official._tasks import READ_ONLY, OfficialTask
from mab_gym.tasking._family import Family
from mab_gym.tasking._taskset import TaskSet
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.solving import Desk, Solution
from mab_gym.tasking.verdict import Verdict

_EASY, _HARD = frozenset({1, 3, 8}), frozenset({5, 9, 10})
_SUMMARIES: Mapping[int, str] = {
    1: "MRN from name and date of birth",
    2: "age in whole years",
    3: "record a blood pressure",
    4: "most recent magnesium within 24 hours",
    5: "replace magnesium if low",
    6: "mean glucose over 24 hours",
    7: "most recent glucose",
    8: "orthopaedic referral",
    9: "replace potassium if low",
    10: "last HbA1c; a new one if out of date",
}


@dataclass(frozen=True)
class OfficialCase(Case):
    """An official task as a case; its parameters are read from its words.

    Attributes:
        task: The task.
    """

    task: OfficialTask = field(kw_only=True)

    @property
    def id(self) -> str:
        """The official id, as in ``task5_12``."""
        return self.task.id


@dataclass(frozen=True)
class OfficialFamily(Family):
    """An official category."""

    def prompt(self, case: Case, now: str, patient: str = "", knowledge: str = "handbook") -> tuple[str, str]:
        """Returns the context and the question, as the official file has them.

        Raises:
            UsageError: The case is not an official one.
        """
        task = official_task(case)
        return task.context, task.instruction


class OfficialTaskSet(TaskSet):
    """A set of official tasks, chosen by their official ids."""

    def case(self, case_id: str | Case) -> Case:
        """Returns a task by its official id.

        Raises:
            UsageError: There is no such task here.
        """
        if isinstance(case_id, OfficialCase) and case_id in self.cases:
            return case_id
        if not isinstance(case_id, str):
            raise UsageError(f"a case id is a text such as 'task5_12', not {case_id!r}")
        for case in self.cases:
            if case.id == case_id:
                return case
        raise UsageError(f"there is no official task {case_id!r} here; ids run as in task5_12")


def official_families(tasks: Mapping[str, OfficialTask]) -> list[Family]:
    """Returns the categories that occur in a task file, each with its tasks in the file's order.

    Args:
        tasks: The tasks, from `read_tasks`.
    """
    by_category: dict[int, list[OfficialTask]] = {}
    for task in tasks.values():
        by_category.setdefault(task.category, []).append(task)
    return [_family(category, by_category[category]) for category in sorted(by_category)]


def _family(category: int, tasks: Sequence[OfficialTask]) -> Family:
    name = f"task{category}"
    return OfficialFamily(
        name=name,
        number=category,
        kind="query" if category in READ_ONLY else "action",
        difficulty="easy" if category in _EASY else "hard" if category in _HARD else "medium",
        summary=_SUMMARIES[category],
        context="",
        question="",
        branches={"official": len(tasks)},
        draw=_draw,
        verify=_verify,
        solve=_solve,
        cases=tuple(
            OfficialCase(name, int(task.id.partition("_")[2]), "official", _params(task), task=task) for task in tasks
        ),
    )


def _params(task: OfficialTask) -> dict[str, Any]:
    """Returns what a reader can copy from the task's words; nothing that only a grader knows."""
    params: dict[str, Any] = {}
    mrns = named_mrns(task.instruction)
    if mrns:
        params["mrn"] = mrns[0]
    if task.category in (3, 8):
        params["text"] = task.quoted
    return params


def official_task(case: Case) -> OfficialTask:
    """Returns the official task of a case.

    Raises:
        UsageError: The case is none of the official file's.
    """
    if not isinstance(case, OfficialCase):
        raise UsageError(f"{case.id} is no official task")
    return case.task


def _draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    raise ContentError("official tasks are read from their file, never drawn")


def _verify(case: Case, chart: Chart, result: Result) -> Verdict:
    raise UsageError("official tasks are graded by what was said, in mab_gym.official._grading")


def _solve(case: Case, desk: Desk) -> Solution:
    task = official_task(case)
    return solve(task.context, task.instruction, desk)
