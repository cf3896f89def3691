"""Scenes of the models of blood and circulation: one telling course each, and the printed figures of their sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import fmean

from _physiology_scene import DAY, Scene, course
from _svg_plot import Curve, Panel, Printed, Words

from mab_gym.dynamics.physiology import _haemoglobin as haemoglobin
from mab_gym.dynamics.physiology import _heparin as heparin
from mab_gym.dynamics.physiology import _pressure as pressure
from mab_gym.dynamics.physiology import _sepsis as sepsis
from mab_gym.dynamics.physiology import _warfarin as warfarin
from mab_gym.dynamics.physiology._haemoglobin import BloodInputs, BloodPatient
from mab_gym.dynamics.physiology._heparin import HeparinInputs, HeparinPatient, HeparinState
from mab_gym.dynamics.physiology._pressure import PressureInputs, PressurePatient, PressureState
from mab_gym.dynamics.physiology._sepsis_state import SepsisInputs, SepsisPatient
from mab_gym.dynamics.physiology._warfarin import WarfarinInputs, WarfarinPatient, WarfarinState


def warfarin_scene() -> Scene:
    """Warfarin: doses by genotype, and the start in three people."""
    columns = ("*1/*1", "*1/*2", "*1/*3", "*2/*2", "*2/*3", "*3/*3")
    high, middle, low = (5.0, 7.0), (3.0, 4.0), (0.5, 2.0)
    label = (high, middle, middle, middle, low, low)
    printed = [Printed(n, None, a, b) for n, (a, b) in enumerate(label)]
    doses = [
        (float(n), warfarin.maintenance_dose_mg(WarfarinPatient(71, each, "GA"), 2.5)) for n, each in enumerate(columns)
    ]

    def start(person: WarfarinPatient, rescue: bool = False) -> list[tuple[float, float]]:
        def step(state: WarfarinState, n: int) -> WarfarinState:
            given = WarfarinInputs(5.0 if n % 4 == 0 and not (rescue and n >= 48) else 0.0)
            if rescue and n == 48:
                given = WarfarinInputs(vitamin_k_oral_mg=2.5)
            return warfarin.advance(person, state, given, 360)

        return course(WarfarinState(), step, lambda s: warfarin.inr(person, s), 84, 4)

    slow = WarfarinPatient(71, "*1/*3", "AA")
    left = Panel(
        "Dose for an INR of 2.5 by CYP2C9, with VKORC1 GA",
        "CYP2C9",
        "mg a day",
        tuple(range(6)),
        (0, 2, 4, 6, 8),
        [Curve(doses, dots=True)],
        printed,
        names=columns,
        room=0.08,
    )
    right = Panel(
        "5 mg a day from day 0",
        "days",
        "INR",
        (0, 3, 6, 9, 12, 15, 18, 21),
        (1, 2, 3, 4, 5, 6),
        [
            Curve(start(WarfarinPatient(71)), "usual", 0),
            Curve(start(WarfarinPatient(50, "*1/*1", "GG")), "VKORC1 GG", 2),
            Curve(start(slow, rescue=True), "*1/*3 and AA", 4),
        ],
        band=(2, 3),
        events=((12, ""),),
        words=[Words(12.3, 4.3, "stopped, vitamin K 2.5 mg")],
    )
    return Scene(
        "Warfarin and the INR",
        (left, right),
        "Bars: doses by genotype, label of warfarin (FDA 2010). Parameters: Hamberg 2010.",
        "Dots are the model's doses, bars the label's. The INR takes a week to answer; a person with a slow enzyme and "
        "a sensitive target overshoots on the usual dose, and vitamin K brings the INR back within a day or two.",
    )


def heparin_scene() -> Scene:
    """Heparin: half-lives by the dose, and the nomogram in three people."""
    person = HeparinPatient(70)

    def half_life(dose: float) -> float:
        state, minutes = HeparinState(dose), 0
        while state.amount_u_kg > dose / 8:
            state, minutes = heparin.advance(person, state, HeparinInputs(), 1), minutes + 1
        return minutes / 3

    curve = [(float(dose), half_life(dose)) for dose in (20, 25, 35, 50, 70, 100, 140, 200, 280, 400, 500)]

    def nomogram(one: HeparinPatient) -> list[tuple[float, float]]:
        state = heparin.advance(one, HeparinState(), HeparinInputs(bolus_u_kg=80), 0)
        rate, hold, points = 18.0, 0.0, [(0.0, heparin.aptt_s(one, state))]
        for quarter in range(144):
            bolus = 0.0
            if quarter and quarter % 24 == 0:
                step = heparin.raschke(heparin.aptt_s(one, state))
                bolus, hold, rate = step.bolus_u_kg, step.hold_minutes, heparin.rate_after(rate, step)
            given = HeparinInputs(0.0 if hold > 0 else rate, bolus)
            state, hold = heparin.advance(one, state, given, 15), hold - 15
            points.append(((quarter + 1) / 4, heparin.aptt_s(one, state)))
        return points

    left = Panel(
        "Half-life by the bolus",
        "bolus, U/kg",
        "minutes",
        (25, 50, 100, 200, 400),
        (0, 50, 100, 150, 200),
        [Curve(curve, Words(95, 96, "model", "end"))],
        [Printed(25, 30), Printed(100, 60), Printed(400, 150)],
        log=True,
        room=0.07,
    )
    right = Panel(
        "80 U/kg, 18 U/kg/h, then Raschke’s nomogram",
        "hours",
        "aPTT, s",
        (0, 6, 12, 18, 24, 30, 36),
        (20, 46, 70, 90, 120, 150, 180),
        [
            Curve(nomogram(HeparinPatient(70, clearance_factor=1.5)), "clears fast", 1),
            Curve(nomogram(person), "usual", 0),
            Curve(nomogram(HeparinPatient(70, clearance_factor=0.75)), "slowly", 4),
        ],
        band=(46, 70),
        words=[Words(35.7, 76, "46 to 70 s: no change", "end")],
    )
    return Scene(
        "Heparin and the aPTT",
        (left, right),
        "Rings: half-lives after 25, 100 and 400 U/kg, Hirsh 2001, Chest 119:64S. Nomogram: Raschke 1993.",
        "Heparin leaves by a way that saturates, so its half-life grows with the dose. An aPTT every six hours and "
        "Raschke's nomogram lead people who clear it fast or slowly into the same range.",
    )


def haemoglobin_scene() -> Scene:
    """Haemoglobin: a donation comes back, and a bleed shows late."""
    man = BloodPatient("male", 1.75, 70)
    back = []
    for place, (iron, name) in enumerate(
        (
            ("given", "iron given"),
            ("stores", "full stores"),
            ("deficient", "low stores"),
        )
    ):
        person = replace(man, iron=iron)
        start = haemoglobin.steady(person)
        bled = haemoglobin.advance(person, start, BloodInputs(bleeding_ml_min=50), 10)
        lost = start.haemoglobin_g - bled.haemoglobin_g
        points = course(
            bled,
            lambda s, n, person=person: haemoglobin.advance(person, s, BloodInputs(), 2 * DAY),
            lambda s, start=start, lost=lost: 100 * (1 - (start.haemoglobin_g - s.haemoglobin_g) / lost),
            84,
            0.5,
        )
        back.append(Curve(points, name, (2, 0, 1)[place]))

    def plan(hour: float, cells: float) -> BloodInputs:
        bleeding = 33.3 if hour < 1 else 0.0
        fluid = 33.3 if 1 <= hour < 2 else 0.0
        return BloodInputs(bleeding, fluid, cells if 12 <= hour < 14 else 0.0)

    def bleed(read: Callable[[haemoglobin.BloodState], float], cells: float = 5.0) -> list[tuple[float, float]]:
        return course(
            haemoglobin.steady(man), lambda s, n: haemoglobin.advance(man, s, plan(n / 4, cells), 15), read, 192, 4
        )

    left = Panel(
        "After a donation",
        "days",
        "% of the loss that is back",
        (0, 40, 80, 120, 160),
        (0, 20, 40, 60, 80, 100),
        [Curve([(x, y) for x, y in each.points if x <= 160], each.name, each.colour) for each in back],
        [Printed(31, 80), Printed(78, 80), Printed(158, 80)],
        limits=(80,),
        key="bottom",
    )
    right = Panel(
        "2 L lost in an hour, 2 L saline, two units",
        "hours",
        "haemoglobin, g/dL; blood volume, L",
        (0, 6, 12, 24, 36, 48),
        (0, 3, 6, 9, 12, 15, 18),
        [
            Curve(bleed(haemoglobin.haemoglobin_g_dl), Words(47.6, 11.6, "haemoglobin", "end"), 4),
            Curve(
                bleed(haemoglobin.haemoglobin_g_dl, 0.0), Words(47.6, 7.2, "without the units", "end"), 1, dashed=True
            ),
            Curve(bleed(lambda s: haemoglobin.volume_ml(s) / 1000), Words(47, 5.4, "blood volume", "end"), 0),
        ],
        events=((0, "bleeds"), (12, "two units")),
    )
    return Scene(
        "Haemoglobin, bleeding and transfusion",
        (left, right),
        "Rings: days until 80 % are back, Kiss 2015, JAMA 313:575.",
        "A bleed shows in the concentration only when water comes in. Two units make a difference of about 2 g/dL. "
        "What a donation took is back after a month with iron, after half a year where stores are low.",
    )


def sepsis_scene() -> Scene:
    """Sepsis: pressure and lactate under three treatments."""
    person = SepsisPatient(70)

    def bundle(hour: float, antibiotic_from: float) -> SepsisInputs:
        return SepsisInputs(700.0 if hour < 3 else 0.0, 0.1 if hour < 24 else 0.0, hour >= antibiotic_from)

    def followed(
        antibiotic_from: float | None, read: Callable[[sepsis.SepsisState], float]
    ) -> list[tuple[float, float]]:
        def step(state: sepsis.SepsisState, n: int) -> sepsis.SepsisState:
            given = SepsisInputs() if antibiotic_from is None else bundle(n / 4, antibiotic_from)
            return sepsis.advance(person, state, given, 15)

        return course(sepsis.steady(person, 1.0), step, read, 192, 4)

    def curves(read: Callable[[sepsis.SepsisState], float], words: tuple[Words | str, ...]) -> list[Curve]:
        plans = ((None, 4), (8.0, 1), (1.0, 2))
        return [Curve(followed(begins, read), at, colour) for (begins, colour), at in zip(plans, words, strict=True)]

    left = Panel(
        "Pressure",
        "hours",
        "mean arterial pressure, mmHg",
        (0, 12, 24, 36, 48),
        (40, 55, 65, 75, 85),
        curves(
            lambda s: sepsis.mean_pressure_mmhg(person, s),
            (
                Words(47, 43.5, "nothing", "end"),
                Words(47.6, 68.5, "antibiotic after 8 h", "end"),
                Words(47, 83, "bundle", "end"),
            ),
        ),
        limits=(65,),
        events=((24, "noradrenaline ends"),),
        words=[Words(11, 60.5, "target: 65")],
    )
    right = Panel(
        "Lactate",
        "hours",
        "lactate, mmol/L",
        (0, 12, 24, 36, 48),
        (0, 2, 4, 6, 8, 10, 12),
        curves(
            lambda s: s.lactate_mmol_l,
            (
                "nothing",
                "antibiotic after 8 h",
                "bundle",
            ),
        ),
        limits=(2,),
    )
    return Scene(
        "Sepsis and its bundle",
        (left, right),
        "Target: Surviving Sepsis Campaign 2021 (65 mmHg, 30 mL/kg in 3 h). Its figures are mostly chosen.",
        "Fluid and noradrenaline raise the pressure at once, and lactate follows over hours. An antibiotic that comes "
        "late leaves a shock when noradrenaline ends; without treatment it gets worse. The bundle is 30 mL/kg in three "
        "hours, noradrenaline for a day, and the antibiotic at one hour.",
    )


def pressure_scene() -> Scene:
    """Blood pressure: the fall by the dose, and how it comes over weeks."""
    trials = PressurePatient(154, 97)
    classes = list(pressure.STANDARD_FALL)
    doses = [n / 20 for n in range(1, 41)]

    def mean(dose: float, which: int) -> float:
        return fmean(pressure.full_fall(trials, PressureInputs({drug: dose}))[which] for drug in classes)

    def weeks(plan: Callable[[int], dict[str, float]]) -> list[tuple[float, float]]:
        return course(
            PressureState(),
            lambda s, n: pressure.advance(trials, s, PressureInputs(plan(n)), DAY),
            lambda s: pressure.systolic(trials, s),
            84,
            7,
        )

    one = weeks(lambda day: {"ace_inhibitor": 1.0} if day < 56 else {})
    three = weeks(
        lambda day: dict.fromkeys(("ace_inhibitor", "thiazide", "calcium_channel_blocker"), 0.5) if day < 56 else {}
    )
    left = Panel(
        "Mean of five classes",
        "dose, in standard doses a day",
        "fall, mmHg",
        (0, 0.5, 1, 1.5, 2),
        (0, 3, 6, 9, 12),
        [
            Curve([(0.0, 0.0), *((d, mean(d, 0)) for d in doses)], Words(1.95, 9.4, "systolic", "end"), 4),
            Curve([(0.0, 0.0), *((d, mean(d, 1)) for d in doses)], Words(1.95, 5.4, "diastolic", "end"), 0),
        ],
        [Printed(0.5, 7.1), Printed(1, 9.1), Printed(0.5, 4.4), Printed(1, 5.5)],
    )
    right = Panel(
        "From 154 mmHg, and stopped after eight weeks",
        "weeks",
        "systolic pressure, mmHg",
        (0, 2, 4, 6, 8, 10, 12),
        (120, 130, 140, 150, 160),
        [
            Curve(one, Words(7.8, 147.5, "ACE inhibitor, standard dose", "end"), 0),
            Curve(three, Words(7.8, 131.5, "three drugs, half a dose each", "end"), 2),
        ],
        [Printed(0.91, 154 - 4.25)],
        events=((8, "stopped"),),
        limits=(140,),
        words=[Words(11.9, 140.8, "140", "end")],
    )
    return Scene(
        "Blood pressure under treatment",
        (left, right),
        "Rings: Law 2003, BMJ 326:1427; half of the effect after 0.91 weeks, Lasserson 2011, Heart 97:1771.",
        "Half a dose has most of the effect, so that three drugs at half a dose do more than one at a full one. The "
        "fall comes over weeks, and goes as it came.",
    )
