import numpy as np
import pytest

from mab_gym.fhir.store._sorting import SortedRows, rank_in_place, stable_order
from tests.fhir.serving import bundle, ids, observation, patient, serve


@pytest.mark.parametrize("size", [1, 40, 3000])
@pytest.mark.parametrize("span", [1, 12, 1 << 40])
def test_rows_that_are_asked_for_piece_by_piece_come_in_the_stable_order(size: int, span: int) -> None:
    keys = np.random.default_rng(1).integers(0, span, size)
    rows = SortedRows(keys)
    order = np.argsort(keys, kind="stable").tolist()

    for wanted in (1, 7, 30, 100, 5000):
        found = rows.first(wanted).tolist()
        assert found == order[: len(found)]
        assert len(found) >= min(wanted, size)


def test_equals_of_a_sorted_search_come_as_they_were_loaded() -> None:
    session = serve([patient("p"), *(observation(f"o{number}", "p") for number in range(300))])

    for count in (3, 16):
        assert ids(session, f"Observation?_sort=status&_count={count}") == [f"o{number}" for number in range(count)]


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
