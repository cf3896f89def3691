"""The observations of a chart: the times of all measurements, and the order in which they were loaded."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._current import CODES
from mab_gym.cohort._data import choices
from mab_gym.cohort._encounters import EMERGENCY, SETTINGS, Contacts
from mab_gym.cohort._existence import ANALYTES_SINCE
from mab_gym.cohort._measurement import ANALYTES, LABORATORY_PANELS, NUMBER, PANELS
from mab_gym.cohort._profiles import Block, Profiles
from mab_gym.cohort._readings import Readings, Rows, lower_earlier
from mab_gym.cohort._series import draw_values
from mab_gym.cohort._spec import DAY, FIRST, HOUR, MINUTE, NOW
from mab_gym.cohort._streams import Bools, Floats, Ints, counted, integers

_CHANGED: Final = choices("Observation.status")
STATUSES: Final = ("final", *_CHANGED.values)
CULTURE_DAYS: Final = 5
"""Days after which a blood culture is reported; the usual time of incubation."""

_CHANGED_RESULTS, _CHANGED_ROWS = 0.013, 0.002
"""Shares of laboratory results and of flowsheet rows that were changed after they were final; our estimate."""
_LATEST: Final = NOW - 12 * MINUTE
"""The newest ordinary record; a result needs some minutes to be issued."""
_SIZES = np.array([len(panel.codes) for panel in PANELS], dtype=np.int64)
_RATES = np.array([panel.rates for panel in PANELS])
_MEMBERS = np.array([NUMBER[code] for panel in PANELS for code in panel.codes], dtype=np.int64)
_STARTS = np.cumsum(_SIZES) - _SIZES
_FILLER = LABORATORY_PANELS
"""The panel that can be charted at any time."""


def panel_rates(profiles: Profiles, bedside: float) -> Floats:
    """Factors on how often each panel is ordered for each patient; shape ``(patients, panels)``.

    Args:
        profiles: The patients.
        bedside: A factor on what is charted at the bedside.
    """
    factors = np.ones((len(profiles.female), len(PANELS)))
    factors[:, LABORATORY_PANELS:] = bedside
    for place, panel in enumerate(PANELS):
        for trait, factor in panel.factors.items():
            factors[:, place] *= np.where(profiles.traits[trait], factor, 1.0)
    return factors


def per_contact(factors: Floats) -> Floats:
    """Observations that a contact brings on average; shape ``(patients, SETTINGS)``."""
    result = np.zeros((len(factors), SETTINGS))
    for place in range(len(PANELS)):
        result += factors[:, place, None] * (_RATES[place] * _SIZES[place])
    return result


def draw_observations(rng: RandomState, block: Block, factors: Floats, readings: Readings) -> Rows:
    """The observations of a block of patients, in load order.

    Args:
        rng: The block's stream.
        block: The patients.
        factors: Shape ``(patients, panels)``; see `panel_rates`.
        readings: Their newest readings of what the tasks ask for, which stand in the place of ordinary ones.
    """
    _, profiles, contacts = block
    wanted = profiles.counts["Observation"] - np.bincount(readings.rows.patient, minlength=len(profiles.female))
    contact, kind, time = _panels(rng, factors, contacts)
    panel, number = _members(kind)
    stays = _may_stay(contacts.patient[contact[panel]], number, time[panel], readings)
    short = wanted - np.bincount(contacts.patient[contact[panel]][stays], minlength=len(wanted))
    if (short > 0).any():
        extra = _more_panels(rng, np.maximum(short, 0), contacts)
        contact, kind, time = (np.concatenate(pair) for pair in zip((contact, kind, time), extra, strict=True))
        panel, number = _members(kind)
    at, when = contact[panel], time[panel]
    patient = contacts.patient[at]
    value = draw_values(rng, profiles, contacts, number, when, at)
    status = np.zeros(len(panel), dtype=np.int64)
    share = np.where(number < ANALYTES, _CHANGED_RESULTS, _CHANGED_ROWS)
    changed = np.flatnonzero(rng.random_sample(len(panel)) < share)
    changed = changed[when[changed] < NOW - 3 * DAY]
    status[changed] = 1 + _CHANGED.pick(rng, len(changed), "changed")
    rows = Rows(patient, number, when, value, contacts.zone[at], status, panel)
    rows = rows.take(_may_stay(patient, number, when, readings))
    # Whole panels fall away by chance, and from the last one that is left so much as is too much.
    priority = integers(rng, 0, 1 << 30, len(kind))[rows.panel]
    rows = rows.take(np.argsort((rows.patient << 30) + priority, kind="stable"))
    available = np.bincount(rows.patient, minlength=len(wanted))
    _, rank = counted(available)
    rows = rows.take(rank < wanted[rows.patient])
    lower_earlier(rng, readings, rows)
    own_panel = len(kind) + np.arange(len(readings.rows.patient), dtype=np.int64)
    rows = Rows(*map(np.concatenate, zip(rows, readings.rows._replace(panel=own_panel), strict=True)))
    return _in_load_order(rng, rows, profiles.counts["Observation"])


def _in_load_order(rng: RandomState, rows: Rows, counts: Ints) -> Rows:
    """Patient by patient, and within one the panels shuffled: charts are not loaded in the order of time."""
    shuffled = integers(rng, 0, 1 << 30, int(rows.panel.max()) + 1)[rows.panel]
    rows = rows.take(np.argsort((rows.patient << 30) + shuffled, kind="stable"))
    found = np.bincount(rows.patient, minlength=len(counts))
    assert np.array_equal(found, counts), "as many observations are drawn as are wanted"
    return rows


def _panels(rng: RandomState, factors: Floats, contacts: Contacts) -> tuple[Ints, Ints, Ints]:
    """Contact, kind and time of each panel that was ordered."""
    rates = _RATES.T[contacts.setting] * factors[contacts.patient]
    counts = np.floor(rates + rng.random_sample(rates.shape)).astype(np.int64)
    cell, turn = counted(counts.ravel())
    contact, kind = cell // len(PANELS), cell % len(PANELS)
    many = counts.ravel()[cell]
    chance = rng.random_sample(len(cell))
    hours = np.array([(panel.hours * 24)[:24] or (-1.0,) * 24 for panel in PANELS])
    due = hours[kind, turn % 24] + 1.3 * chance
    spread = (turn + chance) * 24.0 / many
    depends = np.array([len(panel.hours) for panel in PANELS])[kind]
    hour = np.where(turn < depends, due, spread)
    short = contacts.setting[contact] <= EMERGENCY
    hour = np.where(
        short, contacts.hour[contact] + chance * np.where(contacts.setting[contact] == EMERGENCY, 2.0, 0.7), hour
    )
    return contact, kind, contacts.day[contact] * DAY + np.floor(hour * 60).astype(np.int64) * MINUTE


def _more_panels(rng: RandomState, short: Ints, contacts: Contacts) -> tuple[Ints, Ints, Ints]:
    """Further vital signs at times when somebody was there, for patients whose chart came out too short."""
    patient, _ = counted(-(-short // _SIZES[_FILLER]))
    settled = (contacts.day * DAY > FIRST) & (contacts.day < NOW // DAY)
    contact = contacts.pick(rng, patient, np.where(settled, 1.0, 1e-12))
    hours = np.floor(rng.random_sample(len(contact)) * 90.0) / 60.0 + contacts.hour[contact]
    return (
        contact,
        np.full(len(contact), _FILLER),
        contacts.day[contact] * DAY + np.floor(hours * 60).astype(np.int64) * MINUTE,
    )


def _members(kind: Ints) -> tuple[Ints, Ints]:
    """The single measurements of panels of the given kinds: the panel and the number of each."""
    panel, member = counted(_SIZES[kind])
    return panel, _MEMBERS[_STARTS[kind[panel]] + member]


def _may_stay(patient: Ints, number: Ints, time: Ints, readings: Readings) -> Bools:
    """Marks the rows that lie within the time of records and are not replaced by the newest readings."""
    stays: Bools = (time >= FIRST) & (time <= _LATEST)
    for code, since in ANALYTES_SINCE.items():
        stays &= (number != NUMBER[code]) | (time >= since)
    stays &= (number != NUMBER["BCX"]) | (time <= NOW - CULTURE_DAYS * DAY - HOUR)
    for column, code in enumerate(CODES):
        stays &= (number != NUMBER[code]) | (time < readings.since[patient, column])
    return stays
