"""`Bedside`: what every body shares, whatever it models: its clock, what runs in, and what it reports.

A body is carried on in steps that end at fixed minutes (every quarter of an hour since the beginning), where a dose
begins, changes or ends, and where the case says that something changes. So it does not matter how a time is cut: the
minutes in between are computed when somebody measures, and forgotten again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mab_gym.dynamics._body import CONTINUOUS, Dose
from mab_gym.tasking.stay import StayEvent

EVERY: Final = 15
"""Minutes from one look at the body to the next. Chosen: what harms here builds up over longer times."""
USUAL_SIGNS: Final[Mapping[str, float]] = {
    "pulse": 78.0,
    "systolic": 126.0,
    "diastolic": 74.0,
    "respiratory_rate": 16.0,
    "temperature": 36.8,
    "saturation": 97.0,
}
"""Vital signs of an adult who is not very ill: our choice, within the usual limits."""


@dataclass(slots=True)
class Infusion:
    """Something that runs in.

    Attributes:
        order: The order.
        what: The input of the model that it feeds.
        rate: Per hour, in the model's unit.
        until: The minute at which it ends; None if it goes on until it is stopped.
    """

    order: str
    what: str
    rate: float
    until: int | None


class Bedside(ABC):
    """A body that is carried on in steps; see the module.

    Args:
        changes: Further minutes at which the model's inputs change.
        signs: Vital signs in the place of the usual ones.
    """

    def __init__(self, changes: Iterable[int] = (), signs: Mapping[str, float] | None = None) -> None:
        self._minute = 0
        self._carried = 0
        self._changes = sorted(set(changes))
        self._running: list[Infusion] = []
        self._told: set[str] = set()
        self._signs = {**USUAL_SIGNS, **(signs or {})}

    @property
    def minute(self) -> int:
        """The minute that it has reached."""
        return self._minute

    def advance(self, minutes: int) -> Sequence[StayEvent]:
        """Lets whole minutes pass, and returns what happened."""
        until, events = self._minute + minutes, list[StayEvent]()
        while (end := self._next_end()) <= until:
            self._commit(end)
            events += self._look(end)
            self._end_infusions(end)
        self._minute = until
        return events

    def give(self, dose: Dose) -> Sequence[StayEvent]:
        """Begins a dose now. A drug that the model does not know changes nothing."""
        self._commit(self._minute)
        return self._begin(dose, dose.drug.lower().replace("_", " "))

    def stop(self, order: str) -> None:
        """Ends what still runs in of an order; nothing where nothing does."""
        if any(each.order == order for each in self._running):
            self._commit(self._minute)
            self._running = [each for each in self._running if each.order != order]

    def measures(self, analyte: str) -> bool:
        """Tells if the model knows an analyte."""
        return self.measure(analyte) is not None

    def measure(self, analyte: str) -> float | None:
        """Returns the true value now, in the catalogue's unit; None if it is not known."""
        return self._values().get(analyte)

    def vital_signs(self) -> Mapping[str, float]:
        """Returns pulse, pressures, breathing, temperature and saturation now."""
        return dict(self._signs)

    def truth(self) -> Mapping[str, float]:
        """Returns the observables that outcomes are judged by."""
        return self._values()

    def rate(self, what: str) -> float:
        """Returns the sum of what runs in of one kind, per hour."""
        return sum(each.rate for each in self._running if each.what == what) if self._running else 0.0

    def run(self, dose: Dose, what: str, amount: float, quickest: float = 1.0) -> None:
        """Begins an infusion.

        Args:
            dose: The dose.
            what: The input of the model that it feeds.
            amount: In the model's unit; per hour if it is continuous.
            quickest: The least minutes that it may take in the model.
        """
        if dose.minutes == CONTINUOUS:
            self._running = [each for each in self._running if (each.order, each.what) != (dose.order, what)]
            if amount > 0:
                self._running.append(Infusion(dose.order, what, amount, None))
            return
        minutes = max(round(dose.minutes), round(quickest), 1)
        self._running.append(Infusion(dose.order, what, amount * 60 / minutes, self._minute + minutes))

    def once(self, kind: str, text: str, *, harm: bool, minute: int | None = None) -> list[StayEvent]:
        """Returns an event, if it was not told before."""
        if kind in self._told:
            return []
        self._told.add(kind)
        return [StayEvent(self._minute if minute is None else minute, kind, text, harm)]

    def _next_end(self) -> int:
        """The minute at which the present step ends."""
        end = (self._carried // EVERY + 1) * EVERY
        place = bisect_right(self._changes, self._carried)
        if place < len(self._changes):
            end = min(end, self._changes[place])
        for each in self._running:
            if each.until is not None and each.until < end:
                end = each.until
        return end

    def _commit(self, minute: int) -> None:
        if minute > self._carried:
            self._state = self._carry(minute - self._carried)
            self._carried = minute

    def _end_infusions(self, minute: int) -> None:
        if self._running and any(each.until == minute for each in self._running):
            self._running = [each for each in self._running if each.until != minute]

    def _now(self) -> Any:
        """The state at the present minute."""
        left = self._minute - self._carried
        return self._carry(left) if left else self._state

    _state: Any
    """All that the future depends on, at the minute to which the body was carried."""

    @abstractmethod
    def _carry(self, minutes: int) -> Any:
        """Returns the state some minutes after the last that was kept; the inputs do not change meanwhile."""

    @abstractmethod
    def _look(self, minute: int) -> list[StayEvent]:
        """Looks at the state at the end of a step; may change it, as where a meal is eaten."""

    @abstractmethod
    def _begin(self, dose: Dose, drug: str) -> list[StayEvent]:
        """Begins a dose of a drug, by its name in lower case with spaces."""

    @abstractmethod
    def _values(self) -> Mapping[str, float]:
        """Returns all values that can be measured now."""
