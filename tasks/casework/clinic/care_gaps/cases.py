"""Cases: three people with topics of prevention that are due, done, not for them, or told in notes alone."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mab_gym.casework import flagged
from mab_gym.tasking.chart import Chart

from .gaps import DONE, DUE, ELSEWHERE, NEVER, TOLD_AS, TOPICS, assess, lapsed
from .people import person

BRANCHES: Final = {"two_told": 12, "one_told": 9, "outdated": 9}
_SLOTS: Final[Mapping[str, Sequence[str]]] = {
    "two_told": ("told", "told", "plain"),
    "one_told": ("told", "lapsed", "plain"),
    "outdated": ("outdated", "told", "plain"),
}
_MOST: Final = 2000
_LISTED: Final = 6
"""Topics of a person that are to be gone through, at most."""

_INSTEAD: Final = ("told", "lapsed", "plain")
"""Slots that take the place of those for whom a small hospital has nobody."""


@flagged("complex", "arm")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws three people and their topics."""
    groups = chart.remember("people by gaps", lambda: _groups(chart))
    chosen: list[dict[str, Any]] = []
    for slot in _SLOTS[branch]:
        taken = {one["mrn"] for one in chosen}
        slots = (slot, *_INSTEAD)
        people = next(filter(None, ([e for e in groups.get(s, ()) if e["mrn"] not in taken] for s in slots)), [])
        if not people:
            return None
        chosen.append(_asked(rng.choice(people), rng))
    rng.shuffle(chosen)
    told = [
        f"{each['name']} (MRN {each['mrn']}): {', '.join(TOPICS[name].title for name in each['topics'])}"
        for each in chosen
    ]
    return {"chosen": chosen, "people": "; ".join(told)}


def _asked(one: Mapping[str, Any], rng: random.Random) -> dict[str, Any]:
    """Returns a person with some of the topics that are clear; those that notes tell of are always among them."""
    states, picked = one["states"], list(one["hidden"])
    for state, most in ((DUE, rng.randint(1, 3)), (NEVER, rng.randint(0, 2)), (DONE, _LISTED)):
        names = [name for name in states if states[name] == state and name not in picked]
        picked += rng.sample(names, max(0, min(len(names), most, _LISTED - len(picked))))
    return {
        "mrn": one["mrn"],
        "name": one["name"],
        "topics": {name: states[name] for name in TOPICS if name in picked},
        "months": {name: month for name, month in one["months"].items() if states[name] == ELSEWHERE},
        "stool_test": one["stool_test"],
    }


def _groups(chart: Chart) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Returns people by what of their prevention stands in notes alone."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for mrn in chart.profiles()[:_MOST]:
        one = chart.remember(("prevention", mrn), lambda mrn=mrn: _read(chart, mrn))
        if one is not None:
            found.setdefault(one["slot"], []).append(one)
    return found


def _read(chart: Chart, mrn: str) -> Mapping[str, Any] | None:
    who = person(chart, mrn)
    if who is None:
        return None
    states = assess(who, chart.now.date())
    told = {name: who.elsewhere[key] for name, key in TOLD_AS.items() if key in who.elsewhere and name in states}
    counts = [name for name in told if states[name] == ELSEWHERE]
    old = [name for name in told if states[name] == DUE]
    gone = [name for name in lapsed(who, chart.now.date()) if name not in told]
    stool = who.stool_test and states.get("colorectal") == DUE
    if len(states) < 4 or not (counts or DUE in states.values()):
        return None
    name = chart.patients()[mrn]["name"][0]
    return {
        "mrn": mrn,
        "name": f"{' '.join(name['given'])} {name['family']}",
        "slot": "outdated" if old or stool else "told" if counts else "lapsed" if gone else "plain",
        "states": states,
        "hidden": list(dict.fromkeys([*counts, *old, *(["colorectal"] if stool else []), *gone[:1]])),
        "months": {name: f"{day:%Y-%m}" for name, (day, _) in told.items()},
        "stool_test": stool,
    }
