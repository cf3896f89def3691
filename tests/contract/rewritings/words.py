"""Facts in words: routes, units, how often, and what a note may say."""

from __future__ import annotations

from typing import NamedTuple

from tests.contract.rewritings.concepts import SNOMED, Code

UCUM = "http://unitsofmeasure.org"
V3_ROUTE = "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration"
V2_ROUTE = "http://terminology.hl7.org/CodeSystem/v2-0162"
GTS = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"


class Route(NamedTuple):
    """A way into the body: what it is called, and its codes."""

    names: tuple[str, ...]
    codes: tuple[Code, ...]


ROUTES: dict[str, Route] = {
    "IV": Route(
        (
            "IV",
            "iv",
            "i.v.",
            "I.V.",
            "intravenous",
            "Intravenous",
            "INTRAVENOUS",
            "Intravenous route",
            "intravenous route",
            "intravenous infusion",
            "Intravenous infusion",
            "IV infusion",
            "intravenously",
            "Intravenous use",
        ),
        (
            Code(SNOMED, "47625008", "Intravenous route"),
            Code(V3_ROUTE, "IV", "Injection, intravenous"),
            Code(V3_ROUTE, "IVDRIP", "Infusion, intravenous drip"),
            Code(V2_ROUTE, "IV", "Intravenous"),
        ),
    ),
    "oral": Route(
        (
            "oral",
            "Oral",
            "ORAL",
            "PO",
            "po",
            "p.o.",
            "P.O.",
            "per os",
            "Per os",
            "by mouth",
            "By mouth",
            "Oral route",
            "oral route",
            "orally",
            "Oral use",
        ),
        (Code(SNOMED, "26643006", "Oral route"), Code(V3_ROUTE, "PO", "Swallow, oral"), Code(V2_ROUTE, "PO", "Oral")),
    ),
    "IM": Route(
        ("IM", "intramuscular", "Intramuscular route"),
        (Code(SNOMED, "78421000", "Intramuscular route"), Code(V3_ROUTE, "IM", "Injection, intramuscular")),
    ),
    "SC": Route(
        ("subcutaneous", "SC"),
        (Code(SNOMED, "34206005", "Subcutaneous route"), Code(V3_ROUTE, "SQ", "Injection, subcutaneous")),
    ),
    "intrathecal": Route(("intrathecal",), (Code(SNOMED, "72607000", "Intrathecal route"),)),
    "rectal": Route(("rectal", "PR"), (Code(SNOMED, "37161004", "Rectal route"), Code(V3_ROUTE, "RECINSTL", "Rectal"))),
    "sublingual": Route(("sublingual",), (Code(SNOMED, "37839007", "Sublingual route"),)),
    "intra-arterial": Route(("intra-arterial",), (Code(SNOMED, "58100008", "Intra-arterial route"),)),
    "epidural": Route(("epidural",), (Code(SNOMED, "404820008", "Epidural route"),)),
    "topical": Route(("topical",), (Code(SNOMED, "6064005", "Topical route"),)),
}


class Unit(NamedTuple):
    """A unit: what it is called, its UCUM code, equal units with the factor, and units it may be mistaken for."""

    names: tuple[str, ...]
    ucum: str
    equal: tuple[tuple[str, str, float], ...]
    wrong: tuple[str, ...]


UNITS: dict[str, Unit] = {
    "g": Unit(
        ("g", "gm", "gram", "grams", "Grams"),
        "g",
        (("mg", "mg", 1000), ("milligrams", "mg", 1000), ("ug", "ug", 1_000_000), ("mcg", "ug", 1_000_000)),
        ("mg", "kg", "ug", "mL", "mEq", "mmol", "g/h", "g/kg", "g/L", "tablet", "unit", "h", "%"),
    ),
    "mg": Unit(
        ("mg", "milligram", "milligrams", "Milligrams"),
        "mg",
        (("g", "g", 0.001), ("grams", "g", 0.001), ("ug", "ug", 1000), ("micrograms", "ug", 1000), ("mcg", "ug", 1000)),
        ("g", "ug", "mcg", "kg", "mL", "mEq", "mg/kg", "mg/mL", "mg/h", "tablet", "unit", "ng", "%"),
    ),
    "mEq": Unit(
        ("mEq", "meq", "MEQ", "milliequivalent", "milliequivalents"),
        "meq",
        (("mmol", "mmol", 1), ("millimoles", "mmol", 1)),
        ("mg", "g", "mL", "mEq/L", "mmol/L", "mEq/kg", "umol", "Eq", "mol", "tablet", "mEq/h", "unit", "ug"),
    ),
    "h": Unit(
        ("h", "hr", "hour", "hours", "hrs"),
        "h",
        (("min", "min", 60), ("minutes", "min", 60), ("s", "s", 3600)),
        ("min", "s", "d", "wk", "g", "mL/h", "ms", "a"),
    ),
    "unit": Unit(("unit", "units", "Unit", "unit(s)"), "{unit}", (), ("mL", "g", "L", "mg", "pack of 10", "/h", "kg")),
}

