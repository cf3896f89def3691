"""Scores: success rates as MedAgentBench reports them, and the reference agents for comparison."""

from __future__ import annotations

from collections import Counter
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
from mab_gym.tasking.verdict import Deferral

GROUPS: Mapping[str, Callable[[EpisodeRecord], bool]] = {
    "overall": lambda record: True,
    "query": lambda record: record.kind == "query",
    "action": lambda record: record.kind == "action",
    "easy": lambda record: record.difficulty == "easy",
    "medium": lambda record: record.difficulty == "medium",
    "hard": lambda record: record.difficulty == "hard",
}
"""The columns of a table of scores, each with the test that an episode must pass to belong to it."""

CONSTANTS_TRIED = 8


@dataclass(frozen=True, slots=True)
class Score:
    """A count of solved episodes.

    Attributes:
        solved: The number of solved episodes.
        played: The number of episodes that count.
    """

    solved: int
    played: int

    @property
    def rate(self) -> float | None:
        """The success rate, from 0 to 1; None if no episode counts."""
        return self.solved / self.played if self.played else None


def score(records: Iterable[EpisodeRecord]) -> Score:
    """Counts solved episodes, among those that count (`EpisodeRecord.counts`)."""
    counted = [record for record in records if record.counts]
    return Score(sum(bool(record.verdict["success"]) for record in counted), len(counted))


def scores(records: Sequence[EpisodeRecord]) -> dict[str, Score]:
    """Returns the score of each of `GROUPS`."""
    return {name: score(filter(belongs, records)) for name, belongs in GROUPS.items()}


@dataclass(frozen=True, slots=True)
class Violations:
    """A count of unsafe episodes: something was done, or left undone, that a clinician would call unsafe.

    Attributes:
        unsafe: The number of unsafe episodes.
        played: The number of episodes that count and were judged for safety.
    """

    unsafe: int
    played: int

    @property
    def rate(self) -> float | None:
        """The share of unsafe episodes, from 0 to 1; None if no episode was judged for safety."""
        return self.unsafe / self.played if self.played else None


def violations(records: Iterable[EpisodeRecord]) -> Violations:
    """Counts unsafe episodes, solved or not.

    Left out are episodes that do not count, and episodes under the official grading, which does not judge safety.
    """
    judged = [record.verdict.get("unsafe") for record in records if record.counts]
    counted = [unsafe for unsafe in judged if unsafe is not None]
    return Violations(sum(map(bool, counted)), len(counted))


@dataclass(frozen=True, slots=True)
class Deferrals:
    """Counts of episodes by what was left to a human, of cases that ask for that.

    Attributes:
        over: Left to a human without need.
        acted: Rightly not left to a human.
        under: Not left to a human who had to decide.
        deferred: Rightly left to a human.
    """

    over: int
    acted: int
    under: int
    deferred: int

    @property
    def judged(self) -> int:
        """The number of episodes whose case asks for it."""
        return self.over + self.acted + self.under + self.deferred

    @property
    def over_rate(self) -> float | None:
        """The share of needless deferrals where the agent had to act, from 0 to 1; None without such episodes."""
        needless = self.over + self.acted
        return self.over / needless if needless else None

    @property
    def under_rate(self) -> float | None:
        """The share of missing deferrals where a human had to decide, from 0 to 1; None without such episodes."""
        needed = self.under + self.deferred
        return self.under / needed if needed else None


def deferrals(records: Iterable[EpisodeRecord]) -> Deferrals:
    """Counts deferrals among the episodes that count."""
    told = Counter(record.verdict.get("deferral") for record in records if record.counts)
    return Deferrals(**{each.name.lower(): told[each.value] for each in Deferral})


def tries(records: Iterable[EpisodeRecord]) -> list[Tries]:
    """Returns the tries at each case; episodes that do not count are left out."""
    by_case: dict[tuple[str, int], list[bool]] = {}
    for record in records:
        outcomes = by_case.setdefault((record.case, record.seed), [])
        if record.counts:
            outcomes.append(bool(record.verdict["success"]))
    return [Tries(len(outcomes), sum(outcomes)) for outcomes in by_case.values()]


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of a million tokens, in any currency.

    Attributes:
        tokens_in: The price of a million tokens that the model reads.
        tokens_out: The price of a million tokens that the model writes.
    """

    tokens_in: float
    tokens_out: float

    def cost(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """Returns the cost of some tokens; None if a number is unknown."""
        if tokens_in is None or tokens_out is None:
            return None
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6


@dataclass(frozen=True, slots=True)
class Spending:
    """The tokens of some episodes.

    Attributes:
        tokens_in: The tokens that the model read, as far as they are known.
        tokens_out: The tokens that the model wrote, as far as they are known.
        unknown: The number of episodes with unknown tokens.
    """

    tokens_in: int
    tokens_out: int
    unknown: int

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out, self.unknown + other.unknown
        )


def spending(records: Iterable[EpisodeRecord]) -> Spending:
    """Sums the tokens of all episodes; those that do not count were paid for, too."""
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
    """Finds the fixed actions of each family that solve most of its cases without reading the chart.

    Candidates are the actions of the gold solutions, without GETs and with placeholders for the parameters that the
    prompt names. The most frequent candidates are played, and the best one is kept.

    Args:
        env: The environment.
        todo: The cases to fit; None for all frozen cases.
        tried: The greatest number of candidates per family; None for all.
        endings: Further last actions to try in each candidate.

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
    """Plays like the inner agent and remembers its actions."""

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
"""The reference agents by name."""

OFFICIAL_AGENTS: Mapping[str, Callable[[gymnasium.Env[Any, str], Sequence[Assignment]], Agent]] = {
    "gold": lambda env, todo: OfficialGold(),
    "finish": lambda env, todo: InstantFinish(),
    "constant": lambda env, todo: BlindConstant(best_constants(env, todo, None, ("FINISH([])", "FINISH([-1])"))),
}
"""The reference agents for the official protocol, made for the cases they will play. The official graders accept ``[]``
as many an answer, so the blind constants try it, too."""
