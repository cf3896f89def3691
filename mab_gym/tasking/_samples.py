"""Samples of the same few observables, kept as numbers in two arrays."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Final

__all__ = ["Samples"]

_ABSENT: Final = -1


class Samples(MutableMapping[int, Mapping[str, float]]):
    """Values of observables by minute, in order of time.

    A stay of three days has some three hundred samples of five values: in a dict for each they take 100 KB, here 15 KB.
    All samples need not have the same observables.
    """

    __slots__ = ("_minutes", "_names", "_places", "_sets", "_values")

    def __init__(self) -> None:
        self._minutes = array("l")
        self._places = array("l")
        """Of each minute the place of its first value."""
        self._sets = array("b")
        """Of each minute the place of its names."""
        self._names: list[tuple[str, ...]] = []
        self._values = array("d")

    def __getitem__(self, minute: int) -> Mapping[str, float]:
        place = self._find(minute)
        if place == _ABSENT:
            raise KeyError(minute)
        names, first = self._names[self._sets[place]], self._places[place]
        return dict(zip(names, self._values[first : first + len(names)], strict=True))

    def __setitem__(self, minute: int, values: Mapping[str, float]) -> None:
        """Adds a sample, or takes the place of the one of that minute.

        Raises:
            ValueError: It is earlier than the last one, and new.
        """
        names = tuple(values)
        if names not in self._names:
            self._names.append(names)
        place = self._find(minute)
        if place == _ABSENT:
            if self._minutes and minute < self._minutes[-1]:
                raise ValueError(f"minute {minute} is before the last one, {self._minutes[-1]}")
            self._minutes.append(minute)
            self._places.append(0)
            self._sets.append(0)
        self._places[place] = len(self._values)
        self._sets[place] = self._names.index(names)
        self._values.extend(values.values())

    def __delitem__(self, minute: int) -> None:
        place = self._find(minute)
        if place == _ABSENT:
            raise KeyError(minute)
        for each in (self._minutes, self._places, self._sets):
            del each[place]

    def __iter__(self) -> Iterator[int]:
        return iter(self._minutes)

    def __len__(self) -> int:
        return len(self._minutes)

    def series(self, name: str) -> Iterator[tuple[int, float]]:
        """Yields minute and value of an observable."""
        offsets = [names.index(name) if name in names else _ABSENT for names in self._names]
        for minute, place, names in zip(self._minutes, self._places, self._sets, strict=True):
            if (offset := offsets[names]) != _ABSENT:
                yield minute, self._values[place + offset]

    def _find(self, minute: int) -> int:
        if self._minutes and minute > self._minutes[-1]:
            return _ABSENT
        place = bisect_left(self._minutes, minute)
        return place if place < len(self._minutes) and self._minutes[place] == minute else _ABSENT
