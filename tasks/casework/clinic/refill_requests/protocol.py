"""Page CLN-240 (refills by protocol) as data, and what it makes of a drug that a chart holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["BRIDGE_DAYS", "CLASSES", "NEVER", "Entry", "class_of", "never", "unlisted"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table: which drugs, how old the visit and the tests may be, and what the results must be.

    Attributes:
        drugs: Words of the ingredients' names.
        visit: Months since the last visit.
        tests: By LOINC code: months that the result may be old, its least and its greatest value.
    """

    drugs: tuple[str, ...]
    visit: int
    tests: Mapping[str, tuple[int, float, float]]


_ANY: Final = 1e9
POTASSIUM, SODIUM, CREATININE, A1C = "2823-3", "2951-2", "2160-0", "4548-4"
LIPIDS, TSH, PRESSURE, SYSTOLIC, PULSE, EGFR = "13457-7", "3016-3", "85354-9", "8480-6", "8867-4", "98979-8"
PHQ9: Final = "44261-6"
_RAS: Final = ("lisinopril", "losartan", "valsartan")
CLASSES: Final[Mapping[str, Entry]] = {
    "ras": Entry(_RAS, 12, {POTASSIUM: (12, 0, 5.5), CREATININE: (12, 0, _ANY), EGFR: (12, 30, _ANY)}),
    "spironolactone": Entry(
        ("spironolactone",), 12, {POTASSIUM: (6, 0, 5.5), CREATININE: (6, 0, _ANY), EGFR: (6, 30, _ANY)}
    ),
    "diuretic": Entry(
        ("hydrochlorothiazide", "chlorthalidone", "furosemide", "torsemide"),
        12,
        {POTASSIUM: (12, 3.5, _ANY), SODIUM: (12, 130, _ANY)},
    ),
    "metformin": Entry(("metformin",), 6, {EGFR: (12, 30, _ANY), A1C: (6, 0, _ANY)}),
    "statin": Entry(("atorvastatin", "rosuvastatin", "simvastatin", "pravastatin"), 12, {LIPIDS: (12, 0, _ANY)}),
    "thyroid": Entry(("levothyroxine",), 12, {TSH: (12, 0.4, 4.5)}),
    "ssri": Entry(("sertraline", "escitalopram", "fluoxetine"), 6, {PHQ9: (12, 0, _ANY)}),
    "rate": Entry(("metoprolol", "carvedilol", "propranolol", "amlodipine", "diltiazem"), 12, {}),
}
"""Lines of the table; those whose tests a chart of this hospital doesn't hold (item 9 of the PHQ-9) are left out.

Pressure (below 160 systolic) and pulse (50 or more) of the line ``rate`` have no time on the page: the newest ones.
"""
BRIDGE_DAYS: Final = 30
NEVER: Final = (
    "tramadol", "oxycodone", "buprenorphine", "lorazepam", "warfarin", "apixaban", "rivaroxaban", "methotrexate",
    "lithium", "amiodarone", "digoxin",
)  # fmt: skip
"""Drugs of this hospital that the page never leaves to the protocol."""


def class_of(drug: str) -> str | None:
    """Returns the line of the table that a drug stands in, by its name in lower case."""
    if " and " in drug or "-valsartan" in drug:
        return None
    return next((key for key, entry in CLASSES.items() if any(word in drug for word in entry.drugs)), None)


def never(drug: str) -> bool:
    """Tells if the page never leaves a drug to the protocol."""
    return any(word in drug for word in NEVER)


UNLISTED: Final = (
    "omeprazole", "pantoprazole", "famotidine", "gabapentin", "pregabalin", "tamsulosin", "finasteride", "allopurinol",
    "donepezil", "memantine", "alendronate", "topiramate", "lamotrigine", "levetiracetam", "glipizide", "sitagliptin",
    "empagliflozin", "ezetimibe",
)  # fmt: skip
"""Drugs of this hospital that no line of the page holds, and that nobody could take for one that is there."""


def unlisted(drug: str) -> bool:
    """Tells if no line of the page holds a drug."""
    return any(word in drug for word in UNLISTED)
