"""The forms in which an evaluation takes its agent, and how agents are made from them: one per thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium

from mab_gym.agents import Agent
from mab_gym.agents._agent import AsyncAgent
from mab_gym.agents._chat_function import ChatFunction, Speaks, takes_a_chat
from mab_gym.agents._chat_model import ChatModel
from mab_gym.agents._loading import agent_factory, find_agent, is_one_object, named_agent, offered, plays
from mab_gym.errors import UsageError
from mab_gym.runs._scores import AGENTS

AnyAgent = str | ChatModel | ChatFunction | Agent | AsyncAgent | Callable[[], Agent | AsyncAgent] | Speaks
"""A reference agent's name, an entry point's name, ``module:attribute``, a chat model, a function from a chat to the
model's message, an agent, or a maker of one."""


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """A specification from which a run makes its agents.

    Attributes:
        agent: The agent that was asked for, with the rule by which its messages are read.
        make: Makes an agent for an environment.
        about: The fields of ``run.json`` that describe the agent.
        secrets: Texts that must not be written to disk.
        is_reference: True for a reference agent, which its name describes completely.
        is_one: True for a single agent object, which plays one episode at a time and stays in this process.
    """

    agent: AnyAgent
    make: Callable[[gymnasium.Env[Any, str]], Agent]
    about: dict[str, Any] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    is_reference: bool = False
    is_one: bool = False


def agent_spec(agent: AnyAgent, halt: threading.Event, official: bool = False, asynchronous: bool = False) -> AgentSpec:
    """Returns the specification of an agent.

    Args:
        agent: The agent.
        halt: Set when the run ends, so that no agent waits for its model any more.
        official: True if the environment follows the official protocol.
        asynchronous: True if the agent plays in an event loop, and may be a coroutine's.

    Raises:
        UsageError: There is no such agent.
        NotInstalledError: A model needs what is not installed.
    """
    if isinstance(agent, ChatModel):
        model = agent.for_protocol(official)
        make_model = model.agents(halt, asynchronous)
        return AgentSpec(model, lambda env: make_model(), model.about, () if model.key is None else (model.key,))
    if isinstance(agent, ChatFunction) or takes_a_chat(agent):
        asked = agent if isinstance(agent, ChatFunction) else ChatFunction(agent)  # type: ignore[arg-type]
        function = asked.for_protocol(official)
        make_asking = function.agents(asynchronous)
        return AgentSpec(function, lambda env: make_asking(), function.about)
    if isinstance(agent, str):
        if agent in AGENTS:
            return AgentSpec(agent, AGENTS[agent], is_reference=True)
        if ":" not in agent and agent not in offered():
            there = ", ".join([*AGENTS, *offered()])
            raise UsageError(f"there is no agent {agent!r}; there are: {there}, and your own as module:attribute")
        name, found = agent, find_agent(agent)
    else:
        name, found = named_agent(agent), agent
        if not (plays(agent) or callable(agent)):
            raise UsageError(
                f"{agent!r} is no agent; an agent is a name, a ChatModel, a function from a chat to a message, "
                "an object with reset and act, or a class or function that makes one"
            )
    factory = agent_factory(name, found)
    return AgentSpec(agent, lambda env: factory(), {"object": name}, is_one=is_one_object(found))
