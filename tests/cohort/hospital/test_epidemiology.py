"""Ten thousand lives against published figures, and against what cannot be.

Each figure stands beside its source and the interval that it is held to: wide enough for the simulation's noise and for
what surveys leave open, and narrow enough that a table that is left out, or taken for another, is noticed.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from mab_gym.cohort.hospital._history import NOW
from mab_gym.cohort.hospital._spec import HospitalSpec
from mab_gym.cohort.hospital._staff import draw_staff
from mab_gym.cohort.hospital.life._fate import MEN, WOMEN
from mab_gym.cohort.hospital.life._lives import draw_lives
from tests.cohort.hospital import impossible
from tests.cohort.hospital.tally import BANDS, YEAR, Somebody, Tally, share

PEOPLE, CHUNK = 10_000, 250
STATINS = frozenset({"atorvastatin", "rosuvastatin", "simvastatin", "pravastatin"})
ANTIDEPRESSANTS = frozenset({
    "sertraline", "escitalopram", "fluoxetine", "bupropion", "duloxetine", "venlafaxine", "mirtazapine", "trazodone",
})  # fmt: skip
RAS = frozenset({"lisinopril", "losartan", "valsartan", "sacubitril_valsartan"})
STEROIDS = frozenset({"fluticasone_inhaler", "budesonide_formoterol", "fluticasone_salmeterol"})
FLU = ("influenza_quadrivalent", "influenza_high_dose")


class Found:
    """The lives' counts, and all places of what cannot be."""

    def __init__(self) -> None:
        spec = HospitalSpec("hospital-test", seed=4711, people=PEOPLE, inpatients=0.0)
        staff = draw_staff(spec)
        self.tally = Tally()
        self.wrong: dict[str, Counter[str]] = {finder.__name__: Counter() for finder in impossible.ALL}
        for first in range(0, PEOPLE, CHUNK):
            for history in draw_lives(spec, staff, first, first + CHUNK):
                self.tally.add(history)
                for finder in impossible.ALL:
                    self.wrong[finder.__name__].update(finder(history, staff))


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    gc.disable()  # half a million small objects that hold no cycles
    try:
        yield Found()
    finally:
        gc.enable()


@pytest.fixture(scope="module")
def tally(found: Found) -> Tally:
    return found.tally


Rule = tuple[frozenset[str], str, float, float, float, float, str]


def _keys(text: str) -> frozenset[str]:
    return frozenset(text.split())


DIABETES = "type1_diabetes type2_diabetes"
KIDNEYS = "ckd3 ckd4 esrd"
FAILURE = "heart_failure_reduced heart_failure_preserved"
JOINTS = "osteoarthritis hip_osteoarthritis rheumatoid gout"
PREVALENCES: tuple[tuple[str, str, float, float, float, float, str], ...] = (
    # conditions, sex, ages from and to, percent from and to, published percent and its source
    ("hypertension", "", 18, 40, 4.5, 10, "7.5: NCHS Data Brief 289"),
    ("hypertension", "", 40, 60, 27, 38, "33.2: the same"),
    ("hypertension", "", 60, 200, 54, 69, "63.1: the same"),
    ("hypertension", "M", 18, 200, 26, 36, "30.2, adjusted for age: the same"),
    ("hypertension", "F", 18, 200, 26, 36, "27.7, adjusted for age: the same"),
    (DIABETES, "", 20, 40, 2.2, 5.5, "3.6, with those who do not know: Data Brief 516"),
    (DIABETES, "", 40, 60, 11.5, 19, "17.7: the same"),
    (DIABETES, "", 60, 200, 21, 31, "27.3: the same"),
    (KIDNEYS, "", 18, 200, 3.5, 7.5, "about 6, stages 3 to 5: USRDS 2022"),
    (KIDNEYS, "", 70, 200, 16, 34, "about 28 with a filtration below 60: Coresh et al., JAMA 2007;298:2038-47"),
    ("fibrillation", "", 65, 200, 6.5, 12.5, "9: CDC, Atrial Fibrillation"),
    ("fibrillation", "", 18, 65, 0.4, 2.2, "2: the same"),
    ("copd", "", 18, 200, 4.2, 7.5, "6: Liu et al., MMWR 2023;72:1250"),
    ("asthma", "M", 18, 200, 4.6, 8, "about 6: CDC, NHIS 2021"),
    ("asthma", "F", 18, 200, 8.5, 13, "about 10: the same"),
    ("coronary", "", 20, 200, 6, 10, "7.1: AHA statistics 2023"),
    (FAILURE, "", 20, 200, 1.6, 3.4, "2.3: AHA statistics 2024"),
    ("prior_stroke", "", 20, 200, 2.5, 4.4, "3.3: the same"),
    ("depression", "F", 18, 200, 20, 27, "24.0 ever: Lee et al., MMWR 2023;72:624"),
    ("depression", "M", 18, 200, 10, 16.5, "13.3 ever: the same"),
    ("hypothyroidism", "", 18, 200, 3.8, 7, "4.6: Hollowell et al., J Clin Endocrinol Metab 2002;87:489-99"),
    (JOINTS, "", 65, 75, 30, 50, "44 with any arthritis: Data Brief 497"),
    ("osteoporosis", "F", 50, 200, 14, 25, "19.6: Data Brief 405"),
    ("osteoporosis", "M", 50, 200, 2.3, 7, "4.4: the same"),
    ("gout", "", 20, 200, 2.8, 5.2, "3.9: Chen-Xu et al., Arthritis Rheumatol 2019;71:991-9"),
    ("dementia", "", 65, 200, 5.5, 13, "10: Manly et al., JAMA Neurol 2022;79:1242-9"),
    ("breast_cancer", "F", 50, 200, 3.5, 7.5, "about 5: SEER, prevalence 2020"),
    ("hyperlipidemia", "", 40, 60, 22, 38, "about 30 told so by a doctor: NHIS 2019"),
)  # fmt: skip


