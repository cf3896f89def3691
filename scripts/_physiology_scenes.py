"""Scenes of the models of chemistry and kidneys: one telling course each, and the printed figures of their sources."""

from __future__ import annotations

from dataclasses import replace

from _physiology_scene import DAY, Scene, course
from _svg_plot import Curve, Panel, Printed, Words

from mab_gym.dynamics.physiology import _creatinine as creatinine
from mab_gym.dynamics.physiology import _glucose as glucose
from mab_gym.dynamics.physiology import _potassium as potassium
from mab_gym.dynamics.physiology import _sodium as sodium
from mab_gym.dynamics.physiology import _vancomycin as vancomycin
from mab_gym.dynamics.physiology._creatinine import CreatinineInputs, CreatininePatient
from mab_gym.dynamics.physiology._electrolytes import ElectrolyteInputs, ElectrolytePatient
from mab_gym.dynamics.physiology._glucose import GlucoseInputs, GlucosePatient
from mab_gym.dynamics.physiology._sodium import WaterInputs, WaterPatient
from mab_gym.dynamics.physiology._vancomycin import VancomycinInputs, VancomycinPatient


def potassium_scene() -> Scene:
    """Potassium: the rise after an infusion, and why magnesium comes first."""
    person = ElectrolytePatient(70)
    fasting = ElectrolyteInputs(100, food_potassium=1)
    rises = []
    for place, (dose, before) in enumerate(((20, 3.35), (30, 3.1), (40, 2.8))):
        given = replace(fasting, iv_potassium=dose)
        points = course(
            potassium.depleted(person, before),
            lambda state, n, given=given: potassium.advance(person, state, given if n < 12 else fasting, 5),
            lambda state, before=before: state.potassium - before,
            36,
            12,
        )
        rises.append(Curve(points, f"{dose} mmol", place))

    def two_days(magnesium: float) -> list[tuple[float, float]]:
        rest = ElectrolyteInputs(100, food_potassium=1.5)
        drip = ElectrolyteInputs(100, iv_potassium=20, iv_magnesium=magnesium, food_potassium=1.5)
        return course(
            potassium.depleted(person, 3.0, 0.45),
            lambda state, n: potassium.advance(person, state, drip if n % 96 < 16 else rest, 15),
            lambda state: state.potassium,
            192,
            4,
        )

    with_, without = two_days(potassium.MMOL_PER_GRAM_MAGNESIUM_SULFATE), two_days(0)
    left = Panel(
        "One infusion over an hour",
        "hours",
        "rise of potassium, mmol/L",
        (0, 1, 2, 3),
        (0, 0.5, 1, 1.5, 2),
        rises,
        [Printed(0.92, 0.5, 0.2, 0.8, 0), Printed(1.0, 0.9, 0.5, 1.3, 1), Printed(1.08, 1.1, 0.7, 1.5, 2)],
    )
    right = Panel(
        "80 mmol a day, with and without magnesium",
        "hours",
        "potassium, mmol/L",
        (0, 12, 24, 36, 48),
        (2.5, 3, 3.5, 4, 4.5, 5),
        [
            Curve(with_, Words(47.6, 4.6, "with 4 g magnesium sulfate a day", "end"), 2),
            Curve(without, Words(47, 2.86, "potassium alone", "end"), 1),
        ],
        band=(3.5, 4.5),
        events=((0, "80 mmol over 4 h"), (24, "again")),
    )
    return Scene(
        "Potassium and magnesium",
        (left, right),
        "Rings: mean and SD after 20, 30 and 40 mmol, Hamill 1991, Crit Care Med 19:694.",
        "An infusion of 20 to 40 mmol raises potassium as Hamill 1991 saw it, and half of the rise is gone an hour "
        "later. With a magnesium of 0.45 mmol/L the kidneys waste potassium until magnesium is replaced.",
    )


