"""The episodes of an environment as the rows of a data set: what a framework shows, and what it needs to begin one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium

from mab_gym.errors import UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import Assignment, assignments, draws_cases, reset_options


@dataclass(frozen=True, slots=True)
class Row:
    """One episode to be played. Nothing in it tells the answer.

    Attributes:
        id: The case's (``replace_potassium/07``); a drawn case has its seed behind it (``replace_potassium/01@7``).
        opening: The message that the episode begins with.
        seed: For ``reset``.
        options: Likewise.
        case: The case's id.
        family: Its family.
        kind: ``query`` or ``action``.
        difficulty: ``easy``, ``medium`` or ``hard``.
        branch: Its clinical situation, which a model must not be shown.
        variant: In which variants it is played.
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
        """All but the opening and the id, as plain data."""
        return {name: value for name, value in asdict(self).items() if name not in ("id", "opening")}


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
    """The rows of an environment, in the order of an evaluation; each is made as it is asked for.

    Args:
        env: The environment; it is reset for each row.
        family: Only this family.
        difficulty: Only this difficulty.
        variant: One or more variants, joined by ``+``; see `mab_gym.tasking._variants`.
        seed: The first row's; each has the next. It chooses cases that are drawn, and the chance of variants.
        limit: How many at most; an environment that draws its cases has this many, or 300.
        endless: Whether one that draws its cases has rows without end where there is no limit.

    Raises:
        UsageError: Something named does not exist; raised at once.
    """
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise UsageError(f"a seed is a whole number from 0, not {seed!r}")
    options = reset_options(env, family=family, difficulty=difficulty, variant=variant)
    chosen = {name: value for name, value in options.items() if value is not None}
    todo: Iterable[Assignment] = assignments(
        unwrapped(env), family=family, difficulty=difficulty, seed=seed, limit=limit
    )
    if draws_cases(env):
        if endless and limit is None:
            todo = (Assignment(place) for place in itertools.count(seed))
        row_of(env, Assignment(seed), chosen)  # a family or difficulty that does not exist is told at once
    return (row_of(env, assignment, chosen) for assignment in todo)


def row_of(env: gymnasium.Env[Any, str], assignment: Assignment, options: dict[str, Any]) -> Row:
    """The row of one assignment.

    Args:
        env: The environment; it is reset.
        assignment: What is played.
        options: Further options for ``reset``.
    """
    if assignment.case is not None:
        options = {"case": assignment.case, **options}
    observation, info = env.reset(seed=assignment.seed, options=options)
    case = unwrapped(env).episode.case
    if case is None:
        raise RuntimeError("reset began no case")
    return Row(
        # Drawn cases are all number one of their family.
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
