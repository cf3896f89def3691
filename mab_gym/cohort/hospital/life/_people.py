"""Names, addresses, coverage, language, work and family: what a person's background leaves open for the record."""

from __future__ import annotations

from datetime import date
from typing import Final

from mab_gym.cohort._names import ANCESTRIES, STREET_KINDS, STREETS
from mab_gym.cohort._spec import SHARES
from mab_gym.cohort.hospital._history import NOW, Person, Relative, Staff
from mab_gym.cohort.hospital._spec import HospitalSpec
from mab_gym.cohort.hospital._staff import COMMERCIAL, MEDICAID, MEDICARE, PHARMACIES, SELF_PAY, VETERANS, in_share
from mab_gym.cohort.hospital.life._background import RACES, Background
from mab_gym.cohort.hospital.life._chance import Chance, as_date, sums
from mab_gym.cohort.hospital.life._fate import Fate
from mab_gym.cohort.hospital.life._pregnancy import Pregnancy

TOWNS: Final = (
    ("Merrow", "MA", "018", 30), ("Ashby Falls", "MA", "014", 12), ("Tilden", "MA", "018", 11),
    ("North Merrow", "MA", "018", 10),
    ("Quarry Hill", "MA", "019", 8), ("Eastfield Mills", "MA", "012", 7), ("Harlow", "NH", "030", 7),
    ("Saltmarsh", "MA", "019", 6), ("Pembroke Junction", "NH", "030", 5), ("Lower Wexford", "CT", "060", 4),
)  # fmt: skip
"""Invented towns around the hospital, with state, first digits of the postal code and weight."""
_TOWNS: Final = sums([town[3] for town in TOWNS])
_ROOM: Final = 9_000_000 // SHARES
_STEP: Final = 1_048_573
"""Steps between the record numbers of people who follow each other; it has no factor in common with `_ROOM`."""
_LANGUAGES: Final = {2: ("es", 0.3), 3: ("es", 0.24), 4: ("zh", 0.32), 5: ("hi", 0.1), 6: ("ko", 0.3)}
"""Speakers of other languages, by place in `RACES`; shares about those who speak English less than very well in the
American Community Survey 2021."""
_WORK: Final = (
    "teacher", "nurse", "cashier", "truck driver", "software developer", "carpenter", "electrician", "office manager",
    "cook", "warehouse worker", "accountant", "home health aide", "mechanic", "sales representative", "janitor",
    "police officer", "social worker", "waiter", "landscaper", "machine operator", "bus driver", "engineer", "lawyer",
    "hairdresser", "store manager", "postal worker", "plumber", "bookkeeper", "security guard", "self-employed",
)  # fmt: skip
_PLANS: Final = ("PPO", "HMO", "High-deductible PPO", "EPO")
_MEN_LIVE, _WOMEN_LIVE = 77.0, 81.0
"""Usual age at death of parents."""


def mrn_of(spec: HospitalSpec, number: int) -> str:
    """Returns the record number of a person: unlike for every person and every split, and in no order."""
    return f"H{1_000_000 + spec.share + SHARES * ((number * _STEP + spec.entropy) % _ROOM)}"


