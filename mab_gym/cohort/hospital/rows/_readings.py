"""Numbers that were measured, as Observations; there are a thousand a person, so they are written by columns."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, NUMBERS, PLACES
from mab_gym.cohort.hospital._history import CORRECTED, ENTERED_IN_ERROR, FINAL, HAEMOLYSED, PRELIMINARY
from mab_gym.cohort.hospital.rows._categories import category_text
from mab_gym.cohort.hospital.rows._chart import Chart, meta_of
from mab_gym.cohort.hospital.rows._fhir import (
    HL7,
    LOINC,
    US_CORE,
    Element,
    coded,
    concept,
    quantity,
    reference_text,
    references_text,
    said,
)
from mab_gym.cohort.hospital.rows._sheet import Sheet

Ints = npt.NDArray[np.int64]
SYSTOLIC, DIASTOLIC = NUMBERS["systolic"], NUMBERS["diastolic"]
_PROFILES: Final = {
    "pulse": "heart-rate", "respiratory_rate": "respiratory-rate", "temperature": "body-temperature",
    "saturation": "pulse-oximetry", "weight": "body-weight", "height": "body-height", "bmi": "bmi",
}  # fmt: skip
_PROFILE_OF_KIND: Final = {
    "laboratory": "observation-lab", "vital-signs": "vital-signs", "survey": "observation-screening-assessment",
    "imaging": "observation-clinical-result", "procedure": "observation-clinical-result",
}  # fmt: skip
_PRESSURE_PROFILE: Final = f"{US_CORE}blood-pressure"
_STATUS: Final = {
    FINAL: "final", HAEMOLYSED: "final", ENTERED_IN_ERROR: "entered-in-error", CORRECTED: "corrected",
    PRELIMINARY: "preliminary",
}  # fmt: skip
_HAEMOLYSED_NOTE: Final = [
    {"text": "Specimen hemolyzed; potassium, LDH and AST may be falsely raised. Repeat advised."}
]
_FLAGS: Final = {
    "LL": "Critical low", "L": "Low", "N": "Normal", "H": "High", "HH": "Critical high",
}  # fmt: skip


def observation_sheet() -> Sheet:
    """Returns an empty sheet of observations."""
    return Sheet("Observation", ("effectiveDateTime", "issued"))


def add_readings(chart: Chart, sheet: Sheet, specimens: dict[int, int]) -> dict[int, list[int]]:
    """Adds the readings, blood pressures in pairs; returns the observations of each panel."""
    readings = chart.history.readings
    count = len(readings)
    if not count:
        return {}
    female = chart.person.female
    analyte = readings.analyte.astype(np.int64)
    whole = np.rint(readings.value * 10.0 ** PLACES[analyte]).astype(np.int64)
    pair = _pairs(readings.moment, analyte, readings.visit)
    kept = np.ones(count, dtype=np.bool_)
    kept[pair[pair >= 0]] = False
    rows = np.flatnonzero(kept)
    partner = pair[rows]
    pressure = partner >= 0
    analyte, visit, panel = analyte[rows], readings.visit[rows].astype(np.int64), readings.panel[rows].astype(np.int64)
    state, moment, issued = readings.state[rows], readings.moment[rows], readings.issued[rows]
    here = whole[rows]
    there = np.where(pressure, whole[np.maximum(partner, 0)], 0)
    ids = np.arange(chart.take(len(rows)), chart.next_id, dtype=np.int64)

    # One number for what a row measures: the analyte, or -1 for a pair of pressures.
    kind = np.where(pressure, -1, analyte)
    measured = kind + 1
    stamps = chart.stamps(issued) * _PROFILE_ROOM + _PROFILE_OF[measured]
    distinct, of_stamp = np.unique(stamps, return_inverse=True)
    metas = sheet["meta"]
    meta = np.array([
        metas.of((_PROFILE_NAMES[one % _PROFILE_ROOM], one // _PROFILE_ROOM), meta_of) for one in distinct.tolist()
    ])[of_stamp]  # fmt: skip
    values, of_value = np.unique(np.where(pressure, 0, (analyte << 40) + (here << 1)), return_inverse=True)
    value = np.array([sheet["valueQuantity"].of(each, _value) if each else 0 for each in values.tolist()])[of_value]
    flags = np.where(pressure, 0, _flags(analyte, readings.value[rows], female))
    pairs, of_pair = np.unique(np.where(pressure, (here << 20) + there + 1, 0), return_inverse=True)
    component = np.array([sheet["component"].of((each, female), _components) if each else 0 for each in pairs.tolist()])
    spoilt = sheet["note"].of("haemolysed", _note) if (state == HAEMOLYSED).any() else 0
    performers, range_of = chart.hospital.performers, _RANGES[female]
    sheet.add_many(
        len(rows),
        id=ids,
        meta=meta,
        basedOn=_coded(panel + 1, lambda number: _based_on(chart, sheet, number - 1)),
        status=_coded(state, lambda number: sheet["status"].of(number, _state)),
        category=_coded(measured, lambda number: sheet["category"].of(number - 1, _category)),
        code=_coded(measured, lambda number: sheet["code"].of(number - 1, _code)),
        subject=chart.whose(sheet),
        encounter=_coded(visit + 1, lambda number: chart.encounter(sheet, number - 1 if number else None)),
        effectiveDateTime=moment,
        issued=issued,
        performer=_coded(readings.performer[rows], lambda number: sheet["performer"].text(performers[number])),
        valueQuantity=value,
        interpretation=_coded(flags, lambda number: sheet["interpretation"].of(_MARKS[number], _flag) if number else 0),
        note=np.where(state == HAEMOLYSED, spoilt, 0),
        specimen=_coded(panel + 1, lambda number: _specimen_of(sheet, specimens.get(number - 1))),
        referenceRange=_coded(
            measured, lambda number: sheet["referenceRange"].text(range_of[number]) if range_of[number] else 0
        ),
        component=component[of_pair],
    )
    results: dict[int, list[int]] = {}
    for number, observation in zip(panel.tolist(), ids.tolist(), strict=True):
        if number >= 0:
            results.setdefault(number, []).append(observation)
    return results


def _pairs(moment: Ints, analyte: Ints, visit: npt.NDArray[Any]) -> Ints:
    """Returns for each systolic pressure the row of its diastolic one, -1 for all else."""
    pair = np.full(len(moment), -1, dtype=np.int64)
    lower = np.flatnonzero(analyte == DIASTOLIC)
    upper = np.flatnonzero(analyte == SYSTOLIC)
    if len(lower) and len(upper):
        keys = moment[lower] * (1 << 16) + visit[lower]
        order = np.argsort(keys, kind="stable")
        wanted = moment[upper] * (1 << 16) + visit[upper]
        place = np.minimum(np.searchsorted(keys[order], wanted), len(order) - 1)
        found = keys[order][place] == wanted
        pair[upper[found]] = lower[order[place[found]]]
    return pair


def _coded(numbers: npt.NDArray[Any], code_of: Callable[[int], int]) -> Ints:
    """Returns the code of each of some small numbers, from 0; each that occurs is asked for once, in order."""
    codes = np.zeros(int(numbers.max()) + 1, dtype=np.int64)
    for number in np.flatnonzero(np.bincount(numbers)).tolist():
        codes[number] = code_of(number)
    found: Ints = codes[numbers]
    return found


def _flags(analyte: Ints, value: npt.NDArray[np.float64], female: bool) -> Ints:
    """Returns the interpretations as places in `_MARKS`, as `Analyte.flag` gives them."""
    low, high, least, most, flagged = (column[analyte] for column in _LIMITS[female])
    mark = np.where(value > high, 4, np.where(value < low, 2, 3))
    mark = np.where(value >= most, 5, mark)
    mark = np.where(value <= least, 1, mark)
    found: Ints = np.where(flagged | (mark == 1) | (mark == 5), mark, 0) * _OF_THE_LABORATORY[analyte]
    return found


def _profile(number: int) -> str:
    if number < 0:
        return _PRESSURE_PROFILE
    analyte = ANALYTE_ROWS[number]
    return US_CORE + (_PROFILES.get(analyte.key) or _PROFILE_OF_KIND[analyte.kind])


@cache
def _code(number: int) -> str:
    if number < 0:
        name = "Blood pressure panel with all children optional"
        return pretty(coded("Blood pressure", (LOINC, "85354-9", name)))
    return pretty(analyte_code(number))


def analyte_code(number: int) -> Element:
    """Returns the code of an analyte, by its number."""
    analyte = ANALYTE_ROWS[number]
    further = (("2708-6", "Oxygen saturation in Arterial blood"),) if analyte.key == "saturation" else ()
    return coded(analyte.short, *((LOINC, *each) for each in ((analyte.loinc, analyte.display), *further)))


@cache
def _category(number: int) -> str:
    return category_text("vital-signs" if number < 0 else ANALYTE_ROWS[number].kind)


@lru_cache(maxsize=1 << 17)
def _value(key: int) -> str:
    number, whole = key >> 40, (key & ((1 << 40) - 1)) >> 1
    analyte = ANALYTE_ROWS[number]
    return pretty(quantity(whole / 10**analyte.places, analyte.unit, analyte.ucum, analyte.places))


@cache
def _flag(code: str) -> str:
    return pretty([concept(f"{HL7}v3-ObservationInterpretation", code, _FLAGS[code])])


def _reference_range(number: int, *, female: bool) -> str:
    if number < 0 or ANALYTE_ROWS[number].kind != "laboratory":
        return ""
    analyte = ANALYTE_ROWS[number]
    low, high = analyte.reference(female)
    found: Element = {}
    if not math.isnan(low):
        found["low"] = quantity(low, analyte.unit, analyte.ucum, analyte.places)
    if not math.isnan(high):
        found["high"] = quantity(high, analyte.unit, analyte.ucum, analyte.places)
    return pretty([found]) if found else ""


@lru_cache(maxsize=1 << 15)
def _components(key: tuple[int, bool]) -> str:
    both = key[0] - 1
    return pretty([
        {"code": analyte_code(number), "valueQuantity": quantity(value, "mmHg", "mm[Hg]", 0)}
        for number, value in ((SYSTOLIC, both >> 20), (DIASTOLIC, both & ((1 << 20) - 1)))
    ])  # fmt: skip


@cache
def _state(state: int) -> str:
    return said(_STATUS[state])


@cache
def _note(which: str) -> str:
    return pretty(_HAEMOLYSED_NOTE)


def _based_on(chart: Chart, sheet: Sheet, panel: int) -> int:
    if panel < 0:
        return 0
    return sheet["basedOn"].text(references_text(reference_text("ServiceRequest", chart.panels[panel])))


def _specimen_of(sheet: Sheet, specimen: int | None) -> int:
    return 0 if specimen is None else sheet["specimen"].text(reference_text("Specimen", specimen))


_MARKS: Final = ("", "LL", "L", "N", "H", "HH")
"""Interpretations, by the numbers of `_flags`."""
_PROFILE_NAMES: Final = tuple(dict.fromkeys(_profile(number) for number in range(-1, len(ANALYTE_ROWS))))
_PROFILE_ROOM: Final = 64
_PROFILE_OF: Final = np.array([_PROFILE_NAMES.index(_profile(number)) for number in range(-1, len(ANALYTE_ROWS))])
"""The places in `_PROFILE_NAMES` by analyte, that of a pair of pressures first."""
_RANGES: Final = {
    female: tuple(_reference_range(number, female=female) for number in range(-1, len(ANALYTE_ROWS)))
    for female in (False, True)
}
"""Reference ranges as JSON by analyte, that of a pair of pressures first."""
_OF_THE_LABORATORY: Final = np.array([row.kind == "laboratory" for row in ANALYTE_ROWS])
_LIMITS: Final = {
    female: (
        *np.array([(*row.reference(female), row.critical_low, row.critical_high) for row in ANALYTE_ROWS]).T,
        np.array([not all(map(math.isnan, row.reference(female))) for row in ANALYTE_ROWS]),
    )
    for female in (False, True)
}
"""By sex: lower and upper limits, critical limits, and the analytes that have a reference range."""
