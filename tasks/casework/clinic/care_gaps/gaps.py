"""Screening and vaccines that are due, by the facts about a person.

Screening: USPSTF, colorectal JAMA 2021;325:1965, breast JAMA 2024;331:1918, cervical JAMA 2018;320:674, osteoporosis
JAMA 2018;319:2521, abdominal aorta JAMA 2019;322:2211, HIV JAMA 2019;321:2326. Vaccines: ACIP, adult schedule of 2024,
MMWR 2024;73:11; hepatitis B MMWR 2022;71:477; RSV MMWR 2024;73:696; pneumococcal from 65 years on MMWR 2022;71:109.
What two careful readers could see in two ways has no state: it is never asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final

__all__ = ["DONE", "DUE", "ELSEWHERE", "NEVER", "TOPICS", "Person", "Topic", "assess", "lapsed", "month_of"]

DUE, DONE, ELSEWHERE, NEVER = "due", "done", "elsewhere", "never"
_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True)
class Person:
    """The facts about a person.

    Attributes:
        born: Day of birth.
        female: Sex.
        smoked: True if ever; None if not known.
        problems: Words of all conditions and operations, in lower case.
        vaccines: Words of each vaccine that was given, with its day.
        refused: Words of vaccines that were refused, with the day.
        exams: Words of each examination, its day, and what it found.
        elsewhere: By topic: the day on which it was done elsewhere, and the years until the next; 0 if not told.
        stool_test: True if a stool test was agreed on in place of a colonoscopy.
    """

    born: date
    female: bool
    smoked: bool | None
    problems: str
    vaccines: Sequence[tuple[str, date]]
    refused: Sequence[tuple[str, date]]
    exams: Sequence[tuple[str, date, str]]
    elsewhere: Mapping[str, tuple[date, float]] = field(default_factory=dict)
    stool_test: bool = False

    def given(self, *words: str) -> list[date]:
        """Returns the days on which a vaccine was given, the newest first."""
        return sorted((day for name, day in self.vaccines if any(word in name for word in words)), reverse=True)

    def seen(self, *words: str) -> list[tuple[date, str]]:
        """Returns the days and findings of examinations, the newest first."""
        return sorted(
            ((day, found) for name, day, found in self.exams if any(word in name for word in words)), reverse=True
        )


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of screening, or a vaccine.

    Attributes:
        title: As the prompt names it.
        words: Patterns of the words of an order, or of a record.
        codes: Codes of an order, or of a record.
        vaccine: True for a vaccine.
        state: Says if it is due; None where it is not clear.
    """

    title: str
    words: tuple[str, ...]
    codes: tuple[str, ...]
    vaccine: bool
    state: Callable[[Person, date], str | None]


def assess(person: Person, today: date) -> dict[str, str]:
    """Returns the state of each topic that is clear."""
    found = {name: topic.state(person, today) for name, topic in TOPICS.items()}
    return {name: state for name, state in found.items() if state is not None}


def lapsed(person: Person, today: date) -> list[str]:
    """Returns topics that are due although something of the kind was done here before."""
    fresh = replace(
        person,
        exams=[(name, today, found) for name, _, found in person.exams],
        vaccines=[(name, today) for name, _ in person.vaccines],
    )
    then = assess(fresh, today)
    return [name for name, state in assess(person, today).items() if state == DUE and then.get(name) != DUE]


def _age(person: Person, today: date) -> float:
    return (today - person.born).days / _YEAR


def _years(day: date, today: date) -> float:
    return (today - day).days / _YEAR


def _influenza(person: Person, today: date) -> str | None:
    season = date(today.year, 7, 1)
    if any("influenza" in name and day >= season for name, day in person.refused):
        return None
    return DONE if any(day >= season for day in person.given("influenza")) else DUE


def _zoster(person: Person, today: date) -> str | None:
    if _age(person, today) < 50:
        return NEVER if _age(person, today) < 49 else None
    doses = person.given("zoster vaccine, recombinant")
    if len(doses) >= 2:
        return DONE
    if "zoster" in person.elsewhere:
        return ELSEWHERE if not doses else None
    return None if doses and _years(doses[0], today) < 0.5 else DUE


def _pneumococcal(person: Person, today: date) -> str | None:
    if _age(person, today) < 65 or "pneumococcal" in person.elsewhere:
        return None
    if person.given("pcv20"):
        return DONE
    if person.given("pneumococcal"):
        return None
    return DUE


