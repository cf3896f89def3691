"""Habits: what was asked about smoking, drinking and work."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._history import Person
from mab_gym.cohort.hospital._zone import day_of
from mab_gym.cohort.hospital.rows._categories import category_text
from mab_gym.cohort.hospital.rows._chart import Chart
from mab_gym.cohort.hospital.rows._fhir import (
    LOINC,
    SNOMED,
    US_CORE,
    coded,
    decimal,
    quantity,
)
from mab_gym.cohort.hospital.rows._sheet import Sheet

SMOKING: Final = {
    "never": ("266919005", "Never smoked tobacco"),
    "former": ("8517006", "Ex-smoker"),
    "current": ("77176002", "Smoker"),
}
"""SNOMED CT codes of US Core's smoking status."""
_HABITS_EVERY: Final = 365 * 86400
"""Habits are asked for again after a year; our choice."""
_ASKED: Final = frozenset({"ambulatory", "inpatient", "virtual"})


def add_habits(chart: Chart, sheet: Sheet) -> None:
    """Adds what was asked about smoking, drinking and work, to the sheet of observations."""
    person = chart.person
    last: int | None = None
    subject = chart.whose(sheet)
    for place, visit in enumerate(chart.history.visits):
        if visit.kind not in _ASKED or (last is not None and visit.start < last + _HABITS_EVERY):
            continue
        adult = person.age(visit.start) >= 16
        if not adult:
            continue
        first = last is None
        last = visit.start
        moment = visit.start + 600
        by = visit.practitioner if visit.nurse is None else visit.nurse
        year = int(day_of(moment)[:4])
        found: list[tuple[str, str, str]] = [("72166-2", "valueCodeableConcept", smoking_at(person, year))]
        if smoking_at(person, year) != "never":
            found.append(("8664-5", "valueQuantity", _pack_years(person, year)))
        found.append(("11287-0", "valueQuantity", f"{person.drinks:g}"))
        if first and person.occupation:
            found.append(("11341-5", "valueCodeableConcept", person.occupation))
        for code, element, value in found:
            sheet.add(
                id=chart.take(),
                meta=chart.meta(sheet, US_CORE + _HABIT_PROFILES.get(code, "simple-observation"), moment),
                status=sheet["status"].text('"final"'),
                category=sheet["category"].of("social-history", category_text),
                code=sheet["code"].of(code, _habit_code),
                subject=subject,
                encounter=chart.encounter(sheet, place),
                effectiveDateTime=moment,
                issued=moment,
                performer=sheet["performer"].text(chart.hospital.performers[by]),
                **{element: sheet[element].of((code, value), _habit_value)},
            )


def smoking_at(person: Person, year: int) -> str:
    """Returns what somebody was in a year: ``never``, ``former`` or ``current``."""
    if person.smoking == "never" or not person.smoked_from or year < person.smoked_from:
        return "never"
    return "former" if person.smoked_until and year > person.smoked_until else "current"


_HABIT_PROFILES: Final = {"72166-2": "smokingstatus", "11341-5": "observation-occupation"}
_HABIT_WORDS: Final = {
    "72166-2": "Tobacco smoking status",
    "8664-5": "Cigarettes smoked total (pack per year) - Reported",
    "11287-0": "Alcoholic drinks per week",
    "11341-5": "History of Occupation",
}


@cache
def _habit_code(code: str) -> str:
    if code == "11287-0":  # our own words: no LOINC code is sure
        return pretty({"text": _HABIT_WORDS[code]})
    return pretty(coded(_HABIT_WORDS[code], (LOINC, code, _HABIT_WORDS[code])))


@lru_cache(maxsize=1 << 14)
def _habit_value(key: tuple[str, str]) -> str:
    code, value = key
    if code == "72166-2":
        return pretty(coded(SMOKING[value][1], (SNOMED, *SMOKING[value])))
    if code == "11341-5":
        return pretty({"text": value})
    unit = ("pack-years", "{PackYears}") if code == "8664-5" else ("drinks/wk", "{drinks}/wk")
    return pretty(quantity(float(value), *unit))


def _pack_years(person: Person, year: int) -> str:
    until = min(person.smoked_until or year, year)
    return str(decimal(round(max(0, until - person.smoked_from) * person.packs, 1)))
