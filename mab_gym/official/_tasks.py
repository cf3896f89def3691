"""The official task file: 300 tasks of ten categories, read from the user's copy, never bundled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mab_gym.errors import ContentError
from mab_gym.official._files import read_json
from mab_gym.official._phrases import quoted

NOW = "2023-11-13T10:15:00+00:00"
"""The moment at which every official task takes place, as contexts and graders write it."""

READ_ONLY = frozenset({1, 2, 4, 6, 7})
"""The official numbers of the query categories; the other five are action categories."""

_ID = re.compile(r"task([1-9]\d*)_([1-9]\d*)")
_FIELDS = frozenset({"id", "instruction", "context", "sol", "eval_MRN"})
# The contexts must name what the graders rely on, else the file is of another version than the rules.
_GIVEN: Mapping[int, tuple[str, ...]] = {
    1: (),
    2: (NOW,),
    3: (NOW, "BP"),
    4: (NOW, '"MG"'),
    5: (NOW, '"MG"', "0338-1715-40"),
    6: (NOW, '"GLU"'),
    7: (NOW, '"GLU"'),
    8: (NOW, "306181000000106"),
    9: (NOW, '"K"', "40032-917-01", "2823-3"),
    10: (NOW, '"A1C"', "4548-4"),
}


@dataclass(frozen=True, slots=True)
class OfficialTask:
    """One task of the official file.

    Attributes:
        id: Category and number, as in ``task5_12``.
        category: The category, 1 to 10.
        instruction: The question.
        context: The context; empty in category 1.
        mrn: The patient's MRN (``eval_MRN``); empty only in category 1, where the patient may not exist.
        solution: The expected list (``sol``) of category 1; None in the others, whose answers are in the chart.
    """

    id: str
    category: int
    instruction: str
    context: str
    mrn: str
    solution: tuple[Any, ...] | None

    @property
    def quoted(self) -> str:
        """The text in double quotes, which has to be written word for word in categories 3 and 8."""
        return quoted(self.instruction)


def read_tasks(path: Path) -> dict[str, OfficialTask]:
    """Reads the official task file (``test_data_v2.json``), or any part of it.

    Args:
        path: The file, a JSON list of objects.

    Returns:
        The tasks by id, in the file's order.

    Raises:
        UsageError: The file cannot be opened.
        ContentError: It is not an official task file, or one of another version; the text says where.
    """
    listed = read_json(path)
    if not isinstance(listed, list) or not listed:
        raise ContentError(f"{path}: an official task file is a JSON list of tasks; this is none")
    tasks: dict[str, OfficialTask] = {}
    for number, entry in enumerate(listed, 1):
        fault = next(_faults(entry), None)
        if fault is None and entry["id"] in tasks:
            fault = "its id stands there twice"
        if fault is not None:
            name = entry.get("id") if isinstance(entry, dict) else None
            label = f"task {number} ({name})" if isinstance(name, str) else f"task {number}"
            raise ContentError(f"{path}, {label}: {fault}; is the file of another version than test_data_v2.json?")
        task = _task(entry)
        tasks[task.id] = task
    return tasks


def _task(entry: Mapping[str, Any]) -> OfficialTask:
    solution = entry.get("sol")
    return OfficialTask(
        id=entry["id"],
        category=_category(entry["id"]),
        instruction=entry["instruction"],
        context=entry["context"],
        mrn=entry.get("eval_MRN", ""),
        solution=None if solution is None else tuple(solution),
    )


def _category(task_id: str) -> int:
    found = _ID.fullmatch(task_id)
    number = int(found[1]) if found and len(found[1]) <= 2 else 0
    return number if number in _GIVEN else 0


def _faults(entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield f"an object is wanted, not {type(entry).__name__}"
        return
    for name in ("id", "instruction", "context"):
        if not isinstance(entry.get(name), str):
            yield f"{name} must be a text"
    if unknown := sorted(entry.keys() - _FIELDS):
        yield f"there is an unknown field {unknown[0]!r}"
    category = _category(entry["id"])
    if not category:
        yield "its id is none of task1_… to task10_…"
        return
    mrn = entry.get("eval_MRN", "")
    if not isinstance(mrn, str) or (not mrn and category != 1):
        yield "eval_MRN must be a text"
    if category == 1 and not isinstance(entry.get("sol"), list):
        yield "sol must be a list"
    if category != 1 and entry.get("sol") is not None:
        yield "sol is given, but this category's answer is read from the chart"
    for given in _GIVEN[category]:
        if given not in entry["context"]:
            yield f"its context does not name {given}"
    if category in (3, 8) and not quoted(entry["instruction"]):
        yield "its instruction holds no text in double quotes"
