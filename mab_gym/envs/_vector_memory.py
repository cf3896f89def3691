"""The memory of a vector environment between two steps: little for each episode, since there may be thousands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from gymnasium.utils import seeding

from mab_gym.episode import Observation

_T = TypeVar("_T")


class Streams:
    """The random stream of each environment: that of `gymnasium.Env.np_random`, in a tenth of its memory.

    Args:
        count: The number of environments.
    """

    def __init__(self, count: int) -> None:
        self._states: list[bytes | None] = [None] * count
        self._seeds: list[int] = [-1] * count
        self._generator, _ = seeding.np_random(0)
        self._lock = threading.Lock()

    def begin(self, place: int, seed: int | None = None) -> None:
        """Begins a stream anew, as ``reset(seed=...)`` does; with a random seed where there is none."""
        generator, self._seeds[place] = seeding.np_random(seed)
        self._states[place] = _packed(generator)

    def seed(self, place: int) -> int:
        """Returns the seed of a stream."""
        self._check_begun(place)
        return self._seeds[place]

    def generator(self, place: int) -> np.random.Generator:
        """Returns a generator in the state of a stream; drawing from it does not change the stream."""
        generator, _ = seeding.np_random(0)
        _unpack(self._check_begun(place), generator)
        return generator

    def draw(self, place: int, drawing: Callable[[np.random.Generator], _T]) -> _T:
        """Draws from a stream; a drawing that raises leaves it where it was."""
        with self._lock:
            _unpack(self._check_begun(place), self._generator)
            drawn = drawing(self._generator)
            self._states[place] = _packed(self._generator)
            return drawn

    def copy(self) -> Streams:
        """Returns a copy of the streams."""
        other = Streams(0)
        other._states, other._seeds = list(self._states), list(self._seeds)
        return other

    def _check_begun(self, place: int) -> bytes:
        state = self._states[place]
        if state is None:
            self.begin(place)
            state = self._states[place]
            assert state is not None
        return state


def _packed(generator: np.random.Generator) -> bytes:
    state: Any = generator.bit_generator.state
    inner = state["state"]
    return b"".join(
        number.to_bytes(size, "little")
        for number, size in ((inner["state"], 16), (inner["inc"], 16), (state["has_uint32"], 1), (state["uinteger"], 4))
    )


def _unpack(packed: bytes, generator: np.random.Generator) -> None:
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {
            "state": int.from_bytes(packed[:16], "little"),
            "inc": int.from_bytes(packed[16:32], "little"),
        },
        "has_uint32": packed[32],
        "uinteger": int.from_bytes(packed[33:], "little"),
    }


class LastSeen:
    """The last observation of each episode, and the batch of them.

    A text mostly ends with the response's body; then only its beginning is held.

    Args:
        count: The number of episodes.
        keep: True to hold observations from one batch to the next; otherwise an episode that did not move between two
            batches has empty texts and status 0 in the second.
    """

    def __init__(self, count: int, *, keep: bool) -> None:
        self._count = count
        self._keep = keep
        self._moved: dict[int, str] = {}
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._moved.clear()
        self._heads = [""] * self._count
        self._bodies = [""] * self._count
        self._continued = np.zeros(self._count, bool)
        self._statuses: npt.NDArray[np.int64] = np.zeros(self._count, np.int64)

    def see(self, place: int, observation: Observation) -> None:
        """Takes an episode's new observation."""
        self._moved[place] = observation["text"]
        self._bodies[place] = observation["fhir"]
        self._statuses[place] = observation["status"]

    def batch(self) -> dict[str, Any]:
        """Returns the observations of all episodes."""
        batch = {"text": tuple(self._texts()), "fhir": tuple(self._bodies), "status": self._statuses.copy()}
        if not self._keep:
            self.clear()
        for place, text in self._moved.items():
            body = self._bodies[place]
            continued = self._continued[place] = bool(body) and text.endswith(body)
            self._heads[place] = text[: -len(body)] if continued else text
        self._moved.clear()
        return batch

    def held(self) -> int:
        """Returns the number of characters that are held."""
        return sum(map(len, self._heads)) + sum(map(len, self._bodies))

    def _texts(self) -> Iterable[str]:
        moved = self._moved
        if len(moved) == self._count:
            return [moved[place] for place in range(self._count)]
        heads, bodies, continued = self._heads, self._bodies, self._continued.tolist()
        return [
            moved[place] if place in moved else heads[place] + bodies[place] if continued[place] else heads[place]
            for place in range(self._count)
        ]
