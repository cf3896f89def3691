"""The habits of those who write: headings, order, abbreviations, forms of dates, doses, signs and signatures.

Each practitioner has one style for life, from a random stream of the practitioner's own number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mab_gym.cohort._streams import stream
from mab_gym.cohort.hospital._history import Practitioner, Prescription, local
from mab_gym.cohort.hospital.notes._phrases import Draw
from mab_gym.cohort.hospital.notes._words import BRANDS, LEXICON, ROUTES, TIMES

STYLE: Final = 320
"""The number of the styles' random streams."""
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTHS_LONG: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "complaint": ("Chief complaint", "CC", "Reason for visit", "Presenting problem"),
    "hpi": ("History of present illness", "HPI", "Present illness", "Story", "History"),
    "interval": ("Interval history", "Subjective", "S", "Overnight", "Interval", "Since yesterday"),
    "story": ("Interval history", "Subjective", "S", "HPI", "History", "Today"),
    "pmh": ("Past medical history", "PMH", "Past history", "Known problems", "Medical history"),
    "psh": ("Past surgical history", "PSH", "Operations", "Surgeries"),
    "meds": ("Medications", "Meds", "Home medications", "Home meds", "Medicines at home"),
    "allergies": ("Allergies", "ALL", "Allergies/intolerances", "Drug allergies"),
    "social": ("Social history", "SH", "Social", "Home and habits", "Soc"),
    "family": ("Family history", "FH", "FHX", "Family"),
    "ros": ("Review of systems", "ROS", "Systems", "Other symptoms"),
    "exam": ("Physical exam", "PE", "Exam", "Objective", "O", "Examination"),
    "data": ("Data", "Labs", "Results", "Pertinent results", "Laboratory"),
    "plan": ("Assessment and plan", "A/P", "Impression and plan", "Assessment/Plan", "A&P", "Plan"),
    "code": ("Code status", "Code", "Resuscitation", "Goals"),
    "recs": ("Recommendations", "Recs", "We suggest", "Advice"),
    "course": ("Hospital course", "Course", "What happened"),
    "discharge_meds": ("Discharge medications", "Meds at discharge", "Medicines on leaving"),
    "follow": ("Follow-up", "F/U", "Next steps", "Appointments"),
    "pending": ("Pending", "Pending at discharge", "Still open"),
    "instructions": ("Instructions", "Patient told", "Advice given"),
    "technique": ("Technique", "How done"),
    "comparison": ("Comparison", "Compared with"),
    "findings": ("Findings", "Description", "Report"),
    "impression": ("Impression", "Conclusion", "IMP"),
    "indication": ("Indication", "Clinical information", "History given"),
    "procedure": ("Procedure", "Operation", "Performed"),
    "note": ("Note", "Narrative", "Summary"),
}


