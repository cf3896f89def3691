"""Weight and height over time.

Weight drifts slowly about the usual one, falls in old age, with cancer and with some drugs, rises in pregnancy, and
carries water in heart failure and with the kidneys. From one day that it is taken to the next it never moves by more
than `STEP`, but for water and pregnancy. Sources: gain in pregnancy, Institute of Medicine 2009 (11.5 to 16 kg at a
usual weight); semaglutide, Wilding et al., NEJM 2021;384:989 (about 15 % at the full dose in a trial; less in
practice); loss of water in decompensated heart failure, Felker et al., NEJM 2011;364:797 (about 4 kg in 72 h); growth
of children, CDC growth charts 2000 (medians). All else is our estimate.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mab_gym.cohort._streams import Floats, Ints
from mab_gym.cohort.hospital._history import History
from mab_gym.cohort.hospital.care._effects import DAY, FOREVER
from mab_gym.cohort.hospital.care._kidneys import YEAR

STEP: Final = 0.025
"""The most by which dry weight moves between two visits, as a share."""
_LOSS: Final = {"lung_cancer": 0.12, "colon_cancer": 0.07, "dementia": 0.08, "copd": 0.03, "hyperthyroidism": 0.05}
"""Share that is lost over `_LOSS_YEARS` by a moderate disease."""
_LOSS_YEARS: Final = 1.5
_DRUGS: Final = {
    "semaglutide": (-0.09, 170.0), "liraglutide": (-0.05, 150.0), "empagliflozin": (-0.025, 90.0),
    "insulin_glargine": (0.03, 200.0), "mirtazapine": (0.03, 120.0), "quetiapine": (0.03, 150.0),
    "prednisone_low": (0.02, 150.0), "topiramate": (-0.04, 150.0),
}  # fmt: skip
"""Share that each adds in the end, and days in which two thirds of it have come."""
_AGES: Final = (2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0)
_HEIGHTS: Final = (0.50, 0.59, 0.67, 0.745, 0.80, 0.87, 0.945, 0.985, 1.0)
_WEIGHTS: Final = (0.18, 0.235, 0.30, 0.37, 0.47, 0.60, 0.74, 0.88, 0.95)
"""Shares of the adult height and weight by age in years."""


def height(history: History, age: Floats) -> Floats:
    """Returns the height in cm at ages in years."""
    shrunk = np.maximum(age - 60, 0) * 0.06
    found: Floats = history.person.height_cm * np.interp(age, _AGES, _HEIGHTS) - shrunk
    return found


def weight(history: History, times: Ints, age: Floats, drift: Floats) -> Floats:
    """Returns the weight in kg at rising moments.

    Args:
        history: The person.
        times: Moments, rising.
        age: In years at these moments.
        drift: A slowly moving deviation, in standard normal numbers.
    """
    dry = np.log(history.person.weight_kg * np.interp(age, (*_AGES, 25.0), (*_WEIGHTS, 1.0))) + 0.02 * drift
    dry = dry - 0.003 * np.maximum(age - 70, 0)
    for problem in history.problems:
        lost = _LOSS.get(problem.key)
        if lost:
            years = (times - problem.onset) / YEAR
            dry = dry - lost * (0.4 + 1.2 * problem.severity) * np.clip(years / _LOSS_YEARS, 0, 1)
    for drug in history.prescriptions:
        if drug.drug in _DRUGS:
            share, days = _DRUGS[drug.drug]
            since = np.maximum(times - drug.start, 0) / (days * DAY)
            left = np.maximum(times - (drug.end or FOREVER), 0) / (days * DAY)
            dry = dry + share * drug.adherence * (1 - np.exp(-since)) * np.exp(-left)
    return np.exp(_calm(dry, times, age)) * (1 + _water(history, times) + _child(history, times))


def _calm(dry: Floats, times: Ints, age: Floats) -> Floats:
    """Holds each step within `STEP`, but lets children grow; what is held back comes later."""
    held = dry.tolist()
    grown = age < 19
    for place in range(1, len(held)):
        if not grown[place]:
            last = held[place - 1]
            held[place] = min(max(held[place], last - STEP), last + STEP)
    return np.array(held)


def _water(history: History, times: Ints) -> Floats:
    water = np.zeros(len(times))
    for problem in history.problems:
        full = {"heart_failure_acute": 0.055, "kidney_injury": 0.015, "ketoacidosis": -0.035, "dehydration": -0.025}
        share = full.get(problem.key)
        if share:
            days = (times - problem.onset) / DAY
            there = np.clip(days / 3, 0, 1) * np.exp2(-np.maximum(days - 3, 0) / 2.5)
            over = np.maximum(times - (problem.abated or FOREVER), 0) / DAY
            water = water + np.where(days > 0, share * (0.4 + 1.2 * problem.severity) * there * np.exp2(-over), 0)
    return water


def _child(history: History, times: Ints) -> Floats:
    gain = np.zeros(len(times))
    for start, end in history.person.pregnancies:
        began, ended = ((day.toordinal() - 719_163) * DAY for day in (start, end))
        weeks = np.minimum(times, ended) - began
        share = 12.5 / history.person.weight_kg * np.clip(weeks / (7.0 * DAY) - 8, 0, 32) / 32
        after = np.exp(-np.maximum(times - ended, 0) / (35 * DAY)) * np.where(times > ended + DAY // 2, 0.55, 1.0)
        gain = gain + np.where(times > began, share * after, 0)
    return gain
