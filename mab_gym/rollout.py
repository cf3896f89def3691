"""Plays episodes: one agent, one environment, one case or seed after another."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import gymnasium

from mab_gym.agents import Agent, Insider
from mab_gym.env import MedicalRecordEnv
from mab_gym.errors import UsageError
from mab_gym.records import EpisodeRecord

RETRIES = 2
"""How often an episode is played again that the record system has spoiled."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to play: a seed, and a case where it is not left to the seed."""

    seed: int
    case: str | None = None


def assignments(
    env: MedicalRecordEnv,
    *,
    family: str | None = None,
    difficulty: str | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> list[Assignment]:
    """What a whole evaluation of an environment plays, in order.

    Args:
        env: The environment.
        family: Only this family.
        difficulty: Only this difficulty.
        limit: How many at most; an environment that draws its cases plays this many (300 where None).
        seed: The first seed; each episode has the next.

    Raises:
        UsageError: Nothing is left to play, or there is no such family.
    """
    tasks = env.workplace.tasks
    if family is not None:
        tasks.catalogue.family(family)
    if limit is not None and limit < 1:
        raise UsageError(f"a limit is a whole number from 1, not {limit}")
    cases = [
        case.id
        for case in tasks.cases
        if family in (None, case.family) and difficulty in (None, tasks.catalogue[case.family].difficulty)
    ]
    if not tasks.cases:
        return [Assignment(seed + place) for place in range(limit or 300)]
    if not cases:
        raise UsageError("no case is of this family and difficulty")
    return [Assignment(seed + place, case) for place, case in enumerate(cases[:limit])]


def play(env: gymnasium.Env[Any, str], agent: Agent, assignment: Assignment, **options: str | None) -> EpisodeRecord:
    """Plays one episode to its end.

    Args:
        env: An environment of this package, however wrapped.
        agent: Who plays.
        assignment: What.
        options: Further options for ``env.reset``.
    """
    inner = unwrapped(env)
    chosen = {name: value for name, value in {"case": assignment.case, **options}.items() if value is not None}
    observation, info = env.reset(seed=assignment.seed, options=chosen)
    case = inner.episode.case
    if case is None:
        raise RuntimeError("reset began no case")
    if isinstance(agent, Insider):
        agent.brief(inner.workplace, case)
    agent.reset(observation, info, assignment.seed)
    total, terminated, truncated = 0.0, False, False
    while not (terminated or truncated):
        observation, reward, terminated, truncated, info = env.step(agent.act(observation))
        total += float(reward)
    return EpisodeRecord(
        env=inner.workplace.environment.id,
        agent=agent.name,
        case=info["case"],
        family=info["family"],
        branch=case.branch,
        kind=info["kind"],
        difficulty=info["difficulty"],
        seed=assignment.seed,
        reward=total,
        steps=info["step"],
        terminated=terminated,
        truncated=truncated,
        verdict=info["verdict"],
        infrastructure_error=info.get("infrastructure_error"),
        variant=info.get("variant", ""),
    )


def play_until_judged(
    env: gymnasium.Env[Any, str],
    agent: Agent,
    assignment: Assignment,
    options: Mapping[str, str | None] = MappingProxyType({}),
    retries: int = RETRIES,
    pause: float = 1.0,
) -> EpisodeRecord:
    """Plays an episode, and again where the record system failed: what it spoils says nothing of the agent.

    Args:
        env: As for `play`.
        agent: Likewise.
        assignment: Likewise.
        options: Further options for ``env.reset``.
        retries: How often it is played again at most.
        pause: Seconds before the second try; doubled before each further one.
    """
    record = play(env, agent, assignment, **options)
    for tried in range(retries):
        if record.infrastructure_error is None:
            break
        time.sleep(pause * 2**tried)
        record = replace(play(env, agent, assignment, **options), retries=tried + 1)
    return record


def play_all(
    env: gymnasium.Env[Any, str], agent: Agent, todo: Sequence[Assignment], **options: str | None
) -> Iterator[EpisodeRecord]:
    """Plays one assignment after another and gives each record as its episode ends."""
    for assignment in todo:
        yield play(env, agent, assignment, **options)


def unwrapped(env: gymnasium.Env[Any, str]) -> MedicalRecordEnv:
    """The environment inside its wrappers.

    Raises:
        UsageError: It is not one of this package.
    """
    inner = env.unwrapped
    if not isinstance(inner, MedicalRecordEnv):
        raise UsageError(f"{type(inner).__name__} is not an environment of mab_gym")
    return inner
