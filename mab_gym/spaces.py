"""A space of texts. Gymnasium's own ``Text`` knows letters and digits alone, and shared memory garbles it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from gymnasium.spaces import Space

Sampler = Callable[[np.random.Generator], str]


def any_words(random: np.random.Generator) -> str:
    """Some printable text."""
    return "".join(chr(code) for code in random.integers(32, 127, size=int(random.integers(0, 40))))


class AnyText(Space[str]):
    """All texts, of any length and in any script; membership costs nothing.

    Args:
        sampler: Makes a sample from a random generator.
        seed: For sampling.
    """

    def __init__(self, sampler: Sampler = any_words, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(shape=None, dtype=str, seed=seed)
        self.sampler = sampler

    @property
    def is_np_flattenable(self) -> bool:
        """Texts have no fixed shape."""
        return False

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> str:
        """A text by chance.

        Raises:
            ValueError: A mask or probabilities were given; texts have neither.
        """
        if mask is not None or probability is not None:
            raise ValueError("a space of texts can be sampled without mask and probability alone")
        return self.sampler(self.np_random)

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a text."""
        return isinstance(x, str)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyText)

    def __hash__(self) -> int:
        return hash(AnyText)

    def __repr__(self) -> str:
        return "AnyText()"

    def to_jsonable(self, sample_n: Iterable[str]) -> list[str]:
        """Texts are JSON as they are."""
        return list(sample_n)

    def from_jsonable(self, sample_n: list[Any]) -> list[str]:
        """The inverse of `to_jsonable`."""
        return [str(sample) for sample in sample_n]
