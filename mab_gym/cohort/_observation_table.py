"""The Observation table: how laboratory results and flowsheet rows are written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._columns import ZONES, PoolBuilder, TableBuilder, pretty
from mab_gym.cohort._data import choices
from mab_gym.cohort._elements import LABORATORY, VITAL_SIGNS, measured, quantity, subject
from mab_gym.cohort._measurement import ANALYTES, BP, GREATEST_DIASTOLIC, MEASUREMENTS, NUMBER
from mab_gym.cohort._observations import CULTURE_DAYS, STATUSES
from mab_gym.cohort._readings import Rows
from mab_gym.cohort._series import pressure_code, pressure_text
from mab_gym.cohort._spec import DAY, MINUTE, NOW
from mab_gym.cohort._streams import integers

_NOTES = choices("Observation.note")
_LOWESTS = np.array([each.lowest for each in MEASUREMENTS], dtype=np.int64)
_PRESSURES = int(pressure_code(np.array([MEASUREMENTS[NUMBER[BP]].highest]), np.array([GREATEST_DIASTOLIC]))[0]) + 1
# All quantities that can occur, and all texts that can be a result, are numbered through; few of them do occur.
_QUANTITIES = np.array(
    [0 if each.choices or each.code == BP else each.highest + 1 - each.lowest for each in MEASUREMENTS], dtype=np.int64
)
_FIRST_QUANTITY = np.cumsum(_QUANTITIES) - _QUANTITIES
_RESULTS = [text for each in MEASUREMENTS for text in each.choices]
_CHOICES = np.array([len(each.choices) for each in MEASUREMENTS], dtype=np.int64)
_CHOSEN = _CHOICES > 0
_FIRST_TEXT = np.cumsum(_CHOICES) - _CHOICES


class ObservationTable(TableBuilder):
    """The table, filled block by block."""

    def __init__(self, rows: int, mrns: Sequence[str]) -> None:
        super().__init__("Observation", rows)
        self._status = self.pool("status", STATUSES)
        self._category = self.pool("category", [LABORATORY, VITAL_SIGNS])
        self._code = self.pool("code", [measured(number) for number in range(len(MEASUREMENTS))])
        subjects = [subject(mrn, identified=identified) for mrn in mrns for identified in (True, False)]
        self._subject = self.pool("subject", subjects)
        self._effective = self.instants("effectiveDateTime", ZONES)
        self._issued = self.instants("issued", ZONES)
        self._quantity = self.column(PoolBuilder("valueQuantity", rows, int(_QUANTITIES.sum()), _quantity))
        self._string = self.column(PoolBuilder("valueString", rows, _PRESSURES + len(_RESULTS), _string))
        self._note = self.pool("note", [[{"text": text}] for text in _NOTES.values])

    def add(self, place: slice, first: int, rows: Rows, rng: RandomState) -> None:
        """Writes a block of patients.

        Args:
            place: Where its rows lie.
            first: Number of the block's first patient in the cohort.
            rows: Its observations, in load order.
            rng: The block's stream, for what is not part of the story: delays and notes.
        """
        total = len(rows.patient)
        laboratory = rows.number < ANALYTES
        culture = rows.number == NUMBER["BCX"]
        delays = integers(rng, 9, 95, int(rows.panel.max()) + 1)[rows.panel]
        delay = np.where(culture, CULTURE_DAYS * DAY, delays * MINUTE)
        issued = np.minimum(rows.time + delay, NOW)
        chosen = _CHOSEN[rows.number]
        pressure = rows.number == NUMBER[BP]
        amount = _FIRST_QUANTITY[rows.number] + rows.value - _LOWESTS[rows.number]
        text = _PRESSURES + _FIRST_TEXT[rows.number] + rows.value
        noted = laboratory & (rng.random_sample(total) < 0.004)
        self._status.put(place, 1 + rows.status)
        self._category.put(place, np.where(laboratory, 1, 2))
        self._code.put(place, 1 + rows.number)
        self._subject.put(place, 1 + 2 * (first + rows.patient) + ~laboratory)
        self._effective.put(place, rows.time, rows.zone)
        self._issued.put(place, issued, np.where(laboratory, rows.zone, 0))
        self._quantity.put(place, np.where(chosen | pressure, 0, 1 + amount))
        self._string.put(place, np.where(pressure, 1 + rows.value, np.where(chosen, 1 + text, 0)))
        self._note.put(place, np.where(noted, 1 + _NOTES.pick(rng, total), 0))


def _quantity(choice: int) -> str:
    number = int(np.searchsorted(_FIRST_QUANTITY + _QUANTITIES, choice, side="right"))
    return pretty(quantity(number, MEASUREMENTS[number].lowest + choice - int(_FIRST_QUANTITY[number])))


def _string(choice: int) -> str:
    return pretty(pressure_text(choice) if choice < _PRESSURES else _RESULTS[choice - _PRESSURES])
