"""Spaces of texts. Gymnasium's own ``Text`` allows letters and digits only, and shared memory garbles it.

A batch of texts in a vector environment is a tuple; its space is one object, whatever the number of texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Any, NoReturn

import numpy as np
from gymnasium.spaces import Space
from gymnasium.vector.utils import batch_space, create_empty_array, create_shared_memory, iterate

from mab_gym.errors import UsageError

Sampler = Callable[[np.random.Generator], str]


def any_words(random: np.random.Generator) -> str:
    """Returns a random printable text."""
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
        """Returns a random text.

        Raises:
            ValueError: A mask or probabilities were given; texts have neither.
        """
        if mask is not None or probability is not None:
            raise ValueError("a space of texts can be sampled without mask and probability alone")
        return self.sampler(self.np_random)

    def contains(self, x: Any) -> bool:
        """Returns True if ``x`` is a text."""
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


class AnyTexts(Space[tuple[str, ...]]):
    """Tuples of texts, one for each environment of a vector environment.

    Args:
        count: The number of texts.
        sampler: Makes one text from a random generator.
        seed: For sampling.
    """

    def __init__(self, count: int, sampler: Sampler = any_words, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(shape=None, dtype=str, seed=seed)
        self.count = count
        self.sampler = sampler

    @property
    def is_np_flattenable(self) -> bool:
        """Texts have no fixed shape."""
        return False

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> tuple[str, ...]:
        """Returns random texts.

        Raises:
            ValueError: A mask or probabilities were given; texts have neither.
        """
        if mask is not None or probability is not None:
            raise ValueError("a space of texts can be sampled without mask and probability alone")
        return tuple(self.sampler(self.np_random) for _ in range(self.count))

    def contains(self, x: Any) -> bool:
        """Returns True if ``x`` is a sequence of as many texts."""
        return is_sequence(x) and len(x) == self.count and all(isinstance(text, str) for text in x)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyTexts) and self.count == other.count

    def __hash__(self) -> int:
        return hash((AnyTexts, self.count))

    def __repr__(self) -> str:
        return f"AnyTexts({self.count})"

    def to_jsonable(self, sample_n: Iterable[Sequence[str]]) -> list[list[str]]:
        """Texts are JSON as they are."""
        return [list(sample) for sample in sample_n]

    def from_jsonable(self, sample_n: list[Any]) -> list[tuple[str, ...]]:
        """The inverse of `to_jsonable`."""
        return [tuple(map(str, sample)) for sample in sample_n]


def is_sequence(value: Any) -> bool:
    """Returns True if a value is a list, a tuple or an array of one dimension."""
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim == 1)


# For Gymnasium's own vector environments.


@batch_space.register(AnyText)
def _batched(space: AnyText, n: int = 1) -> AnyTexts:
    return AnyTexts(n, space.sampler, deepcopy(space.np_random))


def _one_by_one(space: AnyTexts, items: Iterable[str]) -> Iterator[str]:
    return iter(items)


iterate.register(AnyTexts, _one_by_one)


@create_empty_array.register(AnyText)
def _empty(space: AnyText, n: int = 1, fn: Any = None) -> tuple[str, ...]:
    return ("",) * n


@create_shared_memory.register(AnyText)
def _not_shared(space: AnyText, n: int = 1, ctx: Any = None) -> NoReturn:
    raise UsageError(
        "texts of any length do not fit into shared memory: make the AsyncVectorEnv with shared_memory=False, as in "
        'gymnasium.make_vec(..., vectorization_mode="async", vector_kwargs={"shared_memory": False})'
    )
