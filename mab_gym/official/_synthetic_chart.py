"""A stand-in chart: synthetic people with the names, dates of birth and MRNs of the official tasks.

The official records are not at hand. This is a small hospital on which the official tasks can be played, and in which
every branch of their rules occurs. The people follow from the task file. The newest results are assigned, so that each
category meets each pattern of its analyte; the rest is drawn as in a cohort. It shows that tasks can be solved and that
grading works. A score on it is not a score on the official records.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.backends.embedded._backend import EmbeddedBackend
from mab_gym.cohort._columns import PoolBuilder
from mab_gym.cohort._measurement import BP, MEASUREMENTS, NUMBER
from mab_gym.cohort._names import ANCESTRIES, folded
from mab_gym.cohort._observation_table import ObservationTable
from mab_gym.cohort._people import TODAY, Demographics, draw_people, patient_builders
from mab_gym.cohort._readings import Rows
from mab_gym.cohort._series import pressure_code
from mab_gym.cohort._spec import FIRST, MINUTE, NOW, CohortSpec
from mab_gym.cohort._streams import integers, pick, stream
from mab_gym.errors import UsageError
from mab_gym.fhir.model._json_text import compact, read_json
from mab_gym.fhir.store._base import BaseTable
from mab_gym.fhir.store._table import InstantColumn, PoolColumn, Table
from mab_gym.official._phrases import NamedPerson, named_mrns, named_person
from mab_gym.official._tasks import OfficialTask

NAME: Final = "official-stand-in"
_DAY = 24 * 60
_YEAR = 365 * _DAY
_OLDEST = (NOW - FIRST) // MINUTE
_AGE_CATEGORY = 2
_BIRTHDAYS = (0, 1, -1)
"""Days from today to the birthdays of the first people of the age category: ages go wrong there."""
_OTHERS: Final = ("NA", "CREA", "HGB", "WBC", "HR", "T")
"""Further analytes, so that searches without a code find more than the tasks ask for."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Something in a task that could not be read.

    Attributes:
        task: The task's id.
        what: A sentence about it, without its full stop.
    """

    task: str
    what: str


@dataclass(frozen=True, slots=True)
class ResultPattern:
    """A pattern of the newest results of one analyte.

    Attributes:
        name: The pattern in words.
        youngest: Least age of the newest result in minutes; None where there is no result at all.
        oldest: Greatest age of the newest result in minutes.
        values: Values of the newest result, taken in turn, in units of the last written digit.
        within: Least and greatest number of results within 24 hours.
        tied: The difference to another result of the same moment, later in the server's order; 0 for none.
    """

    name: str
    youngest: int | None
    oldest: int
    values: Sequence[int]
    within: tuple[int, int] = (0, 0)
    tied: int = 0


PATTERNS: Final[Mapping[str, Sequence[ResultPattern]]] = {
    "MG": (
        ResultPattern("never", None, 0, ()),
        ResultPattern("none in 24 hours", _DAY + 10, 20 * _DAY, range(8, 22)),
        ResultPattern("severe", 20, 1200, range(4, 10), (2, 4)),
        ResultPattern("moderate", 20, 1200, range(10, 15), (2, 4)),
        ResultPattern("mild", 20, 1200, range(15, 20), (2, 4)),
        ResultPattern("not low", 20, 1200, range(20, 29), (2, 4)),
        ResultPattern("24 hours ago", _DAY, _DAY, (9, 12, 17, 21), (1, 1)),
        ResultPattern("24 hours and a minute ago", _DAY + 1, _DAY + 1, (9, 12, 17)),
        ResultPattern("two at one moment", 20, 1200, (9, 14, 19), (3, 4), tied=4),
    ),
    "GLU": (
        ResultPattern("never", None, 0, ()),
        ResultPattern("none in 24 hours", _DAY + 5, 40 * _DAY, range(71, 290, 13)),
        ResultPattern("one", 20, 1200, range(68, 260, 17), (1, 1)),
        ResultPattern("several", 20, 480, range(74, 310, 11), (3, 8)),
        ResultPattern("more than a page", 20, 60, range(83, 240, 7), (24, 30)),
        ResultPattern("24 hours ago", _DAY, _DAY, range(90, 200, 9), (1, 1)),
        ResultPattern("24 hours and a minute ago", _DAY + 1, _DAY + 1, range(95, 210, 8)),
        ResultPattern("two at one moment", 20, 480, range(88, 250, 19), (3, 6), tied=31),
    ),
    "K": (
        ResultPattern("never", None, 0, ()),
        ResultPattern("low today", 20, 1200, range(23, 35), (1, 3)),
        ResultPattern("low some days ago", _DAY + 5, 14 * _DAY, range(24, 35)),
        ResultPattern("at the threshold", 20, 1200, (35,), (1, 3)),
        ResultPattern("not low", 20, 20 * _DAY, range(36, 56), (0, 3)),
        ResultPattern("two at one moment", 20, 1200, (29, 33, 34), (2, 3), tied=9),
    ),
    "A1C": (
        ResultPattern("never", None, 0, ()),
        ResultPattern("within a year", 2 * _DAY, _YEAR - 2 * _DAY, range(49, 120, 3)),
        ResultPattern("a year ago", _YEAR, _YEAR, range(56, 100, 7)),
        ResultPattern("a year and a minute ago", _YEAR + 1, _YEAR + 1, range(54, 98, 5)),
        ResultPattern("out of date", _YEAR + 2 * _DAY, 1400 * _DAY, range(51, 125, 4)),
        ResultPattern("two at one moment", 30 * _DAY, 300 * _DAY, (61, 74, 88), tied=5),
    ),
}
"""The patterns that are assigned, by code."""

_CATEGORIES: Final[Mapping[str, tuple[int, ...]]] = {"MG": (5, 4), "GLU": (6, 7), "K": (9,), "A1C": (10,)}
"""The official categories that ask for each code; earlier ones come first."""
_HISTORY: Final[Mapping[str, tuple[int, int]]] = {"MG": (24, 46), "GLU": (30, 70), "K": (24, 50), "A1C": (1, 25)}
"""Least number of earlier results, and the first number that is too many."""
_PERSONAL: Final = ("GLU", "A1C")
"""Analytes that stay far from the typical value for years in people in whom they are so now."""
_NEVER = 0
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True, slots=True)
class StandIn:
    """A stand-in chart.

    Attributes:
        tables: Patient and Observation, in load order.
        unread: All that could not be read in the tasks.
        patterns: The name of each MRN's pattern, by code.
    """

    tables: Sequence[Table]
    unread: tuple[Unread, ...]
    patterns: Mapping[str, Mapping[str, str]]

    def backend(self) -> EmbeddedBackend:
        """Returns a record system that holds the chart."""
        return EmbeddedBackend({table.resource_type: table for table in self.tables}, _digest(self.tables))

    def lines(self) -> Iterator[str]:
        """Yields its resources as JSON, one a line: each Patient, then their Observations in load order."""
        patients, observations = (BaseTable(table) for table in self.tables)
        subjects = [read_json(observations.text(row)) for row in range(len(observations))]
        by_person: dict[str, list[str]] = {}
        for resource in subjects:
            assert isinstance(resource, dict)
            subject = resource["subject"]
            assert isinstance(subject, dict)
            by_person.setdefault(str(subject["reference"]).removeprefix("Patient/"), []).append(compact(resource))
        for row, mrn in enumerate(self.tables[0].ids):
            yield compact(read_json(patients.text(row)))
            yield from by_person.get(str(mrn), ())


def stand_in(tasks: Iterable[OfficialTask], seed: int = 0) -> StandIn:
    """Makes the stand-in chart of some official tasks.

    Args:
        tasks: The tasks; equal tasks and seeds give equal charts, to the byte.
        seed: Decides all that the tasks leave open, 0 to 2**32 - 1.

    Raises:
        UsageError: The seed is out of range, or nobody is named.
    """
    tasks = list(tasks)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 1 << 32:
        raise UsageError(f"a chart's seed is a whole number from 0 to 2**32 - 1, not {seed!r}")
    named, absent, unread = _named(tasks)
    if not named:
        raise UsageError("no task names anybody, so there is nobody to make a chart for")
    people = _people(tasks, named, absent, seed)
    patterns = {code: _assign(code, tasks, list(named), seed, place) for place, code in enumerate(PATTERNS)}
    rows = _rows([person.mrn for person in people], patterns, seed)
    spec = _spec(seed, len(people))
    observations = ObservationTable(len(rows.patient), [person.mrn for person in people])
    observations.add(slice(0, len(rows.patient)), 0, rows, stream(seed, 40))
    metas = _metas(seed, len(people))
    tables = [
        Table(
            "Patient",
            [person.mrn for person in people],
            [_meta(metas, np.arange(len(people))).column(), *(b.column() for b in patient_builders(people, spec))],
        ),
        Table(
            "Observation",
            np.arange(1, len(rows.patient) + 1, dtype=np.int64),
            [_meta(metas, rows.patient).column(), *(builder.column() for builder in observations.builders)],
        ),
    ]
    named_situations = {
        code: {mrn: PATTERNS[code][number].name for mrn, number in assigned.items()}
        for code, assigned in patterns.items()
    }
    return StandIn(tables, tuple(unread), named_situations)


def write_chart(chart: StandIn, path: Path) -> int:
    """Writes a chart as one resource a line, gzipped where the name ends in ``.gz``; equal charts give equal files.

    Args:
        chart: The chart.
        path: The file; one that is there already is not overwritten.

    Returns:
        The number of resources.

    Raises:
        UsageError: There is a file already, or it cannot be written.
    """
    lines = list(chart.lines())
    data = ("\n".join(lines) + "\n").encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    except FileExistsError:
        raise UsageError(f"{path} is there already; name another file (nothing was changed)") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from None
    return len(lines)


# --- who there is ----------------------------------------------------------------------------------------------------


def _named(
    tasks: Sequence[OfficialTask],
) -> tuple[dict[str, NamedPerson | None], list[NamedPerson], list[Unread]]:
    """Returns the people by MRN in the file's order, those who must not exist, and all that could not be read."""
    named: dict[str, NamedPerson | None] = {}
    absent: list[tuple[OfficialTask, NamedPerson]] = []
    unread: list[Unread] = []
    for task in tasks:
        mrns, person = [task.mrn] if task.mrn else [], None
        if task.category == 1:
            person = named_person(task.instruction)
            if person is None:
                unread.append(Unread(task.id, "no name with a date of birth can be read in its instruction"))
            expected = [answer for answer in task.solution or () if isinstance(answer, str) and _ID.fullmatch(answer)]
            if expected and mrns and expected != mrns:
                unread.append(Unread(task.id, f"its solution is {expected[0]}, its eval_MRN {mrns[0]}"))
            mrns = expected or mrns
            if not mrns and person is not None:
                absent.append((task, person))
        elif named_mrns(task.instruction) != mrns:
            unread.append(Unread(task.id, f"its instruction does not name its patient {task.mrn}, or others too"))
        for mrn in mrns:
            if not _ID.fullmatch(mrn):
                unread.append(Unread(task.id, f"its MRN {mrn!r} is no FHIR id"))
            elif person is not None and named.get(mrn, person) not in (None, person):
                unread.append(Unread(task.id, f"it names {mrn} otherwise than a task before it"))
            else:
                named[mrn] = person or named.get(mrn)
    known = {_key(each.given, each.family, each.birth) for each in named.values() if each is not None}
    for task, person in absent:
        if _key(person.given, person.family, person.birth) in known:
            unread.append(Unread(task.id, "it says that nobody is called so, and another task names such a patient"))
    return named, [person for _, person in absent], unread


