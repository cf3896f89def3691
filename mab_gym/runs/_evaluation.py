"""Evaluations: an agent plays an environment's cases; each record is written when its episode ends."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import gymnasium

from mab_gym import __version__
from mab_gym.envs._environment_file import HANDBOOK, USUAL_MINUTES, environment_file, sibling
from mab_gym.envs._make import DEFAULT_ENV, make
from mab_gym.envs._scenario import Scenario
from mab_gym.errors import AgentLostError, StorageError, UsageError
from mab_gym.runs._agent_spec import AgentSpec, AnyAgent, agent_spec
from mab_gym.runs._driver import is_official, unwrapped
from mab_gym.runs._progress import RunProgress
from mab_gym.runs._records import EPISODES, EpisodeRecord, RunFolder, read_about, record_from, record_lines
from mab_gym.runs._rollout import RETRIES, Assignment, assignments, reset_options
from mab_gym.runs._scores import Prices, Score, scores
from mab_gym.runs._summary import sum_up, summarize
from mab_gym.runs._threads import EnvAndAgent, play_at_once
from mab_gym.tasking.verdict import GRADING


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of an evaluation.

    Attributes:
        env: The environment's id or file.
        agent: The agent, in any form that `mab_gym.evaluate` takes.
        split: ``test``, ``validation`` or ``train``: plays that sibling of ``env``; None for ``env`` itself.
        family: Only this family.
        difficulty: Only this difficulty.
        variant: One or more variants, joined by ``+``.
        limit: The greatest number of cases to play.
        repeat: The number of tries at each case.
        seed: The seed of the first episode; each further episode has the next number.
        concurrency: The number of episodes played at once.
        retries: The number of further tries at an episode in which the record system failed.
        prices: The prices of tokens, or None.
        overrides: Fields of the environment to change, as in ``{"max_steps": 4}``.
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
    """Shows the progress of a run; this base class shows nothing."""

    def say(self, text: str) -> None:
        """Shows one line."""

    def watch(self, title: str, progress: RunProgress) -> AbstractContextManager[Callable[[], None]]:
        """Watches a run inside a ``with`` block, whose value is a function to call at each record.

        Args:
            title: The agent and the environment, in words.
            progress: The counts so far.
        """
        return nullcontext(lambda: None)

    def stopped(self, path: Path | None, kept: int, total: int, error: BaseException) -> None:
        """Reports that a run stopped before its end; the error is raised afterwards.

        Args:
            path: The file of the records; None if there is none.
            kept: The number of episodes in it.
            total: The number of episodes of the whole run.
            error: `AgentLostError` or KeyboardInterrupt.
        """


class Workers(Protocol):
    """Plays the episodes of a run: threads of this process, or the processes of a cluster."""

    @property
    def agent(self) -> str:
        """The agent's name."""

    def play(self, todo: Sequence[Assignment]) -> Iterator[EpisodeRecord]:
        """Plays all assignments and yields each record when its episode ends.

        Raises:
            AgentLostError: Every further episode would fail, too.
        """


@dataclass(frozen=True)
class Run:
    """A run that can be played once.

    Attributes:
        plan: The plan.
        name: The environment's id or file.
        first: One environment of the run.
        agent_spec: The agent that plays, and how to make it.
        todo: The assignments, in order.
        options: Further options for ``env.reset``.
        halt: Set when the run ends.
    """

    plan: Plan
    name: str
    first: gymnasium.Env[Any, str] = field(repr=False)
    agent_spec: AgentSpec
    todo: Sequence[Assignment]
    options: Mapping[str, str | None]
    halt: threading.Event

    @property
    def scenario(self) -> Scenario:
        """The record system and the tasks of its episodes."""
        return unwrapped(self.first).scenario

    def about(self, agent: str) -> dict[str, Any]:
        """Returns the content of ``run.json``.

        Args:
            agent: The agent's name.
        """
        environment = self.scenario.environment
        minutes = environment.minutes_per_action
        return {
            "mab_gym": __version__,
            "grading": GRADING,
            "env": environment.id,
            "file": self.name if self.name.endswith(".toml") else None,
            "agent": agent,
            **self.agent_spec.about,
            "protocol": environment.protocol,
            "max_steps": environment.max_steps,
            "max_obs_chars": environment.max_obs_chars,
            "family": self.plan.family,
            "difficulty": self.plan.difficulty,
            "variant": self.options["variant"],
            **digests(self.scenario, self.name),
            **({} if minutes == USUAL_MINUTES else {"minutes_per_action": minutes}),
            **({} if environment.knowledge == HANDBOOK else {"knowledge": environment.knowledge}),
            "seed": self.plan.seed,
            "repeat": self.plan.repeat,
            "episodes": len(self.todo),
        }


