"""Bodies of the emergency department: cuts of time change nothing, treatment does what it does, harm is told once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from mab_gym.dynamics._body import CONTINUOUS, Body, Dose
from mab_gym.dynamics.bodies import HyperkalaemiaBody, HyperkalaemiaCase, SepsisBody, SepsisCase
from mab_gym.dynamics.bodies._ketoacidosis_body import KetoacidosisBody, KetoacidosisCase
from mab_gym.dynamics.bodies._quiet_body import QuietBody
from mab_gym.tasking.stay import StayEvent

HIGH = HyperkalaemiaCase(80, 6.9, 40, 150, changes_from=6.3, heart_holds=120)
SEPTIC = SepsisCase(75, severity=1.05, debt=0.9, lactate=4.8, regimens=[[["ceftriaxone"]]])
SOUR = KetoacidosisCase(80, 460, 5.5, 4.4)
Timed = tuple[int, Dose]


def dose(drug: str, amount: float, unit: str, minutes: float = 0.0, route: str = "iv", order: str = "1") -> Dose:
    return Dose(f"MedicationRequest/{order}", drug, amount, unit, route, minutes)


def live(body: Body, doses: Sequence[Timed], until: int, step: int = 1) -> list[StayEvent]:
    """Lets a body live in steps of some minutes that never pass over a dose."""
    events: list[StayEvent] = []
    while body.minute < until:
        events += [event for minute, each in doses if minute == body.minute for event in body.give(each)]
        ahead = [minute for minute, _ in doses if minute > body.minute]
        events += body.advance(min([step, until - body.minute, *(minute - body.minute for minute in ahead)]))
    return events


INSULIN = (40, dose("insulin regular", 10, "[iU]"))
SWEET = (40, dose("dextrose", 25, "g", order="2"))
CEFTRIAXONE = dose("ceftriaxone", 2, "g", 30)
CALCIUM = (30, dose("calcium gluconate", 2, "g", 10, order="3"))
DRIP = (20, dose("insulin regular", 8, "[iU]", CONTINUOUS, order="4"))


@pytest.mark.parametrize(
    ("make", "doses"),
    [
        (lambda: HyperkalaemiaBody(HIGH), [CALCIUM, INSULIN, SWEET]),
        (lambda: SepsisBody(SEPTIC), [(30, CEFTRIAXONE), (40, dose("sodium chloride", 2000, "mL", 120))]),
        (lambda: KetoacidosisBody(SOUR), [DRIP]),
        (lambda: QuietBody({"troponin": 5.0}), []),
    ],
)  # fmt: skip
def test_cuts_of_time_change_nothing(make: Callable[[], Body], doses: list[Timed]) -> None:
    told = []
    for step in (1, 7, 60):
        body = make()
        events = live(body, doses, 300, step)
        told.append((dict(body.truth()), [event[:2] for event in events]))
    assert told[0] == told[1] == told[2]


def test_potassium_falls_by_insulin_albuterol_and_binders() -> None:
    alone, with_all = HyperkalaemiaBody(HIGH), HyperkalaemiaBody(HIGH)
    insulin = HyperkalaemiaBody(HIGH)
    live(alone, [], 100)
    live(insulin, [INSULIN, SWEET], 100)
    more = [(45, dose("albuterol", 10, "mg", route="inhaled", order="5"))]
    live(with_all, [INSULIN, SWEET, *more], 100)
    left, by_insulin, by_both = (each.truth()["potassium"] for each in (alone, insulin, with_all))
    assert 0.4 <= left - by_insulin <= 1.0  # Harel and Kamel 2016
    assert 0.3 <= by_insulin - by_both <= 0.8  # Allon 1989: 0.6 by 10 mg


def test_a_bare_heart_fails_and_calcium_holds_it() -> None:
    bare = live(HyperkalaemiaBody(HIGH), [], 300)
    assert [event.kind for event in bare if event.harm] == ["bradycardia"]
    held = live(HyperkalaemiaBody(HIGH), [CALCIUM, INSULIN, SWEET], 300)
    assert not [event for event in held if event.harm]


def test_the_electrocardiogram_gets_better_by_enough_calcium() -> None:
    stubborn = HyperkalaemiaBody(HyperkalaemiaCase(80, 6.9, 40, 150, changes_from=6.3, calcium_needed=3))
    assert "hyperkalemia" in stubborn.electrocardiogram
    live(stubborn, [(5, dose("calcium gluconate", 1, "g", 10, order="6"))], 30)
    assert "No better after calcium" in stubborn.electrocardiogram
    live(stubborn, [(30, dose("calcium gluconate", 2, "g", 10, order="7"))], 50)
    assert "hyperkalemia" not in stubborn.electrocardiogram


def test_shock_needs_fluid_and_norepinephrine() -> None:
    nothing, treated = SepsisBody(SEPTIC), SepsisBody(SEPTIC)
    assert "collapse" in {event.kind for event in live(nothing, [], 360)}
    drip = dose("norepinephrine", 0.1 * 75 * 60 / 1000, "mg", CONTINUOUS, order="8")
    fluid = dose("lactated ringer's", 2250, "mL", 120, order="9")
    events = live(treated, [(20, fluid), (90, drip), (30, CEFTRIAXONE)], 360)
    assert not events and treated.truth()["map"] >= 65
    assert treated.truth()["lactate"] < nothing.truth()["lactate"]


def test_too_much_fluid_drowns() -> None:
    weak = SepsisBody(SepsisCase(75, severity=1.05, weak_heart=True))
    events = live(weak, [(10, dose("sodium chloride", 2000, "mL", 30))], 120)
    assert [event.kind for event in events] == ["pulmonary_oedema"]


def test_ketones_go_by_insulin_alone() -> None:
    untreated, treated = KetoacidosisBody(SOUR), KetoacidosisBody(SOUR)
    live(untreated, [], 240)
    live(treated, [DRIP], 240)
    assert untreated.truth()["ketones"] > 5.5
    assert treated.truth()["ketones"] < 4.5
    fall = 460 - treated.truth()["glucose"]
    assert 130 <= fall <= 300  # 50 to 75 mg/dL an hour, with what fluid does


def test_insulin_at_a_low_potassium_harms() -> None:
    low = KetoacidosisBody(KetoacidosisCase(80, 460, 5.5, 2.9))
    events = live(low, [DRIP], 300)
    assert [event.kind for event in events if event.harm] == ["ventricular_arrhythmia"]
