"""Estimates the number of different cases that an environment with drawn cases has.

Two cases are different if their parameters are, such as the patient. Cases that rarely come twice cannot be learnt by
heart.
"""

from __future__ import annotations

import random

from mab_gym.tasking._family import Family
from mab_gym.tasking.chart import Chart

ENOUGH = 10_000
"""Counting ends at so many cases if the environment does not say how many there must be."""
PEOPLE = 500
"""The size of the sample of people; if a share p of them has a case, p times all people have one."""
_ROUND = 1000
_LEAST_NEW = 20
"""Drawing ends with the first round that finds fewer new cases."""


def count_distinct(family: Family, chart: Chart, wanted: int, seed: int = 0) -> int:
    """Estimates the number of different cases of a family, from below.

    Args:
        family: The family.
        chart: The chart to draw from.
        wanted: Counting ends at so many cases.
        seed: The seed of the sample and of the draws.
    """
    rng = random.Random(f"{family.name}/{seed}")
    found = _people(family, chart, rng)
    return found if found >= wanted else max(found, _drawn(family, chart, rng, wanted))


def _people(family: Family, chart: Chart, rng: random.Random) -> int:
    """Estimates the number of people who have a case; 0 if cases are not drawn from people with charts."""
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
    """Counts the different cases among draws, until a round finds few new ones."""
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
