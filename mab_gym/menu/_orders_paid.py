"""A reward for training that pays each order as it is stored, by how like the gold solution's it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mab_gym.actions import Post, parse_action
from mab_gym.episode import Episode, Step, check_counts
from mab_gym.tasking.solving import Desk, Reply
from mab_gym.wrappers._rewarding import Rewarding, TextEnv, judged_env

SHARPNESS = 2
"""An order that is right in nine of ten fields is worth 0.9 to this power."""
UNWANTED = 0.2
"""What an order too many takes away."""
_STEPS = 50
_GIVEN = frozenset({"id", "meta", "text", "display"})
"""What the record system adds, and what may be put into other words."""


class OrdersPaid(Rewarding):
    """Pays, beside the verdict, by how much the stored orders have become more like those that are due.

    Over an episode that is the mean likeness of each order that is due to the one stored for it, less `UNWANTED` for
    each order too many; no course of choices earns more than the right one. Unlike a potential it is not taken back at
    the end: where all that a learner has ever done fails, a potential tells it nothing once it knows the values of
    states, and two orders and a dose out of sixteen would have to be guessed all at once.

    Each field counts by itself (`mab_gym.wrappers.PartialCredit` asks the judge, who looks at orders that belong
    together when all are there). What it knows of the gold solution is told in training alone, and by rewards alone.

    Args:
        env: An environment of this package, played by texts, on the embedded server.
    """

    def __init__(self, env: TextEnv) -> None:
        super().__init__(env)
        self._inner = judged_env(env, "OrdersPaid")
        self._spare: Episode | None = None
        self._due: list[Fields] = []
        self._before = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begins a new episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._due, self._before = self._gold(), 0.0
        return observation, info

    def pay(self, action: str | None, step: Step) -> float:
        """The reward, and what the stored orders have become worth more or less."""
        if step.terminated or step.truncated:  # what was written is gone by now; the last action is no order
            return step.reward
        before, self._before = self._before, self._worth()
        return step.reward + self._before - before

    def _worth(self) -> float:
        stored = [fields(dict(write.resource)) for write in self._inner.episode.session.writes if write.resource]
        worth = -UNWANTED * max(len(stored) - len(self._due), 0)
        for wanted in self._due:
            best = max(stored, key=lambda each: alike(wanted, each), default=None)
            if best is not None and alike(wanted, best):
                worth += alike(wanted, best) ** SHARPNESS / len(self._due)
                stored.remove(best)
        return worth

    def _gold(self) -> list[Fields]:
        """What the gold solution writes in this episode's case."""
        place, episode = self._inner.scenario, self._inner.episode
        if self._spare is None:
            self._spare = place.new_episode()
            self._spare.max_steps = _STEPS
        begun = episode.begun
        self._spare.reset(begun.family, begun.case, begun.variants, begun.seed)
        solution = begun.family.solve(begun.case, Desk(place.backend.base_url, place.backend.now))
        due: list[Fields] = []
        action = next(solution)
        while True:
            parsed = parse_action(action)
            if isinstance(parsed, Post):
                due.append(fields(json.loads(parsed.body)))
            step = self._spare.step(action)
            check_counts(step.info)
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
