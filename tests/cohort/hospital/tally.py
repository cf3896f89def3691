"""Counts over many lives, one chunk at a time, so that ten thousand people need no room."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date

from mab_gym.cohort.hospital._history import NOW, RECORDS_FROM, History, Problem

YEAR, DAY = 31_557_600, 86_400
BANDS = (18, 30, 40, 50, 60, 70, 80)


@dataclass(slots=True)
class Somebody:
    """The facts of one person that the figures need.

    Attributes:
        age: In years, now or at death.
        female: Sex.
        alive: True if alive now.
        there: Chronic diseases that are there, known or not.
        known: Those that are known.
        taken: Drugs for home that go on.
        vaccines: The day of each vaccination that was given, by key.
        operations: The moment of each procedure, by key.
        allergies: Keys.
        smoking: ``never``, ``former`` or ``current``.
        index: Body mass index.
    """

    age: float
    female: bool
    alive: bool
    there: frozenset[str]
    known: frozenset[str]
    taken: frozenset[str]
    vaccines: dict[str, list[int]]
    operations: dict[str, list[int]]
    allergies: frozenset[str]
    smoking: str
    index: float


@dataclass(slots=True)
class Tally:
    """Everything that was counted.

    Attributes:
        people: One of each.
        years: Person-years by decade of age and sex.
        deaths: Deaths by decade and sex.
        visits: Visits by kind and decade.
        stays: Lengths of all stays in days.
        dispositions: Of all stays.
        indexes: Stays that could be followed by another within 30 days.
        readmissions: Those that were.
        died_inside: Deaths in hospital.
        births: Births of women of 20 to 39 years, by procedure.
        fertile: Person-years of women of 20 to 39 years.
        orders: All orders.
        mistakes: Those by mistake, by kind.
        operations: Procedures of adults in the years of the records.
    """

    people: list[Somebody] = field(default_factory=list)
    years: Counter[tuple[int, bool]] = field(default_factory=Counter)
    deaths: Counter[tuple[int, bool]] = field(default_factory=Counter)
    visits: Counter[tuple[str, int]] = field(default_factory=Counter)
    stays: list[float] = field(default_factory=list)
    dispositions: Counter[str] = field(default_factory=Counter)
    indexes: int = 0
    readmissions: int = 0
    died_inside: int = 0
    births: Counter[str] = field(default_factory=Counter)
    fertile: float = 0.0
    orders: int = 0
    mistakes: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, history: History) -> None:
        """Counts one life."""
        person = history.person
        born = (person.born.toordinal() - date(1970, 1, 1).toordinal()) * DAY
        end = NOW if person.died is None else person.died

        def band(moment: int) -> int:
            age = (moment - born) / YEAR
            return max((low for low in BANDS if low <= age), default=BANDS[0])

        moment = max(RECORDS_FROM, born + 18 * YEAR)
        while moment < end:
            share = min(YEAR, end - moment) / YEAR
            # Half a year on, so that a year counts where most of it lies.
            self.years[(band(moment + YEAR // 2), person.female)] += share  # type: ignore[assignment]
            if person.female and 20 <= (moment - born) / YEAR < 40:
                self.fertile += share
            moment += YEAR
        if person.died is not None:
            self.deaths[(band(person.died), person.female)] += 1
        self._visits(history, born, band)
        for order in history.prescriptions:
            self.orders += 1
            if order.mistake:
                self.mistakes[order.mistake] += 1
        vaccines: dict[str, list[int]] = {}
        for vaccination in history.vaccinations:
            if not vaccination.refused:
                vaccines.setdefault(vaccination.key, []).append(vaccination.moment)
        operations: dict[str, list[int]] = {}
        for operation in history.operations:
            operations.setdefault(operation.key, []).append(operation.start)
            if operation.visit is not None:
                self.operations[operation.key] += 1

        def there(problem: Problem) -> bool:
            return problem.onset <= end and (problem.abated is None or problem.abated > end)

        self.people.append(
            Somebody(
                (end - born) / YEAR, person.female, person.died is None,
                frozenset(one.key for one in history.problems if there(one)),
                frozenset(one.key for one in history.problems if there(one) and one.known is not None),
                frozenset(one.drug for one in history.prescriptions if not one.inpatient and one.end is None),
                vaccines, operations, frozenset(one.key for one in history.allergies), person.smoking,
                person.weight_kg / (person.height_cm / 100) ** 2,
            )
        )  # fmt: skip

    def _visits(self, history: History, born: int, band: Callable[[int], int]) -> None:
        before: int | None = None
        for visit in history.visits:
            self.visits[(visit.kind, band(visit.start))] += 1
            if visit.kind != "inpatient" or visit.end is None:
                continue
            days = (visit.end - visit.start) / DAY
            self.stays.append(days)
            self.reasons[history.problems[visit.problems[0]].key].append(days)
            self.dispositions[visit.disposition] += 1
            if visit.disposition == "died":
                self.died_inside += 1
            planned = visit.reason in ("planned_surgery", "labor")
            if before is not None and not planned and visit.start - before < 30 * DAY:
                self.readmissions += 1
            if visit.reason == "labor":
                age = (visit.start - born) / YEAR
                if 20 <= age < 40:
                    caesarean = any(
                        one.key == "caesarean" and visit.start <= one.start <= visit.end for one in history.operations
                    )
                    self.births["caesarean" if caesarean else "vaginal"] += 1
            before = None
            if visit.reason != "labor" and visit.disposition != "died" and visit.end < NOW - 30 * DAY:
                self.indexes += 1
                before = visit.end

    def group(
        self, low: float = 18.0, high: float = 200.0, sex: str = "", of: Callable[[Somebody], bool] | None = None
    ) -> list[Somebody]:
        """Returns people who are alive, of an age and sex."""
        return [
            one
            for one in self.people
            if one.alive
            and low <= one.age < high
            and (not sex or one.female == (sex == "F"))
            and (of is None or of(one))
        ]


def share(people: Iterable[Somebody], has: Callable[[Somebody], bool]) -> float:
    """Returns the share of people who have something."""
    found = [has(one) for one in people]
    return sum(found) / len(found)
