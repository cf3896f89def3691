"""Recorded trajectories, played again: on a chart of our own, on the golden ones, and from files that are none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from mab_gym.errors import ContentError
from mab_gym.official._conversation import Status
from mab_gym.official._records import open_chart
from mab_gym.official._regrade import read_trajectories, regrade
from mab_gym.official._tasks import NOW, read_tasks
from tests.conftest import OUR_OFFICIAL_FILES, needs_official_files
from tests.official.commands import run, run_apart

from .conftest import SHARED, finish

TASK = {
    "id": "task4_1",
    "instruction": "What?",
    "context": f'It\'s {NOW} now. The code is "MG".',
    "eval_MRN": "S0000001",
}
RIGHT: dict[str, Any] = {
    "task": "task4_1",
    "actions": [finish(1.5), "never read"],
    "status": "completed",
    "result": "[1.5]",
    "correct": True,
}
STOPPED = {**RIGHT, "actions": [], "status": "agent context limit", "result": None, "correct": False}


@pytest.fixture
def tasks_file(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([TASK]))
    return path


def written(path: Path, *entries: Any) -> Path:
    path.write_text("".join((e if isinstance(e, str) else json.dumps(e)) + "\n" for e in entries))
    return path


def test_regrade_agrees(tmp_path: Path, tasks_file: Path, chart_file: Path) -> None:
    trajectories = tmp_path / "run.jsonl.gz"
    trajectories.write_bytes(gzip.compress((json.dumps(RIGHT) + "\n\n" + json.dumps(STOPPED)).encode()))
    done = run_apart("regrade", "--chart", chart_file, "--tasks", tasks_file, trajectories)
    assert (done.returncode, done.stdout) == (0, "agree 2 of 2\n"), done.stderr


def test_regrade_names_each_disagreement(tmp_path: Path, tasks_file: Path, chart_file: Path) -> None:
    wrong = {**RIGHT, "status": "task limit reached", "result": None, "correct": False}
    trajectories = written(tmp_path / "run.jsonl", RIGHT, wrong)
    done = run("regrade", "--chart", chart_file, "--tasks", tasks_file, trajectories)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines() == [
        "agree 1 of 2",
        "task4_1 (line 2): status completed, recorded task limit reached; result '[1.5]', recorded None; "
        "verdict correct, recorded incorrect",
    ]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{broken", "run.jsonl, line 2: not JSON"),
        ("[]", "run.jsonl, line 2: a JSON object is wanted"),
        ({**RIGHT, "task": "task4_2"}, "run.jsonl, line 2: the task file holds no task 'task4_2'"),
        ({"task": "task4_1"}, "run.jsonl, line 2: there is no actions"),
        ({**RIGHT, "actions": [1]}, "line 2: actions must be a list of texts"),
        ({**RIGHT, "status": "done"}, "line 2: status 'done' is none of: completed,"),
        ({**RIGHT, "status": ["completed"]}, "line 2: status ['completed'] is none of"),
        ({**RIGHT, "result": [1.5]}, "line 2: result must be a text or null"),
        ({**RIGHT, "correct": 1}, "line 2: correct must be true or false"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, tasks_file: Path, entry: Any, said: str) -> None:
    trajectories = written(tmp_path / "run.jsonl", RIGHT, entry)
    with pytest.raises(ContentError) as caught:
        read_trajectories(trajectories, read_tasks(tasks_file))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1: not JSON"),
        ('{"resourceType": "Nothing", "id": "1"}', "line 1: resourceType 'Nothing' is none of FHIR R4's"),
        ('{"resourceType": "Patient"}', "line 1: the Patient has no id"),
        ('{"resourceType": "Patient", "id": "1", "birthDate": "soon"}', "line 1: no valid Patient"),
        ('{"resourceType": "Patient", "id": "1"}\n{"resourceType": "Patient", "id": "1"}', "line 2: there is a"),
        ("", "holds no resource"),
    ],
)
def test_a_broken_chart_is_told(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ContentError) as caught:
        open_chart(written(tmp_path / "chart.ndjson", line))
    assert said in str(caught.value)


@pytest.mark.once
def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, tasks_file: Path, chart_file: Path) -> None:
    good = written(tmp_path / "run.jsonl", RIGHT)
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(good.read_bytes())[:-9])
    other = written(tmp_path / "other.json", [{**TASK, "id": "task12_1"}])
    for arguments, said in (
        (("--chart", chart_file, "--tasks", tasks_file, tmp_path / "none.jsonl"), "cannot be read"),
        (("--chart", tmp_path, "--tasks", tasks_file, good), "cannot be read"),
        (("--chart", chart_file, "--tasks", tasks_file, cut), "damaged gzip file"),
        (("--chart", chart_file, "--tasks", other, good), "another version"),
        (("--chart", chart_file, "--tasks", tasks_file, written(tmp_path / "b.jsonl", "{")), "b.jsonl, line 1"),
    ):
        done = run("regrade", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_published_is_one_table() -> None:
    done = run_apart("published")
    assert done.returncode == 0, done.stderr
    for part in ("Claude 3.5 Sonnet v2", "69.67", "Mistral v0.3", "285", "self-reported", "arXiv 2501.14654"):
        assert part in done.stdout


def test_our_own_trajectories_have_the_verdicts_that_the_rules_give() -> None:
    """The verdicts were put down by hand, rule by rule; ``why`` says which rule decides."""
    tasks = read_tasks(OUR_OFFICIAL_FILES / "tasks.json")
    trajectories = read_trajectories(OUR_OFFICIAL_FILES / "trajectories.jsonl", tasks)
    compared = regrade(open_chart(OUR_OFFICIAL_FILES / "chart.ndjson"), tasks, trajectories)
    assert [comparison for comparison in compared if not comparison.agrees] == []
    verdicts = {(tasks[each.task].category, each.correct) for each in trajectories}
    assert verdicts == {(category, correct) for category in range(1, 11) for correct in (True, False)}
    assert {each.status for each in trajectories} == set(Status) - {Status.TASK_ERROR}


@needs_official_files
def test_the_golden_trajectories_agree() -> None:
    tasks = read_tasks(SHARED / "official" / "test_data_v2.json")
    trajectories = read_trajectories(SHARED / "golden" / "verdicts.jsonl.gz", tasks)
    compared = regrade(open_chart(SHARED / "golden" / "verdicts-chart.ndjson"), tasks, trajectories)
    assert len(compared) == 4020
    assert [comparison for comparison in compared if not comparison.agrees] == []
