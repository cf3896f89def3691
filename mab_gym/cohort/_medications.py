"""Which drugs there are, and which of them people take for good.

NDC codes have the labeler-product-package form and stand for the product named beside them; they are data to search
for, not a source for dispensing. Doses are usual adult ones. Indications, sexes, ages and contraindications, each with
its source, are in `mab_gym.cohort._uses`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._conditions import LONG_TERM, Traits
from mab_gym.cohort._existence import USES_SINCE
from mab_gym.cohort._spec import NOW
from mab_gym.cohort._streams import Bools, Ints
from mab_gym.cohort._uses import USES, allowed

Dose = tuple[float | int, str, str]
"""Amount, unit, and how often."""


@dataclass(frozen=True, slots=True)
class Drug:
    """One product.

    Attributes:
        key: What other files call the drug.
        code: NDC.
        display: Name and strength.
        route: As written in orders.
        doses: The doses in use, the usual one first.
        indications: How likely somebody with the condition takes it for good.
        stay: Weight among the orders of a day on a ward, for whoever has none of the ``reasons``.
        reasons: Factor on that weight by reason for the stay.
        intensive: Factor on that weight in intensive care.
    """

    key: str
    code: str
    display: str
    route: str
    doses: tuple[Dose, ...]
    indications: Mapping[str, float] = field(default_factory=dict)
    stay: float = 0.0
    reasons: Mapping[str, float] = field(default_factory=dict)
    intensive: float = 1.0


DRUGS: Final = (
    Drug("metformin", "0087-6060-05", "Metformin 500 mg tablet", "oral",
         ((500, "mg", "twice daily"), (1000, "mg", "twice daily")), {"diabetes": 0.7}),
    Drug("insulin_glargine", "0088-2220-33", "Insulin glargine 100 unit/mL", "subcutaneous",
         ((10, "unit", "nightly"), (20, "unit", "nightly"), (32, "unit", "nightly")), {"diabetes": 0.4}),
    Drug("insulin_lispro", "0002-7510-01", "Insulin lispro 100 unit/mL", "subcutaneous",
         ((4, "unit", "with meals"), (6, "unit", "with meals"), (8, "unit", "with meals")), {"diabetes": 0.35}, 0.3),
    Drug("insulin_regular", "0002-8215-01", "Insulin regular 100 unit/mL", "IV",
         ((2, "unit", "once"), (4, "unit", "once")), {}, 0.2, {"infection": 1.5}, 6.0),
    Drug("empagliflozin", "0597-0152-30", "Empagliflozin 10 mg tablet", "oral",
         ((10, "mg", "daily"),), {"diabetes": 0.18, "heart_failure": 0.2}),
    Drug("lisinopril", "68180-980-01", "Lisinopril 10 mg tablet", "oral",
         ((10, "mg", "daily"), (20, "mg", "daily"), (40, "mg", "daily")), {"hypertension": 0.45, "diabetes": 0.2}),
    Drug("losartan", "0006-0952-54", "Losartan 50 mg tablet", "oral",
         ((50, "mg", "daily"), (100, "mg", "daily")), {"hypertension": 0.25}),
    Drug("amlodipine", "0069-1530-68", "Amlodipine 5 mg tablet", "oral",
         ((5, "mg", "daily"), (10, "mg", "daily")), {"hypertension": 0.4}),
    Drug("hydrochlorothiazide", "0603-3856-21", "Hydrochlorothiazide 25 mg tablet", "oral",
         ((25, "mg", "daily"), (12.5, "mg", "daily")), {"hypertension": 0.2}),
    Drug("metoprolol", "0186-1090-05", "Metoprolol succinate 50 mg tablet", "oral",
         ((50, "mg", "daily"), (100, "mg", "daily")), {"coronary": 0.5, "fibrillation": 0.5, "heart_failure": 0.4}),
    Drug("furosemide", "0054-4299-25", "Furosemide 40 mg tablet", "oral",
         ((40, "mg", "daily"), (20, "mg", "daily"), (80, "mg", "twice daily")),
         {"heart_failure": 0.8, "ckd4": 0.6, "cirrhosis": 0.5}),
    Drug("furosemide_iv", "0409-6102-04", "Furosemide 10 mg/mL injection", "IV",
         ((40, "mg", "twice daily"), (20, "mg", "once")), {}, 0.3, {"cardiac": 6.0, "renal": 1.5}, 2.0),
    Drug("spironolactone", "0025-1001-31", "Spironolactone 25 mg tablet", "oral",
         ((25, "mg", "daily"), (50, "mg", "daily")), {"heart_failure": 0.3, "cirrhosis": 0.5}),
    Drug("atorvastatin", "0071-0157-23", "Atorvastatin 40 mg tablet", "oral",
         ((40, "mg", "nightly"), (20, "mg", "nightly"), (80, "mg", "nightly")),
         {"hyperlipidemia": 0.65, "coronary": 0.5, "stroke": 0.5}),
    Drug("aspirin", "0280-2100-10", "Aspirin 81 mg tablet", "oral", ((81, "mg", "daily"),),
         {"coronary": 0.7, "stroke": 0.6}, 0.05, {"cardiac": 4.0}),
    Drug("clopidogrel", "63653-1171-6", "Clopidogrel 75 mg tablet", "oral",
         ((75, "mg", "daily"),), {"coronary": 0.2, "stroke": 0.2}),
    Drug("apixaban", "0003-0894-21", "Apixaban 5 mg tablet", "oral",
         ((5, "mg", "twice daily"), (2.5, "mg", "twice daily")), {"fibrillation": 0.5}),
    Drug("warfarin", "0056-0172-70", "Warfarin 5 mg tablet", "oral",
         ((5, "mg", "daily"), (2.5, "mg", "daily")), {"fibrillation": 0.25}),
    Drug("amiodarone", "0245-0147-60", "Amiodarone 200 mg tablet", "oral",
         ((200, "mg", "daily"),), {"fibrillation": 0.12}, 0.05, {"cardiac": 3.0}, 2.0),
    Drug("levothyroxine", "0074-4552-13", "Levothyroxine 50 mcg tablet", "oral",
         ((50, "ug", "daily"), (75, "ug", "daily"), (100, "ug", "daily")), {"hypothyroidism": 0.9}),
    Drug("albuterol", "0173-0682-20", "Albuterol 90 mcg/actuation inhaler", "inhaled",
         ((2, "puff", "every 4 hours as needed"),), {"copd": 0.8, "asthma": 0.8}, 0.1, {"respiratory": 6.0}),
    Drug("tiotropium", "0597-0075-41", "Tiotropium 18 mcg inhaler", "inhaled", ((18, "ug", "daily"),), {"copd": 0.6}),
    Drug("fluticasone_salmeterol", "0173-0696-00", "Fluticasone-salmeterol 250-50 mcg inhaler", "inhaled",
         ((1, "puff", "twice daily"),), {"asthma": 0.4, "copd": 0.4}),
    Drug("prednisone", "0054-0018-25", "Prednisone 20 mg tablet", "oral",
         ((40, "mg", "daily"), (20, "mg", "daily"), (10, "mg", "daily")), {"copd": 0.1}, 0.1, {"respiratory": 8.0}),
    Drug("omeprazole", "0186-0742-31", "Omeprazole 20 mg capsule", "oral",
         ((20, "mg", "daily"), (40, "mg", "daily")), {"reflux": 0.7}),
    Drug("pantoprazole", "0008-0841-81", "Pantoprazole 40 mg tablet", "oral",
         ((40, "mg", "daily"), (40, "mg", "twice daily")), {"cirrhosis": 0.3}, 0.4, {"bleeding": 6.0}, 2.0),
    Drug("sertraline", "0049-4900-66", "Sertraline 50 mg tablet", "oral",
         ((50, "mg", "daily"), (100, "mg", "daily")), {"depression": 0.55, "anxiety": 0.4}),
    Drug("gabapentin", "0071-0805-24", "Gabapentin 300 mg capsule", "oral",
         ((300, "mg", "three times daily"), (300, "mg", "nightly")), {"neuropathy": 0.7, "pain": 0.5}),
    Drug("tamsulosin", "0597-0058-01", "Tamsulosin 0.4 mg capsule", "oral", ((0.4, "mg", "daily"),), {"prostate": 0.7}),
    Drug("allopurinol", "0603-2115-21", "Allopurinol 100 mg tablet", "oral",
         ((100, "mg", "daily"), (300, "mg", "daily")), {"gout": 0.7}),
    Drug("alendronate", "0006-0031-44", "Alendronate 70 mg tablet", "oral",
         ((70, "mg", "once weekly"),), {"osteoporosis": 0.6}),
    Drug("donepezil", "62856-246-30", "Donepezil 10 mg tablet", "oral",
         ((10, "mg", "nightly"), (5, "mg", "nightly")), {"dementia": 0.5}),
    Drug("lactulose", "0121-0577-16", "Lactulose 10 g/15 mL solution", "oral",
         ((20, "g", "three times daily"),), {"cirrhosis": 0.5}),
    Drug("sevelamer", "58468-0130-1", "Sevelamer 800 mg tablet", "oral",
         ((800, "mg", "three times daily with meals"), (1600, "mg", "three times daily with meals")), {"esrd": 0.7}),
    Drug("epoetin", "55513-144-10", "Epoetin alfa 10,000 unit/mL injection", "subcutaneous",
         ((10000, "unit", "once weekly"),), {"esrd": 0.6, "ckd4": 0.25}),
    Drug("ferrous_sulfate", "0904-7590-60", "Ferrous sulfate 325 mg tablet", "oral",
         ((325, "mg", "daily"),), {"anemia": 0.5}, 0.05, {"bleeding": 2.0}),
    Drug("cholecalciferol", "0904-5824-60", "Cholecalciferol 1,000 unit tablet", "oral",
         ((1000, "unit", "daily"), (2000, "unit", "daily")), {"vitamin_d": 0.7, "osteoporosis": 0.5}),
    Drug("cetirizine", "0904-6717-60", "Cetirizine 10 mg tablet", "oral", ((10, "mg", "daily"),), {"allergy": 0.6}),
    Drug("sumatriptan", "0173-0736-01", "Sumatriptan 50 mg tablet", "oral",
         ((50, "mg", "once as needed"),), {"migraine": 0.6}),
    Drug("ibuprofen", "0904-5853-40", "Ibuprofen 400 mg tablet", "oral",
         ((400, "mg", "every 6 hours as needed"),), {"osteoarthritis": 0.35, "back_pain": 0.3}),
    Drug("oxycodone", "0406-0552-01", "Oxycodone 5 mg tablet", "oral",
         ((5, "mg", "every 4 hours as needed"), (10, "mg", "every 6 hours as needed")), {"pain": 0.35, "cancer": 0.3},
         0.4, {"surgery": 5.0}),
    Drug("acetaminophen", "0904-6773-24", "Acetaminophen 325 mg tablet", "oral",
         ((650, "mg", "every 6 hours as needed"),), {"osteoarthritis": 0.3}, 1.2),
    Drug("ondansetron", "0641-6078-25", "Ondansetron 2 mg/mL injection", "IV",
         ((4, "mg", "every 8 hours as needed"),), {}, 0.8, {"surgery": 2.0}),
    Drug("morphine", "0409-1891-01", "Morphine 4 mg/mL injection", "IV",
         ((2, "mg", "every 4 hours as needed"), (4, "mg", "every 4 hours as needed")), {}, 0.35, {"surgery": 3.0}, 2.0),
    Drug("heparin", "63323-262-01", "Heparin 5,000 unit/mL injection", "subcutaneous",
         ((5000, "unit", "every 8 hours"), (5000, "unit", "every 12 hours")), {}, 0.5),
    Drug("enoxaparin", "0075-0620-40", "Enoxaparin 40 mg/0.4 mL syringe", "subcutaneous",
         ((40, "mg", "daily"), (30, "mg", "daily")), {}, 0.5, {"surgery": 2.5, "bleeding": 0.1}),
    Drug("vancomycin", "0409-6533-01", "Vancomycin 1 g injection", "IV",
         ((1, "g", "every 12 hours"), (1.25, "g", "every 12 hours")), {}, 0.15, {"infection": 8.0}, 2.0),
    Drug("ceftriaxone", "0409-7332-01", "Ceftriaxone 1 g injection", "IV",
         ((1, "g", "daily"), (2, "g", "daily")), {}, 0.2, {"infection": 6.0, "respiratory": 3.0}),
    Drug("piperacillin", "0206-8862-01", "Piperacillin-tazobactam 4.5 g injection", "IV",
         ((4.5, "g", "every 8 hours"),), {}, 0.12, {"infection": 7.0}, 2.0),
    Drug("cefazolin", "0143-9924-90", "Cefazolin 1 g injection", "IV", ((2, "g", "once"),), {}, 0.1, {"surgery": 10.0}),
    Drug("ipratropium_albuterol", "0487-0201-01", "Ipratropium-albuterol nebulizer solution", "inhaled",
         ((3, "mL", "every 6 hours"),), {}, 0.1, {"respiratory": 12.0}),
    Drug("norepinephrine", "0409-3375-04", "Norepinephrine 1 mg/mL injection", "IV",
         ((8, "mg", "as continuous infusion"),), {}, 0.02, {"infection": 2.0}, 20.0),
    Drug("propofol", "63323-269-29", "Propofol 10 mg/mL emulsion", "IV",
         ((100, "mg", "as continuous infusion"),), {}, 0.01, {"respiratory": 3.0}, 30.0),
    Drug("saline", "0338-0049-04", "Sodium chloride 0.9 % infusion", "IV",
         ((1000, "mL", "once"), (500, "mL", "once"), (75, "mL", "hourly")), {}, 1.4,
         {"infection": 1.6, "bleeding": 1.5}),
    Drug("ringer", "0338-0117-04", "Lactated Ringer's infusion", "IV",
         ((1000, "mL", "once"), (100, "mL", "hourly")), {}, 0.6, {"surgery": 2.5}),
    Drug("potassium_oral", "40032-917-01", "Potassium chloride 20 mEq extended-release tablet", "oral",
         ((20, "mEq", "once"), (40, "mEq", "once"), (20, "mEq", "daily")), {}, 0.5, {"cardiac": 2.5}),
    Drug("potassium_iv", "0338-0705-48", "Potassium chloride 20 mEq/100 mL infusion", "IV",
         ((20, "mEq", "once"),), {}, 0.15, {"cardiac": 1.5}, 3.0),
    Drug("magnesium_iv", "0338-1715-40", "Magnesium sulfate 1 g/100 mL infusion", "IV",
         ((1, "g", "once"), (2, "g", "once"), (4, "g", "once")), {}, 0.4, {"cardiac": 2.0, "renal": 1.5}, 2.0),
    Drug("senna", "0904-6725-60", "Senna 8.6 mg tablet", "oral", ((2, "tablet", "nightly"),), {}, 0.6,
         {"surgery": 1.5}),
    Drug("melatonin", "0904-6305-60", "Melatonin 3 mg tablet", "oral", ((3, "mg", "nightly"),), {}, 0.4),
    Drug("influenza_vaccine", "49281-0423-50", "Influenza vaccine 0.5 mL syringe", "intramuscular",
         ((0.5, "mL", "once"),), {}, 0.0),
    Drug("amoxicillin_clavulanate", "0093-2275-34", "Amoxicillin-clavulanate 875-125 mg tablet", "oral",
         ((1, "tablet", "twice daily for 7 days"),), {}, 0.1, {"infection": 2.0, "respiratory": 2.0}),
)  # fmt: skip

REPLACEMENTS: Final[Mapping[str, tuple[str, tuple[float, ...]]]] = {
    "potassium_oral": ("K", (3.5, 3.0)),
    "potassium_iv": ("K", (3.5,)),
    "magnesium_iv": ("MG", (2.0, 1.5, 1.0)),
}
"""Electrolyte replacement: the result it is an answer to, and below which level each of the drug's doses is given.

