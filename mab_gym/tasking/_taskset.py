"""The cases that an environment plays: frozen ones, or fresh ones drawn from a chart."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from typing import Protocol

from mab_gym.errors import UsageError
from mab_gym.tasking._catalogue import Catalogue
from mab_gym.tasking._difficulty import DIFFICULTIES
from mab_gym.tasking._family import Family
from mab_gym.tasking._stream import CaseStream
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

DRAW = "drawn"
FROZEN = "frozen"
VALIDATION = "validation"
"""In environment files: the frozen cases of ``validation.jsonl`` in place of the canonical ones."""


class Chooser(Protocol):
    """The part of a random generator that is needed here (numpy's ``Generator`` has it)."""

    def integers(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high - 1``."""
        ...


class TaskSet:
    """The families and cases of one environment.

    Args:
        families: The families that take part.
        chart: The chart that fresh cases are drawn from.
        source: ``frozen`` for the canonical cases, ``drawn`` for fresh ones at every reset.
    """

    def __init__(self, families: Sequence[Family], chart: Chart, source: str = FROZEN) -> None:
        if source not in (FROZEN, DRAW):
            raise UsageError(f"cases are {FROZEN} or {DRAW}, not {source!r}")
        if not families:
            raise UsageError("no task family fits this environment's kind, difficulty and families")
        self.catalogue = Catalogue(families)
        self.source = source
        self._chart = chart

    @property
    def cases(self) -> list[Case]:
        """The frozen cases of all families, in order; empty if cases are drawn."""
        return [case for family in self.catalogue.values() for case in family.cases] if self.source == FROZEN else []

    def digest(self, now: str) -> str:
        """Returns a SHA-256 of what is asked for: the families' words, and the frozen cases with their prompts.

        Args:
            now: The record system's clock, for the prompts.
        """
        families = [
            (each.name, each.kind, each.difficulty, each.context, each.question, each.without_codes)
            for each in self.catalogue.values()
        ]
        cases = [
            (case.id, case.branch, dict(case.params), *self.catalogue[case.family].prompt(case, now))
            for case in self.cases
        ]
        return hashlib.sha256(json.dumps([families, cases], sort_keys=True, default=str).encode()).hexdigest()

    def pick(
        self, chooser: Chooser, family: str | None = None, difficulty: str | None = None, branch: str | None = None
    ) -> Case:
        """Chooses a case at random, with all families equally likely.

        Args:
            chooser: The random generator.
            family: Only this family.
            difficulty: Only families of this difficulty.
            branch: Only this clinical situation, from the families that have it.

        Raises:
            UsageError: There is no such family, difficulty or branch here.
        """
        if difficulty is not None and difficulty not in DIFFICULTIES:
            raise UsageError(f"a difficulty is one of {', '.join(DIFFICULTIES)}, not {difficulty!r}")
        if family is not None and not isinstance(family, str):
            raise UsageError(f"a family is named by a text, not by {family!r}")
        fitting = [self.catalogue.family(family)] if family is not None else list(self.catalogue.values())
        fitting = [each for each in fitting if difficulty in (None, each.difficulty)]
        if not fitting:
            raise UsageError(f"this environment has no {difficulty} tasks" + (f" in {family}" if family else ""))
        if branch is not None:
            fitting = _with_branch(fitting, branch)
        chosen = fitting[int(chooser.integers(0, len(fitting)))]
        if self.source == DRAW:
            return self._draw(chosen, int(chooser.integers(0, 2**31)), branch)
        if not chosen.cases:
            raise UsageError(f"the family {chosen.name} has no frozen cases; `mab-gym tasks freeze` writes them")
        cases = [case for case in chosen.cases if branch in (None, case.branch)]
        if not cases:
            raise UsageError(f"the family {chosen.name} has no frozen case of its branch {branch!r}")
        return cases[int(chooser.integers(0, len(cases)))]

    def _draw(self, family: Family, seed: int, branch: str | None) -> Case:
        if branch is None:
            return family.draw_cases(self._chart, seed, 1)[0]
        rng = random.Random(f"{family.name}/{branch}/{seed}")
        return Case(family.name, 1, branch, family.draw_branch(self._chart, rng, branch))

    def stream(self, seed: int = 0, shard: tuple[int, int] = (0, 1), position: int = 0) -> CaseStream:
        """Returns an endless stream of fresh cases with balanced branches; see `CaseStream`.

        Args:
            seed: Equal seeds give equal streams.
            shard: This worker's number and the number of workers.
            position: The position at which to continue.
        """
        return CaseStream(list(self.catalogue.values()), self._chart, seed, shard, position)

    def case(self, case_id: str | Case) -> Case:
        """Returns a frozen case by its id; a case of these families, as from `stream`, is returned as it is.

        Raises:
            UsageError: There is no such case here.
        """
        if isinstance(case_id, Case):
            self.catalogue.family(case_id.family)
            return case_id
        if self.source == DRAW:
            raise UsageError(
                "this environment draws fresh cases; choose with seed, family and difficulty instead of a case's id"
            )
        return self.catalogue.case(case_id)


def _with_branch(families: Sequence[Family], branch: object) -> list[Family]:
    """Returns the families that have a branch.

    Raises:
        UsageError: No family has it; the text lists the branches there are.
    """
    if not isinstance(branch, str):
        raise UsageError(f"a branch is named by a text, not by {branch!r}")
    having = [family for family in families if branch in family.branches]
    if not having:
        there = "; ".join(f"{family.name}: {', '.join(family.branches)}" for family in families)
        raise UsageError(f"none of the families has a branch {branch!r}; there are: {there}")
    return having
