"""What each drug is for, who is given it, and who must not be.

Sources are the drugs' prescribing information ("PI": section 1 says the indications, 4 the contraindications), as
DailyMed has it, or the guideline that is named. Ages are those before which the use would make a clinician
wonder, which for drugs of old age follows the condition (see `mab_gym.cohort._conditions.LONG_TERM`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mab_gym.cohort._conditions import LONG_TERM, Traits
from mab_gym.cohort._streams import Bools, Ints


@dataclass(frozen=True, slots=True)
class Use:
    """Whom a drug is for.

    Attributes:
        conditions: What it is given for: keys of long-term conditions, or ICD-10-CM codes of what a visit or a stay is
            about. Empty where being in hospital is reason enough.
        source: Where that is said.
        never: Long-term conditions with which it is not given.
        only: "F" or "M" where one sex alone is given it.
        least_age: Completed years from which on it is given.
        reasons: Reasons for a stay in which it is ordered for the stay; empty where any will do.
        not_with: Drugs beside which it is not given.
    """

    conditions: tuple[str, ...]
    source: str
    never: tuple[str, ...] = ()
    only: str = ""
    least_age: int = 0
    reasons: tuple[str, ...] = ()
    not_with: tuple[str, ...] = ()


_KIDNEYS = ("ckd4", "esrd")
_PAINS = ("osteoarthritis", "back_pain", "pain", "migraine", "M25.561", "M25.511", "R51.9", "R50.9", "G89.18", "R07.9",
          "R10.9", "J06.9")  # fmt: skip
_INFECTIONS = ("infection", "respiratory")

USES: Final[Mapping[str, Use]] = {
    "metformin": Use(("diabetes",), "Glucophage PI 1, 4 (eGFR below 30)", _KIDNEYS, least_age=10),
    "insulin_glargine": Use(("diabetes",), "Lantus PI 1", least_age=6),
    "insulin_lispro": Use(("diabetes", "hyperglycemia"), "Humalog PI 1; ADA Standards of Care 2023, 16"),
    "insulin_regular": Use(("diabetes", "E87.5"), "Humulin R PI 1; ADA Standards of Care 2023, 16", least_age=18),
    "empagliflozin": Use(("diabetes", "heart_failure"), "Jardiance PI 1, 4 (dialysis)", _KIDNEYS, least_age=18),
    "lisinopril": Use(("hypertension", "heart_failure", "diabetes"), "Zestril PI 1; ADA Standards of Care 2023, 11",
                      least_age=16),
    "losartan": Use(("hypertension",), "Cozaar PI 1; ONTARGET, N Engl J Med 2008;358:1547-59", least_age=16,
                    not_with=("lisinopril",)),
    "amlodipine": Use(("hypertension", "coronary"), "Norvasc PI 1", least_age=16),
    "hydrochlorothiazide": Use(("hypertension", "R60.9"), "Hydrochlorothiazide PI 1, 4 (anuria)", _KIDNEYS,
                               least_age=18),
    "metoprolol": Use(("coronary", "fibrillation", "heart_failure", "hypertension"),
                      "Toprol-XL PI 1; ACC/AHA atrial fibrillation guideline 2023, 6.3", least_age=18),
    "furosemide": Use(("heart_failure", "ckd4", "cirrhosis", "R60.9"), "Lasix PI 1", least_age=18),
    "furosemide_iv": Use(("heart_failure", "ckd4", "cirrhosis", "J81.0", "R60.9"), "Furosemide injection PI 1",
                         least_age=18, reasons=("cardiac", "renal", "respiratory")),
    "spironolactone": Use(("heart_failure", "cirrhosis"), "Aldactone PI 1, 4 (hyperkalaemia)", _KIDNEYS, least_age=18),
    "atorvastatin": Use(("hyperlipidemia", "coronary", "stroke"), "Lipitor PI 1, 4 (decompensated cirrhosis)",
                        ("cirrhosis",), least_age=18),
    "aspirin": Use(("coronary", "stroke", "I21.4"), "Durlaza PI 1; not for primary prevention: JAMA 2022;327:1577-84",
                   least_age=30, reasons=("cardiac",)),
    "clopidogrel": Use(("coronary", "stroke"), "Plavix PI 1", least_age=30),
    "apixaban": Use(("fibrillation", "I82.409", "I26.99"), "Eliquis PI 1", least_age=18),
    "warfarin": Use(("fibrillation", "I82.409", "I26.99"), "Coumadin PI 1, 4 (bleeding tendency)", ("cirrhosis",),
                    least_age=18, not_with=("apixaban",)),
    "amiodarone": Use(("fibrillation", "I47.10"), "ACC/AHA atrial fibrillation guideline 2023, 8.4", least_age=25,
                      reasons=("cardiac",)),
    "levothyroxine": Use(("hypothyroidism",), "Synthroid PI 1"),
    "albuterol": Use(("copd", "asthma"), "Ventolin HFA PI 1", reasons=("respiratory",)),
    "tiotropium": Use(("copd",), "Spiriva HandiHaler PI 1", least_age=35),
    "fluticasone_salmeterol": Use(("asthma", "copd"), "Advair Diskus PI 1"),
    "prednisone": Use(("copd", "asthma", "J44.1"), "Prednisone PI 1; GOLD report 2023, chapter 5",
                      reasons=("respiratory",)),
    "omeprazole": Use(("reflux",), "Prilosec PI 1"),
    "pantoprazole": Use(("reflux", "cirrhosis", "K92.2"), "Protonix PI 1; ACG, Am J Gastroenterol 2021;116:899"),
    "sertraline": Use(("depression", "anxiety"), "Zoloft PI 1", least_age=12),
    "gabapentin": Use(("neuropathy", "pain"), "Neurontin PI 1; ADA Standards of Care 2023, 12", least_age=16),
    "tamsulosin": Use(("prostate",), "Flomax PI 1 (men alone)", only="M", least_age=40),
    "allopurinol": Use(("gout",), "Zyloprim PI 1", least_age=25),
    "alendronate": Use(("osteoporosis",), "Fosamax PI 1 (after the menopause), 8.6 (clearance below 35)", _KIDNEYS,
                       only="F", least_age=50),
    "donepezil": Use(("dementia",), "Aricept PI 1", least_age=50),
    "lactulose": Use(("cirrhosis",), "Enulose PI, indications", least_age=18),
    "sevelamer": Use(("esrd",), "Renvela PI 1", least_age=18),
    "epoetin": Use(("esrd", "ckd4"), "Epogen PI 1", least_age=18),
    "ferrous_sulfate": Use(("anemia", "D62"), "WHO guideline on iron supplementation 2016", reasons=("bleeding",)),
    "cholecalciferol": Use(("vitamin_d", "osteoporosis"), "Endocrine Society, J Clin Endocrinol Metab 2011;96:1911-30"),
    "cetirizine": Use(("allergy",), "Zyrtec drug facts"),
    "sumatriptan": Use(("migraine",), "Imitrex PI 1, 4 (coronary disease, stroke)", ("coronary", "stroke"),
                       least_age=18),
    "ibuprofen": Use(_PAINS, "Motrin PI 1, 5, 7 (bleeding); AGS Beers criteria 2023",
                     (*_KIDNEYS, "ckd3", "heart_failure", "cirrhosis", "coronary", "stroke", "fibrillation"),
                     least_age=12, not_with=("warfarin", "apixaban", "clopidogrel")),
    "oxycodone": Use(("pain", "cancer", "G89.18"), "Roxicodone PI 1", least_age=18, reasons=("surgery", "bleeding")),
    "acetaminophen": Use(_PAINS, "Tylenol drug facts"),
    "ondansetron": Use(("R11.2", "cancer"), "Zofran injection PI 1"),
    "morphine": Use(("G89.18", "R07.9", "R10.9"), "Morphine injection PI 1", least_age=18,
                    reasons=("surgery", "cardiac", "bleeding")),
    "heparin": Use((), "Heparin PI 1; ASH guideline, Blood Adv 2018;2:3198-225", least_age=18,
                   reasons=("none", "infection", "renal", "cardiac", "surgery", "respiratory")),
    "enoxaparin": Use((), "Lovenox PI 1; ASH guideline, Blood Adv 2018;2:3198-225", ("esrd",), least_age=18,
                      reasons=("none", "infection", "cardiac", "surgery", "respiratory")),
    "vancomycin": Use(("A41.9", "L03.90", "J18.9", "R65.20"), "Vancomycin PI 1", reasons=_INFECTIONS),
    "ceftriaxone": Use(("A41.9", "J18.9", "N39.0", "L03.90"), "Ceftriaxone PI 1", reasons=_INFECTIONS),
    "piperacillin": Use(("A41.9", "J18.9", "L03.90"), "Zosyn PI 1", reasons=_INFECTIONS),
    "cefazolin": Use((), "Cefazolin PI 1 (perioperative prophylaxis)", reasons=("surgery",)),
    "ipratropium_albuterol": Use(("copd", "asthma", "J96.01"), "DuoNeb PI 1", reasons=("respiratory",)),
    "norepinephrine": Use((), "Levophed PI 1", reasons=("infection", "cardiac", "bleeding")),
    "propofol": Use((), "Diprivan PI 1", least_age=16, reasons=("infection", "respiratory", "surgery", "cardiac")),
    "saline": Use((), "Sodium chloride injection PI, indications"),
    "ringer": Use((), "Lactated Ringer's injection PI, indications"),
    "potassium_oral": Use((), "K-Tab PI 1, and a low result"),
    "potassium_iv": Use((), "Potassium chloride injection PI 1, and a low result"),
    "magnesium_iv": Use((), "Magnesium sulfate PI, indications, and a low result"),
    "senna": Use(("K59.00",), "Senokot drug facts"),
    "melatonin": Use(("G47.00",), "a dietary supplement; AASM, J Clin Sleep Med 2017;13:307-49", least_age=18),
    "influenza_vaccine": Use((), "CDC/ACIP, MMWR Recomm Rep 2023;72(2):1-25 (everybody, once a season)"),
    "amoxicillin_clavulanate": Use(("J18.9", "N39.0", "J44.1"), "Augmentin PI 1", reasons=_INFECTIONS),
}  # fmt: skip
"""By key of the drug."""

CODES: Final = {condition.key: condition.code for condition in LONG_TERM}


def codes_for(key: str) -> tuple[str, ...]:
    """The ICD-10-CM codes of what a drug is given for."""
    return tuple(CODES.get(name, name) for name in USES[key].conditions)


def may_take(key: str, *, codes: frozenset[str], female: bool, age: int) -> bool:
    """Tells if somebody can be given a drug, whatever for.

    Args:
        key: The drug.
        codes: ICD-10-CM codes of what is known of them.
        female: Their sex.
        age: Their age.
    """
    use = USES[key]
    fits = use.only in ("", "F" if female else "M") and age >= use.least_age
    return fits and not any(CODES[name] in codes for name in use.never)


def allowed(traits: Traits, female: Bools, ages: Ints) -> dict[str, Bools]:
    """Who can be given each drug throughout a chart.

    Args:
        traits: Long-term conditions, and drugs where it is known who takes them.
        female: Shape ``(patients,)``.
        ages: Shape ``(patients,)``; in years when the chart begins.

    Returns:
        By drug, shape ``(patients,)``.
    """
    result: dict[str, Bools] = {}
    for key, use in USES.items():
        fits: Bools = ages >= use.least_age
        if use.only:
            fits &= female == (use.only == "F")
        for name in (*use.never, *(drug for drug in use.not_with if drug in traits)):
            fits &= ~np.asarray(traits[name])
        result[key] = fits
    return result
