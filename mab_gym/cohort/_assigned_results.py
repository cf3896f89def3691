"""INR under warfarin and haemoglobins of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._assigned_rows import DAY, HOUR, PRESENT, WITHDRAWN, Layer, between, one, problem, result, withdrawn
from mab_gym.cohort._history import Someone
from mab_gym.cohort._streams import LAYER, some, stream
from mab_gym.cohort._uses import CODES, codes_for, may_take

_RATIOS: Final = (14, 15, 19, 20, 30, 31, 35, 36, 44, 45, 100, 101, 14, 15, 19, 20, 30, 31, 35, 36, 44, 45, 100, 101,
                  12, 17, 24, 33, 39, 62, 108, 13, 22, 83, 116, 11, 27, 42, 52, 124, 16, 25)  # fmt: skip
"""INR in tenths about 1.5, 2.0, 3.0, 3.5, 4.5 and 10."""
_CLOTS: Final = (("I82.409", "Acute deep vein thrombosis of lower extremity"), ("I26.99", "Pulmonary embolism"))
_FIBRILLATION: Final = CODES["fibrillation"]
_COURSES: Final = (15, 20, 31, 36, 45, 101)
_OTHER_RATIOS: Final = (11, 25, 33, 40, 62, 115)


def on_warfarin(seed: int, profiles: Sequence[Someone], share: float) -> dict[str, int]:
    """Chooses who takes warfarin, and how many minutes ago they began: those with atrial fibrillation first.

    Whoever else takes it has had a venous thromboembolism: three months of treatment at least, at the same target of
    2.0 to 3.0 (Kearon et al., Chest 2016;149:315-352; Holbrook et al., cited in `mab_gym.cohort._assigned`).
    """
    rng = stream(seed, LAYER, 1)
    chance = rng.random_sample(len(profiles))
    order = sorted(
        (place for place, each in enumerate(profiles) if _may(each)),
        key=lambda place: (_FIBRILLATION not in profiles[place].codes, chance[place]),
    )
    chosen = order[: round(share * len(profiles))]
    return {profiles[place].mrn: between(rng, 24 * DAY, 75 * DAY) for place in sorted(chosen)}


def _may(someone: Someone) -> bool:
    return may_take("warfarin", codes=someone.codes, female=someone.female, age=someone.age - 1)


def deal_ratios(seed: int, profiles: Sequence[Someone], takers: dict[str, int], layer: Layer) -> None:
    """Deals an INR to all who take warfarin, earlier ones since they began, and the reason where the chart has none."""
    rng = stream(seed, LAYER, 3)
    people = [each for each in profiles if each.mrn in takers]
    turns = rng.permutation(len(people))
    ratios = [_RATIOS[turn % len(_RATIOS)] for turn in turns.tolist()]
    void = some(rng, [_course(ratio) for ratio in ratios], WITHDRAWN)
    for place, someone in enumerate(people):
        own, began, ratio = stream(seed, LAYER, 13, place), takers[someone.mrn], ratios[place]
        if not set(codes_for("warfarin")) & someone.codes:
            code, display = one(own, _CLOTS)
            layer.add(someone, problem(own, someone, code, display, began + between(own, 1, 3) * DAY))
        layer.replace(someone, ("INR", "PT"), began)
        age = between(own, 20, 26 * HOUR)
        layer.add(someone, result(own, someone, "INR", ratio, age))
        for earlier, value in _way_there(own, ratio, age, began):
            layer.add(someone, result(own, someone, "INR", value, earlier))
        if void[place] and age > 60:
            others = [each for each in _OTHER_RATIOS if _course(each) != _course(ratio)]
            layer.add(someone, withdrawn(result(own, someone, "INR", one(own, others), between(own, 18, age - 15))))


def _course(tenths: int) -> int:
    return sum(tenths >= limit for limit in _COURSES)


def _way_there(rng: RandomState, ratio: int, age: int, began: int) -> list[tuple[int, int]]:
    """Ages and tenths of the INR since warfarin was begun: some days of rising, then a week apart about the target."""
    way = [(began - 3 * DAY - between(rng, 0, 8 * HOUR), between(rng, 12, 17))]
    week = began - 7 * DAY
    while week > age + 5 * DAY:
        way.append((week - between(rng, 0, 9 * HOUR), between(rng, 17, 33)))
        week -= 7 * DAY
    towards = round((ratio * 25) ** 0.5)
    way.append((age + between(rng, 40 * HOUR, 70 * HOUR), max(10, towards)))
    return way


_REPORTS: Final = (
    ("final", 69, 69), ("final", 70, 70), ("amended", 70, 69), ("corrected", 69, 70), ("entered-in-error", 61, 61),
    ("final", 62, 62), ("final", 71, 71), ("corrected", 74, 66), ("amended", 64, 72), ("entered-in-error", 69, 69),
    ("final", 58, 58), ("final", 70, 70), ("amended", 81, 69), ("corrected", 58, 70), ("entered-in-error", 56, 56),
    ("final", 69, 69), ("final", 76, 76), ("corrected", 70, 65), ("amended", 69, 78), ("entered-in-error", 66, 66),
)  # fmt: skip
"""Status now, and the value in 1/10 g/dL as first reported and as it stands now."""


def deal_haemoglobins(seed: int, profiles: Sequence[Someone], share: float, layer: Layer) -> None:
    """Deals haemoglobins to a share of people, those whose own is low already, with the fall that led to them."""
    rng = stream(seed, LAYER, 4)
    levels = [each.level("HGB", 2 * DAY, 13.5 if each.female else 14.8) for each in profiles]
    lowest = np.argsort(np.array(levels), kind="stable")[: -(-round(100 * share) * len(profiles) // 100)]
    turns = rng.permutation(len(lowest)).tolist()
    for someone in profiles:
        layer.replace(someone, ("HGB", "HCT", "RBC", "MCV"), 2 * DAY)
    for place, turn in zip(lowest.tolist(), turns, strict=True):
        _haemoglobin(stream(seed, LAYER, 14, place), profiles[place], turn, levels[place], layer)


def _haemoglobin(rng: RandomState, someone: Someone, turn: int, level: float, layer: Layer) -> None:
    status, reported, stands = _REPORTS[turn % len(_REPORTS)]
    age = between(rng, 70, 10 * HOUR)
    layer.add(someone, _report(rng, result(rng, someone, "HGB", stands, age), status, reported, age))
    # What was another patient's leaves the person's own level as it was.
    end = 10 * level if status == "entered-in-error" else stands
    for hours in (between(rng, 11, 16), between(rng, 22, 30)):
        share = min(1.0, hours / 34)
        value = end + (10 * level - end) * share + 2.0 * float(rng.standard_normal())
        layer.add(someone, result(rng, someone, "HGB", max(round(value), min(stands + 2, 90)), age + hours * HOUR))


def _report(rng: RandomState, resource: dict[str, Any], status: str, reported: int, age: int) -> dict[str, Any]:
    """A result with its status, and a note on what it was before."""
    if status == "final":
        return resource
    later = PRESENT - timedelta(minutes=between(rng, 5, age - 20))
    if status == "entered-in-error":
        note = "Withdrawn by the laboratory: specimen of another patient (wrong blood in tube)."
    else:
        note = f"First reported as {reported / 10:.1f} g/dL; {status} after repeat analysis."
    return resource | {"status": status, "issued": later.isoformat(), "note": [{"text": note}]}