Nobody has an order of the last two days, which would anticipate what the tasks ask for.
"""


def draw_drugs(rng: RandomState, traits: Traits, female: Bools, ages: Ints) -> dict[str, Bools]:
    """Who takes which drug for good.

    Args:
        rng: The stream to draw from.
        traits: Long-term conditions.
        female: Shape ``(patients,)``.
        ages: Shape ``(patients,)``; in years when the chart begins.
    """
    may, takes = allowed(traits, female, ages), dict[str, Bools]()
    for drug in DRUGS:
        spared = np.ones(len(female))
        for condition, chance in drug.indications.items():
            spared *= np.where(traits[condition], 1.0 - chance, 1.0)
        takes[drug.key] = (rng.random_sample(len(female)) >= spared) & may[drug.key]
    for key, use in USES.items():
        for other in use.not_with:
            takes[key] &= ~takes[other]
    return takes


def draw_begins(traits: Traits, onsets: Ints) -> Ints:
    """Since when each drug can have been ordered for somebody who takes it for good: the first of its conditions.

    Args:
        traits: Long-term conditions and drugs.
        onsets: Shape ``(patients, conditions)``; see `mab_gym.cohort._conditions.draw_onsets`.

    Returns:
        Shape ``(patients, drugs)``, in seconds since 1970.
    """
    result = np.zeros((len(onsets), len(DRUGS)), dtype=np.int64)
    for number, drug in enumerate(DRUGS):
        first = np.full(len(onsets), NOW, dtype=np.int64)
        for place, condition in enumerate(LONG_TERM):
            if condition.key in drug.indications:
                begun = np.maximum(onsets[:, place], USES_SINCE.get((drug.key, condition.code), 0))
                first = np.where(traits[condition.key], np.minimum(first, begun), first)
        result[:, number] = np.where(traits[drug.key], first, 0)
    return result
