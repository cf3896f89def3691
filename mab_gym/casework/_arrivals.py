"""The tools of ``arrivals.py`` of a family; they lie below, as the emergency department of a stay uses them, too."""

from __future__ import annotations

from mab_gym.tasking._arrivals import arrival_id, entered, note_text, text_attachment

__all__ = ["arrival_id", "entered", "note_text", "text_attachment"]
