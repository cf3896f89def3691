"""The effects of diseases, operations and drugs on usual levels, over time: rows of ``tables/effects.csv``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mab_gym.cohort._data import read_table
from mab_gym.cohort._streams import Floats, Ints
from mab_gym.cohort.hospital._catalogue import PROCEDURES
from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, NUMBERS, TABLES
from mab_gym.cohort.hospital._history import NOW, History

DAY: Final = 86_400
FOREVER: Final = 1 << 40
"""An end that never comes, in seconds."""
CHRONIC, STATE, PULSE, DRUG = range(4)
_COURSES: Final = {"chronic": CHRONIC, "state": STATE, "pulse": PULSE, "drug": DRUG}
_AFTER: Final = 0.6 * DAY
"""Half-life of what is left of a pulse once its problem is over."""


_CUTTING: Final = frozenset({"surgery", "orthopaedics", "obstetrics", "urology"})
_LARGE: Final = 45
"""Services that operate, and minutes from which an operation is large enough to show in the blood; our choice."""
_SUDDEN: Final = frozenset({"infarction", "st_infarction", "chest_pain", "seizure", "hypoglycemia"})


@dataclass(frozen=True)
class Effect:
    """One row of the table.

    Attributes:
        key: Disease, drug, or ``operation``.
        course: ``chronic``, ``state``, ``pulse`` or ``drug``.
        effects: As in ``potassium -0.3`` or ``crp x20``.
        rise: Days to its full size.
        fall: Half-life in days.
    """

    key: str
    course: str
    effects: tuple[str, ...]
    rise: float = 1.0
    fall: float = 1.0


@dataclass(frozen=True)
class _Parsed:
    course: int
    rise: float
    fall: float
    numbers: Ints
    sizes: Floats
    logs: npt.NDArray[np.bool_]


def _parsed(row: Effect) -> _Parsed:
    numbers, sizes, logs = [], [], []
    for text in row.effects:
        analyte, size = text.split(" ")
        number = NUMBERS[analyte]
        factor, log = size.startswith("x"), ANALYTE_ROWS[number].log
        if factor != log:
            raise ValueError(f"effects.csv: {row.key}: {text!r}: log-normal analytes are multiplied, others moved")
        numbers.append(number)
        sizes.append(float(np.log(float(size[1:]))) if log else float(size))
        logs.append(log)
    return _Parsed(
        _COURSES[row.course], row.rise * DAY, row.fall * DAY,
        np.array(numbers, dtype=np.int64), np.array(sizes), np.array(logs, dtype=np.bool_),
    )  # fmt: skip


def _table() -> dict[str, list[_Parsed]]:
    found: dict[str, list[_Parsed]] = {}
    for row in read_table("effects.csv", Effect, TABLES):
        found.setdefault(row.key, []).append(_parsed(row))
    return found


EFFECTS: Final = _table()
"""The rows by key."""


def activity(course: Ints, rise: Floats, fall: Floats, start: Ints, end: Ints, peak_until: Ints, times: Ints) -> Floats:
    """Computes how far effects are there, from 0 to 1 (more while somebody is dying of it).

    Args:
        course: One of `CHRONIC` to `DRUG` for each effect.
        rise: Seconds.
        fall: Half-life in seconds.
        start: When it began.
        end: When it was over.
        peak_until: Until when a pulse does not fall: until somebody treats it, or the death.
        times: The moments asked for.

    Returns:
        Shape ``(effects, times)``.
    """
    since = (times[None, :] - start[:, None]).astype(np.float64)
    over = (times[None, :] - end[:, None]).astype(np.float64)
    begun = since > 0
    rise, fall = rise[:, None], fall[:, None]
    drugs = course[:, None] == DRUG
    ramp = np.clip(since / rise, 0.0, 1.0)
    taken = 1.0 - np.exp(-np.maximum(since, 0.0) / rise)
    taken_until = 1.0 - np.exp(-np.maximum(end - start, 0)[:, None] / rise)
    gone = over > 0
    level = np.where(drugs, np.where(gone, taken_until * np.exp(-np.maximum(over, 0.0) / rise), taken), ramp)
    pulses = course[:, None] == PULSE
    falling = np.where(pulses, since - np.maximum(rise, (peak_until - start)[:, None]), np.where(drugs, 0.0, over))
    chronic = course[:, None] == CHRONIC
    halved = np.where(chronic, 0.0, np.maximum(falling, 0.0) / fall)
    halved = halved + np.where(pulses & gone, np.maximum(over, 0.0) / _AFTER, 0.0)
    done: Floats = np.where(begun, level * np.exp2(-halved), 0.0)
    return done


class Influences:
    """All that moves one person's levels."""

    def __init__(self, history: History) -> None:
        """Collects the effects of a history's problems, operations and prescriptions."""
        self._rows: list[_Parsed] = []
        self._about: list[tuple[int, int, int, float, float]] = []
        died = history.person.died
        if died is not None and any(visit.disposition == "died" for visit in history.visits):
            for row in EFFECTS["dying"]:
                self._add(row, int(died - row.rise), FOREVER, 0, 1.0, 1.0)
        for problem in history.problems:
            end = FOREVER if problem.abated is None else problem.abated
            fatal = died if died is not None and problem.key == history.person.cause else 0
            severity = problem.severity
            # People come when they are ill: at the diagnosis an illness is more than half developed, but for those that
            # bring people within minutes.
            known = problem.onset if problem.known is None else problem.known
            sudden = problem.key in _SUDDEN
            for row in EFFECTS.get(problem.key, ()):
                start = (
                    problem.onset
                    if sudden or row.course == CHRONIC
                    else min(problem.onset, int(known - 0.6 * row.rise))
                )
                self._add(
                    row,
                    start,
                    end,
                    max(fatal or 0, 0 if sudden else int(known)),
                    0.4 + 1.2 * severity,
                    0.7 + 0.6 * severity,
                )
        for operation in history.operations:
            rows = list(EFFECTS.get(operation.key, ()))
            about = PROCEDURES[operation.key]
            stay = operation.visit is not None and history.visits[operation.visit].kind == "inpatient"
            if stay and about.service in _CUTTING and about.minutes >= _LARGE:
                rows += EFFECTS["operation"]
            for row in rows:
                self._add(row, operation.start, FOREVER, 0, 1.0, 1.0)
        for drug in history.prescriptions:
            taken = 1.0 if drug.inpatient else drug.adherence
            for row in EFFECTS.get(drug.drug, ()):
                end = FOREVER if drug.end is None else drug.end
                self._add(row, drug.start, end, 0, taken, taken)

    def _add(self, row: _Parsed, start: int, end: int, fatal: int, linear: float, log: float) -> None:
        if start < NOW:
            self._rows.append(row)
            self._about.append((start, end, fatal, linear, log))

    def at(self, times: Ints) -> Floats:
        """Sums all effects up.

        Returns:
            Shape ``(times, analytes)``: what is to be added, to the logarithm where the analyte is log-normal.
        """
        total = np.zeros((len(ANALYTE_ROWS), len(times)))
        if not self._rows:
            return total.T
        start, end, fatal = (np.array([about[n] for about in self._about], dtype=np.int64) for n in range(3))
        linear, log = (np.array([about[n] for about in self._about]) for n in (3, 4))
        course = np.array([row.course for row in self._rows], dtype=np.int64)
        rise = np.array([row.rise for row in self._rows])
        fall = np.array([row.fall for row in self._rows])
        active = activity(course, rise, fall, start, end, fatal, times)
        some = active.max(axis=1, initial=0.0) > 1e-4
        counts = np.array([len(row.numbers) for row in self._rows], dtype=np.int64)
        effect = np.repeat(np.arange(len(counts)), counts)
        kept = some[effect]
        effect = effect[kept]
        if not len(effect):
            return total.T
        numbers = np.concatenate([row.numbers for row in self._rows])[kept]
        sizes = np.concatenate([row.sizes for row in self._rows])[kept]
        logs = np.concatenate([row.logs for row in self._rows])[kept]
        sizes = sizes * np.where(logs, log[effect], linear[effect])
        moves = active[effect] * np.where(logs, np.expm1(sizes), sizes)[:, None]
        moves[logs] = np.log1p(moves[logs])
        order = np.argsort(numbers, kind="stable")
        firsts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
        total[numbers[order][firsts]] = np.add.reduceat(moves[order], firsts, axis=0)
        return total.T