def _tetanus(person: Person, today: date) -> str | None:
    given = person.given("tdap", "td (adult)")
    years = _years(given[0], today) if given else 99.0
    if years < 9.5:
        return DONE
    if "tdap" in person.elsewhere:
        told = _years(person.elsewhere["tdap"][0], today)
        return ELSEWHERE if told < 9.5 else None
    return DUE if years > 10.2 else None


def _rsv(person: Person, today: date) -> str | None:
    if _age(person, today) < 75.2:
        return NEVER if _age(person, today) < 60 else None
    if person.given("rsv"):
        return DONE
    return ELSEWHERE if "rsv" in person.elsewhere else DUE


def _hepatitis_b(person: Person, today: date) -> str | None:
    if not 19 <= _age(person, today) < 59.5 or "hepatitis b" in person.problems:
        return None
    doses = person.given("hep b", "hepatitis b")
    if len(doses) >= 3:
        return DONE
    if "hepatitis_b" in person.elsewhere:
        return ELSEWHERE if not doses else None
    return None if doses and _years(doses[0], today) < 0.6 else DUE


def _colorectal(person: Person, today: date) -> str | None:
    age = _age(person, today)
    if any(word in person.problems for word in ("colon cancer", "rectal cancer", "colectomy", "crohn", "ulcerative")):
        return None
    if age < 44.5 or age >= 86:
        return NEVER
    if not 45.2 <= age < 75.5:
        return None
    seen = person.seen("colonoscopy")
    if seen:
        if "colonoscopy" in person.elsewhere and person.elsewhere["colonoscopy"][0] > seen[0][0]:
            return None  # the later one may ask for another sooner
        plain = any(word in seen[0][1] for word in ("normal", "diverticulosis"))
        return DONE if _years(seen[0][0], today) < (9.5 if plain else 2.5) else None
    if "colonoscopy" in person.elsewhere:
        day, years = person.elsewhere["colonoscopy"]
        if person.stool_test or years == 0 or abs(_years(day, today) - years) < 0.4:
            return None
        return ELSEWHERE if _years(day, today) < years else DUE
    return DUE


def _breast(person: Person, today: date) -> str | None:
    age = _age(person, today)
    if not person.female or age < 39:
        return NEVER
    if not 40.2 <= age < 74.5 or any(word in person.problems for word in ("breast cancer", "mastectomy")):
        return None
    seen = person.seen("mammogra")
    years = _years(seen[0][0], today) if seen else 99.0
    if years < 1.75:
        return DONE if "bi-rads 1" in seen[0][1] or "bi-rads 2" in seen[0][1] else None
    if "mammogram" in person.elsewhere and _years(person.elsewhere["mammogram"][0], today) < 2.25:
        return ELSEWHERE if _years(person.elsewhere["mammogram"][0], today) < 1.75 else None
    return DUE if years > 2.25 else None


def _cervical(person: Person, today: date) -> str | None:
    age = _age(person, today)
    if not person.female:
        return NEVER
    if any(word in person.problems for word in ("hysterectomy", "cervical cancer", "hiv", "dysplasia")):
        return None
    if not 22 <= age < 64.5:
        return None
    seen = person.seen("pap and hpv", "cervical cancer")
    years = _years(seen[0][0], today) if seen else 99.0
    if years < 2.7:
        bad = any(word in each for _, each in seen[:2] for word in ("asc", "lsil", "hsil", "positive", "unsatisf"))
        return None if bad else DONE
    if "pap_smear" in person.elsewhere:
        told = _years(person.elsewhere["pap_smear"][0], today)
        if told < 5.2:
            return ELSEWHERE if told < 4.7 and years > 5.2 else None
    return DUE if years > 5.2 else None


def _osteoporosis(person: Person, today: date) -> str | None:
    if not person.female:
        return NEVER
    if _age(person, today) < 65.2 or any(
        word in person.problems for word in ("osteopor", "bone density", "osteopenia")
    ):
        return None
    seen = person.seen("dxa", "bone density")
    if seen:
        return DONE if _years(seen[0][0], today) < 5 else None
    if "bone_density" in person.elsewhere:
        return ELSEWHERE if _years(person.elsewhere["bone_density"][0], today) < 5 else None
    return DUE


