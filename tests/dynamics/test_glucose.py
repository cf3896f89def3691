"""Glucose: rules of thumb and a trial as observables, insulins, meals, stress, bounds."""

from __future__ import annotations

import dataclasses
import math
from itertools import product
from statistics import fmean

import pytest

from mab_gym.dynamics.physiology import _glucose as model
from mab_gym.dynamics.physiology._glucose import GlucoseInputs, GlucosePatient, GlucoseState
from mab_gym.errors import UsageError

TYPE_1 = GlucosePatient(70)
TYPE_2 = GlucosePatient(90, sensitivity=0.3, own_insulin=0.2)
ILL = 1.3


def stay(units_kg: float, days: int = 3) -> list[float]:
    """Returns hourly glucose in mg/dL of a stay of type 2 with half of the insulin long-acting, half at three meals."""
    dose = units_kg * TYPE_2.weight_kg / 2
    state = model.steady(TYPE_2, GlucoseInputs(stress=ILL))
    found = []
    for hour in range(24 * days):
        meal = hour % 24 in (0, 5, 10)
        given = GlucoseInputs(
            rapid_now=dose / 3 if meal else 0,
            long_now=dose if hour % 24 == 0 else 0,
            meal_now=60 if meal else 0,
            stress=ILL,
        )
        state = model.advance(TYPE_2, state, given, 60)
        found.append(model.blood_glucose(TYPE_2, state))
    return found


def test_the_published_parameters_are_in_balance() -> None:
    """Hovorka 2004: at no insulin the liver gives 0.0161 and cells use 0.0097 mmol/kg/min, the kidneys the rest."""
    state = model.steady(TYPE_1, GlucoseInputs())
    expected = 9 + (0.0161 - 0.0097) / (0.003 * 0.16)
    assert model.blood_glucose(TYPE_1, state) / model.MG_DL_PER_MMOL_L == pytest.approx(expected)
    dripped = model.steady(TYPE_1, GlucoseInputs(iv_insulin=0.5))
    assert dripped.insulin == pytest.approx(500 / 60 / (0.138 * 0.12 * 70))


def test_a_unit_lowers_glucose_by_the_rules_of_1500_and_1800() -> None:
    """Both rules divide by the insulin of a day, half of it basal; at most between the two, some hours later."""
    daily = 2 * model.insulin_need(TYPE_1, 120)
    drip = GlucoseInputs(iv_insulin=model.insulin_need(TYPE_1, 200) / 24)
    state = model.advance(TYPE_1, model.steady(TYPE_1, drip), dataclasses.replace(drip, rapid_now=1), 1)
    lowest = 200.0
    for _ in range(8 * 4):
        state = model.advance(TYPE_1, state, drip, 15)
        lowest = min(lowest, model.blood_glucose(TYPE_1, state))
    assert 1500 / daily * 0.9 <= 200 - lowest <= 1800 / daily * 1.1


def test_basal_and_meal_insulin_in_hospital_does_what_the_trial_found() -> None:
    """RABBIT 2 (Umpierrez 2007, Diabetes Care 30:2181): 229 mg/dL at admission; 0.5 units/kg/day lead into range."""
    untreated, treated, too_much = stay(0), stay(0.5), stay(1.0)
    assert fmean(untreated[-24:]) == pytest.approx(229, abs=15)
    assert 140 <= fmean(treated[-24:]) <= model.TARGET[1]
    assert min(treated) >= model.LOW[0]
    assert model.hypoglycaemia(min(too_much)) >= 1


def test_long_acting_insulin_has_no_peak_and_ends_after_a_day() -> None:
    """Label of insulin glargine: onset about an hour, no pronounced peak, end at 24 hours."""
    clamp = GlucoseInputs(iv_glucose=8)
    empty = GlucoseState(67.2, 0, 0, (0, 0, 0))
    state = model.advance(TYPE_1, empty, dataclasses.replace(clamp, long_now=0.3 * 70), 60)
    levels = [state.insulin]
    for _ in range(29):
        state = model.advance(TYPE_1, state, clamp, 60)
        levels.append(state.insulin)
    assert levels[0] > 0.5 * max(levels)
    assert min(levels[1:15]) > 0.65 * max(levels)
    assert levels[25] < 0.05 * max(levels)


