"""The kinds of tasks (queries, which only read, and actions, which write), and the places of their protocols."""

from __future__ import annotations

from typing import Final

KINDS: Final = ("query", "action")

KNOWLEDGE: Final = ("prompt", "handbook", "none")
"""Places of a case's protocol: in the prompt, in the handbook's pages among the records, or nowhere."""