def _spec(seed: int, people: int) -> CohortSpec:
    return CohortSpec(NAME, seed, patients=max(1, people), background_patients=0)


def _people(
    tasks: Sequence[OfficialTask],
    named: Mapping[str, NamedPerson | None],
    absent: Sequence[NamedPerson],
    seed: int,
) -> list[Demographics]:
    """Returns all people as the tasks name them; the rest is drawn."""
    taken = {_key(each.given, each.family, each.birth) for each in (*named.values(), *absent) if each is not None}
    drawn = draw_people(_spec(seed, 2 * len(named) + len(taken)))
    free = iter([each for each in drawn if _key(each.given, each.family, each.birth) not in taken])
    asked = [task.mrn for task in tasks if task.category == _AGE_CATEGORY and named.get(task.mrn, taken) is None]
    birthdays = dict(zip(dict.fromkeys(asked), _BIRTHDAYS, strict=False))
    people = []
    for mrn, person in named.items():
        model = replace(next(free), mrn=mrn)
        if person is not None:
            female, ancestry = _ancestry(person, model)
            model = replace(
                model, given=person.given, family=person.family, birth=person.birth, female=female, ancestry=ancestry
            )
        elif mrn in birthdays:
            day = TODAY + timedelta(days=birthdays[mrn])
            model = replace(model, birth=day.replace(year=day.year - max(model.age, 1)))
        people.append(model)
    return people


