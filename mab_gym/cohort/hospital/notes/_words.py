"""Words of notes that are drawn for each note, and terms with their abbreviations."""

from __future__ import annotations

from typing import Final

LEXICON: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "pt": (("pt",), ("patient", "the patient")),
    "w": (("w/",), ("with",)),
    "sob": (("SOB", "DOE"), ("shortness of breath", "breathlessness", "dyspnea")),
    "ed": (("ED", "ER"), ("emergency department", "emergency room")),
    "on": (("o/n",), ("overnight", "during the night")),
    "am": (("this AM",), ("this morning", "today")),
    "cr": (("Cr", "SCr"), ("creatinine",)),
    "pcp": (("PCP",), ("primary care doctor", "family doctor")),
    "bp": (("BP",), ("blood pressure", "pressure")),
    "hr": (("HR", "P"), ("pulse", "heart rate")),
    "wt": (("wt",), ("weight",)),
    "yo": (("yo", " y/o", "-y-o"), ("-year-old", " year old")),
    "years": (("y", "yrs"), ("years",)),
    "ra": (("RA",), ("room air",)),
    "hpmh": (("h/o", "PMH of"), ("a history of", "history of")),
}
"""Terms: abbreviated, and in full."""
ROUTES: Final[dict[str, tuple[str, str]]] = {
    "oral": ("PO", "by mouth"), "iv": ("IV", "by vein"), "sc": ("SQ", "under the skin"),
    "im": ("IM", "into the muscle"),
    "inhaled": ("inh", "inhaled"), "topical": ("top", "on the skin"), "ophthalmic": ("OU", "in both eyes"),
    "nasal": ("IN", "in each nostril"), "sublingual": ("SL", "under the tongue"), "transdermal": ("TD", "patch"),
}  # fmt: skip
TIMES: Final[dict[int, tuple[str, str]]] = {
    0: ("x1", "once"), 1: ("daily", "once a day"), 2: ("BID", "twice a day"), 3: ("TID", "three times a day"),
    4: ("QID", "four times a day"), 6: ("q4h", "every four hours"),
}  # fmt: skip
BRANDS: Final[dict[str, str]] = {
    "apixaban": "Eliquis", "rivaroxaban": "Xarelto", "warfarin": "Coumadin", "empagliflozin": "Jardiance",
    "semaglutide": "Ozempic", "liraglutide": "Victoza", "sitagliptin": "Januvia", "insulin_glargine": "Lantus",
    "insulin_lispro": "Humalog", "atorvastatin": "Lipitor", "rosuvastatin": "Crestor", "simvastatin": "Zocor",
    "lisinopril": "Zestril", "losartan": "Cozaar", "valsartan": "Diovan", "sacubitril_valsartan": "Entresto",
    "amlodipine": "Norvasc", "furosemide": "Lasix", "furosemide_iv": "Lasix", "spironolactone": "Aldactone",
    "metoprolol": "Toprol", "carvedilol": "Coreg", "clopidogrel": "Plavix", "ticagrelor": "Brilinta",
    "levothyroxine": "Synthroid", "albuterol": "Ventolin", "tiotropium": "Spiriva",
    "fluticasone_salmeterol": "Advair",
    "budesonide_formoterol": "Symbicort", "montelukast": "Singulair", "omeprazole": "Prilosec",
    "pantoprazole": "Protonix",
    "sertraline": "Zoloft", "escitalopram": "Lexapro", "fluoxetine": "Prozac", "bupropion": "Wellbutrin",
    "duloxetine": "Cymbalta", "gabapentin": "Neurontin", "tamsulosin": "Flomax", "donepezil": "Aricept",
    "alendronate": "Fosamax", "levetiracetam": "Keppra", "allopurinol": "Zyloprim", "metformin": "Glucophage",
    "lorazepam": "Ativan", "enoxaparin": "Lovenox", "acetaminophen": "Tylenol", "ibuprofen": "Motrin",
}  # fmt: skip
"""Brands of the United States, by key of ``tables/drugs.csv``."""
HOBBIES: Final = (
    "the garden", "quilting", "fishing", "bingo", "choir", "woodwork", "baking", "crosswords", "the dog", "bowling",
    "church work", "old cars", "knitting", "a book club", "birdwatching", "cards on Fridays", "a new kayak",
    "painting",
    "the community kitchen", "ballroom dancing", "bees", "tomatoes", "home repairs", "soccer on TV", "yoga", "chess",
    "the food pantry", "night classes", "model trains", "swimming", "the neighbor's kids", "canning peaches",
)  # fmt: skip
WORRIES: Final = (
    "the rent", "a sick brother", "work", "the roof", "a court date", "the daughter's move", "money", "the news",
    "a lawsuit", "driving at night", "memory", "the stairs at home", "a friend's illness", "losing insurance",
    "the boss",
    "a broken furnace", "sleep", "the car", "taxes", "the move", "loneliness", "an old quarrel", "winter", "the eyes",
)  # fmt: skip
ASKED: Final = (
    "vitamins", "a new mattress", "flu shots", "a form for work", "travel", "cutting pills", "a diet from the radio",
    "shingles shots", "a knee brace", "a handicap placard", "fish oil", "fasting", "coffee", "hearing aids", "salt",
    "sleep gummies", "the eye doctor", "jury duty", "a gym letter", "dental work", "weight drugs",
    "a home visit nurse",
)  # fmt: skip
MINOR: Final = (
    "cold", "stomach bug", "pulled muscle", "tick bite", "bee sting", "tooth infection", "sprained thumb", "cut finger",
    "sore throat", "stye", "stubbed toe", "sunburn", "chest cold", "nosebleed", "stiff neck", "splinter",
)  # fmt: skip
FOODS: Final = (
    "toast", "soup", "crackers", "rice", "yogurt", "half a sandwich", "a banana", "oatmeal", "mashed potatoes",
    "broth",
    "scrambled eggs", "applesauce", "pudding", "cereal", "pasta",
)  # fmt: skip
KIN: Final = (
    "a nephew", "a neighbor", "a coworker", "someone at church", "a cousin", "someone at home", "a friend", "a niece",
    "the bus driver", "half the office",
)  # fmt: skip
DISTANCES: Final = (
    "one block", "two blocks", "half a mile", "around the house", "to the corner", "three blocks",
    "a flight of stairs",
    "two flights", "50 feet", "to the mailbox", "across the parking lot", "a mile", "200 feet", "the long hall",
    "to the elevator", "the supermarket aisles",
)  # fmt: skip
NEGATIVES: Final = (
    "fever", "chest pain", "palpitations", "cough", "abdominal pain", "nausea", "vomiting", "diarrhea",
    "blood in stool",
    "dysuria", "headache", "dizziness", "leg swelling", "rash", "weight loss", "night sweats", "syncope",
    "sore throat",
    "back pain", "vision change", "numbness", "weakness on one side", "trouble swallowing", "joint swelling",
    "bleeding",
    "hearing loss", "low mood", "thirst", "wheeze", "itching", "hematuria", "constipation", "falls",
    "cold intolerance",
)  # fmt: skip
POSITIVES: Final = (
    "tired for {dur}", "poor sleep, {hrs} hours", "stiff {morning_w}", "appetite down", "constipated {few} days",
    "dry mouth", "cold hands", "mild back ache, {pain}", "up {few} times at night", "bruises easily",
    "gassy after meals",
    "sneezing with dust", "hair thinning", "thirsty at night", "sore shoulder, {pain}", "restless legs",
    "ringing ears",
)  # fmt: skip
SITES: Final = ("forearm", "hand", "antecubital", "wrist", "upper arm")
WALKS: Final = ("a walker", "one assist", "a cane", "two assist", "standby help", "a gait belt", "a rollator")
RHYTHMS: Final = ("sinus in the {tens}s", "sinus, rare PVCs", "regular, rate {rate}")
RELATIONS: Final = {
    "SPS": ("wife", "husband"), "DAU": ("daughter", "daughter"), "SON": ("son", "son"), "MTH": ("mother", "mother"),
    "FTH": ("father", "father"), "SIS": ("sister", "sister"), "BRO": ("brother", "brother"),
    "FRND": ("friend", "friend"), "NBOR": ("neighbor", "neighbor"), "HUSB": ("husband", "husband"),
    "WIFE": ("wife", "wife"), "CHILD": ("child", "child"), "PRN": ("parent", "parent"),
    "DOMPART": ("partner", "partner"),
}  # fmt: skip
"""The word for a relation: of a man, of a woman."""
