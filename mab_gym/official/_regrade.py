"""Plays recorded official trajectories again on a chart, and compares the outcome with the record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mab_gym.backends import Backend
from mab_gym.errors import ContentError
from mab_gym.official._conversation import FROM_OUTSIDE, Conversation, Status
from mab_gym.official._files import json_lines
from mab_gym.official._grading import grade
from mab_gym.official._tasks import OfficialTask
from mab_gym.tasking.chart import Chart


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One recorded episode.

    Attributes:
        line: Its line in its file, from 1.
        task: The task's id.
        actions: The agent's turns, as it wrote them; those after the episode's end do not count.
        status: The end of the episode.
        result: The answer's text; None without a FINISH.
        correct: The verdict.
    """

    line: int
    task: str
    actions: tuple[str, ...]
    status: Status
    result: str | None
    correct: bool


@dataclass(frozen=True, slots=True)
class Replayed:
    """A trajectory that was played again.

    Attributes:
        trajectory: The record.
        differences: A sentence for each of status, result and verdict that is not as recorded.
    """

    trajectory: Trajectory
    differences: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """True if status, result and verdict are as recorded."""
        return not self.differences


def trajectory_line(task: str, conversation: Conversation, correct: bool) -> str:
    """Returns an episode that has ended as a line for `read_trajectories`.

    Args:
        task: The task's id.
        conversation: All that was said.
        correct: The verdict.
    """
    recorded = {
        "task": task,
        "actions": conversation.turns,
        "status": conversation.status,
        "result": conversation.result,
        "correct": correct,
    }
    return json.dumps(recorded)


def read_trajectories(path: Path, tasks: Mapping[str, OfficialTask]) -> list[Trajectory]:
    """Reads recorded episodes, one JSON object a line with task, actions, status, result and correct.

    Args:
        path: The file, plain or gzipped.
        tasks: The tasks that the episodes may name.

    Raises:
        UsageError: The file cannot be opened.
        ContentError: A line is not such an object; the text names file and line.
    """
    trajectories = []
    for number, _, entry in json_lines(path):
        if (fault := next(_faults(entry, tasks), None)) is not None:
            raise ContentError(f"{path}, line {number}: {fault}")
        trajectories.append(
            Trajectory(
                line=number,
                task=entry["task"],
                actions=tuple(entry["actions"]),
                status=Status(entry["status"]),
                result=entry["result"],
                correct=entry["correct"],
            )
        )
    if not trajectories:
        raise ContentError(f"{path} holds no trajectory; they stand there one JSON object a line")
    return trajectories


def _faults(entry: Mapping[str, Any], tasks: Mapping[str, OfficialTask]) -> Iterator[str]:
    for name in ("task", "actions", "status", "result", "correct"):
        if name not in entry:
            yield f"there is no {name}; a trajectory has task, actions, status, result and correct"
    task, actions, status = entry["task"], entry["actions"], entry["status"]
    if not isinstance(task, str) or task not in tasks:
        yield f"the task file holds no task {task!r}"
    if not isinstance(actions, list) or not all(isinstance(action, str) for action in actions):
        yield "actions must be a list of texts"
    if status not in list(Status):
        yield f"status {status!r} is none of: {', '.join(Status)}"
    if entry["result"] is not None and not isinstance(entry["result"], str):
        yield "result must be a text or null"
    if not isinstance(entry["correct"], bool):
        yield "correct must be true or false"


def replay(backend: Backend, actions: Sequence[str], recorded: Status = Status.TASK_LIMIT_REACHED) -> Conversation:
    """Plays an agent's turns again, in a session of their own.

    Args:
        backend: The record system.
        actions: The turns; those after the episode's end are left out.
        recorded: The recorded end. It is used only where the turns run out before the end, and only for ends that come
            from outside; a trajectory that merely stops counts as one that never finished, as the golden trajectories
            show.
    """
    conversation = Conversation(backend.open(), base_url=backend.base_url)
    for action in actions:
        if conversation.status is not None:
            break
        conversation.step(action)
    if conversation.status is None:
        conversation.stop(recorded if recorded in FROM_OUTSIDE else Status.TASK_LIMIT_REACHED)
    return conversation


def regrade(
    backend: Backend,
    tasks: Mapping[str, OfficialTask],
    trajectories: Sequence[Trajectory],
    advance: Callable[[], None] = lambda: None,
) -> list[Replayed]:
    """Plays trajectories again, grades them, and compares.

    Args:
        backend: The record system with the chart on which they were judged.
        tasks: The tasks, from `read_tasks`.
        trajectories: The trajectories, from `read_trajectories`.
        advance: Called after each.
    """
    chart = Chart(backend)
    comparisons = []
    for trajectory in trajectories:
        comparisons.append(_compare(backend, chart, tasks[trajectory.task], trajectory))
        advance()
    return comparisons


def _compare(backend: Backend, chart: Chart, task: OfficialTask, recorded: Trajectory) -> Replayed:
    conversation = replay(backend, recorded.actions, recorded.status)
    verdict = grade(task, conversation, chart)
    differences = []
    if conversation.status != recorded.status:
        differences.append(f"status {conversation.status}, recorded {recorded.status}")
    if conversation.result != recorded.result:
        differences.append(f"result {conversation.result!r}, recorded {recorded.result!r}")
    if verdict.correct != recorded.correct:
        said = "correct" if verdict.correct else f"incorrect ({verdict.reason})"
        differences.append(f"verdict {said}, recorded {'correct' if recorded.correct else 'incorrect'}")
    return Replayed(recorded, tuple(differences))
