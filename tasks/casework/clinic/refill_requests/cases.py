"""Cases: queues of four requests of four people, of which at least one can be renewed.

What speaks for or against each is the people's own: `candidates` looks for drugs that run out about now, and for what
the chart says of visits, results, notes and older prescriptions. Only the requests come in with the case.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from mab_gym.casework import flagged
from mab_gym.tasking.chart import Chart

from .candidates import candidates

BRANCHES: Final = {
    "bridge_never": 7,
    "result_list": 6,
    "notes_early": 6,
    "list_notes": 5,
    "bridge_notes": 6,
}
_KINDS: Final[Mapping[str, Sequence[str]]] = {
    "bridge_never": ("bridge", "never", "renew", "early"),
    "result_list": ("result", "list", "renew", "early"),
    "notes_early": ("notes", "early", "renew", "never"),
    "list_notes": ("list", "notes", "renew", "renew"),
    "bridge_notes": ("bridge", "notes", "renew", "never"),
}
"""The kinds of request of each branch, the rarest first."""
_INSTEAD: Final = ("list", "notes", "never", "early")
"""Kinds that take the place of one that nobody in a small hospital has."""
_MOST: Final = 2000
"""People among whom requests are looked for; in a larger hospital these are some of them."""


@flagged("trial", "interpreter", "confidential")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a queue."""
    by_kind = chart.remember("refills by kind", lambda: _by_kind(chart))
    taken: set[str] = set()
    queue: list[dict[str, Any]] = []
    for kind in _KINDS[branch]:
        kinds = (kind, *_INSTEAD)
        found = next(filter(None, ([e for e in by_kind.get(k, ()) if e["mrn"] not in taken] for k in kinds)), [])
        if not found:
            return None
        named = [each for each in found if each.get("kept")]  # drugs that the page names are rarer than those it lacks
        chosen = dict(rng.choice(named if named and rng.random() < 0.6 else found))
        taken.add(chosen["mrn"])
        queue.append(_asked(chosen, chart.now.date(), rng))
    rng.shuffle(queue)
    nurses = chart.remember("nurses of primary care", lambda: _nurses(chart))
    if not nurses:
        return None
    nurse, name = rng.choice(nurses)
    return {"nurse": nurse, "nurse_name": name, "queue": queue}


def _by_kind(chart: Chart) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Returns all requests that people of the hospital can make, by kind; each person is looked at once."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for mrn in chart.profiles()[:_MOST]:
        for each in candidates(chart, mrn):
            found.setdefault(each["kind"], []).append(each)
    return found


def _nurses(chart: Chart) -> list[tuple[str, str]]:
    return [
        (role["practitioner"]["reference"], role["practitioner"]["display"])
        for role in chart.search("PractitionerRole", _count="500")
        if role["code"][0].get("text") == "Nurse" and role["specialty"][0].get("text") == "Primary care"
    ]


def _asked(request: dict[str, Any], today: date, rng: random.Random) -> dict[str, Any]:
    """Adds what is asked for: how many days, how many further fills, and by when."""
    out = date.fromisoformat(request.pop("out"))
    size = request.pop("pack")
    early = request["kind"] == "early"
    needed = today + timedelta(days=rng.randint(1, 4)) if early else max(today, out - timedelta(days=rng.randint(0, 3)))
    fills = rng.choice((2, 3, 4)) if size >= 90 else rng.choice((4, 6, 9, 12))
    if request["kind"] == "renew":
        first, last = (date.fromisoformat(each) for each in request.pop("due"))
        room, most = (first - needed).days, (last - needed).days
        request["most"] = most + 1
        request["least"] = min(fills, (room - 6) // size) * size if room - 6 >= size else max(room - 6, 1)
    return {**request, "size": size, "fills": fills, "needed": needed.isoformat(), "sent": rng.randint(60, 3000)}
