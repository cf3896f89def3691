"""The actions of an agent, in MedAgentBench's format: ``GET url``, ``POST url`` + JSON, ``FINISH([...])``.

An environment may allow ``PUT url`` + JSON, ``PATCH url`` + JSON and ``DELETE url`` as well. Any text is legal: a text
that is no action becomes an `Invalid` one. `resolve` refuses a URL that an agent may not reach, before anything is
sent.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_letters, digits
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

__all__ = [
    "ALL_VERBS",
    "VERBS",
    "WITH_BODY",
    "Action",
    "Delete",
    "Finish",
    "Get",
    "Invalid",
    "NoAction",
    "OutOfContext",
    "Patch",
    "Post",
    "Put",
    "RefusedTargetError",
    "Sent",
    "no_action_from",
    "parse_action",
    "read_answer",
    "render",
    "request",
    "resolve",
    "sent",
    "verbs_in",
]

VERBS = ("GET", "POST")
"""The verbs that every environment allows."""
ALL_VERBS = (*VERBS, "PUT", "PATCH", "DELETE")
"""The verbs that an environment may allow; its file names them (``actions``)."""

MAX_URL_CHARS = 65_536
"""Longer URLs are refused."""
MAX_BODY_CHARS = 1_048_576
"""Longer bodies are refused."""


@dataclass(frozen=True, slots=True)
class Get:
    """``GET url``: a read or a search."""

    url: str


@dataclass(frozen=True, slots=True)
class Post:
    """``POST url`` with a resource as JSON from the next line on."""

    url: str
    body: str


@dataclass(frozen=True, slots=True)
class Put:
    """``PUT url`` with the whole resource as JSON from the next line on."""

    url: str
    body: str


@dataclass(frozen=True, slots=True)
class Patch:
    """``PATCH url`` with a JSON Patch (a list) or a FHIRPath Patch (Parameters) from the next line on."""

    url: str
    body: str


@dataclass(frozen=True, slots=True)
class Delete:
    """``DELETE url``."""

    url: str


@dataclass(frozen=True, slots=True)
class Finish:
    """``FINISH(answer)``: ends the episode. ``answer`` is the text between the brackets, as written."""

    answer: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """A text that is not an action; ``reason`` says why, and what would be one."""

    reason: str


Action = Get | Post | Put | Patch | Delete | Finish | Invalid
_WITH_BODY: Mapping[str, type[Post | Put | Patch]] = {"POST": Post, "PUT": Put, "PATCH": Patch}
WITH_BODY = tuple(_WITH_BODY)
"""The verbs whose address is followed by JSON."""
_ALONE: Mapping[str, type[Get | Delete]] = {"GET": Get, "DELETE": Delete}
_NO_HEADERS: Mapping[str, str] = {}
_FHIR_JSON: Mapping[str, str] = {"content-type": "application/fhir+json"}
_JSON_PATCH: Mapping[str, str] = {"content-type": "application/json-patch+json"}
_OFFERED = re.compile(r"^(PUT|PATCH|DELETE) https?://", re.MULTILINE)


_IN_PATH = ascii_letters + digits + "-._~!$&'()*+,;=:@/"
_SENDABLE = re.compile(r"(?:[!$&'()*+,\-./0-9:;=?@A-Z_a-z~]|%[0-9A-Fa-f]{2})*")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PLACEHOLDER = re.compile(r"[\[\]{}]")
"""Characters that no request line may hold as they are, and that stand around what was not filled in."""
_NEVER_IN_URLS = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class OutOfContext:
    """In an action's place: the agent cannot read any more of its episode, which ends, unsolved.

    Attributes:
        why: The words of the agent's model.
    """

    why: str


@dataclass(frozen=True, slots=True)
class NoAction:
    """In an action's place: the agent's message holds no action. It counts as one.

    Attributes:
        why: The reason, in words.
        ends: True if the episode ends here, as by any text that is not an action; False if the agent is told, and goes
            on: a tool call that cannot be carried out.
    """

    why: str
    ends: bool = True

    def __str__(self) -> str:
        """Returns the text that stands for it in records, which `no_action_from` reads back."""
        return f"{_ENDED if self.ends else _TOLD}{self.why}]"


_ENDED, _TOLD = "[no action, ended: ", "[no action, told: "


def no_action_from(text: str) -> NoAction | None:
    """Reads a `NoAction` from its text in a record; None if the text is another one."""
    for mark, ends in ((_ENDED, True), (_TOLD, False)):
        if text.startswith(mark) and text.endswith("]"):
            return NoAction(text[len(mark) : -1], ends)
    return None


class RefusedTargetError(ValueError):
    """A URL that an agent may not reach; the text says why and what would be right."""


def parse_action(text: object, verbs: Sequence[str] = VERBS) -> Action:
    """Reads an action from the text of an agent's turn.

    White space and one code fence around the text are dropped, because models like to write them; everything inside
    stays as it is.

    Args:
        text: The text.
        verbs: The verbs that are allowed, of `ALL_VERBS`.
    """
    if not isinstance(text, str):
        return Invalid(f"an action is text, not {type(text).__name__}")
    stripped = _without_fence(text.strip())
    first, _, rest = stripped.partition("\n")
    if stripped.startswith("FINISH("):
        closing = stripped.rfind(")")
        if closing == -1:
            return Invalid("FINISH( was not closed; write FINISH([...]) with a JSON list")
        return Finish(stripped[len("FINISH(") : closing])
    for verb in verbs:
        if first.startswith(verb) and first[len(verb) : len(verb) + 1].isspace():
            url = first[len(verb) :].strip()
            if verb in _ALONE and rest.strip():
                return Invalid(f"a {verb} is one line, {verb} url, and nothing after it")
            return request(verb, url, rest)
    known = ", ".join(verbs)
    return Invalid(f"an action begins with {known} or FINISH(; this one begins with neither")


def request(verb: str, url: str, body: str = "") -> Action:
    """Returns the action that sends a request.

    Args:
        verb: One of `ALL_VERBS`.
        url: The address.
        body: The JSON; left out for a GET and a DELETE.
    """
    return _WITH_BODY[verb](url, body) if verb in _WITH_BODY else _ALONE[verb](url)


class Sent(NamedTuple):
    """The parts of a request that an action sends.

    Attributes:
        verb: One of `ALL_VERBS`.
        url: The address as the agent wrote it.
        body: The JSON; empty for a GET and a DELETE.
        headers: Its ``content-type``: that of a JSON Patch for a PATCH with a list, else FHIR's; none without a body.
    """

    verb: str
    url: str
    body: str
    headers: Mapping[str, str]


def sent(action: Get | Post | Put | Patch | Delete) -> Sent:
    """Returns the request that an action sends."""
    verb = type(action).__name__.upper()
    if isinstance(action, Get | Delete):
        return Sent(verb, action.url, "", _NO_HEADERS)
    patches = isinstance(action, Patch) and action.body.lstrip()[:1] == "["
    return Sent(verb, action.url, action.body, _JSON_PATCH if patches else _FHIR_JSON)


def verbs_in(opening: str) -> tuple[str, ...]:
    """Returns the verbs that an episode's first text offers: `VERBS`, and those of which it shows the form."""
    offered = set(_OFFERED.findall(opening))
    return VERBS if not offered else tuple(verb for verb in ALL_VERBS if verb in VERBS or verb in offered)


