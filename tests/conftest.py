"""What the tests share: the canonical environment, opened (and its cohort built, if need be) once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from mab_gym.env import MedicalRecordEnv
from mab_gym.episode import Episode
from mab_gym.rollout import unwrapped
from mab_gym.workplace import Workplace

CANONICAL = "mab_gym/MedAgentBench-v0"
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def workplace() -> Workplace:
    """The canonical environment's record system and tasks."""
    return unwrapped(gymnasium.make(CANONICAL)).workplace


@pytest.fixture
def env(workplace: Workplace) -> Iterator[MedicalRecordEnv]:
    """A fresh canonical environment."""
    made = gymnasium.make(CANONICAL)
    yield unwrapped(made)
    made.close()


@pytest.fixture
def episode(workplace: Workplace) -> Episode:
    """An episode of record_blood_pressure/01, just begun."""
    begun = workplace.new_episode()
    case = workplace.tasks.case("record_blood_pressure/01")
    begun.reset(workplace.tasks.catalogue[case.family], case)
    return begun
