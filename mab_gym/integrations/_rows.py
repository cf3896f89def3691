"""The episodes of an environment as the rows of a dataset: opening message, seed, options and labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium

from mab_gym.envs._make import DEFAULT_ENV
from mab_gym.errors import UsageError
from mab_gym.integrations._sessions import make_to_read
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import Assignment, assignments, draws_cases, reset_options


@dataclass(frozen=True, slots=True)
class Row:
    """An episode to play. Nothing in it reveals the answer.

    Attributes:
        id: The case's id (``replace_potassium/07``), with the seed if the case is drawn (``replace_potassium/01@7``).
        opening: The first message of the episode.
        seed: The seed for ``env.reset``.
        options: The options for ``env.reset``.
        case: The case's id.
        family: Its family.
        kind: ``query`` or ``action``.
        difficulty: ``easy``, ``medium`` or ``hard``.
        branch: Its clinical situation, which the model must not see.
        variant: The variants of the case, joined by ``+``.
    """

    id: str
    opening: str
    seed: int
    options: dict[str, Any]
    case: str
    family: str
    kind: str
    difficulty: str
    branch: str
    variant: str

    def about(self) -> dict[str, Any]:
        """Returns all fields except the opening and the id, as plain data."""
        return {name: value for name, value in asdict(self).items() if name not in ("id", "opening")}

    def columns(self) -> dict[str, Any]:
        """Returns the same with the id, for a table: each row has all options, as None if they are not set."""
        options = {name: self.options.get(name) for name in ("case", "family", "difficulty", "variant")}
        return {**self.about(), "id": self.id, "options": options}


def rows(
    env: gymnasium.Env[Any, str],
    *,
    family: str | None = None,
    difficulty: str | None = None,
    variant: str | None = None,
    seed: int = 0,
    limit: int | None = None,
    endless: bool = False,
) -> Iterator[Row]:
    """Returns the rows of an environment, in the order of an evaluation; each is made when it is asked for.

    Args:
        env: The environment; it is reset for each row.
        family: Only this family.
        difficulty: Only this difficulty.
        variant: One or more variants, joined by ``+``.
        seed: The seed of the first row; each further one has the next number. It chooses drawn cases, too.
        limit: The greatest number of rows; an environment that draws its cases has this many (None: 300).
        endless: True to give rows without end, if the environment draws its cases and there is no limit.

    Raises:
        UsageError: A name does not exist; raised by the call itself.
    """
    todo, chosen = plan(env, family=family, difficulty=difficulty, variant=variant, seed=seed, limit=limit)
    if draws_cases(env) and endless and limit is None:
        return (row_of(env, Assignment(place), chosen) for place in itertools.count(seed))
    return (row_of(env, assignment, chosen) for assignment in todo)


def plan(
    env: gymnasium.Env[Any, str],
    *,
    family: str | None = None,
    difficulty: str | None = None,
    variant: str | None = None,
    seed: int = 0,
    limit: int | None = None,
) -> tuple[Sequence[Assignment], dict[str, Any]]:
    """Returns the episodes of `rows` without their cases, and the options of each, for `row_of`.

    Args:
        env: The environment; it is reset if it draws its cases.
        family: Only this family.
        difficulty: Only this difficulty.
        variant: One or more variants, joined by ``+``.
        seed: The seed of the first episode; each further one has the next number.
        limit: The greatest number of episodes; an environment that draws its cases has this many (None: 300).

    Raises:
        UsageError: A name does not exist.
    """
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise UsageError(f"a seed is a whole number from 0, not {seed!r}")
    options = reset_options(env, family=family, difficulty=difficulty, variant=variant)
    chosen = {name: value for name, value in options.items() if value is not None}
    todo = list(assignments(unwrapped(env), family=family, difficulty=difficulty, seed=seed, limit=limit))
    if draws_cases(env):
        row_of(env, Assignment(seed), chosen)  # raises now if the family or difficulty does not exist
    return todo, chosen


def task_rows(
    env: str = DEFAULT_ENV,
    *,
    family: str | None = None,
    difficulty: str | None = None,
    variant: str | None = None,
    seed: int = 0,
    limit: int | None = None,
    **overrides: Any,
) -> Iterator[dict[str, Any]]:
    """Yields the episodes of an environment as plain data, for the datasets of trainers; `mab_gym.play` plays a row.

    Args:
        env: An environment's id, with or without ``mab_gym/``, or the path of an environment file.
        family: Only this family.
        difficulty: Only this difficulty.
        variant: One or more variants, joined by ``+``.
        seed: The seed of the first row; each further one has the next number. It chooses drawn cases, too.
        limit: The greatest number of rows; an environment that draws its cases has this many (None: 300).
        overrides: Fields of the environment file to change, as in ``max_steps=4``.

    Yields:
        ``prompt`` (the first message, as a chat), ``env``, ``overrides``, ``seed`` and ``options``, and the labels
        ``id``, ``case``, ``family``, ``kind``, ``difficulty``, ``branch`` and ``variant``. Nothing reveals the answer.
        All rows have the same keys, and so has each object in them, as tables want it.

    Raises:
        UsageError: A name does not exist.
    """
    opened = make_to_read(env, **overrides)
    for row in rows(opened, family=family, difficulty=difficulty, variant=variant, seed=seed, limit=limit):
        prompt = [{"role": "user", "content": row.opening}]
        # None in the place of an empty object, which Parquet cannot hold.
        yield {"prompt": prompt, "env": env, "overrides": overrides or None, **row.columns()}


def row_of(env: gymnasium.Env[Any, str], assignment: Assignment, options: dict[str, Any]) -> Row:
    """Returns the row of one assignment.

    Args:
        env: The environment; it is reset.
        assignment: The seed and the case to play.
        options: Further options for ``reset``.
    """
    if assignment.case is not None:
        options = {"case": assignment.case, **options}
    observation, info = env.reset(seed=assignment.seed, options=options)
    case = unwrapped(env).episode.case
    if case is None:
        raise RuntimeError("reset began no case")
    return Row(
        # All drawn cases have the number 01 of their family.
        id=case.id if assignment.case is not None else f"{case.id}@{assignment.seed}",
        opening=observation["text"],
        seed=assignment.seed,
        options=options,
        case=case.id,
        family=info["family"],
        kind=info["kind"],
        difficulty=info["difficulty"],
        branch=case.branch,
        variant=info.get("variant", ""),
    )