def _without_fence(text: str) -> str:
    if not (text.startswith("```") and text.endswith("```")):
        return text
    inner = text[3:-3]
    first, newline, rest = inner.partition("\n")
    if newline and first.strip().replace("_", "").isalnum():
        inner = rest
    return inner.strip()


def render(action: Action) -> str:
    """Returns the text of an action, which `parse_action` reads back."""
    match action:
        case Get(url):
            return f"GET {url}"
        case Post(url, body):
            return f"POST {url}\n{body}"
        case Put(url, body):
            return f"PUT {url}\n{body}"
        case Patch(url, body):
            return f"PATCH {url}\n{body}"
        case Delete(url):
            return f"DELETE {url}"
        case Finish(answer):
            return f"FINISH({answer})"
        case Invalid(reason):
            return reason


def resolve(url: str, base_url: str) -> str:
    """Returns the part of a URL below the FHIR base.

    Args:
        url: The URL as the agent wrote it.
        base_url: The only base that may be reached, without a slash at its end.

    Returns:
        The text after the base and its slash, as an HTTP client sends it (see `as_sent`).

    Raises:
        RefusedTargetError: The URL is outside the base, or is not a URL.
    """
    example = f"write {base_url}/ followed by a resource type, as in {base_url}/Patient?family=Smith"
    if not url:
        raise RefusedTargetError(f"there is no URL; {example}")
    if len(url) > MAX_URL_CHARS:
        raise RefusedTargetError(f"the URL has {len(url):,} characters, more than the {MAX_URL_CHARS:,} allowed")
    if _NEVER_IN_URLS.search(url):
        raise RefusedTargetError("the URL holds control characters or broken Unicode")
    below = url[len(base_url) :]
    if not url.startswith(base_url) or (below and below[0] not in "/?#"):
        raise RefusedTargetError(f"the URL is outside the FHIR base; {example}")
    if _PLACEHOLDER.search(below):
        raise RefusedTargetError(
            "the URL holds [, ], { or }; write what such a placeholder stands for, or %5B, %5D, %7B, %7D if the "
            "character itself is meant"
        )
    path = below.partition("?")[0].partition("#")[0]
    if ("." in path or "%" in path) and _climbs(path):
        raise RefusedTargetError(f"the URL climbs out of its folder with '..'; {example}")
    return as_sent(below[1:] if below.startswith("/") else below)