@pytest.mark.parametrize(("keys", "sex", "low", "high", "least", "most", "source"), PREVALENCES)
def test_diseases_are_as_frequent_as_surveys_find(
    tally: Tally, keys: str, sex: str, low: float, high: float, least: float, most: float, source: str
) -> None:
    wanted = _keys(keys)
    percent = 100 * share(tally.group(low, high, sex), lambda one: bool(wanted & one.there))
    assert least <= percent <= most, f"{percent:.1f} %; published {source}"


@pytest.mark.parametrize(
    ("low", "high", "least", "most"),
    # NCHS Data Brief 508 (NHANES 2021-2023): 35.5, 46.4 and 38.9 %
    [(20, 40, 31, 40), (40, 60, 41, 50), (60, 200, 33, 43)],
)
def test_obesity_is_as_frequent_as_measured(tally: Tally, low: float, high: float, least: float, most: float) -> None:
    assert least <= 100 * share(tally.group(low, high), lambda one: one.index >= 30) <= most


def test_smoking_and_its_disease(tally: Tally) -> None:
    # NHIS 2021: 11.5 % of adults, men 13.1, women 10.1 (Cornelius et al., MMWR 2023;72:475)
    assert 0.1 <= share(tally.group(), lambda one: one.smoking == "current") <= 0.135
    assert 0.11 <= share(tally.group(sex="M"), lambda one: one.smoking == "current") <= 0.155
    assert 0.085 <= share(tally.group(sex="F"), lambda one: one.smoking == "current") <= 0.125
    smokers = share(tally.group(50, of=lambda one: one.smoking == "current"), lambda one: "copd" in one.there)
    others = share(tally.group(50, of=lambda one: one.smoking == "never"), lambda one: "copd" in one.there)
    assert smokers > 3 * others


TREATED: tuple[tuple[str, str, float, float, float, str], ...] = (
    # condition that is known, drugs, age from, share from and to, source
    ("type2_diabetes", "metformin", 18, 0.5, 0.78, "Le et al., Diabetes Care 2022: about two thirds"),
    ("type2_diabetes", "insulin_glargine", 18, 0.18, 0.36, "CDC, National Diabetes Statistics Report 2022: a quarter"),
    ("type2_diabetes", " ".join(sorted(STATINS)), 40, 0.55, 0.8, "ADA Standards 2024, 10; Gao 2023: two thirds"),
    ("type1_diabetes", "insulin_glargine", 18, 0.97, 1, "everybody"),
    ("fibrillation", "apixaban rivaroxaban warfarin", 18, 0.52, 0.8, "Lubitz et al. 2018: about two thirds"),
    ("mechanical_valve", "warfarin", 18, 0.8, 1, "ACC/AHA valve guideline 2020: everybody"),
    ("heart_failure_reduced", "carvedilol metoprolol", 18, 0.6, 0.9, "CHAMP-HF 2018: 67 %"),
    ("heart_failure_reduced", " ".join(sorted(RAS)), 18, 0.55, 0.85, "CHAMP-HF 2018: 73 %"),
    ("coronary", " ".join(sorted(STATINS)), 18, 0.68, 0.92, "Salami et al. 2017: about 70 %"),
    ("coronary", "aspirin", 18, 0.5, 0.82, "AHA guideline 2023; about 70 %"),
    ("hypothyroidism", "levothyroxine", 18, 0.85, 1, "the usual treatment"),
    ("hypertension", " ".join(sorted(RAS)), 18, 0.45, 0.7, "Derington et al. 2020: 55 %"),
    ("asthma", " ".join(sorted(STEROIDS)), 18, 0.3, 0.55, "CDC AsthmaStats: about 45 % with a controller"),
    ("copd", "albuterol", 18, 0.7, 0.97, "GOLD 2024: for everybody"),
)  # fmt: skip


