"""Creatinine: the figures of its sources, exactness in time, stages of injury."""

from __future__ import annotations

import pytest

from mab_gym.dynamics.physiology import _creatinine as model
from mab_gym.dynamics.physiology._creatinine import CreatinineInputs, CreatininePatient, CreatinineState
from mab_gym.errors import UsageError

MAN = CreatininePatient(weight_kg=200 / 3, sex="male", age_years=50, baseline_mg_dl=0.75)
"""40 L of body water."""


def test_ckd_epi_2021_gives_the_published_example() -> None:
    assert model.estimated_gfr(0.9, "female", 55) == pytest.approx(76, abs=0.6)  # "about 76"
    assert model.estimated_gfr(0.7, "female", 0) == pytest.approx(142 * 1.012)
    assert model.estimated_gfr(0.9, "male", 0) == pytest.approx(142)


@pytest.mark.parametrize(("gfr", "printed_percent"), [(90, 246), (60, 174), (30, 92), (15, 47)])
def test_a_day_after_a_loss_of_nine_tenths_creatinine_rises_as_printed(gfr: float, printed_percent: int) -> None:
    """Waikar 2009, abstract: normal and chronic stages 2 to 4; here the lowest filtration of each, 40 L of water."""
    before = model.steady(MAN, gfr)
    after = model.advance(MAN, before, CreatinineInputs(gfr / 10), 24 * 60)
    percent = 100 * (after.creatinine_mg_dl / before.creatinine_mg_dl - 1)
    assert percent == pytest.approx(printed_percent, abs=4)


def test_the_rise_in_mg_is_the_same_whatever_the_kidneys_were() -> None:
    """Waikar 2009, abstract: 1.8 to 2.0 mg/dL; the production that gives it is one of a small muscle mass."""
    woman = CreatininePatient(80, "female", 63, 0.65)  # 40 L, 38 mg/h
    rises = []
    for gfr in (90, 60, 30, 15):
        before = model.steady(woman, gfr)
        rises.append(
            model.advance(woman, before, CreatinineInputs(gfr / 10), 1440).creatinine_mg_dl - before.creatinine_mg_dl
        )
    assert max(rises) - min(rises) < 0.3
    assert all(1.75 <= rise <= 2.05 for rise in rises)


@pytest.mark.parametrize(("gfr", "printed_hours"), [(90, 4), (15, 27)])
def test_the_time_to_half_more_is_as_printed(gfr: float, printed_hours: float) -> None:
    state = before = model.steady(MAN, gfr)
    minutes = 0
    while state.creatinine_mg_dl < 1.5 * before.creatinine_mg_dl:
        state = model.advance(MAN, state, CreatinineInputs(gfr / 10), 5)
        minutes += 5
    assert minutes / 60 == pytest.approx(printed_hours, rel=0.08)


def test_the_kinetic_estimate_finds_the_true_filtration() -> None:
    for true in (10, 35, 60):
        first = model.advance(MAN, model.steady(MAN), CreatinineInputs(true), 6 * 60)
        second = model.advance(MAN, first, CreatinineInputs(true), 6 * 60)
        found = model.kinetic_gfr(MAN, first.creatinine_mg_dl, second.creatinine_mg_dl, 6)
        assert found == pytest.approx(true, abs=2)


@pytest.mark.parametrize("flow", [-0.2, 0.0, 0.3])
def test_time_may_be_cut_anywhere(flow: float) -> None:
    inputs, whole = CreatinineInputs(20, flow), model.steady(MAN)
    cut = whole
    whole = model.advance(MAN, whole, inputs, 60)
    for _ in range(60):
        cut = model.advance(MAN, cut, inputs, 1)
    assert cut.creatinine_mg_dl == pytest.approx(whole.creatinine_mg_dl, rel=1e-9)
    assert cut.volume_l == pytest.approx(whole.volume_l, rel=1e-9)


def test_fluid_dilutes() -> None:
    start = model.steady(MAN)
    dry, wet = (model.advance(MAN, start, CreatinineInputs(10, flow), 1440) for flow in (0.0, 0.25))
    assert wet.creatinine_mg_dl < dry.creatinine_mg_dl


def test_it_is_steady_and_stays_finite() -> None:
    start = model.steady(MAN)
    after = model.advance(MAN, start, CreatinineInputs(model.baseline_gfr(MAN)), 600_000)
    assert after.creatinine_mg_dl == pytest.approx(start.creatinine_mg_dl)
    for flow in (-2, 2):
        worst = model.advance(MAN, start, CreatinineInputs(250, flow), 600_000)
        assert 0 < worst.creatinine_mg_dl < 40
        assert 19 < worst.volume_l < 81


@pytest.mark.parametrize(
    ("baseline", "results", "stage"),
    [
        (1.0, [(0, 1.0), (48, 1.29)], 0),
        (1.0, [(0, 1.0), (48, 1.3)], 1),
        (1.0, [(0, 1.0), (49, 1.3)], 0),
        (1.0, [(0, 1.0), (160, 1.5)], 1),
        (1.0, [(0, 1.0), (160, 2.0)], 2),
        (1.0, [(0, 1.0), (160, 3.0)], 3),
        (3.8, [(0, 3.8), (24, 4.0)], 0),
        (3.8, [(0, 3.8), (24, 4.1)], 3),
        (1.0, [], 0),
    ],
)
def test_stages_of_injury(baseline: float, results: list[tuple[float, float]], stage: int) -> None:
    assert model.injury_stage(baseline, results) == stage
    assert model.injury_stage(baseline, results, dialysis=True) == 3


def test_what_is_out_of_bounds_is_told() -> None:
    with pytest.raises(UsageError, match=r"gfr_ml_min must be a number from 0 to 250 mL/min"):
        CreatinineInputs(-1)
    with pytest.raises(UsageError, match="sex must be"):
        CreatininePatient(70, "x", 50, 1.0)
    for minutes in (-1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="minutes must be"):
            model.advance(MAN, CreatinineState(1, 40), CreatinineInputs(50), minutes)
