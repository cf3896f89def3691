"""The findings of an audit, and their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mab_gym.audit._blind import Blind, Constant
from mab_gym.audit._graded import Graded
from mab_gym.audit._policies import Policies
from mab_gym.audit._rules import LEAST_BITE, MOST_BY_SHORTCUT, Rules

LEAST_BRANCH = 0.10
"""The least share of a family that a branch may have."""
MOST_BLIND = 0.05
"""The greatest share that policies without a GET may win in the families that need reading."""
MOST_BLIND_IN_CASEWORK = 0.02
"""The same for each family of a service by itself."""
MOST_CONSTANT = 0.03
"""The greatest share of all cases that one text may win."""


@dataclass(slots=True)
class Audit:
    """The findings on one environment.

    Attributes:
        environment: The environment's id.
        branches: The number of cases of each branch, by family.
        at_once: The number of cases that finishing at once solves, in any way to write it.
        blind: The best text without a GET of each family.
        constant: The one text that wins the most cases.
        graded: The success of graded players in each family.
        rules: The results of broken rules and shortcuts in each family.
        policies: The credit of careless policies in each family.
        idle: The variants that change nothing, by family.
        distinct: The least number of different cases that can be drawn, by family; empty if cases are frozen.
        wanted: The number of different cases that there must be.
    """

    environment: str = ""
    branches: dict[str, Mapping[str, int]] = field(default_factory=dict)
    at_once: int = 0
    blind: list[Blind] = field(default_factory=list)
    constant: Constant = field(default_factory=Constant)
    graded: list[Graded] = field(default_factory=list)
    rules: list[Rules] = field(default_factory=list)
    policies: list[Policies] = field(default_factory=list)
    idle: dict[str, list[str]] = field(default_factory=dict)
    distinct: dict[str, int] = field(default_factory=dict)
    wanted: int = 0

    @property
    def cases(self) -> int:
        """The number of cases."""
        return sum(blind.played for blind in self.blind)

    @property
    def reading(self) -> list[Blind]:
        """The families that need reading."""
        return [blind for blind in self.blind if blind.needs_reading]

    @property
    def blind_share(self) -> float:
        """The share won by the best text of each family without a GET, in the families that need reading."""
        return sum(b.bound for b in self.reading) / max(1, sum(b.played for b in self.reading))

    @property
    def constant_share(self) -> float:
        """The share of all cases that one text can win."""
        return self.constant.solved / max(1, self.constant.played)

    def faults(self) -> list[str]:
        """Returns a sentence for each limit that is not kept."""
        found = [
            f"{family}: the branch {branch} has {count} of {sum(shares.values())} cases, less than {LEAST_BRANCH:.0%}"
            for family, shares in self.branches.items()
            for branch, count in shares.items()
            if count < LEAST_BRANCH * sum(shares.values())
        ]
        if self.at_once:
            found.append(f"finishing at once solves {self.at_once} cases")
        if self.blind_share > MOST_BLIND:
            found.append(f"not reading wins {self.blind_share:.1%} of what needs reading, more than {MOST_BLIND:.0%}")
        # A single case can always be known by heart.
        if self.constant.solved > 1 and self.constant_share > MOST_CONSTANT:
            found.append(f"one text wins {self.constant_share:.1%} of all, more than {MOST_CONSTANT:.0%}")
        found.extend(
            f"{each.family}: not reading wins {each.solved} of {each.played}, more than {MOST_BLIND_IN_CASEWORK:.0%}"
            for each in self.blind
            if each.alone and each.solved > MOST_BLIND_IN_CASEWORK * each.played
        )
        found.extend(
            f"{family}: {count:,} different cases, fewer than {self.wanted:,}"
            for family, count in self.distinct.items()
            if count < self.wanted
        )
        found.extend(fault for each in self.graded for fault in each.faults())
        found.extend(fault for looked in (self.rules, self.policies) for each in looked for fault in each.faults())
        return found


def to_json(audit: Audit) -> dict[str, Any]:
    """Returns an audit as plain data."""
    return {
        "environment": audit.environment,
        "cases": audit.cases,
        "branches": {family: dict(shares) for family, shares in audit.branches.items()},
        "solved_by_finishing_at_once": audit.at_once,
        "blind": [
            {
                "family": b.family, "needs_reading": b.needs_reading, "solved": b.solved, "bound": b.bound,
                "played": b.played, "texts_tried": b.tried, "text": list(b.text), "partial_credit": b.credit,
            }
            for b in audit.blind
        ],
        "blind_share": audit.blind_share,
        "best_constant": {
            "text": audit.constant.text, "solved": audit.constant.solved, "share": audit.constant_share,
        },
        "graded": [
            {
                "family": g.family, "episodes": g.episodes, "rises": g.rises,
                "success": {str(skill): rate for skill, rate in g.success.items()},
                "credit": {str(skill): rate for skill, rate in g.credit.items()},
                "telling_groups": {
                    kind: {str(skill): share for skill, share in shares.items()} for kind, shares in g.telling.items()
                },
            }
            for g in audit.graded
        ],
        "rules": [
            {
                "family": r.family, "played": r.played, "lost_by_breaking": dict(r.lost),
                "won_by_shortcut": dict(r.won), "excused": dict(r.excused),
            }
            for r in audit.rules
        ],
        "policies": [{"family": p.family, "partial_credit": dict(p.credit)} for p in audit.policies],
        "variants_that_change_nothing": dict(audit.idle),
        "different_cases": dict(audit.distinct),
        "limits": {
            "rule": LEAST_BITE, "shortcut": MOST_BY_SHORTCUT, "branch": LEAST_BRANCH, "blind": MOST_BLIND,
            "constant": MOST_CONSTANT, "at_once": 0, "different_cases": audit.wanted,
        },
        "faults": audit.faults(),
    }  # fmt: skip
