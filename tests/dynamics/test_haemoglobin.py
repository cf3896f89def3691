"""Haemoglobin: Nadler's volumes, a unit's rise, a donation's recovery, dilution, stability, bounds."""

import math
from dataclasses import replace
from typing import Any

import pytest

from mab_gym.dynamics.physiology._haemoglobin import (
    BloodInputs,
    BloodPatient,
    BloodState,
    Iron,
    advance,
    blood_volume_ml,
    haematocrit,
    haemoglobin_g_dl,
    reticulocytes_percent,
    steady,
    volume_lost,
    volume_ml,
)
from mab_gym.errors import UsageError

MAN = BloodPatient("male", 1.75, 70.0)
WOMAN = BloodPatient("female", 1.65, 60.0, 13.0)
REST = BloodInputs()
DAY = 1440.0


def test_nadler() -> None:
    # By hand: 0.3669 × 5.359 + 0.03219 × 70 + 0.6041 = 4.824 L; 0.3561 × 4.492 + 0.03308 × 60 + 0.1833 = 3.768 L.
    assert blood_volume_ml(MAN) == pytest.approx(4824, abs=1)
    assert blood_volume_ml(WOMAN) == pytest.approx(3768, abs=1)


def test_a_unit_gives_one_gram() -> None:
    # Printed: about 1 g/dL, or 3 points of haematocrit, in an adult of 70 kg who does not bleed.
    start = steady(replace(MAN, usual_haemoglobin_g_dl=7.0))
    patient = replace(MAN, usual_haemoglobin_g_dl=7.0)
    after = advance(patient, start, BloodInputs(red_cells_ml_min=2.5), 120.0)
    assert 0.5 < haemoglobin_g_dl(after) - 7.0 < 1.0  # the unit's water is still there
    day_later = advance(patient, after, REST, DAY)
    assert haemoglobin_g_dl(day_later) - 7.0 == pytest.approx(1.0, abs=0.1)
    assert haematocrit(day_later) - haematocrit(start) == pytest.approx(0.03, abs=0.005)
    big = replace(patient, weight_kg=140.0)
    rise = haemoglobin_g_dl(advance(big, steady(big), BloodInputs(red_cells_ml_min=2.5), 120.0)) - 7.0
    assert rise < haemoglobin_g_dl(after) - 7.0


@pytest.mark.parametrize(("iron", "days"), [("given", 31.0), ("stores", 78.0), ("deficient", 158.0)])
def test_a_donation_comes_back(iron: Iron, days: float) -> None:
    # Kiss 2015, abstract: 80 % of the loss is back after 31 (IQR 29 to 33), 78 (66 to 95) and 158 (126 to > 168) days.
    patient = replace(MAN, iron=iron)
    start = steady(patient)
    state = advance(patient, start, BloodInputs(bleeding_ml_min=50.0), 10.0)
    lost = start.haemoglobin_g - state.haemoglobin_g
    assert lost == pytest.approx(67, abs=3)
    early = advance(patient, state, REST, (days - 1.0) * DAY)
    late = advance(patient, state, REST, (days + 1.0) * DAY)
    assert 1 - (start.haemoglobin_g - early.haemoglobin_g) / lost < 0.8
    assert 1 - (start.haemoglobin_g - late.haemoglobin_g) / lost > 0.8


def test_reticulocytes_rise_and_fall_over_weeks() -> None:
    patient = replace(MAN, iron="given")
    state = advance(patient, steady(patient), BloodInputs(bleeding_ml_min=30.0), 50.0)
    course = [reticulocytes_percent(patient, state)]
    for _day in range(60):
        state = advance(patient, state, REST, DAY)
        course.append(reticulocytes_percent(patient, state))
    assert course[0] < 1.3
    assert 4 <= course.index(max(course)) <= 12
    assert max(course) > 2
    assert course[-1] < 1.1