def test_rapid_insulin_peaks_at_the_published_time() -> None:
    """Hovorka 2004: 55 minutes to the greatest absorption; plasma follows by some minutes."""
    state = model.advance(TYPE_1, GlucoseState(67.2, 0, 0, (0, 0, 0)), GlucoseInputs(rapid_now=5), 1)
    levels = [state.insulin]
    for _ in range(300):
        state = model.advance(TYPE_1, state, GlucoseInputs(), 1)
        levels.append(state.insulin)
    assert 55 <= levels.index(max(levels)) <= 70


def test_the_healthy_are_well() -> None:
    healthy = GlucosePatient(70, 1.5, 1)
    state = model.steady(healthy, GlucoseInputs())
    assert 70 <= model.blood_glucose(healthy, state) <= 100
    state = model.advance(healthy, state, GlucoseInputs(meal_now=60), 60)
    assert model.blood_glucose(healthy, state) < 180


def test_directions() -> None:
    start = model.steady(TYPE_2, GlucoseInputs())

    def after(hours: float, **inputs: float) -> float:
        state = model.advance(TYPE_2, start, GlucoseInputs(**inputs), 60 * hours)
        return model.blood_glucose(TYPE_2, state)

    usual = after(3)
    assert after(3, rapid_now=5) < usual
    assert after(3, rapid_now=10) < after(3, rapid_now=5)
    assert after(3, long_now=20) < usual
    assert after(3, iv_insulin=2) < usual
    assert after(3, meal_now=60) > usual
    assert after(3, iv_glucose=10) > usual
    assert after(3, stress=2) > usual
    assert model.insulin_need(TYPE_1, 120, GlucoseInputs(stress=2)) > 1.5 * model.insulin_need(TYPE_1, 120)


def test_steady_is_steady() -> None:
    for patient, inputs in product(
        (TYPE_1, TYPE_2), (GlucoseInputs(iv_insulin=0.4), GlucoseInputs(stress=1.5, iv_glucose=5))
    ):
        start = model.steady(patient, inputs)
        after = model.advance(patient, start, inputs, 1000)
        assert model.blood_glucose(patient, after) == pytest.approx(model.blood_glucose(patient, start), rel=1e-6)


def test_time_may_be_cut_at_whole_minutes() -> None:
    first = GlucoseInputs(rapid_now=8, long_now=20, meal_now=60)
    start = model.steady(TYPE_2, GlucoseInputs())
    whole = model.advance(TYPE_2, start, first, 60)
    cut = model.advance(TYPE_2, start, first, 1)
    for _ in range(59):
        cut = model.advance(TYPE_2, cut, GlucoseInputs(), 1)
    assert cut == whole


def test_the_worst_stays_finite() -> None:
    much = GlucoseInputs(200, 300, 0, 100)
    sweet = GlucoseInputs(meal_now=300, iv_glucose=100, stress=3)
    for inputs, patient in product((much, sweet), (GlucosePatient(30, 3, 1), GlucosePatient(250, 0.1, 0))):
        state = model.advance(patient, model.steady(patient, GlucoseInputs()), inputs, 0.25)
        state = model.advance(patient, state, dataclasses.replace(inputs, rapid_now=0, long_now=0), 600_000)
        assert math.isfinite(model.blood_glucose(patient, state))
        assert state.glucose > 0
        assert state.insulin >= 0


@pytest.mark.parametrize(("glucose", "level"), [(70, 0), (69.9, 1), (54, 1), (53, 2)])
def test_levels_of_hypoglycaemia(glucose: float, level: int) -> None:
    assert model.hypoglycaemia(glucose) == level


def test_what_is_out_of_bounds_is_told() -> None:
    with pytest.raises(UsageError, match="rapid_now must be a number from 0 to 200 units; it is -1"):
        GlucoseInputs(rapid_now=-1)
    with pytest.raises(UsageError, match="sensitivity"):
        GlucosePatient(70, 0)
    with pytest.raises(UsageError, match="glucose_mg_dl"):
        model.insulin_need(TYPE_1, 20)
