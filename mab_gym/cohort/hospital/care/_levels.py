"""The true levels of all analytes of one person over time: usual level, age, disease, treatment, chance.

A level is the person's own usual one (median of the sex, moved by age and by the variation between people), plus what
`care._effects` says of diseases and drugs, plus variation within the person: half of its variance moves over weeks,
half within days. Levels that others decide (creatinine by filtration, glucose by mean glucose, an anion gap by its
ions) are put in their places at the end.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._streams import Floats, Ints
from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, NUMBERS
from mab_gym.cohort.hospital._history import History
from mab_gym.cohort.hospital._zone import offset_at
from mab_gym.cohort.hospital.care import _drug_levels as drug_levels
from mab_gym.cohort.hospital.care import _glucose as glucose
from mab_gym.cohort.hospital.care import _kidneys as kidneys
from mab_gym.cohort.hospital.care import _weight as weights
from mab_gym.cohort.hospital.care._chance import Waves
from mab_gym.cohort.hospital.care._effects import DAY, FOREVER, Influences
from mab_gym.cohort.hospital.care._kidneys import YEAR

_AGEING: Final = {
    "systolic": (40, 0.22), "diastolic": (55, -0.15), "esr": (50, 0.012), "nt_probnp": (40, 0.04), "bnp": (40, 0.028),
    "troponin": (50, 0.018), "d_dimer": (50, 0.014), "psa": (40, 0.026), "albumin": (55, -0.006),
    "alp": (50, 0.004), "tsh": (50, 0.005), "moca": (60, -0.06), "braden": (75, -0.04), "morse": (65, 0.6),
    "saturation": (60, -0.02), "qtc": (50, 0.2), "urea_nitrogen": (40, 0.006), "ejection_fraction": (60, -0.03),
    "po2_arterial": (40, -0.3), "urine_albumin_creatinine": (50, 0.012), "ldl": (25, 0.003), "pulse": (60, -0.05),
}  # fmt: skip
"""Age from which a level moves, and by how much a year (of the logarithm where it is log-normal); our estimate."""
_AGEING_MEN: Final = {"haemoglobin": (60, -0.022), "ferritin": (200, 0.0)}
_AGEING_WOMEN: Final = {"haemoglobin": (70, -0.01), "ferritin": (45, 0.022), "uric_acid": (50, 0.015)}
_SCORES: Final = {
    "pain": 0.7, "phq9": 1.6, "phq2": 0.5, "gad7": 1.6, "morse": 8.0, "braden": 0.7, "moca": 1.0, "auditc": 0.4,
    "glasgow": 0.0, "oxygen_flow": 0.0,
}  # fmt: skip
"""Standard deviations of what has no coefficient of variation; our estimate."""
_MEDIANS: Final = {
    female: np.array([row.women if female else row.men for row in ANALYTE_ROWS]) for female in (False, True)
}
_MUSCLE: Final = 0.07
"""Spread of creatinine between people with the same filtration; our estimate."""
_LOG: Final = np.array([row.log for row in ANALYTE_ROWS])
_BETWEEN: Final = np.array([row.between for row in ANALYTE_ROWS])
_WITHIN: Final = np.array([row.within for row in ANALYTE_ROWS])
_ANALYTIC: Final = np.array([row.analytic for row in ANALYTE_ROWS])
_SCORED: Final = np.array([_SCORES.get(row.key, 0.0) for row in ANALYTE_ROWS])
LOWEST: Final = np.array([row.lowest for row in ANALYTE_ROWS])
HIGHEST: Final = np.array([row.highest for row in ANALYTE_ROWS])


def _number(key: str) -> int:
    return NUMBERS[key]


(
    SYSTOLIC, DIASTOLIC, WEIGHT, HEIGHT, BMI, METER, SODIUM, POTASSIUM, CHLORIDE, BICARBONATE, UREA, CREATININE, EGFR,
    EGFR_2009, GLUCOSE, CALCIUM, GAP, PHOSPHATE, HAEMOGLOBIN, HAEMATOCRIT, ERYTHROCYTES, MCV, MCH, MCHC, LEUCOCYTES,
    NEUTROPHILS, LYMPHOCYTES, MONOCYTES, EOSINOPHILS, BASOPHILS, INR, PT, HBA1C, CHOLESTEROL, TRIGLYCERIDES, HDL, LDL,
    IRON, IRON_CAPACITY, SATURATED, OSMOLALITY, PH, PCO2, BICARBONATE_ARTERIAL, PTH, URATE, TROPONIN, OLD_TROPONIN,
    AUDIT, TEMPERATURE, CORTISOL, ALBUMIN, MORSE, MAGNESIUM, INTAKE,
    OUTPUT, URINE,
) = map(
    _number,
    (
        "systolic", "diastolic", "weight", "height", "bmi", "glucose_meter", "sodium", "potassium", "chloride",
        "bicarbonate", "urea_nitrogen", "creatinine", "egfr", "egfr_2009", "glucose", "calcium", "anion_gap",
        "phosphate", "haemoglobin", "haematocrit", "erythrocytes", "mcv", "mch", "mchc", "leucocytes", "neutrophils",
        "lymphocytes", "monocytes", "eosinophils", "basophils", "inr", "pt", "hba1c", "cholesterol", "triglycerides",
        "hdl", "ldl", "iron", "iron_capacity", "transferrin_saturation", "osmolality", "ph_arterial", "pco2_arterial",
        "bicarbonate_arterial", "pth", "uric_acid", "troponin", "troponin_conventional", "auditc", "temperature",
        "cortisol", "albumin", "morse", "magnesium", "intake",
        "output", "urine_output",
    ),
)  # fmt: skip


_DEFINING: Final = {
    "hypokalemia": (POTASSIUM, 3.35, -0.65, 1.3), "hypomagnesemia": (MAGNESIUM, 1.5, -0.45, 1.6),
    "hyponatremia": (SODIUM, 131.5, -12.0, 2.5), "hyperkalemia": (POTASSIUM, 5.5, 1.1, 0.5),
}  # fmt: skip
"""Diagnoses that a level defines: the level when they are mild, what severity adds, and days in which treatment halves
it (our estimate)."""


class Levels:
    """One person's levels, which can be asked for at any moments."""

    def __init__(self, history: History, rng: RandomState) -> None:
        """Draws what is the person's own.

        Args:
            history: The person.
            rng: Draws alike for everybody, whatever the history is.
        """
        self._history = history
        columns = len(ANALYTE_ROWS)
        own = rng.standard_normal(columns)
        own[DIASTOLIC] = 0.6 * own[SYSTOLIC] + 0.8 * own[DIASTOLIC]
        self._own = own
        self._slow, self._fast = Waves(rng, 40.0, columns), Waves(rng, 1.5, columns)
        self._inr, self._drift = Waves(rng, 20.0, 1), Waves(rng, 1500.0, 1)
        self._influences = Influences(history)

    def at(self, times: Ints, rng: RandomState) -> Floats:
        """Draws what would be measured of each analyte.

        Args:
            times: Moments, rising.
            rng: For the scatter of the measurements.

        Returns:
            Shape ``(times, analytes)``, within the limits of the catalogue, not yet rounded.
        """
        history, own = self._history, self._own
        female = history.person.female
        age = (times - (history.person.born.toordinal() - 719_163) * DAY) / YEAR
        medians = _MEDIANS[female]
        usual = np.where(np.isnan(medians), 0.0, medians)
        scale = np.where(_LOG, 1.0, np.abs(usual))
        within = np.where(_SCORED > 0, _SCORED, _WITHIN * scale)
        fast = self._fast.at(times)
        fast[:, DIASTOLIC] = 0.6 * fast[:, SYSTOLIC] + 0.8 * fast[:, DIASTOLIC]
        chance = (self._slow.at(times) + fast) * (within * np.sqrt(0.5))
        chance += rng.standard_normal(chance.shape) * (_ANALYTIC * scale)
        moved = self._influences.at(times)
        for key, (start, yearly) in {**_AGEING, **(_AGEING_WOMEN if female else _AGEING_MEN)}.items():
            moved[:, NUMBERS[key]] += yearly * np.clip(age - start, 0, 50)
        base = np.where(_LOG, np.log(np.maximum(usual, 1e-9)), usual) + _BETWEEN * scale * own
        value = base + moved + chance
        value[:, _LOG] = np.exp(np.minimum(value[:, _LOG], 20.0))
        _ions(value, moved)
        _kidneys(history, value, times, age, own, chance)
        _defined(history, value, times, chance)
        _sugar(history, value, times, age, own, chance)
        drug_levels.fill(history, value, times, self._inr.at(times)[:, 0])
        _body(history, value, times, age, self._drift.at(times)[:, 0], rng)
        _blood(value)
        found: Floats = np.clip(value, LOWEST, HIGHEST)
        return found


