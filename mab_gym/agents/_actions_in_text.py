"""Actions in a text: where each begins and ends among prose, marks of Markdown, code fences and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from mab_gym.actions import Finish, Get, Post, parse_action, render


class Found(NamedTuple):
    """An action in a text.

    Attributes:
        action: The action, as `mab_gym.actions.parse_action` reads it.
        complete: False if more of it might have followed in a message that was cut off.
    """

    action: str
    complete: bool


_LABEL = r"(?:(?:final|next|my|the)[ ])?(?:action|answer|command|request|call|step|output|response|reply)(?:[ ]?\d+)?"
_LEAD = rf"(?:[ \t>*_`#•→\"'(-]|\d{{1,3}}[.)][ \t]|</?\w{{1,20}}>|{_LABEL}[*_`]{{0,3}}[ \t]?:)*+"
_AT_LINE = re.compile(
    rf"^(?P<lead>{_LEAD})(?:(?P<verb>GET|POST)[*_`]{{0,3}}:?[*_`]{{0,3}}[ \t]+(?P<quote>[<`\"']?)(?=https?://|/)"
    r"|FINISH[*_`]{0,3}[ \t]*\()",
    re.MULTILINE | re.IGNORECASE,
)
"""An action at the beginning of a line, behind the marks and labels that models like to write."""
_IN_SENTENCE = re.compile(
    r"(?P<lead>(?<![\w/])[`\"'*(]{0,3})"
    r"(?:\b(?P<verb>GET|POST)[ \t]+(?P<quote>[<`\"']?)(?=https?://)|\bFINISH\((?=\s*\[))",
    re.IGNORECASE | re.ASCII,  # a word of another script may stand right before it
)
"""An action in the middle of a sentence."""
_BODY = re.compile(r"\s*(?:```[\w+/-]*[ \t]*\n\s*)?(?=[{\[])")
"""The way from a POST's address to its JSON, if nothing stands between."""
_LATER_BODY = re.compile(
    r"(?:^[ \t*_`]*(?:[A-Za-z][\w -]{0,30}:[*_` \t]{0,6})?(?:```[\w+/-]*[ \t]*\n\s*)?"
    r"|\s(?:-d|--data[\w-]{0,10})[ =]['\"]?)(?=\{)",
    re.MULTILINE,
)
"""The beginning of a POST's JSON, if words stand between, or headers, or options of curl."""
_URL_END = re.compile(r"[\s`\"'<>]|\*\*")
_TOKEN = re.compile(r"<[|/a-zA-Z]")
_VERSION = re.compile(r"[ \t]HTTP/\d(?:\.\d)?$")
_CALL = re.compile(
    r"(?<!\w)(?P<name>get|post|finish)(?::\d{1,4})?(?:<[|｜][^<>]{1,40}[|｜]>|\[ARGS\]|>|[ ]json)?"
    r"\s*(?:```(?:json)?\s*)?(?=\{)"
    r"|(?P<whole>\{\s*\"(?:name|type|function|arguments|parameters|tool_name|tool_call_id)\"\s*:)"
    r"|(?:<function=|\binvoke name=\"|<tool_call>\s*)(?P<marked>get|post|finish)\b(?!>\s*\{)",
    re.IGNORECASE,
)
"""A tool call written as text: its name before the JSON of its arguments, or in it, or marks round each argument."""
_ARGUMENT = re.compile(
    r"(?:<arg_key>\s*(?P<key>url|body|answer)\s*</arg_key>\s*<arg_value>"
    r"|parameter(?:=| name=\")(?P<named>url|body|answer)\b[^<>]{0,40}>)"
)
_ARGUMENT_END = re.compile(r"</[^<>]{0,8}(?:parameter|arg_value)>")
_JSON = json.JSONDecoder(strict=False)
_MOST = 10
"""Actions in one text; further ones are not looked for, since only the first counts."""


def actions_in(text: str, read_call: Callable[[str, object], str | None]) -> list[Found]:
    """Returns the actions that stand in a text, in order.

    Those at the beginning of a line count. Only if there are none, tool calls written as text count; then actions in
    the middle of a sentence; then a text that has the form of an action, though without a whole address.

    Args:
        text: The text, without thoughts.
        read_call: Returns the action of a tool call by its name and arguments; None if there is none.
    """
    found = (
        list(islice(_scan(text, _AT_LINE), _MOST))
        or list(_calls_in(text, read_call))
        or list(islice(_scan(text, _IN_SENTENCE), _MOST))
    )
    if found:
        return found
    whole = parse_action(text)
    if isinstance(whole, Post | Finish):
        return [Found(text.strip(), False)]
    first = text.strip().partition("\n")[0]
    line = parse_action(first)
    return [Found(first, True)] if isinstance(line, Get) and len(line.url.split()) == 1 else []


def _scan(text: str, pattern: re.Pattern[str]) -> Iterator[Found]:
    place = 0
    while (start := pattern.search(text, place)) is not None:
        if start["verb"] is None:
            found, place = _finish(text, start.end())
        else:
            found, place = _request(text, start, whole_line=pattern is _AT_LINE)
        yield found