def digests(scenario: Scenario, name: str) -> dict[str, str]:
    """Returns what tells an environment from any other: SHA-256 of its records, its cases and its file.

    Args:
        scenario: The environment's record system and tasks.
        name: Its id or file.
    """
    file = environment_file(name).read_text("utf-8").encode()
    return {
        "archive": scenario.backend.digest,
        "cases": scenario.tasks.digest(scenario.backend.now.isoformat()),
        "environment": hashlib.sha256(file).hexdigest(),
    }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation that was played to its end.

    Attributes:
        env: The environment's id.
        agent: The agent's name.
        records: One record per episode, in the order of the assignments, without its conversation.
        path: The file of the whole records; None if there is none.
        seconds: The time of this call, in seconds.
        progress: The counts of the same episodes.
        summary: The content of ``summary.json``.
    """

    env: str
    agent: str
    records: Sequence[EpisodeRecord]
    path: Path | None
    seconds: float
    progress: RunProgress = field(repr=False)
    summary: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def scores(self) -> Mapping[str, Score]:
        """Successes overall, by kind and by difficulty; episodes that do not count are left out."""
        return scores(self.records)

    @property
    def success_rate(self) -> float | None:
        """The share of solved episodes, from 0 to 1; None if no episode counts."""
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
        out: A folder for the records, one JSON line per episode. An interrupted run in it goes on.
        split: ``test``, ``validation`` or ``train``: plays that sibling of ``env``.
        family: Only this family.
        difficulty: Only this difficulty: ``easy``, ``medium`` or ``hard``.
        variant: One or more variants of the prompts, joined by ``+``.
        limit: The greatest number of cases to play; for an environment that draws its cases None means 300.
        repeat: The number of tries at each case, for pass@k.
        seed: The seed of the first episode; each further episode has the next number.
        concurrency: The number of episodes played at once, each with its own agent and environment.
        retries: The number of further tries at an episode in which the record system failed.
        prices: The prices of tokens, for the cost in each record.
        watcher: Shows the progress.
        overrides: Fields of the environment file to change, as in ``max_steps=4``.

    Returns:
        The records and their scores.

    Raises:
        UsageError: A name does not exist, or ``out`` holds another run; nothing was played.
        AgentLostError: The agent failed for good (a dead endpoint, a wrong key); finished episodes are kept in ``out``.

    Example:
        >>> import mab_gym
        >>> mab_gym.evaluate(agent="oracle", family="latest_glucose", limit=3).success_rate
        1.0
    """
    plan = Plan(
        env=str(env),
        agent=agent,
        split=split,
        family=family,
        difficulty=difficulty,
        variant=variant,
        limit=limit,
        repeat=repeat,
        seed=seed,
        concurrency=concurrency,
        retries=retries,
        prices=prices,
        overrides=overrides,
    )
    return play_run(prepare(plan), None if out is None else Path(out), watcher=watcher)


def prepare(plan: Plan) -> Run:
    """Makes everything that a run needs, so that errors come before the first episode.

    Raises:
        MabGymError: Something is wrong or missing; the text says what would be right.
    """
    halt = threading.Event()
    name = sibling(plan.env, plan.split)
    first = make(name, **plan.overrides)
    spec = agent_spec(plan.agent, halt, is_official(first))
    if spec.is_one and plan.concurrency > 1:
        raise UsageError(
            f"{spec.about['object']} is one agent and plays one episode at a time; name a class or function that "
            "makes one"
        )
    todo = assignments(
        unwrapped(first),
        family=plan.family,
        difficulty=plan.difficulty,
        limit=plan.limit,
        seed=plan.seed,
        repeat=plan.repeat,
    )
    options = reset_options(first, family=plan.family, difficulty=plan.difficulty, variant=plan.variant)
    return Run(plan, name, first, spec, todo, options, halt)


def whole_records(run: Run) -> Iterator[EpisodeRecord]:
    """Plays a run without a folder and yields each whole record when its episode ends."""
    workers = ThreadWorkers(run, Watcher())
    about = run.about(workers.agent)
    for record in workers.play(run.todo):
        yield replace(priced(record, run.plan.prices), run=about)


