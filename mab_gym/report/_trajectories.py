"""Episodes in the page: an index entry for each, and the whole trajectory, compressed until it is opened."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mab_gym.actions import ALL_VERBS, Delete, Finish, Get, Patch, Post, Put, no_action_from, parse_action
from mab_gym.agents._thoughts import thoughts_beside, words_of
from mab_gym.charts._stay_block import LEGEND, TRUTH, stay_block
from mab_gym.charts._stay_course import course_stay
from mab_gym.official._conversation import clean
from mab_gym.report._expected import Expected
from mab_gym.report._overview import MEANING
from mab_gym.runs._causes import cause_of
from mab_gym.runs._records import EpisodeRecord

SEARCHED = 3_000
"""Characters of an episode's reasons and actions that the page's search covers."""
_ASKED = ("\nTask: ", "\nQuestion: ")
"""The marks before the task itself in the opening message."""


def index_entry(run: int, record: EpisodeRecord) -> dict[str, Any]:
    """Returns the data of an episode that the page needs before it is opened.

    Args:
        run: The number of the run in the report, from 0.
        record: The whole episode.
    """
    verdict = record.verdict
    said = [reason["text"] for reason in verdict.get("reasons", ())]
    return {
        "run": run,
        "case": record.case,
        "family": record.family,
        "branch": record.branch,
        "kind": record.kind,
        "difficulty": record.difficulty,
        "seed": record.seed,
        "try": record.repeat + 1,
        "solved": bool(verdict["success"]),
        "failure": cause_of(record),
        "unsafe": bool(verdict.get("unsafe")),
        "counts": record.counts,
        "steps": record.steps,
        "task": task_of(_opening(record))[:300],
        "text": "\n".join((*said, *record.actions))[:SEARCHED],
    }


def task_of(opening: str) -> str:
    """Returns the task itself, without the instructions before it."""
    for mark in _ASKED:
        before, found, after = opening.rpartition(mark)
        if found and before:
            return after.strip()
    return opening.strip()


def packed(record: EpisodeRecord, expected: Expected, official: bool = False) -> str:
    """Returns a whole episode as JSON, compressed by zlib, in base64.

    Args:
        record: The whole episode.
        expected: The actions of gold solutions.
        official: True if it was played by the official protocol, which reads actions in its own way.
    """
    gold = expected.get((record.seed, record.case))
    told = {
        "opening": _opening(record),
        "task": task_of(_opening(record)),
        "steps": list(_steps(record, official)),
        "verdict": dict(record.verdict),
        "expected": None if gold is None else [_action(text, official) for text in gold],
        "reward": record.reward,
        "variant": record.variant,
        "ended": "truncated" if record.truncated else "terminated" if record.terminated else "",
        "trouble": record.infrastructure_error or record.agent_error or record.context_limit,
        "tokens": [record.tokens_in, record.tokens_out],
        "cost": record.cost,
        "calls": [_call(call) for call in record.calls],
        "stay": _stay(record),
    }
    # Escaped to ASCII: agents can write lone surrogates, which UTF-8 cannot encode.
    return base64.b64encode(zlib.compress(json.dumps(told).encode(), 9)).decode()


def _stay(record: EpisodeRecord) -> str | None:
    """Returns the stay of an episode on the clock as HTML; None without a clock."""
    if record.course is None:
        return None
    return f"{LEGEND}{TRUTH}{stay_block(course_stay(record.course, record.case, record.actions))}"


def _opening(record: EpisodeRecord) -> str:
    return next((_text(message) for message in record.messages if message.get("role") == "user"), "")


def _steps(record: EpisodeRecord, official: bool) -> Iterator[dict[str, Any]]:
    """Yields each action with the agent's whole message, its thoughts, and the reply."""
    talks = _conversation(record.messages)
    count = max(len(talks), len(record.actions))
    for place in range(count):
        message, reply = talks[place] if place < len(talks) else ({}, {})
        said = _text(message) or str(message.get("refusal") or "")
        taken = record.actions[place] if place < len(record.actions) else said
        if "action" in message:
            taken = str(message["action"] or "")
        action = _action(taken, official)
        if action["kind"] == "none":
            none = no_action_from(taken)
            text = words_of(said).said.strip() if none or not taken.strip() else taken
            cause = record.cause if place == count - 1 else None
            why = f"{none.why}." if none else MEANING["wrong_tool_use" if text.strip() else "empty"]
            action = {"kind": "none", "text": text, "why": MEANING.get(cause or "", why)}
        yield {
            "action": action,
            "said": "" if said.strip() in (taken.strip(), action["text"].strip()) else said,
            "thoughts": _thoughts(message),
            "status": reply.get("status", 0),
            "reply": _text(reply) if reply else "",
            "fhir": reply.get("fhir"),
        }


def _thoughts(message: Mapping[str, Any]) -> str:
    """Returns a message's thoughts: those that were read from it, or else those in its fields."""
    thoughts = message.get("thoughts")
    return thoughts if isinstance(thoughts, str) else thoughts_beside(message)


def _action(text: str, official: bool) -> dict[str, str]:
    found = parse_action(clean(text)) if official else parse_action(text, ALL_VERBS)
    match found:
        case Get(url) | Delete(url):
            return {"kind": type(found).__name__.lower(), "text": text, "url": url}
        case Post(url, body) | Put(url, body) | Patch(url, body):
            return {"kind": type(found).__name__.lower(), "text": text, "url": url, "body": body}
        case Finish(answer):
            return {"kind": "finish", "text": text, "answer": answer}
        case _:
            return {"kind": "none", "text": text}


def _conversation(messages: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Returns each of the agent's messages with the first reply to it; an empty one where there is none."""
    found: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    for message in messages:
        if message.get("role") == "assistant":
            found.append((message, {}))
        elif found and not found[-1][1] and message.get("role") in ("user", "tool"):
            found[-1] = (found[-1][0], message)
    return found


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else "" if content is None else json.dumps(content, ensure_ascii=False)


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    usage = call.get("usage") if isinstance(call.get("usage"), dict) else {}
    return {
        "status": call.get("status"),
        "seconds": call.get("seconds"),
        "error": call.get("error"),
        "tokens": [(usage or {}).get(name) for name in ("prompt_tokens", "completion_tokens")],
    }
