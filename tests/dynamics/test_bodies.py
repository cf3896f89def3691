"""Bodies at a bedside: cuts of time change nothing, doses do what they do, and harm is told once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mab_gym.dynamics._body import CONTINUOUS, Body, Dose
from mab_gym.dynamics.bodies import (
    ElectrolyteBody,
    ElectrolyteCase,
    GlucoseBody,
    GlucoseCase,
    HeparinBody,
    HeparinCase,
)
from mab_gym.tasking.stay import StayEvent

LOW = ElectrolyteCase(
    75, female=False, age=66, creatinine=1.0, potassium=2.9, magnesium=1.3, kidneys=((600, 1.0), (900, 0.2)),
    lost_potassium=1.5, lost_magnesium=0.03,
)  # fmt: skip
CLOT = HeparinCase(80, female=True, height_cm=168)
SWEET = GlucoseCase(90, glucose=240, sensitivity=0.3, own_insulin=0.2, meals=((30, 60), (270, 60), (600, 60)))
DAY = 1440


def iv(drug: str, amount: float, unit: str, minutes: float, order: str = "MedicationRequest/1") -> Dose:
    return Dose(order, drug, amount, unit, "iv", minutes)


def oral(milliequivalents: float) -> Dose:
    return Dose("MedicationRequest/2", "potassium chloride", milliequivalents, "meq", "oral")


def units(drug: str, amount: float) -> Dose:
    return Dose("MedicationRequest/3", drug, amount, "[iU]", "sc")


def kinds(events: list[StayEvent]) -> list[str]:
    return [event.kind for event in events]


def a_day(body: Body, hours: int, dose: Dose | None, times: int = 1) -> list[StayEvent]:
    """Gives a dose every so many hours, and returns what happened."""
    events: list[StayEvent] = []
    for _ in range(times):
        events += body.give(dose) if dose is not None else ()
        events += body.advance(60 * hours)
    return events


@pytest.mark.parametrize(
    ("make", "dose"),
    [
        (lambda: ElectrolyteBody(LOW), iv("potassium chloride", 20, "meq", 125)),
        (lambda: HeparinBody(CLOT), iv("heparin", 1400, "[iU]", CONTINUOUS)),
        (lambda: GlucoseBody(SWEET), units("insulin glargine", 24)),
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
        cut.vital_signs()
    assert cut.minute == whole.minute == DAY + 7
    assert cut.truth() == whole.truth()
    assert found == events


def test_potassium_rises_by_mouth_and_vein_and_magnesium_with_its_sulfate() -> None:
    untreated, mouth, vein = ElectrolyteBody(LOW), ElectrolyteBody(LOW), ElectrolyteBody(LOW)
    mouth.give(oral(40))
    vein.give(iv("potassium chloride", 40, "meq", 240))
    vein.give(iv("Magnesium_Sulfate", 2, "g", 120, "MedicationRequest/9"))
    for body in (untreated, mouth, vein):
        assert body.advance(240) == []
    levels = [body.truth()["potassium"] for body in (untreated, mouth, vein)]
    assert levels[0] < levels[1] - 0.2
    assert levels[0] < levels[2] - 0.2
    assert vein.truth()["magnesium"] > untreated.truth()["magnesium"] + 0.2


def test_failing_kidneys_raise_creatinine_and_then_too_much_potassium_harms() -> None:
    body = ElectrolyteBody(LOW)
    events = a_day(body, 3, oral(60), 20)
    assert body.truth()["creatinine"] >= LOW.creatinine + 0.3
    assert body.truth()["gfr"] == pytest.approx(0.2 * ElectrolyteBody(LOW).gfr)
    assert kinds(events) == ["peaked_t_waves", "bradycardia"]
    assert [event.harm for event in events] == [False, True]
    assert body.vital_signs()["pulse"] < 50


def test_untreated_potassium_that_falls_harms_and_quick_infusions_do() -> None:
    sick = replace(LOW, potassium=2.6, magnesium=0.9, lost_potassium=3.0, kidneys=())
    assert kinds(list(ElectrolyteBody(sick).advance(2 * DAY))) == ["ventricular_arrhythmia"]
    body = ElectrolyteBody(LOW)
    assert kinds(list(body.give(iv("potassium chloride", 20, "meq", 60)))) == ["phlebitis"]
    assert kinds(list(body.give(iv("potassium chloride", 20, "meq", 10)))) == ["arrhythmia_by_infusion"]
    assert kinds(list(body.give(iv("magnesium sulfate", 2, "g", 5)))) == ["fall_in_pressure"]
    assert body.vital_signs()["systolic"] < 90


def test_heparin_by_weight_is_in_range_and_none_or_too_much_harms() -> None:
    body = HeparinBody(CLOT)
    body.give(iv("heparin", 80 * 80, "[iU]", 0))
    body.give(iv("heparin", 18 * 80, "[iU]", CONTINUOUS))
    assert body.advance(DAY) == []
    assert 46 <= body.truth()["aptt"] <= 70
    body.stop("MedicationRequest/1")
    body.advance(360)
    assert body.truth()["aptt"] == pytest.approx(CLOT.aptt, abs=1)
    assert kinds(list(HeparinBody(CLOT).advance(DAY))) == ["embolism"]
    drowned = HeparinBody(CLOT)
    drowned.give(iv("heparin", 34 * 80, "[iU]", CONTINUOUS))
    assert kinds(list(drowned.advance(DAY))) == ["bruising", "major_bleeding"]
    drowned.advance(DAY)
    assert drowned.truth()["haemoglobin"] < CLOT.haemoglobin - 1


def test_a_later_dose_of_an_infusion_changes_its_rate_and_protamine_ends_it() -> None:
    body = HeparinBody(CLOT)
    for rate in (1400, 1000):
        body.give(iv("heparin", rate, "[iU]", CONTINUOUS))
        body.advance(300)
        assert body.truth()["heparin_rate"] == rate
    before = body.truth()["aptt"]
    body.give(Dose("MedicationRequest/8", "protamine", 50, "mg", "iv", 10))
    assert body.truth()["aptt"] < before - 10


def test_platelets_that_fall_under_heparin_harm_if_it_goes_on() -> None:
    falling = replace(CLOT, platelets_lowest=0.25)
    on, off = HeparinBody(falling), HeparinBody(falling)
    for body in (on, off):
        body.give(iv("heparin", 1440, "[iU]", CONTINUOUS))
        body.advance(20 * 60)
        assert body.truth()["platelets"] < 0.5 * falling.platelets
    off.stop("MedicationRequest/1")
    assert kinds(list(on.advance(16 * 60))) == ["heparin_thrombosis"]
    assert kinds(list(off.advance(10 * 60))) == []


def test_insulin_lowers_glucose_and_too_much_of_it_harms() -> None:
    untreated, treated, too_much = GlucoseBody(SWEET), GlucoseBody(SWEET), GlucoseBody(SWEET)
    treated.give(units("insulin glargine", 20))
    treated.give(units("insulin aspart", 8))
    too_much.give(units("insulin glargine", 90))
    too_much.give(units("insulin lispro", 60))
    assert untreated.advance(DAY) == treated.advance(DAY) == []
    assert treated.truth()["glucose"] < untreated.truth()["glucose"]
    told = kinds(list(too_much.advance(DAY)))
    assert "hypoglycaemia" in told
    assert too_much.truth()["glucose"] > 20  # a nurse gives glucose


def test_trays_are_eaten_in_part_and_nurses_tell_of_it() -> None:
    body = GlucoseBody(replace(SWEET, meals=(), eats=(1.0, 0.3), news=((45, "Prednisone was begun."),)))
    tray = Dose("meal", "carbohydrate", 60, "g", "oral")
    assert body.give(tray) == []
    assert kinds(list(body.advance(120))) == ["news"]
    assert kinds(list(body.give(tray))) == ["ate_little"]


def test_type_1_without_insulin_gets_ketoacidosis() -> None:
    case = replace(SWEET, sensitivity=1.0, own_insulin=0.0)
    assert "ketoacidosis" in kinds(list(GlucoseBody(case).advance(DAY)))
    treated = GlucoseBody(replace(case, meals=()))
    treated.give(units("insulin glargine", 22))
    assert "ketoacidosis" not in kinds(list(treated.advance(DAY)))


@pytest.mark.parametrize("body", [ElectrolyteBody(LOW), HeparinBody(CLOT), GlucoseBody(SWEET)])
def test_what_no_model_knows_changes_nothing(body: Body) -> None:
    other = Dose("MedicationRequest/7", "acetaminophen", 1, "g", "oral")
    before = body.truth()
    assert body.give(other) == []
    assert body.truth() == before
    assert body.measure("sodium") is None
    assert not body.measures("sodium")
    body.stop("MedicationRequest/404")