def sodium_scene() -> Scene:
    """Sodium: saline in SIADH by the urine's concentration, and a correction that runs away."""
    person = WaterPatient(65, 0.55, drinks=False)
    changes = []
    for mosm in range(300, 701, 50):
        low, high = 0.0, 0.5
        state = sodium.at_sodium(person, 125, 2)
        for _ in range(12):
            drink = (low + high) / 2
            given = WaterInputs(drink_l_h=drink, urine_mosm=mosm)
            state = sodium.advance(person, sodium.at_sodium(person, 125, 2), given, 6 * DAY)
            low, high = (drink, high) if sodium.serum_sodium(state) > 125 else (low, drink)
        given = WaterInputs(iv_l_h=2 / 24, drink_l_h=1.8 / 24, urine_mosm=mosm)
        after = sodium.advance(person, state, given, DAY)
        changes.append((float(mosm), sodium.serum_sodium(after) - sodium.serum_sodium(state)))
    well = WaterPatient(70)

    def plan(name: str) -> list[tuple[float, float]]:
        def step(state: sodium.WaterState, n: int) -> sodium.WaterState:
            value = sodium.serum_sodium(state)
            if name == "saline":
                given = WaterInputs(iv_l_h=0.1)
            elif name == "water" and value > 119:
                given = WaterInputs(iv_l_h=0.25, iv_cations=sodium.WATER, urine_mosm=600)
            elif name == "water":
                given = WaterInputs(iv_l_h=0.1)
            else:
                given = WaterInputs(urine_mosm=400, drink_l_h=0)
            return sodium.advance(well, state, given, 30)

        return course(sodium.at_sodium(well, 112, 2), step, sodium.serum_sodium, 96, 2)

    left = Panel(
        "Two litres of saline in SIADH",
        "urine, mOsm/kg",
        "change of sodium in a day, mmol/L",
        (300, 400, 500, 600, 700),
        (-6, -3, 0, 3, 6, 9),
        [
            Curve(changes, dots=True),
            Curve([(300, 5.7), (700, -3.9)], Words(430, 4.2, "printed: 12.9 − 0.024 × mOsm/kg"), 3, dashed=True),
        ],
        limits=(0,),
    )
    right = Panel(
        "From 112 mmol/L, once vasopressin goes away",
        "hours",
        "sodium, mmol/L",
        (0, 12, 24, 36, 48),
        (110, 115, 120, 125, 130, 135, 140, 145),
        [
            Curve(plan("saline"), Words(25, 141, "saline, nobody looks", "end"), 4),
            Curve(plan("water"), Words(47.6, 116.5, "saline, then desmopressin and water", "end"), 2),
            Curve(plan("held"), Words(47.6, 134.2, "SIADH that stays, nothing to drink", "end"), 0),
        ],
        limits=(120, 122),
        words=[Words(0.6, 123, "limits: +8 and +10")],
    )
    return Scene(
        "Sodium and water",
        (left, right),
        "Line: Musch and Decaux 1998, QJM 91:749. Limits of 24 hours: Verbalis 2013; Spasovski 2014.",
        "In SIADH, saline raises sodium only while urine is dilute enough (dots; the line is the printed one). "
        "When the cause of vasopressin goes away, dilute urine brings sodium over the limit within the first day; "
        "desmopressin and water hold it.",
    )


def glucose_scene() -> Scene:
    """Glucose: three doses over three days in hospital, and what long- and rapid-acting insulin do."""
    person = GlucosePatient(90, sensitivity=0.3, own_insulin=0.2)

    def stay(units_kg: float, colour: int, name: str) -> Curve:
        dose = units_kg * 90 / 2

        def step(state: glucose.GlucoseState, n: int) -> glucose.GlucoseState:
            meal, first = n % 144 in (0, 30, 60), n % 144 == 0
            given = GlucoseInputs(
                rapid_now=dose / 3 if meal else 0, long_now=dose if first else 0, meal_now=60 if meal else 0, stress=1.3
            )
            return glucose.advance(person, state, given, 10)

        start = glucose.steady(person, GlucoseInputs(stress=1.3))
        return Curve(course(start, step, lambda s: glucose.blood_glucose(person, s), 432, 6), name, colour)

    one = GlucosePatient(70)

    def insulin(inputs: GlucoseInputs) -> list[tuple[float, float]]:
        nothing = GlucoseInputs()
        start = glucose.advance(one, glucose.steady(one, nothing), inputs, 1)
        return course(start, lambda s, n: glucose.advance(one, s, nothing, 10), lambda s: s.insulin, 168, 6)

    left = Panel(
        "Insulin under the skin, 0.3 U/kg of each",
        "hours",
        "insulin in plasma, mU/L",
        (0, 6, 12, 18, 24, 30),
        (0, 40, 80, 120, 160),
        [
            Curve(insulin(GlucoseInputs(rapid_now=21)), Words(3.4, 80, "rapid"), 1),
            Curve(insulin(GlucoseInputs(long_now=21)), Words(10, 21, "long-acting"), 0),
        ],
        events=((55 / 60, "55 min: greatest absorption"), (24, "24 h: end")),
    )
    right = Panel(
        "Type 2, 90 kg, ill: half basal, half at three meals",
        "hours",
        "glucose, mg/dL",
        (0, 24, 48, 72),
        (0, 70, 140, 180, 250, 300, 400, 480),
        [
            stay(0, 1, "no insulin"),
            stay(0.5, 2, "0.5 U/kg a day"),
            stay(1.0, 4, "1 U/kg a day"),
        ],
        [Printed(0, 229)],
        band=glucose.TARGET,
        limits=(70, 54),
    )
    return Scene(
        "Glucose and insulin",
        (left, right),
        "Ring: mean at admission, RABBIT 2 (Umpierrez 2007, Diabetes Care 30:2181). Band, limits: ADA.",
        "Rapid insulin acts over hours with a peak, long-acting over a day without one. Half a unit per kilogram "
        "brings a person with type 2 diabetes into range, as in RABBIT 2; twice as much makes a hypoglycaemia.",
    )


