"""Ids of the resources that come in with a case, and the texts of documents."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any, Final

from mab_gym.tasking.case import Case

_FIRST: Final = 4_000_000_000
"""Ids of arrivals lie above those of all people, as what comes in last has the highest.

A letter stands before them: HAPI lets no client give an id of digits alone.
"""
_ROOM: Final = 1_000


def arrival_id(case: Case, number: int) -> str:
    """Returns the id of something that came in with a case.

    Args:
        case: The case; the id tells nothing of it.
        number: 0 to 999, in the order in which things came in.
    """
    return f"a{_FIRST + _share(case) % 1_000_000 * _ROOM + number}"


_KNOWN: dict[int, tuple[Case, int]] = {}
"""The share of the ids of the cases that were asked for last, by the identity of the case."""
_MOST_KNOWN: Final = 256


def _share(case: Case) -> int:
    known = _KNOWN.get(id(case))
    if known is not None and known[0] is case:
        return known[1]
    facts = f"{case.family}/{case.branch}/{sorted(case.params.items(), key=str)}"
    found = zlib.crc32(facts.encode())
    if len(_KNOWN) >= _MOST_KNOWN:
        _KNOWN.clear()
    _KNOWN[id(case)] = case, found
    return found


def text_attachment(text: str, title: str, created: str) -> dict[str, Any]:
    """Returns an Attachment with a plain text.

    Args:
        text: The text.
        title: Its title.
        created: When it was written, as a dateTime.
    """
    raw = text.encode()
    return {
        "contentType": "text/plain; charset=utf-8",
        "data": base64.b64encode(raw).decode("ascii"),
        "size": len(raw),
        "title": title,
        "creation": created,
    }


def note_text(document: Mapping[str, Any]) -> str:
    """Returns the text of a DocumentReference's first attachment; empty where there is none that can be read."""
    try:
        return base64.b64decode(document["content"][0]["attachment"]["data"]).decode()
    except (KeyError, IndexError, TypeError, ValueError):
        return ""
