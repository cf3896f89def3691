"""A training reward that pays each order when it is stored, by its similarity to the gold solution's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mab_gym.episode import Step
from mab_gym.wrappers._gold import GoldRuns
from mab_gym.wrappers._rewarding import Rewarding, TextEnv, judged_env

SHARPNESS = 2
"""The exponent of the similarity: an order with nine of ten fields right is worth 0.9 to this power."""
UNWANTED = 0.2
"""The penalty for each order too many."""
_GIVEN = frozenset({"id", "meta", "text", "display"})
"""Elements that the record system adds, or that may be worded differently."""


class OrdersPaid(Rewarding):
    """Adds to the verdict's reward the increase in similarity between the stored orders and the due ones.

    Over an episode this is the mean similarity of each due order to the one stored for it, less `UNWANTED` for each
    order too many. The right orders earn the most. Unlike a potential, the reward is not taken back at the end: a
    learner that never succeeds learns nothing from a potential once it knows the values of states, and would have to
    guess two orders and one of sixteen doses at once.

    Each field counts by itself; `mab_gym.wrappers.PartialCredit` pays by criteria instead. The gold solution
    is used in training only, and shows only in rewards.

    Args:
        env: An environment of this package with text actions, on the embedded server.
    """

    def __init__(self, env: TextEnv) -> None:
        super().__init__(env)
        self._inner = judged_env(env, "OrdersPaid")
        self._runs = GoldRuns(self._inner.scenario)
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
        """Returns the reward plus the change in the worth of the stored orders."""
        if step.terminated or step.truncated:  # the session is reset by now, and the last action is no order
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
        """Returns the fields of each order that the gold solution writes in this episode's case."""
        episode = self._inner.episode
        return [fields(json.loads(body)) for body in self._runs.of(episode).posts]


Fields = frozenset[tuple[str, str]]
"""The plain values of a resource, each with its path."""


def fields(resource: Mapping[str, Any]) -> Fields:
    """Returns the fields of a resource, without those that the record system adds."""
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
    """Returns the share of common fields among all fields of both, from 0 to 1; 0 for different resource types."""
    kinds = [{value for path, value in each if path == ".resourceType"} for each in (one, other)]
    return len(one & other) / len(one | other) if kinds[0] == kinds[1] else 0.0
