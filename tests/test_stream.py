"""Training cases without end."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import gymnasium
import pytest

from mab_gym.errors import UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking._taskset import TaskSet
from mab_gym.tasking.case import Case

TRAIN = "mab_gym/MedAgentBench-Train-v0"
EACH = 24
"""Cases of each family: branches that were drawn by chance would be as even in all ten once in many thousand times."""


@pytest.fixture(scope="module")
def tasks() -> TaskSet:
    return unwrapped(gymnasium.make(TRAIN)).scenario.tasks


def test_every_branch_of_every_family_comes_equally_often(tasks: TaskSet) -> None:
    families = len(tasks.catalogue)
    cases = list(islice(tasks.stream(seed=1), families * EACH))
    assert set(Counter(case.family for case in cases).values()) == {EACH}
    for family in tasks.catalogue.values():
        shares = Counter(case.branch for case in cases if case.family == family.name)
        assert set(shares) == set(family.branches)
        assert max(shares.values()) - min(shares.values()) <= 1
    for start in range(0, len(cases), families):
        assert len({case.family for case in cases[start : start + families]}) == families


def test_the_same_seed_gives_the_same_cases_and_another_one_others(tasks: TaskSet) -> None:
    first, again, other = (list(islice(tasks.stream(seed), 40)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_stream_goes_on_where_it_was(tasks: TaskSet) -> None:
    stream = tasks.stream(seed=3)
    whole = list(islice(stream, 25))
    assert stream.position == 25
    assert list(islice(tasks.stream(seed=3, position=10), 15)) == whole[10:]


def test_workers_share_a_stream(tasks: TaskSet) -> None:
    whole = list(islice(tasks.stream(seed=3), 24))
    parts = [list(islice(tasks.stream(seed=3, shard=(worker, 3)), 8)) for worker in range(3)]
    assert [case for place in range(8) for case in (part[place] for part in parts)] == whole


def test_streamed_cases_are_played_and_solved(tasks: TaskSet) -> None:
    env = gymnasium.make(TRAIN)
    for case in islice(tasks.stream(seed=5), 30):
        _, info = env.reset(seed=0, options={"case": case})
        assert (info["family"], info["case"]) == (case.family, case.id)
    with pytest.raises(UsageError, match="family"):
        env.reset(options={"case": Case("no_such_family", 1, "x", {})})


@pytest.mark.parametrize("wrong", [{"shard": (2, 2)}, {"shard": (-1, 2)}, {"position": -1}])
def test_what_is_no_stream_is_refused(tasks: TaskSet, wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        tasks.stream(0, **wrong)  # type: ignore[arg-type]
