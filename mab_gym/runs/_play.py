"""Plays one episode, with a synchronous or an asynchronous agent."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import gymnasium

from mab_gym.agents import Agent
from mab_gym.envs._make import DEFAULT_ENV, make
from mab_gym.runs._agent_spec import AnyAgent, agent_spec
from mab_gym.runs._driver import Driver, at_once, in_thread, now, unwrapped
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, play_once

AnyEnv = str | Path | gymnasium.Env[Any, str]


def play(
    env: AnyEnv = DEFAULT_ENV,
    agent: AnyAgent = "oracle",
    *,
    case: str | None = None,
    seed: int = 0,
    family: str | None = None,
    difficulty: str | None = None,
    branch: str | None = None,
    variant: str | None = None,
) -> EpisodeRecord:
    """Plays one episode to its end.

    Args:
        env: An environment's id (``mab_gym/`` before it may be left out), its file, or the environment itself.
        agent: A reference agent's name, ``module:attribute``, a `ChatModel`, an object with `reset` and `act`, or a
            class or function that makes one.
        case: The case, as in ``latest_magnesium/07``; None if the seed chooses it.
        seed: The seed of the episode and of the agent's random choices.
        family: Only a case of this family.
        difficulty: Only a case of this difficulty.
        branch: Only a case of this clinical situation.
        variant: One or more variants of the prompt, joined by ``+``.

    Returns:
        The record, with actions, messages, reward and verdict. If its ``infrastructure_error`` or ``agent_error`` is
        not None, the episode does not count.

    Raises:
        UsageError: A name does not exist.
        AgentLostError: The agent failed for good (a dead endpoint, a wrong key).

    Example:
        >>> import mab_gym
        >>> mab_gym.play(agent="oracle", case="latest_magnesium/07").verdict["success"]
        True
    """
    driver, made_agent = _made(env, agent)
    options = {"family": family, "difficulty": difficulty, "branch": branch, "variant": variant}
    return now(play_once(driver, made_agent, Assignment(seed, case), options))


async def play_async(
    env: AnyEnv = DEFAULT_ENV,
    agent: AnyAgent = "oracle",
    *,
    case: str | None = None,
    seed: int = 0,
    family: str | None = None,
    difficulty: str | None = None,
    branch: str | None = None,
    variant: str | None = None,
) -> EpisodeRecord:
    """Plays one episode to its end in asyncio's event loop, with an agent whose `act` may be asynchronous.

    Other tasks go on while the model writes, and while a record system outside of this process answers.

    Args:
        env: An environment's id, its file, or the environment itself; nobody else may use it during the episode.
        agent: Any agent that `play` takes, or an object whose `reset` and `act` are coroutine functions.
        case: The case, as in ``latest_magnesium/07``; None if the seed chooses it.
        seed: The seed of the episode and of the agent's random choices.
        family: Only a case of this family.
        difficulty: Only a case of this difficulty.
        branch: Only a case of this clinical situation.
        variant: One or more variants of the prompt, joined by ``+``.

    Returns:
        The record of the episode, in the form that `play` returns.

    Raises:
        UsageError: A name does not exist.
        AgentLostError: The agent failed for good (a dead endpoint, a wrong key).
    """
    driver, made_agent = _made(env, agent)
    options = {"family": family, "difficulty": difficulty, "branch": branch, "variant": variant}
    do = at_once if unwrapped(driver.env).scenario.backend.in_process else in_thread
    return await play_once(driver, made_agent, Assignment(seed, case), options, do)


def _made(env: AnyEnv, agent: AnyAgent) -> tuple[Driver, Agent]:
    made = env if isinstance(env, gymnasium.Env) else make(env)
    return Driver(made), agent_spec(agent, threading.Event()).make(made)
