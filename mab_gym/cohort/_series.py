"""Values for measurements: a level for each person, drift, illness and noise on top, and values derived from others.

All measurements are made at once, as flat arrays with one element for each value wanted.
"""

from __future__ import annotations

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._encounters import REASONS, Contacts
from mab_gym.cohort._measurement import BP, GREATEST_DIASTOLIC, LEAST_DIASTOLIC, MEASUREMENTS, NUMBER
from mab_gym.cohort._profiles import Profiles
from mab_gym.cohort._spec import DAY, NOW
from mab_gym.cohort._streams import Bools, Floats, Ints

_SKEWED = np.array([each.skewed for each in MEASUREMENTS])
_WITHIN = np.array([each.within for each in MEASUREMENTS])
_NOISE = np.array([each.noise for each in MEASUREMENTS])
_SECONDS = np.array([each.days for each in MEASUREMENTS]) * DAY
_SCALE = np.array([10**each.places for each in MEASUREMENTS], dtype=np.float64)
_LOWEST = np.array([each.lowest for each in MEASUREMENTS], dtype=np.int64)
_HIGHEST = np.array([each.highest for each in MEASUREMENTS], dtype=np.int64)
_YEAR = 365.25 * DAY


def draw_values(rng: RandomState, profiles: Profiles, contacts: Contacts, number: Ints, time: Ints, at: Ints) -> Ints:
    """A value for each of many measurements, the members of a panel standing side by side in the panel's order.

    Args:
        rng: The stream to draw from.
        profiles: The block's patients.
        contacts: The block's contacts.
        number: Shape ``(rows,)``; index into `MEASUREMENTS`.
        time: Shape ``(rows,)``; seconds since 1970.
        at: Shape ``(rows,)``; index into ``contacts``.

    Returns:
        Whole numbers of the last written digit (`Measurement.places`); for blood pressure the code of `pressure_code`,
        for results that are texts the index of the text.
    """
    usual, patient = profiles.usual, contacts.patient[at]
    illness = np.zeros((len(REASONS), len(MEASUREMENTS)))
    for index, each in enumerate(MEASUREMENTS):
        for reason, effect in each.illness.items():
            illness[REASONS.index(reason), index] = np.log(effect) if each.skewed else effect
    slopes = rng.standard_normal(usual.shape) * np.array([each.yearly for each in MEASUREMENTS])
    acute = np.exp(-contacts.depth / 5.0) * (0.35 + 1.1 * rng.random_sample(len(contacts.day)))
    value = usual[patient, number] + slopes[patient, number] * ((time - NOW) / _YEAR + 2.5)
    value += illness[contacts.reason[at], number] * acute[at]
    value += _drift(rng, patient, number, time) * _WITHIN[number]
    value += rng.standard_normal(len(value)) * _NOISE[number]
    value = np.where(_SKEWED[number], np.exp(np.where(_SKEWED[number], value, 0.0)), value)
    whole = _rounded(value, number)
    _derive(rng, whole, number, profiles.female[patient], (time - profiles.births[patient]) / _YEAR)
    _choose(rng, whole, number, contacts.reason[at])
    return whole


def rounded_level(usual: Floats, patient: int, code: str) -> int:
    """A person's usual value as a whole number of the last written digit."""
    number = NUMBER[code]
    level = np.exp(usual[patient, number]) if MEASUREMENTS[number].skewed else usual[patient, number]
    return int(_rounded(np.array([level]), np.array([number]))[0])


def pressure_code(systolic: Ints, diastolic: Ints) -> Ints:
    """A blood pressure as one number."""
    step = GREATEST_DIASTOLIC + 1 - LEAST_DIASTOLIC
    code: Ints = (systolic - _LOWEST[NUMBER[BP]]) * step + diastolic - LEAST_DIASTOLIC
    return code


def pressure_text(code: int) -> str:
    """The inverse of `pressure_code`, as it is charted."""
    systolic, diastolic = divmod(code, GREATEST_DIASTOLIC + 1 - LEAST_DIASTOLIC)
    return f"{systolic + int(_LOWEST[NUMBER[BP]])}/{diastolic + LEAST_DIASTOLIC} mmHg"


def _rounded(value: Floats, number: Ints) -> Ints:
    return np.clip(np.rint(value * _SCALE[number]).astype(np.int64), _LOWEST[number], _HIGHEST[number])


