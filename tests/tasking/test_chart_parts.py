"""Cases are drawn from a large hospital a few people at a time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from mab_gym.envs._scenario import Scenario
from mab_gym.tasking import chart as module
from mab_gym.tasking._family import Family
from mab_gym.tasking.chart import Chart


@pytest.fixture
def large(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Chart:
    """The canonical chart, taken for that of a large hospital."""
    monkeypatch.setattr(module, "_LARGE", 500)
    return Chart(scenario.backend)


def test_a_small_hospital_is_looked_at_whole(scenario: Scenario) -> None:
    assert list(scenario.chart.parts(random.Random(0))) == [scenario.chart]


def test_of_a_large_one_five_people_with_charts_are_looked_at_and_at_last_everybody(large: Chart) -> None:
    *parts, last = large.parts(random.Random(0))

    assert last is large
    assert len(parts) == 200
    for part in parts[:20]:
        assert len(part.profiles()) <= 5
        assert set(part.profiles()) <= set(large.profiles())
    assert len({part.profiles() for part in parts[:20]}) == 20


def test_a_part_without_anybody_who_has_a_chart_is_the_whole(large: Chart) -> None:
    background = [mrn for mrn in large.patients() if not large.has_results(mrn)]

    assert large.part(background[:5]).profiles() == large.profiles()


def test_what_is_computed_from_a_part_is_not_remembered_of_the_whole(large: Chart) -> None:
    part = large.part(large.profiles()[:1])

    assert part.remember("how many", lambda: len(part.profiles())) == 1
    assert large.remember("how many", lambda: len(large.profiles())) == 100
    assert part.remember("how many people", lambda: len(part.patients())) == 695
    assert large.remember("how many people", lambda: 0) == 695


def test_what_is_remembered_of_single_people_is_forgotten_one_day(
    large: Chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 8)
    everybody = large.patients()
    for number in range(50):
        large.remember(("somebody", number), lambda: 1)

    assert large.remember(("somebody", 0), lambda: 2) == 2
    assert large.remember(("somebody", 49), lambda: 2) == 1
    assert large.patients() is everybody


@pytest.mark.parametrize("name", ["replace_potassium", "check_a1c", "patient_age", "patient_lookup"])
def test_every_branch_is_drawn_from_parts_and_everybody_as_often(scenario: Scenario, large: Chart, name: str) -> None:
    family: Family = scenario.tasks.catalogue[name]
    for branch in family.branches:
        small = {_key(family.draw_branch(scenario.chart, random.Random(seed), branch)) for seed in range(400)}
        rng = random.Random(1)
        drawn = Counter(_key(family.draw_branch(large, rng, branch)) for _ in range(400))
        if branch != "not_found":
            assert drawn.keys() & small
        assert max(drawn.values()) <= max(12, 5 * 400 / len(drawn))


def _key(params: Mapping[str, Any]) -> str:
    return str(sorted(params.items()))
