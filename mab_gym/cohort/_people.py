"""The people of a cohort: demographics of the profiles and of the background patients.

Ages are in completed years on 2023-11-13, as the benchmark's own age questions count them; the spread is the sample
standard deviation (divided by n - 1), as clinical papers report it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._columns import InstantBuilder, Json, PoolBuilder, TableBuilder
from mab_gym.cohort._elements import HL7, concept
from mab_gym.cohort._names import ANCESTRIES, LOOKALIKES, STREET_KINDS, STREETS, TOWNS, folded
from mab_gym.cohort._spec import NOW, SHARES, CohortSpec
from mab_gym.cohort._streams import PEOPLE, Ints, integers, pick, stream

MEAN_AGE, SPREAD_OF_AGES, FEMALE_SHARE = 58.15, 19.82, 0.47
"""Of the published profiles (Jiang et al., MedAgentBench, NEJM AI 2025, arXiv 2501.14654)."""
YOUNGEST, OLDEST = 18, 95
"""Our choice."""
TODAY: Final = datetime.fromtimestamp(NOW, UTC).date()

_ANNIVERSARIES = {0: 4, -1: 3, 1: 3}
"""Of a hundred profiles, how many have their birthday so many days after today; our choice: there questions of age go
wrong."""
_HYPHENATED, _TWO_GIVEN_NAMES, _WITH_PHONE, _WITHOUT_STATUS = 0.05, 0.1, 0.97, 0.15
_SINGLE_BELOW_30, _SINGLE, _WIDOWED_ABOVE_70 = 0.75, 0.3, 0.2
"""Shares of people; our estimate."""
T = TypeVar("T")
_RELATIVES = {name: kin for kin in LOOKALIKES for name in kin}


@dataclass(frozen=True, slots=True)
class Demographics:
    """One person's demographics.

    Attributes:
        mrn: Medical record number and logical id.
        family: Family name; two joined by a hyphen in some.
        given: One or two given names.
        female: Administrative gender.
        birth: Date of birth.
        ancestry: Index into `ANCESTRIES`.
    """

    mrn: str
    family: str
    given: tuple[str, ...]
    female: bool
    birth: date
    ancestry: int

    @property
    def age(self) -> int:
        """Completed years today."""
        return completed_years(self.birth)


def completed_years(birth: date) -> int:
    """The age today of somebody born on a day."""
    return TODAY.year - birth.year - ((TODAY.month, TODAY.day) < (birth.month, birth.day))


def draw_people(spec: CohortSpec) -> list[Demographics]:
    """All people of a cohort: the profiles first, then the background patients.

    No two have the same full name and date of birth, compared without case and accents. Some background patients are
    easily taken for a profile: the same name with another date of birth, or the same date with a similar name.
    """
    rng = stream(spec.entropy, PEOPLE)
    register = _Register(rng, spec)
    count = spec.patients
    ages = _ages(rng, count)
    female = np.arange(count) < round(FEMALE_SHARE * count)
    births = _birthdays(rng, ages)
    # The first people are no more likely than others to be women, to be old, or to have a birthday.
    sexes, order = rng.permutation(count), rng.permutation(count)
    people = [register.newcomer(bool(female[sexes[i]]), births[order[i]]) for i in range(count)]
    for number in range(spec.background_patients):
        model = people[number % count]
        kind = number // count
        if kind == 0 and number % 2 == 0:
            people.append(register.namesake(model))
        elif kind == 0 or (kind == 1 and number % 4 == 0):
            people.append(register.lookalike(model))
        else:
            age = int(np.clip(rng.normal(52.0, 21.0), 0, 101))
            people.append(register.newcomer(bool(rng.random_sample() < 0.51), _birthday(rng, age)))
    return people


def patient_builders(people: Sequence[Demographics], spec: CohortSpec) -> list[PoolBuilder | InstantBuilder]:
    """The Patient table's columns apart from ``meta``, filled. Chances that an element is there are our estimate."""
    rng = stream(spec.entropy, PEOPLE, 1)
    rows = len(people)
    towns, houses = pick(rng, range(2 * len(TOWNS), len(TOWNS), -1), rows), integers(rng, 1, 9900, rows)
    streets, kinds = integers(rng, 0, len(STREETS), rows), integers(rng, 0, len(STREET_KINDS), rows)
    codes, phones = integers(rng, 0, 100, rows), integers(rng, 0, 10_000, (rows, 2))
    married = [_marital_status(person, chance) for person, chance in zip(people, rng.random_sample(rows), strict=True)]
    elements: list[tuple[str, list[Json | None]]] = [
        ("extension", [_extensions(person) for person in people]),
        ("identifier", [_identifiers(person) for person in people]),
        ("name", [[{"use": "official", "family": p.family, "given": list(p.given)}] for p in people]),
        ("telecom", [_phone(phones[i]) if rng.random_sample() < _WITH_PHONE else None for i in range(rows)]),
        ("gender", ["female" if person.female else "male" for person in people]),
        ("birthDate", [person.birth.isoformat() for person in people]),
        (
            "address",
            [
                [
                    {
                        "line": [f"{houses[i]} {STREETS[streets[i]]} {STREET_KINDS[kinds[i]]}"],
                        "city": TOWNS[towns[i]][0],
                        "state": TOWNS[towns[i]][1],
                        "postalCode": f"{TOWNS[towns[i]][2]}{codes[i]:02d}",
                    }
                ]
                for i in range(rows)
            ],
        ),
        ("maritalStatus", list(married)),
    ]
    table = TableBuilder("Patient", rows)
    for name, values in elements:
        present = [value is not None for value in values]
        table.pool(name, [value or "" for value in values]).put(
            slice(0, rows), np.where(present, 1 + np.arange(rows), 0)
        )
    return table.builders


