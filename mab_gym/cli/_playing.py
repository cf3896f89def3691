"""Plays a run into its folder: one implementation for every command whose runs can be gone on with."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import gymnasium
import typer

from mab_gym import __version__
from mab_gym.cli._console import errors
from mab_gym.cli._environment import make
from mab_gym.cli._options import Plan
from mab_gym.cli._players import Player, player
from mab_gym.cli._running import Tally, watching
from mab_gym.envs._environment_file import sibling
from mab_gym.envs._workplace import Workplace
from mab_gym.errors import AgentLostError, UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EPISODES, EpisodeRecord, RunFolder, read_about, read_records
from mab_gym.runs._rollout import Assignment, assignments
from mab_gym.runs._scores import Prices
from mab_gym.runs._threads import Seat, play_at_once
from mab_gym.tasking._variants import read_variants


@dataclass(frozen=True)
class Run:
    """A run that can be played.

    Attributes:
        plan: Who plays what.
        name: The environment's id or file.
        rules: What is changed in it.
        first: An environment of the run.
        player: Who plays.
        todo: What.
        options: Further options for ``env.reset``.
        prices: What tokens cost, or None.
        halt: Set at its end.
    """

    plan: Plan
    name: str
    rules: Mapping[str, Any]
    first: gymnasium.Env[Any, str] = field(repr=False)
    player: Player
    todo: Sequence[Assignment]
    options: Mapping[str, str | None]
    prices: Prices | None
    halt: threading.Event

    @property
    def workplace(self) -> Workplace:
        """What its episodes share."""
        return unwrapped(self.first).workplace

    def about(self, who: str) -> dict[str, Any]:
        """What ``run.json`` says of it.

        Args:
            who: The agent's name.
        """
        environment = self.workplace.environment
        return {
            "mab_gym": __version__,
            "env": environment.id,
            "file": self.name if self.name.endswith(".toml") else None,
            "agent": who,
            **self.player.about,
            "protocol": environment.protocol,
            "max_steps": environment.max_steps,
            "max_obs_chars": environment.max_obs_chars,
            "family": self.plan.family,
            "difficulty": self.plan.difficulty,
            "variant": self.options["variant"],
            "archive": self.workplace.backend.digest,
            "seed": self.plan.first_seed,
            "repeat": self.plan.repeat,
            "episodes": len(self.todo),
        }


class Workers(Protocol):
    """What plays the episodes of a run in the place of this process."""

    @property
    def agent(self) -> str:
        """The agent's name."""

    def play(self, todo: Sequence[Assignment]) -> Iterator[EpisodeRecord]:
        """Plays all assignments and gives each record as its episode ends.

        Raises:
            AgentLostError: Going on makes no sense.
        """


class Threads:
    """Plays a run in threads of this process, each with an agent and an environment of its own."""

    def __init__(self, run: Run) -> None:
        further = min(at_once(run.workplace, run.plan.concurrency), len(run.todo)) - 1
        made = [run.first, *(make(run.name, **run.rules) for _ in range(further))]
        self._run = run
        self._seats = [Seat(each, run.player.make(each)) for each in made]

    @property
    def agent(self) -> str:
        """The agent's name."""
        return self._seats[0].agent.name

    def play(self, todo: Sequence[Assignment]) -> Iterator[EpisodeRecord]:
        """See `mab_gym.runs._threads.play_at_once`."""
        return play_at_once(self._seats, todo, self._run.options, self._run.plan.retries, self._run.halt)


def prepare(plan: Plan, changed: Mapping[str, Any] | None = None) -> Run:
    """Makes what a run needs, and so finds out what of it is wrong or missing before anything is played.

    Args:
        plan: Who plays what.
        changed: Further fields of the environment to change.

    Raises:
        MabGymError: Something is; the text says what would be right.
    """
    halt = threading.Event()
    prices = plan.prices
    who = player(plan, halt)
    name = plan.env if plan.split is None else sibling(plan.env, plan.split)
    named = {"max_steps": plan.max_steps, "max_obs_chars": plan.max_obs_chars}
    rules = {rule: value for rule, value in named.items() if value is not None} | dict(changed or {})
    first = make(name, **rules)
    todo = assignments(
        unwrapped(first),
        family=plan.family,
        difficulty=plan.difficulty,
        limit=plan.limit,
        seed=plan.first_seed,
        repeat=plan.repeat,
    )
    options: dict[str, str | None] = {"variant": "+".join(read_variants(plan.variant)) or None}
    if not unwrapped(first).workplace.tasks.cases:
        options |= {"family": plan.family, "difficulty": plan.difficulty}
    return Run(plan, name, rules, first, who, todo, options, prices, halt)


