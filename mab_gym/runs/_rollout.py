"""Plays episodes: one agent, one environment, one case or seed after another."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import isawaitable
from types import MappingProxyType
from typing import Any

import gymnasium

from mab_gym.agents import Account, Accountable, Agent, Insider
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.errors import AgentError, AgentLostError, UsageError
from mab_gym.runs._driver import Do, Driver, at_once, drive, now, unwrapped
from mab_gym.runs._records import EpisodeRecord

RETRIES = 2
"""How often an episode is played again that the record system has spoiled."""
_BETWEEN_REPEATS = 1_000_003


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to play: a seed, and a case where it is not left to the seed; which try at the same, from 0."""

    seed: int
    case: str | None = None
    repeat: int = 0

    @property
    def agent_seed(self) -> int:
        """The seed for the agent's own chance: another one at each repetition of the same case."""
        return self.seed + self.repeat * _BETWEEN_REPEATS


def assignments(
    env: MedicalRecordEnv,
    *,
    family: str | None = None,
    difficulty: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    repeat: int = 1,
) -> list[Assignment]:
    """What a whole evaluation of an environment plays, in order.

    Args:
        env: The environment.
        family: Only this family.
        difficulty: Only this difficulty.
        limit: How many at most; an environment that draws its cases plays this many (300 where None).
        seed: The first seed; each episode has the next.
        repeat: How often each is played, all once before any a second time.

    Raises:
        UsageError: Nothing is left to play, or there is no such family.
    """
    tasks = env.scenario.tasks
    if family is not None:
        tasks.catalogue.family(family)
    if limit is not None and limit < 1:
        raise UsageError(f"a limit is a whole number from 1, not {limit}")
    cases: list[str | None] = [
        case.id
        for case in tasks.cases
        if family in (None, case.family) and difficulty in (None, tasks.catalogue[case.family].difficulty)
    ]
    if tasks.cases and not cases:
        raise UsageError("no case is of this family and difficulty")
    if repeat < 1:
        raise UsageError(f"each is played a whole number of times from 1, not {repeat}")
    chosen = cases[:limit] or [None] * (limit or 300)
    return [Assignment(seed + place, case, again) for again in range(repeat) for place, case in enumerate(chosen)]


def play(env: gymnasium.Env[Any, str], agent: Agent, assignment: Assignment, **options: str | None) -> EpisodeRecord:
    """Plays one episode to its end; the record does not hold what was said (`play_until_judged` keeps it).

    Args:
        env: An environment of this package, however wrapped.
        agent: The agent that plays.
        assignment: The seed and the case to play.
        options: Further options for ``env.reset``.

    Raises:
        AgentLostError: What carries the agent has failed for good.
    """
    return now(play_once(Driver(env), agent, assignment, options)).scores_only


async def play_once(
    driver: Driver, agent: Agent, assignment: Assignment, options: Mapping[str, str | None], do: Do = at_once
) -> EpisodeRecord:
    """Plays one episode to its end, with an agent that answers at once or is awaited.

    Args:
        driver: Drives the episode.
        agent: The agent that plays.
        assignment: The seed and the case to play.
        options: Further options for ``env.reset``.
        do: How the environment is worked with.

    Returns:
        The record, with all that was said.

    Raises:
        AgentLostError: What carries the agent has failed for good.
    """
    await do(lambda: driver.begin(assignment.seed, {"case": assignment.case, **options}))
    case = driver.case
    if isinstance(agent, Insider):
        agent.brief(unwrapped(driver.env).scenario, case)
    try:
        begun: Any = agent.reset(driver.observation, driver.info, assignment.agent_seed)  # type: ignore[func-returns-value]
        if isawaitable(begun):
            await begun
        await drive(driver, agent, do)
    except AgentLostError:
        driver.leave()
        raise
    except AgentError as error:
        driver.break_off(str(error))
    account = agent.account(driver.unread) if isinstance(agent, Accountable) else Account()
    return driver.record(
        agent.name,
        branch=case.branch,
        repeat=assignment.repeat,
        messages=account.messages or driver.messages,
        calls=account.calls,
        tokens_in=account.tokens_in,
        tokens_out=account.tokens_out,
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

    Returns:
        The record with all that was said. The tokens of spoiled tries are counted in: they were paid for.

    Raises:
        AgentLostError: As for `play`.
    """
    driver = Driver(env)
    record = now(play_once(driver, agent, assignment, options))
    for tried in range(retries):
        if record.infrastructure_error is None:
            break
        time.sleep(pause * 2**tried)
        again = now(play_once(driver, agent, assignment, options))
        record = replace(
            again,
            retries=tried + 1,
            tokens_in=_together(record.tokens_in, again.tokens_in),
            tokens_out=_together(record.tokens_out, again.tokens_out),
        )
    return record


def _together(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def play_all(
    env: gymnasium.Env[Any, str], agent: Agent, todo: Sequence[Assignment], **options: str | None
) -> Iterator[EpisodeRecord]:
    """Plays one assignment after another and gives each record as its episode ends."""
    for assignment in todo:
        yield play(env, agent, assignment, **options)
