"""Cases: four people to go home today; one has signs or a result that keep them, or none has.

What each lacks is drawn: a home drug that the plan stops, a second one of its class, a test that is pending, a visit
that is late or was cancelled. The shares are our choice. People are chosen by their history: the home drug, the illness
of the stay and the physicians are those of the chart.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from mab_gym.casework import flagged
from mab_gym.tasking.chart import Chart

from .people import person

BRANCHES = {"news": 10, "critical": 10, "quiet": 10}
WHO = "patients"
SIGNS: Mapping[str, tuple[str, ...]] = {
    "news": ("news", "mild", "well", "well"),
    "critical": ("critical", "one_sign", "well", "well"),
    "quiet": ("mild", "one_sign", "well", "well"),
}
"""By branch, the signs and results of the four."""
DRUGS = ("stop", "duplicate", "resume", "fresh")
TESTS = ("pending", "pending", "answered", "none")
VISITS = ("late", "late", "cancelled", "fine")
_PEOPLE = 4


@flagged("complex", "interpreter", "confidential")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws four people and what each lacks; the one who stays lacks something, too, which is left alone."""
    everybody = list(chart.profiles())
    rng.shuffle(everybody)
    people: list[dict[str, Any]] = []
    for mrn in everybody:  # until there are four, of whom one has an illness with a visit soon
        one = person(chart, mrn)
        if one is None or (len(people) == _PEOPLE - 1 and not any(_soon(each) for each in (*people, one))):
            continue
        people.append(dict(one))
        if len(people) == _PEOPLE:
            break
    if len(people) < _PEOPLE:
        return None
    drugs, tests, visits = (rng.sample(each, _PEOPLE) for each in (DRUGS, TESTS, VISITS))
    first = next((place for place, one in enumerate(people) if place and _soon(one)), 1)
    if visits[first] != "late":
        late = visits.index("late")
        visits[first], visits[late] = visits[late], visits[first]
    for place, one in enumerate(people):
        one["drugs"], one["test"], one["visit"] = drugs[place], tests[place], visits[place]
        one["signs"] = SIGNS[branch][place]
        one["to_doctor"], one["words"] = rng.random() < 0.5, rng.randrange(1000)
        one["day"] = _day(rng, one)
    rng.shuffle(people)
    return {"patients": ", ".join(each["mrn"] for each in people), "people": people}


def _soon(one: Mapping[str, Any]) -> bool:
    return int(one["most_days"]) < 30


def _day(rng: random.Random, one: Mapping[str, Any]) -> int:
    """Returns the day of the visit that is booked."""
    if one["visit"] == "late":
        return int(one["most_days"]) + rng.randrange(2, 8)
    return rng.randrange(3, int(one["least_days"]))
