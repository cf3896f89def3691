"""Levels: the well inside the reference ranges, the ill where medicine says, and courses that rise and heal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pytest
from numpy.random import RandomState

from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, ANALYTES, NUMBERS, PANELS
from mab_gym.cohort.hospital._history import NOW, History
from mab_gym.cohort.hospital.care._kidneys import creatinine_of, filtration_2021
from mab_gym.cohort.hospital.care._levels import Levels, derive
from mab_gym.cohort.hospital.care._readings import rounded

from . import lives

MOMENT = lives.at(2024, 5, 6)
Make = Callable[[History], None]
WELL = (
    "pulse", "respiratory_rate", "temperature", "saturation", "sodium", "potassium", "chloride", "bicarbonate",
    "urea_nitrogen", "creatinine", "egfr", "calcium", "magnesium", "phosphate", "albumin", "protein", "alt", "ast",
    "alp", "bilirubin", "ggt", "lipase", "ldh", "ck", "leucocytes", "haemoglobin", "mcv", "rdw", "platelets",
    "lymphocytes", "monocytes", "eosinophils", "inr", "aptt", "fibrinogen", "troponin", "bnp", "triglycerides", "tsh",
    "free_t4", "cortisol", "iron", "b12", "folate", "pth", "crp", "procalcitonin", "lactate", "ph_arterial",
    "urine_albumin_creatinine", "urine_leucocytes", "qtc", "ejection_fraction",
)  # fmt: skip


def values(history: History, times: Sequence[float], seed: int = 0) -> np.ndarray:
    moments = np.array(times, dtype=np.int64)
    value = rounded(Levels(history, RandomState(seed)).at(moments, RandomState(seed + 1)))
    derive(value, moments, history)
    return rounded(value)


def drawn(make: Make | None, count: int, age: tuple[int, int] = (22, 60), female: bool | None = None) -> np.ndarray:
    rows = []
    for number in range(count):
        woman = number % 2 == 0 if female is None else female
        history = lives.person(number, woman, age[0] + number * 7 % (age[1] - age[0]))
        if make:
            make(history)
        rows.append(values(history, [MOMENT], 1000 + number)[0])
    return np.array(rows)


@cache
def well() -> np.ndarray:
    return drawn(None, 300)


def of(rows: np.ndarray, key: str) -> np.ndarray:
    return rows[:, NUMBERS[key]]


@pytest.mark.parametrize("key", WELL)
def test_the_well_lie_in_the_reference_range(key: str) -> None:
    # A reference range holds 95 % of the well (CLSI EP28-A3c); ABIM's are a little narrow for some analytes.
    rows = well()
    inside = []
    for female in (True, False):
        low, high = ANALYTES[key].reference(female)
        value = of(rows[0 if female else 1 :: 2], key)
        inside.append(~((value < low) | (value > high)))
    assert np.concatenate(inside).mean() >= 0.92


def test_people_differ_more_than_one_person_does() -> None:
    # Biological variation is individual for most analytes (EFLM): the spread between people is wider than within one.
    days = [MOMENT + n * 20 * lives.DAY for n in range(8)]
    series = np.array([values(lives.person(n, True, 40), days, n) for n in range(40)])
    for key in ("alp", "alt", "creatinine", "mcv", "tsh", "ferritin", "hdl", "platelets"):
        value = np.log(series[:, :, NUMBERS[key]])
        assert value.mean(axis=1).std() > value.std(axis=1).mean(), key


def _ckd(stage: str) -> Make:
    def make(history: History) -> None:
        history.problems.append(lives.problem(stage, lives.at(2019), 0.2 + 0.6 * (history.person.number % 10) / 10))

    return make


@pytest.mark.parametrize(("stage", "low", "high"), [("ckd3", 30, 60), ("ckd4", 15, 30), ("esrd", 4, 15)])
def test_filtration_fits_the_stage(stage: str, low: int, high: int) -> None:
    # KDIGO 2012: stage 3 is 30 to 59, stage 4 15 to 29, stage 5 below 15 mL/min/1.73 m2.
    filtration = of(drawn(_ckd(stage), 60, (55, 80)), "egfr")
    assert np.mean((filtration >= low - 4) & (filtration < high + 5)) >= 0.95
    assert low <= np.median(filtration) < high


def test_kidney_disease_moves_what_kidneys_hold() -> None:
    healthy, ill = drawn(None, 80, (55, 80)), drawn(_ckd("ckd4"), 80, (55, 80))
    assert np.median(of(ill, "potassium")) - np.median(of(healthy, "potassium")) > 0.2
    assert np.median(of(ill, "phosphate")) > np.median(of(healthy, "phosphate")) + 0.4
    assert np.median(of(ill, "bicarbonate")) < np.median(of(healthy, "bicarbonate")) - 1.5
    assert np.median(of(ill, "haemoglobin")) < np.median(of(healthy, "haemoglobin")) - 1
    assert np.median(of(ill, "pth")) > 2 * np.median(of(healthy, "pth"))
    assert np.median(of(ill, "urea_nitrogen")) > 30


def test_creatinine_and_filtration_are_each_others_inverse() -> None:
    age = np.array([30.0, 60.0, 85.0])
    for female in (True, False):
        filtrations = np.array([110.0, 45.0, 12.0])
        assert np.allclose(filtration_2021(creatinine_of(filtrations, age, female), age, female), filtrations)
    # National Kidney Foundation's calculator: woman of 50 with 1.0 mg/dL has 69, man of 60 with 1.5 mg/dL 53.
    assert round(float(filtration_2021(np.array([1.0]), np.array([50.0]), True)[0])) == 69
    assert round(float(filtration_2021(np.array([1.5]), np.array([60.0]), False)[0])) == 53


def _with(*keys: str, severity: float = 0.5, drugs: tuple[str, ...] = ()) -> Make:
    def make(history: History) -> None:
        history.problems += [lives.problem(key, lives.at(2018), severity) for key in keys]
        history.prescriptions += [lives.order(drug, lives.at(2021)) for drug in drugs]

    return make


def test_heart_failure() -> None:
    # NT-proBNP in chronic reduced heart failure: median about 1,600 pg/mL in PARADIGM-HF (NEJM 2014;371:993).
    rows = drawn(_with("heart_failure_reduced"), 80, (60, 80))
    assert 900 < np.median(of(rows, "nt_probnp")) < 4000
    assert np.mean(of(rows, "ejection_fraction") <= 40) >= 0.85


def test_cirrhosis() -> None:
    rows = drawn(_with("cirrhosis"), 80, (45, 70))
    assert np.mean(of(rows, "platelets") < 150) > 0.6
    assert np.mean(of(rows, "albumin") < 3.5) > 0.4
    assert np.median(of(rows, "inr")) > 1.2
    assert np.median(of(rows, "bilirubin")) > 1.0


def test_thyroid_and_its_treatment() -> None:
    untreated = drawn(_with("hypothyroidism"), 60)
    treated = drawn(_with("hypothyroidism", drugs=("levothyroxine",)), 60)
    assert np.mean(of(untreated, "tsh") > 4) > 0.8
    assert np.mean((of(treated, "tsh") > 0.3) & (of(treated, "tsh") < 5)) > 0.85
    assert np.mean(of(drawn(_with("hyperthyroidism"), 40), "tsh") < 0.4) > 0.9


def test_statins_lower_ldl_by_two_fifths() -> None:
    # Law et al., BMJ 2003;326:1423: 40 mg of atorvastatin lower LDL by 45 to 50 %.
    before = np.median(of(drawn(_with("hyperlipidemia"), 80), "ldl"))
    after = np.median(of(drawn(_with("hyperlipidemia", drugs=("atorvastatin",)), 80), "ldl"))
    assert before > 130
    assert 0.35 < 1 - after / before < 0.5


def test_iron_deficiency_is_microcytic() -> None:
    rows = drawn(_with("iron_anemia"), 60, female=True)
    assert np.mean(of(rows, "haemoglobin") < 12) > 0.75
    assert np.mean(of(rows, "ferritin") < 15) > 0.8
    assert np.median(of(rows, "mcv")) < 83


def test_pressure_falls_with_treatment() -> None:
    # Law et al., BMJ 2009;338:b1665: one drug at its standard dose lowers it by 9.1 mmHg, two by 15 to 20.
    untreated = of(drawn(_with("hypertension"), 100, (50, 70)), "systolic").mean()
    one = of(drawn(_with("hypertension", drugs=("lisinopril",)), 100, (50, 70)), "systolic").mean()
    two = of(drawn(_with("hypertension", drugs=("lisinopril", "amlodipine")), 100, (50, 70)), "systolic").mean()
    assert untreated > 138
    assert 7 < untreated - one < 15
    assert 14 < untreated - two < 28


def test_hba1c_of_diabetes_and_its_treatment() -> None:
    untreated = of(drawn(_with("type2_diabetes", severity=0.6), 60, (50, 70)), "hba1c")
    treated = of(drawn(_with("type2_diabetes", severity=0.6, drugs=("metformin",)), 60, (50, 70)), "hba1c")
    assert np.mean(untreated >= 6.5) > 0.97
    assert 0.5 < np.median(untreated) - np.median(treated) < 1.4  # metformin takes about 1 % off
    assert np.mean(of(well(), "hba1c") < 5.7) > 0.95


def test_hba1c_agrees_with_mean_glucose() -> None:
    # ADAG (Nathan et al., Diabetes Care 2008): mean glucose = 28.7 x HbA1c - 46.7, within 15 % for 90 % of people.
    meals = [7, 12, 17, 21]
    days = [MOMENT + day * lives.DAY + (hour - 10) * lives.HOUR for day in range(0, 60, 4) for hour in meals]
    gaps = []
    for number in range(20):
        history = lives.person(number, number % 2 == 0, 60)
        _with("type2_diabetes", severity=number / 20, drugs=("metformin",))(history)
        rows = values(history, days, number)
        gaps.append(of(rows, "glucose_meter").mean() / (28.7 * of(rows, "hba1c").mean() - 46.7))
    assert 0.95 < np.mean(gaps) < 1.07
    assert np.mean(np.abs(np.array(gaps) - 1) < 0.15) >= 0.9


def test_inr_on_warfarin() -> None:
    # Wallentin et al., Lancet 2010;376:975: about 65 % of the time in range.
    start = lives.at(2023)
    times = [start - 40 * lives.DAY, *(start + day * lives.DAY for day in range(30, 330, 20))]
    rows = []
    for number in range(30):
        history = lives.person(number, number % 2 == 0, 70)
        history.prescriptions.append(lives.order("warfarin", start))
        rows.append(of(values(history, times, number), "inr"))
    inr = np.array(rows)
    assert np.all(inr[:, 0] < 1.3)
    assert 0.5 < np.mean((inr[:, 1:] >= 2) & (inr[:, 1:] <= 3)) < 0.8


def test_troponin_rises_and_falls() -> None:
    history = lives.person(1, False, 66)
    onset = lives.at(2024, 3, 4, 6)
    history.problems.append(lives.problem("infarction", onset, 0.5, onset + 6 * lives.DAY, chronic=False))
    hours = [-24, 2, 6, 15, 48, 96, 240]
    troponin = of(values(history, [onset + hour * lives.HOUR for hour in hours]), "troponin")
    assert troponin[0] < 34 < troponin[1] < troponin[2] < troponin[3]
    assert troponin[3] > troponin[4] > troponin[5] > troponin[6]


def test_kidney_injury_rises_and_heals() -> None:
    # KDIGO AKI 2012: at least 1.5 times the usual creatinine.
    history = lives.person(2, True, 60)
    onset = lives.at(2024, 3, 4)
    history.problems.append(lives.problem("kidney_injury", onset, 0.5, onset + 8 * lives.DAY, chronic=False))
    days = [-30, 2, 5, 10, 60]
    creatinine = of(values(history, [onset + day * lives.DAY for day in days]), "creatinine")
    assert creatinine[1] >= 1.5 * creatinine[0]
    assert creatinine[1] > creatinine[2] > creatinine[3]
    assert creatinine[4] < 1.25 * creatinine[0]


@pytest.mark.parametrize("key", ["pneumonia", "sepsis", "pyelonephritis"])
def test_infection_resolves(key: str) -> None:
    onset = lives.at(2024, 3, 4)
    people = []
    for number in range(15):
        history = lives.person(number, True, 58)
        history.problems.append(lives.problem(key, onset, 0.6, onset + 9 * lives.DAY, chronic=False))
        people.append(values(history, [onset + day * lives.DAY for day in (-30, 1, 6, 25)], number))
    rows = np.median(people, axis=0)
    crp, leucocytes, temperature = of(rows, "crp"), of(rows, "leucocytes"), of(rows, "temperature")
    assert crp[1] > 60 > crp[0]
    assert crp[1] > crp[2] > crp[3]
    assert leucocytes[1] > 11 > leucocytes[3]
    assert temperature[1] > temperature[2] > temperature[3] - 0.6


@pytest.mark.parametrize(
    ("key", "analyte", "low", "high"),
    [("hypokalemia", "potassium", 2.0, 3.5), ("hypomagnesemia", "magnesium", 0.6, 1.6),
     ("hyponatremia", "sodium", 110, 135), ("hyperkalemia", "potassium", 5.2, 8)],
)  # fmt: skip
def test_a_level_holds_to_its_diagnosis(key: str, analyte: str, low: float, high: float) -> None:
    for number in range(25):
        history = lives.person(number, True, 66)
        history.problems.append(lives.problem("ckd3", lives.at(2018), 0.5))
        history.problems.append(lives.problem(key, NOW - 2 * lives.DAY, number / 25, None, chronic=False))
        assert low <= of(values(history, [NOW - 2 * lives.HOUR], number), analyte)[0] <= high


def test_children_grow() -> None:
    history = lives.person(2, True, 18)
    rows = values(history, [lives.at(year) for year in (2012, 2016, 2020, 2024)])
    height, weight = of(rows, "height"), of(rows, "weight")
    assert 100 < height[0] < 125
    assert 15 < weight[0] < 28
    assert np.all(np.diff(height) > 0)
    assert np.all(np.diff(weight) > 0)


def test_a_result_tells_what_others_of_its_panel_tell() -> None:
    rows = well()
    assert np.all(of(rows, "anion_gap") == of(rows, "sodium") - of(rows, "chloride") - of(rows, "bicarbonate"))
    parts = sum(of(rows, key) for key in ("neutrophils", "lymphocytes", "monocytes", "eosinophils", "basophils"))
    assert np.all(np.abs(parts - of(rows, "leucocytes")) < 0.06)
    assert np.all(np.abs(of(rows, "haematocrit") / of(rows, "haemoglobin") - 2.97) < 0.25)
    assert np.all(of(rows, "systolic") > of(rows, "diastolic") + 15)


def test_a_result_is_flagged_by_its_range() -> None:
    potassium = ANALYTES["potassium"]
    flags = [potassium.flag(value, True) for value in (2.4, 3.4, 3.5, 5.0, 5.1, 6.6)]
    assert flags == ["LL", "L", "N", "N", "H", "HH"]
    assert ANALYTES["haemoglobin"].flag(13.0, True) == "N"
    assert ANALYTES["haemoglobin"].flag(13.0, False) == "L"
    assert not ANALYTES["weight"].flag(80.0, True)


def test_catalogue() -> None:
    assert len(ANALYTES) >= 90
    for row in ANALYTE_ROWS:
        for low, high in (row.reference(True), row.reference(False)):
            assert not low >= high, row.key
        assert not row.critical_low > row.women_low, row.key
        assert not row.critical_high < row.women_high, row.key
    assert all(key in ANALYTES for panel in PANELS.values() for key in panel.analytes)


def _mod_10(code: str) -> bool:
    """Tells if the check digit of a LOINC code is right (the Luhn algorithm)."""
    body, _, check = code.partition("-")
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body))]
    return (10 - sum(number // 10 + number % 10 for number in doubled) % 10) % 10 == int(check)


def test_loinc_codes_have_right_check_digits() -> None:
    codes = [row.loinc for row in ANALYTE_ROWS] + [row.loinc for row in PANELS.values()]
    assert all(_mod_10(code) for code in codes)
    assert len({row.loinc for row in ANALYTE_ROWS}) == len(ANALYTE_ROWS)
