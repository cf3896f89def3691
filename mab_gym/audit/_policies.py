"""Plays careless policies: none may earn as much partial credit as an honest try with one detail wrong."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.actions import Post, render
from mab_gym.audit._trial import Trial
from mab_gym.tasking._family import Family
from mab_gym.tasking.case import Case

HONEST: Final = "honest, one detail wrong"
_DETAILS: Final = ("authoredOn", "effectiveDateTime", "recordedDate")
_ID: Final = re.compile(r"S\d{7}")
_TRIED: Final = 4
"""Writes of which the honest try leaves out one."""
_WRITE: Final = re.compile(r"(?:POST (?!\S*/\$)|PUT |PATCH |DELETE )")
"""A write; an operation such as ``$wait`` is none."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Policies:
    """The mean partial credit of policies over a family's cases.

    Attributes:
        family: The family.
        credit: The mean credit by policy, the greatest first; empty if the family has no such policies.
    """

    family: str
    credit: Mapping[str, float]

    def faults(self) -> list[str]:
        """Returns a sentence for each careless policy that earns as much as an honest try."""
        return [
            f"{self.family}: the policy that {name} earns {earned:.2f}, an honest try {self.credit[HONEST]:.2f}"
            for name, earned in self.credit.items()
            if name != HONEST and earned >= self.credit[HONEST]
        ]


def try_policies(trial: Trial, family: Family, cases: Sequence[Case]) -> Policies:
    """Plays the careless policies and the honest one on a family's cases.

    Families that write nothing have no such policies. Neither have families without an answer: there the prompt itself
    says what to write. Nor have families on the clock, where writes alone are no stay.
    """
    if family.is_casework:
        return _ranks(trial, family, cases)
    if family.course is not None:
        return Policies(family.name, {})
    gold = [trial.gold_run(family, case) for case in cases]
    if not any(run.writes for run in gold) or all(run.answer == "[]" for run in gold):
        return Policies(family.name, {})
    usual = _usual([[dict(write) for write in run.writes] for run in gold if run.writes])
    earned: Counter[str] = Counter()
    for case, run in zip(cases, gold, strict=True):
        mine, answer = [dict(write) for write in run.writes], run.answer
        fixed = [_for(case, answer, write) for write in usual]
        for name, said, written in (
            ("never orders", answer, []),
            ("always orders", answer, mine or fixed),
            ("orders the same for everybody", answer, fixed),
            ("orders rightly and answers nothing", "", mine),
            ("orders the same for everybody and answers nothing", "", fixed),
            (HONEST, answer, _slipped(mine)),
        ):
            done = trial.writes([_post(trial, write) for write in written])
            earned[name] += round(10_000 * trial.judge(family, case, said, done).credit)
    if all(run.writes for run in gold):
        del earned["always orders"]  # that is right in such a family
    return Policies(family.name, {name: total / 10_000 / len(cases) for name, total in earned.most_common()})


def _ranks(trial: Trial, family: Family, cases: Sequence[Case]) -> Policies:
    """Returns the credit of parts of gold solutions: the less of what was due is done, the less it earns.

    The honest try leaves out one write, that among the last few which costs least: some may not be left out safely.
    """
    earned: Counter[str] = Counter()
    for case in cases:
        actions = trial.gold(family, case)
        writes = [n for n, action in enumerate(actions) if _WRITE.match(action)]
        for name, left_out in (
            ("never writes", set(writes)),
            ("writes the first half alone", set(writes[(len(writes) + 1) // 2 :])),
        ):
            earned[name] += round(10_000 * _without(trial, family, case, actions, left_out))
        tried = [_without(trial, family, case, actions, {place}) for place in writes[-_TRIED:]]
        earned[HONEST] += round(10_000 * max(tried, default=0.0))
    return Policies(family.name, {name: total / 10_000 / len(cases) for name, total in earned.most_common()})


def _without(trial: Trial, family: Family, case: Case, actions: Sequence[str], left_out: set[int]) -> float:
    return trial.credit(family, case, [action for n, action in enumerate(actions) if n not in left_out])


def _usual(writes: Sequence[list[Json]]) -> list[Json]:
    """Returns the orders of the kind that is due most often."""
    kinds = Counter(tuple(write["resourceType"] for write in each) for each in writes)
    kind, _ = kinds.most_common(1)[0]
    return next(each for each in writes if tuple(write["resourceType"] for write in each) == kind)


def _for(case: Case, answer: str, write: Json) -> Json:
    """Returns the same order for the case's patient, whom the prompt or the answer names."""
    named = case.params.get("mrn") or next((item for item in json.loads(answer) if _ID.fullmatch(str(item))), "")
    about = {"reference": f"Patient/{named}"}
    return {name: about if name in ("subject", "for", "patient") else value for name, value in write.items()}


def _post(trial: Trial, write: Json) -> str:
    return render(Post(f"{trial.scenario.backend.base_url}/{write['resourceType']}", json.dumps(write)))


def _slipped(writes: Sequence[Json]) -> list[Json]:
    """Returns the orders with the date of the first one a minute late."""
    if not writes:
        return []
    first = dict(writes[0])
    name = next(name for name in _DETAILS if name in first)
    first[name] = (datetime.fromisoformat(first[name]) + timedelta(minutes=1)).isoformat()
    return [first, *writes[1:]]
