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
from mab_gym.tasking._variants import read_variants

RETRIES = 2
"""The number of further tries at an episode in which the record system failed."""
_BETWEEN_REPEATS = 1_000_003


@dataclass(frozen=True, slots=True)
class Assignment:
    """One episode to play.

    Attributes:
        seed: The seed of ``env.reset``.
        case: The id of the case; None if the seed chooses it.
        repeat: The number of the try at the same case, from 0.
    """

    seed: int
    case: str | None = None
    repeat: int = 0

    @property
    def agent_seed(self) -> int:
        """The seed for the agent's random choices: a different one at each try at the same case."""
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
    """Returns the episodes of a whole evaluation of an environment, in order.

    Args:
        env: The environment.
        family: Only this family.
        difficulty: Only this difficulty.
        limit: The greatest number of cases; an environment that draws its cases plays this many (None: 300).
        seed: The seed of the first episode; each further one has the next number.
        repeat: The number of tries at each case; all cases are played once before any is played again.

    Raises:
        UsageError: There is no such family, or no case is left to play.
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


def draws_cases(env: gymnasium.Env[Any, str]) -> bool:
    """Tells if an environment draws a case at each reset, instead of having a fixed list of cases."""
    return not unwrapped(env).scenario.tasks.cases


def reset_options(
    env: gymnasium.Env[Any, str], *, family: str | None, difficulty: str | None, variant: str | None
) -> dict[str, str | None]:
    """Returns the further options for ``env.reset`` that go with the assignments of an evaluation.

    Args:
        env: The environment; if its cases are fixed, an assignment names its case, and only the variant is left.
        family: Only this family.
        difficulty: Only this difficulty.
        variant: One or more variants, joined by ``+``.

    Raises:
        UsageError: There is no such variant.
    """
    options = {"variant": "+".join(read_variants(variant)) or None}
    return options | {"family": family, "difficulty": difficulty} if draws_cases(env) else options


def play(env: gymnasium.Env[Any, str], agent: Agent, assignment: Assignment, **options: str | None) -> EpisodeRecord:
    """Plays one episode to its end; the record leaves the conversation out (`play_until_judged` keeps it).

    Args:
        env: An environment of this package, with or without wrappers.
        agent: The agent that plays.
        assignment: The seed and the case to play.
        options: Further options for ``env.reset``.

    Raises:
        AgentLostError: The agent failed for good (a dead endpoint, a wrong key).
    """
    return now(play_once(Driver(env), agent, assignment, options)).scores_only


async def play_once(
    driver: Driver, agent: Agent, assignment: Assignment, options: Mapping[str, str | None], do: Do = at_once
) -> EpisodeRecord:
    """Plays one episode to its end, with a synchronous or an asynchronous agent.

    Args:
        driver: Drives the episode.
        agent: The agent that plays.
        assignment: The seed and the case to play.
        options: Further options for ``env.reset``.
        do: Runs each step of the environment.

    Returns:
        The record, with the whole conversation.

    Raises:
        AgentLostError: The agent failed for good (a dead endpoint, a wrong key).
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
    """Plays an episode, and plays it again if the record system failed.

    Args:
        env: An environment of this package, with or without wrappers.
        agent: The agent that plays.
        assignment: The seed and the case to play.
        options: Further options for ``env.reset``.
        retries: The greatest number of further tries.
        pause: Seconds before the second try; doubled before each further one.

    Returns:
        The record, with the whole conversation. Its tokens include those of failed tries, which were paid for.

    Raises:
        AgentLostError: The agent failed for good (a dead endpoint, a wrong key).
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
    """Plays one assignment after another and yields each record when its episode ends."""
    for assignment in todo:
        yield play(env, agent, assignment, **options)
