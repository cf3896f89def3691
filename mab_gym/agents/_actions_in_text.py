"""Actions in a text: where each begins and ends among prose, marks of Markdown, code fences and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from mab_gym.actions import (
    VERBS,
    WITH_BODY,
    Delete,
    Finish,
    Get,
    Patch,
    Post,
    Put,
    parse_action,
    render,
    request,
)


class Found(NamedTuple):
    """An action in a text.

    Attributes:
        action: The action, as `mab_gym.actions.parse_action` reads it.
        complete: False if more of it might have followed in a message that was cut off.
        sure: False if it may be a mention and no action: a POST without its JSON, or one that the words before it
            decline, or a FINISH without a list.
        unclear: The reason for which it cannot be carried out as it is, for the agent; empty if it can.
    """

    action: str
    complete: bool
    sure: bool = True
    unclear: str = ""


_LABEL = r"(?:(?:final|next|my|the)[ ])?(?:action|answer|command|request|call|step|output|response|reply)(?:[ ]?\d+)?"
_LEAD = rf"(?:[ \t>*_`#•→\"'(-]|\d{{1,3}}[.)][ \t]|</?\w{{1,20}}>|{_LABEL}[*_`]{{0,3}}[ \t]?:)*+"


class Patterns(NamedTuple):
    """The patterns by which actions are found.

    Attributes:
        at_line: An action at the beginning of a line, behind the marks and labels that models like to write.
        in_sentence: An action in the middle of a sentence.
        call: A tool call written as text: its name before the JSON of its arguments, or in it, or marks round each
            argument.
    """

    at_line: re.Pattern[str]
    in_sentence: re.Pattern[str]
    call: re.Pattern[str]


@cache
def _patterns(verbs: Sequence[str]) -> Patterns:
    """Returns the patterns for actions of some verbs."""
    either = "|".join(verbs)
    name = f"{either}|finish".lower()
    return Patterns(
        re.compile(
            rf"^(?P<lead>{_LEAD})(?:(?P<verb>{either})[*_`]{{0,3}}:?[*_`]{{0,3}}[ \t]+(?P<quote>[<`\"']?)(?=https?://|/)"
            r"|FINISH[*_`]{0,3}[ \t]*\()",
            re.MULTILINE | re.IGNORECASE,
        ),
        re.compile(
            r"(?P<lead>(?<![\w/])[`\"'*(]{0,3})"
            rf"(?:\b(?P<verb>{either})[ \t]+(?P<quote>[<`\"']?)(?=https?://)|\bFINISH\((?=\s*\[))",
            re.IGNORECASE | re.ASCII,  # a word of another script may stand right before it
        ),
        re.compile(
            rf"(?<!\w)(?P<name>{name})(?::\d{{1,4}})?(?:<[|｜][^<>]{{1,40}}[|｜]>|\[ARGS\]|>|[ ]json)?"
            r"\s*(?:```(?:json)?\s*)?(?=\{)"
            r"|(?P<whole>\{\s*\"(?:name|type|function|arguments|parameters|tool_name|tool_call_id)\"\s*:)"
            rf"|(?:<function=|\binvoke name=\"|<tool_call>\s*)(?P<marked>{name})\b(?!>\s*\{{)",
            re.IGNORECASE,
        ),
    )


_BODY = re.compile(r"\s*(?:```[\w+/-]*[ \t]*\n\s*)?(?=[{\[])")
"""The way from a POST's address to its JSON, if nothing stands between."""
_HEADER = re.compile(r"[A-Za-z][A-Za-z-]{1,40}: *[^\s{][^{]{0,200}|HTTP/\d(?:\.\d)?")
_CURL = re.compile(r"(?:^|\s)(?:-d|--data[\w-]{0,10})[ =]['\"]?(?=\{)")
_BODY_LABEL = re.compile(r"[^{}\n.!?]{0,60}:")
_DECLINED = re.compile(
    r"\b(?:not|never|no need|instead of|rather than|considered|avoid|without|should i|could have|would have)\b|n't\b",
    re.IGNORECASE,
)
"""Words before a POST that is not meant."""
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_URL_END = re.compile(r"[\s`\"'<>]|\*\*")
_TOKEN = re.compile(r"<[|/a-zA-Z]")
_VERSION = re.compile(r"[ \t]HTTP/\d(?:\.\d)?$")
_ARGUMENT = re.compile(
    r"(?:<arg_key>\s*(?P<key>url|body|answer)\s*</arg_key>\s*<arg_value>"
    r"|parameter(?:=| name=\")(?P<named>url|body|answer)\b[^<>]{0,40}>)"
)
_ARGUMENT_END = re.compile(r"</[^<>]{0,8}(?:parameter|arg_value)>")
_JSON = json.JSONDecoder(strict=False)
_MOST = 10
"""Actions in one text; further ones are not looked for, since only the first counts."""


