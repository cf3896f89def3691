"""Stored episodes as chats for fine-tuning, one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mab_gym.agents._model import TOOLS
from mab_gym.agents._reference import ThinkingOracle
from mab_gym.errors import UsageError
from mab_gym.runs._evaluation import Plan, Run, prepare
from mab_gym.runs._records import EpisodeRecord

WHICH = ("all", "successful")
_KEPT = ("role", "content", "tool_calls", "tool_call_id")
"""The fields of a message that trainers know; the status of a reply is an addition of this project."""


def gold_run(plan: Plan, thoughts: bool = False) -> Run:
    """Returns the run in which the oracle plays a plan's cases.

    Args:
        plan: The plan; its agent does not matter.
        thoughts: True to have it note what the gold solutions decide.
    """
    run = prepare(replace(plan, agent="oracle"))
    if not thoughts:
        return run
    return replace(run, agent_spec=replace(run.agent_spec, make=lambda env: ThinkingOracle()))


def chat(record: EpisodeRecord, thoughts: bool = False) -> dict[str, Any] | None:
    """Returns an episode as a chat that ends with the agent's last action; None if there was no action.

    Args:
        record: A whole record.
        thoughts: True to have the agent's thoughts before each action, as ``<think>…</think>``.

    Returns:
        ``messages``, ``tools`` if the agent called some, and ``metadata``: the case, the agent and the outcome.
    """
    messages = [_message(message, thoughts) for message in record.messages]
    while messages and messages[-1]["role"] != "assistant":  # the reply to the last action, which the agent did not see
        messages.pop()
    if not messages:
        return None
    tools = {"tools": list(TOOLS)} if any("tool_calls" in message for message in messages) else {}
    metadata = {
        "env": record.env,
        "case": record.case,
        "family": record.family,
        "kind": record.kind,
        "difficulty": record.difficulty,
        "variant": record.variant,
        "seed": record.seed,
        "repeat": record.repeat,
        "agent": record.agent,
        "success": record.verdict["success"],
        "unsafe": record.verdict.get("unsafe"),
        "failure": record.verdict["failure"],
        "reward": record.reward,
        "mab_gym": record.run.get("mab_gym"),
        "archive": record.run.get("archive"),
    }
    return {"messages": messages, **tools, "metadata": metadata}


def _message(message: Mapping[str, Any], thoughts: bool) -> dict[str, Any]:
    kept = {name: message[name] for name in _KEPT if name in message}
    if thoughts and message.get("thoughts"):
        kept["content"] = f"<think>\n{message['thoughts']}\n</think>\n\n{message.get('action', kept['content'])}"
    return kept


def chosen(records: Iterable[EpisodeRecord], which: str, thoughts: bool = False) -> Iterator[dict[str, Any]]:
    """Yields the chats of the chosen records; episodes that do not count are left out.

    Args:
        records: Whole records.
        which: One of `WHICH`.
        thoughts: See `chat`.

    Raises:
        UsageError: ``which`` is not in `WHICH`.
    """
    if which not in WHICH:
        raise UsageError(f"the episodes to export are {' or '.join(WHICH)}, not {which!r}")
    for record in records:
        if record.counts and (which == "all" or record.verdict["success"]):
            told = chat(record, thoughts)
            if told is not None:
                yield told


def write_chats(chats: Iterable[dict[str, Any]], out: Path) -> int:
    """Writes chats, one per line; the file appears when it is complete.

    Returns:
        The number of chats.

    Raises:
        UsageError: The file exists already, or it cannot be written.
    """
    if out.exists():
        raise UsageError(f"{out} is there already; name another file (nothing was changed)")
    part = out.with_name(f"{out.name}.part")
    count = 0
    try:
        with part.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            for each in chats:
                file.write(json.dumps(each, ensure_ascii=False) + "\n")
                count += 1
        part.replace(out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return count
