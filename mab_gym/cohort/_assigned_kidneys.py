"""Weights and creatinines of a layer, by the clearances that they come to.

Weights go on from the person's last one. Clearances at the steps of the label are given to those whose own level is
nearest, by the assignment of least cost; all others keep their level. A creatinine may rise up to fivefold, as
acute kidney injury has it (KDIGO, Kidney Int Suppl 2012;2:1-138: stage 1 from 1.5 times the baseline within seven days,
stage 2 from 2.0, stage 3 from 3.0), and does so over a week of rising results, by no more than about 1.5 mg/dL a day.
Who has chronic kidney disease keeps their level: there a change of eGFR by more than a fifth is more than expected
variability (KDIGO 2024, Kidney Int 2024;105(4S), practice point 2.1.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._assigned_rows import DAY, HOUR, WITHDRAWN, Layer, between, result, weight, withdrawn
from mab_gym.cohort._assignment import assign
from mab_gym.cohort._history import Someone
from mab_gym.cohort._streams import LAYER, Floats, Ints, apportion, some, stream
from mab_gym.cohort._uses import CODES

_EDGES: Final = {9: 7, 10: 4, 25: 4, 26: 5, 50: 6, 51: 5}
_NO_RECENT: Final = 0
_OWN: Final = -1
_PER_HUNDRED: Final = {_OWN: 52, 8: 2, 7: 1, **_EDGES, _NO_RECENT: 14}
"""Of a hundred people so many have a creatinine clearance, in mL/min after rounding, of 9, 10, 25, 26, 50 and 51, at
the steps of the label, and of 8 and 7; no creatinine of the last 48 hours; or what is their own."""
_TWO_DAYS: Final = 2 * DAY
_WEEK: Final = 7 * DAY
_CHRONIC: Final = frozenset(CODES[key] for key in ("ckd3", "ckd4", "esrd"))
_STAGE_1: Final = 1.5
_GREATEST_RISE: Final = 5.0
_MOST_IN_A_WEEK: Final = 9.0
"""mg/dL."""
_TOO_MUCH: Final = 100.0
"""Costs from here on mean a change that nobody would believe."""
_POUNDS: Final = 2.2046


def clearance(someone: Someone, kilograms: float, creatinine: float) -> float:
    """Creatinine clearance in mL/min (Cockcroft-Gault), from kg and mg/dL."""
    return (140 - someone.age) * kilograms / (72 * creatinine) * (0.85 if someone.female else 1.0)


def is_chronic(someone: Someone) -> bool:
    """Tells if somebody has chronic kidney disease."""
    return bool(_CHRONIC & someone.codes)


def creatinine_level(someone: Someone) -> float:
    """A person's usual creatinine, in mg/dL."""
    return someone.level("CREA", _TWO_DAYS, 0.75 if someone.female else 0.95)


