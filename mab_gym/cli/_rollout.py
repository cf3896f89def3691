"""``mab-gym rollout``: plays as ``mab-gym eval`` does, on a Ray cluster where one is named."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import gymnasium
import typer
from typer.core import TyperCommand

from mab_gym.agents import Agent
from mab_gym.agents._loading import is_one_object
from mab_gym.cli._console import errors
from mab_gym.cli._evaluate import conclude
from mab_gym.cli._options import Plan, with_plan
from mab_gym.cli._players import player
from mab_gym.cli._playing import check_run, play_into, prepare
from mab_gym.cohort._locate import CACHE_VARIABLE
from mab_gym.envs._environment_file import environment_file, read_environment, sibling
from mab_gym.errors import NotInstalledError, UsageError
from mab_gym.integrations.ray import LOCAL, Job, RayWorkers, is_installed
from mab_gym.runs._scores import AGENTS

_RAY = "A Ray cluster"
_NOT_SENT = ["/.git", "/.venv", "/venv", "node_modules", "__pycache__", ".env*", "*.mab", "episodes.jsonl"]
"""What of the current folder no node needs, in the manner of .gitignore."""


class Command(TyperCommand):
    """Takes ``--ray`` with an address or without one, as no option of typer's can be."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the arguments; ``--ray`` without an address stands for a cluster of our own."""
        whole = [
            f"--ray={LOCAL}" if arg == "--ray" and (following is None or following.startswith("-")) else arg
            for arg, following in zip(args, [*args[1:], None], strict=True)
        ]
        return super().parse_args(ctx, whole)


@with_plan
def rollout(
    out: Annotated[Path, typer.Option(help="The folder for the records. An interrupted run in it goes on.")],
    plan: Plan,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS]",
            help="Play on a Ray cluster: HOST:PORT of its head, auto for the one that runs here, or without an address "
            "one of our own on this computer.",
            rich_help_panel=_RAY,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Worker processes; with --concurrency N each plays N at once. (default: one a CPU)",
            min=1,
            rich_help_panel=_RAY,
        ),
    ] = None,
    send_env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="An environment variable that an agent of your own needs on the nodes; can be given several times. "
            "A model's key is sent in any case.",
            rich_help_panel=_RAY,
        ),
    ] = None,
) -> None:
    """Play as eval does, in this process or on a Ray cluster: the same options, the same records."""
    if ray is None:
        if workers is not None or send_env:
            raise UsageError(
                "--workers and --send-env go with --ray; in this process --concurrency plays several episodes at once"
            )
        run = prepare(plan)
        conclude(run, play_into(run, out))
        return
    if not is_installed():
        raise NotInstalledError("rollouts with Ray need it: pip install 'mab-gym[ray]'")
    own = plan.agent if plan.agent not in (None, *AGENTS) else None
    wanted = read_environment(environment_file(plan.env if plan.split is None else sibling(plan.env, plan.split)))
    if not wanted.backend_kind.portable:
        raise UsageError(
            f"{wanted.id} plays on a {wanted.backend} backend, and each node would need its own; play it without "
            '--ray, or on a server that is there already (backend = "remote")'
        )
    run = prepare(plan)
    environment = run.workplace.environment
    if own is not None and is_one_object(own):
        raise UsageError(f"{own} is one agent and cannot be sent to workers; name a class or function that makes one")
    check_run(run, out)
    job = Job(
        environment=environment,
        digest=run.workplace.backend.digest if environment.backend_kind.needs_archive else None,
        make_agents=functools.partial(_agents, plan),
        options=run.options,
        retries=plan.retries,
        at_once=plan.concurrency,
        variables=_variables(plan, send_env or ()),
    )
    name = run.player.make(run.first).name if own is None else None
    sent = {"working_dir": str(Path.cwd()), "excludes": _NOT_SENT} if own is not None and ray != LOCAL else {}
    with RayWorkers(
        ray, workers, job, name, sent, functools.partial(errors.print, markup=False, soft_wrap=True)
    ) as them:
        played = play_into(run, out, workers=them)
    conclude(run, played)


def _agents(plan: Plan, halt: threading.Event) -> Callable[[gymnasium.Env[Any, str]], Agent]:
    """What makes the agents in a worker."""
    return player(plan, halt).make


def _variables(plan: Plan, named: Sequence[str]) -> dict[str, str]:
    """What workers are given of this process's environment: where content lies, a model's key, and what is named.

    Raises:
        UsageError: What is named is not set here.
    """
    missing = [name for name in named if name not in os.environ]
    if missing:
        raise UsageError(f"the environment variable {missing[0]} is not set here, so it cannot be sent")
    wanted = {name for name in os.environ if name.startswith("MAB_GYM_") and name != CACHE_VARIABLE} | {*named}
    if plan.model is not None:
        wanted.add(plan.key_env)
    return {name: os.environ[name] for name in sorted(wanted) if name in os.environ}
