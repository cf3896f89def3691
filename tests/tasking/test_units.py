"""Units and amounts, by value: each name that a unit goes by, each factor, and how far off an amount may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mab_gym.tasking.judging import Judge, amount_in
from mab_gym.tasking.orders import amount, dose_of, every_hours
from tests.tasking.judged import SOLVED, found, judge_of, met

TWO_GRAMS = {
    "g": 2, "gram": 2, "grams": 2, "mg": 2000, "milligram": 2000, "milligrams": 2000, "ug": 2_000_000, "mcg": 2_000_000,
    " m g ": 2000, "G": 2, "Milligrams": 2000,
}  # fmt: skip
TWO_MILLIGRAMS = {
    "mg": 2, "milligram": 2, "milligrams": 2, "g": 0.002, "gram": 0.002, "grams": 0.002, "ug": 2000, "mcg": 2000,
    "microgram": 2000, "micrograms": 2000, "MG": 2,
}  # fmt: skip
TWO_HOURS = {
    "h": 2, "hr": 2, "hrs": 2, "hour": 2, "hours": 2, "min": 120, "minute": 120, "minutes": 120, "H": 2, "Minutes": 120,
}  # fmt: skip
FOUR_GRAMS_IN_TWO_HOURS = {"g/h": 2, "g/hr": 2, "g/hour": 2, "mg/h": 2000, "mg/hr": 2000, "G / h": 2}
TEN_MILLIEQUIVALENTS = {"mEq": 10, "meq": 10, "mEqs": 10, "milliequivalent": 10, "milliequivalents": 10, "[m eq]": None}
NO_MASS = ["kg", "mgs", "mEq", "ml", "g/h", "h", "unit", "", None, 7]


def dosage(value: Any, unit: Any) -> dict[str, Any]:
    return {"route": {"text": "oral"}, "doseAndRate": [{"doseQuantity": {"value": value, "unit": unit}}]}


def infused(**rate: Any) -> dict[str, Any]:
    return {"doseAndRate": [rate]}


def says(look: Callable[[Judge], object]) -> list[tuple[str, bool]]:
    judge = judge_of()
    look(judge)
    return found(judge)


WRONG_DOSE, WRONG_RATE, WRONG_TIME = ([(code, True)] for code in ("wrong_dose", "wrong_rate", "wrong_time"))


@pytest.mark.parametrize(("unit", "value"), TWO_GRAMS.items())
def test_grams(unit: str, value: float) -> None:
    assert says(lambda judge: judge.grams(dosage(value, unit), 2)) == SOLVED
    for wrong in (value * 1.001, value * 0.999, value * 2, value / 1000, -value, str(value), True, None):
        assert says(lambda judge, wrong=wrong: judge.grams(dosage(wrong, unit), 2)) == WRONG_DOSE  # type: ignore[misc]


@pytest.mark.parametrize("unit", [*NO_MASS, "microgram", "micrograms"])
def test_what_is_no_unit_of_grams(unit: Any) -> None:
    for value in (2, 2000, 2_000_000, 0.002):
        assert says(lambda judge, value=value: judge.grams(dosage(value, unit), 2)) == WRONG_DOSE  # type: ignore[misc]


@pytest.mark.parametrize(("unit", "value"), TWO_MILLIGRAMS.items())
def test_milligrams(unit: str, value: float) -> None:
    assert says(lambda judge: dose_of(judge, {"dosageInstruction": [dosage(value, unit)]}, 2, ("oral",))) == SOLVED
    for wrong in (value * 1.001, value * 0.999, value * 1000, value / 1000, -value):
        order = {"dosageInstruction": [dosage(wrong, unit)]}
        assert says(lambda judge, order=order: dose_of(judge, order, 2, ("oral",))) == WRONG_DOSE  # type: ignore[misc]


@pytest.mark.parametrize("unit", NO_MASS)
def test_what_is_no_unit_of_milligrams(unit: Any) -> None:
    for value in (2, 2000, 0.002):
        order = {"dosageInstruction": [dosage(value, unit)]}
        assert says(lambda judge, order=order: dose_of(judge, order, 2, ("oral",))) == WRONG_DOSE  # type: ignore[misc]


@pytest.mark.parametrize(("unit", "value"), TEN_MILLIEQUIVALENTS.items())
def test_milliequivalents(unit: str, value: float | None) -> None:
    if value is None:
        assert says(lambda judge: judge.milliequivalents(dosage(10, unit), 10)) == WRONG_DOSE
        return
    for right in (10, 10.0, 10.09, 9.91):
        assert says(lambda judge, right=right: judge.milliequivalents(dosage(right, unit), 10)) == SOLVED  # type: ignore[misc]
    for wrong in (10.11, 9.89, 20, 1, -10, 10_000):
        assert says(lambda judge, wrong=wrong: judge.milliequivalents(dosage(wrong, unit), 10)) == WRONG_DOSE  # type: ignore[misc]


def test_doses_and_rates_are_told_as_they_should_be() -> None:
    judge = judge_of()
    judge.grams({}, 2.5)
    judge.milliequivalents({}, 40)
    dose_of(judge, {"dosageInstruction": [{"route": {"text": "oral"}}]}, 500, ("oral",))
    judge.over_hours({}, 2, 2.0)
    amount(judge, {}, "quantityQuantity", 1, ("unit", "units"))
    every_hours(judge, {}, 12)
    assert [reason.text for reason in judge.verdict().reasons] == [
        "The dose should be 2.5 g.",
        "The dose should be 40 mEq.",
        "The dose should be 500 mg.",
        "The infusion does not run over 2 h.",
        "The quantityQuantity should be 1 unit.",
        "timing.repeat should say once every 12 hours.",
    ]


def test_a_tenth_of_a_milliequivalent_is_near_enough() -> None:
    assert says(lambda judge: judge.milliequivalents(dosage(0.1, "mEq"), 0)) == SOLVED


@pytest.mark.parametrize(("unit", "value"), TWO_HOURS.items())
def test_hours_of_an_infusion(unit: str, value: float) -> None:
    hours = {"value": value, "unit": unit}
    ratio = {"numerator": {"value": 4, "unit": "g"}, "denominator": hours}
    minute = {"timing": {"repeat": {"duration": value, "durationUnit": unit}}}
    for right in (infused(rateQuantity=hours), infused(rateRatio=ratio), minute):
        assert says(lambda judge, right=right: judge.over_hours(right, 4, 2)) == SOLVED  # type: ignore[misc]
        for wanted in (1, 2.01, 1.99, 4, 120, 2 / 60):
            assert says(lambda judge, r=right, w=wanted: judge.over_hours(r, 4, w)) == WRONG_RATE  # type: ignore[misc]


@pytest.mark.parametrize("unit", ["s", "d", "day", "hs", "mins", "", None, "h/g"])
def test_what_is_no_unit_of_hours(unit: Any) -> None:
    for value in (2, 120, 7200):
        quantity = {"value": value, "unit": unit}
        ratio = {"numerator": {"value": 4, "unit": "g"}, "denominator": quantity}
        duration = {"timing": {"repeat": {"duration": value, "durationUnit": unit}}}
        for wrong in (infused(rateQuantity=quantity), infused(rateRatio=ratio), duration):
            assert says(lambda judge, wrong=wrong: judge.over_hours(wrong, 4, 2)) == WRONG_RATE  # type: ignore[misc]


@pytest.mark.parametrize(("unit", "value"), FOUR_GRAMS_IN_TWO_HOURS.items())
def test_speeds_of_an_infusion(unit: str, value: float) -> None:
    rate = infused(rateQuantity={"value": value, "unit": unit})
    assert says(lambda judge: judge.over_hours(rate, 4, 2)) == SOLVED
    for grams in (2, 8, 4.01, 4000):
        assert says(lambda judge, grams=grams: judge.over_hours(rate, grams, 2)) == WRONG_RATE  # type: ignore[misc]


@pytest.mark.parametrize("unit", ["mg/hour", "g/min", "g/d", "kg/h", "gh", "/h"])
def test_what_is_no_unit_of_speed(unit: str) -> None:
    for value in (2, 2000):
        rate = infused(rateQuantity={"value": value, "unit": unit})
        assert says(lambda judge, rate=rate: judge.over_hours(rate, 4, 2)) == WRONG_RATE  # type: ignore[misc]


@pytest.mark.parametrize(
    "dosage",
    [
        {}, None, "IV", [], infused(), infused(rateQuantity=None), infused(rateQuantity={"value": 0, "unit": "g/h"}),
        infused(rateRatio={"numerator": {"value": 0, "unit": "g"}, "denominator": {"value": 2, "unit": "h"}}),
        infused(rateRatio={"numerator": {"value": 4, "unit": "g"}, "denominator": {"value": 0, "unit": "h"}}),
        infused(rateRatio={"numerator": {"value": 4, "unit": "g"}}), {"timing": {"repeat": {"duration": 2}}},
        {"timing": {"repeat": {"durationUnit": "h"}}}, {"timing": {"repeat": {"duration": "2", "durationUnit": "h"}}},
        {"timing": {"duration": 2, "durationUnit": "h"}}, {"repeat": {"duration": 2, "durationUnit": "h"}},
        {"rateQuantity": {"value": 2, "unit": "h"}}, infused(rateQuantity={"value": 2, "unit": "h", "code": "min"}),
    ],
)  # fmt: skip
def test_an_infusion_without_hours(dosage: Any) -> None:
    judge = judge_of()
    judge.over_hours(dosage, 4, 2)
    assert found(judge) == WRONG_RATE
    assert met(judge) == {"dosage.rate": False}


def test_any_statement_of_the_hours_is_enough() -> None:
    several = {
        "doseAndRate": [{"doseQuantity": {"value": 4, "unit": "g"}}, {"rateQuantity": {"value": 2, "unit": "h"}}],
        "timing": {"repeat": {"duration": 1, "durationUnit": "h"}},
    }
    assert says(lambda judge: judge.over_hours(several, 4, 2)) == SOLVED
    tons = {"numerator": {"value": 2000, "unit": "mg"}, "denominator": {"value": 60, "unit": "min"}}
    assert says(lambda judge: judge.over_hours(infused(rateRatio=tons), 4, 2)) == SOLVED


FACTORS = {"g": 1.0, "mg": 1e-3}


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ({"value": 2, "unit": "g"}, 2.0),
        ({"value": 2, "code": "g"}, 2.0),
        ({"value": 2, "unit": "g", "code": "g"}, 2.0),
        ({"value": 500, "unit": "mg"}, 0.5),
        ({"value": 500, "unit": "mg", "code": "mg", "system": "http://unitsofmeasure.org"}, 0.5),
        ({"value": 0, "unit": "g"}, 0.0),
        ({"value": -3, "unit": "g"}, -3.0),
        ({"value": 2, "unit": "g", "code": "mg"}, None),
        ({"value": 2, "unit": "g", "code": "mEq"}, None),
        ({"value": 2, "unit": "spoon", "code": "g"}, None),
        ({"value": 2, "unit": "g", "code": ""}, 2.0),
        ({"value": 2}, None),
        ({"value": 2, "unit": 1}, None),
        ({"value": 2, "unit": "g", "comparator": "<"}, None),
        ({"value": 2, "unit": "g", "comparator": ""}, None),
        ({"value": 2, "unit": "g", "comparator": None}, 2.0),
        ({"value": "2", "unit": "g"}, None),
        ({"value": True, "unit": "g"}, None),
        ({"value": 10**400, "unit": "g"}, None),
        ({"unit": "g"}, None),
        (None, None),
        ("2 g", None),
        ([{"value": 2, "unit": "g"}], None),
    ],
)
def test_an_amount_in_the_unit_whose_factor_is_one(quantity: Any, value: float | None) -> None:
    assert amount_in(quantity, FACTORS) == value


@pytest.mark.parametrize(
    "rates",
    [
        [], None, [{}], [{"doseQuantity": {"value": 2, "unit": "g"}}] * 2, {}, "2 g",
        [{"doseRange": {"low": {"value": 2, "unit": "g"}}}],
    ],
)  # fmt: skip
def test_one_dose_and_no_other(rates: Any) -> None:
    for look in (
        lambda judge: judge.grams({"doseAndRate": rates}, 2),
        lambda judge: dose_of(
            judge, {"dosageInstruction": [{"route": {"text": "oral"}, "doseAndRate": rates}]}, 2000, ["oral"]
        ),
    ):
        judge = judge_of()
        look(judge)
        assert found(judge) == WRONG_DOSE
        assert met(judge)["dosage.dose"] is False


def test_a_dose_that_is_no_list_is_read_as_one() -> None:
    alone = {"doseAndRate": {"doseQuantity": {"value": 2, "unit": "g"}}}
    assert says(lambda judge: judge.grams(alone, 2)) == SOLVED


EIGHT_HOURS = [
    {"frequency": 1, "period": 8, "periodUnit": "h"},
    {"period": 8, "periodUnit": "h"},
    {"frequency": 3, "period": 1, "periodUnit": "d"},
    {"frequency": 21, "period": 1, "periodUnit": "wk"},
    {"frequency": 1, "period": 480, "periodUnit": "min"},
    {"frequency": 2, "period": 16.0, "periodUnit": "h"},
    {"frequency": None, "period": 8, "periodUnit": "h"},
]


@pytest.mark.parametrize("repeat", EIGHT_HOURS)
def test_every_eight_hours(repeat: dict[str, Any]) -> None:
    for code in ("TID", "Q8H", "tid", "AM", None):
        timing = {"repeat": repeat, "code": {"coding": [{"code": code}]}}
        judge = judge_of()
        every_hours(judge, {"timing": timing}, 8)
        assert found(judge) == SOLVED
        assert met(judge) == {"dosage.timing": True}
    for hours in (4, 7.99, 8.01, 12, 24, 168):
        assert says(lambda judge, hours=hours: every_hours(judge, {"timing": {"repeat": repeat}}, hours)) == WRONG_TIME  # type: ignore[misc]


@pytest.mark.parametrize(
    ("code", "hours"),
    [
        ("QD", 24), ("BID", 12), ("TID", 8), ("QID", 6), ("QOD", 48), ("Q4H", 4), ("Q6H", 6), ("Q8H", 8), ("Q12H", 12),
        ("Q24H", 24),
    ],
)  # fmt: skip
def test_codes_of_timing(code: str, hours: int) -> None:
    def timing(per: float) -> dict[str, Any]:
        coding = [{"system": "http://a.example", "code": "X"}, {"code": code.lower()}]
        return {"timing": {"repeat": {"period": per, "periodUnit": "h"}, "code": {"coding": coding}}}

    assert says(lambda judge: every_hours(judge, timing(hours), hours)) == SOLVED
    for other in {4, 6, 8, 12, 24, 48} - {hours}:
        assert says(lambda judge, other=other: every_hours(judge, timing(other), other)) == WRONG_TIME  # type: ignore[misc]


@pytest.mark.parametrize(
    "timing",
    [
        None, {}, "daily", {"repeat": None}, {"repeat": {}}, {"repeat": "daily"},
        {"repeat": {"period": 8}}, {"repeat": {"periodUnit": "h"}}, {"repeat": {"period": "8", "periodUnit": "h"}},
        {"repeat": {"period": True, "periodUnit": "h"}}, {"repeat": {"period": 8, "periodUnit": "hour"}},
        {"repeat": {"period": 8, "periodUnit": "s"}}, {"repeat": {"period": 8, "periodUnit": None}},
        {"repeat": {"frequency": 0, "period": 8, "periodUnit": "h"}},
        {"repeat": {"frequency": -1, "period": -8, "periodUnit": "h"}},
        {"repeat": {"frequency": "1", "period": 8, "periodUnit": "h"}},
        {"repeat": {"frequency": True, "period": 8, "periodUnit": "h"}},
        {"repeat": {"frequency": 1e9, "period": 8e9, "periodUnit": "h"}},
        {"repeat": {"frequency": 1e9 / 480, "period": 1e9, "periodUnit": "min"}},
        {"repeat": {"period": 8, "periodUnit": "h", "count": 1}},
        {"repeat": {"period": 8, "periodUnit": "h", "frequencyMax": 2}},
        {"repeat": {"period": 8, "periodUnit": "h", "dayOfWeek": ["mon"]}},
        {"repeat": {"period": 8, "periodUnit": "h"}, "event": ["2023-11-13T11:00:00Z"]},
        {"repeat": {"period": 8, "periodUnit": "h"}, "event": []},
        {"code": {"coding": [{"code": "Q8H"}]}},
    ],
)  # fmt: skip
def test_what_does_not_say_every_eight_hours(timing: Any) -> None:
    judge = judge_of()
    every_hours(judge, {"timing": timing}, 8)
    assert found(judge) == WRONG_TIME
    assert met(judge) == {"dosage.timing": False}


@pytest.mark.parametrize(
    ("quantity", "right"),
    [
        ({"value": 1, "unit": "unit"}, True),
        ({"value": 1, "unit": "Units"}, True),
        ({"value": 1.0, "unit": "{unit}"}, True),
        ({"value": 1.001, "unit": "unit"}, False),
        ({"value": 2, "unit": "unit"}, False),
        ({"value": 1, "unit": "mL"}, False),
        ({"value": 1}, False),
        (None, False),
    ],
)
def test_an_amount_of_units(quantity: Any, right: bool) -> None:
    judge = judge_of()
    order = {"resourceType": "ServiceRequest", "quantityQuantity": quantity}
    amount(judge, order, "quantityQuantity", 1, ("unit", "UNITS", "{unit}"))
    assert found(judge) == (SOLVED if right else WRONG_DOSE)
    assert met(judge) == {"ServiceRequest.quantityQuantity": right}
