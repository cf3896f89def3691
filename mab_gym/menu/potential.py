"""A potential for training: how like the gold solution's orders the orders are that were stored so far."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mab_gym.actions import Post, parse_action
from mab_gym.episode import Episode
from mab_gym.tasking.solving import Desk, Reply
from mab_gym.wrappers.shaping import Situation

SHARPNESS = 4
"""An order that is right in nine of ten fields is worth 0.9 to this power."""
UNWANTED = 0.5
"""What an order too many takes away."""
_STEPS = 50
_GIVEN = frozenset({"id", "meta", "text", "display"})
"""What the record system adds, or nobody asks for."""


class OrdersAlike:
    """The mean likeness of each order that is due to the one stored for it, less `UNWANTED` for each order too many.

    Each field counts by itself. `mab_gym.wrappers.Progress` asks the judge, who looks at two orders that belong
    together when both are there, so that a learner who tries one hears nothing of it.

    A potential changes no optimal policy (see `mab_gym.wrappers.PotentialShaping`); what it knows of the gold solution
    is told in training alone, and by rewards alone.
    """

    def __init__(self) -> None:
        self._spare: Episode | None = None
        self._known: tuple[object, list[Fields]] | None = None

    def __call__(self, situation: Situation) -> float:
        """From -1 to 1."""
        begun = situation.episode.begun
        if self._known is None or self._known[0] != begun:
            self._known = (begun, self._due(situation))
        due = list(self._known[1])
        stored = [fields(dict(write.resource)) for write in situation.episode.session.writes if write.resource]
        unwanted = max(len(stored) - len(due), 0)
        likeness = 0.0
        for wanted in due:
            best = max(stored, key=lambda each: alike(wanted, each), default=None)
            if best is not None and alike(wanted, best):
                likeness += alike(wanted, best) ** SHARPNESS / len(due)
                stored.remove(best)
        return max(likeness - UNWANTED * unwanted, -1.0)

    def _due(self, situation: Situation) -> list[Fields]:
        """What the gold solution writes in this episode's case."""
        place = situation.workplace
        if self._spare is None:
            spare = place.new_episode()
            assert isinstance(spare, Episode)
            spare.max_steps = _STEPS
            self._spare = spare
        family, case, variants, chance = situation.episode.begun
        self._spare.reset(family, case, variants, chance)
        solution = family.solve(case, Desk(place.backend.base_url, place.backend.now))
        due: list[Fields] = []
        action = next(solution)
        while True:
            parsed = parse_action(action)
            if isinstance(parsed, Post):
                due.append(fields(json.loads(parsed.body)))
            step = self._spare.step(action)
            if self._spare.over:
                return due
            action = solution.send(Reply(step.observation["status"], step.observation["fhir"]))


Fields = frozenset[tuple[str, str]]
"""Each plain value of a resource, with the path to it."""


def fields(resource: Mapping[str, Any]) -> Fields:
    """The fields of a resource, without what the record system adds to it."""
    return frozenset(_fields(resource, ""))


def _fields(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name not in _GIVEN:
                yield from _fields(each, f"{path}.{name}")
    elif isinstance(value, list):
        for each in value:
            yield from _fields(each, path)
    else:
        yield path, str(float(value)) if isinstance(value, int | float) else str(value)


def alike(one: Fields, other: Fields) -> float:
    """The share of the fields of both that is common to them, from 0 to 1; 0 for other types of resource."""
    kinds = [{value for path, value in each if path == ".resourceType"} for each in (one, other)]
    return len(one & other) / len(one | other) if kinds[0] == kinds[1] else 0.0
