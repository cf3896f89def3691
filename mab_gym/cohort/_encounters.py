"""The times at which people meet the hospital: visits, emergencies, and stays on wards and in intensive care.

Everything in a chart is recorded at a *contact*: an outpatient visit, an hour in the emergency department, or one
day of a stay. There are no Encounter resources, as in the official server; records cluster by contact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._data import choices
from mab_gym.cohort._spec import DAY, FIRST, MINUTE, NOW
from mab_gym.cohort._streams import Bools, Floats, Ints, integers, pick

OUTPATIENT, EMERGENCY, WARD, INTENSIVE = range(4)
SETTINGS: Final = 4

REASONS: Final = ("none", "infection", "renal", "cardiac", "bleeding", "surgery", "respiratory")
"""The reasons for a stay; "none" stands for all that leave no trace in the laboratory."""

FIRST_DAY: Final = FIRST // DAY
TODAY: Final = NOW // DAY
_ZONE: Final = choices("zone")


@dataclass(frozen=True, slots=True)
class Contacts:
    """The contacts of a block of patients, those of a patient together; all arrays have shape ``(contacts,)``.

    Attributes:
        patient: Index within the block.
        day: Days since 1970-01-01.
        setting: `OUTPATIENT`, `EMERGENCY`, `WARD` or `INTENSIVE`.
        hour: Hour of the day, with fraction, at which it begins.
        reason: Index into `REASONS`.
        depth: Which day of the stay it is, from 0.
        zone: 1 + index into `mab_gym.cohort._columns.ZONES`, for the times written down at it.
        bounds: Shape ``(patients + 1,)``; the contacts of patient ``p`` are ``bounds[p]`` to ``bounds[p + 1]``.
    """

    patient: Ints
    day: Ints
    setting: Ints
    hour: Floats
    reason: Ints
    depth: Ints
    zone: Ints
    bounds: Ints

    def pick(self, rng: RandomState, patients: Ints, weights: Floats) -> Ints:
        """A contact for each row.

        Args:
            rng: The stream to draw from.
            patients: Shape ``(rows,)``; the person of each row.
            weights: Shape ``(contacts,)``; positive.
        """
        sums = np.concatenate([[0.0], np.cumsum(weights)])
        low, high = sums[self.bounds[patients]], sums[self.bounds[patients + 1]]
        found = np.searchsorted(sums, low + rng.random_sample(len(patients)) * (high - low), side="right") - 1
        chosen: Ints = np.clip(found, self.bounds[patients], self.bounds[patients + 1] - 1).astype(np.int64)
        return chosen

    def moment(self, rng: RandomState, contacts: Ints, within: float = 8.0) -> Ints:
        """A time at each of the given contacts, as seconds on a full minute, at least a quarter of an hour before now.

        Args:
            rng: The stream to draw from.
            contacts: Shape ``(rows,)``.
            within: How many hours after a stay's hour a record can be made; visits take an hour.
        """
        hours = np.where(self.setting[contacts] <= EMERGENCY, 1.0, within)
        minutes = np.floor((self.hour[contacts] + rng.random_sample(len(contacts)) * hours) * 60.0).astype(np.int64)
        moment = np.maximum(self.day[contacts] * DAY + minutes * MINUTE, FIRST)
        today = NOW - integers(rng, 15, 240, len(contacts)) * MINUTE
        return np.where(moment > NOW - 15 * MINUTE, today, moment)


def draw_contacts(
    rng: RandomState, records: Ints, per_contact: Floats, burden: Ints, reasons: Floats, current_days: Ints
) -> Contacts:
    """The contacts of a block of patients, with somewhat more room for observations than they have.

    The numbers in these functions are our estimate of how a hospital is used.

    Args:
        rng: The block's stream.
        records: Shape ``(patients,)``; the number of observations of each.
        per_contact: Shape ``(patients, SETTINGS)``; observations that a contact of each setting brings on average.
        burden: Shape ``(patients,)``; number of long-term conditions.
        reasons: Shape ``(patients, len(REASONS))``; the weight of each reason for a stay.
        current_days: Shape ``(patients,)``; days of the stay that lasts today, 0 for people who are not in hospital.
    """
    each_one = zip(records.tolist(), per_contact, burden.tolist(), reasons, current_days.tolist(), strict=True)
    charts = [_chart(rng, *each) for each in each_one]
    sizes = np.array([len(chart[0]) for chart in charts], dtype=np.int64)
    patient = np.repeat(np.arange(len(charts), dtype=np.int64), sizes)
    day, setting, reason, depth, zone = (np.concatenate([chart[i] for chart in charts]) for i in range(5))
    visit_hours = 8.0 + np.floor(rng.random_sample(len(day)) * 34.0) / 4.0
    anytime = np.floor(rng.random_sample(len(day)) * 88.0) / 4.0
    hour = np.where(setting == OUTPATIENT, visit_hours, np.where(setting == EMERGENCY, anytime, 6.0))
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Contacts(patient, day, setting, hour, reason, depth, zone, bounds)


def _chart(
    rng: RandomState, records: int, per_contact: Floats, burden: int, reason_weights: Floats, current_days: int
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """One patient's contacts: day, setting, reason, depth and zone of each."""
    first = FIRST_DAY + int(integers(rng, 1, 90, 1)[0])
    if rng.random_sample() < 0.4:
        first += int(integers(rng, 0, 900, 1)[0])
    span = TODAY - first - current_days
    visits = 6 + min(int(rng.poisson(12 + 3 * burden)), int(0.6 * records / per_contact[OUTPATIENT]))
    emergencies = int(rng.poisson(0.8 + 0.25 * burden))
    intensive = 0.05 + 0.15 * rng.random_sample() if records > 1500 else 0.0
    per_day = (1 - intensive) * per_contact[WARD] + intensive * per_contact[INTENSIVE]
    left = 1.2 * records - visits * per_contact[OUTPATIENT] - emergencies * per_contact[EMERGENCY]
    days = min(max(0, int(np.ceil(left / per_day)) - current_days), int(0.8 * span))
    lengths = _stay_lengths(rng, days)
    # Days outside of stays are counted through; a stay is put between two of them, so stays never overlap.
    free = span - days
    gaps = np.sort(integers(rng, 0, free, len(lengths)))
    starts = first + gaps + np.cumsum(lengths) - lengths
    if current_days:
        lengths = np.append(lengths, current_days)
        starts = np.append(starts, TODAY - current_days + 1)
    outside = integers(rng, 0, free, visits + emergencies)
    earlier = np.concatenate([[0], np.cumsum(lengths)])[np.searchsorted(gaps, outside, side="right")]
    loose = first + outside + earlier
    stay = np.repeat(np.arange(len(lengths)), lengths)
    depth = np.arange(len(stay)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    reasons = pick(rng, reason_weights, len(lengths))
    grave = _grave_days(rng, lengths, intensive)
    day = np.concatenate([loose, starts[stay] + depth])
    setting = np.concatenate(
        [np.full(visits, OUTPATIENT), np.full(emergencies, EMERGENCY), np.where(depth < grave[stay], INTENSIVE, WARD)]
    )
    reason = np.concatenate([np.zeros(len(loose), dtype=np.int64), reasons[stay]])
    # One site writes its times in one zone: it changes with the visit or the stay, not within.
    zone_of_visit = 1 + _ZONE.pick(rng, len(loose), "visit")
    zone_of_stay = 1 + _ZONE.pick(rng, len(lengths), "stay")
    zone = np.concatenate([zone_of_visit, zone_of_stay[stay]])
    depth = np.concatenate([np.zeros(len(loose), dtype=np.int64), depth])
    return day.astype(np.int64), setting.astype(np.int64), reason, depth.astype(np.int64), zone


def _stay_lengths(rng: RandomState, days: int) -> Ints:
    """Lengths of stays, in days, that sum up to ``days``; skewed, and longer for those who are here often."""
    if days == 0:
        return np.zeros(0, dtype=np.int64)
    mean = 2.5 + min(days / 40.0, 9.0)
    lengths = 1 + np.floor(-mean * np.log1p(-rng.random_sample(days))).astype(np.int64)
    ends = np.minimum(np.cumsum(lengths), days)
    lengths = np.diff(np.concatenate([[0], ends]))
    return lengths[lengths > 0]


def _grave_days(rng: RandomState, lengths: Ints, intensive: float) -> Ints:
    """The number of days at the start of each stay that are spent in intensive care."""
    grave: Bools = rng.random_sample(len(lengths)) < 2.0 * intensive
    return np.where(grave, np.ceil(lengths * 0.6), 0).astype(np.int64)