def _request(text: str, start: re.Match[str], whole_line: bool) -> tuple[Found, int]:
    """Reads a GET or POST, whose address begins where the match ends; returns it and the place behind it."""
    begin = start.end()
    newline = text.find("\n", begin)
    line_end = len(text) if newline < 0 else newline
    line = text[begin:line_end]
    body_at = re.search(r"\s[{\[]", line) if start["verb"].upper() == "POST" else None
    if body_at is not None:
        line = line[: body_at.start()]
    if whole_line or start["quote"]:
        marks = [mark for mark in ("`", "**", '"', "'", "<") if mark in start["lead"]]
        if start["quote"]:
            marks.append(start["quote"].replace("<", ">"))
        ends = [place for place in map(line.find, marks) if place >= 0]
        closed = bool(ends)
        url = line[: min(ends)] if ends else _bare(line)
    else:
        url = _URL_END.split(line, maxsplit=1)[0].rstrip(".,;:!?)]}")
        closed = True
    url = url.strip()
    if start["verb"].upper() == "GET":
        return Found(render(Get(url)), closed or newline >= 0), line_end
    after = begin + line.find(url) + len(url)
    while text[after : after + 1] in ("`", "*", '"', "'", ">") and text[after : after + 3] != "```":
        after += 1
    body, complete, end = _body(text, after)
    return Found(render(Post(url, body)), complete), end


def _bare(line: str) -> str:
    """Returns an address that fills its line, without marks, a version, and tokens such as ``<|im_end|>`` behind it."""
    token = _TOKEN.search(line)
    return _VERSION.sub("", line[: None if token is None else token.start()].rstrip("`*> \t\r"))


def _body(text: str, after: int) -> tuple[str, bool, int]:
    """Reads the body of a POST: the JSON that follows, as it is written, or all the text that may belong to it."""
    further = _AT_LINE.search(text, after)
    limit = len(text) if further is None else further.start()
    begin = _BODY.match(text, after) or _LATER_BODY.search(text, after, limit)
    place = after if begin is None else begin.end()
    if begin is not None:
        try:
            _, end = _JSON.raw_decode(text, place)
        except (ValueError, RecursionError):
            pass
        else:
            return text[place:end], True, end
    fence = text.find("```", place)
    end = limit if fence < 0 else min(fence, limit)
    return text[place:end].strip(), end < len(text), max(end, after)


def _finish(text: str, place: int) -> tuple[Found, int]:
    """Reads the answer of a FINISH: a JSON value up to its bracket, or else the text up to the last bracket."""
    begin = place + len(text[place:]) - len(text[place:].lstrip())
    try:
        answer, end = _JSON.raw_decode(text, begin)
    except (ValueError, RecursionError):
        answer, end = None, begin
    behind = text[end:].lstrip()
    if isinstance(answer, list) or behind.startswith(")"):
        closing = end + text[end:].find(")") + 1 if behind.startswith(")") else end
        return Found(render(Finish(text[begin:end])), True), closing
    newline = text.find("\n", place)
    line_end = len(text) if newline < 0 else newline
    closing = text.rfind(")", place, line_end)
    if closing < 0:
        closing = text.rfind(")", place)
    if closing < 0:
        return Found(f"FINISH({text[place:]}", False), len(text)
    return Found(render(Finish(text[place:closing])), True), closing + 1


def _calls_in(text: str, read_call: Callable[[str, object], str | None]) -> Iterator[Found]:
    """Reads tool calls that are written as text; see `_CALL`."""
    place = 0
    for _ in range(_MOST):
        start = _CALL.search(text, place)
        if start is None:
            return
        place = start.end()
        call: tuple[str, object]
        if start["marked"] is not None:
            call = start["marked"], _marked_arguments(text, place)
        else:
            try:
                found, place = _JSON.raw_decode(text, place if start["whole"] is None else start.start())
            except (ValueError, RecursionError):
                continue
            call = (start["name"], found) if start["whole"] is None else _named(found)
        action = read_call(*call)
        if action is not None:
            yield Found(action, True)


def _named(call: dict[str, Any]) -> tuple[str, object]:
    """Returns the name and the arguments of a call that is one JSON object."""
    inner = call.get("function")
    call = inner if isinstance(inner, dict) else call
    return str(call.get("name", call.get("tool_name"))), call.get("arguments", call.get("parameters"))


def _marked_arguments(text: str, place: int) -> dict[str, str]:
    """Returns the arguments of a call each of which stands between marks of its own."""
    arguments: dict[str, str] = {}
    for _ in range(2):  # no tool has more
        start = _ARGUMENT.search(text, place)
        end = None if start is None else _ARGUMENT_END.search(text, start.end())
        if start is None or end is None:
            break
        arguments[start["key"] or start["named"]] = text[start.end() : end.start()].strip()
        place = end.end()
    return arguments
