"""A person's past, ordered so that a note finds quickly what was known at its moment, and nothing of later."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import NamedTuple

import numpy as np

from mab_gym.cohort.hospital._catalogue_results import NUMBERS
from mab_gym.cohort.hospital._history import (
    CORRECTED,
    FINAL,
    History,
    Operation,
    Panel,
    Plan,
    Prescription,
    Problem,
    Report,
)

DAY = 86_400
_VALID = (FINAL, CORRECTED)


class Value(NamedTuple):
    """One result.

    Attributes:
        moment: When the specimen was taken.
        value: In the catalogue's unit.
        visit: Place of the visit.
    """

    moment: int
    value: float
    visit: int


class Past:
    """The contents of a history, arranged by the questions of notes.

    Attributes:
        history: The person's.
        home: Prescriptions for home, by time.
        by_visit: Prescriptions given by nurses, by visit.
        panels: By visit.
        reports: By visit.
        plans: By visit.
        operations: By visit.
    """

    __slots__ = ("_at", "_known", "_results", "by_visit", "history", "home", "operations", "panels", "plans", "reports")

    def __init__(self, history: History) -> None:
        self.history = history
        self.home = sorted((p for p in history.prescriptions if not p.inpatient), key=lambda p: p.start)
        self.by_visit: dict[int, list[Prescription]] = defaultdict(list)
        for prescription in history.prescriptions:
            if prescription.inpatient and prescription.visit is not None:
                self.by_visit[prescription.visit].append(prescription)
        self.reports: dict[int, list[Report]] = defaultdict(list)
        for report in history.reports:
            self.reports[report.visit].append(report)
        self.panels: dict[int, list[Panel]] = defaultdict(list)
        for panel in history.panels:
            self.panels[panel.visit].append(panel)
        self.plans: dict[int, list[Plan]] = defaultdict(list)
        for plan in history.plans:
            if plan.visit is not None:
                self.plans[plan.visit].append(plan)
        self.operations: dict[int, list[Operation]] = defaultdict(list)
        for operation in history.operations:
            if operation.visit is not None:
                self.operations[operation.visit].append(operation)
        self._results = _by_analyte(history)
        self._at: tuple[int, list[Problem]] = (-1, [])
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def measured(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """Returns those of some analytes that were ever measured."""
        if keys not in self._known:
            self._known[keys] = tuple(key for key in keys if NUMBERS[key] in self._results)
        return self._known[keys]

    def problems(self, moment: int) -> list[Problem]:
        """Returns the problems that were known and not over at a moment; a note asks several times for its own."""
        if self._at[0] != moment:
            found = [
                one
                for one in self.history.problems
                if one.known is not None and one.known <= moment and (one.abated is None or one.abated > moment)
            ]
            self._at = (moment, found)
        return self._at[1]

    def drugs(self, moment: int) -> list[Prescription]:
        """Returns what had been ordered for home and went on at a moment."""
        found = []
        for one in self.home:
            if one.start > moment:
                break
            if one.end is None or one.end > moment:
                found.append(one)
        return found

    def latest(self, analyte: int, moment: int, since: int = 0) -> Value | None:
        """Returns the newest result that was there at a moment, with a specimen not before ``since``."""
        held = self._results.get(analyte)
        if held is None:
            return None
        place = bisect_right(held[0], moment) - 1
        if place < 0 or held[1][place] < since:
            return None
        return Value(held[1][place], held[2][place], held[3][place])

    def before(self, analyte: int, moment: int, than: int) -> Value | None:
        """Returns the newest result whose specimen was taken before ``than``, and that was there at a moment."""
        held = self._results.get(analyte)
        if held is None:
            return None
        place = bisect_right(held[0], moment) - 1
        while place >= 0:
            if held[1][place] < than:
                return Value(held[1][place], held[2][place], held[3][place])
            place -= 1
        return None


def _by_analyte(history: History) -> dict[int, tuple[list[int], list[int], list[float], list[int]]]:
    """The valid results of each analyte by the time at which they were there: issued, moments, values, visits."""
    readings = history.readings
    if not len(readings):
        return {}
    valid = np.flatnonzero(np.isin(readings.state, _VALID))
    order = valid[np.lexsort((readings.issued[valid], readings.analyte[valid]))]
    analytes = readings.analyte[order]
    starts = np.flatnonzero(np.diff(analytes, prepend=-1)).tolist()
    columns = [column[order].tolist() for column in (readings.issued, readings.moment, readings.value, readings.visit)]
    ends = [*starts[1:], len(order)]
    keys = analytes[starts].tolist() if starts else []
    return {
        key: (columns[0][a:b], columns[1][a:b], columns[2][a:b], columns[3][a:b])
        for key, a, b in zip(keys, starts, ends, strict=True)
    }