def derive(value: Floats, times: Ints, history: History) -> None:
    """Puts values in place that a laboratory calculates from rounded results, once those are rounded."""
    female = history.person.female
    age = (times - (history.person.born.toordinal() - 719_163) * DAY) / YEAR
    creatinine = value[:, CREATININE]
    value[:, EGFR] = kidneys.filtration_2021(creatinine, age, female)
    value[:, EGFR_2009] = kidneys.filtration_2009(creatinine, age, female)
    value[:, GAP] = value[:, SODIUM] - value[:, CHLORIDE] - value[:, BICARBONATE]
    value[:, CHOLESTEROL] = value[:, LDL] + value[:, HDL] + value[:, TRIGLYCERIDES] / 5
    value[:, SATURATED] = 100 * value[:, IRON] / value[:, IRON_CAPACITY]
    value[:, BICARBONATE_ARTERIAL] = 0.0307 * value[:, PCO2] * 10 ** (value[:, PH] - 6.1)
    value[:, BMI] = value[:, WEIGHT] / (value[:, HEIGHT] / 100) ** 2
    others = value[:, [LYMPHOCYTES, MONOCYTES, EOSINOPHILS, BASOPHILS]].sum(axis=1)
    value[:, NEUTROPHILS] = np.maximum(value[:, LEUCOCYTES] - others, 0.0)
    np.clip(value, LOWEST, HIGHEST, out=value)


