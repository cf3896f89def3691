"""Players of graded skill: each step of the gold solution is right with a probability, else a weak player's mistake."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from mab_gym.audit.trial import Trial
from mab_gym.tasking.case import Case
from mab_gym.tasking.family import Family

SKILLS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
GROUP = 8
"""Rollouts of one case that are compared with one another, as group-relative policy gradients do."""
GROUP_SKILLS = (0.2, 0.5, 0.8)
"""The skills of the players whose groups are looked at."""


@dataclass(frozen=True, slots=True)
class Graded:
    """How players of graded skill do at a family.

    Attributes:
        family: The family.
        success: By skill, the share of episodes that were solved.
        episodes: How many were played at each skill.
        telling: By kind of reward (``sparse``, ``partial``) and skill, the share of groups of rollouts whose rewards
            are not all equal.
    """

    family: str
    success: Mapping[float, float]
    episodes: int
    telling: Mapping[str, Mapping[float, float]]

    @property
    def rises(self) -> bool:
        """Whether success rises with skill: clearly from end to end, and nowhere falls by more than chance explains."""
        rates = [self.success[skill] for skill in SKILLS]
        slack = [2 * sqrt(2 * max(rate * (1 - rate), 0.02) / self.episodes) for rate in rates]
        falls = any(later < earlier - room for earlier, later, room in zip(rates, rates[1:], slack, strict=False))
        return not falls and rates[-1] > rates[0] + slack[0]


def grade(trial: Trial, family: Family, cases: Sequence[Case], seed: int, rollouts: int) -> Graded:
    """Lets players of graded skill play a family.

    Args:
        trial: Where they play.
        family: The family.
        cases: Its cases.
        seed: Equal seeds give equal players.
        rollouts: How many episodes a case and skill they play.
    """

    def rolled(case: Case, skill: float, turn: str) -> Mapping[str, float]:
        return trial.slipping(family, case, WeakPlayer(skill, random.Random(f"{seed}/{case.id}/{skill}/{turn}")))

    success: dict[float, float] = {}
    for skill in SKILLS:
        solved = [rolled(case, skill, str(turn))["sparse"] for case in cases for turn in range(rollouts)]
        success[skill] = sum(solved) / len(solved)
    telling: dict[str, dict[float, float]] = {"sparse": {}, "partial": {}}
    for skill in GROUP_SKILLS:
        groups = [[rolled(case, skill, f"group/{turn}") for turn in range(GROUP)] for case in cases]
        for kind, shares in telling.items():
            shares[skill] = sum(len({rewards[kind] for rewards in group}) > 1 for group in groups) / len(groups)
    return Graded(family.name, success, len(cases) * rollouts, telling)


class WeakPlayer:
    """Makes mistakes that a weak player makes.

    Args:
        skill: The probability of each step to be right.
        rng: Its chance.
    """

    def __init__(self, skill: float, rng: random.Random) -> None:
        self._skill = skill
        self._rng = rng

    def instead_of(self, action: str) -> str:
        """The action, or what came out in its place."""
        if self._rng.random() < self._skill:
            return action
        kind = next((kind for kind in _SLIPS if action.startswith(kind)), "FINISH")
        slips = self._rng.sample(_SLIPS[kind], len(_SLIPS[kind]))
        return next((wrong for slip in slips if (wrong := slip(action, self._rng)) != action), action)


def _unsorted(action: str, rng: random.Random) -> str:
    """Reads the first page as it comes."""
    return re.sub(r"&?_(?:sort|count)=[^&]*", "", action)


def _of_another_code(action: str, rng: random.Random) -> str:
    others = ("NA", "CREA", "HGB", "K", "MG")
    return re.sub(r"code=[^&]*", f"code={rng.choice(others)}", action)


def _of_another_patient(action: str, rng: random.Random) -> str:
    return re.sub(r"S\d{7}", lambda found: f"S{(int(found.group()[1:]) + 1) % 10**7:07d}", action)


def _by_another_parameter(action: str, rng: random.Random) -> str:
    return action.replace("family=", "given=")


def _of_another_amount(action: str, rng: random.Random) -> str:
    factor = rng.choice((0.5, 2, 10))
    return re.sub(r'("value": )([0-9.]+)', lambda found: f"{found[1]}{float(found[2]) * factor:g}", action)


def _without_a_field(action: str, rng: random.Random) -> str:
    line, _, body = action.partition("\n")
    resource = json.loads(body)
    del resource[rng.choice([name for name in resource if name != "resourceType"])]
    return f"{line}\n{json.dumps(resource)}"


def _left_out(action: str, rng: random.Random) -> str:
    """Looks something up in place of writing."""
    return "GET " + action.partition("\n")[0].removeprefix("POST ") + "?_count=1"


def _another_number(action: str, rng: random.Random) -> str:
    return re.sub(
        r"-?\d+(?:\.\d+)?", lambda found: f"{float(found.group()) + rng.choice((-1, 0.5, 1)):g}", action, count=1
    )


def _as_a_sentence(action: str, rng: random.Random) -> str:
    return action.replace("FINISH([", 'FINISH(["The answer is ').replace("])", '"])')


def _shortened(action: str, rng: random.Random) -> str:
    return re.sub(r",[^,]*\]\)$", "])", action) if "," in action else "FINISH([])"


_SLIPS: Mapping[str, Sequence[Callable[[str, random.Random], str]]] = {
    "GET": (_unsorted, _of_another_code, _of_another_patient, _by_another_parameter),
    "POST": (_of_another_amount, _without_a_field, _left_out),
    "FINISH": (_another_number, _as_a_sentence, _shortened),
}
