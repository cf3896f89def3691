"""Doses: when nurses gave what was ordered in a stay, when they held it back and why, and when pharmacies dispensed.

Hours of the medication rounds and limits at which a dose is held back are our choice, within what orders of US
hospitals usually say (pulse below 55, systolic pressure below 95 mmHg, glucose below 90 mg/dL).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mab_gym.cohort._streams import Floats, Ints
from mab_gym.cohort.hospital._catalogue import DRUGS
from mab_gym.cohort.hospital._catalogue_results import NUMBERS
from mab_gym.cohort.hospital._history import FINAL, NOW, History, Prescription
from mab_gym.cohort.hospital._zone import offset_at
from mab_gym.cohort.hospital.care._chance import Luck
from mab_gym.cohort.hospital.care._effects import DAY, FOREVER
from mab_gym.cohort.hospital.care._orders import HOUR

_ROUNDS: Final = {
    1: (9.0,), 2: (9.0, 21.0), 3: (6.0, 14.0, 22.0), 4: (6.0, 12.0, 18.0, 23.5), 5: (6.0, 10.0, 14.0, 18.0, 22.0),
    6: (2.0, 6.0, 10.0, 14.0, 18.0, 22.0),
}  # fmt: skip
"""Local hours by doses a day."""
_MEALS: Final = (7.6, 12.1, 17.6)
_NIGHT: Final = frozenset({
    "insulin_glargine", "atorvastatin", "simvastatin", "pravastatin", "trazodone", "melatonin", "mirtazapine",
    "quetiapine", "amitriptyline", "montelukast", "tamsulosin", "senna",
})  # fmt: skip
_EVENING: Final = frozenset({"warfarin", "rivaroxaban"})
_BAG: Final = 12 * HOUR
"""The time after which a continuous infusion is recorded anew."""
_PULSE_LIMIT, _PRESSURE_LIMIT, _SUGAR_LIMIT, _CORRECTED_FROM = 55, 95, 90, 150
_LOWERS_PULSE: Final = frozenset({"beta_blocker", "glycoside"})
_LOWERS_PRESSURE: Final = frozenset({
    "ras", "beta_blocker", "calcium_blocker", "thiazide", "loop", "vasodilator", "alpha_blocker", "aldosterone",
    "nitrate",
})  # fmt: skip
_PHARMACY_MONTHS: Final = 14
"""The time over which the pharmacies' network tells what was dispensed; our choice, as the usual networks do a year."""
_REFUSED, _AWAY = 0.008, 0.006
"""Shares of doses that are refused, or due while the patient is elsewhere; our estimate."""
_EARLY: Final = frozenset(
    {"antibiotic", "antiviral", "anticoagulant", "antiplatelet", "steroid", "loop", "beta_agonist"}
)
"""Classes whose first dose does not wait for the next round."""


class _Signs:
    """The last value of a sign before a moment."""

    def __init__(self, history: History, key: str) -> None:
        readings = history.readings
        chosen = (readings.analyte == NUMBERS[key]) & (readings.state == FINAL)
        self.moments: Ints = readings.moment[chosen]
        self._values: Floats = readings.value[chosen]

    def before(self, moment: int, within: int) -> float | None:
        """Returns the last value that is not older than some seconds; None if there is none."""
        place = int(np.searchsorted(self.moments, moment, side="right")) - 1
        if place < 0 or moment - int(self.moments[place]) > within:
            return None
        return float(self._values[place])


def add_doses(history: History, luck: Luck) -> None:
    """Fills ``given``, ``withheld`` and ``dispensed`` of a history's prescriptions.

    Args:
        history: A person with readings.
        luck: Draws of this part alone.
    """
    died = history.person.died
    until = NOW if died is None else min(died, NOW)
    signs = {key: _Signs(history, key) for key in ("pulse", "systolic", "glucose_meter", "pain")}
    for drug in history.prescriptions:
        chance = luck.some(4)
        if drug.inpatient:
            if drug.visit is not None and not drug.given and not drug.withheld:
                _give(history, drug, signs, until, luck)
        elif drug.prescriber is not None and not drug.dispensed:
            drug.dispensed = _dispensed(drug, until, chance)


def _give(history: History, drug: Prescription, signs: dict[str, _Signs], until: int, luck: Luck) -> None:
    visit = history.visits[drug.visit if drug.visit is not None else 0]
    end = min(until, drug.end or FOREVER, visit.end or FOREVER)
    start = max(drug.start, visit.start)
    if start >= end:
        return
    chance = luck.some(4)
    first = start + int(60 * (8 + 35 * chance[0]))
    if drug.times == 0:
        if first < end:
            drug.given = [first]
        return
    if drug.times < 0:
        drug.given = list(range(first, end, _BAG))
        return
    if drug.needed:
        drug.given = _when_needed(drug, signs, start, end, luck)
        return
    due = _due(drug, start, end, first)
    lateness = luck.some(len(due))
    lot = luck.some(len(due))
    fasting = [
        (operation.start - 10 * HOUR, operation.end + HOUR)
        for operation in history.operations
        if operation.visit == drug.visit and drug.route == "oral"
    ]
    for moment, late, drawn in zip(due, lateness, lot, strict=True):
        reason = _held_back(drug, moment, signs, drawn, fasting)
        given = min(moment + int(60 * (75 * late - 20)), end - 1)
        if reason:
            drug.withheld.append((max(moment, start), reason))
        elif given > start:
            drug.given.append(given)
    drug.given.sort()


