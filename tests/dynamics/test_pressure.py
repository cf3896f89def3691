"""Blood pressure: the figures of Law 2003 and Lasserson 2011, exactness in time."""

from __future__ import annotations

from statistics import fmean

import pytest

from mab_gym.dynamics.physiology import _pressure as model
from mab_gym.dynamics.physiology._pressure import PressureInputs, PressurePatient, PressureState
from mab_gym.errors import UsageError

IN_TRIALS = PressurePatient(154, 97)
CLASSES = list(model.STANDARD_FALL)
WEEK = 7 * 24 * 60


def mean_fall(patient: PressurePatient, dose: float) -> tuple[float, float]:
    falls = [model.full_fall(patient, PressureInputs({drug: dose})) for drug in CLASSES]
    return fmean(fall[0] for fall in falls), fmean(fall[1] for fall in falls)


@pytest.mark.parametrize(("dose", "printed"), [(1, (9.1, 5.5)), (0.5, (7.1, 4.4))])
def test_the_mean_of_all_classes_is_as_printed(dose: float, printed: tuple[float, float]) -> None:
    found = mean_fall(IN_TRIALS, dose)
    assert (round(found[0], 1), round(found[1], 1)) == printed


def test_a_higher_pressure_falls_more_as_printed() -> None:
    low, high = (mean_fall(PressurePatient(s, d), 1) for s, d in ((144, 87), (154, 97)))
    assert high[0] - low[0] == pytest.approx(1.0)
    assert high[1] - low[1] == pytest.approx(1.1)


def test_three_drugs_at_half_dose_do_what_is_printed() -> None:
    """Law 2003, abstract: from 150/90 mmHg, 20 and 11 mmHg; here with drugs of mean effect."""
    systolic, diastolic = mean_fall(PressurePatient(150, 90), 0.5)
    assert (round(3 * systolic), round(3 * diastolic)) == (20, 11)
    three = model.full_fall(PressurePatient(150, 90), PressureInputs(dict.fromkeys(CLASSES[:3], 0.5)))
    assert three[0] == pytest.approx(20, abs=1)
    assert three[1] == pytest.approx(11, abs=1)


def test_half_of_the_effect_comes_in_the_printed_weeks() -> None:
    inputs = PressureInputs({"ace_inhibitor": 1})
    state = model.advance(IN_TRIALS, PressureState(), inputs, 0.91 * WEEK)
    assert state.systolic_fall == pytest.approx(8.5 / 2)
    state = model.advance(IN_TRIALS, PressureState(), inputs, 0.95 * WEEK)
    assert state.diastolic_fall == pytest.approx(4.7 / 2)


def test_a_larger_dose_does_more_and_stopping_undoes_it() -> None:
    falls = [mean_fall(IN_TRIALS, dose)[0] for dose in (0, 0.1, 0.49, 0.5, 1, 2, 4)]
    assert falls == sorted(falls)
    assert falls[0] == 0
    on = model.steady(IN_TRIALS, PressureInputs({"thiazide": 1}))
    off = model.advance(IN_TRIALS, on, PressureInputs(), 20 * WEEK)
    assert model.systolic(IN_TRIALS, off) == pytest.approx(154, abs=0.01)
    assert model.systolic(IN_TRIALS, on, 3) == pytest.approx(154 - 8.8 + 3)
    assert model.diastolic(IN_TRIALS, on) == pytest.approx(97 - 4.4)


def test_time_may_be_cut_anywhere() -> None:
    inputs = PressureInputs({"beta_blocker": 2, "calcium_channel_blocker": 0.5})
    whole, cut = model.advance(IN_TRIALS, PressureState(), inputs, 60), PressureState()
    for _ in range(60):
        cut = model.advance(IN_TRIALS, cut, inputs, 1)
    assert cut.systolic_fall == pytest.approx(whole.systolic_fall, rel=1e-9)


def test_the_strongest_treatment_of_the_lowest_pressure_stays_finite() -> None:
    for patient in (PressurePatient(80, 40), PressurePatient(260, 160)):
        state = model.advance(patient, PressureState(), PressureInputs(dict.fromkeys(CLASSES, 4)), 600_000)
        assert model.systolic(patient, state) >= 50
        assert model.diastolic(patient, state) >= 30


def test_what_is_out_of_bounds_is_told() -> None:
    with pytest.raises(UsageError, match="no class of drugs"):
        PressureInputs({"aspirin": 1})
    with pytest.raises(UsageError, match="the dose of thiazide must be"):
        PressureInputs({"thiazide": 5})
    with pytest.raises(UsageError, match="diastolic_mmhg must be"):
        PressurePatient(100, 120)
