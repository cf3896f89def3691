import numpy as np
import pytest

from mab_gym.fhir.paging import pass_limits
from mab_gym.fhir.ties import first_rows, sorted_around, sorted_in_passes
from tests.fhir.serving import ids, observation, patient, serve


@pytest.mark.parametrize(
    ("count", "limits"), [(1, [14, 504, 2004]), (20, [21, 504, 2004]), (600, [601, 2004]), (5000, [5001])]
)
def test_each_pass_asks_for_one_row_more_than_it_needs(count: int, limits: list[int]) -> None:
    assert list(pass_limits(count)) == limits


def test_rows_that_fit_are_sorted_stably() -> None:
    assert sorted_in_passes(np.array([2, 1, 2, 1]), [4]).tolist() == [1, 3, 0, 2]


def test_of_more_rows_the_first_come_as_an_incomplete_quicksort_leaves_them() -> None:
    # Around the row in the middle equals change places, end for end.
    assert first_rows(np.zeros(5, dtype=int), 0, 3).tolist() == [4, 3, 2]
    assert sorted_in_passes(np.zeros(5, dtype=int), [3]).tolist() == [4, 3, 2, 0, 1]


@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 7), (5, 9), (10, 14), (0, 40), (39, 40)])
def test_the_rows_asked_for_are_the_right_ones(start: int, end: int) -> None:
    keys = np.random.default_rng(1).integers(0, 12, 40)

    assert keys[first_rows(keys, start, end)].tolist() == sorted(keys.tolist())[start:end]
    assert sorted(sorted_around(keys, start, end).tolist()) == list(range(40))


def test_equals_of_a_sorted_search() -> None:
    session = serve([patient("p"), *(observation(f"o{number}", "p") for number in range(16))])

    assert ids(session, "Observation?_sort=status&_count=3") == ["o15", "o14", "o13"]
    assert ids(session, "Observation?_sort=status&_count=16") == [f"o{number}" for number in range(16)]
