"""What people suffer from: long-term conditions, and what a visit or a stay in hospital is about.

Codes are ICD-10-CM, displays are shortened. How common a condition is, and which others make it likelier, is set by
hand to the order of magnitude that is usual among patients of a teaching hospital, who are sicker than the public.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._encounters import REASONS
from mab_gym.cohort._spec import DAY, HOUR, NOW
from mab_gym.cohort._streams import Bools, Floats, Ints

Traits = Mapping[str, Bools]
"""By key of a long-term condition or drug: who has it; shape ``(patients,)``."""


@dataclass(frozen=True, slots=True)
class LongTerm:
    """A condition that stays.

    Attributes:
        key: What other files call it.
        code: ICD-10-CM.
        display: Its name.
        odds: Odds of having it at 58 years.
        per_decade: Factor on the odds for each further ten years of age.
        factors: Factors on the odds for those who have another condition that stands earlier in the list.
        only: "F" or "M" where one sex alone can have it.
        least_age: Completed years before which it does not begin here.
    """

    key: str
    code: str
    display: str
    odds: float
    per_decade: float = 1.0
    factors: Mapping[str, float] = field(default_factory=dict)
    only: str = ""
    least_age: int = 2


LONG_TERM: Final = (
    LongTerm("obesity", "E66.9", "Obesity", 0.5, 0.95, least_age=8),
    LongTerm("smoking", "F17.210", "Nicotine dependence, cigarettes", 0.25, 0.9, least_age=15),
    LongTerm("alcohol", "F10.20", "Alcohol dependence", 0.1, 0.85, least_age=18),
    LongTerm("hypertension", "I10", "Essential hypertension", 1.1, 1.6, {"obesity": 1.8}, least_age=18),
    LongTerm(
        "diabetes", "E11.9", "Type 2 diabetes mellitus", 0.45, 1.2, {"obesity": 2.2, "hypertension": 1.5}, least_age=18
    ),
    LongTerm(
        "hyperglycemia",
        "E11.65",
        "Type 2 diabetes mellitus with hyperglycemia",
        0.0001,
        0.9,
        {"diabetes": 4000.0},
        least_age=18,
    ),
    LongTerm("hyperlipidemia", "E78.5", "Hyperlipidemia", 0.7, 1.35, {"diabetes": 2.0}, least_age=18),
    LongTerm(
        "ckd3",
        "N18.30",
        "Chronic kidney disease, stage 3",
        0.14,
        1.5,
        {"diabetes": 1.8, "hypertension": 2.0},
        least_age=18,
    ),
    LongTerm(
        "ckd4", "N18.4", "Chronic kidney disease, stage 4", 0.08, 1.2, {"diabetes": 2.0, "ckd3": 0.0}, least_age=18
    ),
    LongTerm(
        "esrd", "N18.6", "End stage renal disease", 0.13, 1.0, {"diabetes": 2.0, "ckd3": 0.0, "ckd4": 0.0}, least_age=18
    ),
    LongTerm(
        "coronary",
        "I25.10",
        "Coronary artery disease",
        0.22,
        1.7,
        {"diabetes": 1.8, "hyperlipidemia": 1.7},
        least_age=30,
    ),
    LongTerm("fibrillation", "I48.91", "Atrial fibrillation", 0.12, 1.9, {"hypertension": 1.5}, least_age=25),
    LongTerm(
        "heart_failure",
        "I50.9",
        "Heart failure",
        0.12,
        1.5,
        {"coronary": 3.0, "fibrillation": 2.0, "esrd": 2.0},
        least_age=25,
    ),
    LongTerm("copd", "J44.9", "Chronic obstructive pulmonary disease", 0.1, 1.4, {"smoking": 4.0}, least_age=35),
    LongTerm("asthma", "J45.909", "Asthma", 0.14, 0.9, {"copd": 0.3}),
    LongTerm("sleep_apnea", "G47.33", "Obstructive sleep apnea", 0.18, 1.0, {"obesity": 3.0}, least_age=16),
    LongTerm("cirrhosis", "K74.60", "Cirrhosis of liver", 0.06, 1.0, {"alcohol": 6.0}, least_age=25),
    LongTerm("cancer", "C80.1", "Malignant neoplasm", 0.18, 1.35, least_age=18),
    LongTerm("anemia", "D64.9", "Anemia", 0.25, 1.15, {"ckd4": 4.0, "esrd": 5.0, "ckd3": 1.8, "cancer": 2.0}),
    LongTerm("hypothyroidism", "E03.9", "Hypothyroidism", 0.15, 1.2, least_age=12),
    LongTerm("reflux", "K21.9", "Gastro-esophageal reflux disease", 0.45, 1.05, least_age=12),
    LongTerm("depression", "F32.9", "Major depressive disorder", 0.3, 0.9, least_age=12),
    LongTerm("anxiety", "F41.9", "Anxiety disorder", 0.3, 0.8, {"depression": 2.5}, least_age=8),
    LongTerm("osteoarthritis", "M19.90", "Osteoarthritis", 0.3, 1.6, least_age=35),
    LongTerm("osteoporosis", "M81.0", "Osteoporosis", 0.12, 1.9, {}, "F", least_age=50),
    LongTerm("prostate", "N40.0", "Benign prostatic hyperplasia", 0.3, 1.9, {}, "M", least_age=40),
    LongTerm(
        "stroke",
        "I69.30",
        "Sequelae of cerebral infarction",
        0.07,
        1.6,
        {"fibrillation": 2.0, "hypertension": 1.7},
        least_age=30,
    ),
    LongTerm("dementia", "F03.90", "Dementia", 0.02, 2.6, least_age=50),
    LongTerm("gout", "M10.9", "Gout", 0.08, 1.3, {"ckd3": 2.0, "obesity": 1.6}, least_age=25),
    LongTerm("neuropathy", "E11.42", "Diabetic polyneuropathy", 0.0001, 1.1, {"diabetes": 4500.0}, least_age=20),
    LongTerm("retinopathy", "E11.319", "Diabetic retinopathy", 0.0001, 1.0, {"diabetes": 2500.0}, least_age=20),
    LongTerm("migraine", "G43.909", "Migraine", 0.12, 0.7, least_age=8),
    LongTerm("back_pain", "M54.50", "Low back pain", 0.4, 1.05, least_age=16),
    LongTerm("vitamin_d", "E55.9", "Vitamin D deficiency", 0.25, 1.0),
    LongTerm("pain", "G89.29", "Chronic pain", 0.2, 1.0, {"back_pain": 2.5}, least_age=16),
    LongTerm(
        "malnutrition",
        "E46",
        "Protein-calorie malnutrition",
        0.06,
        1.1,
        {"cancer": 3.0, "cirrhosis": 3.0, "obesity": 0.0},
        least_age=18,
    ),
    LongTerm("allergy", "J30.9", "Allergic rhinitis", 0.3, 0.9),
)
"""In an order in which each depends on earlier ones alone.