def _drift(rng: RandomState, patient: Ints, number: Ints, time: Ints) -> Floats:
    """An Ornstein-Uhlenbeck process of unit variance for each patient and measurement, at the given times.

    It is the autoregressive process of first order on irregular times: x' = a x + sqrt(1 - a^2) e with
    a = exp(-dt / tau). All series are run through at once by composing the steps pairwise, over twice the distance
    each time; a is 0 where a series begins, so that none runs into the next.
    """
    series = patient * len(MEASUREMENTS) + number
    order = np.argsort((series << 32) + (time - NOW + (1 << 31)), kind="stable")
    ordered = time[order]
    carry = np.zeros(len(order))
    follows = np.diff(series[order], prepend=-1) == 0
    gaps = np.diff(ordered, prepend=0)
    carry[follows] = np.exp(-gaps[follows] / _SECONDS[number[order][follows]])
    state = np.sqrt(1.0 - carry * carry) * rng.standard_normal(len(order))
    distance = 1
    while distance < len(order) and carry.any():
        state[distance:] += carry[distance:] * state[:-distance]
        carry[distance:] = carry[distance:] * carry[:-distance]
        carry[:distance] = 0.0
        carry[carry < 1e-9] = 0.0
        distance *= 2
    result = np.empty(len(order))
    result[order] = state
    return result


def _derive(rng: RandomState, whole: Ints, number: Ints, female: Bools, years: Floats) -> None:
    """Fills in values that follow from others of the panel, so that the sums in a chart come out."""

    def rows(code: str) -> Ints:
        return np.flatnonzero(number == NUMBER[code])

    def of(code: str, places: Ints) -> Floats:
        value: Floats = whole[places] / _SCALE[NUMBER[code]]
        return value

    def store(at: Ints, value: Floats) -> None:
        whole[at] = _rounded(value, number[at])

    at = rows("CL")  # after NA, K, CO2, AGAP
    store(at, of("NA", at - 4) - of("CO2", at - 2) - of("AGAP", at - 1))
    at = rows("EGFR")  # after CREA
    store(at, _filtration(of("CREA", at - 1), years[at], female[at]))
    at = rows("HCT")  # after HGB
    store(at, 2.95 * of("HGB", at - 1) + 0.4 * rng.standard_normal(len(at)))
    at = rows("RBC")  # after HCT, MCV
    store(at, 10.0 * of("HCT", at - 2) / of("MCV", at - 1))
    at = rows("TP")  # after ALB
    store(at, of("ALB", at - 1) + 2.8 + 0.25 * rng.standard_normal(len(at)))
    at = rows("PT")  # after INR
    store(at, 11.6 * of("INR", at - 1) + 0.2 * rng.standard_normal(len(at)))
    at = rows("CHOL")  # after TRIG, HDL, LDL: Friedewald's equation
    store(at, of("LDL", at - 1) + of("HDL", at - 2) + of("TRIG", at - 3) / 5.0)
    at = rows(BP)
    systolic = whole[at]
    diastolic = np.rint(0.47 * systolic + 16.0 + 5.0 * rng.standard_normal(len(at))).astype(np.int64)
    diastolic = np.clip(diastolic, LEAST_DIASTOLIC, np.minimum(GREATEST_DIASTOLIC, systolic - 15))
    whole[at] = pressure_code(systolic, diastolic)


def _filtration(creatinine: Floats, years: Floats, female: Bools) -> Floats:
    """Estimated glomerular filtration rate, mL/min/1.73 m2: CKD-EPI 2021 (Inker et al., N Engl J Med 385:1737)."""
    ratio = creatinine / np.where(female, 0.7, 0.9)
    below = np.minimum(ratio, 1.0) ** np.where(female, -0.241, -0.302)
    return 142.0 * below * np.maximum(ratio, 1.0) ** -1.2 * 0.9938**years * np.where(female, 1.012, 1.0)


def _choose(rng: RandomState, whole: Ints, number: Ints, reason: Ints) -> None:
    """Fills in the results that are texts."""
    for index, each in enumerate(MEASUREMENTS):
        if not each.choices:
            continue
        at = np.flatnonzero(number == index)
        chances = np.array([each.illness.get(name, 0.0) for name in REASONS]) + 0.03
        found = rng.random_sample(len(at)) < chances[reason[at]]
        which = 1 + np.floor(rng.random_sample(len(at)) * (len(each.choices) - 1)).astype(np.int64)
        whole[at] = np.where(found, which, 0)