def _climbs(path: str) -> bool:
    for _ in range(3):  # %252e%252e hides two dots behind two rounds of encoding
        path = unquote(path)
        if {".", ".."} & set(path.replace("\\", "/").split("/")):
            return True
    return False


def as_sent(target: str) -> str:
    """Returns a target as HTTP clients send it: without a fragment, and encoded where a request line wants it.

    Like Python's ``requests``, it encodes every percent sign of a path or a query in which one begins no escape.
    """
    if _SENDABLE.fullmatch(target):
        return target
    path, mark, query = target.partition("#")[0].partition("?")
    return _encoded(path, _IN_PATH) + mark + _encoded(query, _IN_PATH + "?")


def _encoded(text: str, safe: str) -> str:
    return quote(text, safe=safe if _BROKEN_ESCAPE.search(text) else safe + "%", errors="replace")


def read_answer(text: str) -> list[Any]:
    """Reads the JSON list of a FINISH.

    Args:
        text: The text between the brackets of ``FINISH(...)``.

    Raises:
        ValueError: It is not a JSON list, or holds a number that is not finite; the text says what would be right.
    """
    if len(text) > MAX_BODY_CHARS:
        raise ValueError("the answer is longer than a megabyte")
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(
            "the answer is not JSON; write FINISH([...]) with a JSON list, text in double quotes"
        ) from None
    if not isinstance(answer, list):
        raise ValueError("the answer is not a list; write FINISH([...]), with the brackets even around one value")
    if any(isinstance(item, float) and not math.isfinite(item) for item in answer):
        raise ValueError("the answer holds a number that is not finite")
    return answer


def slip_in(text: str, base_url: str, verbs: Sequence[str] = VERBS) -> str | None:
    """Returns what is wrong in an action that a person has typed, and what would be right; None if nothing is.

    A slip of the keyboard should cost a person no step. Agents have no such rule: their text is sent as it is.

    Args:
        text: The action.
        base_url: The only base that may be reached.
        verbs: The verbs that are allowed.
    """
    try:
        match parse_action(text, verbs):
            case Invalid(reason):
                return f"{reason}; as in GET {base_url}/Patient?family=Smith"
            case Finish(answer):
                read_answer(answer)
            case Get(url) | Delete(url):
                resolve(url, base_url)
            case Post(url, body) | Put(url, body):
                resolve(url, base_url)
                if not isinstance(json.loads(body), dict):
                    verb = text.split(maxsplit=1)[0]
                    return f'the JSON is no resource; write {{"resourceType": "…", …}} on the lines below {verb}'
            case Patch(url, body):
                resolve(url, base_url)
                if not isinstance(json.loads(body), list | dict):
                    return "the JSON is no patch; write a list of operations on the lines below PATCH"
    except json.JSONDecodeError as error:
        return f"the JSON cannot be read: {error.msg} at line {error.lineno}, column {error.colno} of it"
    except (ValueError, RecursionError) as error:
        return str(error)
    return None
