"""Makes an environment for a command, with a progress bar if its cohort has to be built first."""

from __future__ import annotations

from typing import Any

import gymnasium

from mab_gym.cli._console import stages
from mab_gym.cohort._locate import build_archive, is_built, named_spec
from mab_gym.envs import _make
from mab_gym.envs._environment_file import environment_file, read_environment, sibling
from mab_gym.envs._scenario import OFFICIAL
from mab_gym.runs._evaluation import Plan


def make(name: str, **overrides: Any) -> gymnasium.Env[Any, str]:
    """Makes an environment by its id (with or without ``mab_gym/``) or by its file.

    Raises:
        UsageError: There is no such id or file.
    """
    _build(name, overrides.get("cohort"))
    return _make.make(name, **overrides)


def build_cohort(plan: Plan) -> None:
    """Builds the cohort that a plan plays on, if it is missing."""
    _build(sibling(plan.env, plan.split))


def _build(name: str, cohort: str | None = None) -> None:
    environment = read_environment(environment_file(name))
    if environment.archive is None and environment.protocol != OFFICIAL:
        spec = named_spec(str(cohort or environment.cohort))
        if not is_built(spec):
            with stages(f"building the {spec.name} cohort (once)") as tell:
                build_archive(spec, tell)
