"""Fixtures that the tests of all frameworks share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from mab_gym.agents._reference import Oracle
from mab_gym.envs._scenario import Scenario
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, play_until_judged
from tests.evaluation.scripted import dead_url
from tests.integrations.scripts import FORMS, LIVING, SCRIPTS, own_record, with_every_verb


@pytest.fixture(scope="session")
def golds(scenario: Scenario) -> dict[str, EpisodeRecord]:
    """The gold solutions of as many cases of each family as there are scripts."""
    env = gymnasium.make("mab_gym/MedAgentBench-v0")
    cases = [f"{family}/{1 + number:02d}" for family in scenario.tasks.catalogue for number in range(len(SCRIPTS))]
    return {case: play_until_judged(env, Oracle(), Assignment(0, case)) for case in cases}


@pytest.fixture(scope="session")
def living() -> dict[str, dict[str, EpisodeRecord]]:
    """By form and case, the project's own records of solutions of `LIVING` that use every verb."""
    found: dict[str, dict[str, EpisodeRecord]] = {form: {} for form in FORMS}
    for env_id, cases in LIVING.items():
        env = gymnasium.make(env_id)
        for case in cases:
            gold = play_until_judged(env, Oracle(), Assignment(0, case))
            for form in FORMS:
                found[form][case] = own_record(env, case, with_every_verb(gold.actions), form)
    return found


@pytest.fixture
def nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An environment file whose record system is at an address where nobody listens."""
    file = tmp_path / "nobody.toml"
    server = dead_url().replace("/v1", "/fhir")
    file.write_text(
        f'id = "tests/Nobody-v0"\n[episode]\nbackend = "remote"\n[remote]\nserver = "{server}"\n', encoding="utf-8"
    )
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield str(file)
    gymnasium.registry.pop("tests/Nobody-v0", None)
