"""Who plays: a reference agent, a user's own, or a chat model, made from what the command line says."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium

from mab_gym.agents import Agent
from mab_gym.agents._endpoint import ChatEndpoint
from mab_gym.agents._loading import agent_factory, is_one_object, offered
from mab_gym.agents._model import FORMS, TextModel, ToolModel
from mab_gym.cli._options import Plan
from mab_gym.errors import UsageError
from mab_gym.runs._scores import AGENTS


@dataclass(frozen=True, slots=True)
class Player:
    """Who plays: what makes an agent for an environment, what to say of it in ``run.json``, and what to keep quiet."""

    make: Callable[[gymnasium.Env[Any, str]], Agent]
    about: dict[str, Any]
    secrets: tuple[str, ...] = ()
    is_reference: bool = False


def player(plan: Plan, halt: threading.Event) -> Player:
    """Who plays a run.

    Args:
        plan: What the command line says.
        halt: Set when the run ends: a model is not waited for any more.

    Raises:
        UsageError: There is no such agent or model, or both are named.
        NotInstalledError: A model needs what is not installed.
    """
    if plan.model is None:
        return _without_model(plan.agent or "oracle", plan.concurrency)
    if plan.agent is not None:
        raise UsageError("name a model or an agent, not both")
    return _with_model(plan, plan.model, halt)


def _without_model(agent: str, concurrency: int) -> Player:
    if agent in AGENTS:
        return Player(AGENTS[agent], {}, is_reference=True)
    if ":" not in agent and agent not in offered():
        there = ", ".join([*AGENTS, *offered()])
        raise UsageError(f"there is no agent {agent!r}; there are: {there}, and your own as module:attribute")
    if concurrency > 1 and is_one_object(agent):
        raise UsageError(
            f"{agent} is one agent and plays one episode at a time; name a class or function that makes one"
        )
    factory = agent_factory(agent)
    return Player(lambda env: factory(), {"object": agent})


def _with_model(plan: Plan, model: str, halt: threading.Event) -> Player:
    asked = plan.request_fields
    if plan.base_url is None:
        raise UsageError("a model is reached by --base-url, as in https://api.openai.com/v1")
    if plan.form not in FORMS:
        raise UsageError(f"a model's form is {' or '.join(FORMS)}, not {plan.form!r}")
    key = os.environ.get(plan.key_env) or None
    endpoint = ChatEndpoint(plan.base_url, model, key, asked, plan.attempts, plan.pause, plan.timeout, halt)
    made = TextModel if plan.form == "text" else ToolModel
    seeded = plan.seed is not None
    about = {"model": model, "base_url": plan.base_url, "form": plan.form, "settings": asked, "seed_sent": seeded}
    return Player(lambda env: made(endpoint, seeded), about, () if endpoint.key is None else (endpoint.key,))