Least ages lie where a clinician stops to wonder: dementia before 50 (Rossor et al., Lancet Neurol 2010;9:793-806),
benign prostatic hyperplasia before 40 (Berry et al., J Urol 1984;132:474-9), osteoporosis before the menopause (USPSTF,
JAMA 2018;319:2521-31), COPD before 35 (GOLD report 2023, chapter 2), coronary disease before 30 (Virani et al.,
Circulation 2020;141:e139), osteoarthritis before 35 (Hunter and Bierma-Zeinstra, Lancet 2019;393:1745-59), gout before
25 (Dehlin et al., Nat Rev Rheumatol 2020;16:380-90).
"""

OF_A_VISIT: Final = (
    ("Z00.00", "General adult medical examination"), ("Z23", "Encounter for immunization"), ("R05.9", "Cough"),
    ("R53.83", "Fatigue"), ("J06.9", "Acute upper respiratory infection"), ("R10.9", "Abdominal pain"),
    ("R07.9", "Chest pain"), ("M25.561", "Pain in right knee"), ("M25.511", "Pain in right shoulder"),
    ("R42", "Dizziness"), ("R51.9", "Headache"), ("R06.02", "Shortness of breath"), ("L30.9", "Dermatitis"),
    ("H52.4", "Presbyopia"), ("Z79.899", "Long term drug therapy"), ("G47.00", "Insomnia"), ("K59.00", "Constipation"),
    ("R60.9", "Edema"), ("N39.0", "Urinary tract infection"), ("Z12.11", "Screening for malignant neoplasm of colon"),
)  # fmt: skip
"""What an outpatient visit or an emergency may be about, besides long-term conditions."""

OF_A_STAY: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "none": (("R55", "Syncope"), ("R41.82", "Altered mental status"), ("R11.2", "Nausea with vomiting"),
             ("E87.1", "Hyponatremia"), ("E87.6", "Hypokalemia"), ("W19.XXXA", "Unspecified fall")),
    "infection": (("A41.9", "Sepsis"), ("J18.9", "Pneumonia"), ("N39.0", "Urinary tract infection"),
                  ("L03.90", "Cellulitis"), ("R50.9", "Fever"), ("R65.20", "Severe sepsis without septic shock")),
    "renal": (("N17.9", "Acute kidney failure"), ("E86.0", "Dehydration"), ("E87.5", "Hyperkalemia"),
              ("E87.20", "Acidosis"), ("E83.42", "Hypomagnesemia")),
    "cardiac": (("I50.23", "Acute on chronic systolic heart failure"),
    ("I21.4", "Non-ST elevation myocardial infarction"),
                ("R07.9", "Chest pain"), ("I47.10", "Supraventricular tachycardia"),
                ("J81.0", "Acute pulmonary edema")),
    "bleeding": (("K92.2", "Gastrointestinal hemorrhage"), ("D62", "Acute posthemorrhagic anemia"), ("K92.1", "Melena"),
                 ("D68.32", "Hemorrhagic disorder due to anticoagulants")),
    "surgery": (("Z47.1", "Aftercare following joint replacement"), ("K80.20", "Calculus of gallbladder"),
                ("S72.001A", "Fracture of right femoral neck"), ("G89.18", "Acute postprocedural pain"),
                ("K56.609", "Intestinal obstruction")),
    "respiratory": (("J96.01", "Acute respiratory failure with hypoxia"), ("J44.1", "COPD with acute exacerbation"),
                    ("J18.9", "Pneumonia"), ("R09.02", "Hypoxemia")),
}  # fmt: skip
"""What is found in a stay, by its reason."""

REASON_FACTORS: Final[Mapping[str, Mapping[str, float]]] = {
    "infection": {"diabetes": 1.5, "cancer": 1.5, "cirrhosis": 1.4, "esrd": 1.3},
    "renal": {"ckd3": 2.0, "ckd4": 3.0, "heart_failure": 1.5},
    "cardiac": {"heart_failure": 4.0, "coronary": 2.5, "fibrillation": 2.0, "hypertension": 1.3},
    "bleeding": {"cirrhosis": 4.0, "anemia": 1.5, "fibrillation": 1.4},
    "surgery": {"osteoarthritis": 1.8, "cancer": 1.6, "osteoporosis": 1.5},
    "respiratory": {"copd": 5.0, "asthma": 2.5, "smoking": 1.4, "heart_failure": 1.3},
}
"""How much likelier a long-term condition makes each reason for a stay."""


def draw_long_term(rng: RandomState, ages: Ints, female: Bools) -> dict[str, Bools]:
    """Who has which long-term condition."""
    traits: dict[str, Bools] = {}
    decades = (ages - 58.0) / 10.0
    for condition in LONG_TERM:
        odds = condition.odds * condition.per_decade**decades
        for other, factor in condition.factors.items():
            odds = np.where(traits[other], odds * factor, odds)
        has: Bools = rng.random_sample(len(ages)) * (1.0 + odds) < odds
        if condition.only:
            has &= female == (condition.only == "F")
        has &= ages > condition.least_age
        traits[condition.key] = has
    return traits


def reason_weights(traits: Traits, patients: int) -> Floats:
    """How likely each reason for a stay is; shape ``(patients, len(REASONS))``."""
    weights = np.ones((patients, len(REASONS)))
    for number, reason in enumerate(REASONS):
        for trait, factor in REASON_FACTORS.get(reason, {}).items():
            weights[:, number] *= np.where(traits[trait], factor, 1.0)
    return weights


def draw_onsets(rng: RandomState, births: Ints) -> Ints:
    """When each long-term condition began: mostly years before the chart does, never before its least age.

    Complications of diabetes begin after it.

    Args:
        rng: The stream to draw from.
        births: Shape ``(patients,)``; seconds since 1970.

    Returns:
        Shape ``(patients, conditions)``, in seconds since 1970; also for those whom nobody has.
    """
    shape = (len(births), len(LONG_TERM))
    long_ago, lately = 5.0 + 12.0 * rng.random_sample(shape) ** 2, 0.2 + 4.5 * rng.random_sample(shape)
    years = np.where(rng.random_sample(shape) < 0.75, long_ago, lately)
    began = NOW - np.floor(years * 365.25).astype(np.int64) * DAY - 3 * HOUR
    least = np.array([condition.least_age for condition in LONG_TERM], dtype=np.float64)
    earliest = births[:, None] + np.ceil(least * 365.25).astype(np.int64) * DAY
    # Whoever has it has had it for some months; who is too young for it does not have it.
    began = np.minimum(np.maximum(began, earliest), NOW - 80 * DAY)
    place = {condition.key: number for number, condition in enumerate(LONG_TERM)}
    for key in ("hyperglycemia", "neuropathy", "retinopathy"):
        began[:, place[key]] = np.maximum(began[:, place[key]], began[:, place["diabetes"]])
    onsets: Ints = began
    return onsets
