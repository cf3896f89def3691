"""``mab-gym baselines``: the scores of the reference agents, in one table."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from mab_gym.cli import _options as o
from mab_gym.cli._console import counting
from mab_gym.cli._environment import make
from mab_gym.cli._output import present
from mab_gym.cli._scores import score_table
from mab_gym.envs._make import DEFAULT_ENV
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import assignments, play_all
from mab_gym.runs._scores import AGENTS


def baselines(
    env: Annotated[
        str, typer.Option(help="An environment's id or file; task code that a file names is executed.")
    ] = DEFAULT_ENV,
    as_json: o.Json = False,
) -> None:
    """Play an environment with each reference agent and print one table."""
    made = make(env)
    todo = assignments(unwrapped(made))
    rows = []
    for make_agent in AGENTS.values():
        begun = time.perf_counter()
        agent = make_agent(made)
        records = []
        with counting(f"{agent.name} plays {len(todo)} cases", len(todo)) as advance:
            for record in play_all(made, agent, todo):
                records.append(record)
                advance()
        rows.append((agent.name, records, time.perf_counter() - begun))
    name = unwrapped(made).scenario.environment.id
    present(score_table(f"{name}: success rate in %", rows), as_json=as_json, env=name)
