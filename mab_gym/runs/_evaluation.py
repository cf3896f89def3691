"""Evaluations: an agent plays an environment's cases; each record is kept as its episode ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import gymnasium

from mab_gym import __version__
from mab_gym.envs._environment_file import sibling
from mab_gym.envs._make import DEFAULT_ENV, make
from mab_gym.envs._scenario import Scenario
from mab_gym.errors import AgentLostError, UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._players import AnyAgent, Player, player_of
from mab_gym.runs._records import EPISODES, EpisodeRecord, RunFolder, read_about, read_records
from mab_gym.runs._rollout import RETRIES, Assignment, assignments
from mab_gym.runs._scores import Prices, Score, scores
from mab_gym.runs._tally import Tally
from mab_gym.runs._threads import Seat, play_at_once
from mab_gym.tasking._variants import read_variants


@dataclass(frozen=True, slots=True)
class Plan:
    """All that can be said of an evaluation before it begins.

    Attributes:
        env: The environment's id or file.
        agent: The agent; see `mab_gym.evaluate`.
        split: ``test``, ``validation`` or ``train``: the sibling of ``env`` that is played; None for ``env`` itself.
        family: Only this family.
        difficulty: Only this difficulty.
        variant: One or more variants, joined by ``+``.
        limit: The most cases that are played.
        repeat: Times that each case is played.
        seed: The first episode's seed; each has the next.
        concurrency: Episodes that are played at once.
        retries: Times that an episode is played again that the record system has spoiled.
        prices: The prices of tokens, or None.
        overrides: Fields of the environment that are changed, as in ``{"max_steps": 4}``.
    """

    env: str = DEFAULT_ENV
    agent: AnyAgent = "oracle"
    split: str | None = None
    family: str | None = None
    difficulty: str | None = None
    variant: str | None = None
    limit: int | None = None
    repeat: int = 1
    seed: int = 0
    concurrency: int = 1
    retries: int = RETRIES
    prices: Prices | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)


class Watcher:
    """Is told how a run is going; this one keeps it to itself."""

    def say(self, text: str) -> None:
        """Takes one line for whoever waits."""

    def watch(self, title: str, tally: Tally) -> AbstractContextManager[Callable[[], None]]:
        """Watches a run while the context lasts; what it gives is called at each record.

        Args:
            title: The agent and the environment.
            tally: The episodes so far.
        """
        return nullcontext(lambda: None)

    def stopped(self, path: Path | None, kept: int, total: int, error: BaseException) -> None:
        """Is told that a run was stopped before its end; the error is raised afterwards.

        Args:
            path: The file of the records; None where they were not kept.
            kept: The number of episodes that are in it.
            total: The number of episodes of the whole run.
            error: `AgentLostError` or KeyboardInterrupt.
        """


class Workers(Protocol):
    """Plays the episodes of a run in the place of threads of this process."""

    @property
    def agent(self) -> str:
        """The agent's name."""

    def play(self, todo: Sequence[Assignment]) -> Iterator[EpisodeRecord]:
        """Plays all assignments and gives each record as its episode ends.

        Raises:
            AgentLostError: Going on makes no sense.
        """