MORE_THAN_ONCE = {
    "BID": "twice a day", "TID": "three times a day", "QID": "four times a day", "QD": "every day",
    "QOD": "every other day", "AM": "every morning", "PM": "every afternoon", "Q1H": "every hour",
    "Q2H": "every 2 hours", "Q3H": "every 3 hours", "Q4H": "every 4 hours", "Q6H": "every 6 hours",
    "Q8H": "every 8 hours", "BED": "at bedtime", "WK": "weekly", "MO": "monthly",
}  # fmt: skip
"""The codes of HL7's TimingAbbreviation (v3-GTSAbbreviation), which all say that something is done again and again."""
HOURS = {"BID": 12.0, "TID": 8.0, "QID": 6.0, "QD": 24.0, "QOD": 48.0, "Q1H": 1.0, "Q2H": 2.0, "Q3H": 3.0, "Q4H": 4.0,
         "Q6H": 6.0, "Q8H": 8.0, "WK": 168.0, "MO": 730.0, "AM": 24.0, "PM": 24.0, "BED": 24.0}  # fmt: skip
"""The hours between two times, as far as a code says."""

RETRACTED = (
    "Disregard this.", "Cancelled.", "CANCELLED - entered in error", "Wrong patient.", "This entry is void.",
    "Entered by mistake, please ignore.", "Only a draft, not to be acted on.", "Superseded by a later entry.",
    "Test entry - not real", "Please do NOT process", "Withdrawn", "Ignore the above; see the paper chart instead.",
    "rescinded", "This is not about this patient.", "VOID", "ERROR", "Never mind.", "Scratch that.", "wrong chart",
    "Please delete this.", "To be ignored", "no longer required", "Declined by the patient", "not indicated",
    "Void - duplicate entry", "Retracted by the author", "invalid",
)  # fmt: skip
"""Words that take back whatever was written."""
PUT_OFF = (
    "Do not carry this out until the attending has agreed.",
    "Start next year.",
    "Postpone by one week",
    "Only if the patient asks for it",
)
"""Words that put off whatever is to be done, or make it conditional."""
NOT_GIVEN = (
    "Do not give.", "do not order", "On hold", "Discontinued.", "D/C", "Contraindicated in this patient",
    "Not for this patient", "Cancel this order", "Don't.", "DO  NOT  GIVE", "no administrar", "stop", "hold if drowsy",
    "unless the patient bleeds", "after dialysis only", "Hold until further notice.",
)  # fmt: skip
"""Words that take back an order, and go with a request to stop one, and with an allergy."""
AGAINST: dict[str, tuple[str, ...]] = {
    "drug": (
        "Give ten times the dose.",
        "Double the dose.",
        "Give half the dose.",
        "Repeat every 4 hours for 3 days.",
        "Take two tablets four times a day.",
        "Give by intramuscular injection.",
        "Give by the rectal route.",
        "Give 500 g.",
        "Give 1000 mEq.",
        "as needed for pain",
        "Substitute heparin.",
        "Give tomorrow at 08:00, not today.",
        "max 1 mg in 24 hours",
        "1 tab QID",
        "then 10 mg twice daily",
        "q6h x 3 days",
        "with meals TID",
    ),
    "test": (
        "Draw next month.",
        "Do not draw blood.",
        "Repeat every hour.",
        "Draw a sodium instead.",
        "Urine only",
        "Collect only if the fever comes back",
        "Use yesterday's specimen from the other patient.",
        "Draw ten times.",
    ),
    "procedure": (
        "Give four units.",
        "Give platelets instead.",
        "Only if the haemoglobin falls below 4.",
        "Give next month.",
        "Patient refuses; do not transfuse.",
        "Repeat daily.",
        "Use blood group of the other patient.",
    ),
    "referral": (
        "Refer to cardiology instead.",
        "No referral needed any more.",
        "Routine, next year.",
        "Patient declined.",
        "Referral for the other side and another patient.",
        "Already seen by orthopaedics; no action.",
    ),
    "vital": (
        "The reading is wrong.",
        "Measured on another patient.",
        "Estimated, not measured.",
        "Cuff faulty; invalid.",
        "Taken yesterday.",
        "The true reading is 200/120 mmHg.",
        "Do not use this value.",
        "Copied forward from 2019",
    ),
    "allergy": (
        "The patient tolerates it well.",
        "Not allergic.",
        "Allergy refuted by testing.",
        "Mild nausea only.",
        "This is a food intolerance.",
        "Allergy of the mother, not of the patient.",
        "No reaction ever occurred.",
        "Safe to give.",
        "Resolved in childhood.",
        "Allergic to latex, not to this drug.",
    ),
    "task": (
        "Do not stop it.",
        "Continue the order unchanged.",
        "Resume it tonight.",
        "Stop all other orders too.",
        "Stop the other order instead.",
        "Double the dose instead.",
        "Only after discharge.",
    ),
}
"""Words that speak against an order of a kind."""
HARMLESS_NOTES = ("Please.", "Thank you.", "As discussed with the patient.", "Ordered as requested.")
"""Words that change nothing."""
