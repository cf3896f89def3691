"""Matching of orders with what is due, by value: agreements are letters, as `CODES` has them."""

from __future__ import annotations

import pytest

from mab_gym.tasking._matching import assigned
from mab_gym.tasking.meaning._reading import read
from mab_gym.tasking.meaning._said import Order
from mab_gym.tasking.meaning.due import Check, Due
from mab_gym.tasking.meaning.units import amount
from mab_gym.tasking.verdict import Code
from tests.tasking.meaning.people import GIVEN, TESTED, dosed, medication

CODES = {
    "c": Code.WRONG_CODE, "p": Code.WRONG_PATIENT, "v": Code.WRONG_VALUE, "d": Code.WRONG_DOSE, "r": Code.WRONG_RATE,
}  # fmt: skip


def checks_of(letters: str) -> list[Check]:
    """A comparison for each letter; a capital one is met."""
    return [Check(letter, letter.isupper(), CODES[letter.lower()], "") for letter in letters]


def matched(*table: list[str]) -> list[tuple[int | None, list[Check]]]:
    """The assignment where a row is a due and a column an order."""
    dues, orders = [medication() for _ in table], [Order("MedicationRequest") for _ in table[0]]

    def compare(due: Due, order: Order) -> list[Check]:
        row = next(place for place, each in enumerate(dues) if each is due)
        column = next(place for place, each in enumerate(orders) if each is order)
        return checks_of(table[row][column])

    return assigned(dues, orders, compare)


def places(*table: list[str]) -> list[int | None]:
    """The places of the orders that are assigned."""
    return [place for place, _ in matched(*table)]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("Dr", "dr"),
        ("Vd", "vD"),
        ("Pdv", "pDV"),
        ("Cpd", "cPD"),
        ("CpvdR", "cPVDr"),
        ("cPvdR", "cpVDr"),
        ("CPVdr", "CPvDr"),
    ],
)
def test_an_order_that_agrees_in_what_weighs_more_is_chosen(better: str, worse: str) -> None:
    assert places([better, worse]) == [0]
    assert places([worse, better]) == [1]


@pytest.mark.parametrize(("one", "same"), [("Vdr", "vDR"), ("Pvdr", "pVDR"), ("Cpvdr", "cPVDR"), ("Dr", "dR")])
def test_of_orders_that_agree_as_much_the_earlier_is_chosen(one: str, same: str) -> None:
    assert places([one, same]) == [0]
    assert places([same, one]) == [0]


def test_the_share_of_the_weight_counts_and_not_how_much_there_is_to_compare() -> None:
    assert places(["DRdr"], ["D"]) == [None, 0]
    assert places(["V"], ["VVvv"]) == [0, None]
    assert places(["Cd"], ["D"]) == [None, 0]
    assert places(["Dr"], ["cP"]) == [0, None]


def test_no_order_is_assigned_twice() -> None:
    assert places(["D", "d", "d"], ["d", "D", "d"]) == [0, 1]
    assert places(["d", "D", "d"], ["D", "d", "d"]) == [1, 0]
    assert places(["D"], ["D"], ["D"]) == [0, None, None]
    assert places(["d", "d", "D"], ["D", "d", "d"], ["d", "D", "d"]) == [2, 0, 1]


def test_the_whole_counts_and_not_the_best_pair() -> None:
    assert places(["DRdr", "DRDr"], ["drdr", "DRDR"]) == [0, 1]
    assert places(["DRDR", "DRDr"], ["DRDr", "drdr"]) == [1, 0]


def test_an_order_that_agrees_in_nothing_is_assigned_to_what_is_left() -> None:
    assert places(["D", "d"], ["D", "d"]) == [0, 1]
    assert places(["d", "d"], ["D", "d"]) == [1, 0]
    assert places(["c"]) == [0]


def test_each_assignment_comes_with_its_comparisons() -> None:
    assert matched(["dr", "DR"], ["Dr", "dR"]) == [(1, checks_of("DR")), (0, checks_of("Dr"))]
    assert matched(["Dr"], ["DR"]) == [(None, []), (0, checks_of("DR"))]
    assert matched(["dR"]) == [(0, checks_of("dR"))]


def test_without_orders_nothing_is_assigned() -> None:
    assert matched([], []) == [(None, []), (None, [])]


def test_up_to_twelve_are_matched_as_a_whole_and_more_as_they_come() -> None:
    crossed, others = [["DR", "Dr"], ["DR", "dr"]], [["dr", "dr"]] * 10
    assert places(*crossed, *others)[:2] == [1, 0]
    assert places(*crossed, *others, ["dr", "dr"])[:2] == [0, 1]


def test_many_are_matched_as_they_come() -> None:
    assert places(*[["d"] * 13] * 13) == list(range(13))
    assert places(*[["d", "D"]] * 13) == [1, 0, *[None] * 11]
    ends = [["D" if order == 12 - due else "d" for order in range(13)] for due in range(13)]
    assert places(*ends) == list(range(12, -1, -1))


def test_orders_are_compared_by_meaning() -> None:
    forty, twenty = medication(), medication(dose=amount(20, "meq"))
    small = read(dosed(doseAndRate=[{"doseQuantity": {"value": 20, "unit": "mEq"}}]))
    chosen = assigned([forty, twenty], [small, read(GIVEN)])
    assert [place for place, _ in chosen] == [1, 0]
    assert all(checks and all(check.met for check in checks) for _, checks in chosen)
    ((place, checks),) = assigned([forty], [read({**TESTED, "resourceType": "MedicationRequest"})])
    assert place == 0
    assert not all(check.met for check in checks)
