"""Vaccinations: by ACIP's schedules, to the coverage that surveys find, at a visit or in a pharmacy."""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, timedelta
from typing import Final

from mab_gym.cohort._spec import HOUR, MINUTE
from mab_gym.cohort.hospital._catalogue import VACCINES
from mab_gym.cohort.hospital._history import NOW, Vaccination
from mab_gym.cohort.hospital.life._background import first_of_age
from mab_gym.cohort.hospital.life._builder import Life
from mab_gym.cohort.hospital.life._chance import as_date, at_local, day_number, number_of

_FLU: Final = ((18, 0.35), (50, 0.50), (65, 0.70))
"""Coverage of a season: CDC FluVaxView, 2022-23 (18-49: 35 %, 50-64: 50 %, 65 and over: 70 %)."""
_COVID: Final = ((18, 0.72), (30, 0.76), (50, 0.87), (65, 0.95))
"""At least a complete first series: CDC COVID Data Tracker, May 2023."""
_BOOSTER: Final = (("2021-10-01", 0.5), ("2022-09-10", 0.24), ("2023-09-25", 0.24))
"""Of these, who had each season's booster; twice as often from 65 years on (CDC, ACIP slides 2024)."""
_LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"


def add_vaccinations(life: Life) -> None:
    """Adds all vaccinations of the years of the records, by time."""
    visits = [
        (visit.start, place)
        for place, visit in enumerate(life.history.visits)
        if visit.kind == "ambulatory"
        and visit.service in ("primary", "obstetrics", "medicine")
        and visit.reason != "screening_procedure"
    ]
    given: list[Vaccination] = []
    begin = day_number(first_of_age(life.background))
    end = day_number(life.person.died if life.person.died is not None else NOW) - 1
    if begin >= end:
        return
    _influenza(life, visits, given, begin, end)
    _covid(life, visits, given, begin, end)
    _others(life, visits, given, begin, end)
    given.sort(key=lambda one: one.moment)
    life.history.vaccinations = given


def _by_age(table: tuple[tuple[int, float], ...], age: float) -> float:
    return next((value for low, value in reversed(table) if age >= low), 0.0)


def _give(
    life: Life,
    visits: list[tuple[int, int]],
    given: list[Vaccination],
    key: str,
    day: int,
    reach: int,
    end: int,
    share: float = 0.6,
) -> int | None:
    """Gives a vaccine at the next visit within some days, or in a pharmacy on the day; returns the day."""
    vaccine, chance = VACCINES[key], life.chance
    if day >= end or not vaccine.exists(as_date(day)):
        return None
    at = bisect_left(visits, (at_local(day, 0), 0))
    if at < len(visits) and chance.hit(share):
        start, place = visits[at]
        there = day_number(start)
        if there - day <= reach and vaccine.exists(as_date(there)):
            lot = f"{chance.one(_LETTERS)}{chance.one(_LETTERS)}{chance.whole(1000, 9999)}"
            given.append(Vaccination(key, start + 14 * MINUTE, place, False, lot))
            return there
    moment = at_local(day, 10 * HOUR + chance.whole(0, 90) * 5 * MINUTE)
    if any(
        visit.start - HOUR < moment < (visit.end or NOW) + HOUR
        for visit in life.history.visits
        if visit.kind == "inpatient"
    ):
        return None
    if moment >= (life.person.died or NOW):
        return None
    given.append(Vaccination(key, moment, None, False, ""))
    return day


def _refuse(life: Life, visits: list[tuple[int, int]], given: list[Vaccination], key: str, day: int) -> None:
    """Writes down that a vaccine was offered at the next visit within 60 days, and refused."""
    at = bisect_left(visits, (at_local(day, 0), 0))
    if at < len(visits):
        start, place = visits[at]
        there = day_number(start)
        if there - day < 60 and VACCINES[key].exists(as_date(there)):
            given.append(Vaccination(key, start + 14 * MINUTE, place, True, ""))


def _influenza(life: Life, visits: list[tuple[int, int]], given: list[Vaccination], begin: int, end: int) -> None:
    chance, trust = life.chance, life.background.trust
    for year in range(as_date(begin).year, as_date(end).year + 1):
        day = number_of(date(year, 9, 12)) + int(75 * chance.next() * (0.4 + 0.6 * chance.next()))
        if not begin <= day < end:
            continue
        age = life.age(at_local(day, 0))
        share = _by_age(_FLU, age)
        late = year >= 2024
        high = age >= 65 and (year >= 2020)
        key = ("influenza_high_dose_trivalent" if late else "influenza_high_dose") if high else (
            "influenza_trivalent" if late else "influenza_quadrivalent"
        )  # fmt: skip
        # Most who are vaccinated in one year are in the next, too.
        if trust * 0.75 + chance.next() * 0.25 > 0.125 + 0.75 * (1.0 - share):
            _give(life, visits, given, key, day, 45, end)
        elif trust < 0.3 and chance.hit(0.12):
            _refuse(life, visits, given, key, day)


