"""Drugs and doses as JSON: what, how much, how often, by which route, for how long."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._catalogue import DRUGS, Drug
from mab_gym.cohort.hospital._history import Prescription
from mab_gym.cohort.hospital.rows._fhir import (
    RXNORM,
    SNOMED,
    Element,
    coded,
    decimal,
    quantity,
)

ROUTES: Final = {
    "oral": ("26643006", "Oral route", "by mouth"), "iv": ("47625008", "Intravenous route", "intravenously"),
    "sc": ("34206005", "Subcutaneous route", "under the skin"),
    "im": ("78421000", "Intramuscular route", "into the muscle"),
    "inhaled": ("447694001", "Respiratory tract route", "inhaled"),
    "topical": ("6064005", "Topical route", "to the skin"),
    "ophthalmic": ("54485002", "Ophthalmic route", "into the eye"),
    "sublingual": ("37839007", "Sublingual route", "under the tongue"),
    "nasal": ("46713006", "Nasal route", "into the nose"), "rectal": ("37161004", "Rectal route", "rectally"),
    "transdermal": ("45890007", "Transdermal route", "on the skin"),
}  # fmt: skip
"""Routes in SNOMED CT, and in a clinician's words."""
_UNITS: Final = {
    "[iU]": "units", "{puff}": "puffs", "ug": "mcg", "meq": "mEq", "{drop}": "drops", "{tbl}": "tablets",
    "{patch}": "patch", "{spray}": "sprays", "{application}": "application",
}  # fmt: skip
"""UCUM units as people write them; the others are written as they are."""
_OFTEN: Final = {1: "daily", 2: "twice daily", 3: "three times daily", 4: "four times daily", 6: "every 4 hours"}
_SUPPLY: Final = (30, 90)
"""Days for which a pharmacy gives out a drug: a month, or three for drugs that are taken for long; our choice."""


@cache
def drug_text(key: str) -> str:
    """Returns a drug as JSON."""
    return pretty(drug_code(key))


def drug_code(key: str) -> Element:
    """Returns a drug: RxNorm's ingredient, and the product in words."""
    drug = DRUGS[key]
    return coded(f"{drug.display} {drug.strength}".strip(), (RXNORM, drug.rxnorm, drug.ingredient))


def unit_words(unit: str) -> str:
    """Returns a UCUM unit as people write it."""
    return _UNITS.get(unit, unit)


Dosing = tuple[str, float, str, str, int, bool]


def dosing_of(each: Prescription) -> Dosing:
    return each.drug, each.dose, each.unit, each.route, each.times, each.needed


@lru_cache(maxsize=1 << 14)
def dosage_text(key: Dosing) -> str:
    """Returns a dosage instruction as JSON; of drug, dose, unit, route, times a day, and if it is taken when needed."""
    name, dose, unit, route, times, needed = key
    code, display, words = ROUTES[route]
    every = DRUGS[name].every
    amount = f"{decimal(dose)} {unit_words(unit)}"
    if times < 0:
        text = f"{amount}/h {words}, continuous"
    elif times == 0:
        text = f"{amount} {words} once"
    elif every == 7:
        text = f"{amount} {words} once weekly"
    elif every > 1:
        text = f"{amount} {words} every {every} days"
    else:
        text = f"{amount} {words} {_OFTEN.get(times, f'{times} times daily')}"
    found: Element = {"text": f"{text} as needed" if needed else text}
    if times > 0:
        found["timing"] = {"repeat": {"frequency": times, "period": every, "periodUnit": "d"}}
    if needed:
        found["asNeededBoolean"] = True
    found["route"] = coded(display, (SNOMED, code, display))
    if times < 0:
        rate = quantity(dose, f"{unit_words(unit)}/h", f"{unit}/h")
        found["doseAndRate"] = [{"rateQuantity": rate}]
    else:
        found["doseAndRate"] = [{"doseQuantity": quantity(dose, unit_words(unit), unit)}]
    return pretty([found])


@lru_cache(maxsize=1 << 14)
def given_dosage(key: tuple[float, str, str, bool]) -> str:
    dose, unit, route, infused = key
    code, display, _ = ROUTES[route]
    words = unit_words(unit)
    found: Element = {"route": coded(display, (SNOMED, code, display))}
    if infused:
        found["rateQuantity"] = quantity(dose, f"{words}/h", f"{unit}/h")
    else:
        found["dose"] = quantity(dose, words, unit)
    return pretty(found)


Supply = tuple[int, tuple[float, str], int]


def supply_of(each: Prescription) -> Supply:
    """Returns the number of repeats, the quantity that is given out each time, and for how many days it is."""
    drug: Drug = DRUGS[each.drug]
    days = _days_of(each)
    doses = max(1, abs(each.times) * days / max(1, drug.every)) if each.times else 1
    repeats = max(0, len(each.dispensed) - 1)
    whole = each.unit in ("mg", "ug", "g", "meq", "[iU]", "mL")
    count = float(round(doses))
    return repeats, (count, "doses" if whole else each.unit), days


def _days_of(each: Prescription) -> int:
    """Returns the usual days between two dispenses: a month or three, or all days of a short course."""
    if len(each.dispensed) > 1:
        gap = (each.dispensed[-1] - each.dispensed[0]) / 86400 / (len(each.dispensed) - 1)
        return _SUPPLY[1] if gap > 60 else _SUPPLY[0]
    if each.end is not None and each.why_ended == "completed":
        return max(1, min(_SUPPLY[1], round((each.end - each.start) / 86400)))
    return _SUPPLY[0]


@lru_cache(maxsize=1 << 12)
def supply_text(key: Supply) -> str:
    repeats, amount, days = key
    return pretty({
        "numberOfRepeatsAllowed": repeats,
        "quantity": _amount(amount),
        "expectedSupplyDuration": quantity(days, "days", "d"),
    })  # fmt: skip


def _amount(key: tuple[float, str]) -> Element:
    value, unit = key
    return quantity(value, "doses", "{dose}") if unit == "doses" else quantity(value, unit_words(unit), unit)


@lru_cache(maxsize=1 << 12)
def quantity_text(key: tuple[float, str]) -> str:
    return pretty(_amount(key))


@cache
def days_text(days: int) -> str:
    return pretty(quantity(days, "days", "d"))
