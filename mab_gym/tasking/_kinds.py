"""The kinds of tasks: queries, which only read, and actions, which write."""

from __future__ import annotations

from typing import Final

KINDS: Final = ("query", "action")