def _covid(life: Life, visits: list[tuple[int, int]], given: list[Vaccination], begin: int, end: int) -> None:
    chance, trust = life.chance, life.background.trust
    eligible = number_of(date(2020, 12, 14))
    age = life.age(at_local(max(begin, eligible), 0))
    if trust < 1.0 - _by_age(_COVID, age):
        return
    soonest = {65: 30, 50: 90}.get(65 if age >= 65 else 50 if age >= 50 else 0, 115)
    worker = life.person.occupation in ("nurse", "home health aide", "police officer", "social worker")
    day = max(begin, eligible + (chance.whole(2, 40) if worker else soonest + int(70 * chance.waits())))
    key = "covid_pfizer" if chance.hit(0.6) or day < eligible + 7 else "covid_moderna"
    if _give(life, visits, given, key, day, 3, end, 0.3) is None:
        return
    _give(life, visits, given, key, day + (21 if key == "covid_pfizer" else 28) + chance.whole(0, 5), 3, end, 0.2)
    last = day
    for since, share in _BOOSTER:
        begun = number_of(date.fromisoformat(since))
        at = max(begun, last + 150) + int(45 * chance.waits())
        wanted = min(0.9, share * (1.75 if life.age(at_local(min(at, end), 0)) >= 65 else 0.8))
        if trust * 0.7 + chance.next() * 0.3 > 0.15 + 0.7 * (1.0 - wanted) and at - begun < 200:
            name = key if since < "2022" else "covid_bivalent" if since < "2023" else "covid_2023"
            last = _give(life, visits, given, name, at, 20, end, 0.35) or last


def _others(life: Life, visits: list[tuple[int, int]], given: list[Vaccination], begin: int, end: int) -> None:
    chance, trust, background = life.chance, life.background.trust, life.background

    def day_at(age: float) -> int:
        return background.born + int(age * 365.2425)

    # Tetanus: 63 % within ten years (NHIS 2018, MMWR Surveill Summ 2021;70(3)).
    day = begin + chance.whole(0, 3650)
    if trust + 0.5 * chance.next() > 0.6:
        _give(life, visits, given, "tdap" if chance.hit(0.7) else "td", day, 200, end, 0.85)
    # Tdap in weeks 27 to 36 of each pregnancy: 55 % (CDC VaxView, 2021-22).
    for begins, _ in life.person.pregnancies:
        at = number_of(begins + timedelta(days=27 * 7 + chance.whole(0, 40)))
        if begin < at < end and chance.hit(0.56):
            _give(life, visits, given, "tdap", at, 21, end, 0.95)
    # Pneumococcal vaccines from 65 on: 66 % (NHIS 2022).
    if trust > 0.32 and end > day_at(65):
        day = max(begin + chance.whole(0, 600), day_at(65) + chance.whole(0, 900))
        if as_date(day) < date(2022, 1, 20):
            if _give(life, visits, given, "pneumococcal_13", day, 300, end, 0.9) is not None and chance.hit(0.7):
                _give(life, visits, given, "pneumococcal_23", day + 400, 200, end, 0.9)
        else:
            _give(life, visits, given, "pneumococcal_20", day, 300, end, 0.9)
    # Zoster from 50 on: 36 % of those of 60 and over had any in 2021, most of them later (NHIS 2022).
    if trust > 0.52 and end > day_at(52):
        day = max(begin, number_of(date(2018, 4, 1)) + chance.whole(0, 1700), day_at(51) + chance.whole(0, 2500))
        first = _give(life, visits, given, "zoster_recombinant", day, 120, end, 0.5)
        if first is not None and chance.hit(0.8):
            _give(life, visits, given, "zoster_recombinant", first + chance.whole(62, 180), 60, end, 0.5)
    # RSV from 60 on, by shared decision: 24 % by the spring of 2024 (CDC RSVVaxView).
    if trust > 0.74 and background.age(NOW) >= 60.5:
        _give(life, visits, given, "rsv_arexvy", number_of(date(2023, 9, 1)) + chance.whole(0, 150), 30, end, 0.4)
    # Hepatitis B in younger people with diabetes (ACIP 2011), and HPV up to 26 years.
    diabetes = life.known.get("type2_diabetes")
    if diabetes is not None and trust > 0.6:
        known = life.history.problems[diabetes].known
        if known is not None and known > at_local(begin, 0) and life.age(known) < 60:
            _series(life, visits, given, "hepatitis_b", day_number(known) + 30, (0, 31, 182), end)
    if trust > 0.45 and background.age(at_local(begin, 0)) < 24 and chance.hit(0.4):
        _series(life, visits, given, "hpv9", begin + chance.whole(10, 800), (0, 61, 183), end)
    if background.female and chance.hit(0.02):
        _give(life, visits, given, "mmr", begin + chance.whole(0, 1500), 90, end, 0.9)


def _series(
    life: Life,
    visits: list[tuple[int, int]],
    given: list[Vaccination],
    key: str,
    day: int,
    gaps: tuple[int, ...],
    end: int,
) -> None:
    """Gives a series; some do not come for the last dose."""
    for gap in gaps:
        at = _give(life, visits, given, key, day + gap, 60, end, 0.8)
        if at is None or life.chance.hit(0.12):
            return
        day = max(day, at - gap)