def complete(
    spec: HospitalSpec, staff: Staff, chance: Chance, number: int, background: Background, fate: Fate,
    pregnancies: list[Pregnancy],
) -> Person:  # fmt: skip
    """Draws the rest of a person."""
    female, race = background.female, RACES[background.race]
    ancestry = ANCESTRIES[race[3]]
    family, given = _names(chance, spec.share, ancestry.families, ancestry.women if female else ancestry.men)
    years = background.age(fate.died if fate.died is not None else NOW)
    town = TOWNS[chance.weighted(_TOWNS)]
    language, share = _LANGUAGES.get(background.race, ("en", 0.0))
    if race[3] == 4 and language == "zh" and family in _VIETNAMESE:
        language = "vi"
    foreign = chance.hit(share * (0.5 if years < 40 else 1.3))
    marital = _marital(chance, years, female)
    payer, plan = _coverage(chance, years, fate, female)
    person = Person(
        number, mrn_of(spec, number), family, given, female, as_date(background.born), race=(race[0], race[1]),
        hispanic=race[2], language=language if foreign else "en", interpreter=foreign and chance.hit(0.72),
        marital=marital, height_cm=background.height,
        weight_kg=round(background.index * (background.height / 100) ** 2, 1),
    )  # fmt: skip
    person.line = f"{chance.whole(1, 980)} {chance.one(STREETS)} {chance.one(STREET_KINDS)}"
    person.city, person.state = town[0], town[1]
    person.postal = f"{town[2]}{chance.whole(1, 99):02d}"
    person.phone = _phone(chance)
    if chance.hit(0.88 if years < 65 else 0.6):
        person.email = f"{_plain(given[0])}.{_plain(family)}{chance.whole(1, 99)}@example.com"
    person.payer, person.plan = payer, plan
    person.doctor = chance.one([one.number for one in staff.of("primary")])
    person.pharmacy = chance.one(PHARMACIES)
    person.occupation = _occupation(chance, years)
    person.smoked_from, person.smoked_until, person.packs = (
        background.smoked_from,
        background.smoked_until,
        background.packs,
    )
    person.smoking = "never" if not person.smoked_from else "former" if person.smoked_until else "current"
    person.drinks = _drinks(chance, fate)
    if female:
        person.menarche = chance.whole(11, 15)
        person.pregnancies = [(as_date(one.begins), as_date(one.ends)) for one in pregnancies]
    person.relatives = _relatives(chance, person, background, ancestry.women, ancestry.men, years)
    return person


_VIETNAMESE: Final = frozenset(
    {"Nguyen", "Tran", "Le", "Pham", "Huynh", "Vo", "Dang", "Bui", "Do", "Hoang", "Phan", "Vu"}
)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isascii() and letter.isalpha())


def _phone(chance: Chance) -> str:
    return f"978-555-{chance.whole(100, 199):04d}"


