"""Plans of `scripts/fuzz`: a seed decides the environment, its resets and the messages."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from _fuzz_worlds import LANES, World
from _grammar_actions import Action

SHARES = {"canonical": 5, "train": 5, "beyond": 2, "official": 2}
VARIANTS = ("", "", "", "distractors", "by_name+distractors", "lookup")
VECTORS = 0.15


@dataclass(frozen=True, slots=True)
class Lane:
    """One episode.

    Attributes:
        seed: The seed of the reset.
        variant: The variant of the case, or empty.
        actions: The actions, until the episode ends.
    """

    seed: int
    variant: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The episodes that are played between two checks of the record system.

    Attributes:
        seed: Its seed.
        world: The environment's name.
        lanes: One episode, or those of a vector environment, each of which is also played alone.
    """

    seed: str
    world: str
    lanes: tuple[Lane, ...]


def make_plan(seed: str, world_of: Callable[[str], World], names: tuple[str, ...]) -> Plan:
    """Makes the plan of a seed.

    Args:
        seed: Any text.
        world_of: Returns the world of a name.
        names: The worlds to choose from.
    """
    rng = random.Random(f"plan {seed}")
    name = rng.choices(names, [SHARES[each] for each in names])[0]
    grammar = world_of(name).grammar
    lanes = []
    for place in range(LANES if rng.random() < VECTORS else 1):
        grammar.seeded(f"{seed}/{place}")
        actions = tuple(grammar.action() for _ in range(rng.choice((1, 3, 6, 10, 14))))
        variant = "" if name == "official" else rng.choice(VARIANTS)
        lanes.append(Lane(rng.randrange(1 << 30), variant, actions))
    return Plan(seed, name, tuple(lanes))
