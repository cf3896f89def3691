"""Judges stored episodes anew: their actions are played again against the embedded record system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium

from mab_gym.episode import check_counts
from mab_gym.runs._records import EpisodeRecord

_JUDGED = ("success", "failure", "unsafe", "credit")


@dataclass(frozen=True, slots=True)
class Regraded:
    """An episode with the verdict of then and the verdict of now.

    Attributes:
        record: The stored record.
        verdict: What the same actions are judged to be now.
        replied_alike: Whether the record system answered each action with the same HTTP status as then.
    """

    record: EpisodeRecord
    verdict: Mapping[str, Any]
    replied_alike: bool

    @property
    def changed(self) -> bool:
        """Whether the judgement differs: its outcome or the codes of its reasons, not their wording."""
        return _judgement(self.record.verdict) != _judgement(self.verdict)

    @property
    def change(self) -> str:
        """What it was and what it is, in a line."""
        return f"{_said(self.record.verdict)} -> {_said(self.verdict)}"


def _codes(verdict: Mapping[str, Any]) -> list[str]:
    return [reason["code"] for reason in verdict.get("reasons", ())]


def _judgement(verdict: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*(verdict.get(name) for name in _JUDGED), _codes(verdict))


def _said(verdict: Mapping[str, Any]) -> str:
    unsafe = ", unsafe" if verdict.get("unsafe") else ""
    credit = f", credit {verdict['credit']:g}" if verdict.get("credit") not in (None, 0.0, 1.0) else ""
    return f"{'solved' if verdict['success'] else 'not solved'} ({', '.join(_codes(verdict))}{unsafe}{credit})"


def regrade(
    env: gymnasium.Env[Any, str], records: Iterable[EpisodeRecord], options: Mapping[str, str | None]
) -> Iterator[Regraded]:
    """Plays the stored actions of each record again and judges them.

    Args:
        env: The environment that they were played in, with the embedded record system.
        records: Stored records, whole; what does not count (see `EpisodeRecord.counts`) is left out.
        options: The further options that ``env.reset`` was given then.

    Raises:
        InfrastructureError: The record system or a verifier fails now, so that nothing can be said.
    """
    drawn = not env.get_wrapper_attr("scenario").tasks.cases
    for record in records:
        if not record.counts:
            continue
        chosen: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        if not drawn:
            chosen["case"] = record.case
        env.reset(seed=record.seed, options=chosen)
        statuses = []
        info: dict[str, Any] = {}
        for action in record.actions:
            observation, _, terminated, truncated, info = env.step(action)
            statuses.append(int(observation["status"]))
            if terminated or truncated:
                break
        if "verdict" not in info:
            info = env.get_wrapper_attr("stop_for_context")(record.context_limit or "the stored actions end here").info
        check_counts(info)
        yield Regraded(record, info["verdict"], _statuses(record) in ([], [status for status in statuses if status]))


def _statuses(record: EpisodeRecord) -> list[int]:
    return [message["status"] for message in record.messages if message.get("status")]
