"""Warfarin: the label's doses by genotype, a trial of vitamin K, prothrombin complex, stability, bounds."""

import math
from typing import Any

import pytest

from mab_gym.dynamics.physiology._warfarin import (
    Cyp2c9,
    Vkorc1,
    WarfarinInputs,
    WarfarinPatient,
    WarfarinState,
    advance,
    clearance_l_h,
    inr,
    maintenance_dose_mg,
    s_warfarin_mg_l,
    steady,
)
from mab_gym.errors import UsageError

PATIENT = WarfarinPatient(71.0)
STOPPED = WarfarinInputs()

# Label of warfarin (FDA 2010), the doses in mg a day that were found by genotype; columns *1/*1 to *3/*3.
COLUMNS: tuple[Cyp2c9, ...] = ("*1/*1", "*1/*2", "*1/*3", "*2/*2", "*2/*3", "*3/*3")
HIGH, MIDDLE, LOW = (5.0, 7.0), (3.0, 4.0), (0.5, 2.0)
LABEL: dict[Vkorc1, tuple[tuple[float, float], ...]] = {
    "GG": (HIGH, HIGH, MIDDLE, MIDDLE, MIDDLE, LOW),
    "GA": (HIGH, MIDDLE, MIDDLE, MIDDLE, LOW, LOW),
    "AA": (MIDDLE, MIDDLE, LOW, LOW, LOW, LOW),
}


def test_doses_of_the_label() -> None:
    outside = []
    for vkorc1, row in LABEL.items():
        for cyp2c9, (low, high) in zip(COLUMNS, row, strict=True):
            patient = WarfarinPatient(71.0, cyp2c9, vkorc1)
            least, most = (maintenance_dose_mg(patient, target) for target in (2.0, 3.0))
            assert least <= high  # the doses for an INR of 2 to 3 meet the label's interval in all 18
            assert most >= low
            if not low <= round(maintenance_dose_mg(patient, 2.5)) <= high:
                outside.append((vkorc1, cyp2c9))
    assert outside == [("GG", "*1/*1"), ("GG", "*1/*3")]  # in whole mg for 2.5: 8 for 5 to 7, and 5 for 3 to 4


def test_half_life_of_s_warfarin() -> None:
    # Printed: about 32 h for S-warfarin; ours at 71 years 28.5 h.
    half_life = math.log(2) * 14.3 / clearance_l_h(PATIENT)
    assert 25 < half_life < 35


def test_steady_comes_back_and_matches_the_dose() -> None:
    dose = maintenance_dose_mg(PATIENT, 2.5)
    state = steady(PATIENT, dose)
    assert inr(PATIENT, state) == pytest.approx(2.5, abs=0.05)
    after = advance(PATIENT, state, WarfarinInputs(dose), 1440.0)
    assert after.body_mg == pytest.approx(state.body_mg, rel=1e-9)
    assert after.chains == pytest.approx(state.chains, rel=1e-6)


def test_start_takes_days() -> None:
    state, course = WarfarinState(), []
    for _day in range(40):
        state = advance(PATIENT, state, WarfarinInputs(5.0), 1440.0)
        course.append(inr(PATIENT, state))
    assert course[0] < 1.2
    assert course == sorted(course)
    assert course[4] < 2.0 < course[9]
    assert course[-1] == pytest.approx(inr(PATIENT, steady(PATIENT, 5.0)), abs=0.01)


def high_inr(target: float) -> WarfarinState:
    return steady(PATIENT, maintenance_dose_mg(PATIENT, target))


def test_vitamin_k_of_lubetsky() -> None:
    # INR 6 to 10: after 24 h 2.9 (0.8) with 0.5 mg in a vein and 2.6 (0.8) with 2.5 mg by mouth; the vein is faster.
    start = high_inr(7.5)
    course: dict[str, list[float]] = {}
    for name, dose in (
        ("vein", WarfarinInputs(vitamin_k_iv_mg=0.5)),
        ("mouth", WarfarinInputs(vitamin_k_oral_mg=2.5)),
        ("none", STOPPED),
    ):
        state = start
        for part, given in ((360.0, dose), (360.0, STOPPED), (720.0, STOPPED)):
            state = advance(PATIENT, state, given, part)
            course.setdefault(name, []).append(inr(PATIENT, state))
    assert course["vein"][2] == pytest.approx(2.9, abs=0.2)
    assert course["mouth"][2] == pytest.approx(2.6, abs=0.2)
    assert course["vein"][0] < 5 < course["mouth"][0]
    assert course["vein"][1] < 4 < course["mouth"][1]
    assert course["none"][2] > 6


