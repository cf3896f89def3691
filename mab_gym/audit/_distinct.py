"""The number of different cases that an environment with fresh ones at every reset can draw.

Two cases are different where their parameters are: what is asked, and about whom. Nobody can learn by heart what seldom
comes twice.
"""

from __future__ import annotations

import random

from mab_gym.tasking._family import Family
from mab_gym.tasking.chart import Chart

ENOUGH = 10_000
"""Counting ends with so many, where nobody says how many there must be."""
PEOPLE = 500
"""So many people are looked at, or all: with a share p of them there are cases of p times the people."""
_ROUND = 1000
_LEAST_NEW = 20
"""Drawing ends with the first round of a thousand draws that brings fewer new cases."""


def count_distinct(family: Family, chart: Chart, wanted: int, seed: int = 0) -> int:
    """Estimates the number of different cases of a family, from below.

    Args:
        family: The family.
        chart: Where its cases are drawn from.
        wanted: Counting ends where there are as many.
        seed: Chance of the people who are looked at and of the draws.
    """
    rng = random.Random(f"{family.name}/{seed}")
    found = _people(family, chart, rng)
    return found if found >= wanted else max(found, _drawn(family, chart, rng, wanted))


def _people(family: Family, chart: Chart, rng: random.Random) -> int:
    """The number of people of whom there is a case; 0 where cases are not drawn from those who have charts."""
    everybody = list(chart.patients())
    looked_at = rng.sample(everybody, min(PEOPLE, len(everybody)))
    fitting = 0
    for mrn in looked_at:
        if not chart.has_results(mrn):
            continue
        part = chart.part((mrn,))
        fits = any(family.draw(part, rng, branch) is not None for branch in family.branches)
        if not part.was_asked:
            return 0
        fitting += fits
    return fitting * len(everybody) // max(1, len(looked_at))


def _drawn(family: Family, chart: Chart, rng: random.Random, wanted: int) -> int:
    """The number of different cases among as many as it is worth to draw."""
    wheel = [branch for branch, share in family.branches.items() for _ in range(share)]
    seen: set[str] = set()
    while len(seen) < wanted:
        before = len(seen)
        for _ in range(_ROUND):
            params = family.draw_branch(chart, rng, rng.choice(wheel))
            seen.add(repr(sorted(params.items())))
        if len(seen) - before < _LEAST_NEW:
            break
    return len(seen)
