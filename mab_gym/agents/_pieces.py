"""Streamed answers put together again: chat completions from their pieces, Responses from their last event.

OpenAI's SDK can put chat completions together, too, but adds up whatever is a text: where an endpoint says the role or
a call's name in each piece, it becomes "assistantassistant". Here only texts that come in pieces are added up, and a
piece costs the same however long the answer has become.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SAID_WHOLE = frozenset({"role", "id", "type", "name", "format", "signature", "thought_signature", "object", "model"})
"""Texts that never come in pieces; the last one that is not empty counts."""


class ChatPieces:
    """The pieces of a streamed chat completion."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._about: dict[str, Any] = {}
        self._reason: str | None = None

    def add(self, piece: Any) -> None:
        """Adds a piece as it came."""
        if not isinstance(piece, Mapping):
            return
        self._about |= {name: value for name, value in piece.items() if name != "choices" and value is not None}
        choices = piece.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, Mapping) and not choice.get("index"):
                _add(self._message, choice.get("delta"))
                self._reason = choice.get("finish_reason") or self._reason

    def whole(self) -> dict[str, Any]:
        """Returns the completion.

        Raises:
            ValueError: The stream ended before the answer did.
        """
        if self._reason is None:
            raise ValueError("the stream ended before the answer did")
        message = {"role": "assistant", **_joined(self._message)}
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, dict):
                call.pop("index", None)  # it belongs to the stream, and endpoints refuse it in a request
        return {**self._about, "choices": [{"index": 0, "finish_reason": self._reason, "message": message}]}


class ResponsePieces:
    """The events of a streamed answer of Responses; the last one holds all of it."""

    def __init__(self) -> None:
        self._last: Any = None

    def add(self, piece: Any) -> None:
        """Adds an event as it came."""
        if isinstance(piece, Mapping) and "response" in piece:
            self._last = piece["response"]

    def whole(self) -> Any:
        """Returns the answer.

        Raises:
            ValueError: The stream ended before the answer did.
        """
        if not isinstance(self._last, Mapping) or self._last.get("status") in ("queued", "in_progress"):
            raise ValueError("the stream ended before the answer did")
        return self._last


class _Text(list[str]):
    """A text in pieces."""


def _add(whole: dict[str, Any], delta: Any) -> None:
    """Adds what a piece says to what the pieces before it have said."""
    for name, value in delta.items() if isinstance(delta, Mapping) else ():
        if isinstance(value, str) and name not in _SAID_WHOLE:
            if not isinstance(whole.get(name), _Text):
                whole[name] = _Text()
            whole[name].append(value)
        elif isinstance(value, Mapping):
            if not isinstance(whole.get(name), dict):
                whole[name] = {}
            _add(whole[name], value)
        elif isinstance(value, list):
            if not isinstance(whole.get(name), list):
                whole[name] = []
            for entry in value:
                _add_entry(whole[name], entry)
        elif value not in (None, ""):
            whole[name] = value
        else:
            whole.setdefault(name, value)


def _add_entry(entries: list[Any], entry: Any) -> None:
    """Adds a piece of a list's entry to the entry that it continues; entries are told apart by their number and id."""
    if not isinstance(entry, Mapping):
        entries.append(entry)
        return
    before = next((each for each in reversed(entries) if _continues(each, entry)), None)
    if before is None:
        before = {}
        entries.append(before)
    _add(before, entry)


def _continues(before: Any, entry: Mapping[str, Any]) -> bool:
    """Tells if an entry goes on with another one; some endpoints give each whole call the number 0."""
    if not isinstance(before, dict) or before.get("index") != entry.get("index"):
        return False
    return entry.get("id") in (None, "", before.get("id")) and ("index" in entry or "type" not in entry)


def _joined(value: Any) -> Any:
    if isinstance(value, _Text):
        return "".join(value)
    if isinstance(value, dict):
        return {name: _joined(each) for name, each in value.items()}
    return [_joined(each) for each in value] if isinstance(value, list) else value
