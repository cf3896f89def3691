"""The catalogues of the clock: tests and panels of the laboratory, and the formulary of the pharmacy.

What is measured, with reference ranges and limits of critical values, and which drugs there are, is what the charts of
the cohort ``hospital`` are made of (`mab_gym.cohort.hospital`); sources stand there. ``names.csv`` adds the names by
which people order tests, ``formulary.csv`` how drugs that matter most in a stay are given.

The limits of the formulary are ours: what a pharmacy would not hand out whoever asks, far above a usual dose. A dose
below them can still be wrong, and harm. ``usual_rate`` is the rate, in ``unit`` an hour, of a dose into a vein for
which none is ordered; for potassium the usual 10 mEq an hour. Codes are RxNorm's ingredients, left out where we are
not sure.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from mab_gym.cohort.hospital._catalogue import ANALYTES, DRUGS, PANELS
from mab_gym.cohort.hospital._catalogue_results import Analyte

_TABLES = Path(__file__).parent / "tables"
_ROUTINE: Final = 2.0
"""Times as long as with priority that a routine test takes: as in most panels of the hospital's catalogue."""
_MOST: Final = 5.0
"""Times the largest usual dose that is still handed out, of drugs that `formulary.csv` has not."""
_OWN_PANELS: Final = (
    ("electrolytes", "24326-1", "Electrolytes panel", ("sodium", "potassium", "chloride", "bicarbonate")),
    (
        "renal", "24362-6", "Renal function panel",
        ("sodium", "potassium", "chloride", "bicarbonate", "urea_nitrogen", "creatinine", "glucose", "calcium",
         "albumin", "phosphate"),
    ),
)  # fmt: skip
"""Panels beside those of the hospital's catalogue."""


@dataclass(frozen=True, slots=True, eq=False)
class Test:
    """A test of the laboratory.

    Attributes:
        key: As bodies name it: ``potassium``.
        analyte: What the hospital's catalogue says of it.
        stat: Minutes from the specimen to the result, if it is urgent.
        routine: The same, else.
        names: Names in lower case.
    """

    key: str
    analyte: Analyte
    stat: int
    routine: int
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name without the details of LOINC's."""
        return self.analyte.display.split(" [")[0].split(" in ")[0]


@dataclass(frozen=True, slots=True)
class Panel:
    """Tests that are ordered together.

    Attributes:
        key: As in ``basic_metabolic``.
        loinc: LOINC code.
        display: Name on reports.
        tests: Keys of its tests.
        names: Names in lower case.
    """

    key: str
    loinc: str
    display: str
    tests: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug of the formulary.

    Attributes:
        drug: The ingredient, in lower case.
        rxnorm: RxNorm code of the ingredient; may be empty.
        unit: The unit of its doses, as `mab_gym.dynamics.Dose` has it.
        meq_per_g: Milliequivalents in a gram of the salt; None where nobody orders it so.
        per_ml: ``unit`` in a millilitre of the usual product; None where products differ.
        routes: As in ``iv``.
        usual_rate: ``unit`` an hour into a vein where no rate is ordered; None for at once.
        most_once: Largest dose that is handed out.
        most_hour: Highest rate into a vein, ``unit`` an hour.
        push: False if it is never injected at once.
        hold: The rule by which nurses hold it (`mab_gym.dynamics._holds`); empty for none.
        names: Names in lower case.
        per_puff: ``unit`` in a puff of the usual inhaler; None where there is none.
    """

    drug: str
    rxnorm: str
    unit: str
    meq_per_g: float | None
    per_ml: float | None
    routes: tuple[str, ...]
    usual_rate: float | None
    most_once: float | None
    most_hour: float | None
    push: bool
    hold: str
    names: tuple[str, ...]
    per_puff: float | None = None


def _rows(name: str) -> Iterator[Mapping[str, str]]:
    with (_TABLES / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@cache
def _names() -> Mapping[str, tuple[str, ...]]:
    return {row["key"]: tuple(row["names"].split("|")) for row in _rows("names.csv")}


@cache
def tests() -> Mapping[str, Test]:
    """Returns the laboratory's tests by key."""
    taken = {name for names in _names().values() for name in names}
    found: dict[str, Test] = {}
    for key, analyte in ANALYTES.items():
        if analyte.kind != "laboratory" or not analyte.minutes:
            continue
        usual = [analyte.short.lower(), analyte.display.split(" [")[0].split(" in ")[0].lower()]
        usual = usual[:1] if analyte.specimen in ("urine", "capillary", "arterial blood") else usual
        names = _names().get(key) or tuple(name for name in dict.fromkeys(usual) if name not in taken)
        taken.update(names)
        found[key] = Test(key, analyte, analyte.minutes, round(analyte.minutes * _ROUTINE), names)
    return found


@cache
def panels() -> Mapping[str, Panel]:
    """Returns the laboratory's panels by key: those of several tests."""
    found = {
        key: Panel(key, panel.loinc, panel.display, panel.analytes, _names().get(key, (panel.short.lower(),)))
        for key, panel in PANELS.items()
        if len(panel.analytes) > 1 and all(each in tests() for each in panel.analytes) and key not in tests()
    }
    for key, loinc, display, keys in _OWN_PANELS:
        found[key] = Panel(key, loinc, display, keys, _names()[key])
    return found


def _number(written: str | None) -> float | None:
    return float(written) if written else None


@cache
def formulary() -> Mapping[str, Drug]:
    """Returns the drugs of the formulary by ingredient."""
    found = {
        row["drug"]: Drug(
            row["drug"], row["rxnorm"], row["unit"], _number(row["meq_per_g"]), _number(row["per_ml"]),
            tuple(row["routes"].split()), _number(row["usual_rate"]), _number(row["most_once"]),
            _number(row["most_hour"]), row["push"] != "no", row["hold"], tuple(row["names"].split("|")),
            _number(row["per_puff"]),
        )
        for row in _rows("formulary.csv")
    }  # fmt: skip
    for ingredient in dict.fromkeys(drug.ingredient for drug in DRUGS.values()):
        if ingredient.lower() not in found:
            found[ingredient.lower()] = _plain_drug(ingredient)
    return found


def _plain_drug(ingredient: str) -> Drug:
    """Returns a drug of the hospital's catalogue of which the formulary says nothing more."""
    products = [drug for drug in DRUGS.values() if drug.ingredient == ingredient]
    first = products[0]
    doses = [dose for drug in products if drug.unit == first.unit for dose in drug.dose]
    infused = [dose for drug in products if drug.times < 0 for dose in drug.dose]
    name = ingredient.lower()
    names = dict.fromkeys((name, name.replace(" and ", "-"), name.replace(" and ", "/"), name.replace(", ", "-")))
    return Drug(
        name, first.rxnorm, first.unit, None, None, tuple(dict.fromkeys(drug.route for drug in products)), None,
        _MOST * max(doses), _MOST * max(infused) if infused else None, True, "", tuple(names),
    )  # fmt: skip