@pytest.mark.parametrize(("start", "dose"), [(2.5, 25.0), (3.9, 25.0), (4.0, 35.0), (5.9, 35.0), (8.0, 50.0)])
def test_prothrombin_complex_by_the_label(start: float, dose: float) -> None:
    state = advance(PATIENT, high_inr(start), WarfarinInputs(complex_u_kg=dose), 30.0)
    assert inr(PATIENT, state) <= 1.5
    later = advance(PATIENT, state, STOPPED, 1440.0)
    assert inr(PATIENT, later) > 1.5  # without vitamin K it comes back
    with_k = WarfarinInputs(complex_u_kg=dose, vitamin_k_iv_mg=10.0)
    assert inr(PATIENT, advance(PATIENT, high_inr(start), with_k, 1440.0)) < 1.5


def test_directions() -> None:
    by_dose = [inr(PATIENT, steady(PATIENT, dose)) for dose in (0.0, 2.0, 5.0, 10.0, 100.0)]
    assert by_dose == sorted(by_dose)
    assert by_dose[0] == pytest.approx(1.0)
    assert by_dose[-1] <= 21.0
    by_age = [inr(WarfarinPatient(age), steady(WarfarinPatient(age), 5.0)) for age in (20.0, 50.0, 90.0)]
    assert by_age == sorted(by_age)
    blocked = WarfarinPatient(71.0, clearance_factor=0.5)
    assert inr(blocked, steady(blocked, 5.0)) > by_dose[2]
    assert s_warfarin_mg_l(steady(blocked, 5.0)) > s_warfarin_mg_l(steady(PATIENT, 5.0))


@pytest.mark.parametrize(
    "given", [WarfarinInputs(10.0), WarfarinInputs(vitamin_k_iv_mg=10.0), WarfarinInputs(5.0, 2.5, 0.0, 25.0)]
)
def test_time_can_be_cut(given: WarfarinInputs) -> None:
    start = steady(PATIENT, 5.0)
    whole = advance(PATIENT, start, given, 60.0)
    for piece in (1.0, 7.5, 20.0):
        cut = advance(PATIENT, start, given, piece)
        for _ in range(round(60 / piece) - 1):
            cut = advance(PATIENT, cut, STOPPED, piece)
        assert cut.chains == pytest.approx(whole.chains, rel=1e-6)
        assert cut.body_mg == pytest.approx(whole.body_mg, rel=1e-9)
        assert inr(PATIENT, cut) == pytest.approx(inr(PATIENT, whole), rel=1e-5)


def test_stable_for_10_000_hours() -> None:
    patient = WarfarinPatient(110.0, "*3/*3", "AA", clearance_factor=0.2, resistance_factor=0.2)
    state = steady(patient, 100.0)
    state = advance(patient, state, WarfarinInputs(100.0, 50.0, 50.0, 100.0), 600_000.0)
    assert math.isfinite(inr(patient, state))
    assert all(0.0 <= content <= 1.0 + 1e-9 for content in state.chains)
    state = advance(patient, state, STOPPED, 600_000.0)  # its half-life is a month
    assert inr(patient, state) == pytest.approx(1.0, abs=0.01)
    assert all(0.0 <= content <= 1.0 + 1e-9 for content in state.chains)


def test_bad_inputs() -> None:
    wrong: Any = "*1/*9"
    half: Any = "G"
    for call in (
        lambda: WarfarinPatient(5.0),
        lambda: WarfarinPatient(60.0, wrong),
        lambda: WarfarinPatient(60.0, "*1/*1", half),
        lambda: advance(PATIENT, WarfarinState(body_mg=math.nan), STOPPED, 1.0),
        lambda: advance(PATIENT, WarfarinState(chains=(1.0,)), STOPPED, 1.0),
        lambda: advance(PATIENT, WarfarinState(), WarfarinInputs(-5.0), 1.0),
        lambda: advance(PATIENT, WarfarinState(), WarfarinInputs(500.0), 1.0),
        lambda: maintenance_dose_mg(PATIENT, 0.5),
        lambda: steady(PATIENT, 5.0, 0.0),
    ):
        with pytest.raises(UsageError, match="must"):
            call()
