"""Plays the gold solution with one rule broken or by a shortcut: rules must matter, and shortcuts must not win."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mab_gym.audit._trial import Trial
from mab_gym.tasking._family import Family
from mab_gym.tasking.case import Case

LEAST_BITE: Final = 0.15
"""The least share of a family's cases that breaking one of its rules must lose."""
MOST_BY_SHORTCUT: Final = 0.60
"""The greatest share of a family's cases that a shortcut may win, unless the family excuses it."""
MOST_IN_CASEWORK: Final = 0.40
"""The same for families of a service."""


def _first_page(action: str) -> str:
    return re.sub(r"&_(?:sort|count)=[^&\n]*", "", action)


def _last_loaded(action: str) -> str:
    return re.sub(r"&_sort=[^&\n]*", "&_sort=-_lastUpdated", action)


def _greatest_id(action: str) -> str:
    return re.sub(r"&_sort=[^&\n]*", "&_sort=-_id", action)


_FEW: Final = re.compile(r"^(?=.*_sort=)(?=.*_count=\d(?!\d))")
"""A sorted search for less than ten resources."""


def _of_few(change: Callable[[str], str]) -> Callable[[str], str]:
    """Returns a shortcut that changes sorted searches for a few resources alone."""
    return lambda action: change(action) if _FEW.search(action) else action


SHORTCUTS: Final[Mapping[str, Callable[[str], str]]] = {
    "first_page": _first_page,
    "last_loaded": _last_loaded,
    "greatest_id": _greatest_id,
}
"""Careless searches: the first page in any order, the last loaded first, the greatest id first."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The results of broken rules and shortcuts in a family.

    Attributes:
        family: The family.
        played: The number of its cases.
        lost: The number of cases that breaking a rule loses, by rule.
        won: The number of cases that a shortcut wins, by shortcut; empty for families without sorted searches.
        excused: The family's reason to excuse a rule or shortcut, by its name.
        most: The greatest share of cases that a shortcut may win.
    """

    family: str
    played: int
    lost: Mapping[str, int]
    won: Mapping[str, int]
    excused: Mapping[str, str] = field(default_factory=dict)
    most: float = MOST_BY_SHORTCUT

    def faults(self) -> list[str]:
        """Returns a sentence for each rule that does not matter and each shortcut that wins."""
        blunt = [
            f"{self.family}: breaking the rule {rule!r} loses {lost} of {self.played} cases, less than {LEAST_BITE:.0%}"
            for rule, lost in self.lost.items()
            if lost < LEAST_BITE * self.played and rule not in self.excused
        ]
        short = [
            f"{self.family}: the shortcut {name!r} wins {won} of {self.played} cases, more than {self.most:.0%}"
            for name, won in self.won.items()
            if won > self.most * self.played and name not in self.excused
        ]
        return blunt + short


def try_rules(trial: Trial, family: Family, cases: Sequence[Case]) -> Rules:
    """Plays a family's gold solutions with each rule broken, and by each shortcut."""
    rules = dict.fromkeys(rule for case in cases for rule in trial.rules(family, case))
    lost = {rule: sum(not trial.careless(family, case, rule) for case in cases) for rule in rules}
    won = {}
    shown = [action for case in cases[:3] for action in trial.gold(family, case)]
    for name, change in SHORTCUTS.items():
        # What reads whole lists has no use for their order.
        if any(_FEW.search(action) if family.is_casework else "_sort=" in action for action in shown):
            taken = _of_few(change) if family.is_casework else change
            won[name] = sum(trial.careless(family, case, change=taken) for case in cases)
    most = MOST_IN_CASEWORK if family.is_casework else MOST_BY_SHORTCUT
    return Rules(family.name, len(cases), lost, won, family.excused, most)