def check_run(run: Run, out: Path) -> None:
    """Checks that a folder can take a run, without playing; a missing folder is not made.

    Raises:
        UsageError: It holds another run, or something that playing would overwrite.
    """
    if not out.exists():
        return
    there = read_about(out) if out.is_dir() else None
    if there is None and out.is_dir() and not (out / EPISODES).exists():
        return
    # Making an agent of the user's own may take long, so its name is taken from run.json.
    known = None if there is None or run.agent_spec.is_reference else there.get("agent")
    with RunFolder(out, run.about(known or run.agent_spec.make(run.first).name), run.agent_spec.secrets):
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
    """Plays the episodes that are not in the run's folder yet, and writes each record when its episode ends.

    Args:
        run: The run; it can be played once.
        out: Its folder; None to write no records.
        label: More words for the watcher's title.
        again: True to accept a finished run of a reference agent; otherwise it is refused.
        workers: The workers that play; None for threads of this process.
        watcher: Shows the progress.

    Raises:
        UsageError: The folder holds another run; nothing was changed.
        AgentLostError: The agent failed for good (a dead endpoint, a wrong key); what was finished is kept.
    """
    watcher = Watcher() if watcher is None else watcher
    workers = ThreadWorkers(run, watcher) if workers is None else workers
    agent, env = workers.agent, run.scenario.environment.id
    about = run.about(agent)
    progress = RunProgress(len(run.todo), run.plan.prices)
    begun = time.perf_counter()
    with nullcontext() if out is None else RunFolder(out, about, run.agent_spec.secrets) as folder:
        path = None if folder is None else folder.path
        before = [] if folder is None else folder.before
        for record in before:
            progress.add(record)
        done = {(record.seed, record.repeat) for record in before if record.counts}
        left = [assignment for assignment in run.todo if (assignment.seed, assignment.repeat) not in done]
        if not left and run.agent_spec.is_reference and not again:
            raise UsageError(f"{out} holds a run already, and it is whole; name another folder (nothing was changed)")
        if before and left:
            watcher.say(f"going on in {out}: {len(done)} of {len(run.todo)} episodes are there")
        if left:
            try:
                with watcher.watch(f"{agent} plays {env}{label}", progress) as advance:
                    for played in workers.play(left):
                        record = priced(played, run.plan.prices)
                        if folder is not None:
                            folder.add(record)
                        progress.add(record.scores_only)
                        advance()
            except BaseException as error:
                kept = 0
                if folder is not None:
                    kept = _sum_up_stopped(folder, progress, begun)
                if isinstance(error, KeyboardInterrupt | AgentLostError):
                    watcher.stopped(path, kept, len(run.todo), error)
                raise
        seconds = time.perf_counter() - begun
        summary = summarize(about, progress, seconds) if folder is None else sum_up(folder, progress, seconds)
    return Evaluation(env, agent, progress.records, path, seconds, progress, summary)


def _sum_up_stopped(folder: RunFolder, progress: RunProgress, begun: float) -> int:
    """Writes the summary of a run that stops, as far as it can be written; returns the number of episodes kept."""
    # The last episode may be in the file and not in the counts, or the other way round: the file decides.
    counts = RunProgress(progress.total)
    for data in record_lines(folder.path.parent):
        counts.add(record_from(data).scores_only)
    with suppress(StorageError):
        sum_up(folder, counts, time.perf_counter() - begun)
    return sum(record.agent_error is None for record in counts.records)


class ThreadWorkers:
    """Plays a run in threads of this process, each with its own agent and environment."""

    def __init__(self, run: Run, watcher: Watcher) -> None:
        further = min(at_once(run.scenario, run.plan.concurrency, watcher), len(run.todo)) - 1
        made = [run.first, *(make(run.name, **run.plan.overrides) for _ in range(further))]
        self._run = run
        self._pairs = [EnvAndAgent(each, run.agent_spec.make(each)) for each in made]

    @property
    def agent(self) -> str:
        """The agent's name."""
        return self._pairs[0].agent.name

    def play(self, todo: Sequence[Assignment]) -> Iterator[EpisodeRecord]:
        """Plays all assignments and yields each record when its episode ends.

        Raises:
            AgentLostError: Every further episode would fail, too.
        """
        return play_at_once(self._pairs, todo, self._run.options, self._run.plan.retries, self._run.halt)


def at_once(scenario: Scenario, concurrency: int, watcher: Watcher) -> int:
    """Returns the number of episodes to play at once: no more than the record system has servers.

    With more, an episode that waits for a server could take it away from one with a slow model.

    Args:
        scenario: The scenario with the record system.
        concurrency: The number that the user asked for.
        watcher: Gets a line if that is too many.
    """
    capacity = scenario.backend.capacity
    if capacity is None or concurrency <= capacity:
        return concurrency
    watcher.say(f"{scenario.environment.id} can have {capacity} under way, so no more episodes are played at once")
    return capacity


def priced(record: EpisodeRecord, prices: Prices | None) -> EpisodeRecord:
    """Returns the record with the cost of its tokens."""
    return replace(record, cost=None if prices is None else prices.cost(record.tokens_in, record.tokens_out))
