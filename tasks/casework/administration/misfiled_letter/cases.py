"""Cases: a letter from elsewhere on the chart of somebody with the same family name.

Both people are chosen: those whose family name somebody else here has, too. What the letter lists of their medicines
is of their charts, and the person on whose chart it lies does not take what it asks for.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from mab_gym.casework import flagged
from mab_gym.dynamics.staff import clinicians
from mab_gym.tasking.chart import Chart

from .stories import STORIES

BRANCHES = {"reached": 8, "caught": 8, "nobody": 7, "theirs": 7}
_SENDERS = ("Practice", "Medicine", "Cardiology", "Regional Hospital", "Community Hospital", "University Hospital")
_LISTED = ("aspirin", "omeprazole", "vitamin D", "famotidine", "cetirizine", "folic acid")
"""Drugs that letters about strangers list."""


@flagged("confidential", "complex")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws the person on whose chart the letter lies, and whose it is."""
    people = _namesakes(chart)
    if not people:
        return None
    start = rng.randrange(len(people))
    for place in range(len(people)):
        mrn, others = people[(start + place) % len(people)]
        story = rng.choice(sorted(STORIES))
        author = _author(chart, mrn)
        if author is None or _takes(chart, mrn, story) or not _orders(chart, mrn):
            continue
        other = rng.choice(others)
        if branch in ("reached", "caught") and (_takes(chart, other, story) or not _drugs(chart, other)):
            continue
        if branch == "theirs" and not _drugs(chart, mrn):
            continue
        return _params(chart, rng, branch, mrn, other, story, author)
    return None


def _params(
    chart: Chart, rng: random.Random, branch: str, mrn: str, other: str, story: str, author: str
) -> dict[str, Any]:
    about = STORIES[story]
    whose = {"nobody": "", "theirs": mrn}.get(branch, other)
    named = chart.patient(whose or other) or {}
    born = date.fromisoformat(named["birthDate"])
    if branch == "nobody":
        born += timedelta(days=rng.choice((-1, 1)) * rng.randrange(500, 2400))
        while any(_born(chart, one) == born for one in [mrn, *_family(chart, mrn)]):
            born += timedelta(days=9)
    senders = [each for each in _organizations(chart) if any(word in each[1] for word in _SENDERS)]
    address, sender = rng.choice(senders)
    drugs = list(_drugs(chart, whose)) if whose else rng.sample(_LISTED, 3)
    value = None if about.values is None else round(rng.uniform(*about.values), about.places)
    return {
        "mrn": mrn,
        "whose": whose,
        "nurse": rng.choice(clinicians(chart, "Primary", "Nurse")),
        "author": author,
        "doctor": (chart.patient(whose) or {})["generalPractitioner"][0]["reference"] if whose else "",
        "story": story,
        "value": value,
        "sender": sender,
        "sender_address": address,
        "initial": str(named["name"][0]["given"][0])[0],
        "family": str(named["name"][0]["family"]),
        "born": born.isoformat(),
        "drugs": drugs[:4],
        "style": rng.randrange(4),
        "days": rng.randrange(4, 9),
        "reached": branch == "reached",
        "stopped": rng.choice(_orders(chart, mrn)),
    }


def _namesakes(chart: Chart) -> Sequence[tuple[str, tuple[str, ...]]]:
    """Returns living adults with the others of the same family name."""

    def look() -> tuple[tuple[str, tuple[str, ...]], ...]:
        by_name: dict[str, list[str]] = {}
        for mrn, patient in chart.patients().items():
            if not patient.get("deceasedDateTime") and patient["birthDate"] < f"{chart.now.year - 19}":
                by_name.setdefault(str(patient["name"][0]["family"]).casefold(), []).append(mrn)
        pairs = (
            (mrn, tuple(one for one in group if one != mrn and _differ(chart, one, mrn)))
            for group in by_name.values()
            for mrn in group
        )
        return tuple((mrn, others) for mrn, others in pairs if others)

    return chart.remember("misfiled letter: namesakes", look)


def _differ(chart: Chart, one: str, other: str) -> bool:
    """Tells if two people of a name can be told apart by their birth dates."""
    return _born(chart, one) != _born(chart, other)


def _family(chart: Chart, mrn: str) -> Sequence[str]:
    return next((others for one, others in _namesakes(chart) if one == mrn), ())


def _born(chart: Chart, mrn: str) -> date:
    return date.fromisoformat((chart.patient(mrn) or {})["birthDate"])


def _author(chart: Chart, mrn: str) -> str | None:
    """Returns a person's own physician; None for those who lie in the hospital, where others order."""

    def look() -> str | None:
        stays = chart.search("Encounter", patient=mrn, status="in-progress", _count="1")
        patient = chart.patient(mrn) or {}
        doctors = patient.get("generalPractitioner", ())
        return None if next(stays, None) is not None or not doctors else str(doctors[0]["reference"])

    return chart.remember(("misfiled letter: physician", mrn), look)


def _orders(chart: Chart, mrn: str) -> Sequence[str]:
    """Returns the references of what a person takes at home."""

    def look() -> tuple[str, ...]:
        orders = chart.search("MedicationRequest", patient=mrn, status="active", _count="100")
        return tuple(f"MedicationRequest/{each['id']}" for each in orders if "outpatient" in str(each.get("category")))

    return chart.remember(("misfiled letter: orders", mrn), look)


def _drugs(chart: Chart, mrn: str) -> Sequence[str]:
    """Returns the first words of what a person takes at home."""

    def look() -> tuple[str, ...]:
        orders = chart.search("MedicationRequest", patient=mrn, status="active", _count="100")
        home = (each for each in orders if "outpatient" in str(each.get("category")))
        names = (str(each["medicationCodeableConcept"]["text"]) for each in home)
        return tuple(dict.fromkeys(name.split()[0].lower() for name in names))

    return chart.remember(("misfiled letter: drugs", mrn), look)


def _takes(chart: Chart, mrn: str, story: str) -> bool:
    """Tells if a person takes already what a letter asks for, or has what it tells."""
    about = STORIES[story]
    if about.drug[1].split()[0].lower() in _drugs(chart, mrn):
        return True

    def look() -> str:
        found = [
            *chart.search("Condition", patient=mrn, _count="500"),
            *chart.search("AllergyIntolerance", patient=mrn),
        ]
        return str([each.get("code") for each in found]).lower()

    return about.first[3].lower() in chart.remember(("misfiled letter: known", mrn), look)


def _organizations(chart: Chart) -> Sequence[tuple[str, str]]:
    def look() -> tuple[tuple[str, str], ...]:
        found = chart.search("Organization", _count="200")
        return tuple((f"Organization/{each['id']}", str(each["name"])) for each in found)

    return chart.remember("misfiled letter: organizations", look)
