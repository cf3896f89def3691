"""Reading the official files, and saying what is wrong with others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mab_gym.errors import ContentError, UsageError
from mab_gym.official._conversation import read_functions
from mab_gym.official._published import PUBLISHED
from mab_gym.official._tasks import NOW, read_tasks
from tests.conftest import OUR_OFFICIAL_FILES, needs_official_files

from .conftest import SHARED

GOOD: dict[str, Any] = {
    "id": "task4_1",
    "instruction": "What?",
    "context": f'It\'s {NOW} now. The code is "MG".',
    "eval_MRN": "S1",
}


def test_any_part_of_the_file_will_do(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    found = {"id": "task1_2", "instruction": "Who?", "context": "", "sol": ["Patient not found"]}
    path.write_text(json.dumps([GOOD, found]))
    tasks = read_tasks(path)
    assert list(tasks) == ["task4_1", "task1_2"]
    assert (tasks["task4_1"].category, tasks["task4_1"].mrn, tasks["task4_1"].solution) == (4, "S1", None)
    assert (tasks["task1_2"].mrn, tasks["task1_2"].solution) == ("", ("Patient not found",))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("text", "task 1: an object is wanted"),
        ({**GOOD, "id": "task11_1"}, "task11_1.*none of task1_"),
        ({**GOOD, "id": "other"}, "none of task1_"),
        ({**GOOD, "id": 4}, "id must be a text"),
        ({**GOOD, "new": 1}, "unknown field 'new'"),
        ({**GOOD, "eval_MRN": None}, "eval_MRN must be a text"),
        ({**GOOD, "sol": [1]}, "sol is given"),
        ({**GOOD, "id": "task1_1"}, "sol must be a list"),
        ({**GOOD, "context": f"It's {NOW} now."}, 'does not name "MG"'),
        ({**GOOD, "context": '"MG"'}, f"does not name {NOW[:10]}"),
        ({**GOOD, "id": "task3_1", "context": f"{NOW} BP"}, "no text in double quotes"),
    ],
)
def test_another_version_is_told(tmp_path: Path, entry: Any, said: str) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([entry]))
    with pytest.raises(ContentError, match=f"tasks.json.*{said}"):
        read_tasks(path)


@pytest.mark.parametrize("text", ["", "{}", "[]", "[" * 100_000])
def test_no_task_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(text)
    with pytest.raises(ContentError, match=r"tasks\.json"):
        read_tasks(path)
    with pytest.raises(UsageError, match=r"none\.json cannot be read"):
        read_tasks(tmp_path / "none.json")


def test_a_task_stands_there_once(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([GOOD, GOOD]))
    with pytest.raises(ContentError, match=r"task 2 \(task4_1\): its id stands there twice"):
        read_tasks(path)


def test_our_own_files() -> None:
    tasks = read_tasks(OUR_OFFICIAL_FILES / "tasks.json")
    assert len(tasks) == 74
    assert tasks["task1_2"].solution == ("Patient not found",)
    assert (tasks["task5_3"].category, tasks["task5_3"].mrn) == (5, "S2000003")
    assert tasks["task3_1"].quoted == "131/84 mmHg"
    assert tasks["task8_1"].quoted.startswith("Situation: a shoulder that hurts")
    assert read_functions(OUR_OFFICIAL_FILES / "functions.json")[0]["name"] == "GET {api_base}/Patient"


@needs_official_files
def test_the_official_files() -> None:
    tasks = read_tasks(SHARED / "official" / "test_data_v2.json")
    assert len(tasks) == 300
    assert tasks["task3_1"].quoted == "118/77 mmHg"
    assert tasks["task8_1"].quoted.startswith("Situation: acute left knee injury")
    assert read_functions(SHARED / "official" / "funcs_v1.json")[0]["name"] == "GET {api_base}/Condition"


def test_published_results() -> None:
    by_model = {(result.model, result.self_reported): result for result in PUBLISHED}
    assert len(by_model) == len(PUBLISHED) == 26
    assert by_model["GPT-4o", False].action == 56.0
    assert by_model["GPT-4o", True].overall == 77.0
    missing = [result.model for result in PUBLISHED if result.overall is None]
    assert missing == ["Llama 3.3", "Gemini 2.0 Flash", "Gemini 2.0 Pro", "Gemma2", "Mistral v0.3"]
    assert all(result.source for result in PUBLISHED)
