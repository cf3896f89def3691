"""Times at which a visit can be: slots of the clinics, and what limits them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from mab_gym.casework import SlotTime
from mab_gym.tasking.chart import Chart

WINDOWS = {"heart failure": 7, "copd": 14, "pneumonia": 14, "sepsis": 14, "stroke": 14, "infarction": 14}
"""Days by which a stay for this is followed up (page ADM-520); 30 for all others."""
LOOSE = {"heart failure": 14, "stroke": 30, "infarction": 14}
"""The same without the hospital's page: Heidenreich PA et al., Circulation 2022;145:e895 (7 to 14 days in heart
failure); GOLD report 2024 (1 to 4 weeks after COPD exacerbation)."""
OTHERS = 30
LAB_DAYS = 7
LAB_DAYS_LOOSE = 28
"""KDIGO 2024, Kidney Int 2024;105:S117: creatinine and potassium 2 to 4 weeks after a drug on the renin system."""
APART = timedelta(hours=1)
PRIMARY = "Primary care"


@dataclass(frozen=True, slots=True)
class Limits:
    """All that a visit has to fit to.

    Attributes:
        first: The first day on which a ride is to be had.
        weekdays: Days of the week on which somebody can go along, Monday is 0.
        earliest: The first time of a day at which a visit may begin.
        latest: The last one.
        away: The first and last day on which nobody is there.
        taken: Beginnings and ends of what is booked already.
    """

    first: date
    weekdays: Collection[int]
    earliest: time
    latest: time
    away: tuple[date, date]
    taken: Sequence[tuple[datetime, datetime]]

    def company(self, start: datetime) -> bool:
        """Tells if somebody can go along."""
        return start.weekday() in self.weekdays and not self.away[0] <= start.date() <= self.away[1]

    def ride(self, start: datetime) -> bool:
        """Tells if there is a ride."""
        return start.date() >= self.first and self.earliest <= start.time() <= self.latest

    def unbooked(self, start: datetime, end: datetime) -> bool:
        """Tells if nothing else is booked then."""
        return all(end <= begun or over <= start for begun, over in self.taken)

    def fit(self, one: SlotTime) -> bool:
        """Tells if a time fits to all of it."""
        return self.company(one.start) and self.ride(one.start) and self.unbooked(one.start, one.end)


def limits_of(params: Mapping[str, object], more: Iterable[tuple[datetime, datetime]] = ()) -> Limits:
    """Returns the limits of a case, from its params."""
    given = params["limits"]
    assert isinstance(given, dict)
    return Limits(
        date.fromisoformat(given["first"]),
        tuple(given["weekdays"]),
        time.fromisoformat(given["earliest"]),
        time.fromisoformat(given["latest"]),
        (date.fromisoformat(given["away"][0]), date.fromisoformat(given["away"][1])),
        (*((datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in given["taken"]), *more),
    )


def window(diagnosis: str, loose: bool = False) -> int:
    """Returns the days by which a stay for something is followed up."""
    said = diagnosis.lower()
    found = next((days for word, days in WINDOWS.items() if word in said), OTHERS)
    return max(found, next((LOOSE[word] for word in LOOSE if word in said), OTHERS)) if loose else found


def fitting(times: Iterable[SlotTime], limits: Limits, last: date) -> list[SlotTime]:
    """Returns the free times that fit, the first one first."""
    return sorted(
        (one for one in times if one.free and one.start.date() <= last and limits.fit(one)),
        key=lambda one: (one.start, one.id),
    )


def same_day(firsts: Sequence[SlotTime], seconds: Sequence[SlotTime]) -> list[tuple[SlotTime, SlotTime]]:
    """Returns pairs on one day, an hour or more from start to start, the first ones first."""
    pairs = [
        (one, other)
        for one in firsts
        for other in seconds
        if one.start.date() == other.start.date() and abs(one.start - other.start) >= APART
    ]
    return sorted(pairs, key=lambda pair: max(pair[0].start, pair[1].start))


def apart(firsts: Sequence[SlotTime], seconds: Sequence[SlotTime]) -> list[tuple[SlotTime, SlotTime]]:
    """Returns pairs that do not overlap, the first ones first."""
    pairs = [(one, other) for one in firsts[:6] for other in seconds[:6] if _apart(one, other)]
    return sorted(pairs, key=lambda pair: (pair[0].start, pair[1].start))


def _apart(one: SlotTime, other: SlotTime) -> bool:
    return one.end <= other.start or other.end <= one.start


def without(limits: Limits, **relaxed: object) -> Limits:
    """Returns the limits with some of them changed."""
    return replace(limits, **relaxed)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Clinics:
    """Practitioners who see people by appointment.

    Attributes:
        service: By practitioner, the words for the clinic.
        times: By practitioner, all slots.
        by_id: All slots by their ids.
        schedules: By practitioner, the schedule's address.
    """

    service: Mapping[str, str]
    times: Mapping[str, tuple[SlotTime, ...]]
    by_id: Mapping[str, SlotTime]
    schedules: Mapping[str, str]

    def of(self, service: str) -> list[str]:
        """Returns the practitioners of a clinic."""
        return [who for who, what in self.service.items() if what == service]


def clinics(chart: Chart) -> Clinics:
    """Reads all schedules and slots, once."""
    return chart.remember("clinics", lambda: _read(chart))


def _read(chart: Chart) -> Clinics:
    service: dict[str, str] = {}
    schedules: dict[str, str] = {}
    for schedule in chart.search("Schedule", _count="1000"):
        who = schedule["actor"][0]["reference"]
        service[who] = schedule["serviceType"][0]["text"]
        schedules[who] = f"Schedule/{schedule['id']}"
    owner = {address: who for who, address in schedules.items()}
    times: dict[str, list[SlotTime]] = {who: [] for who in service}
    for slot in chart.search("Slot", _count="1000"):
        who = owner[slot["schedule"]["reference"]]
        times[who].append(SlotTime.of(slot, who))
    by_id = {one.id: one for found in times.values() for one in found}
    return Clinics(service, {who: tuple(sorted(found, key=_start)) for who, found in times.items()}, by_id, schedules)


def _start(one: SlotTime) -> datetime:
    return one.start
