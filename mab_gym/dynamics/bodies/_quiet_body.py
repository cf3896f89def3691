"""A patient in whom nothing of what is modelled changes: for work-ups, where decisions count and no physiology."""

from __future__ import annotations

from collections.abc import Mapping

from mab_gym.dynamics._body import Dose
from mab_gym.dynamics.bodies._bedside import Bedside
from mab_gym.tasking.stay import StayEvent


class QuietBody(Bedside):
    """Values and signs that stay as they are.

    Args:
        values: True values by the keys of the laboratory's catalogue.
        signs: Vital signs in the place of the usual ones.
    """

    def __init__(self, values: Mapping[str, float], signs: Mapping[str, float] | None = None) -> None:
        super().__init__((), signs)
        self._quiet = dict(values)
        self._state = None

    def _carry(self, minutes: int) -> None:
        """Changes nothing."""

    def _look(self, minute: int) -> list[StayEvent]:
        return []

    def _begin(self, dose: Dose, drug: str) -> list[StayEvent]:
        return []

    def _values(self) -> Mapping[str, float]:
        return self._quiet
