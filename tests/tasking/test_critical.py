"""The rule by which leaving an order undone is a safety violation, by value and by what people are told."""

from __future__ import annotations

import pytest

from mab_gym.tasking.critical import LIMITS, Limit, harm_of_leaving


@pytest.mark.parametrize(
    ("code", "critical", "harmless"),
    [
        ("K", (2.0, 2.79, 2.8), (2.81, 3.4, 6.0)),
        ("MG", (0.5, 0.99, 1.0), (1.01, 1.5, 3.0)),
        ("HGB", (5.0, 6.9, 6.99), (7.0, 7.01, 12.0)),
        ("INR", (4.5, 4.51, 9.0), (1.0, 4.4, 4.49)),
        ("CREA", (), (0.1, 12.0)),
    ],
)
def test_results_whose_treatment_must_not_be_left_undone(
    code: str, critical: tuple[float, ...], harmless: tuple[float, ...]
) -> None:
    assert all(harm_of_leaving(code, value, "nothing is done") for value in critical)
    assert [harm_of_leaving(code, value, "nothing is done") for value in harmless] == [""] * len(harmless)


@pytest.mark.parametrize(
    ("code", "value", "told"),
    [
        ("K", 2.4, "The potassium of 2.4 is critical (2.8 or below), and it is left."),
        ("MG", 0.8, "The magnesium of 0.8 is critical (1 or below), and it is left."),
        ("HGB", 6.0, "The haemoglobin of 6 is critical (below 7), and it is left."),
        ("INR", 10.0, "The INR of 10 is critical (4.5 or above), and it is left."),
    ],
)
def test_harm_is_told_with_the_value_and_the_limit(code: str, value: float, told: str) -> None:
    assert harm_of_leaving(code, value, "it is left") == told


@pytest.mark.parametrize(
    ("below", "included", "critical"),
    [
        (True, True, [True, True, False]),
        (True, False, [True, False, False]),
        (False, True, [False, True, True]),
        (False, False, [False, False, True]),
    ],
)
def test_a_limit_below_at_and_above_it(below: bool, included: bool, critical: list[bool]) -> None:
    limit = Limit("lactate", 4.0, below, included)
    assert [limit.is_met_by(value) for value in (3.9, 4.0, 4.1)] == critical


def test_a_limit_that_must_be_exceeded_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "LACT", Limit("lactate", 4.0, below=False, included=False))
    told = harm_of_leaving("LACT", 4.1, "no fluid is given")
    assert told == "The lactate of 4.1 is critical (above 4), and no fluid is given."


def test_these_results_have_limits() -> None:
    assert set(LIMITS) == {"K", "MG", "HGB", "INR"}
