"""The faults of an evaluation, by seed: one attempt after another, each with faults of its own."""

from __future__ import annotations

import random
from dataclasses import dataclass

ARGUMENTS = (
    ("--limit", "3", "--concurrency", "2"),
    ("--limit", "2", "--repeat", "2", "--seed", "7"),
    ("--limit", "3", "--form", "tools", "--concurrency", "3"),
)
"""The evaluations that are disturbed; each is also played undisturbed once."""
MOST_ATTEMPTS = 3
CLOCKS = ("back", "jumps", "")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the command.

    Attributes:
        endpoint: The probability that a request is disturbed.
        seed: The seed of the disturbed requests and their faults.
        room: Bytes that the records may still grow by until the disk is full, or None.
        torn: True if the process dies when the disk is full; otherwise it gets an error.
        sync: The number of the fsync at which something happens, or None.
        at_sync: ``kill`` before it, ``killed`` after it, ``fails`` in its place, ``stop`` for Ctrl-C.
        kill_after: Seconds after which the process is killed from outside, or None.
        clock: ``back`` for one that runs backwards, ``jumps`` for one that jumps, or empty.
        cut: The share of the record file that is left after the attempt, or None for all.
    """

    endpoint: float = 0.0
    seed: int = 0
    room: int | None = None
    torn: bool = False
    sync: int | None = None
    at_sync: str = ""
    kill_after: float | None = None
    clock: str = ""
    cut: float | None = None

    @property
    def kinds(self) -> list[str]:
        """Returns the disturbances in words."""
        told = {
            "endpoint": self.endpoint > 0,
            "full disk, torn": self.room is not None and self.torn,
            "full disk, told": self.room is not None and not self.torn,
            f"fsync {self.at_sync}": self.sync is not None,
            "kill -9": self.kill_after is not None,
            f"clock {self.clock}": bool(self.clock),
            "file cut": self.cut is not None,
        }
        return [kind for kind, happens in told.items() if happens]


@dataclass(frozen=True, slots=True)
class Story:
    """The events of one evaluation.

    Attributes:
        seed: The seed of the story.
        which: The index of the evaluation in `ARGUMENTS`.
        attempts: The attempts with faults; a last one without faults follows.
    """

    seed: int
    which: int
    attempts: tuple[Attempt, ...]


def make_story(seed: int) -> Story:
    """Makes the story of a seed."""
    rng = random.Random(f"faults {seed}")
    attempts = tuple(_attempt(rng) for _ in range(rng.randint(1, MOST_ATTEMPTS)))
    return Story(seed, rng.randrange(len(ARGUMENTS)), attempts)


def _attempt(rng: random.Random) -> Attempt:
    told: dict[str, object] = {"seed": rng.getrandbits(32)}
    if rng.random() < 0.6:
        told["endpoint"] = rng.choice((0.1, 0.3, 0.6, 1.0))
    if rng.random() < 0.2:
        told["clock"] = rng.choice(CLOCKS[:2])
    ending = rng.random()
    if ending < 0.3:
        told |= {"room": int(rng.choice((0, 1, 500)) + rng.random() ** 2 * 40_000), "torn": rng.random() < 0.5}
    elif ending < 0.65:
        told |= {"sync": rng.randint(1, 6), "at_sync": rng.choice(("kill", "killed", "fails", "stop"))}
    elif ending < 0.8:
        told["kill_after"] = rng.uniform(0.02, 1.0)
    if rng.random() < 0.25:
        told["cut"] = rng.choice((0.0, 1.0, rng.random(), rng.random()))
    return Attempt(**told)  # type: ignore[arg-type]


class Wrong:
    """Chooses the fault of each request to the endpoint.

    Args:
        share: The probability of a fault.
        seed: Equal seeds give equal faults.
    """

    KINDS = ("500", "502", "429", "garbage", "empty", "html", "cut", "slow", "hang")

    def __init__(self, share: float, seed: int) -> None:
        self._share = share
        self._rng = random.Random(seed)

    def next(self) -> str:
        """Returns the kind of the next request's fault, or empty."""
        weights = (4, 3, 4, 4, 4, 4, 4, 4, 1)
        wrong = self._rng.random() < self._share
        return self._rng.choices(self.KINDS, weights)[0] if wrong else ""
