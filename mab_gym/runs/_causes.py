"""Causes of failures: one for each episode that counts and was not solved, from its end or from its verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from mab_gym.runs._records import EpisodeRecord

CAUSES: Mapping[str, str] = {
    "refused": "the model refused",
    "filtered": "filtered by the endpoint",
    "empty": "empty message",
    "length": "cut off at the length limit",
    "endless_thoughts": "thoughts without end",
    "no_action": "no action in the message",
    "context_limit": "longer than the context",
    "step_limit": "no step left",
    "wrong_tool_use": "not a valid action",
    "gave_up": "gave up",
    "unsafe_order": "unsafe order",
    "missing_order": "missing order",
    "wrong_order": "wrong order",
    "misread_chart": "chart misread",
    "wrong_format": "answer in the wrong form",
    "official_rule": "an official rule",
}
"""The causes in the order of tables, each with its label: first the ends by a message without action, then the ends by
a limit, then the kinds of failure of `mab_gym.tasking.verdict`."""


def cause_of(record: EpisodeRecord) -> str | None:
    """Returns the cause of an episode's failure, a key of `CAUSES`; None if it was solved or does not count."""
    if not record.counts or record.verdict["success"]:
        return None
    if record.cause is not None:
        return record.cause
    return "context_limit" if record.context_limit is not None else str(record.verdict["failure"])


def causes(records: Iterable[EpisodeRecord]) -> dict[str, int]:
    """Counts the causes of failures, in the order of `CAUSES`; those that do not occur are left out."""
    counted = Counter(map(cause_of, records))
    return {cause: counted[cause] for cause in CAUSES if counted[cause]}