def test_bleeding_shows_only_when_water_comes() -> None:
    start = steady(MAN)
    bled = advance(MAN, start, BloodInputs(bleeding_ml_min=50.0), 20.0)
    assert haemoglobin_g_dl(bled) == pytest.approx(14.0, abs=0.1)
    assert volume_lost(MAN, bled) == pytest.approx(1000 / 4824, abs=0.01)
    later = advance(MAN, bled, REST, 2 * DAY)
    assert haemoglobin_g_dl(later) == pytest.approx(14.0 * (1 - 0.206), abs=0.3)
    assert abs(volume_lost(MAN, later)) < 0.01
    resuscitated = advance(MAN, bled, BloodInputs(crystalloid_ml_min=50.0), 40.0)
    assert haemoglobin_g_dl(resuscitated) < haemoglobin_g_dl(advance(MAN, bled, REST, 40.0)) - 0.5


def test_crystalloid_stays_for_a_while() -> None:
    # Hahn 2020: 50 to 60 % stays while it runs, 15 to 20 % 30 minutes after; ours at the end of 30 minutes 48, then 20.
    start = steady(MAN)
    at_end = advance(MAN, start, BloodInputs(crystalloid_ml_min=1000 / 30), 30.0)
    after = advance(MAN, at_end, REST, 30.0)
    assert (volume_ml(at_end) - volume_ml(start)) / 1000 == pytest.approx(0.5, abs=0.05)
    assert (volume_ml(after) - volume_ml(start)) / 1000 == pytest.approx(0.19, abs=0.03)
    assert haemoglobin_g_dl(at_end) < haemoglobin_g_dl(after) < 14.0


@pytest.mark.parametrize(
    "inputs", [REST, BloodInputs(bleeding_ml_min=20.0), BloodInputs(10.0, 30.0, 5.0), BloodInputs(0.0, 100.0, 10.0)]
)
def test_time_can_be_cut(inputs: BloodInputs) -> None:
    start = advance(MAN, steady(MAN, 9.0), BloodInputs(crystalloid_ml_min=50.0), 10.0)
    whole = advance(MAN, start, inputs, 60.0)
    for piece in (1.0, 7.5, 20.0):
        cut = start
        for _ in range(round(60 / piece)):
            cut = advance(MAN, cut, inputs, piece)
        assert haemoglobin_g_dl(cut) == pytest.approx(haemoglobin_g_dl(whole), rel=1e-6)
        assert volume_ml(cut) == pytest.approx(volume_ml(whole), rel=1e-6)
        assert cut.marrow_g == pytest.approx(whole.marrow_g, rel=1e-6, abs=1e-6)


def test_stable_for_10_000_hours() -> None:
    for patient in (MAN, WOMAN, replace(MAN, iron="given")):
        state = advance(patient, steady(patient, 4.0), REST, 600_000.0)
        assert haemoglobin_g_dl(state) == pytest.approx(patient.usual_haemoglobin_g_dl, rel=0.02)
        assert steady(patient).haemoglobin_g == pytest.approx(
            advance(patient, steady(patient), REST, 600_000.0).haemoglobin_g, rel=1e-9
        )
    dry = advance(MAN, steady(MAN), BloodInputs(bleeding_ml_min=200.0), 1440.0)
    assert math.isfinite(haemoglobin_g_dl(dry))
    assert volume_ml(dry) > 0


def test_bad_inputs() -> None:
    wrong: Any = "other"
    for call in (
        lambda: BloodPatient(wrong, 1.7, 70.0),
        lambda: BloodPatient("male", 1.7, 70.0, iron=wrong),
        lambda: BloodPatient("male", 170.0, 70.0),
        lambda: steady(MAN, 0.0),
        lambda: advance(MAN, BloodState(math.nan, 5000.0), REST, 1.0),
        lambda: advance(MAN, BloodState(700.0, 5000.0, marrow_g=()), REST, 1.0),
        lambda: advance(MAN, steady(MAN), BloodInputs(-1.0), 1.0),
        lambda: advance(MAN, steady(MAN), BloodInputs(0.0, 1e6), 1.0),
        lambda: advance(MAN, steady(MAN), REST, math.inf),
    ):
        with pytest.raises(UsageError, match="must"):
            call()
