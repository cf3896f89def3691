"""Train, validation and test have nobody in common."""

from __future__ import annotations

import gymnasium

from mab_gym.agents._reference import Oracle
from mab_gym.cohort._names import folded
from mab_gym.cohort._people import draw_people
from mab_gym.cohort._spec import CANONICAL, TRAIN, VALIDATION, scaled
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import assignments, play_all

VALIDATION_ID = "mab_gym/MedAgentBench-Validation-v0"


def test_no_name_and_no_mrn_is_in_two_splits() -> None:
    specs = (CANONICAL, TRAIN, VALIDATION, scaled(300, CANONICAL, 5))
    people = [draw_people(spec) for spec in specs]
    for what in (
        [{person.mrn for person in each} for each in people],
        [{folded(" ".join((*person.given, person.family))) for person in each} for each in people],
    ):
        assert sum(map(len, what)) == len(set().union(*what))
    assert len({spec.seed for spec in specs}) == len(specs)


def test_the_validation_cases_are_fixed_balanced_and_solvable() -> None:
    env = gymnasium.make(VALIDATION_ID)
    tasks = unwrapped(env).scenario.tasks
    assert len(tasks.cases) == 300
    for family in tasks.catalogue.values():
        branches = [case.branch for case in family.cases]
        assert set(branches) == set(family.branches)
        assert min(branches.count(branch) for branch in family.branches) >= 3
    assert [case.id for case in tasks.cases][:2] == ["patient_lookup/01", "patient_lookup/02"]
    records = list(play_all(env, Oracle(), assignments(unwrapped(env))))
    assert [r.case for r in records if r.reward != 1.0] == []
