"""Heparin: published half-lives, the nomogram row by row, stability, bounds."""

import math

import pytest

from mab_gym.dynamics.physiology._heparin import (
    HeparinInputs,
    HeparinPatient,
    HeparinState,
    NomogramStep,
    advance,
    anti_xa_u_ml,
    aptt_s,
    protamine_dose_mg,
    raschke,
    rate_after,
    steady,
)
from mab_gym.errors import UsageError

PATIENT = HeparinPatient(70.0)


def minutes_to_an_eighth(dose: float) -> float:
    state, minutes = HeparinState(dose), 0.0
    while state.amount_u_kg > dose / 8:
        state, minutes = advance(PATIENT, state, HeparinInputs(), 0.5), minutes + 0.5
    return minutes


@pytest.mark.parametrize(("dose", "printed"), [(25.0, 30.0), (100.0, 60.0), (400.0, 150.0)])
def test_half_life_grows_with_the_dose(dose: float, printed: float) -> None:
    assert minutes_to_an_eighth(dose) / 3 == pytest.approx(printed, abs=0.5)


@pytest.mark.parametrize(
    ("aptt", "bolus", "hold", "change"),
    [
        (20.0, 80.0, 0.0, 4.0),
        (34.0, 80.0, 0.0, 4.0),
        (35.0, 40.0, 0.0, 2.0),
        (45.0, 40.0, 0.0, 2.0),
        (46.0, 0.0, 0.0, 0.0),
        (70.0, 0.0, 0.0, 0.0),
        (71.0, 0.0, 0.0, -2.0),
        (90.0, 0.0, 0.0, -2.0),
        (91.0, 0.0, 60.0, -3.0),
        (200.0, 0.0, 60.0, -3.0),
    ],
)
def test_each_row_of_the_nomogram(aptt: float, bolus: float, hold: float, change: float) -> None:
    assert raschke(aptt) == NomogramStep(bolus, hold, change)


def test_between_the_rows_whole_seconds_count() -> None:
    assert raschke(34.4) == raschke(34.0)
    assert raschke(45.5) == raschke(46.0)
    assert raschke(90.49) == raschke(90.0)
    assert rate_after(2.0, raschke(120.0)) == 0.0
    assert rate_after(18.0, raschke(30.0)) == 22.0


def test_therapeutic_bounds_of_the_aptt() -> None:
    # 1.5 to 2.3 times control is 46 to 70 s (Raschke 1993), held to be 0.3 to 0.7 U/mL: ours are 46.2 and 67.8 s.
    assert aptt_s(PATIENT, HeparinState(0.3 * 40)) == pytest.approx(46.2)
    assert aptt_s(PATIENT, HeparinState(0.7 * 40)) == pytest.approx(67.8)
    assert aptt_s(PATIENT, HeparinState()) == 30.0
    assert aptt_s(PATIENT, HeparinState(4000.0)) == 200.0


def test_the_usual_start_ends_in_the_range() -> None:
    state = advance(PATIENT, HeparinState(), HeparinInputs(18.0, bolus_u_kg=80.0), 360.0)
    assert 46 <= aptt_s(PATIENT, state) <= 70
    assert 0.3 <= anti_xa_u_ml(steady(PATIENT, 18.0)) <= 0.7


@pytest.mark.parametrize("rate", [0.0, 5.0, 18.0, 30.0, 36.0, 40.0, 200.0])
def test_steady_stays(rate: float) -> None:
    for factor in (0.3, 1.0, 3.0):
        patient = HeparinPatient(70.0, clearance_factor=factor)
        state = steady(patient, rate)
        after = advance(patient, state, HeparinInputs(rate), 600.0)
        assert after.amount_u_kg == pytest.approx(state.amount_u_kg, rel=1e-6)


@pytest.mark.parametrize(("start", "rate"), [(0.0, 18.0), (80.0, 18.0), (400.0, 0.0), (1.0, 0.0)])
def test_time_can_be_cut(start: float, rate: float) -> None:
    for factor in (0.3, 1.0, 3.0):
        patient = HeparinPatient(70.0, clearance_factor=factor)
        whole = advance(patient, HeparinState(start), HeparinInputs(rate), 60.0).amount_u_kg
        for piece in (1.0, 7.5, 20.0):
            cut = HeparinState(start)
            for _ in range(round(60 / piece)):
                cut = advance(patient, cut, HeparinInputs(rate), piece)
            assert cut.amount_u_kg == pytest.approx(whole, rel=1e-6, abs=1e-6)


def test_stable_for_10_000_hours() -> None:
    state = advance(PATIENT, HeparinState(5.0), HeparinInputs(18.0), 600_000.0)
    assert state.amount_u_kg == pytest.approx(steady(PATIENT, 18.0).amount_u_kg, rel=1e-9)
    assert math.isfinite(advance(PATIENT, HeparinState(5000.0), HeparinInputs(), 6_000.0).amount_u_kg)


def test_more_heparin_a_longer_aptt_and_protamine_ends_it() -> None:
    by_rate = [aptt_s(PATIENT, steady(PATIENT, rate)) for rate in (6.0, 12.0, 18.0, 24.0)]
    assert by_rate == sorted(by_rate)
    state = HeparinState(30.0)
    dose = protamine_dose_mg(PATIENT, state)
    assert dose == pytest.approx(21.0)
    assert advance(PATIENT, state, HeparinInputs(protamine_mg=dose), 0.0).amount_u_kg == pytest.approx(0.0, abs=1e-9)
    half = advance(PATIENT, state, HeparinInputs(protamine_mg=dose / 2), 0.0)
    assert half.amount_u_kg == pytest.approx(15.0)
    assert protamine_dose_mg(PATIENT, HeparinState(400.0)) == 50.0


def test_bad_inputs() -> None:
    for call in (
        lambda: HeparinPatient(1.0),
        lambda: HeparinPatient(70.0, clearance_factor=0.0),
        lambda: advance(PATIENT, HeparinState(math.inf), HeparinInputs(), 1.0),
        lambda: advance(PATIENT, HeparinState(), HeparinInputs(-1.0), 1.0),
        lambda: advance(PATIENT, HeparinState(), HeparinInputs(bolus_u_kg=80_000.0), 1.0),
        lambda: advance(PATIENT, HeparinState(), HeparinInputs(), math.nan),
        lambda: raschke(0.0),
        lambda: steady(PATIENT, -1.0),
    ):
        with pytest.raises(UsageError, match="must be a number from"):
            call()