def creatinine_scene() -> Scene:
    """Creatinine: the rise by the kidneys that were there, and a value that lags behind its cause."""
    man = CreatininePatient(66.7, "male", 60, 1.0)
    before = (90.0, 60.0, 30.0, 15.0)
    found = []
    for gfr in before:
        start = creatinine.steady(man, gfr)
        after = creatinine.advance(man, start, CreatinineInputs(gfr / 10), DAY)
        found.append((gfr, 100 * (after.creatinine_mg_dl / start.creatinine_mg_dl - 1)))
    usual = creatinine.baseline_gfr(man)

    def true(hour: float) -> float:
        return usual if hour < 12 else usual * 0.15 if hour < 60 else usual * min(1.0, 0.15 + (hour - 60) / 100)

    values = course(
        creatinine.steady(man),
        lambda s, n: creatinine.advance(man, s, CreatinineInputs(true(n)), 60),
        lambda s: s.creatinine_mg_dl,
        168,
        24,
    )
    estimated = [(day, creatinine.estimated_gfr(value, "male", 60) / 20) for day, value in values]
    left = Panel(
        "A day after nine tenths are lost",
        "filtration before, mL/min",
        "rise of creatinine, %",
        (15, 30, 60, 90),
        (0, 50, 100, 150, 200, 250, 300),
        [Curve(found, dots=True)],
        [Printed(g, p) for g, p in zip(before, (246, 174, 92, 47), strict=True)],
        room=0.06,
    )
    right = Panel(
        "Filtration falls to 15 % for two days",
        "days",
        "creatinine, mg/dL; filtration, 20 mL/min a unit",
        (0, 1, 2, 3, 4, 5, 6, 7),
        (0, 1, 2, 3, 4, 5, 6),
        [
            Curve(values, "creatinine", 4),
            Curve([(n / 24, true(n) / 20) for n in range(169)], "true filtration", 2),
            Curve(estimated, "CKD-EPI", 0, dashed=True),
        ],
        limits=(1.5,),
        words=[Words(6.95, 1.63, "KDIGO 1", "end")],
    )
    return Scene(
        "Creatinine and kidney injury",
        (left, right),
        "Rings: Waikar and Bonventre 2009, J Am Soc Nephrol 20:672. KDIGO 2012; CKD-EPI 2021.",
        "The same loss shows more where kidneys were well (rings and dots lie on each other). Creatinine lags behind: "
        "while it rises, an estimate from it is too high, and too low while it falls.",
    )


def vancomycin_scene() -> Scene:
    """Vancomycin: half-lives by the kidneys, and the same dose in three people."""
    line = [(float(step), vancomycin.half_life_h(VancomycinPatient(70, step))) for step in range(0, 121, 2)]
    groups = [
        Printed((clearance - 3.66) / 0.689, half) for clearance, half in ((62.7, 9.1), (28.3, 32.3), (4.87, 146.7))
    ]
    curves = []
    for place, crcl in enumerate((100, 60, 30)):
        person = VancomycinPatient(70, crcl)
        points = course(
            vancomycin.VancomycinState(),
            lambda s, n, person=person: vancomycin.advance(
                person, s, VancomycinInputs(1000.0 if n % 24 < 2 else 0.0), 30
            ),
            lambda s, person=person: vancomycin.concentration_mg_l(person, s),
            192,
            2,
        )
        area = vancomycin.steady_auc24(person, 2000)
        curves.append(Curve(points, f"clearance {crcl} mL/min: AUC24 {area:.0f}", (0, 2, 4)[place]))
    left = Panel(
        "Half-life at 70 kg",
        "creatinine clearance, mL/min",
        "hours",
        (0, 20, 40, 60, 80, 100, 120),
        (0, 40, 80, 120, 160),
        [Curve(line, Words(24, 44, "model, by Matzke’s clearance"))],
        groups,
    )
    right = Panel(
        "1 g every 12 hours, in three people of 70 kg",
        "hours",
        "vancomycin, mg/L; AUC24 is to be from 400 to 600 mg·h/L",
        (0, 24, 48, 72, 96),
        (0, 20, 40, 60, 80, 100),
        curves,
    )
    return Scene(
        "Vancomycin",
        (left, right),
        "Rings: means of three groups, Matzke 1984, Antimicrob Agents Chemother 25:433. AUC24: Rybak 2020.",
        "Clearance follows the kidneys on Matzke's line; half-lives of his two groups with bad kidneys lie above the "
        "curve, since a mean of half-lives does. The same dose is right for one person, and far too much for another.",
    )
