"""The audit of an environment.

For frozen cases it has five parts:

* *branches*: how often each clinical situation of a family occurs;
* *blind policies*: the most that can be won without a single GET (`mab_gym.audit._blind`);
* *graded policies*: players who get each step right with a certain probability (`mab_gym.audit._graded`);
* *rules*: the gold solution with one rule broken, and by shortcuts (`mab_gym.audit._rules`);
* *careless policies*: never order, always order, order the same for everybody (`mab_gym.audit._policies`).

For drawn cases it counts how many different ones there are (`mab_gym.audit._distinct`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mab_gym.audit._blind import Blind, LongSearch, Search, best_constant
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
"""The protocol that can be audited; tasks of others are not judged by the families' verifiers."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """Findings on one family."""

    search: Search | LongSearch
    at_once: int
    blind: Blind
    graded: Graded
    rules: Rules
    policies: Policies
    idle: list[str]


Memory = dict[Any, _Looked]
"""Earlier findings, so that environments that share families are audited together quickly."""


def auditable(environment: Environment) -> str | None:
    """Returns the reason why an environment cannot be audited; None if it can."""
    if environment.protocol != AUDITED:
        return f"it follows the protocol {environment.protocol}; an audit looks at the protocol {AUDITED}"
    if not environment.backend_kind.deterministic:
        return f"it plays on a {environment.backend} record system; an audit looks at the embedded one"
    return None


class Auditor:
    """Audits one environment.

    Args:
        scenario: The environment's scenario.
        memory: The findings of other auditors; this one's findings are added.

    Raises:
        UsageError: The environment cannot be audited.
    """

    def __init__(self, scenario: Scenario, memory: Memory | None = None) -> None:
        why = auditable(scenario.environment)
        self._is_drawn = scenario.tasks.source == DRAW
        if why is None and not scenario.tasks.cases and not self._is_drawn:
            why = "it has no frozen cases"
        if why is not None:
            raise UsageError(f"{scenario.environment.id}: {why}")
        self.scenario = scenario
        self.trial = Trial(scenario)
        self._memory: Memory = {} if memory is None else memory

    def families(self) -> Iterator[tuple[Family, Sequence[Case]]]:
        """Yields the families that have cases, with their cases; all families if cases are drawn."""
        for family in self.scenario.tasks.catalogue.values():
            if family.cases or self._is_drawn:
                yield family, family.cases

    def audit(self, seed: int = 0, rollouts: int = 2, advance: Callable[[], None] = lambda: None) -> Audit:
        """Audits the environment.

        Args:
            seed: The seed of the graded players and of drawn cases.
            rollouts: The number of episodes that graded players play for each case and skill.
            advance: Called after each family.
        """
        found = Audit(self.scenario.environment.id)
        if self._is_drawn:
            self._count(found, seed, advance)
            return found
        if self.scenario.environment.distinct:
            self._count(found, seed)
        searches: list[Search | LongSearch] = []
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
        """Counts the different cases that can be drawn."""
        found.wanted = self.scenario.environment.distinct
        for family, _ in self.families():
            found.distinct[family.name] = count_distinct(family, self.scenario.chart, found.wanted or ENOUGH, seed)
            advance()

    def _looked(self, family: Family, cases: Sequence[Case], seed: int, rollouts: int) -> _Looked:
        rules = self.scenario.environment
        key = (rules.folder, rules.cohort, rules.archive, rules.max_steps, family.name, seed, rollouts)
        if key not in self._memory:
            search = (LongSearch if family.is_casework else Search)(self.trial, family, cases)
            graded = grade(self.trial, family, cases, seed, rollouts)
            known, policies = try_rules(self.trial, family, cases), try_policies(self.trial, family, cases)
            idle = idle_variants(family, self.scenario.chart, self.scenario.backend.now.isoformat())
            self._memory[key] = _Looked(search, search.at_once(), search.best(), graded, known, policies, idle)
        return self._memory[key]