def _hours(times: Ints) -> Floats:
    """Returns the local hour of the day."""
    offsets = np.array([offset_at(moment) for moment in times.tolist()], dtype=np.int64)
    found: Floats = (times + offsets) % DAY / 3600.0
    return found


def _ions(value: Floats, moved: Floats) -> None:
    value[:, CHLORIDE] += 0.85 * moved[:, SODIUM] - 0.3 * np.minimum(moved[:, BICARBONATE], 0) * 0.6
    value[:, CALCIUM] += 0.55 * np.minimum(moved[:, ALBUMIN], 0)


def _defined(history: History, value: Floats, times: Ints, chance: Floats) -> None:
    """Holds levels where a diagnosis says that they are: low potassium cannot be normal while it is there."""
    for problem in history.problems:
        if problem.key in _DEFINING:
            number, mild, span, half = _DEFINING[problem.key]
            known = problem.onset if problem.known is None else problem.known
            since = np.clip((times - (known - 3 * DAY // 8)) / (7 * DAY / 24), 0, 1)  # full two hours before
            over = np.exp2(-np.maximum(times - (problem.abated or FOREVER), 0) / (0.6 * DAY))
            if problem.abated is not None:  # it was treated; what is still there this morning is not yet
                over = over * np.exp2(-np.maximum(times - known - DAY // 4, 0) / (half * DAY))
            wanted = mild + span * problem.severity + chance[:, number]
            wanted = np.minimum(wanted, mild + 0.1) if span < 0 else np.maximum(wanted, mild - 0.1)
            gap = wanted - value[:, number]
            towards = np.minimum(gap, 0) if span < 0 else np.maximum(gap, 0)
            value[:, number] += since * over * towards


def _kidneys(history: History, value: Floats, times: Ints, age: Floats, own: Floats, chance: Floats) -> None:
    female = history.person.female
    lasting, loss = kidneys.filtration(history, times, age)
    injured = kidneys.injured(history, times)
    usual = kidneys.creatinine_of(kidneys.usual_filtration(history.person.number, age), age, female)
    muscle = np.exp(_MUSCLE * own[CREATININE] * (1 - np.minimum(2 * loss, 1)))
    creatinine = kidneys.creatinine_of(lasting, age, female) * muscle * injured
    creatinine = creatinine * np.interp(age, (2.0, 10.0, 18.0), (0.4, 0.6, 1.0))
    value[:, CREATININE] = creatinine * np.exp(chance[:, CREATININE])
    value[:, UREA] *= (creatinine / usual / muscle) ** 0.75
    hurt = np.log(np.maximum(injured, 1.0))
    value[:, POTASSIUM] += 0.55 * loss**1.5 + 0.35 * hurt
    acid = 5.0 * loss**2 + 2.2 * hurt
    value[:, BICARBONATE] -= acid
    value[:, CHLORIDE] += 0.5 * acid
    value[:, PHOSPHATE] += 1.9 * loss**3 + 0.8 * hurt
    value[:, CALCIUM] -= 0.7 * loss**3
    value[:, HAEMOGLOBIN] -= 3.0 * loss**2
    value[:, PTH] *= np.exp(2.4 * loss**2)
    value[:, URATE] += 1.5 * loss


def _sugar(history: History, value: Floats, times: Ints, age: Floats, own: Floats, chance: Floats) -> None:
    hours = _hours(times)
    hba1c, mean, diabetic = glucose.glucose_over_time(history, times, age, float(own[HBA1C]))
    value[:, HBA1C] = hba1c + 5.3 * chance[:, HBA1C] / max(float(np.abs(_MEDIANS[True][HBA1C])), 1.0)
    wild = np.where(mean > 125, 2.6, 1.0) if diabetic else 1.0
    fasting = 0.85 + 0.12 * np.clip((mean - 105) / 60, 0, 1)
    later = np.where(hours > 10.5, 1.07, 1.0)
    value[:, GLUCOSE] = mean * fasting * later * np.exp(chance[:, GLUCOSE] * wild)
    day = np.interp(hours, (0.0, 5.0, 7.5, 11.5, 17.0, 21.5, 24.0), (0.98, 0.92, 0.93, 1.04, 1.04, 1.1, 0.98))
    value[:, METER] = mean * day * np.exp(chance[:, METER] * np.where(mean > 125, 1.7, 1.0))


def _body(history: History, value: Floats, times: Ints, age: Floats, drift: Floats, rng: RandomState) -> None:
    kilograms = weights.weight(history, times, age, drift)
    value[:, WEIGHT] = kilograms * (1 + 0.004 * np.clip(rng.standard_normal(len(times)), -1.5, 1.5))
    value[:, HEIGHT] = weights.height(history, age) + 0.3 * rng.standard_normal(len(times))
    value[:, OUTPUT] = value[:, URINE] + 0.12 * value[:, INTAKE]
    drinks = history.person.drinks
    value[:, AUDIT] += min(drinks, 25) ** 0.6 - 1.5
    young = age < 18
    if young.any():
        value[:, SYSTOLIC] -= np.where(young, (18 - age) * 1.4, 0)
        value[:, DIASTOLIC] -= np.where(young, (18 - age) * 0.7, 0)
        value[:, NUMBERS["pulse"]] += np.where(young, (18 - age) * 1.8, 0)
        value[:, NUMBERS["alp"]] *= np.where(young, 2.6, 1.0)
        value[:, HAEMOGLOBIN] -= np.where(young, (18 - age) * 0.15, 0)
    least = value[:, DIASTOLIC] + 18
    value[:, SYSTOLIC] = np.maximum(value[:, SYSTOLIC], least)


def _blood(value: Floats) -> None:
    value[:, HAEMOGLOBIN] = np.clip(value[:, HAEMOGLOBIN], 3.4, 22)
    value[:, HAEMATOCRIT] = 100 * value[:, HAEMOGLOBIN] / np.clip(value[:, MCHC], 28, 38)
    value[:, ERYTHROCYTES] = 10 * value[:, HAEMATOCRIT] / np.clip(value[:, MCV], 55, 130)
    value[:, MCH] = 10 * value[:, HAEMOGLOBIN] / value[:, ERYTHROCYTES]
    others = value[:, [LYMPHOCYTES, MONOCYTES, EOSINOPHILS, BASOPHILS]]
    shrink = np.minimum(1.0, 0.8 * value[:, LEUCOCYTES] / np.maximum(others.sum(axis=1), 1e-6))
    value[:, [LYMPHOCYTES, MONOCYTES, EOSINOPHILS, BASOPHILS]] = others * shrink[:, None]
    value[:, PT] = 12.0 * value[:, INR]
    value[:, OLD_TROPONIN] = np.where(value[:, TROPONIN] < 30, 0.01, value[:, TROPONIN] / 1000)
    value[:, OSMOLALITY] = 2 * value[:, SODIUM] + value[:, GLUCOSE] / 18 + value[:, UREA] / 2.8 + 2