class _Register:
    """Gives out names and MRNs, each once, and only those of the cohort's share (see `CohortSpec.share`)."""

    def __init__(self, rng: RandomState, spec: CohortSpec) -> None:
        self._rng = rng
        self._share = spec.share
        self._known: set[str] = set()
        self._mrns: set[int] = set()
        self._ancestries = [number for number, ancestry in enumerate(ANCESTRIES) for _ in range(ancestry.weight)]
        self._chances = _chances(rng)

    def newcomer(self, female: bool, birth: date) -> Demographics:
        while True:
            ancestry = self._one(self._ancestries)
            family = self._one(ANCESTRIES[ancestry].families)
            if next(self._chances) < _HYPHENATED:
                second = self._one(ANCESTRIES[ancestry].families)
                family = f"{family}-{second}" if " " not in family + second and second != family else family
            given = self._given(ancestry, female)
            person = Demographics("", family, given, female, birth, ancestry)
            if self._free(person):
                return self._enter(person)

    def namesake(self, model: Demographics) -> Demographics:
        """Somebody with the same name and another, often similar, date of birth."""
        births = [model.birth + timedelta(days=days) for days in (1, -1, 10, -10, 31, -31)]
        births += [_in_year(model.birth, model.birth.year + years) for years in (1, -1, 10, -10, 2, -2, 7)]
        if model.birth.day <= 12 and model.birth.day != model.birth.month:
            births.insert(0, model.birth.replace(month=model.birth.day, day=model.birth.month))
        births = [births[i] for i in self._rng.permutation(len(births))]
        while True:
            birth = births.pop() if births else _birthday(self._rng, int(integers(self._rng, 1, 95, 1)[0]))
            person = replace(model, birth=birth)
            if birth <= TODAY and birth != model.birth and self._free(person):
                return self._enter(person)

    def lookalike(self, model: Demographics) -> Demographics:
        """Somebody with the same date of birth and a similar name: spelt alike, or a twin's."""
        similar = [replace(model, given=(kin, *model.given[1:])) for kin in _RELATIVES.get(model.given[0], ())]
        similar += [replace(model, family=kin) for kin in _RELATIVES.get(model.family, ())]
        if "-" in model.family:
            similar += [replace(model, family=part) for part in model.family.split("-")]
        while True:
            if similar:
                person = similar.pop(0)
            else:
                female = model.female if next(self._chances) < 0.7 else not model.female
                person = replace(model, given=self._given(model.ancestry, female), female=female)
            # A name that differs by an accent or a second given name alone would be the same to most readers.
            same = folded(person.given[0]) == folded(model.given[0]) and person.family == model.family
            if not same and self._free(person):
                return self._enter(person)

    def _given(self, ancestry: int, female: bool) -> tuple[str, ...]:
        names = ANCESTRIES[ancestry].women if female else ANCESTRIES[ancestry].men
        first = self._one(names)
        second = self._one(names)
        return (first, second) if next(self._chances) < _TWO_GIVEN_NAMES and second != first else (first,)

    def _one(self, choices: Sequence[T]) -> T:
        return choices[int(next(self._chances) * len(choices))]

    def _free(self, person: Demographics) -> bool:
        name = folded(f"{' '.join(person.given)} {person.family}")
        return zlib.crc32(name.encode()) % SHARES == self._share and _key(person) not in self._known

    def _enter(self, person: Demographics) -> Demographics:
        self._known.add(_key(person))
        while True:
            number = 1_000_000 + self._share + SHARES * int(next(self._chances) * (9_000_000 // SHARES))
            if number not in self._mrns:
                self._mrns.add(number)
                return replace(person, mrn=f"S{number}")


def _chances(rng: RandomState) -> Iterator[float]:
    """Numbers from 0 to below 1 without end; drawing them one by one would take fifty times as long."""
    while True:
        yield from rng.random_sample(4096).tolist()


def _key(person: Demographics) -> str:
    return folded(f"{' '.join(person.given)} {person.family} {person.birth.isoformat()}")


def _ages(rng: RandomState, count: int) -> Ints:
    """Ages in whole years with the cohort's mean and sample standard deviation, as near as whole numbers can be."""
    ages = np.clip(np.rint(rng.normal(MEAN_AGE, 21.0, count)), YOUNGEST, OLDEST).astype(np.int64)
    missing = round(MEAN_AGE * count) - int(ages.sum())
    while missing:
        at = int(integers(rng, 0, count, 1)[0])
        step = 1 if missing > 0 else -1
        if YOUNGEST <= ages[at] + step <= OLDEST:
            ages[at] += step
            missing -= step
    # Two people grow apart or together by a year each, which holds the mean, until the squares add up.
    wanted = round(SPREAD_OF_AGES**2 * (count - 1) * count)
    excess = count * int((ages * ages).sum()) - int(ages.sum()) ** 2 - wanted
    for _ in range(200 * count):
        if abs(excess) <= count:
            break
        older, younger = (int(i) for i in integers(rng, 0, count, 2))
        if ages[older] < ages[younger]:
            older, younger = younger, older
        step = -1 if excess > 0 else 1
        change = count * (2 * step * int(ages[older] - ages[younger]) + 2)
        stays = older != younger and ages[older] + step <= OLDEST and ages[younger] - step >= YOUNGEST
        if stays and abs(excess + change) < abs(excess):
            ages[older] += step
            ages[younger] -= step
            excess += change
    return ages


def _birthdays(rng: RandomState, ages: Ints) -> list[date]:
    fixed = [days for days, share in _ANNIVERSARIES.items() for _ in range(-(-share * len(ages) // 100))]
    births = []
    for number, age in enumerate(ages):
        if number < len(fixed):
            day = TODAY + timedelta(days=fixed[number])
            births.append(day.replace(year=day.year - int(age) - (day > TODAY)))
        else:
            births.append(_birthday(rng, int(age)))
    return births


def _birthday(rng: RandomState, age: int) -> date:
    """A date of birth of somebody who is so many years old today."""
    last = _in_year(TODAY, TODAY.year - age)
    return last - timedelta(days=int(integers(rng, 0, 365, 1)[0]))


def _in_year(day: date, year: int) -> date:
    """The same day in another year; the 28th for a 29 February that the year lacks."""
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)


def _extensions(person: Demographics) -> Json:
    hispanic = ANCESTRIES[person.ancestry].hispanic
    ethnicity = ("2135-2", "Hispanic or Latino") if hispanic else ("2186-5", "Not Hispanic or Latino")
    return [
        {
            "url": f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{name}",
            "valueCodeableConcept": concept(f"http://hl7.org/fhir/v3/{name.capitalize()}", code, display),
        }
        for name, (code, display) in (("race", ANCESTRIES[person.ancestry].race), ("ethnicity", ethnicity))
    ]


def _identifiers(person: Demographics) -> Json:
    kind = concept(f"{HL7}v2-0203", "MR", "Medical Record Number")
    return [{"use": "usual", "type": kind, "value": person.mrn}]


def _phone(digits: Ints) -> Json:
    # Exchanges that begin with 555 are given to nobody.
    return [{"system": "phone", "value": f"{200 + digits[0] % 800:03d}-555-{digits[1]:04d}", "use": "home"}]


def _marital_status(person: Demographics, chance: float) -> Json | None:
    if chance < _WITHOUT_STATUS or person.age < 18:
        return None
    single = _SINGLE_BELOW_30 if person.age < 30 else _SINGLE
    code, display = ("S", "Never Married") if chance < single else ("M", "Married")
    if person.age > 70 and chance > 1 - _WIDOWED_ABOVE_70:
        code, display = "W", "Widowed"
    return concept(f"{HL7}v3-MaritalStatus", code, display, display)
