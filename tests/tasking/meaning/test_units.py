"""Units and amounts by value: UCUM codes, the words that people write, and what is no unit."""

from __future__ import annotations

import pytest

from mab_gym.tasking.meaning.units import amount, hours, number, read_unit

SAME = [
    ("g", 1, "mg", 1000), ("gm", 1, "g", 1), ("grams", 2, "milligrams", 2000), ("mcg", 1000, "mg", 1),
    ("micrograms", 500, "ug", 500), ("µg", 1, "ug", 1), ("kg", 1, "g", 1000), ("MG", 5, "mg", 5), ("Grams", 1, "g", 1),
    ("mEq", 20, "meq", 20), ("mEq", 20, "mmol", 20), ("milliequivalents", 1, "mEq", 1), ("millimoles", 1, "mmol", 1),
    ("h", 1, "min", 60), ("hr", 2, "hours", 2), ("minutes", 30, "h", 0.5), ("d", 1, "h", 24), ("s", 3600, "h", 1),
    ("week", 1, "d", 7), ("g/h", 1, "mg/min", 1000 / 60), ("grams per hour", 1, "g/hr", 1), ("units", 1, "{unit}", 1),
    ("unit(s)", 1, "unit", 1), ("mg{total}", 5, "mg", 5), ("mL", 1000, "L", 1), ("mmHg", 1, "mm[Hg]", 1),
    ("tablets", 2, "tab", 2),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "value", "other", "equal"), SAME)
def test_the_same_in_other_units(unit: str, value: float, other: str, equal: float) -> None:
    assert amount(value, unit).same(amount(equal, other))
    assert not amount(value, unit).same(amount(equal * 1.01, other))
    assert not amount(value, unit).same(amount(-equal, other))


@pytest.mark.parametrize(
    ("unit", "other"), [("g", "mL"), ("mg", "mmol"), ("mEq", "mEq/L"), ("h", "g"), ("unit", "tablet"), ("g", "g/h"),
                        ("unit", "1"), ("mg", "mg/kg")],
)  # fmt: skip
def test_other_dimensions_are_not_the_same(unit: str, other: str) -> None:
    assert not amount(1, unit).same(amount(1, other))


@pytest.mark.parametrize("text", ["", " ", "x" * 41, "smoot", "g per", "//", "mg as needed", "{", "1 g", "\x00", "g{"])
def test_what_is_no_unit(text: str) -> None:
    assert read_unit(text) is None
    with pytest.raises(ValueError, match="there is no unit"):
        amount(1, text)


def test_a_tolerance_is_in_base_units() -> None:
    assert amount(40.05, "meq").same(amount(40, "meq"), 1e-4)
    assert not amount(40.2, "meq").same(amount(40, "meq"), 1e-4)
    assert hours(2).size == pytest.approx(7200)


@pytest.mark.parametrize(
    ("value", "read"), [(2, 2.0), (2.5, 2.5), (True, None), ("2", None), (None, None), ([2], None), (10**400, None)]
)
def test_numbers(value: object, read: float | None) -> None:
    assert number(value) == read
