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


@pytest.fixture
def living(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Chart:
    """The canonical chart, taken for that of a living hospital of three groups."""
    monkeypatch.setattr(module, "_GROUP", 231)
    chart = Chart(scenario.backend)
    monkeypatch.setattr(chart, "_ledger", {"somebody": "[]"})
    return chart


def test_a_living_hospital_is_looked_at_by_groups_that_stay_the_same(living: Chart) -> None:
    *groups, last = living.parts(random.Random(0))
    again = list(living.parts(random.Random(3)))[:-1]

    assert last is living
    shown = [group.profiles() for group in groups]
    assert len(shown) == 3
    assert sorted(mrn for some in shown for mrn in some) == sorted(living.profiles())
    assert {group.profiles() for group in again} == set(shown)
    assert [group.profiles() for group in again] != shown


def test_what_is_computed_from_a_group_is_remembered_of_that_group(living: Chart) -> None:
    (one, other, _, whole), (later, *_) = (list(living.parts(random.Random(0))) for _ in range(2))

    assert one.remember("how many", lambda: len(one.profiles())) == len(one.profiles())
    assert other.remember("how many", lambda: 0) == 0  # nothing of it was asked
    assert later.remember("how many", lambda: -1) == len(one.profiles())
    assert whole.remember("how many", lambda: -2) == 0


def test_what_rests_on_something_remembered_of_a_group_is_of_that_group_too(living: Chart) -> None:
    one, other, _, whole = living.parts(random.Random(0))

    def half(group: Chart) -> int:
        count = group.remember("how many", lambda: len(group.profiles()))
        return group.remember("twice as many", lambda: 2 * group.remember("how many", lambda: count))

    assert [half(one), half(other), half(whole)] == [2 * len(each.profiles()) for each in (one, other, living)]
