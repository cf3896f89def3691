"""Registers every environment file's id with Gymnasium; ``import mab_gym`` calls it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import gymnasium

from mab_gym._opening import OPENING
from mab_gym.backends._kinds import EMBEDDED, backend_kind
from mab_gym.envs._environment_file import environment_files
from mab_gym.errors import MabGymError


def register_envs() -> None:
    """Registers all ids at hand; those already registered are left alone, broken files wait for ``make`` to say why."""
    try:
        files = environment_files()
    except MabGymError:
        return
    for path in files:
        register_file(path)


def register_file(path: Path) -> str | None:
    """Registers one environment file, as in ``register_file(Path("my_env.toml"))``; ``make`` runs code that it names.

    Returns:
        The id, or None where the file holds none that can be read.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        env_id = told.get("id")
        episode = told.get("episode", {})
        backend = episode.get("backend", EMBEDDED) if isinstance(episode, dict) else EMBEDDED
    except (OSError, ValueError):
        return None
    if not isinstance(env_id, str):
        return None
    with OPENING:
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point="mab_gym.envs._env:make_environment",
                vector_entry_point="mab_gym.envs._vector:make_vector_environment",
                kwargs={"env_file": str(path.resolve())},
                nondeterministic=not _is_deterministic(backend),
            )
    return env_id


def _is_deterministic(backend: str) -> bool:
    try:
        return backend_kind(backend).deterministic
    except MabGymError:  # `make` will say so
        return False
