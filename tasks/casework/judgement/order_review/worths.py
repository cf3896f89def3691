"""The worth of an order for a person: to be released, changed or refused.

Sources: labels (US FDA, prescribing information) of sumatriptan (coronary, cerebral and peripheral artery disease),
propranolol (asthma), bupropion (seizures, withdrawal from alcohol), apixaban (mechanical valves), simvastatin
(clarithromycin), diltiazem (failing left ventricle), empagliflozin (ketoacidosis), metoclopramide (obstruction),
nitrofurantoin and metformin (kidneys), gabapentin (doses by clearance: 15 to 29 mL/min 200 to 700 mg a day, below 15
100 to 300), acetaminophen (4 g a day); American Geriatrics Society, Beers Criteria, J Am Geriatr Soc 2023;71:2052
(diphenhydramine in dementia); Khan DA et al., Drug allergy: a 2022 practice parameter update, J Allergy Clin Immunol
2022;150:1333 (what was borne since is no allergy; cough is none; other NSAIDs cross-react; ceftriaxone in penicillin
allergy); American College of Radiology, Manual on contrast media, 2024 (shellfish is no reason against contrast);
ONTARGET, N Engl J Med 2008;358:1547 (ACE inhibitor with ARB); McDonald LC et al., Clin Infect Dis 2018;66:e1
(loperamide in C. difficile); the handbook's pages MED-101, MED-111, CLN-210 and PHA-310 with theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from .person import Person

PENICILLIN, SULFA, CEPHALEXIN, CIPRO, NITRO = "7980", "10831", "2231", "2551", "7454"
IBUPROFEN, ASPIRIN, LISINOPRIL, ATORVASTATIN = "5640", "1191", "29046", "83367"
CONTRAST, SHELLFISH = "426722004", "735029006"
COUGH: Final = "49727002"
ANTIBIOTICS: Final = (
    "ceftriaxone", "cefepime", "piperacillin and tazobactam", "cefazolin", "cephalexin", "amoxicillin",
    "amoxicillin and clavulanate", "azithromycin", "doxycycline", "levofloxacin", "ciprofloxacin", "nitrofurantoin",
    "trimethoprim and sulfamethoxazole", "metronidazole", "vancomycin",
)  # fmt: skip
FULL: Final = ("apixaban", "rivaroxaban", "warfarin")
ANTICOAGULANTS: Final = (*FULL, "heparin", "enoxaparin")
RAAS: Final = ("lisinopril", "losartan", "valsartan", "sacubitril and valsartan", "spironolactone")
STATINS: Final = ("atorvastatin", "rosuvastatin", "simvastatin", "pravastatin")
BETA: Final = ("metoprolol", "carvedilol", "propranolol")
SEROTONIN: Final = ("escitalopram", "sertraline", "fluoxetine", "duloxetine", "venlafaxine")
ACID: Final = ("omeprazole", "pantoprazole", "famotidine")
ARTERIES: Final = (
    "coronary", "myocardial infarction", "stroke", "peripheral artery",
)  # fmt: skip
DIARRHEA: Final = ("gastroenteritis", "difficile", "colitis", "obstruction", "crohn", "irritable bowel", "dehydration")


class Right(NamedTuple):
    """A right order in place of a draft: the drug, the least and the greatest amount of a day, and of one dose.

    Attributes:
        drug: The ingredient.
        code: Its RxNorm code.
        daily: Least and greatest amount in 24 hours, in the unit.
        most: The greatest single dose.
        unit: As in ``mg``.
        once: True for a single dose.
    """

    drug: str
    code: str
    daily: tuple[float, float]
    most: float
    unit: str
    once: bool = False


class Worth(NamedTuple):
    """The right end of a draft.

    Attributes:
        end: ``release``, ``change`` or ``refuse``.
        rule: The rule that says so.
        harm: True if releasing it as it is would be a safety violation.
        rights: For a change, what may stand in its place.
    """

    end: str
    rule: str
    harm: bool = False
    rights: tuple[Right, ...] = ()


FINE: Final = Worth("release", "fine")
_WELL: Final = ("fair", "good")
_GRAVE: Final = frozenset({"39579001", "41291007", "56018004"})
"""Anaphylaxis, angioedema and wheezing (SNOMED CT)."""
REACTION: Final = Worth("refuse", "reaction", True)
LABEL: Final = Worth("release", "label")
TWICE: Final = Worth("refuse", "twice")
NEVER: Final = Worth("refuse", "contraindicated", True)
KIDNEYS: Final = Worth("refuse", "kidneys", True)


def refused(test: Callable[[Person], bool], worth: Worth) -> Callable[[Person], Worth | None]:
    """Returns the worth of what is refused under a condition, and otherwise left to nobody's judgement."""
    return lambda person: worth if test(person) else None


