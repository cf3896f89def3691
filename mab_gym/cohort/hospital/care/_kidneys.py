"""The kidneys over time: filtration by age and stage, creatinine from it and back, and acute injuries that heal.

Sources: CKD-EPI 2021 without race, Inker et al., NEJM 2021;385:1737 (creatinine); CKD-EPI 2009, Levey et al., Ann
Intern Med 2009;150:604 (for what was reported before 2021-09-23); stages, KDIGO 2012; injury and its stages by
multiples of creatinine, KDIGO AKI 2012; filtration of the well by age, Wetzels et al., Kidney Int 2007;72:632
(medians fall from about 100 at 40 to 75 at 80). The sizes of injuries by illness are our estimate.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mab_gym.cohort._streams import Floats, Ints
from mab_gym.cohort.hospital._history import NOW, History
from mab_gym.cohort.hospital.care._effects import DAY, FOREVER, PULSE, activity
from mab_gym.cohort.hospital.life._kidneys import STAGES

YEAR: Final = 365.25 * DAY
_BEFORE: Final = 4 * YEAR
"""The time over which kidneys go down to the onset of a stage."""
_INJURIES: Final = {
    "kidney_injury": (1.9, 1.3, 3.0), "sepsis": (0.45, 1.5, 3.0), "heart_failure_acute": (0.3, 2.5, 3.0),
    "dehydration": (0.5, 1.0, 1.0), "gi_bleed": (0.2, 1.0, 2.0), "ketoacidosis": (0.4, 0.8, 0.8),
    "bowel_obstruction": (0.25, 1.0, 1.5), "pneumonia": (0.1, 1.5, 2.0), "c_difficile": (0.2, 1.5, 2.0),
    "pyelonephritis": (0.15, 1.5, 2.0), "gastroenteritis": (0.2, 1.0, 1.0), "hyperglycemia": (0.2, 1.0, 1.0),
}  # fmt: skip
"""By how much a moderate illness raises creatinine (as a share), days to the peak, half-life in days."""
_DRUGS: Final = {
    "lisinopril": 1.06, "losartan": 1.05, "valsartan": 1.05, "sacubitril_valsartan": 1.06, "ibuprofen": 1.08,
    "naproxen": 1.08, "trimethoprim_sulfa": 1.15, "furosemide": 1.05, "empagliflozin": 1.05, "spironolactone": 1.04,
    "hydrochlorothiazide": 1.03, "chlorthalidone": 1.04,
}  # fmt: skip


def filtration_2021(creatinine: Floats, age: Floats, female: bool) -> Floats:
    """Computes eGFR by CKD-EPI 2021 in mL/min/1.73 m2, from creatinine in mg/dL and age in years."""
    kappa, alpha = (0.7, -0.241) if female else (0.9, -0.302)
    ratio = creatinine / kappa
    value = 142 * np.minimum(ratio, 1) ** alpha * np.maximum(ratio, 1) ** -1.2 * 0.9938**age
    result: Floats = value * (1.012 if female else 1.0)
    return result


def filtration_2009(creatinine: Floats, age: Floats, female: bool) -> Floats:
    """Computes eGFR by CKD-EPI 2009 without its term for race, as `filtration_2021`."""
    kappa, alpha = (0.7, -0.329) if female else (0.9, -0.411)
    ratio = creatinine / kappa
    value = 141 * np.minimum(ratio, 1) ** alpha * np.maximum(ratio, 1) ** -1.209 * 0.993**age
    result: Floats = value * (1.018 if female else 1.0)
    return result


def creatinine_of(filtration: Floats, age: Floats, female: bool) -> Floats:
    """Returns the creatinine in mg/dL at which CKD-EPI 2021 gives a filtration."""
    kappa, alpha = (0.7, -0.241) if female else (0.9, -0.302)
    ratio = filtration / (142 * 0.9938**age * (1.012 if female else 1.0))
    result: Floats = kappa * np.where(ratio >= 1, ratio ** (1 / alpha), ratio ** (-1 / 1.2))
    return result


def usual_filtration(number: int, age: Floats) -> Floats:
    """Returns the filtration that a person has or would have without kidney disease, as `life._kidneys` says it."""
    usual: Floats = np.maximum(63.0, 128.0 - 0.75 * age + 18.0 * ((number * 2_654_435_761) % 1000 / 1000.0 - 0.5))
    return usual


def filtration(history: History, times: Ints, age: Floats) -> tuple[Floats, Floats]:
    """Returns the lasting filtration at each moment, and the share of it that kidney disease has taken, from 0 to 1.

    From its onset on it is what `life._kidneys.egfr_of` says, by which drugs are prescribed; before, it goes down to
    that over `_BEFORE`.
    """
    usual = usual_filtration(history.person.number, age)
    lasting = usual
    for problem in history.problems:
        stage = STAGES.get(problem.key)
        if stage:
            best, worst = stage
            down = np.minimum(1.0, 0.6 * problem.severity + 0.05 * (times - problem.onset) / YEAR)
            there = np.clip(1 + (times - problem.onset) / _BEFORE, 0, 1)
            reached = best + (worst - best) * np.maximum(down, 0.6 * problem.severity)
            lasting = np.minimum(lasting, usual + there * np.minimum(reached - usual, 0))
    return lasting, 1.0 - lasting / usual


def injured(history: History, times: Ints) -> Floats:
    """Returns the factor by which acute illness, pregnancy and drugs move creatinine at each moment."""
    rows = []
    for problem in history.problems:
        if problem.key in _INJURIES and problem.onset < NOW:
            raised, up, down = _INJURIES[problem.key]
            fatal = history.person.died if problem.key == history.person.cause else None
            treated = max(fatal or 0, problem.known or 0)
            rows.append((problem.onset, problem.abated or FOREVER, treated, raised * (0.35 + 1.3 * problem.severity),
                         up, down))  # fmt: skip
    factor = np.ones(len(times))
    if rows:
        start, end, treated_from = (np.array([row[n] for row in rows], dtype=np.int64) for n in range(3))
        size, peak, half = (np.array([row[n] for row in rows], dtype=np.float64) for n in range(3, 6))
        slow = end + (half * 2 * DAY).astype(np.int64)  # creatinine lags behind the end of what caused it
        active = activity(np.full(len(rows), PULSE), peak * DAY, half * DAY, start, slow, treated_from, times)
        factor = factor + (active * size[:, None]).sum(axis=0)
    for drug in history.prescriptions:
        if drug.drug in _DRUGS:
            taken = (times > drug.start) & (times < (drug.end or FOREVER))
            factor = np.where(taken, factor * (1 + (_DRUGS[drug.drug] - 1) * drug.adherence), factor)
    for problem in history.problems:
        if problem.key == "pregnancy":
            during = (times > problem.onset + 60 * DAY) & (times < (problem.abated or FOREVER) + 20 * DAY)
            factor = np.where(during, factor * 0.75, factor)
    return factor
