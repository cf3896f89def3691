"""The two sides that meet in a stay: what nurses and the laboratory do, and the body to which it is done.

Minutes count from the beginning of the episode. A body is advanced by whole minutes alone, so that it does not matter
into how many steps a time is cut.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mab_gym.tasking.stay import StayEvent

CONTINUOUS = math.inf
"""The duration of an infusion that goes on until it is stopped."""


@dataclass(frozen=True, slots=True)
class Dose:
    """One administration, as nurses give it.

    Attributes:
        order: Identifies the order (``MedicationRequest/123``), so that a continuous infusion can be stopped.
        drug: The ingredient, in lower case, as `tasking.meaning` names it: ``potassium chloride``, ``heparin``.
        amount: In ``unit``; for a continuous infusion in ``unit`` per hour.
        unit: UCUM: ``meq``, ``g``, ``mg``, ``[iU]``, ``mL``.
        route: ``iv``, ``oral``, ``sc``, ``im``.
        minutes: The time over which it runs in; 0 at once, `CONTINUOUS` until it is stopped.
    """

    order: str
    drug: str
    amount: float
    unit: str
    route: str
    minutes: float = 0.0


class Body(Protocol):
    """A patient during a stay; `mab_gym.dynamics.physiology` has the models.

    All of it follows from how it was made and what was done: no clock, no random generator of its own.
    """

    @property
    def minute(self) -> int:
        """The minute that it has reached."""
        ...

    def advance(self, minutes: int) -> Sequence[StayEvent]:
        """Lets whole minutes pass, and returns what happened."""
        ...

    def give(self, dose: Dose) -> Sequence[StayEvent]:
        """Begins a dose now. A drug that the model does not know changes nothing.

        A further continuous dose of the same order changes its rate.
        """
        ...

    def stop(self, order: str) -> None:
        """Ends what still runs in of an order; nothing where nothing does."""
        ...

    def measures(self, analyte: str) -> bool:
        """Tells if the model knows an analyte (a key of the laboratory's catalogue, as in ``potassium``)."""
        ...

    def measure(self, analyte: str) -> float | None:
        """Returns the true value now, without the laboratory's noise, in the catalogue's unit; None if not known."""
        ...

    def vital_signs(self) -> Mapping[str, float]:
        """Returns pulse, pressures, breathing, temperature and saturation now, by the catalogue's keys."""
        ...

    def truth(self) -> Mapping[str, float]:
        """Returns the observables that outcomes are judged by, as in ``{"potassium": 3.4, "gfr": 62.0}``."""
        ...