def fine_if(test: Callable[[Person], bool]) -> Callable[[Person], Worth | None]:
    """Returns the worth of what is right under a condition, and otherwise left to nobody's judgement."""
    return lambda person: FINE if test(person) else None


def _treated(person: Person) -> bool:
    """Tells if an antibiotic runs already, or does harm to the colon."""
    return person.gets(*ANTIBIOTICS) or person.has("difficile")


def by_penicillin(person: Person) -> Worth | None:
    """Returns the worth of a penicillin."""
    if _treated(person) or person.kidneys not in _WELL or CEPHALEXIN in person.allergies:
        return None
    return _by_label(person, PENICILLIN)


def ceftriaxone(person: Person) -> Worth | None:
    """A penicillin allergy that was no anaphylaxis leaves cephalosporins with another side chain free."""
    shown = person.allergies.get(PENICILLIN, frozenset())
    if _treated(person) or CEPHALEXIN in person.allergies or (shown and shown & _GRAVE):
        return None
    return LABEL if PENICILLIN in person.allergies else None


def contrast(person: Person) -> Worth | None:
    """Shellfish has nothing to do with iodinated contrast; an earlier reaction to contrast has."""
    if person.allergic(CONTRAST):
        return REACTION
    well = person.kidneys == "good" and person.rising is False and not person.gets("metformin")
    return LABEL if well and CONTRAST not in person.allergies and SHELLFISH in person.allergies else None


def sulfa(person: Person) -> Worth | None:
    """Returns the worth of trimethoprim with sulfamethoxazole."""
    allergic = person.allergic(SULFA)
    if allergic:
        return REACTION
    hazard = _treated(person) or person.gets(*RAAS, "warfarin", "digoxin") or (person.potassium or 9) >= 4.8
    return None if hazard or person.kidneys not in _WELL else _by_label(person, SULFA)


def _by_label(person: Person, code: str) -> Worth | None:
    if code not in person.allergies:
        return FINE
    allergic = person.allergic(code)
    return None if allergic is None else REACTION if allergic else LABEL


def nsaid(person: Person) -> Worth | None:
    """Returns the worth of a nonsteroidal."""
    if person.allergic(IBUPROFEN) or person.allergic(ASPIRIN):
        return REACTION
    if person.kidneys == "poor" or person.rising or person.has("acute kidney injury"):
        return KIDNEYS
    if person.gets(*FULL) or person.has("gastrointestinal bleeding", "heart failure", "cirrhosis"):
        return NEVER
    return None


def arb(person: Person) -> Worth | None:
    """Returns the worth of an angiotensin receptor blocker."""
    if person.gets("lisinopril", "valsartan", "sacubitril and valsartan"):
        return Worth("refuse", "twice", True)
    coughs = (person.allergies.get(LISINOPRIL) or frozenset()) == {COUGH}
    well = person.kidneys == "good" and not person.rising and (person.potassium or 9) < 4.8 and not person.gets(*RAAS)
    dry = person.has("sepsis", "dehydration", "bleeding", "acute kidney injury", "acute ischemic stroke")
    return LABEL if coughs and well and not dry and person.has("essential hypertension") else None


def enoxaparin(person: Person) -> Worth | None:
    """Returns the worth of 40 mg of enoxaparin."""
    if person.gets(*ANTICOAGULANTS):
        return Worth("refuse", "twice", person.gets(*FULL))
    if person.has("gastrointestinal bleeding", "stroke"):
        return NEVER if person.has("gastrointestinal bleeding") else None
    if person.kidneys != "poor" or person.has("end stage", "end-stage"):
        return None
    small = Right("enoxaparin", "67108", (20, 30), 30, "mg")
    return Worth("change", "kidneys", False, (small, Right("heparin", "5224", (10_000, 15_000), 5000, "[iU]")))


def potassium(person: Person) -> Worth | None:
    """Returns the worth of 40 mEq of potassium."""
    level = person.potassium
    if level is None or person.gets("potassium chloride") or person.has("end stage", "end-stage", "ketoacidosis"):
        return None
    if level >= 4.2:
        return Worth("refuse", "newest", level > 5.0)
    if not 3.0 <= level <= 3.4:
        return None
    if person.kidneys == "poor" or person.rising:
        half = Right("potassium chloride", "8591", (20, 20), 20, "meq", True)
        return Worth("change", "kidneys", False, (half,))
    return FINE if person.kidneys == "good" and person.rising is False else None


def gabapentin(person: Person) -> Worth | None:
    """Returns the worth of 300 mg of gabapentin three times a day."""
    if person.gets("gabapentin", "pregabalin") or person.has("end stage", "end-stage"):
        return None
    if person.kidneys == "poor":
        if person.rising or person.has("acute kidney injury"):
            return None
        return Worth("change", "kidneys", False, (Right("gabapentin", "25480", (100, 700), 700, "mg"),))
    sleepy = person.gets("morphine", "oxycodone", "hydromorphone", "lorazepam", "tramadol")
    well = person.kidneys == "good" and person.age < 65 and not sleepy
    return FINE if well and person.has("polyneuropathy") else None


