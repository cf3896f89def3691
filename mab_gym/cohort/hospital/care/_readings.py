"""Readings: what was ordered and when, met with what a person's levels were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.random import RandomState

from mab_gym.cohort._streams import Floats, Ints
from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, NUMBERS, PANELS, PLACES
from mab_gym.cohort.hospital._history import (
    CORRECTED,
    ENTERED_IN_ERROR,
    FINAL,
    HAEMOLYSED,
    NOW,
    History,
    Panel,
    Readings,
)
from mab_gym.cohort.hospital.care._bedside import Rounds
from mab_gym.cohort.hospital.care._chance import Luck
from mab_gym.cohort.hospital.care._crew import Crew
from mab_gym.cohort.hospital.care._effects import DAY
from mab_gym.cohort.hospital.care._examinations import Examined
from mab_gym.cohort.hospital.care._kidneys import YEAR
from mab_gym.cohort.hospital.care._levels import HIGHEST, Levels, derive
from mab_gym.cohort.hospital.care._orders import HOUR, Draw, Ordering

RACE_FREE: Final = int(datetime(2021, 9, 23, tzinfo=UTC).timestamp())
"""From then on filtration is estimated by the equation of 2021 (NKF and ASN task force)."""
_POTASSIUM, _WEIGHT, _BMI, _EGFR, _EGFR_2009, _OXYGEN, _PSA, _MORSE = (
    NUMBERS[key]
    for key in ("potassium", "weight", "bmi", "egfr", "egfr_2009", "oxygen_flow", "psa", "morse")
)  # fmt: skip
_FLUIDS: Final = [NUMBERS[key] for key in ("intake", "output", "urine_output")]
_AST, _LDH = NUMBERS["ast"], NUMBERS["ldh"]
_LOW: Final = np.array([row.critical_low for row in ANALYTE_ROWS])
_HIGH: Final = np.array([row.critical_high for row in ANALYTE_ROWS])
_AGAIN: Final = {"potassium": "potassium", "haemoglobin": "haemoglobin", "sodium": "basic_metabolic",
                 "inr": "coagulation", "lactate": "lactate", "glucose": "glucose"}  # fmt: skip
"""Tests that are drawn again after a critical result, in the emergency department and on the ward."""
_AGAIN_NUMBERS: Final = {NUMBERS[key]: panel for key, panel in _AGAIN.items()}
_AGAIN_COLUMNS: Final = np.array(list(_AGAIN_NUMBERS), dtype=np.int64)
_BY_PLACES: Final = {places: np.flatnonzero(places == PLACES) for places in np.unique(PLACES).tolist()}
_TAKEN: Final = {"ecg": (NUMBERS["qtc"],), "echo": (NUMBERS["ejection_fraction"],)}
"""Numbers that examinations measure."""
_POUNDS: Final = 2.2046


class _Columns:
    """Readings while they are put together."""

    def __init__(self) -> None:
        self.parts: list[tuple[Ints, Ints, Ints, Floats, Ints, Ints, Ints, Ints]] = []

    def add(self, row: Ints, numbers: Ints, sizes: Ints, value: Floats, *columns: Ints) -> None:
        """Adds a block: the value at each row of the levels, and columns that repeat by the sizes of sets."""
        moment, issued, visit, panel, performer = (np.repeat(column, sizes) for column in columns)
        state = np.full(len(numbers), FINAL, dtype=np.int64)
        self.parts.append((moment, issued, numbers, value[row, numbers], visit, state, panel, performer))

    def joined(self) -> list[npt.NDArray[Any]]:
        """Returns the columns, by time and then by analyte."""
        columns = [np.concatenate(parts) for parts in zip(*self.parts, strict=True)]
        order = np.lexsort((columns[2], columns[0]))
        return [column[order] for column in columns]


def rounded(value: Floats) -> Floats:
    """Rounds each analyte to its places; shape ``(times, analytes)``."""
    for places, columns in _BY_PLACES.items():
        value[:, columns] = np.round(value[:, columns], places)
    value[:, _MORSE] = 5 * np.round(value[:, _MORSE] / 5)
    value[:, _FLUIDS] = 10 * np.round(value[:, _FLUIDS] / 10)
    return value


def add_readings(history: History, crew: Crew, examined: Sequence[Examined], luck: Luck, levels: RandomState) -> None:
    """Fills ``history.readings`` and ``history.panels``.

    Args:
        history: The person.
        crew: Who works here.
        examined: Examinations, some of which measure something.
        luck: Draws what is ordered and taken when.
        levels: Draws the levels.
    """
    ordering = Ordering(history, crew, luck)
    schedule = ordering.run()
    rounds = Rounds(history, crew, luck)
    rounds.run()
    rounds.sets += [
        (one.moment, _TAKEN[one.study], one.visit, one.performer) for one in examined if one.study in _TAKEN
    ]
    person = Levels(history, levels)
    columns = _Columns()
    first = list(schedule.draws)
    moments = [one[0] for one in rounds.sets] + [draw.moment for draw in first]
    times, row = np.unique(np.array(moments, dtype=np.int64), return_inverse=True)
    if not len(times):
        history.panels = _by_time(schedule.panels)[0]
        return
    value = _measured(history, person, times, levels)
    _add_signs(rounds.sets, row[: len(rounds.sets)], value, columns)
    _add_bloods(crew, schedule.panels, first, row[len(rounds.sets) :], value, columns)
    _again(history, ordering, value[row[len(rounds.sets) :]])
    second = schedule.draws[len(first) :]
    if second:
        times, row = np.unique(np.array([draw.moment for draw in second], dtype=np.int64), return_inverse=True)
        value = _measured(history, person, times, levels)
        _add_bloods(crew, schedule.panels, second, row, value, columns)
    history.panels, place = _by_time(schedule.panels)
    moment, issued, number, measured, visit, state, panel, performer = columns.joined()
    panel = np.append(place, -1)[panel.astype(np.int64)]  # -1 stands for none, also where there are no panels
    broken = np.zeros(len(place) + 1, dtype=np.bool_)
    broken[[place[draw.panel] for draw in schedule.draws if draw.haemolysed]] = True
    _faults(measured, number, state, broken[panel], levels)
    kept = _kept(history, number, moment, measured)
    history.readings = Readings(
        moment=moment[kept].astype(np.int64), issued=issued[kept].astype(np.int64),
        analyte=number[kept].astype(np.int16), value=measured[kept], visit=visit[kept].astype(np.int32),
        state=state[kept].astype(np.int8), panel=panel[kept].astype(np.int32),
        performer=performer[kept].astype(np.int32),
    )  # fmt: skip


def _measured(history: History, person: Levels, times: Ints, rng: RandomState) -> Floats:
    """Returns the results at moments, rounded, shape ``(times, analytes)``."""
    value = rounded(person.at(times, rng))
    derive(value, times, history)
    return rounded(value)


def _add_signs(sets: list[tuple[int, tuple[int, ...], int, int]], row: Ints, value: Floats, columns: _Columns) -> None:
    if not sets:
        return
    numbers, repeat = _unrolled([one[1] for one in sets])
    moments = np.array([one[0] for one in sets], dtype=np.int64)
    visit = np.array([one[2] for one in sets], dtype=np.int64)
    performer = np.array([one[3] for one in sets], dtype=np.int64)
    columns.add(np.repeat(row, repeat), numbers, repeat, value, moments, moments, visit, np.full_like(visit, -1),
                performer)  # fmt: skip


def _add_bloods(
    crew: Crew, panels: list[Panel], draws: list[Draw], row: Ints, value: Floats, columns: _Columns
) -> None:
    if not draws:
        return
    numbers, repeat = _unrolled([PANELS[panels[draw.panel].key].numbers for draw in draws])
    performer = [crew.one("laboratory", "physician", draw.panel, panels[draw.panel].orderer) for draw in draws]
    columns.add(
        np.repeat(row, repeat), numbers, repeat, value,
        np.array([draw.moment for draw in draws], dtype=np.int64),
        np.array([draw.issued for draw in draws], dtype=np.int64),
        np.array([panels[draw.panel].visit for draw in draws], dtype=np.int64),
        np.array([draw.panel for draw in draws], dtype=np.int64), np.array(performer, dtype=np.int64),
    )  # fmt: skip


def _unrolled(sets: list[tuple[int, ...]]) -> tuple[Ints, Ints]:
    numbers = np.array([number for one in sets for number in one], dtype=np.int64)
    return numbers, np.array([len(one) for one in sets], dtype=np.int64)


def _again(history: History, ordering: Ordering, value: Floats) -> None:
    """Has critical results of the ill drawn again, if that is not done anyway.

    Args:
        history: The person.
        ordering: With the draws so far.
        value: The levels at these draws.
    """
    draws, panels = list(ordering.schedule.draws), ordering.schedule.panels
    wanted = value[:, _AGAIN_COLUMNS]
    extreme = (wanted <= _LOW[_AGAIN_COLUMNS]) | (wanted >= _HIGH[_AGAIN_COLUMNS])
    died = history.person.died
    until = NOW if died is None else min(died, NOW)
    for place in np.flatnonzero(extreme.any(axis=1)).tolist():
        draw = draws[place]
        panel = panels[draw.panel]
        visit = history.visits[panel.visit]
        if visit.kind not in ("emergency", "inpatient") or draw.haemolysed:
            continue
        again = draw.issued + 45 * 60
        if again >= min(visit.end or until, until):
            continue
        for number in _AGAIN_COLUMNS[extreme[place]].tolist():
            if number in PANELS[panel.key].numbers and not any(
                draw.moment < other.moment < again + 3 * HOUR
                and panels[other.panel].visit == panel.visit
                and number in PANELS[panels[other.panel].key].numbers
                for other in ordering.schedule.draws
            ):
                ordering.add(_AGAIN_NUMBERS[number], panel.visit, again, urgent=True)


def _by_time(panels: list[Panel]) -> tuple[list[Panel], Ints]:
    """Sorts panels by the time of their order, and returns where each one went."""
    order = sorted(range(len(panels)), key=lambda place: (panels[place].ordered, place))
    went = np.zeros(len(panels), dtype=np.int64)
    went[order] = np.arange(len(panels))
    return [panels[place] for place in order], went


def _faults(value: Floats, number: Ints, state: Ints, broken: npt.NDArray[np.bool_], rng: RandomState) -> None:
    """Puts in what goes wrong: broken red cells, pounds for kilograms, results that were corrected."""
    leaked = broken & (number == _POTASSIUM)
    value[leaked] = np.round(value[leaked] + 0.5 + 1.6 * rng.random_sample(int(leaked.sum())), 1)
    state[leaked] = HAEMOLYSED
    enzymes = broken & ((number == _AST) | (number == _LDH))
    value[enzymes] = np.round(value[enzymes] * 1.6)
    chance = rng.random_sample(len(value))
    pounds = (number == _WEIGHT) & (chance < 0.004) & (value < 110)
    value[pounds] = np.round(value[pounds] * _POUNDS, 1)
    state[pounds] = ENTERED_IN_ERROR
    indices = np.flatnonzero(pounds)
    for index in indices.tolist():  # the BMI of the same moment is wrong, too
        following = index + 1
        while following < len(number) and number[following] != _BMI and following - index < 3:
            following += 1
        if following < len(number) and number[following] == _BMI:
            value[following] = np.round(min(value[following] * _POUNDS, HIGHEST[_BMI]), 1)
            state[following] = ENTERED_IN_ERROR
    laboratory = np.array([row.kind == "laboratory" for row in ANALYTE_ROWS])[number]
    state[laboratory & (state == FINAL) & (chance < 0.002)] = CORRECTED


def _kept(history: History, number: Ints, moment: Ints, value: Floats) -> npt.NDArray[np.bool_]:
    """Chooses which readings are reported: one filtration of its time, oxygen only where it flows."""
    adult = moment >= (history.person.born.toordinal() - 719_163) * DAY + 18 * YEAR
    number[(number == _EGFR) & (moment < RACE_FREE)] = _EGFR_2009
    filtration = (number == _EGFR) | (number == _EGFR_2009)
    kept: npt.NDArray[np.bool_] = ~(filtration & ~adult) & ~((number == _OXYGEN) & (value < 1))
    if history.person.female:
        kept &= number != _PSA
    return kept
