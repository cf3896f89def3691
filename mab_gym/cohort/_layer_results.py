"""INR under warfarin and haemoglobins of a layer.

Sources: INR at the steps of Holbrook et al., Chest 2012;141(2 Suppl):e152S-e184S; haemoglobin about 7 g/dL, the
restrictive threshold for transfusion (Carson et al., AABB guideline, JAMA 2023;330:1892-1902).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle
from typing import Final, NamedTuple

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._data import read_table
from mab_gym.cohort._history import Someone
from mab_gym.cohort._layer import (
    PRESENT,
    WITHDRAWN,
    Layer,
    Resource,
    Topic,
    between,
    one,
    problem,
    result,
    withdrawn,
    write,
)
from mab_gym.cohort._medications import CODES, codes_for, may_take
from mab_gym.cohort._presentations import assign, by_chance, some
from mab_gym.cohort._spec import DAY_MINUTES, HOUR_MINUTES
from mab_gym.cohort._streams import LAYER, stream

_RATIOS: Final = (14, 15, 19, 20, 30, 31, 35, 36, 44, 45, 100, 101, 14, 15, 19, 20, 30, 31, 35, 36, 44, 45, 100, 101,
                  12, 17, 24, 33, 39, 62, 108, 13, 22, 83, 116, 11, 27, 42, 52, 124, 16, 25)  # fmt: skip
"""INR in tenths about 1.5, 2.0, 3.0, 3.5, 4.5 and 10; our choice: so that every step occurs on both sides."""
_CLOTS: Final = (("I82.409", "Acute deep vein thrombosis of lower extremity"), ("I26.99", "Pulmonary embolism"))
_FIBRILLATION: Final = CODES["fibrillation"]
_COURSES: Final = (15, 20, 31, 36, 45, 101)
"""The INR in tenths from which on something else is due."""
_OTHER_RATIOS: Final = (11, 25, 33, 40, 62, 115)


def on_warfarin(seed: int, profiles: Sequence[Someone], share: float) -> dict[str, int]:
    """Chooses who takes warfarin, and how many minutes ago they began: those with atrial fibrillation first.

    All others who take it have had a venous thromboembolism: three months of treatment at least, at the same target
    of 2.0 to 3.0 (Kearon et al., Chest 2016;149:315-352).
    """
    rng = stream(seed, LAYER, Topic.WARFARIN)
    chance = rng.random_sample(len(profiles))
    queue = sorted(
        (place for place, each in enumerate(profiles) if _may(each)),
        key=lambda place: (_FIBRILLATION not in profiles[place].codes, chance[place]),
    )
    chosen = assign([True] * round(share * len(profiles)), queue)
    return {profiles[place].mrn: between(rng, 24 * DAY_MINUTES, 75 * DAY_MINUTES) for place in chosen}


def _may(someone: Someone) -> bool:
    return may_take("warfarin", codes=someone.codes, female=someone.female, age=someone.age - 1)


def add_ratios(seed: int, profiles: Sequence[Someone], takers: dict[str, int], layer: Layer) -> None:
    """Gives an INR to all who take warfarin, earlier ones since they began, and the reason where the chart has none."""
    rng = stream(seed, LAYER, Topic.RATIOS)
    people = [each for each in profiles if each.mrn in takers]
    ratios = [*assign(cycle(_RATIOS), by_chance(rng, len(people))).values()]
    void = some(rng, [_course(tenths) for tenths in ratios], WITHDRAWN)
    presentations = zip([takers[each.mrn] for each in people], ratios, void.tolist(), strict=True)
    write(seed, Topic.RATIOS, people, dict(enumerate(presentations)), _ratio_rows, layer)


def _ratio_rows(rng: RandomState, someone: Someone, presentation: tuple[int, int, bool], layer: Layer) -> None:
    began, ratio, void = presentation
    if not set(codes_for("warfarin")) & someone.codes:
        code, display = one(rng, _CLOTS)
        layer.add(someone, problem(rng, someone, code, display, began + between(rng, 1, 3) * DAY_MINUTES))
    layer.replace(someone, ("INR", "PT"), began)
    age = between(rng, 20, 26 * HOUR_MINUTES)
    layer.add(someone, result(rng, someone, "INR", ratio, age))
    for earlier, value in _way_there(rng, ratio, age, began):
        layer.add(someone, result(rng, someone, "INR", value, earlier))
    if void and age > 60:
        others = [each for each in _OTHER_RATIOS if _course(each) != _course(ratio)]
        layer.add(someone, withdrawn(result(rng, someone, "INR", one(rng, others), between(rng, 18, age - 15))))


def _course(tenths: int) -> int:
    return sum(tenths >= limit for limit in _COURSES)


def _way_there(rng: RandomState, ratio: int, age: int, began: int) -> list[tuple[int, int]]:
    """Ages and tenths of the INR since warfarin was begun: some days of rising, then a week apart about the target."""
    way = [(began - 3 * DAY_MINUTES - between(rng, 0, 8 * HOUR_MINUTES), between(rng, 12, 17))]
    week = began - 7 * DAY_MINUTES
    while week > age + 5 * DAY_MINUTES:
        way.append((week - between(rng, 0, 9 * HOUR_MINUTES), between(rng, 17, 33)))
        week -= 7 * DAY_MINUTES
    towards = round((ratio * 25) ** 0.5)
    way.append((age + between(rng, 40 * HOUR_MINUTES, 70 * HOUR_MINUTES), max(10, towards)))
    return way


class _Report(NamedTuple):
    """A haemoglobin, in 1/10 g/dL, as first reported and as it stands now; and the person's usual one, in g/dL."""

    status: str
    reported: int
    stands: int
    level: float = 0.0


