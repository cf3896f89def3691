"""Evaluations on a Ray cluster: the same plan, the same records as in one process."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium

from mab_gym.agents import Agent
from mab_gym.agents._chat_model import ChatModel
from mab_gym.cohort._locate import CACHE_VARIABLE
from mab_gym.envs._environment_file import environment_file, read_environment, sibling
from mab_gym.errors import NotInstalledError, UsageError, how_to_install
from mab_gym.integrations.ray._cluster import LOCAL, is_installed
from mab_gym.integrations.ray._dispatch import RayWorkers
from mab_gym.integrations.ray._worker import Job
from mab_gym.runs._agent_spec import AnyAgent, agent_spec
from mab_gym.runs._evaluation import Evaluation, Plan, Watcher, check_run, play_run, prepare

_NOT_SENT = ["/.git", "/.venv", "/venv", "node_modules", "__pycache__", ".env*", "*.mab", "episodes.jsonl"]
"""Files of the current folder that no node needs, as patterns of .gitignore."""


def evaluate_on_ray(
    plan: Plan,
    out: Path,
    address: str = LOCAL,
    *,
    workers: int | None = None,
    send_env: Sequence[str] = (),
    watcher: Watcher | None = None,
) -> Evaluation:
    """Plays a plan on a Ray cluster.

    Args:
        plan: The plan; each worker plays ``concurrency`` episodes at once.
        out: The folder for the records. An interrupted run in it goes on.
        address: ``HOST:PORT`` of the cluster's head, ``auto`` for the cluster that runs on this computer, or ``local``
            for a temporary one on this computer.
        workers: The number of worker processes; None for one per CPU of the cluster.
        send_env: Environment variables that your own agent needs on the nodes; a model's key is always sent.
        watcher: Shows the progress.

    Raises:
        NotInstalledError: Ray is not installed.
        UsageError: The plan cannot be played on a cluster, or ``out`` holds another run; nothing was played.
        AgentLostError: The agent failed for good (a dead endpoint, a wrong key); what was finished is kept.
    """
    if not is_installed():
        raise NotInstalledError(f"rollouts with Ray need it: {how_to_install('ray')}")
    watcher = Watcher() if watcher is None else watcher
    wanted = read_environment(environment_file(sibling(plan.env, plan.split)))
    if not wanted.backend_kind.portable:
        raise UsageError(
            f"{wanted.id} plays on a {wanted.backend} backend, which the nodes cannot open (containers need Docker "
            'and a snapshot on each); play it without --ray, or on a server that is there already (backend = "remote")'
        )
    run = prepare(plan)
    environment = run.scenario.environment
    if run.agent_spec.is_one:
        raise UsageError(
            f"{run.agent_spec.about['object']} is one agent and cannot be sent to workers; name a class or function "
            "that makes one"
        )
    check_run(run, out)
    own = "object" in run.agent_spec.about
    job = Job(
        environment=environment,
        digest=run.scenario.backend.digest if environment.backend_kind.needs_archive else None,
        make_agents=functools.partial(_agents, run.agent_spec.agent),
        options=run.options,
        retries=plan.retries,
        at_once=plan.concurrency,
        variables=_variables(plan.agent, send_env),
    )
    name = None if own else run.agent_spec.make(run.first).name
    sent = {"working_dir": str(Path.cwd()), "excludes": _NOT_SENT} if own and address != LOCAL else {}
    with RayWorkers(address, workers, job, name, sent, watcher.say) as them:
        return play_run(run, out, workers=them, watcher=watcher)


def _agents(agent: AnyAgent, halt: threading.Event) -> Callable[[gymnasium.Env[Any, str]], Agent]:
    """Returns the function that makes the agents in a worker."""
    return agent_spec(agent, halt).make


def _variables(agent: AnyAgent, named: Sequence[str]) -> dict[str, str]:
    """Returns the environment variables for the workers: paths of content, a model's key, and the named ones.

    Raises:
        UsageError: A named variable is not set in this process.
    """
    missing = [name for name in named if name not in os.environ]
    if missing:
        raise UsageError(f"the environment variable {missing[0]} is not set here, so it cannot be sent")
    wanted = {name for name in os.environ if name.startswith("MAB_GYM_") and name != CACHE_VARIABLE} | {*named}
    if isinstance(agent, ChatModel):
        wanted.add(agent.key_env)
    return {name: os.environ[name] for name in sorted(wanted) if name in os.environ}
