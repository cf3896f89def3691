"""The orders that a colleague may leave, each with its worth in a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from .person import Person
from .worths import (
    ARTERIES,
    CEPHALEXIN,
    CIPRO,
    DIARRHEA,
    KIDNEYS,
    NEVER,
    REACTION,
    SEROTONIN,
    TWICE,
    Worth,
    acid,
    apixaban,
    arb,
    aspirin,
    beta,
    by_penicillin,
    ceftriaxone,
    contrast,
    enoxaparin,
    famotidine,
    fine_if,
    furosemide,
    gabapentin,
    nicotine,
    nitrofurantoin,
    nsaid,
    potassium,
    refused,
    safe_liver,
    sitagliptin,
    spironolactone,
    statin,
    sulfa,
    tight,
)


class Draft(NamedTuple):
    """An order that may be left.

    Attributes:
        slot: Of each slot at most one draft is left.
        drug: The ingredient.
        code: Its RxNorm code.
        name: As it stands in the order.
        dose: One dose.
        unit: Its unit.
        route: SNOMED CT code of the route.
        hours: Hours between doses; 0 for a single one.
        reason: Why it was written.
        worth: What is to become of it; None where two careful people might differ.
        needed: True if it is given when needed.
    """

    slot: str
    drug: str
    code: str
    name: str
    dose: float
    unit: str
    route: str
    hours: int
    reason: str
    worth: Callable[[Person], Worth | None]
    needed: bool = False


_MOUTH, _VEIN, _SKIN, _LUNG = "26643006", "47625008", "34206005", "447694001"
_SKIN_PATCH, _NOSE = "45890007", "46713006"
# slot, drug, code, name, dose, unit, route, hours, reason, worth, needed
DRAFTS: Final[Mapping[str, Draft]] = {
    "amoxicillin": Draft("infection", "amoxicillin and clavulanate", "19711",
                         "Amoxicillin-clavulanate tablet 875-125 mg", 875, "mg", _MOUTH, 12,
                         "abscess at a tooth since yesterday", by_penicillin),
    "sulfa": Draft("infection", "trimethoprim and sulfamethoxazole", "10831",
                   "Trimethoprim-sulfamethoxazole tablet 160-800 mg", 160, "mg", _MOUTH, 12,
                   "pus at the old puncture site, MRSA carrier", sulfa),
    "ceftriaxone": Draft("infection", "ceftriaxone", "2193", "Ceftriaxone injection 1 g", 1, "g", _VEIN, 24,
                         "fever and pus in the urine since this morning", ceftriaxone),
    "contrast": Draft("image", "iohexol", "5956", "Iohexol injection 350 mg/mL", 100, "mL", _VEIN, 0,
                      "CT with contrast at 10:00", contrast),
    "cephalexin": Draft("infection", "cephalexin", "2231", "Cephalexin capsule 500 mg", 500, "mg", _MOUTH, 6,
                        "red puncture site", refused(lambda p: p.allergic(CEPHALEXIN) is True, REACTION)),
    "levofloxacin": Draft("infection", "levofloxacin", "82122", "Levofloxacin tablet 500 mg", 500, "mg", _MOUTH, 24,
                          "burning urine", refused(lambda p: p.allergic(CIPRO) is True, REACTION)),
    "nitrofurantoin": Draft("infection", "nitrofurantoin", "7454", "Nitrofurantoin capsule 100 mg", 100, "mg", _MOUTH,
                            12, "burning urine, nitrite positive", nitrofurantoin),
    "clarithromycin": Draft("infection", "clarithromycin", "21212", "Clarithromycin tablet 500 mg", 500, "mg", _MOUTH,
                            12, "cough with sputum", refused(lambda p: p.gets("simvastatin"), NEVER)),
    "ibuprofen": Draft("pain", "ibuprofen", "5640", "Ibuprofen tablet 400 mg", 400, "mg", _MOUTH, 8,
                       "back pain from the bed", nsaid),
    "paracetamol": Draft("pain", "acetaminophen", "161", "Acetaminophen tablet 500 mg", 1000, "mg", _MOUTH, 6,
                         "back pain from the bed", refused(lambda p: p.gets("acetaminophen"), TWICE)),
    "paracetamol_low": Draft("pain", "acetaminophen", "161", "Acetaminophen tablet 325 mg", 650, "mg", _MOUTH, 8,
                             "back pain from the bed", fine_if(safe_liver), True),
    "gabapentin": Draft("nerve", "gabapentin", "25480", "Gabapentin capsule 300 mg", 300, "mg", _MOUTH, 8,
                        "burning feet at night", gabapentin),
    "sumatriptan": Draft("head", "sumatriptan", "37418", "Sumatriptan tablet 50 mg", 50, "mg", _MOUTH, 0,
                         "headache with nausea", refused(lambda p: p.has(*ARTERIES), NEVER)),
    "enoxaparin": Draft("clot", "enoxaparin", "67108", "Enoxaparin syringe 40 mg/0.4 mL", 40, "mg", _SKIN, 24,
                        "prevention of thrombosis", enoxaparin),
    "apixaban": Draft("clot", "apixaban", "1364430", "Apixaban tablet 5 mg", 5, "mg", _MOUTH, 12, "atrial fibrillation",
                      apixaban),
    "potassium": Draft("salt", "potassium chloride", "8591", "Potassium chloride extended-release tablet 20 mEq", 40,
                       "meq", _MOUTH, 0, "low potassium", potassium),
    "metformin": Draft("sugar", "metformin", "6809", "Metformin tablet 500 mg", 500, "mg", _MOUTH, 12,
                       "glucose above 180", refused(lambda p: p.kidneys == "poor", KIDNEYS)),
    "empagliflozin": Draft("sugar", "empagliflozin", "1545653", "Empagliflozin tablet 10 mg", 10, "mg", _MOUTH, 24,
                           "glucose above 180", refused(lambda p: p.has("ketoacidosis", "type 1 diabetes"), NEVER)),
    "statin": Draft("statin", "atorvastatin", "83367", "Atorvastatin tablet 40 mg", 40, "mg", _MOUTH, 24,
                    "arterial disease", statin),
    "acid": Draft("acid", "pantoprazole", "40790", "Pantoprazole tablet 40 mg", 40, "mg", _MOUTH, 24,
                  "heartburn", acid),
    "losartan": Draft("pressure", "losartan", "52175", "Losartan tablet 50 mg", 50, "mg", _MOUTH, 24,
                      "pressure above goal", arb),
    "diltiazem": Draft("pressure", "diltiazem", "3443", "Diltiazem extended-release capsule 120 mg", 120, "mg", _MOUTH,
                       24, "pressure above goal", refused(lambda p: p.has("reduced ejection"), NEVER)),
    "propranolol": Draft("beta", "propranolol", "8787", "Propranolol tablet 20 mg", 20, "mg", _MOUTH, 8,
                         "shaky and anxious", beta),
    "bupropion": Draft("mind", "bupropion", "42347", "Bupropion extended-release tablet 150 mg", 150, "mg", _MOUTH, 24,
                       "low mood, wants to stop smoking",
                       refused(lambda p: p.has("epilepsy", "alcohol withdrawal"), NEVER)),
    "sertraline": Draft("mind", "sertraline", "36437", "Sertraline tablet 50 mg", 50, "mg", _MOUTH, 24, "low mood",
                        refused(lambda p: p.gets(*SEROTONIN), TWICE)),
    "diphenhydramine": Draft("sleep", "diphenhydramine", "3498", "Diphenhydramine capsule 50 mg", 50, "mg", _MOUTH, 24,
                             "cannot sleep", refused(lambda p: p.age >= 65 and p.has("dementia"), NEVER)),
    "melatonin": Draft("sleep", "melatonin", "6711", "Melatonin tablet 3 mg", 3, "mg", _MOUTH, 24, "cannot sleep",
                       fine_if(lambda p: not p.gets("melatonin", "trazodone"))),
    "metoclopramide": Draft("nausea", "metoclopramide", "6915", "Metoclopramide tablet 10 mg", 10, "mg", _MOUTH, 8,
                            "nausea", refused(lambda p: p.has("intestinal obstruction", "parkinson"), NEVER)),
    "loperamide": Draft("bowel", "loperamide", "6468", "Loperamide capsule 2 mg", 2, "mg", _MOUTH, 8, "loose stools",
                        refused(lambda p: p.has("difficile"), NEVER)),
    "senna": Draft("bowel", "sennosides", "36387", "Senna tablet 8.6 mg", 17.2, "mg", _MOUTH, 24, "no stool for 3 days",
                   fine_if(lambda p: not p.gets("sennosides") and not p.has(*DIARRHEA))),
    "albuterol": Draft("lungs", "albuterol", "435", "Albuterol inhaler 90 ug/actuation", 2, "{puff}", _LUNG, 6,
                       "wheezing", fine_if(tight), True),
    "peg": Draft("bowel", "polyethylene glycol 3350", "221147", "Polyethylene glycol powder 17 g", 17, "g", _MOUTH, 24,
                 "no stool for 3 days", fine_if(lambda p: not p.has(*DIARRHEA)
                                                and not p.gets("polyethylene glycol 3350"))),
    "ondansetron": Draft("nausea", "ondansetron", "26225", "Ondansetron injection 2 mg/mL", 4, "mg", _VEIN, 8, "nausea",
                         refused(lambda p: p.gets("ondansetron"), TWICE), True),
    "scale": Draft("scale", "insulin lispro", "86009", "Insulin lispro, correction scale 100 [iU]/mL", 2, "[iU]", _SKIN,
                   6, "glucose above 180", refused(lambda p: p.gets("insulin lispro"), TWICE), True),
    "aspirin": Draft("platelets", "aspirin", "1191", "Aspirin tablet 81 mg", 81, "mg", _MOUTH, 24, "arterial disease",
                     aspirin),
    "nicotine": Draft("smoke", "nicotine", "7407", "Nicotine patch 14 mg/24 h", 14, "mg", _SKIN_PATCH, 24,
                      "craving for cigarettes", nicotine),
    "lidocaine": Draft("patch", "lidocaine", "6387", "Lidocaine patch 4 %", 1, "{patch}", _SKIN_PATCH, 24,
                       "sore shoulder", fine_if(lambda p: True)),
    "guaifenesin": Draft("cough", "guaifenesin", "5032", "Guaifenesin tablet 400 mg", 400, "mg", _MOUTH, 6, "dry cough",
                         fine_if(lambda p: True), True),
    "nose": Draft("nose", "sodium chloride", "9863", "Sodium chloride nasal spray 0.65 %", 2, "{spray}", _NOSE, 6,
                  "dry nose", fine_if(lambda p: True), True),
    "furosemide": Draft("water", "furosemide", "4603", "Furosemide tablet 40 mg", 40, "mg", _MOUTH, 24, "little urine",
                        furosemide),
    "spironolactone": Draft("salts", "spironolactone", "9997", "Spironolactone tablet 25 mg", 25, "mg", _MOUTH, 24,
                            "swollen ankles", spironolactone),
    "sitagliptin": Draft("gliptin", "sitagliptin", "593411", "Sitagliptin tablet 100 mg", 100, "mg", _MOUTH, 24,
                         "glucose above goal", sitagliptin),
    "famotidine": Draft("acid", "famotidine", "4278", "Famotidine tablet 20 mg", 20, "mg", _MOUTH, 12, "heartburn",
                        famotidine),
    "thiamine": Draft("vitamin", "thiamine", "10454", "Thiamine tablet 100 mg", 100, "mg", _MOUTH, 24, "alcohol use",
                      fine_if(lambda p: p.has("alcohol") and not p.gets("thiamine"))),
}  # fmt: skip