def _names(
    chance: Chance, share: int, families: tuple[str, ...], names: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """Draws a name of the split's share of all names."""
    while True:
        family = chance.one(families)
        if chance.hit(0.04):
            second = chance.one(families)
            if " " not in family + second and second != family:
                family = f"{family}-{second}"
        first, second = chance.one(names), chance.one(names)
        given = (first, second) if chance.hit(0.25) and first != second else (first,)
        if in_share(" ".join(given), family, share):
            return family, given


def _marital(chance: Chance, years: float, female: bool) -> str:
    """Draws a marital status by the shares of the American Community Survey 2021, rounded."""
    draw = chance.next()
    if years < 26:
        return "M" if draw < 0.08 else "S"
    if years < 40:
        return "M" if draw < 0.5 else "D" if draw < 0.57 else "S"
    widowed = min(0.75, max(0.01, (years - 55) * (0.019 if female else 0.009)))
    if draw < widowed:
        return "W"
    rest = (draw - widowed) / (1.0 - widowed)
    return "M" if rest < 0.66 else "D" if rest < 0.84 else "S"


def _coverage(chance: Chance, years: float, fate: Fate, female: bool) -> tuple[int, str]:
    """Draws an insurer that fits age, disease and income; shares of Census Report P60-281 (2022)."""
    draw = chance.next()
    if years >= 65 or "esrd" in fate.courses:
        if draw < 0.49:
            return MEDICARE, "Medicare Advantage"
        if draw < 0.94:
            return MEDICARE, "Medicare Part B"
        return (MEDICAID, "Medicaid") if draw < 0.97 else (chance.one(COMMERCIAL), "PPO")
    poor = (
        0.15
        + (0.12 if {"schizophrenia", "opioid_use", "alcohol"} & fate.courses.keys() else 0.0)
        + (0.04 if female else 0)
    )
    if draw < poor:
        return MEDICAID, "Medicaid"
    if draw < poor + 0.03:
        return MEDICARE, "Medicare Part B (disability)"
    if draw < poor + 0.03 + (0.02 if not female else 0.004):
        return VETERANS, "Veterans Health Administration"
    if draw > 1.0 - (0.13 if years < 35 else 0.07):
        return SELF_PAY, "None"
    return chance.one(COMMERCIAL), chance.one(_PLANS)


def _occupation(chance: Chance, years: float) -> str:
    work = chance.one(_WORK)
    if years >= 67 or (years >= 62 and chance.hit(0.4)):
        return f"retired {work}"
    if years < 23 and chance.hit(0.6):
        return "student"
    return "not working" if chance.hit(0.13) else work


def _drinks(chance: Chance, fate: Fate) -> float:
    """Draws drinks a week: a third take none (NHIS 2018: 34 % of adults)."""
    if "alcohol" in fate.courses:
        return float(chance.whole(21, 60))
    if chance.hit(0.36) or "cirrhosis" in fate.courses:
        return 0.0
    return float(min(18, round(3.5 * chance.waits())))


def _relatives(
    chance: Chance, person: Person, background: Background, women: tuple[str, ...], men: tuple[str, ...], years: float
) -> list[Relative]:
    """Draws mother, father, siblings, spouse and children; one or two of those alive are to be called."""
    found: list[Relative] = []
    this = date.fromordinal(719163 + NOW // 86_400).year
    born = person.born.year
    maiden = chance.one(
        [
            person.family,
        ]
    )
    for relation, names, place, usual in (("MTH", women, 0, _WOMEN_LIVE), ("FTH", men, 1, _MEN_LIVE)):
        year = born - chance.whole(20, 38)
        found.append(
            _relative(chance, relation, chance.one(names), maiden, year, this, usual, background.parents[place])
        )
    for number in range(chance.whole(0, 3) if not background.parents[2] else chance.whole(1, 3)):
        sister = chance.hit(0.5)
        year = max(born + chance.whole(-9, 9), found[0].born + 16, found[1].born + 16)
        shared = background.parents[2] if number == 0 else ()
        shared = tuple(pair for pair in shared if pair[0] != ("prostate_cancer" if sister else "breast_cancer"))
        usual = _WOMEN_LIVE if sister else _MEN_LIVE
        found.append(
            _relative(
                chance,
                "SIS" if sister else "BRO",
                chance.one(women if sister else men),
                person.family,
                year,
                this,
                usual,
                shared,
            )
        )
    if person.marital == "M":
        year = born + chance.whole(-6, 6)
        found.append(
            Relative(
                "SPS", chance.one(men if person.female else women), person.family, year, None, (), True, _phone(chance)
            )
        )
    births = [ends.year for _, ends in person.pregnancies if ends.toordinal() < 719163 + NOW // 86_400]
    if not person.female and years > 24 and chance.hit(min(0.8, (years - 20) / 30)):
        births = sorted(born + chance.whole(22, min(45, int(years))) for _ in range(chance.whole(1, 3)))
    for year in births:
        daughter = chance.hit(0.488)
        found.append(
            Relative(
                "DAU" if daughter else "SON",
                chance.one(women if daughter else men),
                person.family,
                year,
                None,
                (),
                False,
                "",
            )
        )
    contacts = [one for one in found if one.died is None and this - one.born >= 18 and one.relation != "SPS"]
    wanted = 1 if chance.hit(0.6) else 2
    for one in sorted(contacts, key=lambda each: _CALLED.index(each.relation))[
        : max(0, wanted - (person.marital == "M"))
    ]:
        place = found.index(one)
        found[place] = Relative(
            one.relation, one.given, one.family, one.born, None, one.conditions, True, _phone(chance)
        )
    return found


_CALLED: Final = ("DAU", "SON", "MTH", "FTH", "SIS", "BRO")


def _relative(
    chance: Chance, relation: str, given: str, family: str, year: int, this: int, usual: float,
    conditions: tuple[tuple[str, int], ...],
) -> Relative:  # fmt: skip
    """Draws the life of a relative with given diseases, which begin before death and before now."""
    lived = int(max(2.0, usual + 13.0 * chance.normal() - 2.0 * len(conditions)))
    oldest = max([onset for _, onset in conditions], default=0)
    lived = min(101, max(lived, min(oldest + 1, this - year + 1)))
    died = lived if year + lived <= this else None
    alive = this - year if died is None else died
    return Relative(
        relation, given, family, year, died, tuple(pair for pair in conditions if pair[1] <= alive), False, ""
    )
