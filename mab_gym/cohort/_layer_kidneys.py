"""Weights and creatinines of a layer, by the clearances that they come to.

Creatinine clearance is that of Cockcroft and Gault, Nephron 1976;16:31-41, at the steps of the meropenem label (MERREM
IV, section 2.2). Weights go on from the person's last one. Clearances at the steps are given to those whose own level
is nearest; all others keep their level. A creatinine may rise up to fivefold, as acute kidney injury has it (KDIGO,
Kidney Int Suppl 2012;2:1-138: stage 1 from 1.5 times the baseline within seven days, stage 2 from 2.0, stage 3 from
3.0), over a week of rising results, by no more than about 1.5 mg/dL a day. People with chronic kidney disease keep
their level: there a change of eGFR by more than a fifth is more than expected variability (KDIGO 2024, Kidney Int
2024;105(4S), practice point 2.1.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._history import Someone
from mab_gym.cohort._layer import WITHDRAWN, Layer, Topic, between, result, withdrawn, write
from mab_gym.cohort._medications import CODES
from mab_gym.cohort._presentations import assign, by_fit, some
from mab_gym.cohort._spec import DAY_MINUTES, HOUR_MINUTES
from mab_gym.cohort._streams import LAYER, Floats, Ints, apportion, stream

_OWN, _NO_RECENT = -1, 0
_PER_HUNDRED: Final = {_OWN: 52, 8: 2, 7: 1, 9: 7, 10: 4, 25: 4, 26: 5, 50: 6, 51: 5, _NO_RECENT: 14}
"""The number of people of a hundred by creatinine clearance in mL/min, rounded; with their own level; or without a
creatinine of the last 48 hours. Our choice: so that every step of the label occurs on both sides."""
_STEPS: Final = (9, 25, 50)
_TWO_DAYS: Final = 2 * DAY_MINUTES
_WEEK: Final = 7 * DAY_MINUTES
_CHRONIC: Final = frozenset(CODES[key] for key in ("ckd3", "ckd4", "esrd"))
_STAGE_1: Final = 1.5
_GREATEST_RISE: Final = 5.0
_MOST_IN_A_WEEK: Final = 9.0
"""The greatest rise within a week, in mg/dL."""
_TOO_MUCH: Final = 100.0
"""Costs from this on mean a change that nobody would believe."""
_POUNDS: Final = 2.2046


def clearance(someone: Someone, kilograms: float, creatinine: float) -> float:
    """Creatinine clearance in mL/min (Cockcroft-Gault), from kg and mg/dL."""
    return (140 - someone.age) * kilograms / (72 * creatinine) * (0.85 if someone.female else 1.0)


def is_chronic(someone: Someone) -> bool:
    """True if somebody has chronic kidney disease."""
    return bool(_CHRONIC & someone.codes)


def creatinine_level(someone: Someone) -> float:
    """A person's usual creatinine, in mg/dL."""
    return someone.level("CREA", _TWO_DAYS, 0.75 if someone.female else 0.95)


class _Kidneys(NamedTuple):
    hectograms: int
    hundredths: int
    age: int
    void: bool


