"""Players of graded skill: each step follows the gold solution with a probability, else it is a typical mistake."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

from mab_gym.agents._fallible import WeakPlayer
from mab_gym.audit._trial import Trial
from mab_gym.tasking._family import Family
from mab_gym.tasking.case import Case

SKILLS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
GROUP = 8
"""The number of rollouts of one case that are compared with one another, as in group-relative policy gradients."""
GROUP_SKILLS = (0.2, 0.5, 0.8)
"""The skills of the players whose groups are compared."""
GROUP_SKILLS_IN_CASEWORK = (0.3,)
"""The same for families of a service."""
LEAST_TELLING = 0.6
"""The least share of groups of those whose partial credits are not all equal."""


@dataclass(frozen=True, slots=True)
class Graded:
    """The success of players of graded skill in a family.

    Attributes:
        family: The family.
        success: The share of solved episodes, by skill.
        episodes: The number of episodes at each skill.
        telling: The share of groups of rollouts whose rewards are not all equal, by kind of reward (``sparse``,
            ``partial``) and skill.
        credit: The mean partial credit by skill, in the place of success where a family is on the clock or of a
            service: there a single mistake among some thirty steps leaves a case unsolved. Empty for other families.
    """

    family: str
    success: Mapping[float, float]
    episodes: int
    telling: Mapping[str, Mapping[float, float]]
    credit: Mapping[float, float] = field(default_factory=dict)

    @property
    def rises(self) -> bool:
        """True if success rises clearly from the least to the greatest skill, and never falls by more than chance.

        Where a family has `credit`, that is asked for in its place.
        """
        rates = [(self.credit or self.success)[skill] for skill in SKILLS]
        slack = [2 * sqrt(2 * max(rate * (1 - rate), 0.02) / self.episodes) for rate in rates]
        falls = any(later < earlier - room for earlier, later, room in zip(rates, rates[1:], slack, strict=False))
        return not falls and rates[-1] > rates[0] + slack[0]

    def faults(self) -> list[str]:
        """Returns a sentence for each limit that is not kept."""
        found = [] if self.rises else [f"{self.family}: success does not rise with skill"]
        for skill in GROUP_SKILLS_IN_CASEWORK:
            share = self.telling["partial"].get(skill, 1.0)
            if share < LEAST_TELLING:
                found.append(
                    f"{self.family}: {share:.0%} of the groups at skill {skill:g} tell, fewer than {LEAST_TELLING:.0%}"
                )
        return found


def grade(trial: Trial, family: Family, cases: Sequence[Case], seed: int, rollouts: int) -> Graded:
    """Lets players of graded skill play a family.

    Args:
        trial: Plays the episodes.
        family: The family.
        cases: Its cases.
        seed: Equal seeds give equal players.
        rollouts: The number of episodes for each case and skill.
    """

    def rolled(case: Case, skill: float, turn: str) -> Mapping[str, float]:
        return trial.slipping(family, case, WeakPlayer(skill, random.Random(f"{seed}/{case.id}/{skill}/{turn}")))

    success: dict[float, float] = {}
    credit: dict[float, float] = {}
    for skill in SKILLS:
        rewards = [rolled(case, skill, str(turn)) for case in cases for turn in range(rollouts)]
        success[skill] = sum(each["sparse"] for each in rewards) / len(rewards)
        if family.course is not None or family.is_casework:
            credit[skill] = sum(each["partial"] for each in rewards) / len(rewards)
    telling: dict[str, dict[float, float]] = {"sparse": {}, "partial": {}}
    for skill in GROUP_SKILLS_IN_CASEWORK if family.is_casework else GROUP_SKILLS:
        groups = [[rolled(case, skill, f"group/{turn}") for turn in range(GROUP)] for case in cases]
        for kind, shares in telling.items():
            shares[skill] = sum(len({each[kind] for each in group}) > 1 for group in groups) / len(groups)
    return Graded(family.name, success, len(cases) * rollouts, telling, credit)