def _key(given: Sequence[str], family: str, birth: date) -> str:
    return folded(f"{' '.join(given)} {family} {birth.isoformat()}")


def _ancestry(person: NamedPerson, model: Demographics) -> tuple[bool, int]:
    """Returns whether a name is a woman's, and its ancestry, as far as the cohort's lists of names know it."""
    first, family = folded(person.given[0]), folded(person.family)
    woman = any(folded(name) == first for ancestry in ANCESTRIES for name in ancestry.women)
    man = any(folded(name) == first for ancestry in ANCESTRIES for name in ancestry.men)
    ancestries = (number for number, ancestry in enumerate(ANCESTRIES) if family in map(folded, ancestry.families))
    return (woman if woman != man else model.female), next(ancestries, 0)


# --- what was measured -----------------------------------------------------------------------------------------------


def _assign(code: str, tasks: Sequence[OfficialTask], mrns: Sequence[str], seed: int, place: int) -> dict[str, int]:
    """Each person's pattern, so that within a category all are as frequent as they can be."""
    rng = stream(seed, 10 + place)
    assigned: dict[str, int] = {}
    for category in (*_CATEGORIES[code], None):
        asked = [mrn for mrn in mrns if category is None or any(t.category == category and t.mrn == mrn for t in tasks)]
        counts = Counter(assigned[mrn] for mrn in asked if mrn in assigned)
        waiting = [mrn for mrn in asked if mrn not in assigned]
        for number in rng.permutation(len(waiting)).tolist():
            pattern = min(range(len(PATTERNS[code])), key=lambda each: (counts[each], each))
            assigned[waiting[number]] = pattern
            counts[pattern] += 1
    return assigned


