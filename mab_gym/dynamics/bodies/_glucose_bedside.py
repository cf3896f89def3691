"""`GlucoseBedside`: what bodies with glucose share: lows as a patient shows them, and the meter at the bedside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from mab_gym.dynamics.bodies._bedside import Bedside
from mab_gym.dynamics.physiology._glucose import LOW
from mab_gym.tasking.stay import StayEvent

SEVERE: Final = 40.0
"""Glucose in mg/dL below which the patient cannot help themself: our choice; level 3 of hypoglycaemia has no number
(American Diabetes Association, Standards of Care, section 6)."""
RESCUE_G, RESCUE_AFTER = 20.0, 30
"""Glucose that a nurse gives for symptoms below 54 mg/dL, in grams, and the minutes after which. The guideline's 15 to
20 g; the time is our choice."""


class GlucoseBedside(Bedside):
    """A body with a model of glucose, in mg/dL.

    Args:
        changes: Further minutes at which the model's inputs change.
        signs: Vital signs in the place of the usual ones.
    """

    def __init__(self, changes: Iterable[int] = (), signs: Mapping[str, float] | None = None) -> None:
        super().__init__(changes, signs)
        self._low_since: int | None = None

    def measure(self, analyte: str) -> float | None:
        """Returns the true value now, glucose from a vein or a finger alike; None if it is not known."""
        return super().measure("glucose" if analyte == "glucose_meter" else analyte)

    def _lows(self, minute: int, level: float, *, harm: bool) -> list[StayEvent]:
        """Tells of a low once each time, and once of one that the patient does not answer in.

        Args:
            minute: The minute of the look.
            level: Glucose in mg/dL.
            harm: Says that a low counts as harm before it is severe.
        """
        events = list[StayEvent]()
        if level >= LOW[0]:
            self._low_since = None
        elif level < LOW[1] and self._low_since is None:
            self._low_since = minute
            text = f"The patient sweats and trembles; glucose at the bedside is {level:.0f} mg/dL."
            events.append(StayEvent(minute, "hypoglycaemia", text, harm))
        if level < SEVERE:
            text = f"The patient does not answer; glucose at the bedside is {level:.0f} mg/dL."
            events += self.once("severe_hypoglycaemia", text, harm=True, minute=minute)
        return events

    def _rescued(self, minute: int, level: float) -> bool:
        """Tells if a nurse gives glucose now, because a low goes on; the time to the next begins anew."""
        due = level < LOW[1] and self._low_since is not None and minute - self._low_since >= RESCUE_AFTER
        if due:
            self._low_since = minute
        return due
