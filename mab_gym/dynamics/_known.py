"""Values that the hospital knows: the laboratory's latest results, and the nurses' last vital signs."""

from __future__ import annotations

from typing import Final

FRESH: Final = 24 * 60
"""Minutes for which a result counts as known."""
_SAME: Final = {"glucose_meter": "glucose"}


class Known:
    """The latest known values of one stay, by key."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, tuple[int, float]] = {}

    def learn(self, key: str, minute: int, value: float) -> None:
        """Notes a value that became known."""
        self._values[_SAME.get(key, key)] = (minute, value)

    def value(self, key: str, minute: int, fresh: int = FRESH) -> float | None:
        """Returns the latest value if it is not older than ``fresh`` minutes; else None."""
        found = self._values.get(key)
        return found[1] if found is not None and minute - found[0] <= fresh else None

    def since(self, key: str) -> int:
        """Returns the minute at which the latest value became known; -1 where there is none."""
        found = self._values.get(key)
        return -1 if found is None else found[0]
