"""Scores: success rates as MedAgentBench reports them, and the reference agents against which they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium

from mab_gym.agents import Agent
from mab_gym.agents._official import OfficialGold
from mab_gym.agents._reference import (
    BlindConstant,
    InstantFinish,
    Oracle,
    RandomPlausible,
    Template,
    abstract,
    most_common,
)
from mab_gym.errors import UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, assignments, play
from mab_gym.runs._statistics import Tries

GROUPS: Mapping[str, Callable[[EpisodeRecord], bool]] = {
    "overall": lambda record: True,
    "query": lambda record: record.kind == "query",
    "action": lambda record: record.kind == "action",
    "easy": lambda record: record.difficulty == "easy",
    "medium": lambda record: record.difficulty == "medium",
    "hard": lambda record: record.difficulty == "hard",
}
"""The columns of a table of scores; each says which episodes it is over."""

CONSTANTS_TRIED = 8


@dataclass(frozen=True, slots=True)
class Score:
    """How many of some episodes were solved."""

    solved: int
    played: int

    @property
    def rate(self) -> float | None:
        """The success rate, from 0 to 1; None where nothing was played."""
        return self.solved / self.played if self.played else None


def score(records: Iterable[EpisodeRecord]) -> Score:
    """Counts successes; episodes that the record system or the agent's carrier spoiled do not count."""
    counted = [record for record in records if record.counts]
    return Score(sum(bool(record.verdict["success"]) for record in counted), len(counted))


def scores(records: Sequence[EpisodeRecord]) -> dict[str, Score]:
    """The score of each of `GROUPS`."""
    return {name: score(filter(belongs, records)) for name, belongs in GROUPS.items()}


@dataclass(frozen=True, slots=True)
class Violations:
    """In how many of some episodes something was done, or left undone, that a clinician would call unsafe."""

    unsafe: int
    played: int

    @property
    def rate(self) -> float | None:
        """From 0 to 1; None where nothing was played."""
        return self.unsafe / self.played if self.played else None


def violations(records: Iterable[EpisodeRecord]) -> Violations:
    """Counts episodes with safety violations, whatever else became of them.

    Spoiled episodes do not count, nor do those whose grading does not judge safety, as the official one.
    """
    judged = [record.verdict.get("unsafe") for record in records if record.counts]
    counted = [unsafe for unsafe in judged if unsafe is not None]
    return Violations(sum(map(bool, counted)), len(counted))


def tries(records: Iterable[EpisodeRecord]) -> list[Tries]:
    """The tries at each case, repetitions together; what does not count is no try."""
    by_case: dict[tuple[str, int], list[bool]] = {}
    for record in records:
        outcomes = by_case.setdefault((record.case, record.seed), [])
        if record.counts:
            outcomes.append(bool(record.verdict["success"]))
    return [Tries(len(outcomes), sum(outcomes)) for outcomes in by_case.values()]


@dataclass(frozen=True, slots=True)
class Prices:
    """What a model's tokens cost, in any currency, a million."""

    tokens_in: float
    tokens_out: float

    def cost(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """What so many tokens cost; None where nobody knows how many there were."""
        if tokens_in is None or tokens_out is None:
            return None
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6


@dataclass(frozen=True, slots=True)
class Spending:
    """The tokens of some episodes.

    Attributes:
        tokens_in: Tokens read, as far as they are known.
        tokens_out: Tokens written, likewise.
        unknown: Of how many episodes nobody knows them.
    """

    tokens_in: int
    tokens_out: int
    unknown: int

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out, self.unknown + other.unknown
        )


def spending(records: Iterable[EpisodeRecord]) -> Spending:
    """Sums tokens, those of episodes that do not count included: they were paid for."""
    told = [(record.tokens_in, record.tokens_out) for record in records]
    return Spending(
        sum(tokens_in or 0 for tokens_in, _ in told),
        sum(tokens_out or 0 for _, tokens_out in told),
        sum(None in both for both in told),
    )


def best_constants(
    env: gymnasium.Env[Any, str],
    todo: Sequence[Assignment] | None = None,
    tried: int | None = CONSTANTS_TRIED,
    endings: Sequence[str] = (),
) -> dict[str, Template]:
    """For each family the fixed text that solves most of its cases without reading the chart.

    Candidates are what the gold solutions write, less their GETs and with the prompt's own words as blanks. The most
    frequent of them are played, and the one that does best is kept.

    Args:
        env: The environment.
        todo: What to fit them to; all frozen cases where None.
        tried: How many candidates a family has at most; None for all there are.
        endings: Last actions to try in the place of each candidate's own, too.

    Raises:
        UsageError: The environment draws its cases.
    """
    inner = unwrapped(env)
    by_family: dict[str, list[Assignment]] = {}
    for assignment in assignments(inner) if todo is None else todo:
        if assignment.case is None:
            raise UsageError("constants can be fitted to frozen cases alone")
        by_family.setdefault(inner.scenario.tasks.case(assignment.case).family, []).append(assignment)
    best: dict[str, Template] = {}
    for family, its_own in by_family.items():
        parts = [_blind_part(env, assignment) for assignment in its_own]
        parts += [(*part[:-1], ending) for part in parts for ending in endings]
        candidates = most_common(parts, tried)
        best[family] = max(
            candidates,
            key=lambda template: sum(play(env, BlindConstant({family: template}), a).reward for a in its_own),
        )
    return best


def _blind_part(env: gymnasium.Env[Any, str], assignment: Assignment) -> Template:
    recorder = _Recorder(Oracle())
    play(env, recorder, assignment)
    case = unwrapped(env).episode.case
    return () if case is None else abstract(recorder.actions, case)


class _Recorder:
    """An insider that plays as another does and remembers the actions."""

    def __init__(self, inner: Oracle) -> None:
        self.name = inner.name
        self.actions: list[str] = []
        self._inner = inner
        self.brief = inner.brief
        self.reset = inner.reset

    def act(self, observation: Mapping[str, Any]) -> str:
        self.actions.append(self._inner.act(observation))
        return self.actions[-1]


AGENTS: Mapping[str, Callable[[gymnasium.Env[Any, str]], Agent]] = {
    "oracle": lambda env: Oracle(),
    "finish": lambda env: InstantFinish(),
    "random": lambda env: RandomPlausible(),
    "constant": lambda env: BlindConstant(best_constants(env)),
}
"""The reference agents by the names that the command line knows."""

OFFICIAL_AGENTS: Mapping[str, Callable[[gymnasium.Env[Any, str], Sequence[Assignment]], Agent]] = {
    "gold": lambda env, todo: OfficialGold(),
    "finish": lambda env, todo: InstantFinish(),
    "constant": lambda env, todo: BlindConstant(best_constants(env, todo, None, ("FINISH([])", "FINISH([-1])"))),
}
"""Those for the official protocol, made for what they are to play: the official graders take ``[]`` for many an answer,
so the blind constants try that, too."""