def actions_in(text: str, read_call: Callable[[str, object], str | None], verbs: Sequence[str] = VERBS) -> list[Found]:
    """Returns the actions that stand in a text, in order.

    Those at the beginning of a line count. Only if there are none, tool calls written as text count; then actions in
    the middle of a sentence; then what may be a mention; then a text that has the form of an action, though without a
    whole address.

    Args:
        text: The text, without thoughts.
        read_call: Returns the action of a tool call by its name and arguments; None if there is none.
        verbs: The verbs of requests.
    """
    patterns = _patterns(tuple(verbs))
    at_lines = list(islice(_scan(text, patterns.at_line, patterns), _MOST))
    found = (
        [each for each in at_lines if each.sure]
        or _ending_last(list(_calls_in(text, read_call, patterns.call)))
        or _ending_last([each for each in islice(_scan(text, patterns.in_sentence, patterns), _MOST) if each.sure])
        or [each for each in at_lines if each.action.startswith("FINISH") or each.action.partition("\n")[2]][:1]
    )
    if found:
        return found
    whole = parse_action(text, verbs)
    if isinstance(whole, Post | Put | Patch | Finish):
        return [Found(text.strip(), False)]
    first = text.strip().partition("\n")[0]
    line = parse_action(first, verbs)
    return [Found(first, True)] if isinstance(line, Get | Delete) and len(line.url.split()) == 1 else []


def _ending_last(found: list[Found]) -> list[Found]:
    """Returns actions in prose without each FINISH that others follow: that is a plan or an example."""
    last = len(found) - 1
    return [each for place, each in enumerate(found) if place == last or not each.action.startswith("FINISH")]


def _declined(text: str, place: int) -> bool:
    """Tells if the sentence that leads to a place says that its action is not meant."""
    before = text[max(0, place - 300) : place].rstrip("\n \t`*\"'(").rpartition("\n")[2]
    return bool(_DECLINED.search(_SENTENCE_END.split(before)[-1]))


def _scan(text: str, pattern: re.Pattern[str], patterns: Patterns) -> Iterator[Found]:
    place = 0
    while (start := pattern.search(text, place)) is not None:
        if start["verb"] is None:
            found, place = _finish(text, start.end())
        else:
            found, place = _request(text, start, patterns.at_line, whole_line=pattern is patterns.at_line)
        yield found


def _request(text: str, start: re.Match[str], at_line: re.Pattern[str], whole_line: bool) -> tuple[Found, int]:
    """Reads a request, whose address begins where the match ends; returns it and the place behind it."""
    begin = start.end()
    newline = text.find("\n", begin)
    line_end = len(text) if newline < 0 else newline
    line = text[begin:line_end]
    verb = start["verb"].upper()
    writes = verb in WITH_BODY
    body_at = re.search(r"\s[{\[]", line) if writes else None
    if body_at is not None:
        line = line[: body_at.start()]
    if whole_line or start["quote"]:
        marks = [mark for mark in ("`", "**", '"', "'", "<") if mark in start["lead"]]
        # A name in an address may hold a quote, so that the last one closes what began before the verb.
        ends = [place for mark in marks if (place := (line.rfind if mark in "\"'" else line.find)(mark)) >= 0]
        if start["quote"] and (place := line.find(start["quote"].replace("<", ">"))) >= 0:
            ends.append(place)
        closed = bool(ends)
        url = line[: min(ends)] if ends else _bare(line)
    else:
        url = _URL_END.split(line, maxsplit=1)[0].rstrip(".,;:!?]}")
        while url.endswith(")") and url.count(")") > url.count("("):
            url = url[:-1].rstrip(".,;:!?]}")
        closed = True
    url = url.strip()
    if not writes:
        return Found(render(request(verb, url)), closed or newline >= 0), line_end
    url = url.split(maxsplit=1)[0] if url else url
    after = begin + line.find(url) + len(url)
    while text[after : after + 1] in ("`", "*", '"', "'", ">") and text[after : after + 3] != "```":
        after += 1
    found, end = _body(text, verb, url, after, at_line)
    declined = _declined(text, start.end("lead"))
    return found._replace(sure=found.sure and not declined), end


