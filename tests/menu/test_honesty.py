"""The menu is honest: what a policy knows by heart is worth nothing on another chart; what it reads keeps its worth."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from mab_gym.cohort._locate import named_archive
from mab_gym.fhir.store._archive import open_archive, write_archive
from mab_gym.fhir.store._table import Column, PoolColumn, Table
from mab_gym.menu import MenuAgent, MenuEnv
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import assignments, play_all, play_until_judged
from tests.conftest import CANONICAL
from tests.menu.expert import Expert, course, families, solved

READING = ("latest_magnesium", "replace_magnesium", "mean_glucose", "latest_glucose", "replace_potassium", "check_a1c")


def among_each_other(table: Table) -> Table:
    """The same results, each chart's as another patient's: everybody who has any gets somebody else's."""
    columns: list[Column] = []
    for column in table.columns:
        if column.name == "subject":
            assert isinstance(column, PoolColumn)
            owners = [json.loads(text)["reference"].removeprefix("Patient/") for text in column.texts]
            people = list(dict.fromkeys(owners))
            given_to = dict(zip(people, [*people[1:], people[0]], strict=True))
            texts = [text.replace(who, given_to[who]) for text, who in zip(column.texts, owners, strict=True)]
            columns.append(PoolColumn(column.name, column.codes, texts))
        else:
            columns.append(column)
    return dataclasses.replace(table, columns=columns)


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The canonical hospital with the same people, and their results assigned anew among them."""
    archive = open_archive(named_archive("canonical"))
    tables = [among_each_other(t) if t.resource_type == "Observation" else t for t in archive.tables.values()]
    path = tmp_path_factory.mktemp("shuffled") / "shuffled.mab"
    write_archive(path, tables, archive.about)
    return path


@pytest.fixture(scope="module")
def expert() -> Iterator[Expert]:
    menu = MenuEnv(gymnasium.make(CANONICAL))
    yield Expert(families(menu))
    menu.close()


class ByHeart:
    """Writes in each case what was right in it once: the texts that change the chart or answer, word for word.

    Args:
        known: By case, the texts.
    """

    name = "by heart"

    def __init__(self, known: Mapping[str, Sequence[str]]) -> None:
        self._known = known
        self._left: list[str] = []

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        self._left = list(self._known[info["case"]])

    def act(self, observation: Mapping[str, Any]) -> str:
        return self._left.pop(0)


def share(env: Any, agent: Any, names: Sequence[str], **options: str | None) -> float:
    """The share of the cases of some families that an agent solves."""
    todo = [each for each in assignments(unwrapped(env), seed=3) if each.case and each.case.rpartition("/")[0] in names]
    todo = todo[:: 3 if options else 1]  # to stage a variant takes a while
    return float(np.mean([record.verdict["success"] for record in play_all(env, agent, todo, **options)]))


@pytest.fixture(scope="module")
def by_heart(expert: Expert) -> ByHeart:
    env = gymnasium.make(CANONICAL)
    known = {}
    for each in assignments(unwrapped(env)):
        record = play_until_judged(env, MenuAgent(expert, "menu"), each)
        known[record.case] = [action for action in record.actions if not action.startswith("GET")]
    return ByHeart(known)


def test_constants_learnt_by_heart_break_on_a_shuffled_chart(expert: Expert, by_heart: ByHeart, shuffled: Path) -> None:
    here, there = gymnasium.make(CANONICAL), gymnasium.make(CANONICAL, archive=shuffled)
    assert share(here, by_heart, READING) == 1.0
    assert share(there, by_heart, READING) < 0.05
    assert share(there, MenuAgent(expert, "menu"), READING) == 1.0


def test_constants_break_on_perturbed_values_too(expert: Expert, by_heart: ByHeart) -> None:
    env = gymnasium.make(CANONICAL)
    names = (*READING, "patient_age")
    assert share(env, by_heart, names, variant="perturbed") < 0.2
    assert share(env, MenuAgent(expert, "menu"), names, variant="perturbed") == 1.0


def test_what_needs_no_reading_is_known_by_heart_on_any_chart(by_heart: ByHeart, shuffled: Path) -> None:
    """So that it is the values, not the shuffled archive itself, that breaks the rest."""
    there = gymnasium.make(CANONICAL, archive=shuffled)
    assert share(there, by_heart, ("record_blood_pressure", "refer_orthopaedics", "patient_lookup")) == 1.0


class Habit:
    """Makes the same choices in all cases of a family, whatever the chart says.

    Args:
        course: The choices, in order.
    """

    def __init__(self, course: Sequence[int]) -> None:
        self._course, self._done = course, 0

    def begin(self, seed: int) -> None:
        self._done = 0

    def __call__(self, features: Any, mask: Any) -> int:
        choice = self._course[min(self._done, len(self._course) - 1)]
        self._done += 1
        return choice if mask[choice] else int(np.flatnonzero(mask)[0])


def test_no_habit_does_for_all_cases_of_a_family(expert: Expert) -> None:
    """The best fixed choices of each family: what the menu's own reading gives away without any decision."""
    menu = MenuEnv(gymnasium.make(CANONICAL))
    cases = unwrapped(gymnasium.make(CANONICAL)).scenario.tasks.cases
    won = {}
    for family in READING:
        ids = [case.id for case in cases if case.family == family]
        courses: Counter[tuple[int, ...]] = Counter(tuple(course(menu, expert, case)) for case in ids)
        won[family] = max(count / len(ids) for count in courses.values())
        best = Habit(courses.most_common(1)[0][0])
        played = []
        for case in ids:
            best.begin(0)
            played.append(solved(menu, best, [case]))
        assert np.mean(played) == pytest.approx(won[family], abs=0.11)
    assert max(won.values()) < 1.0
    assert np.mean(list(won.values())) < 0.65, won