def check_run(run: Run, out: Path) -> None:
    """Looks whether a folder can take a run, without playing; a folder that is not there is not made.

    Raises:
        UsageError: It holds another run, or something that playing would spoil.
    """
    if not out.exists():
        return
    there = read_about(out) if out.is_dir() else None
    if there is None and out.is_dir() and not (out / EPISODES).exists():
        return
    # Only a reference agent is known by its name alone; making another one may take long.
    known = None if there is None or run.player.is_reference else there.get("agent")
    with RunFolder(out, run.about(known or run.player.make(run.first).name), run.player.secrets):
        pass


@dataclass(frozen=True, slots=True)
class Played:
    """A run that was played to its end.

    Attributes:
        who: The agent's name.
        tally: What it came to.
        path: The file of its records.
        seconds: How long it was played this time.
    """

    who: str
    tally: Tally
    path: Path
    seconds: float


def play_into(run: Run, out: Path, label: str = "", again: bool = False, workers: Workers | None = None) -> Played:
    """Plays what of a run is not in its folder yet, and writes one record an episode, as it ends.

    Args:
        run: What is played; it can be played once.
        out: Its folder.
        label: What is said of the run beside who plays what.
        again: Whether a whole run of a reference agent is taken as it is, and not refused.
        workers: What plays; None for threads of this process.

    Raises:
        UsageError: The folder holds another run; nothing was changed.
        typer.Exit: The run was stopped; why was said, and what was finished is kept.
    """
    workplace, todo, prices = run.workplace, run.todo, run.prices
    workers = Threads(run) if workers is None else workers
    who = workers.agent
    tally = Tally(len(todo), prices)
    begun = time.perf_counter()
    with RunFolder(out, run.about(who), run.player.secrets) as folder:
        for record in folder.before:
            tally.add(record)
        done = {(record.seed, record.repeat) for record in folder.before if record.counts}
        left = [assignment for assignment in todo if (assignment.seed, assignment.repeat) not in done]
        if not left and run.player.is_reference and not again:
            raise UsageError(f"{out} holds a run already, and it is whole; name another folder (nothing was changed)")
        if folder.before and left:
            errors.print(
                f"going on in {out}: {len(done)} of {len(todo)} episodes are there", markup=False, soft_wrap=True
            )
        try:
            if left:
                with watching(f"{who} plays {workplace.environment.id}{label}", tally) as advance:
                    for played in workers.play(left):
                        record = priced(played, prices)
                        folder.add(record)
                        tally.add(record.scores_only)
                        advance()
        except (KeyboardInterrupt, AgentLostError) as stopped:
            # The last episode may have been kept and not counted, or the other way round: the file knows.
            kept = sum(1 for record in read_records(out) if record["agent_error"] is None)
            lost = isinstance(stopped, AgentLostError)
            why = f", because {stopped}; the same command goes on from there" if lost else ""
            errors.print(
                f"stopped after {kept} of {len(todo)} episodes{why}; their records are in {folder.path}",
                markup=False,
                soft_wrap=True,
            )
            raise typer.Exit(1 if lost else 130) from None
    return Played(who, tally, folder.path, time.perf_counter() - begun)


def priced(record: EpisodeRecord, prices: Prices | None) -> EpisodeRecord:
    """The record with what its tokens cost."""
    return replace(record, cost=None if prices is None else prices.cost(record.tokens_in, record.tokens_out))


def exit_if_spoiled(records: Sequence[EpisodeRecord]) -> None:
    """Says how many episodes do not count, and why.

    Raises:
        typer.Exit: There are such.
    """
    spoiled = [record.infrastructure_error for record in records if record.infrastructure_error is not None]
    failed = [record.agent_error for record in records if record.agent_error is not None]
    for what, faults in (("the record system failed", spoiled), ("what carries the agent failed", failed)):
        if faults:
            errors.print(
                f"{len(faults)} of {len(records)} episodes do not count, because {what}: {faults[0]}; "
                "the same command plays them again",
                markup=False,
                soft_wrap=True,
            )
    if spoiled or failed:
        raise typer.Exit(1)


def at_once(workplace: Workplace, concurrency: int) -> int:
    """Returns how many episodes may be under way: no more than the record system can take.

    An episode that waits for another one's container may take it away from a slow model.
    """
    capacity = workplace.backend.capacity
    if capacity is None or concurrency <= capacity:
        return concurrency
    errors.print(
        f"{workplace.environment.id} can have {capacity} under way, so no more episodes are played at once",
        markup=False,
        soft_wrap=True,
    )
    return capacity