def _bare(line: str) -> str:
    """Returns an address that fills its line, without marks, a version, and tokens such as ``<|im_end|>`` behind it."""
    token = _TOKEN.search(line)
    return _VERSION.sub("", line[: None if token is None else token.start()].rstrip("`*> \t\r"))


def _body(text: str, verb: str, url: str, after: int, at_line: re.Pattern[str]) -> tuple[Found, int]:
    """Reads the body of a request: the JSON that follows, as it is written, or all the text that may belong to it.

    Args:
        text: The whole text.
        verb: The verb.
        url: The address.
        after: The place behind it.
        at_line: The pattern of an action at the beginning of a line, before which the body ends.
    """
    further = at_line.search(text, after)
    limit = len(text) if further is None else further.start()
    place = _json_place(text, after, limit)
    if place is not None:
        try:
            _, end = _JSON.raw_decode(text, place)
        except (ValueError, RecursionError):
            pass
        else:
            again = re.compile(r"^[ \t]*\{", re.MULTILINE).search(text, end, limit)
            alone = again is None or not _is_json(text, again.end() - 1)
            unclear = "" if alone else _TWO_BODIES.format(verb=verb)
            return Found(render(request(verb, url, text[place:end])), True, unclear=unclear), end
    if place is None:
        return Found(render(request(verb, url)), False, sure=False), after
    fence = text.find("```", place)
    end = limit if fence < 0 else min(fence, limit)
    return Found(render(request(verb, url, text[place:end].strip())), end < len(text), sure=False), max(end, after)


_TWO_BODIES = "more than one JSON object follows the {verb}; write the one that is meant, alone"


def _is_json(text: str, place: int) -> bool:
    try:
        _JSON.raw_decode(text, place)
    except (ValueError, RecursionError):
        return False
    return True


def _json_place(text: str, after: int, limit: int) -> int | None:
    """Returns the place at which a POST's JSON begins; None if it cannot be told.

    Between the address and the JSON may stand nothing, headers, options of curl, or one label such as ``Body:``.
    """
    found = _BODY.match(text, after)
    if found is not None:
        return found.end()
    place, labels = after, 0
    while place < limit and labels < 2:
        newline = text.find("\n", place, limit)
        line_end = limit if newline < 0 else newline
        option = _CURL.search(text, place, line_end)
        line = text[place:line_end].strip(" \t*_`\\")
        if option is not None and (place == after or line.startswith("-")):
            return option.end()
        if line and not (_HEADER.fullmatch(line) or line.startswith("-")):
            labelled = _BODY_LABEL.match(line)
            if labelled is None:
                return None
            labels += 1
            if line[labelled.end() :].strip(" *_`").startswith("{"):
                return text.index("{", place)
            if labelled.end() != len(line):
                return None
        place = line_end + 1
        found = _BODY.match(text, line_end)
        if found is not None and labels < 2:
            return found.end()
    return None


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
        return Found(render(Finish(text[begin:end])), True, isinstance(answer, list)), closing
    newline = text.find("\n", place)
    line_end = len(text) if newline < 0 else newline
    closing = text.rfind(")", place, line_end)
    if closing < 0:
        closing = text.rfind(")", place)
    if closing < 0:
        return Found(f"FINISH({text[place:]}", False, False), len(text)
    return Found(render(Finish(text[place:closing])), False, False), closing + 1


def _calls_in(text: str, read_call: Callable[[str, object], str | None], pattern: re.Pattern[str]) -> Iterator[Found]:
    """Reads tool calls that are written as text."""
    place = 0
    for _ in range(_MOST):
        start = pattern.search(text, place)
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
