"""Sodium and water: the formula of Adrogué and Madias, saline in SIADH, limits of correction, bounds."""

from __future__ import annotations

import dataclasses
import math
from itertools import product

import pytest

from mab_gym.dynamics.physiology import _sodium as model
from mab_gym.dynamics.physiology._sodium import NOTHING, WaterInputs, WaterPatient, WaterState
from mab_gym.errors import UsageError

WELL = WaterPatient(70)
DAY = 24 * 60


@pytest.mark.parametrize(
    ("water", "sodium", "infusate", "printed"),
    [
        (34, 168, model.WATER, -4.8),  # a man of 76 years and 68 kg: 5 % glucose
        (23, 112, model.SALINE_3, 16.7),  # a woman of 46 kg: 3 % saline
        (42, 155, model.WATER, -3.6),
    ],
)
def test_a_litre_changes_sodium_by_the_printed_formula(
    water: float, sodium: float, infusate: float, printed: float
) -> None:
    """The first two are recalled from Adrogué and Madias 2000; the third is a published teaching example."""
    assert round(model.change_per_litre(water, sodium, infusate), 1) == printed
    patient = WaterPatient(water / 0.5, 0.5, drinks=False)
    start = WaterState(sodium * water, water)
    after = model.advance(patient, start, dataclasses.replace(NOTHING, iv_l_h=0.5, iv_cations=infusate), 120)
    assert round(model.serum_sodium(after) - sodium, 1) == printed


def chronic(patient: WaterPatient, urine_mosm: float) -> WaterState:
    """Returns a patient with SIADH who drinks what keeps serum sodium at 125 mmol/L."""
    low, high = 0.0, 0.5
    state = model.at_sodium(patient, 125, 2)
    for _ in range(14):
        drink = (low + high) / 2
        state = model.advance(
            patient, model.at_sodium(patient, 125, 2), WaterInputs(drink_l_h=drink, urine_mosm=urine_mosm), 6 * DAY
        )
        low, high = (drink, high) if model.serum_sodium(state) > 125 else (low, drink)
    return state


@pytest.mark.parametrize("urine_mosm", [300, 400, 530, 600, 700])
def test_saline_in_siadh_does_what_is_printed(urine_mosm: float) -> None:
    """Musch and Decaux 1998: 2 L over a day change sodium by 12.90 - 0.024 × urine osmolality; it falls from 530 on.

    Chosen: the patients drink 1.8 L that day, which the abstract does not tell.
    """
    patient = WaterPatient(65, 0.55, drinks=False)
    start = chronic(patient, urine_mosm)
    given = WaterInputs(iv_l_h=2 / 24, drink_l_h=1.8 / 24, urine_mosm=urine_mosm)
    change = model.serum_sodium(model.advance(patient, start, given, DAY)) - model.serum_sodium(start)
    assert change == pytest.approx(12.90 - 0.024 * urine_mosm, abs=1.6)


def test_the_healthy_keep_their_sodium() -> None:
    usual = WaterInputs()
    start = model.steady(WELL, usual)
    assert 136 <= model.serum_sodium(start) <= 143
    volume, salt = model.urine(WELL, start, usual)
    assert salt * 24 == pytest.approx(210, rel=0.01)
    assert 0.6 <= volume * 24 <= 2
    drinker = model.advance(WELL, start, WaterInputs(drink_l_h=6 / 24), DAY)
    assert model.serum_sodium(drinker) > 133


def test_water_diuresis_corrects_too_fast() -> None:
    """Once the cause of vasopressin goes away, dilute urine raises sodium beyond the limit within a day."""
    state = model.at_sodium(WELL, 112, 2)
    results = [(0.0, model.serum_sodium(state))]
    for hour in range(1, 49):
        state = model.advance(WELL, state, WaterInputs(iv_l_h=0.1), 60)
        results.append((float(hour), model.serum_sodium(state)))
    assert model.greatest_rise(results) > model.CORRECTION_LIMIT > model.CORRECTION_LIMIT_AT_RISK
    held = model.advance(WELL, model.at_sodium(WELL, 112, 2), WaterInputs(urine_mosm=400, drink_l_h=0), DAY)
    assert model.serum_sodium(held) - 112 < model.CORRECTION_LIMIT


def test_losing_water_raises_sodium() -> None:
    patient = WaterPatient(70, 0.5, drinks=False)
    start = model.at_sodium(patient, 140)
    insipid = model.advance(patient, start, WaterInputs(urine_mosm=100), DAY)
    assert model.serum_sodium(insipid) > 150
    assert model.water_deficit(insipid) == pytest.approx(
        insipid.water_l * (model.serum_sodium(insipid) / 140 - 1), abs=1e-9
    )
    thirsty = model.advance(WELL, model.at_sodium(WELL, 140), WaterInputs(urine_mosm=100), DAY)
    assert model.serum_sodium(thirsty) < model.serum_sodium(insipid)


def test_the_window_of_a_rise() -> None:
    results = [(0.0, 110.0), (12.0, 116.0), (24.0, 118.0), (36.0, 125.0)]
    assert model.greatest_rise(results) == pytest.approx(9)
    assert model.greatest_rise(results, 48) == pytest.approx(15)
    assert model.greatest_rise(results[::-1][:0]) == 0


def test_observables() -> None:
    state = model.at_sodium(WELL, 130)
    assert model.serum_sodium(state, 1) == pytest.approx(131)
    assert model.serum_sodium(state, 0, 600) == pytest.approx(130 - 8)


def test_time_may_be_cut_at_whole_minutes() -> None:
    inputs = WaterInputs(iv_l_h=0.5, iv_cations=513, lost_l_h=0.1)
    whole = cut = model.at_sodium(WELL, 115)
    whole = model.advance(WELL, whole, inputs, 60)
    for _ in range(60):
        cut = model.advance(WELL, cut, inputs, 1)
    assert cut == whole


def test_the_worst_stays_finite() -> None:
    dry = WaterInputs(0, 0, 0, 0, 100, 30, 1, 2, 200, 0.3)
    wet = WaterInputs(5, 0, 2, 0, 0, 1400, 0, 0, 0, 0)
    salty = WaterInputs(5, 2000, 0, 40, 100, None, 0, 0, 0, 0)
    for inputs, drinks in product((dry, wet, salty, WaterInputs()), (True, False)):
        patient = WaterPatient(30, 0.35, drinks)
        state = model.advance(patient, model.at_sodium(patient, 140), inputs, 600_000)
        assert math.isfinite(model.serum_sodium(state))
        assert state.water_l > 0
        assert state.cations_mmol >= 0


def test_what_is_out_of_bounds_is_told() -> None:
    with pytest.raises(UsageError, match="urine_mosm must be a number from 30 to 1400 mOsm/kg"):
        WaterInputs(urine_mosm=0)
    with pytest.raises(UsageError, match="sodium must be"):
        model.at_sodium(WELL, 60)
    with pytest.raises(UsageError, match="water_share"):
        WaterPatient(70, 0.9)
