"""Glucose over time: a person's mean glucose, from which the laboratory's, the meter's and HbA1c follow.

Sources: HbA1c and mean glucose, Nathan et al. (ADAG), Diabetes Care 2008;31:1473: mean glucose in mg/dL =
28.7 x HbA1c - 46.7; what a drug takes off HbA1c, Davies et al. (ADA and EASD consensus), Diabetes Care 2022;45:2753,
and Sherifali et al., Diabetes Care 2010;33:1859 (about 1 % for most); limits of prediabetes and diabetes, ADA Standards
of Care 2024; about half of those who are treated reach less than 7 %, Fang et al., NEJM 2021;384:2219. Sizes of illness
are our estimate.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mab_gym.cohort._streams import Floats, Ints
from mab_gym.cohort.hospital._history import NOW, History, Problem
from mab_gym.cohort.hospital.care._effects import DAY, FOREVER, PULSE, activity
from mab_gym.cohort.hospital.care._kidneys import YEAR

_LOWERING: Final = {
    "metformin": 1.1, "glipizide": 0.9, "sitagliptin": 0.6, "empagliflozin": 0.65, "semaglutide": 1.4,
    "liraglutide": 1.1, "insulin_glargine": 1.7, "insulin_lispro": 1.0,
}  # fmt: skip
"""Per cent of HbA1c that each takes off."""
_STEROIDS: Final = {"prednisone": 28.0, "methylprednisolone_iv": 45.0, "dexamethasone": 40.0, "prednisone_low": 6.0}
"""mg/dL that each adds to mean glucose; twice that in diabetes."""
_ILLNESS: Final = {
    "ketoacidosis": (290.0, 0.8, 0.35), "hyperglycemia": (190.0, 1.0, 0.9),
    "sepsis": (30.0, 0.7, 2.0), "infarction": (15.0, 0.3, 1.0), "st_infarction": (25.0, 0.2, 1.0),
    "pneumonia": (18.0, 1.0, 2.0), "stroke": (15.0, 0.2, 1.5), "pancreatitis": (25.0, 0.8, 1.5),
    "gestational_diabetes": (18.0, 20.0, 90.0), "cellulitis": (10.0, 1.0, 2.0),
}  # fmt: skip
"""mg/dL that each adds while it is moderate, days to the peak and half-life in days."""
FLOOR: Final = 5.6
"""HbA1c to which treatment of diabetes tends, in per cent."""


def mean_glucose(hba1c: Floats) -> Floats:
    """Returns the mean glucose in mg/dL that belongs to HbA1c in per cent (ADAG)."""
    return 28.7 * hba1c - 46.7


def untreated(history: History, times: Ints, age: Floats, drawn: float) -> tuple[Floats, bool]:
    """Returns HbA1c in per cent without drugs, and tells if the person has or gets diabetes.

    Args:
        history: The person.
        times: Moments.
        age: In years at these moments.
        drawn: The person's own deviation, a standard normal number.
    """
    value = 5.17 + 0.007 * (age - 40) + 0.15 * drawn
    diabetes: Problem | None = None
    for problem in sorted(history.problems, key=lambda one: one.onset):
        if problem.key == "prediabetes":
            there = np.clip((times - problem.onset) / (2 * YEAR) + 1, 0, 1)
            value = value + there * np.maximum(5.75 + 0.55 * problem.severity - value, 0)
        elif problem.key in ("type2_diabetes", "type1_diabetes"):
            diabetes = problem
            first = problem.key == "type1_diabetes"
            years = (times - problem.onset) / YEAR
            full = 11.5 if first else max(6.6, 6.3 + 2.3 * problem.severity + 0.85 * drawn)
            spread = 0.1 if first else 3.0
            full_at = np.where(years < 0, 6.4, 6.6 + (full - 6.6) * np.clip(years / spread, 0, 1))
            grown = full_at + 0.03 * np.clip(years - spread, 0, 20)
            begins = np.clip(years + 1, 0, 1)
            value = value + begins * np.maximum(grown - value, 0)
    return value, diabetes is not None


def treated(history: History, times: Ints, raw: Floats, months: float) -> Floats:
    """Returns HbA1c in per cent with the drugs that were taken.

    Args:
        history: The person.
        times: Moments.
        raw: As `untreated` returns it.
        months: The time constant with which drugs show: two for HbA1c, a quarter for glucose.
    """
    sink = np.zeros(len(times))
    first = any(problem.key == "type1_diabetes" for problem in history.problems)
    constant = months * 30 * DAY
    severity = max((p.severity for p in history.problems if p.key in ("type1_diabetes", "type2_diabetes")), default=0.5)
    for drug in history.prescriptions:
        size = _LOWERING.get(drug.drug)
        if size is None or drug.start >= NOW:
            continue
        if first and drug.drug.startswith("insulin"):
            size = 2.6
        since = np.maximum(times - drug.start, 0) / constant
        left = np.maximum(times - (drug.end or FOREVER), 0) / constant
        sink = sink + size * drug.adherence * (1 - np.exp(-since)) * np.exp(-left)
    floor = FLOOR + 0.6 + 1.1 * severity if first else FLOOR
    room = np.maximum(raw - floor, 0.05)
    return np.where(raw > floor, floor + room * np.exp(-1.15 * sink / room), raw)


def glucose_over_time(history: History, times: Ints, age: Floats, drawn: float) -> tuple[Floats, Floats, bool]:
    """Returns HbA1c in per cent and the mean glucose of the day in mg/dL, and tells if the person has diabetes."""
    raw, diabetic = untreated(history, times, age, drawn)
    hba1c = treated(history, times, raw, 2.0) if diabetic else raw
    mean = mean_glucose(treated(history, times, raw, 0.3) if diabetic else raw)
    rows = [
        (
            problem.onset,
            problem.abated or FOREVER,
            problem.known or 0,
            size * (0.4 + 1.2 * problem.severity),
            rise,
            fall,
        )
        for problem in history.problems
        if problem.onset < NOW
        for size, rise, fall in [_ILLNESS.get(problem.key, (0.0, 1.0, 1.0))]
        if size
    ]
    if rows:
        start, end, known = (np.array([row[n] for row in rows], dtype=np.int64) for n in range(3))
        size, rise, fall = (np.array([row[n] for row in rows], dtype=np.float64) for n in range(3, 6))
        active = activity(np.full(len(rows), PULSE), rise * DAY, fall * DAY, start, end, known, times)
        mean = mean + (active * np.where((size > 0) & diabetic, 1.6 * size, size)[:, None]).sum(axis=0)
    for drug in history.prescriptions:
        added = _STEROIDS.get(drug.drug)
        if added is not None:
            taken = (times > drug.start + DAY // 4) & (times < (drug.end or FOREVER) + DAY)
            mean = mean + np.where(taken, added * (2.0 if diabetic else 1.0), 0.0)
    for problem in history.problems:
        if problem.key == "hypoglycemia" and problem.known is not None:
            # Until half an hour after the diagnosis, when glucose has been given.
            since = (times - min(problem.onset, problem.known - DAY // 12)) / DAY
            over = np.maximum(times - problem.known - DAY // 48, 0) / DAY
            there = np.clip(since / 0.01, 0, 1) * np.exp2(-over / 0.02) * (times > problem.known - DAY // 4)
            mean = mean + there * np.minimum(48.0 - 10.0 * problem.severity - mean, 0)
    return hba1c, np.maximum(mean, 36.0), diabetic
