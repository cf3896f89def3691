"""Datasets of prompts: the opening messages of cases, with everything that is needed to play them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from datasets import Dataset, IterableDataset

from mab_gym.agents._model import check_form, system_for, verbs_of
from mab_gym.curriculum import CaseSampler
from mab_gym.errors import UsageError
from mab_gym.integrations._rows import Row, row_of, rows
from mab_gym.integrations._sessions import Maker, TextEnv, make_env
from mab_gym.runs._rollout import Assignment

EPISODE = "episode"
"""The key in a prompt's last message that holds seed and options; chat templates ignore it."""


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
    """Returns the prompts of an environment's cases, in order.

    Args:
        env: The environment. Train on the training split; the canonical cases are for evaluation.
        limit: The greatest number of prompts; an environment that draws its cases gives so many (None: 300).
        seed: The seed of the first case; each further one has the next number.
        family: Only this family.
        difficulty: Only this difficulty.
        variant: One or more variants of the cases, joined by ``+``.
        form: ``text`` for `Rollouts`, ``tools`` for `environment_factory`.
        overrides: Fields of the environment file to change. Give the rollouts the same ones.

    Returns:
        Columns: ``prompt`` (messages), ``case``, ``family``, ``kind``, ``difficulty``, ``seed``, and ``options`` for
        ``env.reset`` as JSON. The prompt's last message holds seed and options, too, as ``episode``, because TRL gives
        rollouts nothing but the prompt.

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
    """Returns an endless dataset of prompts; a curriculum chooses each when the trainer asks for it.

    The curriculum must learn how the episodes ended: give the same one to `Rollouts` or `environment_factory`. A
    trainer reads about a batch ahead, and needs ``max_steps`` and ``shuffle_dataset=False``.

    Args:
        curriculum: The curriculum, which chooses the cases.
        env: An environment that draws its cases.
        seed: The seed of the first case; each further one has the next number.
        form: ``text`` for `Rollouts`, ``tools`` for `environment_factory`.
        overrides: Fields of the environment file to change. Give the rollouts the same ones.
    """
    return IterableDataset.from_generator(_Stream(curriculum, make_env(env, **overrides), seed, form))


class _Stream:
    """An endless stream of rows. It stays in this process: a copy is the same stream, and it cannot be pickled."""

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
        # The library datasets pickles it for the name of a cache; unpickling it raises an error.
        return _elsewhere, (id(self),)


def _elsewhere(number: int) -> _Stream:
    raise UsageError("a curriculum is of one process: use dataloader_num_workers=0")


def _columns(row: Row, form: str) -> dict[str, Any]:
    check_form(form)
    episode = json.dumps({"seed": row.seed, "options": row.options})
    # Each message has the same keys, as the rows of a table need.
    prompt = [{"role": "user", "content": row.opening, EPISODE: episode}]
    if form == "tools":
        prompt.insert(0, {"role": "system", "content": system_for(verbs_of(prompt)), EPISODE: ""})
    return {
        "prompt": prompt,
        "case": row.case,
        "family": row.family,
        "kind": row.kind,
        "difficulty": row.difficulty,
        "seed": row.seed,
        "options": json.dumps(row.options),
    }