_REPORTS: Final = read_table("haemoglobins.csv", _Report)


def add_haemoglobins(seed: int, profiles: Sequence[Someone], share: float, layer: Layer) -> None:
    """Gives haemoglobins to a share of people, those whose own is low already, with the fall that led to them."""
    rng = stream(seed, LAYER, Topic.HAEMOGLOBINS)
    levels = [each.level("HGB", 2 * DAY_MINUTES, 13.5 if each.female else 14.8) for each in profiles]
    lowest = np.argsort(np.array(levels), kind="stable")[: -(-round(100 * share) * len(profiles) // 100)]
    reports = assign(cycle(_REPORTS), lowest[by_chance(rng, len(lowest))])
    for someone in profiles:
        layer.replace(someone, ("HGB", "HCT", "RBC", "MCV"), 2 * DAY_MINUTES)
    # Written from the lowest level on: the order decides where among their rows they are loaded.
    presentations = {place: reports[place]._replace(level=levels[place]) for place in lowest.tolist()}
    write(seed, Topic.HAEMOGLOBINS, profiles, presentations, _haemoglobin_rows, layer)


def _haemoglobin_rows(rng: RandomState, someone: Someone, presentation: _Report, layer: Layer) -> None:
    age, level, stands = between(rng, 70, 10 * HOUR_MINUTES), 10 * presentation.level, presentation.stands
    layer.add(someone, _reported(rng, result(rng, someone, "HGB", stands, age), presentation, age))
    # A specimen of another patient leaves the person's own level as it was.
    end = level if presentation.status == "entered-in-error" else stands
    for hours in (between(rng, 11, 16), between(rng, 22, 30)):
        value = end + (level - end) * min(1.0, hours / 34) + 2.0 * float(rng.standard_normal())
        whole = max(round(value), min(stands + 2, 90))
        layer.add(someone, result(rng, someone, "HGB", whole, age + hours * HOUR_MINUTES))


def _reported(rng: RandomState, resource: Resource, presentation: _Report, age: int) -> Resource:
    """A result with its status, and a note on its earlier value."""
    status = presentation.status
    if status == "final":
        return resource
    later = PRESENT - timedelta(minutes=between(rng, 5, age - 20))
    if status == "entered-in-error":
        note = "Withdrawn by the laboratory: specimen of another patient (wrong blood in tube)."
    else:
        note = f"First reported as {presentation.reported / 10:.1f} g/dL; {status} after repeat analysis."
    return resource | {"status": status, "issued": later.isoformat(), "note": [{"text": note}]}
