"""Makes an environment by its id or its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium

from mab_gym.envs._environment_file import environment_file
from mab_gym.envs._registration import register_file
from mab_gym.errors import UsageError

DEFAULT_ENV = "mab_gym/MedAgentBench-v0"


def make(env: str | Path = DEFAULT_ENV, **overrides: Any) -> gymnasium.Env[Any, str]:
    """Makes an environment, registering its file first where that is needed.

    Args:
        env: An environment's id (``mab_gym/`` before it may be left out), or an environment file. Task code and
            backends that a file names run with all rights of this process.
        overrides: Fields of the environment file, as in ``max_steps=4``; those that are None are left as they are.

    Returns:
        A Gymnasium environment whose observations are dicts of ``text``, ``fhir`` and ``status``, and whose actions
        are texts.

    Raises:
        UsageError: There is no such id, or no such field.
        ContentError: The file is not as it should be.
        NotInstalledError: Something that it needs is not installed.
    """
    name = str(env)
    chosen = {field: value for field, value in overrides.items() if value is not None}
    known = next((each for each in (name, f"mab_gym/{name}") if each in gymnasium.registry), None)
    env_id = known or register_file(environment_file(name))
    if env_id is None:
        raise UsageError(f"{name} holds no id")
    made: gymnasium.Env[Any, str] = gymnasium.make(env_id, **chosen)
    return made
