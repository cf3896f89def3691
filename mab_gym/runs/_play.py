"""Plays one episode, with an agent that answers at once or one that is awaited."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import gymnasium

from mab_gym.envs._make import DEFAULT_ENV, make
from mab_gym.runs._driver import Driver, at_once, in_thread, now, unwrapped
from mab_gym.runs._players import AnyAgent, player_of
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, play_once
from mab_gym.tasking._variants import read_variants

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
        case: The case, as in ``latest_magnesium/07``; None to leave it to the seed.
        seed: The seed of the episode and of the agent's own chance.
        family: Only a case of this family.
        difficulty: Only a case of this difficulty.
        branch: Only a case of this clinical situation.
        variant: One or more variants of the prompt, joined by ``+``.

    Returns:
        The record, with actions, messages, reward and verdict. Where its ``infrastructure_error`` or ``agent_error`` is
        not None, the episode says nothing of the agent.

    Raises:
        UsageError: Something named does not exist.
        AgentLostError: What carries the agent has failed for good.

    Example:
        >>> import mab_gym
        >>> mab_gym.play(agent="oracle", case="latest_magnesium/07").verdict["success"]
        True
    """
    made = env if isinstance(env, gymnasium.Env) else make(env)
    player = player_of(agent, threading.Event()).make(made)
    options = {"family": family, "difficulty": difficulty, "branch": branch, "variant": _variant(variant)}
    return now(play_once(Driver(made), player, Assignment(seed, case), options))


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
    """Plays one episode to its end, in asyncio's event loop, with an agent whose `act` may be awaited.

    Other tasks go on while a model writes, and while a record system outside of this process answers.

    Args:
        env: An environment's id, its file, or the environment itself; nobody else's while the episode is played.
        agent: As for `play`, or an object whose `reset` and `act` are coroutine functions.
        case: The case, as in ``latest_magnesium/07``; None to leave it to the seed.
        seed: The seed of the episode and of the agent's own chance.
        family: Only a case of this family.
        difficulty: Only a case of this difficulty.
        branch: Only a case of this clinical situation.
        variant: One or more variants of the prompt, joined by ``+``.

    Returns:
        The record, as `play` gives it.

    Raises:
        UsageError: Something named does not exist.
        AgentLostError: What carries the agent has failed for good.
    """
    made = env if isinstance(env, gymnasium.Env) else make(env)
    player = player_of(agent, threading.Event()).make(made)
    options = {"family": family, "difficulty": difficulty, "branch": branch, "variant": _variant(variant)}
    do = at_once if unwrapped(made).scenario.backend.in_process else in_thread
    return await play_once(Driver(made), player, Assignment(seed, case), options, do)


def _variant(named: str | None) -> str | None:
    return "+".join(read_variants(named)) or None
