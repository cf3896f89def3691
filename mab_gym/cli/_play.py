"""``mab-gym play``: a person plays an episode in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

from mab_gym.actions import WITH_BODY, slip_in
from mab_gym.cli._console import output
from mab_gym.cli._environment import make
from mab_gym.envs._make import DEFAULT_ENV
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking._variants import VARIANTS

_HELP = (
    "Type an action; after POST the JSON on further lines and an empty line to send it. An empty first line quits. "
    "After a slip you are asked again."
)


def play_in_terminal(
    env: Annotated[
        str, typer.Option(help="An environment's id or file; task code that a file names is executed.")
    ] = DEFAULT_ENV,
    case: Annotated[str | None, typer.Option(help="A case, as in latest_magnesium/07.")] = None,
    family: Annotated[str | None, typer.Option(help="Any case of this family.")] = None,
    difficulty: Annotated[str | None, typer.Option(help="Any case of this difficulty.")] = None,
    variant: Annotated[str | None, typer.Option(help=f"One or more of {', '.join(VARIANTS)}, joined by +.")] = None,
    seed: Annotated[int | None, typer.Option(help="Chooses the case.")] = None,
) -> None:
    """Play one episode yourself and see the verdict with its reasons."""
    made = make(env)
    asked = {"case": case, "family": family, "difficulty": difficulty, "variant": variant}
    options = {name: value for name, value in asked.items() if value}
    observation, info = made.reset(seed=seed, options=options)
    output.print(observation["text"], markup=False, soft_wrap=True)
    output.rule(f"{info['case']} · {info['kind']} · {info['difficulty']}")
    output.print(_HELP, style="dim")
    scenario = unwrapped(made).scenario
    base_url, verbs = scenario.backend.base_url, scenario.environment.actions
    terminated = truncated = False
    while not (terminated or truncated):
        action = _read_action(base_url, verbs)
        if action is None:
            output.print("You left before the end; there is no verdict.")
            return
        observation, _, terminated, truncated, info = made.step(action)
        if observation["text"]:
            output.print(observation["text"], markup=False, soft_wrap=True)
    show_verdict(info)


def show_verdict(info: Mapping[str, Any]) -> None:
    """Prints an episode's verdict with its reasons."""
    verdict = info["verdict"]
    if "infrastructure_error" in info:
        output.rule("[red]this does not count")
    else:
        output.rule("[green]solved" if verdict["success"] else f"[red]not solved: {verdict['failure']}")
    for reason in verdict["reasons"]:
        output.print(f"{reason['code']}: {reason['text']}", markup=False, soft_wrap=True)
    output.print(f"{info['step']} steps", style="dim")


def _read_action(base_url: str, verbs: Sequence[str]) -> str | None:
    """Reads an action, and asks again after a slip; None if the person leaves."""
    while True:
        lines: list[str] = []
        slip = None
        with suppress(EOFError):
            lines.append(input("> "))
            if lines[0].startswith(WITH_BODY):
                slip = slip_in(f"{lines[0]}\n{{}}", base_url, verbs)  # before the JSON is typed in vain
                while slip is None and (line := input("  ")):
                    lines.append(line)
        if not lines or not lines[0].strip():
            return None
        text = "\n".join(lines)
        slip = slip or slip_in(text, base_url, verbs)
        if slip is None:
            return text
        output.print(f"Not sent, no step is counted: {slip}.", markup=False, soft_wrap=True)
