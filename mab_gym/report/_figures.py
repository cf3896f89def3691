"""Computes a report's figures: success by group, steps, tokens and costs, failures, run against run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from mab_gym.envs._scenario import OFFICIAL
from mab_gym.report._runs import CaseKey, ReportedRun
from mab_gym.runs._causes import cause_of
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._scores import tries
from mab_gym.runs._statistics import (
    Comparison,
    Estimate,
    estimate,
    holm,
    numbers_of_tries,
    paired,
    pass_at_1,
    pass_hat_k,
)

GROUPINGS: Mapping[str, Callable[[EpisodeRecord], str]] = {
    "kind": lambda record: record.kind,
    "difficulty": lambda record: record.difficulty,
    "family": lambda record: record.family,
}
"""The groupings of success; families are divided further, by branch."""
_ORDER = {name: place for place, name in enumerate(("query", "action", "easy", "medium", "hard", "unrated"))}
EXAMPLES = 3
"""The number of example episodes for each kind of failure."""


def success(records: Sequence[EpisodeRecord]) -> Estimate | None:
    """Returns the success rate over cases, with its interval; None if no episode counts."""
    return pass_at_1(tries(records))


def groups(records: Sequence[EpisodeRecord], of: Callable[[EpisodeRecord], str]) -> dict[str, list[EpisodeRecord]]:
    """Groups episodes by the result of ``of``; known groups in their usual order, then others as they come."""
    found: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        found.setdefault(of(record), []).append(record)
    return dict(sorted(found.items(), key=lambda item: _ORDER.get(item[0], len(_ORDER))))


def repeated(run: ReportedRun) -> list[tuple[int, Estimate, Estimate]]:
    """Returns k, pass@k and pass^k for k up to the number of tries of a case; empty if each was played once."""
    cases = tries(run.episodes)
    most = max((each.played for each in cases), default=0)
    rows = [(k, estimate(cases, k), estimate(cases, k, pass_hat_k)) for k in numbers_of_tries(most)]
    return [(k, at, hat) for k, at, hat in rows if at is not None and hat is not None]


NARROWED = ("family", "difficulty", "variant", "form")
"""The entries of ``run.json`` that leave some of an environment's cases out or change them."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Runs whose success rates can stand on one axis: of one environment, records, choice of cases and grading.

    Attributes:
        title: The environment, and the choice of cases if it is narrowed.
        official: True if the official protocol was played; published results are by it.
        runs: The runs with their numbers in the report.
    """

    title: str
    official: bool
    runs: Sequence[tuple[int, ReportedRun]]

    @property
    def ranked(self) -> list[tuple[int, ReportedRun, Estimate]]:
        """The runs that have a success rate, the best first."""
        found = [(number, run, rate) for number, run in self.runs if (rate := success(run.episodes)) is not None]
        return sorted(found, key=lambda each: -each[2].value)


def settings(runs: Sequence[ReportedRun]) -> list[Setting]:
    """Groups runs that can be compared, the largest group first."""
    groups: dict[_Key, list[tuple[int, ReportedRun]]] = {}
    for number, run in enumerate(runs):
        narrowed = ", ".join(f"{name} {run.about[name]}" for name in NARROWED if run.about.get(name))
        # The official grading is not ours: it never changes.
        graded = "" if run.protocol == OFFICIAL else str(run.about.get("grading") or "unknown")
        key = _Key(run.protocol, run.env, narrowed, str(run.about.get("archive") or "")[:8], graded)
        groups.setdefault(key, []).append((number, run))
    found = [Setting(_title(key, groups), key.protocol == OFFICIAL, members) for key, members in groups.items()]
    return sorted(found, key=lambda each: -len(each.runs))


class _Key(NamedTuple):
    """All that runs on one axis have in common."""

    protocol: str
    env: str
    narrowed: str
    records: str
    grading: str


def _title(key: _Key, others: Iterable[_Key]) -> str:
    """Names the environment and the choice of cases, and the records and the grading where others differ in them."""
    like = [other for other in others if (other.env, other.narrowed) == (key.env, key.narrowed)]
    differing = [name for name in ("records", "grading") if len({getattr(other, name) for other in like}) > 1]
    parts = [key.env.removeprefix("mab_gym/"), key.narrowed, *(f"{name} {getattr(key, name)}" for name in differing)]
    return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class FailureKind:
    """Episodes that failed in the same way.

    Attributes:
        kind: The cause, a key of `mab_gym.runs._causes.CAUSES`.
        count: The number of episodes.
        examples: Some of them, from different families if possible.
        reasons: The codes of their reasons with the number of episodes, the most frequent first.
    """

    kind: str
    count: int
    examples: Sequence[EpisodeRecord]
    reasons: Sequence[tuple[str, int]]


def failures(records: Sequence[EpisodeRecord]) -> list[FailureKind]:
    """Groups the failed episodes that count by cause, the most frequent first."""
    by_kind: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        if (cause := cause_of(record)) is not None:
            by_kind.setdefault(cause, []).append(record)
    found = [
        FailureKind(
            kind,
            len(failed),
            _examples(failed),
            Counter(
                code for r in failed for code in {each["code"] for each in r.verdict.get("reasons", ())}
            ).most_common(),
        )
        for kind, failed in by_kind.items()
    ]
    return sorted(found, key=lambda each: -each.count)


def _examples(failed: Sequence[EpisodeRecord]) -> list[EpisodeRecord]:
    first_of_family = {record.family: record for record in reversed(failed)}
    chosen = [record for record in failed if first_of_family[record.family] is record]
    others = [record for record in failed if first_of_family[record.family] is not record]
    return [*chosen, *others][:EXAMPLES]


@dataclass(frozen=True, slots=True)
class Pair:
    """The comparison of two runs on the cases that both played.

    Attributes:
        ours: The first run.
        theirs: The second run.
        comparison: The difference between the first and the second.
        adjusted: Its p value, adjusted for the number of pairs (Holm).
        only_ours: Cases that the first run solved more often.
        only_theirs: Cases that the second run solved more often.
        same_records: True if both were played on the same records.
        same_grading: True if both were judged by the same grading.
    """

    ours: ReportedRun
    theirs: ReportedRun
    comparison: Comparison
    adjusted: float
    only_ours: Sequence[EpisodeRecord]
    only_theirs: Sequence[EpisodeRecord]
    same_records: bool
    same_grading: bool


def pairs(runs: Sequence[ReportedRun]) -> list[Pair]:
    """Compares every two runs of one protocol that have cases in common, the earlier one first."""
    found = []
    for ours, theirs in combinations(runs, 2):
        if ours.protocol != theirs.protocol:
            continue
        one, other = _shares(ours), _shares(theirs)
        common = [key for key in one if key in other]
        if common:
            values = [one[key][0] for key in common], [other[key][0] for key in common]
            found.append((ours, theirs, one, other, common, paired(*values)))
    adjusted = holm([each[-1].p for each in found])
    return [
        Pair(
            ours,
            theirs,
            comparison,
            p,
            [one[key][1] for key in common if one[key][0] > other[key][0]],
            [other[key][1] for key in common if other[key][0] > one[key][0]],
            *(ours.about.get(name) == theirs.about.get(name) for name in ("archive", "grading")),
        )
        for (ours, theirs, one, other, common, comparison), p in zip(found, adjusted, strict=True)
    ]


def _shares(run: ReportedRun) -> dict[CaseKey, tuple[float, EpisodeRecord]]:
    """Returns for each case the share of its tries that succeeded, and the first try."""
    by_case: dict[CaseKey, list[EpisodeRecord]] = {}
    for record in run.counted:
        by_case.setdefault(run.key(record), []).append(record)
    return {
        key: (math.fsum(bool(each.verdict["success"]) for each in records) / len(records), records[0])
        for key, records in by_case.items()
    }


def histogram(values: Sequence[float], bins: int = 12) -> list[tuple[float, float, int]]:
    """Returns lower end, upper end and count of bins of equal, round width; empty without values."""
    if not values:
        return []
    least, greatest = min(values), max(values)
    width = _round_up((greatest - least) / bins or abs(greatest) / bins or 1.0)
    first = int(least // width)
    counts = Counter(int(value // width) - first for value in values)
    return [((first + n) * width, (first + n + 1) * width, counts.get(n, 0)) for n in range(max(counts) + 1)]


def _round_up(width: float) -> float:
    """Rounds up to 1, 2 or 5 times a power of ten."""
    step = 10.0 ** math.floor(math.log10(width))
    return next(step * factor for factor in (1, 2, 5, 10) if step * factor >= width * (1 - 1e-9))
