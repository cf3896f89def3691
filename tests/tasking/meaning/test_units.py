"""Units and amounts by value: UCUM codes, the words that people write, and what is no unit."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mab_gym.tasking.meaning import units
from mab_gym.tasking.meaning.units import UCUM, Amount, Unit, amount, hours, number, read_unit
from tests.processes import PATIENCE

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


VOLUME, PRESSURE, ACTIVITY = "[length] ** 3", "[mass] / [length] / [time] ** 2", "[international_unit]"
DAY, MONTH, YEAR = 86_400.0, 30.4375 * 86_400, 365.25 * 86_400
WORDS: list[tuple[str, float, str]] = [
    ("g|gram|grams|gm|gms|GRAM|G", 1e-3, "[mass]"),
    ("mg|milligram|milligrams|mgs|mgm|Mg", 1e-6, "[mass]"),
    ("ug|microgram|micrograms|mcg|mcgs|µg|μg|MCG|UG", 1e-9, "[mass]"),
    ("ng|nanogram|nanograms", 1e-12, "[mass]"),
    ("kg|kilogram|kilograms|kgs|KG", 1.0, "[mass]"),
    ("pound|pounds|lb|lbs|[lb_av]", 0.45359237, "[mass]"),
    ("meq|meqs|mEq|milliequivalent|milliequivalents|mmol|mmols|millimole|millimoles|MMOL", 1e-3, "[substance]"),
    ("eq|equivalent|equivalents|mol|mole|moles|MOL", 1.0, "[substance]"),
    ("ml|mL|mls|milliliter|milliliters|millilitre|millilitres|cc|ML", 1e-6, VOLUME),
    ("l|L|liter|liters|litre|litres", 1e-3, VOLUME),
    ("s|second|seconds|sec|secs|S", 1.0, "[time]"),
    ("min|minute|minutes|mins|Min", 60.0, "[time]"),
    ("h|hour|hours|hr|hrs|H", 3600.0, "[time]"),
    ("d|day|days|D", DAY, "[time]"),
    ("wk|week|weeks|wks|WK", 7 * DAY, "[time]"),
    ("mo|month|months|MO", MONTH, "[time]"),
    ("a|year|years|yr|yrs", YEAR, "[time]"),
    ("unit|units|Units|{unit}", 1.0, "{unit}"),
    ("tablet|tablets|tab|tabs|tbl|{tablet}", 1.0, "{tablet}"),
    ("capsule|capsules|cap|caps|{capsule}", 1.0, "{capsule}"),
    ("dose|doses|dose(s)|{dose}", 1.0, "{dose}"),
    ("bag|bags|{bag}", 1.0, "{bag}"),
    ("puff|puffs|{puff}", 1.0, "{puff}"),
    ("{vial}|{total}", 1.0, "{vial}"),
    ("percent|%", 0.01, "dimensionless"),
    ("mg/h|mg/hr|milligrams per hour|mg  PER  hour|mg / h|mg/hour", 1e-6 / 3600, "[mass] / [time]"),
    ("meq/h|mEq/hr|mmol per hour", 1e-3 / 3600, "[substance] / [time]"),
    ("units/kg/h|unit/kg/hr|units/hour/kg|{unit}/h/kg", 1 / 3600, "1 / [mass] / [time]"),
    ("ml/h|mL/hr|cc per hour", 1e-6 / 3600, "[length] ** 3 / [time]"),
    ("mg.|mg | mg|mg{active}|mg{of drug}", 1e-6, "[mass]"),
]  # fmt: skip
SPELLED = [(word, factor, dimension) for words, factor, dimension in WORDS for word in words.split("|")]


@pytest.mark.parametrize(("text", "factor", "dimension"), SPELLED)
def test_units_by_the_words_that_people_write(text: str, factor: float, dimension: str) -> None:
    unit = read_unit(text)
    assert unit is not None
    assert unit.factor == pytest.approx(factor, rel=1e-9)
    assert unit.dimension == (text if text == "{total}" else dimension)


@pytest.mark.parametrize(
    ("words", "code"), [("mmHg|mmhg|mm Hg|MMHG", "mm[Hg]"), ("iu|IU|[iU]", "[iU]"), ("drop|drops", "[drp]")]
)
def test_words_for_a_code_of_ucum(words: str, code: str) -> None:
    assert {read_unit(word) for word in words.split("|")} == {read_unit(code)} != {None}


@pytest.mark.parametrize(
    ("unit", "other"), [("g", "mL"), ("mg", "mmol"), ("mEq", "mEq/L"), ("h", "g"), ("unit", "tablet"), ("g", "g/h"),
                        ("unit", "1"), ("mg", "mg/kg")],
)  # fmt: skip
def test_other_dimensions_are_not_the_same(unit: str, other: str) -> None:
    assert not amount(1, unit).same(amount(1, other))


@pytest.mark.parametrize(
    "text",
    ["", " ", "x" * 41, "smoot", "g per", "//", "mg as needed", "{", "1 g", "\x00", "g{", "{Unit 1}", "mg/smoot"],
)
def test_what_is_no_unit(text: str) -> None:
    assert read_unit(text) is None
    with pytest.raises(ValueError, match="there is no unit"):
        amount(1, text)


def test_a_unit_has_forty_characters_at_most() -> None:
    longest = "mg{" + "x" * 36 + "}"
    assert read_unit(longest) == read_unit("mg")
    assert read_unit(f"  {longest}  ") == read_unit("mg")
    assert read_unit(longest.replace("x", "xx", 1)) is None


def test_what_is_counted_goes_by_its_name() -> None:
    assert read_unit("{Vial}") is None
    assert amount(3, "{vial}") == Amount(3.0, "{vial}")
    assert read_unit("vial") is None
    assert UCUM == "http://unitsofmeasure.org"


def test_an_unknown_unit_is_told() -> None:
    with pytest.raises(ValueError, match=r"^there is no unit 'smoot'; write it as UCUM does$"):
        amount(1, "smoot")


def test_a_tolerance_is_in_base_units() -> None:
    assert amount(40.05, "meq").same(amount(40, "meq"), 1e-4)
    assert not amount(40.2, "meq").same(amount(40, "meq"), 1e-4)
    assert hours(2) == Amount(7200.0, "[time]")


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "same"),
    [(1.0, 1.0 + 9e-7, 0.0, True), (1.0, 1.0 + 1.2e-6, 0.0, False), (1000.0, 1000.0009, 0.0, True),
     (1000.0009, 1000.0, 0.0, True), (1000.0, 1000.0012, 0.0, False), (1e-9, 1.0000005e-9, 0.0, True),
     (1e-9, 1.1e-9, 0.0, False), (-1000.0, -1000.0009, 0.0, True), (0.0, 0.0, 0.0, True), (1.0, 1.5, 0.5, True),
     (1.5, 1.0, 0.5, True), (1.0, 1.5, 0.499, False), (-1.0, 1.0, 0.0, False), (0.0, 1e-6, 0.0, False),
     (1e6, 1e6 + 0.9, 0.5, True), (1e6, 1e6 + 1.1, 0.5, False), (1.0, 1.0, -1.0, True)],
)  # fmt: skip
def test_amounts_are_the_same_up_to_rounding_or_a_tolerance(
    one: float, other: float, tolerance: float, same: bool
) -> None:
    assert Amount(one, "[mass]").same(Amount(other, "[mass]"), tolerance) is same
    assert not Amount(one, "[mass]").same(Amount(other, "[time]"), tolerance)
    assert Amount(one, "[mass]").same(Amount(one, "[mass]"))


def test_a_unit_is_its_size_and_its_dimension() -> None:
    assert read_unit("kg") == Unit(1.0, "[mass]")
    assert amount(5, "kg") == Amount(5.0, "[mass]")


@pytest.mark.parametrize(
    ("value", "read"),
    [(2, 2.0), (2.5, 2.5), (True, None), (False, None), ("2", None), (None, None), ([2], None), (10**400, None)],
)
def test_numbers(value: object, read: float | None) -> None:
    assert number(value) == read


@pytest.mark.parametrize("code", units._USUAL)
def test_usual_units_are_as_pint_reads_them(code: str) -> None:
    usual, read = units._USUAL[code], units._by_pint(code)
    assert read is not None
    assert usual.factor == pytest.approx(read.factor, rel=1e-12)
    assert usual.dimension == read.dimension


def test_usual_units_need_no_registry() -> None:
    code = "from mab_gym.tasking.meaning.units import amount; amount(20, 'mEq/hr'), amount(5, 'units'), amount(1, 'g')"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; sys.exit('pint' in sys.modules)"], check=False, timeout=PATIENCE
    )
    assert done.returncode == 0