def _due(drug: Prescription, start: int, end: int, first: int) -> list[int]:
    """Returns the moments at which a regular dose is due."""
    known = DRUGS.get(drug.drug)
    hours = _ROUNDS.get(drug.times, _ROUNDS[6])
    if drug.drug == "insulin_lispro" and drug.times == 3:
        hours = _MEALS
    elif drug.times == 1 and drug.drug in _NIGHT:
        hours = (21.0,)
    elif drug.times == 1 and drug.drug in _EVENING:
        hours = (18.0,)
    step = known.every if known else 1
    due = []
    soon = known is not None and known.klass in _EARLY
    if soon and drug.times == 1:  # once a day from the first dose on, and not from the next round on
        return list(range(first, end, step * DAY))
    if soon and first < end:
        due.append(first)
    day = (start + offset_at(start)) // DAY * DAY
    while day - offset_at(day) < end:
        for hour in hours:
            moment = day - offset_at(day) + int(HOUR * hour)
            wait = 0.6 * DAY / drug.times if soon else 1800
            if start + wait < moment < end:
                due.append(moment)
        day += step * DAY
    return due


def _held_back(
    drug: Prescription, moment: int, signs: dict[str, _Signs], drawn: float, fasting: list[tuple[int, int]]
) -> str:
    """Returns why a dose is not given; empty if it is."""
    if any(begin < moment < over for begin, over in fasting) and drawn < 0.7:
        return "nothing by mouth before the procedure"
    known = DRUGS.get(drug.drug)
    klass = known.klass if known else ""
    pulse = signs["pulse"].before(moment, 9 * HOUR) if klass in _LOWERS_PULSE else None
    if pulse is not None and pulse < _PULSE_LIMIT:
        return f"pulse {pulse:.0f}/min"
    pressure = signs["systolic"].before(moment, 9 * HOUR) if klass in _LOWERS_PRESSURE else None
    if pressure is not None and pressure < _PRESSURE_LIMIT:
        return f"systolic pressure {pressure:.0f} mmHg"
    if klass == "insulin":
        sugar = signs["glucose_meter"].before(moment, 3 * HOUR)
        if sugar is not None and sugar < _SUGAR_LIMIT and drug.drug == "insulin_lispro":
            return f"glucose {sugar:.0f} mg/dL"
    if drawn > 1 - _REFUSED:
        return "patient refused"
    if drawn > 1 - _REFUSED - _AWAY:
        return "patient off the ward"
    return ""


def _when_needed(drug: Prescription, signs: dict[str, _Signs], start: int, end: int, luck: Luck) -> list[int]:
    """Returns when a drug for need was given: insulin by the meter, analgesics by pain, others rarely."""
    if drug.drug == "insulin_correction":
        meter = signs["glucose_meter"]
        found = []
        for moment in meter.moments.tolist():
            value = meter.before(moment, 1)
            if start <= moment and moment + 900 < end and value is not None and value > _CORRECTED_FROM:
                found.append(moment + 300 + int(600 * luck.one()))
        return found
    known = DRUGS.get(drug.drug)
    analgesic = known is not None and known.klass in ("opioid", "analgesic", "nsaid")
    days = (end - start) / DAY
    most = max(1, int(drug.times))
    wanted = min(days, 12) * most * (0.3 if analgesic else 0.15)
    count = int(2 * wanted * luck.one() + luck.one())
    moments = sorted(start + int(part * (end - start)) for part in luck.some(count))
    gap = int(0.8 * DAY / most)
    given: list[int] = []
    for moment in moments:
        pain = signs["pain"].before(moment, 12 * HOUR) if analgesic else None
        if pain is not None and pain < 2:
            continue
        if not given or moment - given[-1] >= gap:
            given.append(moment)
    return given


def _dispensed(drug: Prescription, until: int, chance: list[float]) -> list[int]:
    """Returns when a pharmacy gave a drug for home out, as far back as pharmacies tell."""
    end = min(drug.end or FOREVER, until)
    short = drug.end is not None and drug.end - drug.start < 21 * DAY
    first = drug.start + int(HOUR * (2 + 44 * chance[0] ** 3))
    if chance[1] > 0.5 + drug.adherence:  # never fetched
        return []
    since = NOW - _PHARMACY_MONTHS * 30 * DAY
    if short:
        return [first] if since <= first < until else []
    supply = (90 if chance[2] < 0.6 else 30) * DAY
    step = int(supply * (1.0 / max(drug.adherence, 0.4) * 0.96 + 0.03 * chance[3]))
    skipped = max(0, -(-(since - first) // step))
    return [moment for moment in range(first + skipped * step, end, step) if moment < until]
