"""Data sets of prompts: the opening messages of cases, with all that is needed to play them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
from datasets import Dataset, IterableDataset

from mab_gym.agents._model import FORMS, SYSTEM
from mab_gym.curriculum import CaseSampler
from mab_gym.envs._make import make
from mab_gym.errors import UsageError
from mab_gym.integrations._rows import Row, row_of, rows
from mab_gym.runs._rollout import Assignment

TextEnv = gymnasium.Env[dict[str, Any], str]
Maker = str | Callable[[], TextEnv]
"""An environment's id or file, or what makes one: for wrappers."""
EPISODE = "episode"
"""The key of a prompt's last message that says what to play; chat templates pass it over."""


def make_env(env: Maker, **overrides: Any) -> TextEnv:
    """An environment by its id (the part before the slash may be left out), by its file, or from its maker.

    Args:
        env: Which.
        overrides: Fields of `mab_gym.envs._environment_file.Environment`; those that are None are left as they are.

    Raises:
        UsageError: There is no such id, or overrides were given for a maker, which takes none.
    """
    chosen = {name: value for name, value in overrides.items() if value is not None}
    if not isinstance(env, str):
        if chosen:
            raise UsageError(f"a maker of environments sets {', '.join(sorted(chosen))} itself")
        return env()
    if env in gymnasium.registry:  # by a user's own code, too
        made: TextEnv = gymnasium.make(env, **chosen)
        return made
    return make(env, **chosen)


def task_prompts(
    env: Maker = "MedAgentBench-Train-v0",
    *,
    limit: int | None = None,
    seed: int = 0,
    family: str | None = None,
    difficulty: str | None = None,
    variant: str | None = None,
    form: str = "text",
    **overrides: Any,
) -> Dataset:
    """The prompts of an environment's cases, in order.

    Args:
        env: The environment. Train on the training split; the canonical cases are for evaluation.
        limit: How many at most; an environment that draws its cases gives so many fresh ones (300 where None).
        seed: The first case's seed; each has the next.
        family: Only this family.
        difficulty: Only this difficulty.
        variant: In which variants, joined by ``+``.
        form: ``text`` for `Rollouts`, ``tools`` for `environment_factory`.
        overrides: As for `make_env`; those that change what is played belong in the rollouts, too.

    Returns:
        Columns: ``prompt`` (messages), ``case``, ``family``, ``kind``, ``difficulty``, ``seed``, and ``options`` for
        ``reset`` as JSON. The prompt's last message holds seed and options, too, as ``episode``: TRL hands rollouts
        nothing but the prompt.

    Raises:
        UsageError: An argument is wrong, or nothing is left to play.
    """
    made = make_env(env, **overrides)
    found = rows(made, family=family, difficulty=difficulty, variant=variant, seed=seed, limit=limit)
    return Dataset.from_list([_columns(row, form) for row in found])


def curriculum_prompts(
    curriculum: CaseSampler,
    env: Maker = "MedAgentBench-Train-v0",
    *,
    seed: int = 0,
    form: str = "text",
    **overrides: Any,
) -> IterableDataset:
    """Prompts without end, each chosen by a curriculum at the moment when the trainer asks for it.

    Somebody has to tell the curriculum how the episodes ended: `Rollouts` and `environment_factory` do, where they are
    given the same one. A trainer reads a batch or so ahead, and wants ``max_steps`` and ``shuffle_dataset=False``.

    Args:
        curriculum: Who chooses.
        env: The environment, as for `task_prompts`; one that draws its cases.
        seed: The first case's.
        form: See there.
        overrides: See there.
    """
    return IterableDataset.from_generator(_Stream(curriculum, make_env(env, **overrides), seed, form))


class _Stream:
    """Rows without end. They are of this process: copies are the same stream, and no other process gets one."""

    def __init__(self, curriculum: CaseSampler, env: TextEnv, seed: int, form: str) -> None:
        self._curriculum, self._env, self._seed, self._form = curriculum, env, seed, form

    def __call__(self) -> Iterator[dict[str, Any]]:
        number, chance = self._seed, np.random.default_rng(self._seed)
        while True:
            chosen = dict(self._curriculum.next_options(chance))
            yield _columns(row_of(self._env, Assignment(number), chosen), self._form)
            number += 1

    def __deepcopy__(self, memo: Any) -> _Stream:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Asked for by datasets, to name a cache by it; what it leads to cannot be made again elsewhere.
        return _elsewhere, (id(self),)


def _elsewhere(number: int) -> _Stream:
    raise UsageError("a curriculum is of one process: use dataloader_num_workers=0")


def _columns(row: Row, form: str) -> dict[str, Any]:
    if form not in FORMS:
        raise UsageError(f"a model's form is {' or '.join(FORMS)}, not {form!r}")
    episode = json.dumps({"seed": row.seed, "options": row.options})
    # Each message has the same keys: a table's rows do.
    system = [{"role": "system", "content": SYSTEM, EPISODE: ""}] if form == "tools" else []
    return {
        "prompt": [*system, {"role": "user", "content": row.opening, EPISODE: episode}],
        "case": row.case,
        "family": row.family,
        "kind": row.kind,
        "difficulty": row.difficulty,
        "seed": row.seed,
        "options": json.dumps(row.options),
    }
