"""Ids of the resources that come in with a case, and the texts of documents."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
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


_MADE: Final = (
    "issued", "authoredOn", "sent", "recordedDate", "recorded", "created", "dateTime", "date", "effectiveDateTime",
    "occurrenceDateTime", "whenHandedOver",
)  # fmt: skip
"""Elements that say when a resource was made, the surest first."""
_LOADED: Final = datetime(2024, 6, 2, 4, tzinfo=UTC)
"""The night in which the hospital's older records were loaded; nothing was entered before."""


def entered(resource: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Returns a resource that came in with a case, entered when it was made.

    With the time of the episode's beginning in ``meta.lastUpdated``, one search would tell what came in from what had
    been there.

    Args:
        resource: The resource.
        now: The record system's clock.
    """
    at = next((found for name in _MADE if (found := _time(resource.get(name))) is not None), None)
    if at is None:
        at = _time((resource.get("period") or {}).get("end")) or _time((resource.get("period") or {}).get("start"))
    if at is None:
        return dict(resource)
    share = zlib.crc32(str(resource.get("id")).encode())
    entry = at + timedelta(milliseconds=share % 240_000)
    if entry < _LOADED:
        entry = _LOADED + timedelta(milliseconds=share % 14_400_000)
    written = min(entry, now).astimezone(now.tzinfo).isoformat(timespec="milliseconds")
    return {**resource, "meta": {**resource.get("meta", {}), "lastUpdated": written}}


def _time(written: Any) -> datetime | None:
    """Returns the time of a dateTime; None for a date alone, and for what is none."""
    if not isinstance(written, str) or len(written) < 19:
        return None
    found = datetime.fromisoformat(written)
    return found if found.tzinfo is not None else None


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
