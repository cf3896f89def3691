"""Making an environment for a command: its id or file, and a progress bar where its cohort has to be built first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gymnasium

from mab_gym.cli._console import stages
from mab_gym.cohort._locate import build_archive, is_built, named_spec
from mab_gym.envs._environment_file import environment_file, environment_files, read_environment
from mab_gym.envs._registration import register_envs, register_file
from mab_gym.envs._workplace import OFFICIAL
from mab_gym.errors import UsageError

DEFAULT_ENV = "mab_gym/MedAgentBench-v0"


def counterpart(name: str, protocol: str) -> str:
    """The id of the environment that plays by another protocol: ``…-Official-v0`` beside ``…-v0``.

    Args:
        name: An environment's id or file.
        protocol: By which protocol.

    Raises:
        UsageError: There is no such environment.
    """
    files = {read_environment(path).id: path for path in environment_files()}
    path = Path(name) if name.endswith(".toml") else files.get(name, files.get(f"mab_gym/{name}"))
    if path is not None and read_environment(path).protocol == protocol:
        return name
    whole = re.fullmatch(r"(?:mab_gym/)?(.+?)(?:-Official)?(-v\d+)", name)
    wanted = "" if whole is None else f"mab_gym/{whole[1]}{'-Official' if protocol == OFFICIAL else ''}{whole[2]}"
    if wanted not in files or read_environment(files[wanted]).protocol != protocol:
        raise UsageError(f"{name} has no counterpart that is played by the protocol {protocol}; {DEFAULT_ENV} has")
    return wanted


def make(name: str, **overrides: Any) -> gymnasium.Env[Any, str]:
    """An environment by its id (the part before the slash may be left out) or by its file.

    Raises:
        UsageError: There is no such id or file.
    """
    register_envs()
    file = environment_file(name)
    env_id = register_file(file)
    if env_id is None:
        raise UsageError(f"{name} holds no id")
    environment = read_environment(file)
    if environment.archive is None and environment.protocol != OFFICIAL:
        spec = named_spec(str(overrides.get("cohort", environment.cohort)))
        if not is_built(spec):
            with stages(f"building the {spec.name} cohort (once)") as tell:
                build_archive(spec, tell)
    made: gymnasium.Env[Any, str] = gymnasium.make(env_id, **overrides)
    return made
