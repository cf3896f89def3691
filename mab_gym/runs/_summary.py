"""The summary of a run, ``summary.json`` in its folder: the result in figures, for people and programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from mab_gym.runs._causes import CAUSES, cause_of, causes
from mab_gym.runs._progress import RunProgress
from mab_gym.runs._records import EpisodeRecord, RunFolder, read_about
from mab_gym.runs._scores import Deferrals, deferrals, score, tries, violations
from mab_gym.runs._statistics import Estimate, estimate, numbers_of_tries, pass_at_1, pass_hat_k

SUMMARY: Final = "summary.json"
FORMAT: Final = 1
"""The version of the file's keys; it changes when one is removed or gets another meaning."""
SECONDS: Final = "seconds"
"""The one key whose value does not follow from the records."""

_WITHOUT_ACTION = ("refused", "filtered", "empty", "length", "endless_thoughts", "no_action", "wrong_tool_use")
_AT_LENGTH = ("length", "endless_thoughts")


def summarize(about: Mapping[str, Any], progress: RunProgress, seconds: float) -> dict[str, Any]:
    """Returns the content of ``summary.json``.

    Args:
        about: The content of ``run.json``.
        progress: The counts of the run.
        seconds: The time of all calls that played the run.
    """
    records = progress.records
    counted = [record for record in records if record.counts]
    unsafe, spent = violations(records), progress.spending
    deferred = deferrals(records)
    return {
        "format": FORMAT,
        "run": dict(about),
        "whole": len(records) == progress.total,
        "episodes": {"planned": progress.total, "played": len(records), "counted": len(counted)},
        "not_counted": list(_not_counted(records)),
        "result": _figures(records),
        "pass_at_k": list(_pass_at_k(records, int(about.get("repeat") or 1), int(about.get("seed") or 0))),
        "by_kind": _by(records, lambda record: record.kind),
        "by_difficulty": _by(records, lambda record: record.difficulty),
        "by_family": _by(records, lambda record: record.family),
        "unsafe": {"unsafe": unsafe.unsafe, "judged": unsafe.played, "rate": unsafe.rate},
        **({"deferral": _deferral(deferred)} if deferred.judged else {}),
        "failures": [
            {"cause": cause, "label": CAUSES[cause], "episodes": count, "share": count / len(counted)}
            for cause, count in causes(records).items()
        ],
        "warnings": warnings(counted),
        "steps": sum(record.steps for record in counted) / len(counted) if counted else None,
        "tokens_in": None if spent is None else spent.tokens_in,
        "tokens_out": None if spent is None else spent.tokens_out,
        "episodes_of_unknown_tokens": 0 if spent is None else spent.unknown,
        "cost": progress.cost,
        SECONDS: seconds,
    }


def _deferral(found: Deferrals) -> dict[str, Any]:
    rates = {"over_rate": found.over_rate, "under_rate": found.under_rate}
    return {**asdict(found), "judged": found.judged, **rates}


def sum_up(folder: RunFolder, progress: RunProgress, seconds: float) -> dict[str, Any]:
    """Writes ``summary.json`` into a run's folder and returns its content.

    Args:
        folder: The folder.
        progress: The counts of the run.
        seconds: The time of this call; that of the earlier calls is added from the file.

    Raises:
        StorageError: Writing fails.
    """
    place = folder.path.parent
    before = (read_summary(place) or {}).get(SECONDS)
    seconds += before if isinstance(before, int | float) else 0.0
    return folder.write_json(SUMMARY, summarize(read_about(place) or {}, progress, seconds))


def read_summary(folder: Path) -> dict[str, Any] | None:
    """Returns the content of ``summary.json``; None if there is none that can be read."""
    try:
        data = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _not_counted(records: Sequence[EpisodeRecord]) -> Iterator[dict[str, Any]]:
    """Yields the reasons for which episodes do not count, each with the first message."""
    for cause, faults in (
        ("record_system", [each.infrastructure_error for each in records if each.infrastructure_error is not None]),
        ("agent", [each.agent_error for each in records if each.agent_error is not None]),
    ):
        if faults:
            yield {"cause": cause, "episodes": len(faults), "first": faults[0]}


def _figures(records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    """Returns solved and counted episodes, and the success rate of one try with its 95 % interval."""
    counts = score(records)
    return {"solved": counts.solved, "counted": counts.played, **_interval(pass_at_1(tries(records)))}


def _interval(found: Estimate | None) -> dict[str, Any]:
    return dict.fromkeys(("value", "low", "high", "cases")) if found is None else asdict(found)


def _by(records: Sequence[EpisodeRecord], group: Callable[[EpisodeRecord], str]) -> dict[str, Any]:
    groups: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        groups.setdefault(group(record), []).append(record)
    return {name: _figures(groups[name]) for name in sorted(groups)}


def _pass_at_k(records: Sequence[EpisodeRecord], repeat: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yields pass@1, and pass@k and pass^k if cases were played several times."""
    cases = tries(records)
    yield {"name": "pass@1", "k": 1, **_interval(pass_at_1(cases))}
    for k in numbers_of_tries(repeat):
        yield {"name": f"pass@{k}", "k": k, **_interval(estimate(cases, k, seed=seed))}
        yield {"name": f"pass^{k}", "k": k, **_interval(estimate(cases, k, pass_hat_k, seed))}


def warnings(counted: Sequence[EpisodeRecord]) -> list[str]:
    """Returns a sentence for each way in which most episodes end too early to say anything about the agent's skill.

    Args:
        counted: The episodes that count.
    """
    found = []
    at_length = [each for each in counted if cause_of(each) in _AT_LENGTH]
    if 2 * len(at_length) > len(counted):
        found.append(
            f"{len(at_length)} of {len(counted)} episodes end at the limit of tokens ({_causes(at_length)}): allow "
            "longer answers, as in --settings '{\"max_tokens\": 16000}', or let the model think less"
        )
    at_first = [each for each in counted if each.steps <= 1 and cause_of(each) in _WITHOUT_ACTION]
    if 2 * len(at_first) > len(counted) and len(at_length) <= len(at_first) / 2:
        found.append(
            f"{len(at_first)} of {len(counted)} episodes end at the first message, which holds no action "
            f"({_causes(at_first)}): read one with `mab-gym report`; try a model that follows instructions, its own "
            "chat template, or --form tools"
        )
    return found


def _causes(records: Sequence[EpisodeRecord]) -> str:
    counted = Counter(map(cause_of, records))
    return ", ".join(f"{CAUSES[str(cause)]}: {count}" for cause, count in counted.most_common())