@dataclass(frozen=True, slots=True)
class Style:
    """One author's habits.

    Attributes:
        number: The author's.
        words: Terms as this author writes them, by their names in the phrases.
        headings: Headings as this author writes them, with what follows them.
        gap: Between two sections.
        bullet: In front of a line of a list; empty to write lists in a row.
        dates: Form of dates, 0 to 5.
        doses: Form of drugs and doses, 0 to 5.
        signs: Form of vital signs, 0 to 4.
        labs: Form of results, 0 to 4.
        order: Order of sections, 0 to 3.
        terse: Share of optional sections that are left out.
        copies: Share of sentences that are copied forward from this author's, or anybody's, last note.
        brands: True if drugs are called by their brands.
        signature: At the end.
        celsius: True if temperatures are in degrees Celsius.
    """

    number: int
    words: Mapping[str, str]
    headings: Mapping[str, str]
    gap: str
    bullet: str
    dates: int
    doses: int
    signs: int
    labs: int
    order: int
    terse: float
    copies: float
    brands: bool
    signature: str
    celsius: bool

    def day(self, moment: int) -> str:
        """Returns a date as this author writes it."""
        day = local(moment)
        month, date, year = day.month, day.day, day.year
        match self.dates:
            case 0:
                return f"{month}/{date}/{year % 100:02d}"
            case 1:
                return f"{month:02d}/{date:02d}/{year}"
            case 2:
                return f"{MONTHS[month - 1]} {date}, {year}"
            case 3:
                return f"{date} {MONTHS[month - 1]} {year}"
            case 4:
                return f"{year}-{month:02d}-{date:02d}"
            case _:
                return f"{MONTHS_LONG[month - 1]} {date}, {year}"

    def drug(self, key: str, name: str) -> str:
        """Returns a drug's name as this author writes it."""
        if self.brands and key in BRANDS:
            return BRANDS[key]
        return name.upper() if self.doses == 3 else name

    def order_text(self, prescription: Prescription, name: str) -> str:
        """Returns a prescription as this author writes it, as in ``lisinopril 10 mg PO daily``."""
        return f"{self.drug(prescription.drug, name)} {self.dose_text(prescription)}"

    def dose_text(self, prescription: Prescription) -> str:
        """Returns dose, route and frequency as this author writes them."""
        form = self.doses
        route = ROUTES.get(prescription.route, ("", ""))[form in (2, 4)]
        long = form in (2, 4)
        times = prescription.times
        if prescription.every == 7:
            often = ("weekly", "once a week")[long]
        elif prescription.needed and times > 1:
            often = (f"q{24 // times}h", f"every {24 // times} hours")[long]
        else:
            often = TIMES.get(times, ("daily", "once a day"))[long] if times >= 0 else "per hour"
        tight = "" if form in (1, 5) and prescription.unit in ("mg", "g") else " "
        needed = (" prn", " as needed")[form in (2, 4)] if prescription.needed else ""
        words = f"{amount(prescription.dose)}{tight}{unit_text(prescription.unit)}"
        return f"{words} {route} {often}{needed}" if route and form != 1 else f"{words} {often}{needed}"


def amount(dose: float) -> str:
    """Returns an amount without needless zeros."""
    return str(int(dose)) if dose == int(dose) else f"{dose:g}"


def unit_text(unit: str) -> str:
    """Returns a unit of a dose as people write it."""
    return _UNITS.get(unit, unit)


_UNITS: Final = {
    "[iU]": "units", "{puff}": "puffs", "meq": "mEq", "ug": "mcg", "{tbl}": "tab", "{drop}": "drop",
    "{spray}": "sprays",
}  # fmt: skip


@lru_cache(maxsize=4096)
def style_of(entropy: int, author: Practitioner) -> Style:
    """Returns an author's habits.

    Args:
        entropy: The hospital's.
        author: Who writes.
    """
    draw = Draw(stream(entropy, STYLE, author.number), 199)
    short = draw.between(1, 9) / 10
    words = {name: draw.pick(ways[0] if draw.chance(short) else ways[1]) for name, ways in LEXICON.items()}
    frame = draw.pick(("{}:\n", "{}: ", "{}\n", "{} - ", "## {}\n", "*{}* ", "{}\n  ", "[{}] "))
    case = draw.pick(("", "upper", "title", "", "lower"))
    headings = {section: frame.format(_cased(draw.pick(names), case)) for section, names in _HEADINGS.items()}
    return Style(
        number=author.number,
        words=words,
        headings=headings,
        gap=draw.pick(("\n\n", "\n\n", "\n")),
        bullet=draw.pick(("- ", "* ", "# ", "", "", "+ ", "> ")),
        dates=draw.between(0, 5),
        doses=draw.between(0, 5),
        signs=draw.between(0, 4),
        labs=draw.between(0, 4),
        order=draw.between(0, 3),
        terse=draw.between(0, 6) / 10,
        copies=draw.pick((0.0, 0.05, 0.1, 0.2, 0.3)),
        brands=draw.chance(0.3),
        signature=_signature(author, draw),
        celsius=draw.chance(0.25),
    )


def _cased(text: str, case: str) -> str:
    if case == "title" and text.upper() == text:
        return text  # an abbreviation
    return {"upper": text.upper(), "title": text.title(), "lower": text.lower()}.get(case, text)


def _signature(author: Practitioner, draw: Draw) -> str:
    full = f"{author.given} {author.family}"
    degree = f", {author.degree}" if author.degree else ""
    ways: Sequence[str] = (
        f"{full}{degree}",
        f"Signed: {full}{degree}",
        f"-- {full}{degree}, {author.service}",
        f"{author.given[0]}. {author.family}{degree}",
        f"Electronically signed by {full}{degree}",
        f"{author.family}{degree}",
    )
    return draw.pick(ways)
