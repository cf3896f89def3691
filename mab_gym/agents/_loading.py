"""A user's own agent: any Python object with `reset` and `act`, named by an entry point or by ``module:attribute``.

The named module is imported, so its code runs in this process with all its rights.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import entry_points
from inspect import isawaitable
from typing import Any

from mab_gym.agents._agent import Account, Accountable, Agent
from mab_gym.agents._reading import Reading
from mab_gym.errors import AgentError, MabGymError, UsageError

ENTRY_POINTS = "mab_gym.agents"
"""Installed packages offer agents under this entry point group: ``name = "module:attribute"``."""


def offered() -> list[str]:
    """Returns the names under which installed packages offer agents."""
    return sorted(entry_points(group=ENTRY_POINTS).names)


def agent_factory(name: str, found: Any) -> Callable[[], Agent]:
    """Returns a function that makes a user's agents, one for each thread.

    Args:
        name: The name of the agent, for messages.
        found: The agent, or a class or function that is called without arguments for each agent.

    Raises:
        UsageError: It is not an agent.
    """
    if is_one_object(found):
        return lambda: Guarded(found, name)
    if not callable(found):
        raise UsageError(f"{name} is not an agent: it has no reset and act, and cannot be called to make one")

    def make() -> Agent:
        try:
            made = found()
        except Exception as error:
            raise UsageError(f"{name} could not be made: {type(error).__name__}: {error}") from error
        if not plays(made):
            raise UsageError(f"{name} does not make an agent: its result has no reset and act")
        return Guarded(made, name)

    return make


def is_one_object(found: Any) -> bool:
    """Tells if an object is an agent itself, which plays in one thread at a time, and not a maker of agents."""
    return not isinstance(found, type) and plays(found)


def plays(thing: Any) -> bool:
    """Tells if an object has the methods of an agent."""
    return callable(getattr(thing, "reset", None)) and callable(getattr(thing, "act", None))


def named_agent(thing: Any) -> str:
    """Returns ``module:name`` for an agent, for its class, or for a function that makes it."""
    named = thing if callable(thing) and hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}:{named.__qualname__}"


def find_agent(name: str) -> Any:
    """Returns the object of a name.

    Args:
        name: An entry point's name, or ``module:attribute``; modules in the current folder are found, too.

    Raises:
        UsageError: Nothing has this name, or its import failed.
    """
    if ":" not in name:
        if name not in offered():
            there = ", ".join(offered()) or "none"
            raise UsageError(f"no installed package offers an agent {name!r}; there are: {there}")
        try:
            return entry_points(group=ENTRY_POINTS)[name].load()
        except Exception as error:
            raise UsageError(f"the agent {name} cannot be imported: {type(error).__name__}: {error}") from error
    module, _, attribute = name.partition(":")
    if "" not in sys.path:  # as `python -m` does, and a console script does not
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise UsageError(f"the agent {name} cannot be imported: {type(error).__name__}: {error}") from error
    return found


class Guarded:
    """A user's agent; exceptions that it raises become `AgentError`.

    Args:
        inner: The agent.
        name: The name to use if the agent has none.
    """

    def __init__(self, inner: Any, name: str) -> None:
        own = getattr(inner, "name", None)
        self.name = own if isinstance(own, str) else name
        self._inner = inner

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> Any:
        """Resets the agent; returns an awaitable if the agent is asynchronous.

        Raises:
            AgentError: The agent raised an exception.
        """
        begun = self._call(self._inner.reset, observation, info, seed)
        return self._awaited(begun) if isawaitable(begun) else None

    def act(self, observation: Mapping[str, Any]) -> Any:
        """Returns the agent's next action, or an awaitable for it if the agent is asynchronous.

        Raises:
            AgentError: The agent raised an exception, or its action is not a text.
        """
        action = self._call(self._inner.act, observation)
        return self._text_of(action) if isawaitable(action) else self._text(action)

    def _text(self, action: Any) -> str | Reading:
        if not isinstance(action, str | Reading):
            raise AgentError(f"the agent {self.name} returned {type(action).__name__}, not an action's text")
        return action

    async def _text_of(self, action: Awaitable[Any]) -> str | Reading:
        return self._text(await self._awaited(action))

    async def _awaited(self, given: Awaitable[Any]) -> Any:
        try:
            return await given
        except MabGymError:
            raise
        except Exception as error:
            raise self._failed(error) from error

    def account(self, last: Mapping[str, Any] | None) -> Account:
        """Returns the agent's account if it keeps one, else an empty one."""
        if not isinstance(self._inner, Accountable):
            return Account()
        told = self._call(self._inner.account, last)
        return told if isinstance(told, Account) else Account()

    def _call(self, what: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return what(*arguments)
        except MabGymError:
            raise
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> AgentError:
        return AgentError(f"the agent {self.name} failed: {type(error).__name__}: {error}")