def deal_kidneys(seed: int, profiles: Sequence[Someone], layer: Layer) -> None:
    """Deals everybody a weight and a creatinine."""
    rng = stream(seed, LAYER, 2)
    weights = [_next_weight(rng, someone) for someone in profiles]
    # A hundred people at a time: the best assignment of many takes the cube of their number.
    parts = [slice(first, first + 100) for first in range(0, len(profiles), 100)]
    wanted = np.concatenate([_situations(rng, profiles[part], weights[part]) for part in parts])
    creatinines, ages = [], []
    for place, someone in enumerate(profiles):
        weights[place], hundredths = _fitting(rng, someone, weights[place], int(wanted[place]))
        creatinines.append(hundredths)
        ages.append(_TWO_DAYS + 1 if wanted[place] == _NO_RECENT else between(rng, 40, 30 * HOUR))
    recent = np.flatnonzero(wanted != _NO_RECENT)
    for place in rng.permutation(recent)[: -(-len(recent) // 10)].tolist():
        ages[place] = _TWO_DAYS
    steps = [
        0 if wanted[place] == _NO_RECENT else _step(clearance(someone, weights[place] / 10, creatinines[place] / 100))
        for place, someone in enumerate(profiles)
    ]
    void = some(rng, steps, WITHDRAWN)
    for place, someone in enumerate(profiles):
        own = stream(seed, LAYER, 12, place)
        layer.replace(someone, ("WT",), _TWO_DAYS)
        weighed = between(own, 3 * HOUR, 40 * HOUR)
        layer.add(someone, weight(own, someone, weights[place], weighed))
        _creatinines(own, someone, creatinines[place], ages[place], layer)
        if void[place]:
            _mistake(own, someone, weights[place], weighed, creatinines[place], ages[place], layer)


def _situations(rng: RandomState, profiles: Sequence[Someone], weights: Sequence[int]) -> Ints:
    """The clearance that fits each person best, of as many as there are people; shape ``(people,)``."""
    per_hundred = np.array(list(_PER_HUNDRED.values()), dtype=np.int64)
    situations = np.repeat(list(_PER_HUNDRED), apportion(len(profiles), per_hundred))
    cost = np.stack([_costs(*each, situations) for each in zip(profiles, weights, strict=True)])
    chosen = assign(cost + 0.01 * rng.random_sample(cost.shape))
    # Among few people there may be nobody whom a situation fits.
    fits = cost[np.arange(len(cost)), chosen] < _TOO_MUCH
    wanted: Ints = np.where(fits, situations[chosen], _OWN)
    return wanted


def _step(rounded: float) -> int:
    return sum(round(rounded) > limit for limit in (9, 25, 50)) + 1


def _next_weight(rng: RandomState, someone: Someone) -> int:
    """A weight in hectograms that goes on from the last one."""
    _, last = someone.last("WT", _TWO_DAYS, 66.0 if someone.female else 80.0)
    return round(10 * last) + round(float(np.clip(4.0 * rng.standard_normal(), -9, 9)))


def _costs(someone: Someone, hectograms: int, situations: Ints) -> Floats:
    """The cost of giving each situation to somebody, high where it does not fit; shape ``(situations,)``."""
    level = creatinine_level(someone)
    needed = clearance(someone, hectograms / 10, 1.0) / np.maximum(situations, 1)
    change = np.log(needed / level)
    keeps = is_chronic(someone) | (change < 0)
    much = np.maximum(0.0, np.abs(change) - np.log(np.where(keeps, _STAGE_1, _GREATEST_RISE)))
    much += np.maximum(0.0, needed - level - _MOST_IN_A_WEEK)
    fits = (change / np.where(keeps, 0.2, 0.7)) ** 2 + _TOO_MUCH * np.minimum(30.0 * much, 1.0)
    costs: Floats = np.where(situations > 0, fits, 0.0)
    return costs


def _fitting(rng: RandomState, someone: Someone, hectograms: int, wanted: int) -> tuple[int, int]:
    """A weight and a creatinine in 1/100 mg/dL whose clearance is well within the rounding of one.

    The weight changes by a kilogram at most.
    """
    if wanted in (_OWN, _NO_RECENT):
        level = creatinine_level(someone)
        ratio = (1 + someone.last("CREA", _TWO_DAYS, level)[1] / level) / 2
        ratio = float(np.clip(ratio * np.exp(0.05 * rng.standard_normal()), 0.8, 1.25))
        wanted = max(2, round(clearance(someone, hectograms / 10, min(max(level * ratio, 0.35), 15.0))))
    for step in range(21):
        changed = hectograms + (step + 1) // 2 * (1 if step % 2 else -1)
        hundredths = round(100 * clearance(someone, changed / 10, 1.0) / wanted)
        if abs(clearance(someone, changed / 10, hundredths / 100) - wanted) < 0.35:
            return changed, hundredths
    raise AssertionError("a kilogram is enough to round well")


def _creatinines(rng: RandomState, someone: Someone, hundredths: int, age: int, layer: Layer) -> None:
    """A creatinine, and where it is another one than before, those on the way to it."""
    codes, now = ("CREA", "EGFR"), hundredths / 100
    layer.replace(someone, codes, _TWO_DAYS)
    layer.add(someone, result(rng, someone, "CREA", hundredths, age))
    _, last = someone.last("CREA", _TWO_DAYS, creatinine_level(someone))
    if 0.77 < now / last < 1.3 or age > _TWO_DAYS:
        return
    layer.replace(someone, codes, _WEEK)
    _, last = someone.last("CREA", _WEEK, creatinine_level(someone))
    for day in range(1, 7):
        before = age + day * DAY - between(rng, 0, 3 * HOUR)
        if before < _WEEK - 6 * HOUR:
            share = before / _WEEK
            value = (now * (1 - share) + last * share) * float(np.exp(0.03 * rng.standard_normal()))
            layer.add(someone, result(rng, someone, "CREA", max(30, round(100 * value)), before))


def _mistake(
    rng: RandomState, someone: Someone, hectograms: int, weighed: int, hundredths: int, age: int, layer: Layer
) -> None:
    """A newer creatinine of somebody else, or a newer weight in pounds, entered in error."""
    if age <= _TWO_DAYS and rng.random_sample() < 0.4:
        newer = between(rng, HOUR, weighed - HOUR)
        layer.add(someone, withdrawn(weight(rng, someone, round(hectograms * _POUNDS), newer)))
        return
    own = _step(clearance(someone, hectograms / 10, hundredths / 100))
    for factor in (0.45, 2.1, 0.3, 3.2, 0.2, 5.0, 8.0):
        wrong = min(max(round(hundredths * factor), 35), 1500)
        if _step(clearance(someone, hectograms / 10, wrong / 100)) != own:
            break
    newer = between(rng, 20, min(age, 30 * HOUR) - 15)
    layer.add(someone, withdrawn(result(rng, someone, "CREA", wrong, newer)))
