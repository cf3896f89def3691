"""Plans of `scripts/fuzz`: a seed says which environment, how it is reset and what is sent."""

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
        seed: What the environment is reset with.
        variant: The variant of the case, or empty.
        actions: What is sent, until the episode ends.
    """

    seed: int
    variant: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The episodes that are played between two looks at the record system.

    Attributes:
        seed: What it is made from.
        world: The environment's name.
        lanes: One episode, or those of a vector environment, which are played alone afterwards, too.
    """

    seed: str
    world: str
    lanes: tuple[Lane, ...]


def make_plan(seed: str, world_of: Callable[[str], World], names: tuple[str, ...]) -> Plan:
    """The plan of a seed.

    Args:
        seed: Any text.
        world_of: Gives the world of a name.
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
