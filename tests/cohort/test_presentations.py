"""The mechanism that assigns presentations to people."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mab_gym.cohort._presentations import assign, by_chance, by_fit, some
from mab_gym.cohort._streams import stream


def test_slots_go_to_the_queue_in_order() -> None:
    assert assign(["a", "b", "c"], [4, 0]) == {0: "b", 4: "a"}
    assert list(assign("abc", np.array([2, 1, 0]))) == [0, 1, 2]


def test_a_queue_by_chance_holds_everybody_once() -> None:
    assert sorted(by_chance(stream(3), 20).tolist()) == list(range(20))


@pytest.mark.parametrize("seed", range(5))
def test_no_other_queue_costs_less(seed: int) -> None:
    cost = stream(seed).random_sample((6, 6))
    queue = by_fit(cost)
    best = min(
        sum(cost[person, slot] for slot, person in enumerate(order)) for order in itertools.permutations(range(6))
    )
    assert cost[queue, np.arange(6)].sum() == pytest.approx(best)


def test_a_share_is_as_large_in_each_group() -> None:
    groups = np.repeat([0, 1, 2], 50)
    chosen = some(stream(1), groups, 0.4)
    assert all(19 <= chosen[groups == group].sum() <= 21 for group in range(3))
