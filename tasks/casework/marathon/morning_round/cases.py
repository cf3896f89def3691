"""Cases: five inpatients, each with one matter of the morning; potassium is one of them, by branch.

The matters and their shares are our choice. A person is given a matter that fits the chart: potassium is halved for
kidneys that are weak there, platelets fall from the count that stands there, and so on.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from mab_gym.casework import flagged
from mab_gym.dynamics.inpatients import inpatient
from mab_gym.tasking.chart import Chart

from .people import matters

BRANCHES = {"low": 6, "low_weak": 6, "mild_heart": 6, "mild": 6, "hemolyzed": 6}
WHO = "patients"
GROUPS: Mapping[str, Mapping[str, int]] = {
    "fall": {"fall_anticoagulant": 5, "fall_hit": 2, "fall": 4},
    "platelets": {"fallen": 5, "slightly": 4},
    "signs": {"news": 5, "one_sign": 4},
    "insulin": {"level_one": 5, "level_two": 5},
    "night": {"nsaid": 4, "doubled": 4, "fine": 4},
    "told": {"mistake": 5, "near_miss": 5},
}
"""By group, its matters with their weights; a case has four of the groups beside potassium."""
_PATIENTS = 5


@flagged("trial", "arm", "confidential")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws five people and their matters."""
    groups = rng.sample(sorted(GROUPS), _PATIENTS - 1)
    wanted = [branch]
    for group in groups:
        wanted += rng.choices(list(GROUPS[group]), list(GROUPS[group].values()))
    everybody = list(chart.profiles())
    rng.shuffle(everybody)
    found = _assign(chart, wanted, everybody)
    if found is None:
        return None
    patients = [_patient(chart, rng, kind, mrn) for kind, mrn in found.items()]
    rng.shuffle(patients)
    return {"patients": ", ".join(each["mrn"] for each in patients), "people": patients}


def _assign(chart: Chart, wanted: list[str], everybody: list[str]) -> dict[str, str] | None:
    """Returns a person for each matter: those for which the fewest people fit are given theirs first."""
    able = {kind: [mrn for mrn in everybody if kind in matters(chart, mrn)] for kind in wanted}
    found: dict[str, str] = {}
    for kind in sorted(wanted, key=lambda each: len(able[each])):
        mrn = next((each for each in able[kind] if each not in found.values()), None)
        if mrn is None:
            return None
        found[kind] = mrn
    return found


def _patient(chart: Chart, rng: random.Random, kind: str, mrn: str) -> dict[str, Any]:
    person = inpatient(chart, mrn)
    assert person is not None
    facts = matters(chart, mrn)[kind]
    return {
        "mrn": mrn,
        "encounter": person.encounter,
        "attending": person.attending,
        "nurse": person.nurse,
        "kind": kind,
        **facts,
        "value": _value(rng, kind, facts),
        "words": rng.randrange(1000),
    }


def _value(rng: random.Random, kind: str, facts: Mapping[str, Any]) -> float:
    """Returns the result on which a matter turns; 0 for matters without one."""
    match kind:
        case "low" | "low_weak":
            return round(rng.uniform(3.05, 3.4), 1)
        case "mild" | "mild_heart":
            return round(rng.uniform(3.5, 3.84), 1)
        case "hemolyzed":
            return round(rng.uniform(5.7, 6.9), 1)
        case "fallen":
            return float(round(facts["before"] * rng.uniform(0.42, 0.46)))
        case "slightly":
            return float(round(facts["before"] * rng.uniform(0.75, 0.88)))
        case "level_one":
            return float(rng.randrange(57, 68))
        case "level_two":
            return float(rng.randrange(44, 52))
    return 0.0
