"""The clinics' schedules: when physicians see people in the coming weeks, and which of these times are taken."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from functools import cache
from typing import Final

import numpy as np

from mab_gym.cohort._columns import pretty
from mab_gym.cohort._spec import DAY, HOUR, MINUTE
from mab_gym.cohort._streams import stream
from mab_gym.cohort.hospital._chart import LIVE, SCHEDULES, SLOTS, Hospital, meta_text
from mab_gym.cohort.hospital._fhir import Element, reference, reference_text, said
from mab_gym.cohort.hospital._history import NOW, Practitioner, local
from mab_gym.cohort.hospital._rows_encounters import SERVICE_WORDS
from mab_gym.cohort.hospital._sheet import Sheet
from mab_gym.cohort.hospital._spec import HospitalSpec
from mab_gym.cohort.hospital._zone import WINTER, offset_at, written

SCHEDULED: Final = 101
"""The number of the schedules' random stream."""
WEEKS: Final = 6
LENGTH: Final = 30 * MINUTE
_HOURS: Final = (8, 9, 10, 11, 13, 14, 15, 16)
"""Local hours in which the clinics see people; two slots each. Our choice."""
_CLOSED: Final = frozenset({date(2024, 11, 28), date(2024, 12, 25)})
"""Thanksgiving and Christmas."""
_ROOM: Final = 1_000
"""Ids for the slots of one practitioner."""
_TAKEN_NOW, _TAKEN_LATER = 0.85, 0.35
"""Share of slots that are taken by others, in the first week and in the last; our choice."""
_FIRST_DAY: Final = local(NOW).date()


@cache
def starts(service: str, number: int) -> tuple[int, ...]:
    """Returns the beginnings of a practitioner's usual slots, rising.

    Args:
        service: The practitioner's service; in primary care every working day, elsewhere two days a week.
        number: The practitioner's number.
    """
    wanted = range(5) if service == "primary" else (number % 5, (number + 2) % 5)
    return tuple(start for start in _grid() if local(start).weekday() in wanted)


@cache
def _grid() -> dict[int, int]:
    """Returns the beginnings of all slots that there could be in the coming weeks, each with its number."""
    found: list[int] = []
    for day in (_FIRST_DAY + timedelta(days=n) for n in range(7 * WEEKS)):
        if day.weekday() >= 5 or day in _CLOSED:
            continue
        midnight = (day - date(1970, 1, 1)).days * DAY
        offset = offset_at(midnight + 12 * HOUR - WINTER)
        found += [midnight + hour * HOUR + half * LENGTH - offset for hour in _HOURS for half in (0, 1)]
    return {start: number for number, start in enumerate(start for start in found if start > NOW)}


def slot_at(one: Practitioner, start: int) -> int | None:
    """Returns the id of the slot of a practitioner that begins at a moment; None if there is none."""
    if not has_clinic(one):
        return None
    place = _grid().get(start)
    return None if place is None else SLOTS + one.number * _ROOM + place


def has_clinic(one: Practitioner) -> bool:
    """Tells if somebody sees people by appointment."""
    return one.role == "physician" and one.service not in ("intensive", "emergency", "laboratory", "radiology")


def schedule_sheets(spec: HospitalSpec, hospital: Hospital, booked: Collection[tuple[int, int]]) -> Iterator[Sheet]:
    """Returns schedules and slots.

    Args:
        spec: The hospital.
        hospital: Its references.
        booked: Practitioners and the times at which people of the cohort are booked with them.
    """
    schedules, slots = Sheet("Schedule"), Sheet("Slot", ("start", "end"))
    clinics = {place.service: place.number for place in hospital.staff.places if place.kind == "clinic"}
    for one in hospital.staff.practitioners:
        if not has_clinic(one):
            continue
        mine = {start for number, start in booked if number == one.number}
        begins = sorted(mine.union(starts(one.service, one.number)))  # some are seen on other days, too
        number = SCHEDULES + one.number
        actors: list[Element] = [hospital.practitioners[one.number]]
        if one.service in clinics:
            actors.append(hospital.places[clinics[one.service]])
        words = pretty([{"text": SERVICE_WORDS[one.service]}])
        horizon = {"start": written(begins[0]), "end": written(begins[-1] + LENGTH)}
        schedules.add(
            id=number,
            meta=schedules["meta"].text(meta_text("", LIVE * 1000 + 307)),
            active=schedules["active"].text("true"),
            serviceType=schedules["serviceType"].text(words),
            actor=schedules["actor"].json(actors),
            planningHorizon=schedules["planningHorizon"].json(horizon),
        )
        taken = np.array([start in mine for start in begins])
        share = np.linspace(_TAKEN_NOW, _TAKEN_LATER, len(begins))
        taken |= stream(spec.entropy, SCHEDULED, one.number).random_sample(len(begins)) < share
        count = len(begins)
        moments = np.array(begins, dtype=np.int64)
        first = SLOTS + one.number * _ROOM
        grid = _grid()
        slots.add_many(
            count,
            id=np.array([first + grid[start] for start in begins], dtype=np.int64),
            meta=slots["meta"].text(meta_text("", LIVE * 1000 + 307)),
            serviceType=slots["serviceType"].text(words),
            schedule=slots["schedule"].text(reference_text("Schedule", number)),
            status=np.where(taken, slots["status"].text(said("busy")), slots["status"].text(said("free"))),
            start=moments,
            end=moments + LENGTH,
        )
    yield schedules
    yield slots


def slot_reference(one: Practitioner, start: int) -> Element | None:
    """Returns the reference to a practitioner's slot that begins at a moment; None if there is none."""
    number = slot_at(one, start)
    return None if number is None else reference("Slot", number)
