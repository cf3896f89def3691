"""What can be done for people.

Codes are CPT; the displays are this project's own short wording.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of procedure.

    Attributes:
        code: CPT.
        display: Its name.
        settings: Weights at an outpatient visit, in the emergency department, on a ward and in intensive care.
        traits: Factor on the weights for those who have a condition or take a drug.
        reasons: Factor on the weights by reason for a stay.
        hours: How long it takes, where that is recorded as a period; 0 where a point in time is.
        only: "F" or "M" where it is done for one sex alone.
        rare: Whether it is done only for those whom ``traits`` or ``reasons`` name.
    """

    code: str
    display: str
    settings: tuple[float, float, float, float]
    traits: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, float] = field(default_factory=dict)
    hours: int = 0
    only: str = ""
    rare: bool = False


KINDS: Final = (
    # The first stands in the place of what cannot be (see `mab_gym.cohort._limits`).
    Kind("36415", "Venipuncture", (0.7, 0.6, 1.2, 1.0)),
    Kind("80048", "Basic metabolic panel", (0.4, 0.6, 1.2, 1.5)),
    Kind("80053", "Comprehensive metabolic panel", (0.5, 0.4, 0.3, 0.3)),
    Kind("85025", "Complete blood count with differential", (0.5, 0.6, 1.1, 1.2)),
    Kind("83735", "Magnesium measurement", (0.05, 0.1, 0.8, 1.2)),
    Kind("84132", "Potassium measurement", (0.05, 0.1, 0.3, 0.8)),
    Kind("84100", "Phosphate measurement", (0.05, 0.05, 0.5, 1.0), {"esrd": 2.0}),
    Kind("82962", "Glucose measurement at bedside", (0.05, 0.3, 1.0, 1.6), {"diabetes": 2.5}),
    Kind("85610", "Prothrombin time", (0.1, 0.2, 0.3, 0.6), {"warfarin": 4.0}),
    Kind("80061", "Lipid panel", (0.2, 0.0, 0.02, 0.0), {"hyperlipidemia": 1.8}),
    Kind("84443", "Thyroid stimulating hormone", (0.12, 0.0, 0.02, 0.02), {"hypothyroidism": 3.0}),
    Kind("83880", "Natriuretic peptide", (0.03, 0.1, 0.1, 0.1), {"heart_failure": 4.0}),
    Kind("84484", "Troponin", (0.0, 0.4, 0.15, 0.3), {"coronary": 2.0}, {"cardiac": 3.0}),
    Kind("87040", "Blood culture", (0.0, 0.2, 0.15, 0.3), {}, {"infection": 4.0}),
    Kind("81001", "Urinalysis", (0.2, 0.4, 0.1, 0.1)),
    Kind("82803", "Blood gas analysis", (0.0, 0.1, 0.05, 1.5), {"copd": 1.5}, {"respiratory": 2.0}),
    Kind("93000", "Electrocardiogram", (0.15, 0.5, 0.15, 0.2), {"coronary": 1.7, "fibrillation": 1.7}),
    Kind("93306", "Echocardiogram", (0.05, 0.02, 0.06, 0.08), {"heart_failure": 2.5}, {"cardiac": 3.0}),
    Kind("71045", "Chest X-ray, one view", (0.05, 0.5, 0.25, 0.8), {"copd": 1.4}, {"respiratory": 2.0}),
    Kind("71046", "Chest X-ray, two views", (0.12, 0.2, 0.05, 0.0)),
    Kind("70450", "CT of head without contrast", (0.01, 0.2, 0.03, 0.06), {"stroke": 2.0, "dementia": 1.5}),
    Kind("74177", "CT of abdomen and pelvis with contrast", (0.03, 0.2, 0.04, 0.04), {"cancer": 3.0}),
    Kind("71260", "CT of chest with contrast", (0.02, 0.06, 0.02, 0.02), {"cancer": 3.0}),
    Kind("76700", "Ultrasound of abdomen", (0.03, 0.08, 0.03, 0.03), {"cirrhosis": 4.0}),
    Kind("73721", "MRI of lower limb joint", (0.03, 0.0, 0.0, 0.0), {"osteoarthritis": 2.5}),
    Kind("73562", "X-ray of knee", (0.06, 0.05, 0.01, 0.0), {"osteoarthritis": 3.0}),
    Kind("77080", "Bone density scan", (0.03, 0.0, 0.0, 0.0), {"osteoporosis": 4.0}),
    Kind("77067", "Screening mammography", (0.08, 0.0, 0.0, 0.0), {}, {}, 0, "F"),
    Kind("99213", "Office visit, established patient, low complexity", (0.6, 0.0, 0.0, 0.0)),
    Kind("99214", "Office visit, established patient, moderate complexity", (0.9, 0.0, 0.0, 0.0)),
    Kind("99284", "Emergency department visit", (0.0, 1.2, 0.0, 0.0)),
    Kind("99232", "Subsequent hospital care", (0.0, 0.0, 1.6, 0.0)),
    Kind("99291", "Critical care, first hour", (0.0, 0.05, 0.02, 1.6)),
    Kind("90471", "Immunization administration", (0.15, 0.02, 0.01, 0.0)),
    Kind("92014", "Eye examination", (0.06, 0.0, 0.0, 0.0), {"diabetes": 3.0, "retinopathy": 2.0}),
    Kind("11721", "Debridement of nails", (0.02, 0.0, 0.0, 0.0), {"neuropathy": 6.0}),
    Kind("94010", "Spirometry", (0.03, 0.0, 0.0, 0.0), {"copd": 4.0, "asthma": 3.0}),
    Kind("95811", "Sleep study with airway pressure", (0.01, 0.0, 0.0, 0.0), {"sleep_apnea": 5.0}, {}, 7),
    Kind("45378", "Colonoscopy", (0.04, 0.0, 0.01, 0.0), {"anemia": 1.5}, {"bleeding": 4.0}, 1),
    Kind("43239", "Upper endoscopy with biopsy", (0.03, 0.01, 0.02, 0.02), {"reflux": 1.5}, {"bleeding": 5.0}, 1),
    Kind("96374", "Intravenous push", (0.03, 0.8, 0.7, 0.8)),
    Kind("96365", "Intravenous infusion, first hour", (0.06, 0.4, 0.5, 0.6), {"cancer": 2.0}, {"infection": 1.5}),
    Kind("96372", "Injection, subcutaneous or intramuscular", (0.1, 0.1, 0.6, 0.4)),
    Kind("96413", "Chemotherapy infusion", (0.3, 0.0, 0.05, 0.0), {"cancer": 1.0}, {}, 3, "", True),
    Kind("77385", "Radiation treatment delivery", (0.25, 0.0, 0.02, 0.0), {"cancer": 1.0}, {}, 0, "", True),
    Kind("90935", "Hemodialysis", (0.9, 0.1, 0.5, 0.6), {"esrd": 1.0}, {}, 4, "", True),
    Kind("36430", "Transfusion of blood", (0.01, 0.05, 0.06, 0.15), {"anemia": 2.0}, {"bleeding": 6.0}, 2),
    Kind("97110", "Therapeutic exercise", (0.2, 0.0, 0.5, 0.2), {"osteoarthritis": 1.6}, {"surgery": 2.0}),
    Kind("97161", "Physical therapy evaluation", (0.05, 0.02, 0.15, 0.1), {"stroke": 1.7}, {"surgery": 2.0}),
    Kind("97535", "Training in self-care", (0.02, 0.0, 0.15, 0.05), {"stroke": 2.0, "dementia": 1.6}),
    Kind("92526", "Treatment of swallowing", (0.01, 0.0, 0.05, 0.03), {"stroke": 4.0}),
    Kind("97802", "Nutrition therapy", (0.04, 0.0, 0.1, 0.1), {"diabetes": 2.0, "malnutrition": 3.0}),
    Kind("90837", "Psychotherapy", (0.08, 0.0, 0.01, 0.0), {"depression": 3.0, "anxiety": 2.0}),
    Kind("94640", "Nebulizer treatment", (0.03, 0.3, 0.3, 0.6), {"copd": 2.5, "asthma": 2.0}, {"respiratory": 4.0}),
    Kind("94002", "Ventilation management, first day", (0.0, 0.02, 0.0, 0.6), {}, {"respiratory": 2.0}, 24),
    Kind("31500", "Endotracheal intubation", (0.0, 0.03, 0.0, 0.08), {}, {"respiratory": 2.0}),
    Kind("36556", "Central venous catheter insertion", (0.0, 0.01, 0.02, 0.15)),
    Kind("36620", "Arterial catheter insertion", (0.0, 0.0, 0.0, 0.15)),
    Kind("51702", "Bladder catheter insertion", (0.01, 0.1, 0.08, 0.15), {"prostate": 1.8}),
    Kind("49083", "Paracentesis with imaging", (0.1, 0.05, 0.1, 0.05), {"cirrhosis": 1.0}, {}, 1, "", True),
    Kind("32555", "Thoracentesis with imaging", (0.0, 0.0, 0.02, 0.03), {"heart_failure": 1.7, "cancer": 2.0}, {}, 1),
    Kind("93458", "Coronary angiography", (0.02, 0.0, 0.04, 0.06), {"coronary": 1.0}, {"cardiac": 1.5}, 1, "", True),
    Kind("92928", "Coronary stent placement", (0.0, 0.0, 0.02, 0.03), {"coronary": 1.0}, {}, 2, "", True),
    Kind("92960", "Cardioversion", (0.02, 0.03, 0.02, 0.03), {"fibrillation": 1.0}, {}, 0, "", True),
    Kind("27447", "Knee replacement", (0.0, 0.0, 0.03, 0.0), {"osteoarthritis": 1.0}, {"surgery": 3.0}, 2, "", True),
    Kind("27236", "Fixation of femoral neck fracture", (0.0, 0.0, 0.01, 0.0), {"osteoporosis": 2.0},
         {"surgery": 4.0}, 2),
    Kind("47562", "Laparoscopic cholecystectomy", (0.0, 0.0, 0.01, 0.0), {}, {"surgery": 5.0}, 2),
    Kind("20610", "Injection into a major joint", (0.06, 0.0, 0.0, 0.0), {"osteoarthritis": 3.0}),
    Kind("66984", "Cataract surgery", (0.01, 0.0, 0.0, 0.0), {"diabetes": 1.6}, {}, 1),
    Kind("97597", "Wound debridement", (0.03, 0.02, 0.05, 0.04), {"diabetes": 2.0, "neuropathy": 2.0}),
    Kind("99497", "Advance care planning", (0.02, 0.0, 0.05, 0.1), {"cancer": 2.0, "dementia": 2.0}),
)  # fmt: skip
