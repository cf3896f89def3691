"""Slots of clinics as times at which somebody can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SlotTime:
    """The time of a Slot.

    Attributes:
        id: The slot's id.
        who: The practitioner's reference.
        start: Its beginning, timezone-aware.
        end: Its end.
        free: True if nobody has taken it.
    """

    id: str
    who: str
    start: datetime
    end: datetime
    free: bool

    @classmethod
    def of(cls, slot: Mapping[str, Any], who: str) -> SlotTime:
        """Reads a Slot of a practitioner's schedule."""
        start, end = datetime.fromisoformat(slot["start"]), datetime.fromisoformat(slot["end"])
        return cls(str(slot["id"]), who, start, end, slot["status"] == "free")
