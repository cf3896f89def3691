"""What stands in the prompt for ``{jobs}``."""

from __future__ import annotations

from .cases import SHIFT

PLACEHOLDERS = {"jobs": SHIFT.tell}
