"""Readings: what was ordered and when, met with what a person's levels were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.random import RandomState

from mab_gym.cohort._streams import Floats, Ints
from mab_gym.cohort.hospital._care_bedside import Rounds
from mab_gym.cohort.hospital._care_crew import Crew
from mab_gym.cohort.hospital._care_effects import DAY
from mab_gym.cohort.hospital._care_examinations import Examined
from mab_gym.cohort.hospital._care_kidneys import YEAR
from mab_gym.cohort.hospital._care_levels import HIGHEST, Levels, derive
from mab_gym.cohort.hospital._care_orders import HOUR, Draw, Ordering
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
"""What is drawn again after a critical result, in the emergency department and on the ward."""
_AGAIN_NUMBERS: Final = {NUMBERS[key]: panel for key, panel in _AGAIN.items()}
_BY_PLACES: Final = {places: np.flatnonzero(places == PLACES) for places in np.unique(PLACES).tolist()}
_MEASURED: Final = {"ecg": (NUMBERS["qtc"],), "echo": (NUMBERS["ejection_fraction"],)}
"""What examinations measure."""
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


def add_readings(
    history: History, crew: Crew, examined: Sequence[Examined], orders: RandomState, levels: RandomState
) -> None:
    """Fills ``history.readings`` and ``history.panels``.

    Args:
        history: The person.
        crew: Who works here.
        examined: Examinations, some of which measure something.
        orders: Draws what is ordered and taken when.
        levels: Draws the levels.
    """
    ordering = Ordering(history, crew, orders)
    schedule = ordering.run()
    rounds = Rounds(history, crew, orders)
    rounds.run()
    rounds.sets += [
        (one.moment, _MEASURED[one.study], one.visit, one.performer) for one in examined if one.study in _MEASURED
    ]
    person = Levels(history, levels)
    columns = _Columns()
    _signs(history, rounds, person, levels, columns)
    drawn = len(schedule.draws)
    value, times = _bloods(history, crew, ordering, schedule.draws, person, levels, columns)
    _again(history, ordering, value, times)
    _bloods(history, crew, ordering, schedule.draws[drawn:], person, levels, columns)
    if not columns.parts:
        return
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


def _signs(history: History, rounds: Rounds, person: Levels, rng: RandomState, columns: _Columns) -> None:
    sets = sorted(rounds.sets, key=lambda one: one[0])
    if not sets:
        return
    moments = np.array([one[0] for one in sets], dtype=np.int64)
    times, row = np.unique(moments, return_inverse=True)
    value = rounded(person.at(times, rng))
    derive(value, times, history)
    rounded(value)
    numbers, repeat = _unrolled([one[1] for one in sets])
    visit = np.array([one[2] for one in sets], dtype=np.int64)
    performer = np.array([one[3] for one in sets], dtype=np.int64)
    columns.add(np.repeat(row, repeat), numbers, repeat, value, moments, moments, visit, np.full_like(visit, -1),
                performer)  # fmt: skip


def _bloods(
    history: History, crew: Crew, ordering: Ordering, draws: list[Draw], person: Levels, rng: RandomState,
    columns: _Columns,
) -> tuple[Floats, Ints]:  # fmt: skip
    """Adds the results of specimens, and returns the levels with the moments at which they were taken."""
    if not draws:
        return np.zeros((0, len(ANALYTE_ROWS))), np.zeros(0, dtype=np.int64)
    moments = np.array([draw.moment for draw in draws], dtype=np.int64)
    times, row = np.unique(moments, return_inverse=True)
    value = rounded(person.at(times, rng))
    derive(value, times, history)
    rounded(value)
    panels = ordering.schedule.panels
    places = np.array([draw.panel for draw in draws], dtype=np.int64)
    numbers, repeat = _unrolled([PANELS[panels[draw.panel].key].numbers for draw in draws])
    performer = [crew.one("laboratory", "physician", draw.panel, panels[draw.panel].orderer) for draw in draws]
    columns.add(
        np.repeat(row, repeat), numbers, repeat, value, moments,
        np.array([draw.issued for draw in draws], dtype=np.int64),
        np.array([panels[draw.panel].visit for draw in draws], dtype=np.int64), places,
        np.array(performer, dtype=np.int64),
    )  # fmt: skip
    return value, times


def _unrolled(sets: list[tuple[int, ...]]) -> tuple[Ints, Ints]:
    numbers = np.array([number for one in sets for number in one], dtype=np.int64)
    return numbers, np.array([len(one) for one in sets], dtype=np.int64)


def _again(history: History, ordering: Ordering, value: Floats, times: Ints) -> None:
    """Has critical results of the ill drawn again, if that is not done anyway."""
    rows = {moment: place for place, moment in enumerate(times.tolist())}
    panels = ordering.schedule.panels
    taken: dict[int, list[tuple[int, set[int]]]] = {}
    for draw in ordering.schedule.draws:
        numbers = set(PANELS[panels[draw.panel].key].numbers)
        taken.setdefault(panels[draw.panel].visit, []).append((draw.moment, numbers))
    for draw in list(ordering.schedule.draws):
        panel = panels[draw.panel]
        visit = history.visits[panel.visit]
        if visit.kind not in ("emergency", "inpatient") or draw.haemolysed:
            continue
        row = value[rows[draw.moment]]
        for number in PANELS[panel.key].numbers:
            if number in _AGAIN_NUMBERS and (row[number] <= _LOW[number] or row[number] >= _HIGH[number]):
                again = draw.issued + 45 * 60
                soon = any(
                    draw.moment < moment < again + 3 * HOUR and number in numbers
                    for moment, numbers in taken[panel.visit]
                )  # fmt: skip
                if not soon and again < min(visit.end or NOW, history.person.died or NOW, NOW):
                    key = _AGAIN_NUMBERS[number]
                    ordering.add(key, panel.visit, again, urgent=True)
                    taken[panel.visit].append((again, set(PANELS[key].numbers)))


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