class _Sheet:
    """Collects results; `rows` puts them in load order, which is not that of time."""

    def __init__(self, rng: RandomState) -> None:
        self._rng = rng
        self._rows: list[tuple[int, float, int, int, int, int]] = []

    def add(self, patient: int, code: str, age: int, value: int, after: float = 0.0) -> float:
        """Adds a result; ``after`` is the place in the load order, from 0 to 1, behind which it must come."""
        place = after + (1.0 - after) * float(self._rng.random_sample())
        zone = 1 + int(pick(self._rng, (80, 12, 8), 1)[0])
        self._rows.append((patient, place, NUMBER[code], NOW - age * MINUTE, value, zone))
        return place

    def rows(self) -> Rows:
        """All results, patient by patient."""
        ordered = sorted(self._rows)
        columns = [np.array(column, dtype=np.int64) for column in zip(*((r[0], *r[2:]) for r in ordered), strict=True)]
        patient, number, time, value, zone = columns
        count = len(ordered)
        return Rows(patient, number, time, value, zone, np.zeros(count, dtype=np.int64), np.arange(count))


def _rows(mrns: Sequence[str], patterns: Mapping[str, Mapping[str, int]], seed: int) -> Rows:
    sheet = _Sheet(stream(seed, 20))
    rng = stream(seed, 21)
    turns: Counter[tuple[str, int]] = Counter()
    for patient, mrn in enumerate(mrns):
        for code, assigned in patterns.items():
            number = assigned[mrn]
            if number == _NEVER:
                continue
            pattern = PATTERNS[code][number]
            value = pattern.values[turns[code, number] % len(pattern.values)]
            turns[code, number] += 1
            _add_series(sheet, rng, patient, code, pattern, value)
        for code in _OTHERS:
            measurement = MEASUREMENTS[NUMBER[code]]
            for age in _earlier(rng, _DAY // 2, int(integers(rng, 3, 9, 1)[0])):
                sheet.add(patient, code, age, _near(rng, code, round(measurement.women * 10**measurement.places)))
        for age in _earlier(rng, _DAY // 2, int(integers(rng, 6, 12, 1)[0])):
            pressure = pressure_code(integers(rng, 98, 165, 1), integers(rng, 55, 95, 1))
            sheet.add(patient, BP, age, int(pressure[0]))
    return sheet.rows()


def _add_series(sheet: _Sheet, rng: RandomState, patient: int, code: str, pattern: ResultPattern, value: int) -> None:
    """One analyte's results: the newest as assigned, those of the last day, and earlier ones."""
    assert pattern.youngest is not None
    # Recent ages are as likely as remote ones in proportion.
    ratio = pattern.oldest / pattern.youngest
    newest = min(int(pattern.youngest * ratio ** float(rng.random_sample())), pattern.oldest)
    place = sheet.add(patient, code, newest, value)
    if pattern.tied:
        sheet.add(patient, code, newest, value + pattern.tied, after=place)
    least, most = pattern.within
    wanted = int(integers(rng, least, most + 1, 1)[0]) if most else 0
    within = max(0, wanted - 1 - bool(pattern.tied)) if newest <= _DAY else 0
    ages = {newest + 1 + int(share * (_DAY - newest - 2)) for share in rng.random_sample(within).tolist()}
    earlier = _earlier(rng, max(newest, _DAY), int(integers(rng, *_HISTORY[code], 1)[0]))
    for age in sorted(ages):
        sheet.add(patient, code, age, _near(rng, code, value))
    measurement = MEASUREMENTS[NUMBER[code]]
    typical = value if code in _PERSONAL else round(measurement.women * 10**measurement.places)
    for age in earlier:
        sheet.add(patient, code, age, _near(rng, code, typical))


def _earlier(rng: RandomState, after: int, count: int) -> list[int]:
    """Ages between one and the oldest that a record can have, recent ones more likely."""
    shares = rng.random_sample(count) ** 2
    return sorted({after + 2 + int(share * (_OLDEST - after - 2)) for share in shares.tolist()})


def _near(rng: RandomState, code: str, value: int) -> int:
    """Another value of the same person, never the same one."""
    measurement = MEASUREMENTS[NUMBER[code]]
    spread = max(1.5, 0.12 * value)
    other = value + round(float(rng.standard_normal()) * spread)
    other = other if other != value else value + 1
    return min(max(other, measurement.lowest), measurement.highest)


# --- how it was loaded -----------------------------------------------------------------------------------------------


def _metas(seed: int, count: int) -> list[dict[str, str]]:
    """The ``meta`` of each person's load request, one every minute in the night before now."""
    start = datetime.fromtimestamp(NOW, UTC) - timedelta(hours=12)
    letters = stream(seed, 30).bytes(8 * count).hex()
    return [
        {
            "versionId": "1",
            "lastUpdated": (start + timedelta(minutes=number)).isoformat(timespec="milliseconds"),
            "source": f"#{letters[16 * number : 16 * number + 16]}",
        }
        for number in range(count)
    ]


def _meta(metas: Sequence[Mapping[str, str]], people: np.ndarray[tuple[int], np.dtype[np.int64]]) -> PoolBuilder:
    builder = PoolBuilder.of("meta", len(people), list(metas))
    builder.put(slice(0, len(people)), 1 + people)
    return builder


def _digest(tables: Sequence[Table]) -> str:
    seen = hashlib.sha256()
    for table in tables:
        seen.update(repr([table.resource_type, *table.ids]).encode())
        for column in table.columns:
            if isinstance(column, PoolColumn):
                seen.update(repr([column.name, *column.texts]).encode() + column.codes.tobytes())
            elif isinstance(column, InstantColumn):
                seen.update(column.name.encode() + column.seconds.tobytes() + column.forms.tobytes())
    return seen.hexdigest()
