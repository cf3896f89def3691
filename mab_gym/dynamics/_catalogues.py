"""The catalogues of the clock: tests and panels of the laboratory, and the formulary of the pharmacy.

Reference ranges of ``tests.csv`` are those of the American Board of Internal Medicine (Laboratory Reference Ranges,
2024), rounded; limits of critical values are the means that Kost 1990 (JAMA 263:704) found in American hospitals,
where he has the test, else ours. Times of turnaround and the noise of a measurement are our estimates.

The limits of ``formulary.csv`` are ours: what a pharmacy would not hand out whoever asks, far above a usual dose. A
dose below them can still be wrong, and harm. ``usual_rate`` is the rate, in ``unit`` an hour, of a dose into a vein
for which none is ordered; for potassium the usual 10 mEq an hour. Codes are RxNorm's ingredients, left out where we are
not sure.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TABLES = Path(__file__).parent / "tables"


@dataclass(frozen=True, slots=True)
class Test:
    """A test of the laboratory.

    Attributes:
        key: As bodies name it: ``potassium``.
        loinc: LOINC code.
        display: Name on reports.
        unit: UCUM.
        low: Lower limit of the reference range; None without one.
        high: Upper limit.
        critical_low: Value below which the laboratory calls; None without one.
        critical_high: Value above which it calls.
        decimals: Decimals on reports.
        noise: Coefficient of variation of the measurement, as a share.
        stat: Minutes from the specimen to the result, if it is urgent.
        routine: The same, else.
        specimen: As in ``serum``.
        names: Names in lower case.
    """

    key: str
    loinc: str
    display: str
    unit: str
    low: float | None
    high: float | None
    critical_low: float | None
    critical_high: float | None
    decimals: int
    noise: float
    stat: int
    routine: int
    specimen: str
    names: tuple[str, ...]

    @property
    def usual(self) -> float:
        """The middle of the reference range; 0 without one."""
        return ((self.low or 0.0) + (self.high or 0.0)) / 2


@dataclass(frozen=True, slots=True)
class Panel:
    """Tests that are ordered together.

    Attributes:
        key: As in ``basic_metabolic``.
        loinc: LOINC codes, of which the first stands on reports; may be empty.
        display: Name on reports.
        tests: Keys of its tests.
        names: Names in lower case.
    """

    key: str
    loinc: tuple[str, ...]
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


def _rows(name: str) -> Iterator[Mapping[str, str]]:
    with (_TABLES / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _number(written: str) -> float | None:
    return float(written) if written else None


@cache
def tests() -> Mapping[str, Test]:
    """Returns the laboratory's tests by key."""
    return {
        row["key"]: Test(
            row["key"], row["loinc"], row["display"], row["unit"], _number(row["low"]), _number(row["high"]),
            _number(row["critical_low"]), _number(row["critical_high"]), int(row["decimals"]),
            float(row["noise_percent"]) / 100, int(row["stat_minutes"]), int(row["routine_minutes"]), row["specimen"],
            tuple(row["names"].split("|")),
        )
        for row in _rows("tests.csv")
    }  # fmt: skip


@cache
def panels() -> Mapping[str, Panel]:
    """Returns the laboratory's panels by key."""
    return {
        row["key"]: Panel(
            row["key"], tuple(row["loinc"].split("|")) if row["loinc"] else (), row["display"],
            tuple(row["tests"].split()), tuple(row["names"].split("|")),
        )
        for row in _rows("panels.csv")
    }  # fmt: skip


@cache
def formulary() -> Mapping[str, Drug]:
    """Returns the drugs of the formulary by ingredient."""
    return {
        row["drug"]: Drug(
            row["drug"], row["rxnorm"], row["unit"], _number(row["meq_per_g"]), _number(row["per_ml"]),
            tuple(row["routes"].split()), _number(row["usual_rate"]), _number(row["most_once"]),
            _number(row["most_hour"]), row["push"] != "no", row["hold"], tuple(row["names"].split("|")),
        )
        for row in _rows("formulary.csv")
    }  # fmt: skip
