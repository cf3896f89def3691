"""Bodies of the ward: vancomycin and kidneys, sodium and water, red cells; and limits of what is drunk."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mab_gym.dynamics._body import CONTINUOUS, Body, Dose
from mab_gym.dynamics._ward import fluid_limit
from mab_gym.dynamics.bodies import (
    BloodBody,
    BloodCase,
    SodiumBody,
    SodiumCase,
    VancomycinBody,
    VancomycinCase,
)
from mab_gym.dynamics.physiology._sodium import change_per_litre
from mab_gym.dynamics.physiology._vancomycin import cockcroft_gault
from mab_gym.tasking.stay import StayEvent

ILL = VancomycinCase(80, 80, female=False, age=60, creatinine=1.0)
FAILS = VancomycinCase(80, 80, female=False, age=60, creatinine=1.0, kidneys=[[600, 1.0], [1080, 0.35]])
DRY = SodiumCase(70, 0.5, 116, water_l=-1, urine_mosm=450, refill_l=1.2, drinks_l=2.0, eats=0.2)
WET = SodiumCase(70, 0.5, 116, water_l=3.2, urine_mosm=620, drinks_l=2.3)
PALE = BloodCase(70, 172, female=False, haemoglobin=6.4)
DAY = 1440


def iv(drug: str, amount: float, unit: str, minutes: float, order: str = "MedicationRequest/1") -> Dose:
    return Dose(order, drug, amount, unit, "iv", minutes)


def saline(rate: float) -> Dose:
    return iv("sodium chloride", rate, "mL", CONTINUOUS)


def sodium(body: SodiumBody) -> float:
    found = body.measure("sodium")
    assert found is not None
    return found


def kinds(events: list[StayEvent]) -> list[str]:
    return [event.kind for event in events]


@pytest.mark.parametrize(
    ("make", "dose"),
    [
        (lambda: VancomycinBody(FAILS), iv("vancomycin", 2000, "mg", 120)),
        (lambda: SodiumBody(DRY), saline(125)),
        (lambda: SodiumBody(WET), Dose("MedicationRequest/2", "urea", 30, "g", "oral")),
        (lambda: BloodBody(PALE), iv("red cells", 1, "{unit}", 150)),
        (lambda: BloodBody(BloodCase(70, 172, False, 7.5, bleeds_at=300, bleeds_ml=1100)), saline(100)),
    ],
)
def test_cuts_of_time_and_looking_change_nothing(make: Callable[[], Body], dose: Dose) -> None:
    whole, cut = make(), make()
    for body in (whole, cut):
        body.advance(7)
        body.give(dose)
    events = list(whole.advance(DAY))
    found: list[StayEvent] = []
    for minutes in (1, 2, 3, 14, 400, 1, 20, 999):
        found += cut.advance(minutes)
        cut.truth()
    assert found == events
    assert cut.truth() == pytest.approx(dict(whole.truth()), rel=1e-6)


def test_vancomycin_of_a_day_has_the_area_of_dose_over_clearance() -> None:
    body = VancomycinBody(ILL)
    for _ in range(14):
        body.give(iv("vancomycin", 1000, "mg", 60))
        body.advance(720)
    before = body.truth()["auc"]
    body.give(iv("vancomycin", 1000, "mg", 60))
    body.advance(720)
    clearance = (0.689 * cockcroft_gault(60, 80, 1.0, "male") + 3.66) * 0.06  # Matzke 1984
    assert body.truth()["auc"] - before == pytest.approx(1000 / clearance, rel=0.01)


def test_failing_kidneys_keep_vancomycin_and_raise_creatinine() -> None:
    well, failing = VancomycinBody(ILL), VancomycinBody(FAILS)
    for body in (well, failing):
        body.give(iv("vancomycin", 2000, "mg", 120))
        body.advance(DAY)
    assert (well.measure("creatinine") or 0) == pytest.approx(1.0)
    assert (failing.measure("creatinine") or 0) >= 1.3
    assert (failing.measure("vancomycin") or 0) > 1.2 * (well.measure("vancomycin") or 0)


def test_nephrotoxic_drugs_harm_kidneys_that_fail_already() -> None:
    def last(drug: str, case: VancomycinCase) -> float:
        body = VancomycinBody(case)
        for _ in range(6):
            body.advance(480)
            body.give(Dose("MedicationRequest/3", drug, 600, "mg", "oral"))
        return body.truth()["gfr"]

    assert last("ibuprofen", FAILS) < last("acetaminophen", FAILS)
    assert last("ibuprofen", ILL) == last("acetaminophen", ILL)


def test_too_much_vancomycin_for_days_ends_the_kidneys() -> None:
    body = VancomycinBody(ILL)
    events: list[StayEvent] = []
    for _ in range(12):
        body.give(iv("vancomycin", 3000, "mg", 180))
        events += body.advance(720)
    assert kinds(events) == ["kidney_failure"]
    assert events[0].harm


def test_hypertonic_saline_raises_sodium_as_the_formula_says() -> None:
    body = SodiumBody(WET)
    for _ in range(3):
        body.give(iv("sodium chloride 3%", 150, "mL", 20))
        body.advance(20)
    expected = 0.45 * change_per_litre(0.5 * 70 + 3.2, 116, 513)  # Adrogué and Madias 2000
    assert sodium(body) - 116 == pytest.approx(expected, rel=0.1)


def test_saline_lowers_sodium_where_water_is_held_and_raises_it_where_it_is_not() -> None:
    wet, dry = SodiumBody(WET), SodiumBody(DRY)
    told: list[StayEvent] = []
    for body in (wet, dry):
        body.give(saline(125))
        told += body.advance(DAY)
    assert sodium(wet) < 116
    assert sodium(dry) > 128
    assert {"thin_urine", "demyelination"} <= set(kinds(told))


def test_desmopressin_stops_a_rise_and_dextrose_turns_it() -> None:
    values = []
    for rescue in ((), ("desmopressin",), ("desmopressin", "dextrose 5%")):
        body = SodiumBody(DRY)
        body.give(saline(125))
        body.advance(11 * 60)
        body.stop("MedicationRequest/1")
        if "desmopressin" in rescue:
            body.give(iv("desmopressin", 2, "ug", 0, "MedicationRequest/2"))
        if "dextrose 5%" in rescue:
            body.give(iv("dextrose 5%", 10.5, "g", CONTINUOUS, "MedicationRequest/3"))
        before = sodium(body)
        body.advance(4 * 60)
        values.append(sodium(body) - before)
    assert values[0] > 3
    assert abs(values[1]) < 0.5
    assert values[2] < -1


def test_a_limit_of_drinking_raises_sodium_where_water_is_held() -> None:
    free, held = SodiumBody(WET), SodiumBody(WET)
    held.give(Dose("fluid limit", "fluid limit", 1000, "mL", "oral", CONTINUOUS))
    for body in (free, held):
        body.advance(DAY)
    assert abs(sodium(free) - 116) < 1
    assert 3 < sodium(held) - 116 < 7


def test_a_seizure_without_treatment_comes_again() -> None:
    seized = SodiumCase(70, 0.5, 112, water_l=3.2, urine_mosm=620, drinks_l=2.3, seizes=True, signs_end=2.5)
    assert kinds(list(SodiumBody(seized).advance(DAY))) == ["second_seizure"]
    body = SodiumBody(seized)
    events: list[StayEvent] = []
    for _ in range(3):
        body.give(iv("sodium chloride 3%", 150, "mL", 20))
        events += body.advance(30)
    assert kinds(events) == ["awake"]


def test_a_unit_raises_haemoglobin_by_about_one() -> None:
    body = BloodBody(PALE)
    body.give(iv("red cells", 1, "{unit}", 150))
    body.advance(DAY)
    assert (body.measure("haemoglobin") or 0) - 6.4 == pytest.approx(1.0, abs=0.2)


def test_bleeding_lowers_haemoglobin_over_hours_and_is_told() -> None:
    body = BloodBody(BloodCase(70, 172, False, 7.5, bleeds_at=300, bleeds_ml=1100))
    events = list(body.advance(345 + 15))
    at_once = body.measure("haemoglobin") or 0
    events += body.advance(12 * 60)
    assert kinds(events) == ["bleeding"]
    assert at_once > 7.2
    assert (body.measure("haemoglobin") or 0) < 6.9


def test_a_quick_unit_overloads_somebody_frail_and_nobody_else() -> None:
    for frail, expected in ((True, ["overload"]), (False, [])):
        body = BloodBody(BloodCase(70, 172, False, 6.4, frail=frail))
        assert kinds(list(body.give(iv("red cells", 1, "{unit}", 60)))) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fluid restriction 1000 mL/day", 1000),
        ("Fluid restriction: 1 L per day", 1000),
        ("Restrict oral fluids to 1.2 liters daily", 1200),
        ("limit fluid intake 1,500 ml/24h", 1500),
        ("1000 mL of fluid a day", None),
        ("fluid restriction", None),
        ("regular diet", None),
    ],
)
def test_limits_of_drinking_are_read_from_words(words: str, expected: float | None) -> None:
    assert fluid_limit(words) == expected
