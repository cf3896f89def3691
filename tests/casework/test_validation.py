"""The cases by which runs of training are chosen: frozen, solvable, and about people of a hospital of their own."""

from __future__ import annotations

import gymnasium
import pytest

from mab_gym.envs import MedicalRecordEnv
from mab_gym.errors import UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking.case import Case
from tests.casework.playing import FAMILIES, family
from tests.contract.test_stays import played

VALIDATION = "mab_gym/Casework-Validation-v0"


@pytest.fixture(scope="module")
def env() -> MedicalRecordEnv:
    return unwrapped(gymnasium.make(VALIDATION))


@pytest.mark.once
@pytest.mark.parametrize("name", FAMILIES)
def test_gold_solves_ten_cases_on_other_people(name: str, env: MedicalRecordEnv) -> None:
    found = env.scenario.tasks.catalogue[name]
    assert found.cases == family(name).validation
    assert len(found.cases) == 10
    for case in found.cases:
        if "mrn" in case.params:
            assert env.scenario.chart.patient(case["mrn"]) is not None
        info = played(env, case)
        assert info["verdict"]["success"], info["verdict"]
    assert not {case["mrn"] for case in found.cases if "mrn" in case.params} & {
        case["mrn"] for case in family(name).cases if "mrn" in case.params
    }


@pytest.mark.parametrize("name", ["misfiled_letter", "kidney_injury", "transfusion", "outside_results"])
def test_they_are_what_the_recipe_draws(name: str, env: MedicalRecordEnv) -> None:
    drawn = family(name).draw_cases(env.scenario.chart, 25, 10)
    assert [Case.from_json(name, case.to_json()).params for case in drawn] == [
        case.params for case in family(name).validation
    ]


def test_families_without_such_cases_are_named() -> None:
    with pytest.raises(UsageError, match=r"latest_magnesium.* has no validation\.jsonl.*freeze --validation"):
        gymnasium.make("mab_gym/MedAgentBench-v0", cases="validation")
