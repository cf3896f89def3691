"""The audit of an environment.

Of frozen cases it has five parts:

* *branches*: how often each clinical situation of a family occurs;
* *blind policies*: the most that can be won without a single GET (`mab_gym.audit._blind`);
* *graded policies*: players who get each step right with a certain probability (`mab_gym.audit._graded`);
* *rules*: the gold solution with one rule broken, and by shortcuts (`mab_gym.audit._rules`);
* *careless policies*: who never orders, always orders, orders the same for everybody (`mab_gym.audit._policies`).

Where cases are drawn it counts how many different ones there are (`mab_gym.audit._distinct`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mab_gym.audit._blind import Blind, Search, best_constant
from mab_gym.audit._distinct import ENOUGH, count_distinct
from mab_gym.audit._findings import Audit
from mab_gym.audit._graded import Graded, grade
from mab_gym.audit._policies import Policies, try_policies
from mab_gym.audit._rules import Rules, try_rules
from mab_gym.audit._trial import Trial
from mab_gym.envs._environment_file import Environment
from mab_gym.envs._scenario import Scenario
from mab_gym.errors import UsageError
from mab_gym.tasking._family import Family
from mab_gym.tasking._taskset import DRAW
from mab_gym.tasking._variants import idle_variants
from mab_gym.tasking.case import Case

AUDITED = "ehr"
"""The protocol whose tasks can be audited: others are not judged by the families' verifiers."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """Findings on one family."""

    search: Search
    at_once: int
    blind: Blind
    graded: Graded
    rules: Rules
    policies: Policies
    idle: list[str]


Memory = dict[Any, _Looked]
"""Findings from before, so that environments that share families are audited together quickly."""


def auditable(environment: Environment) -> str | None:
    """The reason for which an environment cannot be audited, or None where it can."""
    if environment.protocol != AUDITED:
        return f"it follows the protocol {environment.protocol}; an audit looks at the protocol {AUDITED}"
    if not environment.backend_kind.deterministic:
        return f"it plays on a {environment.backend} record system; an audit looks at the embedded one"
    return None


class Auditor:
    """Audits one environment.

    Args:
        place: The environment's parts.
        memory: What other auditors have found; this one's findings are added.

    Raises:
        UsageError: It cannot be audited.
    """

    def __init__(self, place: Scenario, memory: Memory | None = None) -> None:
        why = auditable(place.environment)
        self._is_drawn = place.tasks.source == DRAW
        if why is None and not place.tasks.cases and not self._is_drawn:
            why = "it has no frozen cases"
        if why is not None:
            raise UsageError(f"{place.environment.id}: {why}")
        self.place = place
        self.trial = Trial(place)
        self._memory: Memory = {} if memory is None else memory

    def families(self) -> Iterator[tuple[Family, Sequence[Case]]]:
        """The families that have cases, with them; all where cases are drawn."""
        for family in self.place.tasks.catalogue.values():
            if family.cases or self._is_drawn:
                yield family, family.cases

    def audit(self, seed: int = 0, rollouts: int = 2, advance: Callable[[], None] = lambda: None) -> Audit:
        """The whole audit.

        Args:
            seed: Chance of the graded players, and of what is drawn.
            rollouts: How many episodes a case and skill they play.
            advance: Called after each family.
        """
        found = Audit(self.place.environment.id)
        if self._is_drawn:
            self._count(found, seed, advance)
            return found
        if self.place.environment.distinct:
            self._count(found, seed)
        searches: list[Search] = []
        for family, cases in self.families():
            looked = self._looked(family, cases, seed, rollouts)
            searches.append(looked.search)
            found.branches[family.name] = Counter(case.branch for case in cases)
            found.at_once += looked.at_once
            found.blind.append(looked.blind)
            found.graded.append(looked.graded)
            found.rules.append(looked.rules)
            found.policies.append(looked.policies)
            found.idle[family.name] = looked.idle
            advance()
        found.constant = best_constant(searches)
        return found

    def _count(self, found: Audit, seed: int, advance: Callable[[], None] = lambda: None) -> None:
        """Counts the cases that can be drawn."""
        found.wanted = self.place.environment.distinct
        for family, _ in self.families():
            found.distinct[family.name] = count_distinct(family, self.place.chart, found.wanted or ENOUGH, seed)
            advance()

    def _looked(self, family: Family, cases: Sequence[Case], seed: int, rollouts: int) -> _Looked:
        rules = self.place.environment
        key = (rules.folder, rules.cohort, rules.archive, rules.max_steps, family.name, seed, rollouts)
        if key not in self._memory:
            search = Search(self.trial, family, cases)
            graded = grade(self.trial, family, cases, seed, rollouts)
            known, policies = try_rules(self.trial, family, cases), try_policies(self.trial, family, cases)
            idle = idle_variants(family, self.place.chart, self.place.backend.now.isoformat())
            self._memory[key] = _Looked(search, search.at_once(), search.best(), graded, known, policies, idle)
        return self._memory[key]
