"""Cases: four people with imaging, of whom two or three have something that nobody followed up.

The others have a finding that was settled, or died, or have imaging without anything that needs more. All of it is
their own: findings that the radiologist mentioned by the way, and the examinations since.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mab_gym.casework import flagged
from mab_gym.tasking.chart import Chart

from .findings import clean, person

BRANCHES: Final = {"settled": 9, "dead": 8, "both_later": 6, "three": 7}
_MOST: Final = 2000
"""People who are looked at; in a larger hospital these are some of them."""
_SLOTS: Final[Mapping[str, Sequence[str]]] = {
    "settled": ("settled", "overdue", "later", "later"),
    "dead": ("dead", "later", "overdue", "clean"),
    "both_later": ("later", "later", "clean", "clean"),
    "three": ("later", "overdue", "overdue", "clean"),
}

_INSTEAD: Final = ("overdue", "later", "clean")
"""Slots that take the place of those for whom a small hospital has nobody."""


@flagged("germ", "complex", "confidential")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws four people."""
    groups = chart.remember("people by incidental findings", lambda: _groups(chart))
    chosen: list[Mapping[str, Any]] = []
    for slot in _SLOTS[branch]:
        taken = {one["mrn"] for one in chosen}
        slots = (slot, *_INSTEAD)
        found = next(filter(None, ([e for e in groups.get(s, ()) if e["mrn"] not in taken] for s in slots)), [])
        if not found:
            return None
        chosen.append(rng.choice(found))
    rng.shuffle(chosen)
    named = [f"{each['name']} (MRN {each['mrn']})" for each in chosen]
    return {"people": f"{', '.join(named[:-1])} and {named[-1]}", "chosen": chosen}


def _groups(chart: Chart) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    now = chart.now.isoformat()
    for mrn in chart.profiles()[:_MOST]:
        one = person(chart, mrn)
        if one is None:
            other = clean(chart, mrn)
            if other is not None:
                found.setdefault("clean", []).append(other)
            continue
        late = any(each["told"][0]["until"] < now for each in one["findings"] if each["state"] == "due")
        slot = ("overdue" if late else "later") if one["state"] == "due" else one["state"]
        found.setdefault("dead" if slot == "dead" else slot if slot in ("overdue", "later") else "settled", []).append(
            one
        )
    return found
