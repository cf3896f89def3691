"""The clinics' schedules: when physicians see people in the coming weeks, and which of these times are taken."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

import numpy as np

from mab_gym.cohort._columns import pretty
from mab_gym.cohort._streams import stream
from mab_gym.cohort.hospital._history import Practitioner
from mab_gym.cohort.hospital._slots import LENGTH, slot_numbers, starts
from mab_gym.cohort.hospital._spec import HospitalSpec
from mab_gym.cohort.hospital._zone import written
from mab_gym.cohort.hospital.rows._chart import LIVE, SCHEDULES, SLOTS, Hospital, meta_text
from mab_gym.cohort.hospital.rows._encounters import SERVICE_WORDS
from mab_gym.cohort.hospital.rows._fhir import Element, reference, reference_text, said
from mab_gym.cohort.hospital.rows._sheet import Sheet

SCHEDULED: Final = 101
"""The number of the schedules' random stream."""
_ROOM: Final = 1_000
"""Ids for the slots of one practitioner."""
_TAKEN_NOW, _TAKEN_LATER = 0.85, 0.35
"""Share of slots that are taken by others, in the first week and in the last; our choice."""


def slot_at(one: Practitioner, start: int) -> int | None:
    """Returns the id of the slot of a practitioner that begins at a moment; None if there is none."""
    if not has_clinic(one):
        return None
    place = slot_numbers().get(start)
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
        grid = slot_numbers()
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
