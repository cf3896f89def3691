"""Vancomycin: Matzke 1984's figures, exactness, bounds."""

import math

import pytest

from mab_gym.dynamics.physiology._vancomycin import (
    VancomycinInputs,
    VancomycinPatient,
    VancomycinState,
    advance,
    auc24_on_target,
    clearance_l_h,
    cockcroft_gault,
    concentration_mg_l,
    half_life_h,
    steady,
    steady_auc24,
    volume_l,
)
from mab_gym.errors import UsageError

PATIENT = VancomycinPatient(70.0, 80.0)


# Matzke 1984, abstract: mean clearance (mL/min) and half-life (h) of those with a CrCl within two bounds (mL/min).
GROUPS = ((62.7, 9.1, 60.0, 250.0), (28.3, 32.3, 10.0, 60.0), (4.87, 146.7, 0.0, 10.0))


def test_matzke_line() -> None:
    assert clearance_l_h(VancomycinPatient(70.0, 0.0)) / 0.06 == pytest.approx(3.66)
    assert clearance_l_h(VancomycinPatient(70.0, 100.0)) / 0.06 == pytest.approx(72.56)
    for clearance, _half_life, low, high in GROUPS:
        at_bounds = [clearance_l_h(VancomycinPatient(70.0, crcl)) / 0.06 for crcl in (low, high)]
        assert at_bounds[0] < clearance < at_bounds[1]


def test_half_lives_of_matzkes_groups() -> None:
    # At the printed mean clearance of each group and 70 kg: 9.0, 20 and 116 h. A mean of half-lives lies above the
    # half-life of the mean clearance, the more the wider the group: only the first is close.
    ours = [half_life_h(VancomycinPatient(70.0, (clearance - 3.66) / 0.689)) for clearance, *_rest in GROUPS]
    assert ours[0] == pytest.approx(9.1, abs=0.15)
    assert 0.6 < ours[1] / 32.3 < 1.0
    assert 0.75 < ours[2] / 146.7 < 1.0


def test_cockcroft_gault() -> None:
    assert cockcroft_gault(60.0, 72.0, 1.0, "male") == pytest.approx(80.0)
    assert cockcroft_gault(60.0, 72.0, 1.0, "female") == pytest.approx(68.0)


def test_peak_trough_and_area_in_the_steady_state() -> None:
    state = trough = steady(PATIENT, 1000.0, 1.0, 12.0)
    peak = advance(PATIENT, state, VancomycinInputs(1000.0), 60.0)
    end = advance(PATIENT, peak, VancomycinInputs(), 660.0)
    assert end.amount_mg == pytest.approx(trough.amount_mg, rel=1e-12)
    assert concentration_mg_l(PATIENT, peak) > concentration_mg_l(PATIENT, trough)
    assert 2 * end.auc_mg_h_l == pytest.approx(steady_auc24(PATIENT, 2000.0), rel=1e-12)
    assert auc24_on_target(steady_auc24(PATIENT, 2000.0))
    assert not auc24_on_target(steady_auc24(PATIENT, 1000.0))
    assert not auc24_on_target(steady_auc24(PATIENT, 2000.0), mic_mg_l=2.0)


def test_area_is_the_integral() -> None:
    state = VancomycinState()
    total = 0.0
    for _ in range(6000):  # trapezia of 0.1 min
        after = advance(PATIENT, state, VancomycinInputs(1000.0), 0.1)
        total += (state.amount_mg + after.amount_mg) / 2 / volume_l(PATIENT) * 0.1 / 60
        state = after
    assert state.auc_mg_h_l == pytest.approx(total, rel=1e-6)


def test_time_can_be_cut() -> None:
    cut = VancomycinState(300.0)
    for _ in range(60):
        cut = advance(PATIENT, cut, VancomycinInputs(500.0), 1.0)
    whole = advance(PATIENT, VancomycinState(300.0), VancomycinInputs(500.0), 60.0)
    assert cut.amount_mg == pytest.approx(whole.amount_mg, rel=1e-12)
    assert cut.auc_mg_h_l == pytest.approx(whole.auc_mg_h_l, rel=1e-9)


@pytest.mark.parametrize("patient", [VancomycinPatient(30.0, 0.0), VancomycinPatient(300.0, 250.0)])
def test_stable_for_10_000_hours(patient: VancomycinPatient) -> None:
    state = advance(patient, VancomycinState(), VancomycinInputs(100.0), 600_000.0)
    assert math.isfinite(state.auc_mg_h_l)
    assert state.amount_mg <= 100.0 * volume_l(patient) / clearance_l_h(patient) * (1 + 1e-12)
    assert advance(patient, state, VancomycinInputs(), 600_000.0).amount_mg == pytest.approx(0.0, abs=1e-3)


def test_worse_kidneys_keep_more() -> None:
    after = [
        advance(VancomycinPatient(70.0, crcl), VancomycinState(1000.0), VancomycinInputs(), 720.0).amount_mg
        for crcl in (120.0, 60.0, 15.0, 0.0)
    ]
    assert after == sorted(after)


def test_bad_inputs() -> None:
    for call in (
        lambda: VancomycinPatient(5.0, 80.0),
        lambda: VancomycinPatient(70.0, math.nan),
        lambda: advance(PATIENT, VancomycinState(-1.0), VancomycinInputs(), 1.0),
        lambda: advance(PATIENT, VancomycinState(), VancomycinInputs(1e9), 1.0),
        lambda: advance(PATIENT, VancomycinState(), VancomycinInputs(), -1.0),
        lambda: steady(PATIENT, 1000.0, 13.0, 12.0),
        lambda: cockcroft_gault(200.0, 70.0, 1.0, "male"),
    ):
        with pytest.raises(UsageError, match="must be a number from"):
            call()