def _hiv(person: Person, today: date) -> str | None:
    age = _age(person, today)
    if not 18 <= age < 65 or "hiv" in person.problems or "immunodeficiency" in person.problems:
        return NEVER if age >= 76 else None
    if person.seen("hiv"):
        return DONE
    return ELSEWHERE if "hiv_test" in person.elsewhere else DUE


TOPICS: Final[Mapping[str, Topic]] = {
    "breast": Topic("breast cancer", (r"mammo", r"tomosynthesis"), ("24606-6", "71651007", "24623002"), False, _breast),
    "cervical": Topic(
        "cervical cancer",
        (r"\bpap\b", r"\bhpv\b", r"cervical cancer", r"cervical cyt"),
        ("171149006", "19765-7", "77379-6", "10524-7"),
        False,
        _cervical,
    ),
    "colorectal": Topic(
        "colorectal cancer",
        (r"colonoscop", r"\bfit\b", r"f[ae]+cal", r"stool", r"cologuard", r"fobt", r"immunochemical", r"sigmoidoscop"),
        ("73761001", "29771-3", "57905-2", "77353-1", "27396-1", "14563-1", "104435004"),
        False,
        _colorectal,
    ),
    "hiv": Topic("HIV", (r"\bhiv\b",), ("56888-1", "75622-1", "7918-6", "31201-7", "171121004"), False, _hiv),
    "osteoporosis": Topic(
        "osteoporosis",
        (r"\bdxa\b", r"\bdexa\b", r"bone (mineral )?density", r"densitometry"),
        ("38263-0", "24701-5", "38268-9", "312681000", "80943009"),
        False,
        _osteoporosis,
    ),
    "hepatitis_b": Topic(
        "hepatitis B vaccine",
        (
            r"\bhep(atitis)?[ .-]*b\b",
            r"heplisav",
            r"engerix",
            r"recombivax",
            r"prehevbrio",
            r"\bhbs?ag?\b",
            r"anti-?hbs",
        ),
        ("43", "44", "45", "189", "220", "08", "104", "16935-9", "22322-2", "10900-9", "5193-8"),
        True,
        _hepatitis_b,
    ),
    "influenza": Topic(
        "influenza vaccine of this season",
        (r"influenza", r"\bflu\b", r"fluzone", r"flublok", r"fluad"),
        ("135", "140", "141", "150", "153", "155", "158", "168", "171", "185", "186", "197", "205", "231", "320"),
        True,
        _influenza,
    ),
    "pneumococcal": Topic(
        "pneumococcal vaccine",
        (r"pneumoc", r"prevnar", r"\bpcv", r"capvaxive", r"vaxneuvance", r"ppsv"),
        ("216", "215", "327", "33", "133"),
        True,
        _pneumococcal,
    ),
    "rsv": Topic(
        "RSV vaccine",
        (r"\brsv\b", r"syncytial", r"arexvy", r"abrysvo", r"mresvia"),
        ("303", "304", "305", "306", "314", "326"),
        True,
        _rsv,
    ),
    "tetanus": Topic(
        "tetanus vaccine (Td or Tdap)",
        (r"tdap", r"\btd\b", r"tetanus", r"boostrix", r"adacel", r"tenivac"),
        ("115", "113", "09", "138", "139", "196"),
        True,
        _tetanus,
    ),
    "zoster": Topic(
        "zoster vaccine", (r"zoster", r"shingrix", r"shingles", r"\brzv\b"), ("187", "188", "121"), True, _zoster
    ),
}
TOLD_AS: Final = {
    "breast": "mammogram",
    "cervical": "pap_smear",
    "colorectal": "colonoscopy",
    "hiv": "hiv_test",
    "osteoporosis": "bone_density",
    "hepatitis_b": "hepatitis_b",
    "tetanus": "tdap",
    "zoster": "zoster",
    "rsv": "rsv",
    "influenza": "influenza",
}
"""By topic: the key under which `Person.elsewhere` has it."""
STOOL_WORDS: Final = (r"\bfit\b", r"f[ae]+cal", r"stool", r"cologuard", r"fobt", r"immunochemical")
STOOL_CODES: Final = ("29771-3", "57905-2", "77353-1", "27396-1", "14563-1", "104435004")


def month_of(written: str) -> date:
    """Returns the middle of a month that is written as ``2019-07``."""
    year, month = written.split("-")[:2]
    return date(int(year), int(month), 1) + timedelta(days=14)
