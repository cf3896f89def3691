"""The common part of all files of plans: the person, the staff, chance, and the writing of a plan."""

from __future__ import annotations

from collections.abc import Sequence

from mab_gym.cohort.hospital._history import NOW, History, Plan, Problem, Visit
from mab_gym.cohort.hospital.care._chance import Luck
from mab_gym.cohort.hospital.care._crew import Crew


class Pen:
    """Writes one person's plans.

    Attributes:
        history: The person.
        crew: Who works here.
        until: The end of all: now, or the death.
        alive: True if the person lives now.
        plans: What was written so far.
    """

    def __init__(self, history: History, crew: Crew, luck: Luck) -> None:
        """Prepares.

        Args:
            history: The person, with readings, reports and doses.
            crew: Who works here.
            luck: Draws of this part alone.
        """
        self.history, self.crew = history, crew
        self._luck = luck
        died = history.person.died
        self.alive = died is None or died > NOW
        self.until = NOW if died is None else min(died, NOW)
        self.plans: list[Plan] = []

    def chance(self, share: float) -> bool:
        """Tells if something with a probability happens."""
        return self._luck.one() < share

    def drawn(self) -> float:
        """Draws a number from 0 to 1."""
        return self._luck.one()

    def one(self, texts: Sequence[str]) -> str:
        """Draws one of some texts."""
        return texts[int(self._luck.one() * len(texts))]

    def write(
        self, kind: str, key: str, moment: int, status: str, practitioner: int, *, visit: int | None = None,
        start: int | None = None, end: int | None = None, other: int | None = None, problem: int | None = None,
        words: str = "", value: float | None = None,
    ) -> None:  # fmt: skip
        """Writes a plan down, if that was possible: before now and before the death."""
        if moment < self.until:
            self.plans.append(
                Plan(kind, key, moment, start, end, status, visit, practitioner, other, problem, words, value)
            )

    def known(self, *keys: str) -> tuple[int, Problem] | None:
        """Returns the place of the first known problem with one of some keys; None if there is none."""
        for place, problem in enumerate(self.history.problems):
            if problem.key in keys and problem.known is not None and problem.known < self.until:
                return place, problem
        return None

    def first_visit(self, since: int, kinds: tuple[str, ...] = ("ambulatory", "inpatient")) -> tuple[int, Visit] | None:
        """Returns the first visit that begins after a moment."""
        for number, visit in enumerate(self.history.visits):
            if visit.start >= since and visit.kind in kinds:
                return number, visit
        return None

    def within(self, visit: Visit, share: float) -> int:
        """Returns a moment within a visit, by the share of it that is over; of long stays the first day counts."""
        end = min(visit.end if visit.end is not None else NOW, visit.start + 86_400, self.until)
        return visit.start + int((end - visit.start) * share)