def add_kidneys(seed: int, profiles: Sequence[Someone], layer: Layer) -> None:
    """Gives everybody a weight and a creatinine."""
    rng = stream(seed, LAYER, Topic.KIDNEYS)
    weights = [_next_weight(rng, someone) for someone in profiles]
    # A hundred people at a time: the best fit of many takes the cube of their number.
    parts = [slice(first, first + 100) for first in range(0, len(profiles), 100)]
    wanted = np.concatenate([_clearances(rng, profiles[part], weights[part]) for part in parts])
    creatinines, ages = [], []
    for place, someone in enumerate(profiles):
        weights[place], hundredths = _fitting(rng, someone, weights[place], int(wanted[place]))
        creatinines.append(hundredths)
        ages.append(_TWO_DAYS + 1 if wanted[place] == _NO_RECENT else between(rng, 40, 30 * HOUR_MINUTES))
    recent = np.flatnonzero(wanted != _NO_RECENT)
    for place in rng.permutation(recent)[: -(-len(recent) // 10)].tolist():
        ages[place] = _TWO_DAYS
    steps = [_step(*each) for each in zip(profiles, weights, creatinines, strict=True)]
    void = some(rng, np.where(wanted == _NO_RECENT, 0, steps), WITHDRAWN).tolist()
    presentations = [_Kidneys(*each) for each in zip(weights, creatinines, ages, void, strict=True)]
    write(seed, Topic.KIDNEYS, profiles, dict(enumerate(presentations)), _rows, layer)


def _clearances(rng: RandomState, profiles: Sequence[Someone], weights: Sequence[int]) -> Ints:
    """The clearance that fits each person best, of as many as there are people; shape ``(people,)``."""
    per_hundred = np.array(list(_PER_HUNDRED.values()), dtype=np.int64)
    slots = np.repeat(list(_PER_HUNDRED), apportion(len(profiles), per_hundred))
    cost = np.stack([_costs(*each, slots) for each in zip(profiles, weights, strict=True)])
    queue = by_fit(cost + 0.01 * rng.random_sample(cost.shape))
    # Among few people, a clearance may fit nobody.
    fitting = np.where(cost[queue, np.arange(len(queue))] < _TOO_MUCH, slots, _OWN)
    return np.array([*assign(fitting, queue).values()], dtype=np.int64)


def _rows(rng: RandomState, someone: Someone, presentation: _Kidneys, layer: Layer) -> None:
    layer.replace(someone, ("WT",), _TWO_DAYS)
    weighed = between(rng, 3 * HOUR_MINUTES, 40 * HOUR_MINUTES)
    layer.add(someone, result(rng, someone, "WT", presentation.hectograms, weighed))
    _creatinines(rng, someone, presentation.hundredths, presentation.age, layer)
    if presentation.void:
        _mistake(rng, someone, presentation, weighed, layer)


def _step(someone: Someone, hectograms: int, hundredths: int) -> int:
    """The step of the label at which somebody's clearance lies, from 1."""
    return sum(round(clearance(someone, hectograms / 10, hundredths / 100)) > limit for limit in _STEPS) + 1


def _next_weight(rng: RandomState, someone: Someone) -> int:
    """A weight in hectograms that goes on from the last one."""
    _, last = someone.last("WT", _TWO_DAYS, 66.0 if someone.female else 80.0)
    return round(10 * last) + round(float(np.clip(4.0 * rng.standard_normal(), -9, 9)))


def _costs(someone: Someone, hectograms: int, slots: Ints) -> Floats:
    """The cost of giving each clearance to somebody, high where it does not fit; shape ``(slots,)``."""
    level = creatinine_level(someone)
    needed = clearance(someone, hectograms / 10, 1.0) / np.maximum(slots, 1)
    change = np.log(needed / level)
    keeps = is_chronic(someone) | (change < 0)
    much = np.maximum(0.0, np.abs(change) - np.log(np.where(keeps, _STAGE_1, _GREATEST_RISE)))
    much += np.maximum(0.0, needed - level - _MOST_IN_A_WEEK)
    fits = (change / np.where(keeps, 0.2, 0.7)) ** 2 + _TOO_MUCH * np.minimum(30.0 * much, 1.0)
    costs: Floats = np.where(slots > 0, fits, 0.0)
    return costs


def _fitting(rng: RandomState, someone: Someone, hectograms: int, wanted: int) -> tuple[int, int]:
    """A weight in hectograms and a creatinine in 1/100 mg/dL that give a clearance well within its rounding.

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
    """Adds a creatinine and, where it differs from the last one, those on the way to it."""
    codes, now = ("CREA", "EGFR"), hundredths / 100
    layer.replace(someone, codes, _TWO_DAYS)
    layer.add(someone, result(rng, someone, "CREA", hundredths, age))
    _, last = someone.last("CREA", _TWO_DAYS, creatinine_level(someone))
    if 0.77 < now / last < 1.3 or age > _TWO_DAYS:
        return
    layer.replace(someone, codes, _WEEK)
    _, last = someone.last("CREA", _WEEK, creatinine_level(someone))
    for day in range(1, 7):
        before = age + day * DAY_MINUTES - between(rng, 0, 3 * HOUR_MINUTES)
        if before < _WEEK - 6 * HOUR_MINUTES:
            share = before / _WEEK
            value = (now * (1 - share) + last * share) * float(np.exp(0.03 * rng.standard_normal()))
            layer.add(someone, result(rng, someone, "CREA", max(30, round(100 * value)), before))


def _mistake(rng: RandomState, someone: Someone, presentation: _Kidneys, weighed: int, layer: Layer) -> None:
    """Adds a newer creatinine of somebody else, or a newer weight in pounds, entered in error."""
    hectograms, hundredths, age, _ = presentation
    if age <= _TWO_DAYS and rng.random_sample() < 0.4:
        newer = between(rng, HOUR_MINUTES, weighed - HOUR_MINUTES)
        layer.add(someone, withdrawn(result(rng, someone, "WT", round(hectograms * _POUNDS), newer)))
        return
    own = _step(someone, hectograms, hundredths)
    for factor in (0.45, 2.1, 0.3, 3.2, 0.2, 5.0, 8.0):
        wrong = min(max(round(hundredths * factor), 35), 1500)
        if _step(someone, hectograms, wrong) != own:
            break
    newer = between(rng, 20, min(age, 30 * HOUR_MINUTES) - 15)
    layer.add(someone, withdrawn(result(rng, someone, "CREA", wrong, newer)))
