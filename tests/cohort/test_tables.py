"""The tables beside the code, and what their reader makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mab_gym.cohort import _data
from mab_gym.cohort._current import TABLES, Age
from mab_gym.cohort._data import choices, read_table


@dataclass(frozen=True)
class Row:
    name: str
    count: int = 7
    share: float = 0.5
    rare: bool = False
    words: tuple[str, ...] = ()
    factors: Mapping[str, float] = field(default_factory=dict)
    age: Age = Age(0)  # noqa: RUF009


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_data, "FOLDER", tmp_path)
    return tmp_path


def test_cells_are_read_by_the_hints_of_the_class(folder: Path) -> None:
    (folder / "t.csv").write_text(
        "# where the figures come from\n"
        "name,count,share,rare,words,factors,age,source\n"
        'a,3,0.25,yes,x; y z,"k 1.5; two words -2",1y 2d 3h 4m,a label\n'
        "b,,,,,,,\n"
    )
    first, second = read_table("t.csv", Row)
    minutes = ((365 + 2) * 24 + 3) * 60 + 4
    assert first == Row("a", 3, 0.25, True, ("x", "y z"), {"k": 1.5, "two words": -2.0}, Age(minutes))
    assert second == Row("b")


def test_a_column_that_is_no_attribute_is_refused(folder: Path) -> None:
    (folder / "t.csv").write_text("name,cuont\na,3\n")
    with pytest.raises(TypeError, match="cuont"):
        read_table("t.csv", Row)


def test_every_table_says_where_its_figures_come_from() -> None:
    said = ("source", "our choice", "our estimate", "invented", "shortened")
    for path in _data.FOLDER.iterdir():
        head = " ".join(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")).lower()
        assert any(word in head for word in said), path.name


def test_weights_follow_the_values() -> None:
    status = choices("MedicationRequest.status")
    assert status.values == ("active", "completed", "stopped", "cancelled", "on-hold")
    assert status.weights["recent"].tolist() == [93, 0, 4, 2, 1]
    assert status.weights["past"].tolist() == [1, 78, 15, 6, 0]


def test_current_presentations_are_a_hundred_of_each_analyte() -> None:
    assert [sum(presentation.per_hundred for presentation in table) for table in TABLES] == [100] * 4
