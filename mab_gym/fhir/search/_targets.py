"""Looks up the results of a search at the far end of a chain by the texts of references."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mab_gym.fhir.search._resources import Resources
from mab_gym.fhir.store._table import Rows


class Targets(Mapping[str, int]):
    """The places of found resources in the order of their search, by type and id, as in ``Patient/S1``.

    It holds no ids: half a million matches are kept as numbers, and few of them are looked up.

    Args:
        view: The resources in which they were found.
        found: The types, and the hits of each.
    """

    def __init__(self, view: Resources, found: Sequence[tuple[str, Rows]]) -> None:
        self._view = view
        self._found = dict(found)
        self._places: dict[str, Rows] = {}

    def __getitem__(self, name: str) -> int:
        kind, _, logical_id = name.partition("/")
        if kind in self._found:
            number = self._view.number(kind, logical_id)
            places = self._places_of(kind)
            if number is not None and number < len(places) and places[number] >= 0:
                return int(places[number])
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError("the found resources are not listed by id")

    def __len__(self) -> int:
        return sum(map(len, self._found.values()))

    @property
    def digest(self) -> str:
        """A digest that differs for different resources or another order."""
        parts = [kind.encode() + self._view.named(kind, hits) for kind, hits in self._found.items()]
        return hashlib.blake2b(b"\n".join(parts), digest_size=16).hexdigest()

    def _places_of(self, kind: str) -> Rows:
        places = self._places.get(kind)
        if places is None:
            hits = self._found[kind]
            before = sum(len(self._found[other]) for other in list(self._found)[: list(self._found).index(kind)])
            places = np.full(int(hits.max(initial=-1)) + 1, -1, dtype=np.intp)
            places[hits] = np.arange(before, before + len(hits))
            self._places[kind] = places
        return places
