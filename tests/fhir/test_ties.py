import numpy as np
import pytest

from mab_gym.fhir.hapi import _ties as ties
from mab_gym.fhir.hapi._ties import SortedRows, SortedWindow, first_rows
from mab_gym.fhir.search._paging import pass_limits
from mab_gym.fhir.store._sorting import rank_in_place, stable_order
from tests.fhir.serving import bundle, ids, observation, patient, serve


@pytest.mark.parametrize(
    ("count", "limits"), [(1, [14, 504, 2004]), (20, [21, 504, 2004]), (600, [601, 2004]), (5000, [5001])]
)
def test_each_pass_asks_for_one_row_more_than_it_needs(count: int, limits: list[int]) -> None:
    assert list(pass_limits(count)) == limits


def test_rows_that_fit_are_sorted_stably() -> None:
    assert SortedRows(np.array([2, 1, 2, 1]), [4]).first(4).tolist() == [1, 3, 0, 2]


def test_of_more_rows_the_first_come_as_an_incomplete_quicksort_leaves_them() -> None:
    # Around the row in the middle equals change places, end for end.
    assert first_rows(np.zeros(5, dtype=int), 0, 3).tolist() == [4, 3, 2]
    assert SortedRows(np.zeros(5, dtype=int), [3]).first(5).tolist() == [4, 3, 2, 0, 1]


@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 7), (5, 9), (10, 14), (0, 40), (39, 40)])
def test_the_rows_asked_for_are_the_right_ones(start: int, end: int) -> None:
    keys = np.random.default_rng(1).integers(0, 12, 40)

    assert keys[first_rows(keys, start, end)].tolist() == sorted(keys.tolist())[start:end]
    assert sorted(SortedWindow(keys, start, end).first(40).tolist()) == list(range(40))


def test_equals_of_a_sorted_search() -> None:
    session = serve([patient("p"), *(observation(f"o{number}", "p") for number in range(16))])

    assert ids(session, "Observation?_sort=status&_count=3") == ["o15", "o14", "o13"]
    assert ids(session, "Observation?_sort=status&_count=16") == [f"o{number}" for number in range(16)]


def test_a_match_is_found_once_for_each_of_its_sort_values() -> None:
    """HAPI's database gives people with three names each in rows of their own."""
    people = [
        patient(f"p{number}", name=[{"family": f"{letter}{number:02}"} for letter in "ABC"]) for number in range(21)
    ]
    session = serve(people)

    assert ids(session, "Patient?_sort=family&_count=3") == ["p0", "p1", "p2"]
    assert ids(session, "Patient?_sort=-family&_count=3") == ["p20", "p19", "p18"]
    first = bundle(session, "Patient?_sort=family,-family")
    assert (len(first["entry"]), "total" in first) == (20, False)


def test_a_first_page_that_repeats_used_up_has_no_next() -> None:
    people = [patient(f"p{number:02}", name=[{"family": f"A{number:02}"}]) for number in range(24)]
    people[0] = patient("p00", name=[{"family": "A00"}, {"family": "A01"}])
    found = bundle(serve(people), "Patient?_sort=family")

    assert len(found["entry"]) == 20
    assert [link["relation"] for link in found["link"]] == ["self"]


def test_equals_of_a_sorted_search_by_several_parameters_come_as_the_database_reads_them() -> None:
    days = ["2023-03-01", "2023-01-01", "2023-02-01"]
    session = serve([patient("p"), *(observation(f"o{n}", "p", effectiveDateTime=day) for n, day in enumerate(days))])

    assert ids(session, "Observation?date=ge2022-01-01&_sort=status") == ["o0", "o1", "o2"]
    assert ids(session, "Observation?patient=p&date=ge2022-01-01&_sort=status") == ["o1", "o2", "o0"]


@pytest.mark.parametrize("span", [1, 3, 1000, 10**12, 1 << 61])
def test_many_rows_are_sorted_stably_whatever_numbers_they_sort_by(span: int) -> None:
    keys = np.random.default_rng(2).integers(0, span, 5000) - span // 2

    assert stable_order(keys).tolist() == np.argsort(keys, kind="stable").tolist()


@pytest.mark.parametrize("span", [2, 1 << 61])
def test_ranks_sort_as_the_numbers_do_that_they_stand_for(span: int) -> None:
    keys = np.random.default_rng(3).integers(0, span, 5000) - span // 2
    ranks = keys.copy()
    rank_in_place(ranks)

    assert ranks.tolist() == np.unique(keys, return_inverse=True)[1].tolist()


def test_rows_are_partitioned_alike_however_many_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many rows only a few are looked at together; the order of equals must not depend on how many."""
    chance = np.random.default_rng(4)
    for _ in range(300):
        size = int(chance.integers(2, 120))
        keys = chance.integers(0, int(chance.choice([1, 2, 5, 50])), size)
        end = int(chance.integers(1, size + 1))
        monkeypatch.setattr(ties, "_BLOCK", 1 << 15)
        together = first_rows(keys, 0, end).tolist()
        monkeypatch.setattr(ties, "_BLOCK", int(chance.integers(1, 20)))
        assert first_rows(keys, 0, end).tolist() == together