@pytest.mark.parametrize(("condition", "drugs", "low", "least", "most", "source"), TREATED)
def test_the_ill_take_what_is_right(
    tally: Tally, condition: str, drugs: str, low: float, least: float, most: float, source: str
) -> None:
    wanted = _keys(drugs)
    treated = share(tally.group(low, of=lambda one: condition in one.known), lambda one: bool(wanted & one.taken))
    assert least <= treated <= most, f"{treated:.2f}; published {source}"


def test_drugs_are_as_frequent_as_surveys_find(tally: Tally) -> None:
    def takes(drugs: frozenset[str]) -> Callable[[Somebody], bool]:
        return lambda one: bool(drugs & one.taken)

    # Gao et al., JAMA Netw Open 2023 (about 35 % from 40 on); Brody and Gu, Data Brief 377 (17.7 and 8.4 %)
    assert 0.29 <= share(tally.group(40), takes(STATINS)) <= 0.42
    assert 0.14 <= share(tally.group(sex="F"), takes(ANTIDEPRESSANTS)) <= 0.24
    assert 0.06 <= share(tally.group(sex="M"), takes(ANTIDEPRESSANTS)) <= 0.14
    # Hales et al., Data Brief 347 (a third of those of 60 to 79 take five or more); Wang et al. 2023: 44 % from 65 on
    assert 0.28 <= share(tally.group(65), lambda one: len(one.taken) >= 5) <= 0.5


def _rate(tally: Tally, kind: str, bands: tuple[int, ...]) -> float:
    years = sum(tally.years[(band, sex)] for band in bands for sex in (False, True))
    return sum(tally.visits[(kind, band)] for band in bands) / years


@pytest.mark.parametrize(
    ("bands", "least", "most"),
    # HCUP, stays of 2018: 8 per 100 at 18 to 44, 11 at 45 to 64, 20 at 65 to 74, 35 from 75 on, with births
    [((18, 30), 0.045, 0.095), ((40, 50), 0.055, 0.13), ((60,), 0.12, 0.23), ((70, 80), 0.25, 0.44)],
)
def test_people_are_admitted_as_often_as_in_the_national_sample(
    tally: Tally, bands: tuple[int, ...], least: float, most: float
) -> None:
    assert least <= _rate(tally, "inpatient", bands) <= most


def test_stays_are_as_long_and_end_as_in_the_national_sample(tally: Tally) -> None:
    stays = len(tally.stays)
    # HCUP Statistical Brief 277: mean stay 4.7 days (with children); in-hospital deaths about 2 %; home two thirds.
    assert 3.6 <= sum(tally.stays) / stays <= 5.2
    assert 0.014 <= tally.dispositions["died"] / stays <= 0.032
    assert 0.6 <= tally.dispositions["home"] / stays <= 0.79
    # Brief 278: 14.0 % are back within 30 days.
    assert 0.115 <= tally.readmissions / tally.indexes <= 0.165


@pytest.mark.parametrize(
    ("key", "least", "most"),
    # HCUPnet 2019, mean stays in days: sepsis 6.6, heart failure 5.3, pneumonia 4.8, stroke 5.3, hip fracture 5.6,
    # delivery 2.5, knee replacement 2
    [("sepsis", 5.5, 8.2), ("heart_failure_acute", 4.3, 6.5), ("pneumonia", 3.9, 6), ("stroke", 4.2, 7),
     ("hip_fracture", 4.5, 7), ("delivery", 1.9, 3), ("osteoarthritis", 1.2, 2.6)],
)  # fmt: skip
def test_stays_are_as_long_as_their_reason(tally: Tally, key: str, least: float, most: float) -> None:
    days = tally.reasons[key]
    assert least <= sum(days) / len(days) <= most


def test_visits_are_as_frequent_as_surveys_find(tally: Tally) -> None:
    # NHAMCS 2021: 43 emergency visits per 100 people; NAMCS 2019: 320 office visits
    assert 0.33 <= _rate(tally, "emergency", BANDS) <= 0.5
    assert 2.8 <= _rate(tally, "ambulatory", BANDS) <= 5
    assert _rate(tally, "ambulatory", (70, 80)) > 1.8 * _rate(tally, "ambulatory", (18,))