def statin(person: Person) -> Worth | None:
    """Returns the worth of a statin."""
    if person.gets(*STATINS):
        return TWICE
    at_home = any(each.drug in STATINS for each in person.home)
    bad_liver = person.has("cirrhosis", "hepatitis", "pancreatitis", "cholecystitis")
    well = not at_home and not bad_liver and ATORVASTATIN not in person.allergies
    return FINE if person.has(*ARTERIES) and well else None


def acid(person: Person) -> Worth | None:
    """Returns the worth of a proton pump inhibitor."""
    if person.gets("omeprazole", "pantoprazole"):
        return TWICE
    at_home = any(each.drug in ACID for each in person.home)
    well = not at_home and not person.gets("famotidine") and not person.has("difficile")
    return FINE if person.has("reflux") and well else None


def apixaban(person: Person) -> Worth | None:
    """Returns the worth of apixaban."""
    if person.has("mechanical prosthetic"):
        return NEVER
    return Worth("refuse", "twice", True) if person.gets("rivaroxaban", "warfarin") else None


def beta(person: Person) -> Worth | None:
    """Returns the worth of propranolol."""
    return NEVER if person.has("asthma") else TWICE if person.gets(*BETA) else None


def nitrofurantoin(person: Person) -> Worth | None:
    """Returns the worth of nitrofurantoin."""
    return REACTION if person.allergic(NITRO) else KIDNEYS if person.kidneys == "poor" else None


def safe_liver(person: Person) -> bool:
    """Tells if the liver bears acetaminophen, of which there is none yet."""
    return not person.gets("acetaminophen") and not person.has("cirrhosis", "hepatitis", "alcohol")


def tight(person: Person) -> bool:
    """Tells if an inhaler for tight airways is right, and not there yet."""
    heart = person.has("fibrillation", "infarction")
    there = person.gets("albuterol") or any("ipratropium-albuterol" in drug for drug in person.orders)
    return person.has("asthma", "chronic obstructive") and not there and not heart


def aspirin(person: Person) -> Worth | None:
    """Returns the worth of 81 mg of aspirin."""
    if person.allergic(ASPIRIN):
        return REACTION
    if person.gets("aspirin"):
        return TWICE
    if person.has("gastrointestinal bleeding"):
        return NEVER
    at_home = any(each.drug in ("aspirin", "clopidogrel", *FULL) for each in person.home)
    well = not at_home and not person.gets("clopidogrel", "ticagrelor", *ANTICOAGULANTS) and person.age < 75
    return FINE if well and person.has("coronary") and ASPIRIN not in person.allergies else None


def nicotine(person: Person) -> Worth | None:
    """Returns the worth of a nicotine patch."""
    if person.gets("nicotine"):
        return TWICE
    heart = person.has("infarction", "fibrillation", "stroke")
    return FINE if person.has("nicotine dependence") and not heart else None


def furosemide(person: Person) -> Worth | None:
    """Returns the worth of 40 mg of furosemide by mouth."""
    if person.gets("furosemide", "torsemide"):
        return TWICE
    dry = person.has("dehydration", "gastroenteritis", "ketoacidosis") and not person.has("heart failure")
    return KIDNEYS if dry and (person.has("acute kidney injury") or person.rising) else None


def spironolactone(person: Person) -> Worth | None:
    """Returns the worth of 25 mg of spironolactone."""
    return KIDNEYS if person.kidneys == "poor" or (person.potassium or 0) > 5.0 else None


def sitagliptin(person: Person) -> Worth | None:
    """Returns the worth of 100 mg of sitagliptin, of which bad kidneys bear 25 (its label)."""
    known = person.gets("sitagliptin") or any(
        each.drug in ("sitagliptin", "semaglutide", "liraglutide") for each in person.home
    )
    if known or not person.has("type 2 diabetes") or person.has("pancreatitis", "heart failure", "hyperglycemia"):
        return None
    if person.kidneys == "poor" and not person.rising:
        return Worth("change", "kidneys", False, (Right("sitagliptin", "593411", (25, 25), 25, "mg"),))
    return FINE if person.kidneys == "good" and not person.rising else None


def famotidine(person: Person) -> Worth | None:
    """Returns the worth of 20 mg of famotidine twice a day, half of which is right below 30 mL/min (its label)."""
    if person.gets("famotidine"):
        return TWICE
    if person.gets(*ACID) or any(each.drug in ACID for each in person.home):
        return None
    if person.kidneys == "poor" and not person.rising:
        return Worth("change", "kidneys", False, (Right("famotidine", "4278", (10, 20), 20, "mg"),))
    return FINE if person.kidneys == "good" and person.age < 75 and person.has("reflux") else None
