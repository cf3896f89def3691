"""Rules that say what is asked for when: rows of ``orders.csv`` and ``examinations.csv``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mab_gym.cohort._data import read_table
from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._catalogue_results import TABLES
from mab_gym.cohort.hospital._history import History, Problem


@dataclass(frozen=True)
class Order:
    """One row: which panels or examinations are asked for in which setting.

    Attributes:
        about: ``any``, ``reason``, ``condition`` or ``drug``.
        key: Key of the reason, the condition or the drug.
        setting: ``clinic``, ``emergency``, ``admission``, ``daily`` or ``serial``.
        panels: Keys of panels, or of examinations.
        chance: That they are ordered where they are due.
        every: Days since the last time.
        hours: For serial ones, hours after the beginning.
        least: Least age in years.
        most: Highest age.
        sex: ``F``, ``M`` or empty.
    """

    about: str
    key: str = ""
    setting: str = ""
    panels: tuple[str, ...] = ()
    chance: float = 1.0
    every: int = 0
    hours: tuple[float, ...] = ()
    least: int = 0
    most: int = 200
    sex: str = ""


def read_rules(name: str) -> dict[tuple[str, str], list[Order]]:
    """Reads a table, by setting and by what its rows are about, as in ``condition sepsis``."""
    found: dict[tuple[str, str], list[Order]] = {}
    for row in read_table(name, Order, TABLES):
        found.setdefault((row.setting, f"{row.about} {row.key}"), []).append(row)
    return found


class KnownProblem(NamedTuple):
    """A problem that is known, with the rules that it brings in one setting.

    Attributes:
        place: Its place in the history's problems.
        problem: The problem.
        known: The time from which on it is known.
        service: The service that sees it.
        rules: The rules, at least one.
    """

    place: int
    problem: Problem
    known: int
    service: str
    rules: Sequence[Order]


def rules_of_problems(
    table: Mapping[tuple[str, str], Sequence[Order]], history: History, settings: Sequence[str]
) -> dict[str, list[KnownProblem]]:
    """Returns by setting the known problems of a person for which a table has rules there."""
    return {
        setting: [
            KnownProblem(place, problem, problem.known, CONDITIONS[problem.key].service, rules)
            for place, problem in enumerate(history.problems)
            for rules in [table.get((setting, f"condition {problem.key}"))]
            if rules and problem.known is not None
        ]
        for setting in settings
    }