@dataclass(frozen=True)
class Run:
    """A run that can be played once.

    Attributes:
        plan: The plan.
        name: The environment's id or file.
        first: An environment of the run.
        player: The side that plays.
        todo: The assignments, in order.
        options: Further options for ``env.reset``.
        halt: Set at its end.
    """

    plan: Plan
    name: str
    first: gymnasium.Env[Any, str] = field(repr=False)
    player: Player
    todo: Sequence[Assignment]
    options: Mapping[str, str | None]
    halt: threading.Event

    @property
    def scenario(self) -> Scenario:
        """The record system and the tasks of its episodes."""
        return unwrapped(self.first).scenario

    def about(self, agent: str) -> dict[str, Any]:
        """Gives the content of ``run.json``.

        Args:
            agent: The agent's name.
        """
        environment = self.scenario.environment
        return {
            "mab_gym": __version__,
            "env": environment.id,
            "file": self.name if self.name.endswith(".toml") else None,
            "agent": agent,
            **self.player.about,
            "protocol": environment.protocol,
            "max_steps": environment.max_steps,
            "max_obs_chars": environment.max_obs_chars,
            "family": self.plan.family,
            "difficulty": self.plan.difficulty,
            "variant": self.options["variant"],
            "archive": self.scenario.backend.digest,
            "seed": self.plan.seed,
            "repeat": self.plan.repeat,
            "episodes": len(self.todo),
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation that was played to its end.

    Attributes:
        env: The environment's id.
        agent: The agent's name.
        records: One record an episode, in the order of what was to be played, without what was said in it.
        path: The file of the whole records; None where they were not kept.
        seconds: The time that was played this time.
        tally: The same episodes, counted.
    """

    env: str
    agent: str
    records: Sequence[EpisodeRecord]
    path: Path | None
    seconds: float
    tally: Tally = field(repr=False)

    @property
    def scores(self) -> Mapping[str, Score]:
        """Successes overall, by kind and by difficulty; episodes that do not count are left out."""
        return scores(self.records)

    @property
    def success_rate(self) -> float | None:
        """The share of episodes that were solved, from 0 to 1; None where none counts."""
        return self.scores["overall"].rate


def evaluate(
    env: str | Path = DEFAULT_ENV,
    agent: AnyAgent = "oracle",
    *,
    out: str | Path | None = None,
    split: str | None = None,
    family: str | None = None,
    difficulty: str | None = None,
    variant: str | None = None,
    limit: int | None = None,
    repeat: int = 1,
    seed: int = 0,
    concurrency: int = 1,
    retries: int = RETRIES,
    prices: Prices | None = None,
    watcher: Watcher | None = None,
    **overrides: Any,
) -> Evaluation:
    """Plays an environment's cases with an agent.

    Args:
        env: The environment's id (``mab_gym/`` before it may be left out) or file.
        agent: A reference agent's name (oracle, finish, random, constant), an entry point's name, ``module:attribute``,
            a `ChatModel`, an object with `reset` and `act`, or a class or function that makes one.
        out: A folder for the records, one JSON line an episode, written as it ends. An interrupted run in it goes on.
        split: ``test``, ``validation`` or ``train``: the sibling of ``env`` that is played.
        family: Only this family.
        difficulty: Only this difficulty: ``easy``, ``medium`` or ``hard``.
        variant: One or more variants of the prompts, joined by ``+``.
        limit: The most cases that are played; an environment that draws its cases plays 300 where None.
        repeat: Times that each case is played, for pass@k.
        seed: The first episode's seed; each has the next.
        concurrency: Episodes that are played at once, each with an agent and an environment of its own.
        retries: Times that an episode is played again that the record system has spoiled.
        prices: The prices of tokens, for the cost in each record.
        watcher: Is told how it is going.
        overrides: Fields of the environment file to change, as in ``max_steps=4``.

    Returns:
        The records and their scores.

    Raises:
        UsageError: Something named does not exist, or ``out`` holds another run; nothing was played.
        AgentLostError: What carries the agent has failed for good. Records of finished episodes are kept in ``out``.

    Example:
        >>> import mab_gym
        >>> mab_gym.evaluate(agent="oracle", family="latest_glucose", limit=3).success_rate
        1.0
    """
    plan = Plan(
        str(env),
        agent,
        split,
        family,
        difficulty,
        variant,
        limit,
        repeat,
        seed,
        concurrency,
        retries,
        prices,
        overrides,
    )
    return play_run(prepare(plan), None if out is None else Path(out), watcher=watcher)


def prepare(plan: Plan) -> Run:
    """Makes what a run needs, and so finds out what is wrong or missing before anything is played.

    Raises:
        MabGymError: Something is; the text says what would be right.
    """
    halt = threading.Event()
    player = player_of(plan.agent, halt)
    if player.is_one and plan.concurrency > 1:
        raise UsageError(
            f"{player.about['object']} is one agent and plays one episode at a time; name a class or function that "
            "makes one"
        )
    name = plan.env if plan.split is None else sibling(plan.env, plan.split)
    first = make(name, **plan.overrides)
    tasks = unwrapped(first).scenario.tasks
    todo = assignments(
        unwrapped(first),
        family=plan.family,
        difficulty=plan.difficulty,
        limit=plan.limit,
        seed=plan.seed,
        repeat=plan.repeat,
    )
    options: dict[str, str | None] = {"variant": "+".join(read_variants(plan.variant)) or None}
    if not tasks.cases:
        options |= {"family": plan.family, "difficulty": plan.difficulty}
    return Run(plan, name, first, player, todo, options, halt)


def whole_records(run: Run) -> Iterator[EpisodeRecord]:
    """Plays a run and gives each whole record as its episode ends; no folder keeps them."""
    workers = Threads(run, Watcher())
    about = run.about(workers.agent)
    for record in workers.play(run.todo):
        yield replace(priced(record, run.plan.prices), run=about)


def check_run(run: Run, out: Path) -> None:
    """Looks if a folder can take a run, without playing; a folder that is not there is not made.

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


def play_run(
    run: Run,
    out: Path | None,
    *,
    label: str = "",
    again: bool = False,
    workers: Workers | None = None,
    watcher: Watcher | None = None,
) -> Evaluation:
    """Plays what of a run is not in its folder yet, and writes one record an episode, as it ends.

    Args:
        run: The run; it can be played once.
        out: Its folder; None to keep no records.
        label: More words for the watcher's title.
        again: True to take a whole run of a reference agent as it is; else it is refused.
        workers: Play in the place of threads of this process.
        watcher: Is told how it is going.

    Raises:
        UsageError: The folder holds another run; nothing was changed.
        AgentLostError: What carries the agent has failed for good; what was finished is kept.
    """
    watcher = Watcher() if watcher is None else watcher
    workers = Threads(run, watcher) if workers is None else workers
    agent, env = workers.agent, run.scenario.environment.id
    tally = Tally(len(run.todo), run.plan.prices)
    begun = time.perf_counter()
    with nullcontext() if out is None else RunFolder(out, run.about(agent), run.player.secrets) as folder:
        path = None if folder is None else folder.path
        before = [] if folder is None else folder.before
        for record in before:
            tally.add(record)
        done = {(record.seed, record.repeat) for record in before if record.counts}
        left = [assignment for assignment in run.todo if (assignment.seed, assignment.repeat) not in done]
        if not left and run.player.is_reference and not again:
            raise UsageError(f"{out} holds a run already, and it is whole; name another folder (nothing was changed)")
        if before and left:
            watcher.say(f"going on in {out}: {len(done)} of {len(run.todo)} episodes are there")
        if left:
            try:
                with watcher.watch(f"{agent} plays {env}{label}", tally) as advance:
                    for played in workers.play(left):
                        record = priced(played, run.plan.prices)
                        if folder is not None:
                            folder.add(record)
                        tally.add(record.scores_only)
                        advance()
            except (KeyboardInterrupt, AgentLostError) as error:
                # The last episode may have been kept and not counted, or the other way round: the file knows.
                kept = 0 if out is None else sum(1 for each in read_records(out) if each["agent_error"] is None)
                watcher.stopped(path, kept, len(run.todo), error)
                raise
    return Evaluation(env, agent, tally.records, path, time.perf_counter() - begun, tally)


class Threads:
    """Plays a run in threads of this process, each with an agent and an environment of its own."""

    def __init__(self, run: Run, watcher: Watcher) -> None:
        further = min(at_once(run.scenario, run.plan.concurrency, watcher), len(run.todo)) - 1
        made = [run.first, *(make(run.name, **run.plan.overrides) for _ in range(further))]
        self._run = run
        self._seats = [Seat(each, run.player.make(each)) for each in made]

    @property
    def agent(self) -> str:
        """The agent's name."""
        return self._seats[0].agent.name

    def play(self, todo: Sequence[Assignment]) -> Iterator[EpisodeRecord]:
        """Plays all assignments and gives each record as its episode ends.

        Raises:
            AgentLostError: Going on makes no sense.
        """
        return play_at_once(self._seats, todo, self._run.options, self._run.plan.retries, self._run.halt)


def at_once(scenario: Scenario, concurrency: int, watcher: Watcher) -> int:
    """Gives the number of episodes that may be under way: no more than the record system can take.

    An episode that waits for another one's server may take it away from a slow model.

    Args:
        scenario: The record system.
        concurrency: The number asked for.
        watcher: Is told where it is more.
    """
    capacity = scenario.backend.capacity
    if capacity is None or concurrency <= capacity:
        return concurrency
    watcher.say(f"{scenario.environment.id} can have {capacity} under way, so no more episodes are played at once")
    return capacity


def priced(record: EpisodeRecord, prices: Prices | None) -> EpisodeRecord:
    """Gives the record with the cost of its tokens."""
    return replace(record, cost=None if prices is None else prices.cost(record.tokens_in, record.tokens_out))