@pytest.mark.parametrize("band", [40, 50, 60, 70, 80])
def test_people_die_by_the_life_table(tally: Tally, band: int) -> None:
    # Arias and Xu, United States Life Tables 2019, NVSR 70-19
    place = band // 10 - 2
    expected = deaths = 0.0
    for female, table in ((False, MEN), (True, WOMEN)):
        low, high = table[place], table[place + 1]
        mean = sum(low * (high / low) ** ((step + 0.5) / 10) for step in range(10)) / 10
        if band == 80:  # ages above 80 are few: people are 95 at most
            mean = table[place] * (high / low) ** 0.42
        expected += mean * tally.years[(band, female)]
        deaths += tally.deaths[(band, female)]
    assert 0.72 <= deaths / expected <= 1.35, f"{deaths:.0f} deaths, {expected:.0f} expected"


def test_deaths_in_hospital(tally: Tally) -> None:
    # Cross and Warraich, N Engl J Med 2019;381:2369-70: 29.8 % of deaths in 2017
    assert 0.2 <= tally.died_inside / sum(tally.deaths.values()) <= 0.42


def test_births(tally: Tally) -> None:
    births = sum(tally.births.values())
    # NVSR 70-2: 66.6, 93.7, 98.3 and 52.8 births per 1,000 women of 20, 25, 30 and 35 years; 31.7 % by caesarean
    assert 0.055 <= births / tally.fertile <= 0.1
    assert 0.26 <= tally.births["caesarean"] / births <= 0.38


VACCINATED: tuple[tuple[str, float, float, float, float, float, str], ...] = (
    # vaccines, ages from and to, within years, share from and to, source
    (" ".join(sorted(FLU)), 65, 200, 1.3, 0.63, 0.79, "70 %: FluVaxView 2022-23"),
    (" ".join(sorted(FLU)), 19, 50, 1.3, 0.27, 0.43, "35 %: the same"),
    ("pneumococcal_13 pneumococcal_23 pneumococcal_20", 66, 200, 11, 0.58, 0.75, "66 %: NHIS 2022"),
    ("zoster_recombinant", 60, 200, 11, 0.34, 0.55, "about 41 %: NHIS 2022"),
    ("covid_pfizer covid_moderna", 65, 200, 11, 0.87, 0.98, "95 %: CDC, May 2023"),
    ("rsv_arexvy", 62, 200, 11, 0.17, 0.33, "24 %: RSVVaxView 2024"),
    ("tdap td", 30, 200, 11, 0.55, 0.72, "63 %: NHIS 2018"),
)  # fmt: skip


@pytest.mark.parametrize(("keys", "low", "high", "years", "least", "most", "source"), VACCINATED)
def test_vaccinations_reach_as_many_as_surveys_find(
    tally: Tally, keys: str, low: float, high: float, years: float, least: float, most: float, source: str
) -> None:
    since = NOW - int(years * YEAR)
    covered = share(
        tally.group(low, high),
        lambda one: any(moment > since for key in keys.split() for moment in one.vaccines.get(key, ())),
    )
    assert least <= covered <= most, f"{covered:.2f}; published {source}"


def test_screening_reaches_as_many_as_surveys_find(tally: Tally) -> None:
    def within(key: str, years: float) -> Callable[[Somebody], bool]:
        return lambda one: any(moment > NOW - years * YEAR for moment in one.operations.get(key, ()))

    # BRFSS 2020: mammography 76 %, colorectal 72 %, cervical 78 %
    assert 0.7 <= share(tally.group(52, 75, "F"), within("mammography", 2)) <= 0.86
    assert 0.64 <= share(tally.group(55, 76), within("colonoscopy", 10)) <= 0.8
    assert 0.64 <= share(tally.group(26, 66, "F"), within("cervical_smear", 5)) <= 0.84


def test_operations_and_allergies(tally: Tally) -> None:
    years = sum(tally.years.values())
    # Siddiqi et al., Orthop Clin North Am 2022: about 3 knee and 2 hip replacements per 1,000 adults and year
    assert 1.8 <= 1000 * tally.operations["knee_replacement"] / years <= 4.5
    assert 0.8 <= 1000 * tally.operations["hip_replacement"] / years <= 2.6
    # Zhou et al., Allergy 2016;71:1305-13: 12.8 % with penicillins; Macy 2014: 7.9 %
    assert 0.07 <= share(tally.group(), lambda one: "penicillin" in one.allergies) <= 0.13


def test_errors_are_few_and_of_each_kind(tally: Tally) -> None:
    # Our choice; see `_life_treatment`.
    assert 0.0004 <= sum(tally.mistakes.values()) / tally.orders <= 0.006
    assert {"contraindicated", "duplicate", "dose", "not_stopped"} <= set(tally.mistakes)


@pytest.mark.parametrize("name", [finder.__name__ for finder in impossible.ALL])
def test_nothing_is_there_that_cannot_be(found: Found, name: str) -> None:
    assert not found.wrong[name]
