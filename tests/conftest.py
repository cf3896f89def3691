"""What the tests share: the canonical environment, opened (and its cohort built, if need be) once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mab_gym.env import MedicalRecordEnv
from mab_gym.episode import Game
from mab_gym.rollout import unwrapped
from mab_gym.workplace import Workplace

CANONICAL = "mab_gym/MedAgentBench-v0"
OFFICIAL = "mab_gym/MedAgentBench-Official-v0"
HAPI = "mab_gym/MedAgentBench-HAPI-v0"
ROOT = Path(__file__).resolve().parent.parent
OFFICIAL_FILES = ROOT.parent / "shared" / "official"
needs_official_files = pytest.mark.skipif(
    not OFFICIAL_FILES.is_dir(), reason="the official files lie beside the repository in ../shared/official; not here"
)


def hear_ctrl_c() -> None:
    """For a new process, before its program begins: a shell in the background has its commands ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def make(env_id: str, **arguments: Any) -> gymnasium.Env[Any, str]:
    """An environment; the official id is given its files."""
    if env_id == OFFICIAL:
        arguments = {
            "tasks": OFFICIAL_FILES / "test_data_v2.json",
            "functions": OFFICIAL_FILES / "funcs_v1.json",
            **arguments,
        }
    made: gymnasium.Env[Any, str] = gymnasium.make(env_id, **arguments)
    return made


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
def episode(workplace: Workplace) -> Game:
    """An episode of record_blood_pressure/01, just begun."""
    begun = workplace.new_episode()
    case = workplace.tasks.case("record_blood_pressure/01")
    begun.reset(workplace.tasks.catalogue[case.family], case)
    return begun
