"""The agents that an evaluation can be given, and what is made of them: one agent for each thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium

from mab_gym.agents import Agent
from mab_gym.agents._agent import AsyncAgent
from mab_gym.agents._chat_model import ChatModel
from mab_gym.agents._loading import Guarded, agent_factory, is_one_object, named_agent, offered, plays
from mab_gym.errors import UsageError
from mab_gym.runs._scores import AGENTS

AnyAgent = str | ChatModel | Agent | AsyncAgent | Callable[[], Agent | AsyncAgent]
"""A reference agent's name, an entry point's name, ``module:attribute``, a chat model, an agent, or what makes one."""


@dataclass(frozen=True, slots=True)
class Player:
    """The side of a run that plays.

    Attributes:
        make: Makes an agent for an environment.
        about: The fields of ``run.json`` that tell of it.
        secrets: Texts that must not reach the disk.
        is_reference: True for a reference agent, which nothing but its name has to be said of.
        is_one: True for one agent, which plays one episode at a time and cannot be sent to another process.
    """

    make: Callable[[gymnasium.Env[Any, str]], Agent]
    about: dict[str, Any] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    is_reference: bool = False
    is_one: bool = False


def player_of(agent: AnyAgent, halt: threading.Event) -> Player:
    """Gives the player that an agent stands for.

    Args:
        agent: The agent.
        halt: Set when the run ends: a model is not waited for any more.

    Raises:
        UsageError: There is no such agent.
        NotInstalledError: A model needs what is not installed.
    """
    if isinstance(agent, ChatModel):
        make_model = agent.agents(halt)
        return Player(lambda env: make_model(), agent.about, () if agent.key is None else (agent.key,))
    if isinstance(agent, str):
        return _named(agent)
    name = named_agent(agent)
    if not isinstance(agent, type) and plays(agent):
        guarded = Guarded(agent, name)
        return Player(lambda env: guarded, {"object": name}, is_one=True)
    factory = agent_factory(name, agent)
    return Player(lambda env: factory(), {"object": name})


def _named(name: str) -> Player:
    if name in AGENTS:
        return Player(AGENTS[name], is_reference=True)
    if ":" not in name and name not in offered():
        there = ", ".join([*AGENTS, *offered()])
        raise UsageError(f"there is no agent {name!r}; there are: {there}, and your own as module:attribute")
    factory = agent_factory(name)
    return Player(lambda env: factory(), {"object": name}, is_one=is_one_object(name))
