"""A model's thoughts, told apart from its words: by tags and channels in the text, and by fields beside it.

The forms are those that models and endpoints send: tags as in ``<think>`` (also only the closing one, if the chat
template has opened it), the channels of gpt-oss with or without their special tokens, Granite's two headings, and the
fields ``reasoning_content``, ``reasoning``, ``reasoning_details`` and ``thinking`` of a message or of its parts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

_TAGS = "think|thinking|thoughts?|reason|reasoning|reflection|scratchpad|analysis|seed:think"
_MARK = re.compile(
    rf"(?P<open><(?:{_TAGS})(?:\s[^<>]*)?>|\[THINK\]|◁think▷|<\|START_THINKING\|>|<\|begin_of_thought\|>"
    rf"|<unused94>(?:thought\b)?|<\|channel>thought\b)"
    rf"|</(?:{_TAGS})\s*>|\[/THINK\]|◁/think▷|<\|END_THINKING\|>|<\|end_of_thought\|>|<unused95>|<channel\|>",
    re.IGNORECASE,
)
"""A mark that opens thoughts or closes them, as reasoning models and their chat templates write them."""
_STRAY_END = re.compile(rf"(?:</(?:{_TAGS})\s{{0,3}}>|\[/THINK\]|◁/think▷)\s*\Z", re.IGNORECASE)
_CHANNEL = re.compile(
    r"(?:to=functions\.(?P<called>\w{1,60})\s?)?<\|channel\|>\s?(?P<name>\w{1,20})[^<]{0,40}?(?:to=functions\.(?P<tool>\w{1,60})[^<]{0,40})?"
    r"(?:<\|constrain\|>[^<]{0,40})?<\|message\|>"
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call)\|>|<\|start\|>")
_STRIPPED_CHANNELS = re.compile(r"\s*analysis(?P<thoughts>.*?)assistant\s?(?:final|commentary)(?P<said>.*)", re.DOTALL)
"""gpt-oss without its special tokens: the names of the channels stand in the text."""
_HEADINGS = re.compile(
    r"\s*Here(?:'s| is) my thought process:(?P<thoughts>.*?)Here(?:'s| is) my response:(?P<said>.*)", re.DOTALL
)
_FIELDS = ("reasoning_content", "reasoning", "reasoning_details", "thinking")
_PARTS = frozenset({"thinking", "reasoning", "reasoning_text", "redacted_thinking", "summary_text"})
_INSIDE = ("text", "thinking", "summary", "content", "reasoning")
"""The fields of a part that may hold its text."""


class Words(NamedTuple):
    """A model's text, taken apart.

    Attributes:
        said: The text without thoughts.
        thoughts: The thoughts; empty if there are none.
        unended: True if the thoughts have no end, so that all the rest is among them.
    """

    said: str
    thoughts: str
    unended: bool


def words_of(text: str) -> Words:
    """Tells a model's words from the thoughts in its text."""
    if "<|message|>" in text:
        return _by_channels(text)
    for form in (_STRIPPED_CHANNELS, _HEADINGS):
        found = form.fullmatch(text)
        if found is not None:
            return Words(found["said"], found["thoughts"].strip(), False)
    return _by_tags(text)


def _by_tags(text: str) -> Words:
    said, thoughts = "", []
    begun: int | None = None
    place = 0
    quoted = _Quotes(text)
    for mark in _MARK.finditer(text):
        if begun is not None:
            if mark["open"] is None:
                thoughts.append(text[begun : mark.start()])
                begun, place = None, mark.end()
        elif quoted.at(mark.start()) or _is_mention(text, place, mark):
            continue
        elif mark["open"] is None:  # the chat template has opened it, so all before it are thoughts
            thoughts.append(said + text[place : mark.start()])
            said, place = "", mark.end()
        else:
            said += text[place : mark.start()]
            begun = mark.end()
    if begun is None:
        said += text[place:]
    else:
        thoughts.append(text[begun:])
    return Words(said, _joined(thoughts), begun is not None)


def _is_mention(text: str, place: int, mark: re.Match[str]) -> bool:
    """Tells if a mark only names a tag, as in "I should not use <think>": one that opens thoughts begins its line."""
    if mark["open"] is None or "|" in mark[0] or not mark[0].startswith("<"):
        return False
    line = text.rfind("\n", 0, mark.start()) + 1
    return bool(text[max(place, line) : mark.start()].strip(" \t>*"))


def without_stray_end(text: str) -> str:
    """Returns a text without marks that close thoughts at its end, with nothing behind them."""
    while (mark := _STRAY_END.search(text)) is not None:
        text = text[: mark.start()].rstrip()
    return text


class _Quotes:
    """Tells if a place is inside a string in double quotes on its line, as in the JSON of a POST.

    Args:
        text: The text; places are asked for in order, so that it is read once.
    """

    def __init__(self, text: str) -> None:
        self._text, self._place, self._inside = text, 0, False

    def at(self, place: int) -> bool:
        for each in _QUOTES.finditer(self._text, self._place, place):
            self._inside = each[0] == '"' and not self._inside if each[0] in '"\n' else self._inside
        self._place = place
        return self._inside


_QUOTES = re.compile(r'\\.|"|\n')


def _by_channels(text: str) -> Words:
    """Reads gpt-oss's channels: words are ``final`` and ``commentary``, and calls of tools; thoughts are the rest."""
    said, thoughts = [], []
    ended = False
    channels = list(_CHANNEL.finditer(text))
    for channel, following in zip_longest(channels, channels[1:]):
        limit = len(text) if following is None else following.start()
        end = _CHANNEL_END.search(text, channel.end(), limit)
        content = text[channel.end() : limit if end is None else end.start()]
        tool = channel["tool"] or channel["called"]
        if tool:
            said.append(as_call(tool, content))
        elif channel["name"] in ("final", "commentary"):
            said.append(content)
        else:
            thoughts.append(content)
            continue
        ended = True
    return Words("\n".join(said), _joined(thoughts), not ended)


def as_call(name: str, arguments: str) -> str:
    """Returns a tool call as text, in the form that many models write where nobody reads their calls."""
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def said_in(message: Mapping[str, Any]) -> str:
    """Returns the text of a message's content; of its parts those that are no thoughts."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(
            str(part.get("text") or "") for part in content if isinstance(part, dict) and not _is_thought(part)
        )
    return content if isinstance(content, str) else ""


def thoughts_beside(message: Mapping[str, Any]) -> str:
    """Returns the thoughts in a message's fields and in the parts of its content."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    thought = [part for part in parts if isinstance(part, dict) and _is_thought(part)]
    return joined_texts([message.get(name) for name in _FIELDS] + thought)


def _is_thought(part: Mapping[str, Any]) -> bool:
    return part.get("type") in _PARTS or part.get("thought") is True


def joined_texts(value: Any) -> str:
    """Returns all texts in a field of thoughts, each once: some endpoints send the same ones by two names."""
    return _joined(dict.fromkeys(_texts(value)))


def _texts(value: Any, depth: int = 6) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and depth:
        for each in value if isinstance(value, list) else map(value.get, _INSIDE):
            yield from _texts(each, depth - 1)


def _joined(texts: Iterable[str]) -> str:
    return "\n\n".join(text for text in map(str.strip, texts) if text)
