"""Plays one episode, with a synchronous or an asynchronous agent: the way in for trainers with a loop of their own."""

from __future__ import annotations

import json
import operator
import os
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium

from mab_gym.agents._chat_model import ChatModel
from mab_gym.envs._make import DEFAULT_ENV, make
from mab_gym.errors import UsageError
from mab_gym.runs._agent_spec import AnyAgent, agent_spec
from mab_gym.runs._driver import Driver, at_once, in_thread, is_official, now, unwrapped
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, play_once
from mab_gym.tasking._catalogue import registered_families

AnyEnv = str | Path | gymnasium.Env[Any, str]
AnyCase = str | Mapping[str, Any]
"""A case's id, or a row of `mab_gym.task_rows`, which names its environment, its seed and its options, too."""
_ENDPOINTS = 32
"""The number of chat models whose connections stay open between episodes."""


def play(
    env: AnyEnv = DEFAULT_ENV,
    agent: AnyAgent = "oracle",
    *,
    case: AnyCase | None = None,
    seed: int = 0,
    family: str | None = None,
    difficulty: str | None = None,
    branch: str | None = None,
    variant: str | None = None,
) -> EpisodeRecord:
    """Plays one episode to its end; any number of threads may do so at once.

    Args:
        env: An environment's id (``mab_gym/`` before it may be left out), its file, or the environment itself.
        agent: A reference agent's name, ``module:attribute``, a `ChatModel` (an endpoint), a function that gets the
            chat and returns the model's message, an object with `reset` and `act`, or a class or function that makes
            one.
        case: The case, as in ``latest_magnesium/07``; or a row of `mab_gym.task_rows`, in place of ``env``, ``seed``
            and the options; None if the seed chooses it.
        seed: The seed of the episode and of the agent's random choices.
        family: Only a case of this family.
        difficulty: Only a case of this difficulty.
        branch: Only a case of this clinical situation.
        variant: One or more variants of the prompt, joined by ``+``.

    Returns:
        The outcome: ``reward``, ``verdict``, ``episode_cost``, ``messages``, ``actions``, ``tokens_in`` and
        ``tokens_out``. If ``infrastructure_error`` or ``agent_error`` is not None, the episode does not count.

    Raises:
        UsageError: A name does not exist.
        AgentLostError: The agent failed for good (a dead endpoint, a wrong key).

    Example:
        >>> import mab_gym
        >>> mab_gym.play(agent="oracle", case="latest_magnesium/07").verdict["success"]
        True
    """
    options = {"family": family, "difficulty": difficulty, "branch": branch, "variant": variant}
    game = _game(env, case, seed, options)
    with game.opened() as driver:
        made = _agent(agent, driver, asynchronous=False)
        return now(play_once(driver, made, game.assignment, game.options))


async def play_async(
    env: AnyEnv = DEFAULT_ENV,
    agent: AnyAgent = "oracle",
    *,
    case: AnyCase | None = None,
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
        agent: Any agent that `play` takes; functions, and ``reset`` and ``act``, may be coroutine functions.
        case: The case, as in ``latest_magnesium/07``, or a row of `mab_gym.task_rows`; None if the seed chooses it.
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
    options = {"family": family, "difficulty": difficulty, "branch": branch, "variant": variant}
    game = _game(env, case, seed, options)
    with game.opened() as driver:
        made = _agent(agent, driver, asynchronous=True)
        do = at_once if unwrapped(driver.env).scenario.backend.in_process else in_thread
        return await play_once(driver, made, game.assignment, game.options, do)


@dataclass(frozen=True, slots=True)
class _Game:
    """One episode to play.

    Attributes:
        env: The environment, or its name.
        overrides: Fields of the environment file to change.
        assignment: The seed and the case.
        options: Further options for ``env.reset``.
    """

    env: AnyEnv
    overrides: Mapping[str, Any]
    assignment: Assignment
    options: Mapping[str, str | None]

    @contextmanager
    def opened(self) -> Iterator[Driver]:
        """Yields a driver; an environment that this module has made is kept for the next episode."""
        if isinstance(self.env, gymnasium.Env):
            yield Driver(self.env)
            return
        spare = _spare[json.dumps([*_identity(str(self.env)), dict(self.overrides)], sort_keys=True, default=str)]
        try:
            made = spare.pop()
        except IndexError:
            made = make(self.env, **self.overrides)
        driver = Driver(made)
        try:
            yield driver
        except BaseException:
            driver.leave()
            raise
        finally:
            # Nothing works with it any more: `in_thread` waits for its thread, even if it is cancelled.
            spare.append(made)


def _identity(env: str) -> list[Any]:
    """Returns everything that tells an environment from others: its id or its file, and the content known besides."""
    known = [sorted(each for each in os.environ.items() if each[0].startswith("MAB_GYM_")), registered_families()]
    if not env.endswith(".toml"):
        return [env, *known]
    path = Path(env).resolve()
    try:
        about = path.stat()
    except OSError:
        return [str(path), *known]
    return [str(path), about.st_size, about.st_mtime_ns, *known]


_spare: defaultdict[str, list[gymnasium.Env[Any, str]]] = defaultdict(list)
"""Environments that are not in use, by name and overrides."""


def _game(env: AnyEnv, case: AnyCase | None, seed: int, options: Mapping[str, str | None]) -> _Game:
    if not isinstance(case, Mapping):
        return _Game(env, {}, Assignment(seed, case), options)
    missing = {"env", "seed", "options"} - case.keys()
    if missing:
        raise UsageError(f"a row has {', '.join(sorted(missing))} as well; mab_gym.task_rows makes rows")
    try:
        seed = operator.index(case["seed"])  # a dataset may hold it as a number of NumPy's
    except TypeError:
        raise UsageError(f"the seed of a row is a whole number, not {case['seed']!r}") from None
    told, overrides = _column(case, "options"), _column(case, "overrides")
    named = told.pop("case", None)
    played = case["env"] if env == DEFAULT_ENV else env
    return _Game(played, overrides, Assignment(seed, named), {**options, **told})


def _column(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Returns a row's object. A column of a dataset has the same keys in every row; the missing ones are None."""
    found = row.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise UsageError(f"the {name} of a row are an object, not {found!r}; mab_gym.task_rows makes rows")
    return {key: value for key, value in found.items() if value is not None}


_endpoints: OrderedDict[str, Callable[[], Any]] = OrderedDict()
_lock = threading.Lock()


def _agent(agent: AnyAgent, driver: Driver, asynchronous: bool) -> Any:
    """Makes an agent; a chat model's connections stay open for its next episodes."""
    official = is_official(driver.env)
    if not isinstance(agent, ChatModel):
        return agent_spec(agent, threading.Event(), official, asynchronous).make(driver.env)
    model = agent.for_protocol(official)
    limits = (model.attempts, model.pause, model.timeout)
    key = json.dumps([model.about, model.key, limits, asynchronous], sort_keys=True, default=str)
    with _lock:
        made = _endpoints.pop(key, None)
        if made is None:
            made = model.agents(threading.Event(), asynchronous)
            while len(_endpoints) >= _ENDPOINTS:
                _endpoints.popitem(last=False)
        _endpoints[key] = made
    return made()
