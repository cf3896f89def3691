"""The reduced hospital: everybody is there, and every frozen case has the same answer as on the whole."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest

from mab_gym.cohort._generate import generate
from mab_gym.cohort._reduced import generate_reduced
from mab_gym.cohort._spec import REDUCED, CohortSpec, ReducedSpec
from mab_gym.envs._scenario import Scenario
from mab_gym.fhir.store._archive import write_archive
from mab_gym.fhir.store._base import BaseTable
from mab_gym.runs._driver import unwrapped
from tests.conftest import CANONICAL
from tests.contract.test_families import gold_actions

DIGEST = "376897a16d0e"
SMALL = CohortSpec("small", 7, 12, 20, 6000, 900, 600, 300)


@pytest.fixture(scope="module")
def reduced() -> gymnasium.Env[object, str]:
    return gymnasium.make(CANONICAL, cohort="reduced")


def test_what_is_kept_is_kept_to_the_character(tmp_path: Path) -> None:
    whole = {table.resource_type: table for table in generate(SMALL)}
    parts = generate_reduced(ReducedSpec("few", SMALL))
    for part in parts:
        all_rows = BaseTable(whole[part.resource_type], range(len(whole[part.resource_type])))
        kept = BaseTable(part, range(len(part)))
        texts = [kept.text(row) for row in range(len(part))]
        found = [all_rows.find(str(logical_id)) for logical_id in part.ids]
        assert [all_rows.text(row) for row in found if row is not None] == texts
        assert np.all(np.diff([row for row in found if row is not None]) > 0)
    assert len(parts[[part.resource_type for part in parts].index("Patient")]) == 32


def test_the_canonical_one_is_small_and_always_the_same(tmp_path: Path) -> None:
    tables = generate_reduced(REDUCED)
    counts = {table.resource_type: len(table) for table in tables}
    assert counts == {"Patient": 695, "Observation": 12_588, "Procedure": 300, "Condition": 300,
                      "MedicationRequest": 300}  # fmt: skip
    assert write_archive(tmp_path / "a.mab", tables, unwrapped_about()).startswith(DIGEST)


def unwrapped_about() -> dict[str, object]:
    """The description that the archive holds of itself, which is part of its digest."""
    from mab_gym.cohort._locate import named_archive
    from mab_gym.fhir.store._archive import open_archive

    return dict(open_archive(named_archive("reduced")).about)


def test_every_frozen_case_is_solved_by_the_same_actions(
    reduced: gymnasium.Env[object, str], scenario: Scenario
) -> None:
    env = gymnasium.make(CANONICAL)
    for case in scenario.tasks.cases:
        assert gold_actions(reduced, case.id) == gold_actions(env, case.id)
    assert unwrapped(reduced).scenario.chart.profiles() == scenario.chart.profiles()
