"""The text that the prompt has for ``{jobs}``."""

from __future__ import annotations

from .cases import SHIFT

PLACEHOLDERS = {"jobs": SHIFT.tell}
