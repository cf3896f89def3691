"""Looks up what a search at the far end of a chain has found, by what references say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from mab_gym.fhir.store._table import Rows


class Numbered(Protocol):
    """Knows the hit numbers of resources."""

    def number(self, resource_type: str, logical_id: str) -> int | None:
        """The hit that a resource is, or None where there is no such resource."""

    def named(self, resource_type: str, hits: Rows) -> bytes:
        """A digest of hits in their order: the same for the same resources alone."""


class Targets(Mapping[str, int]):
    """The places at which resources were found, by type and id, as in ``Patient/S1``.

    No id is written down for it: half a million matches are kept as numbers, of which few are asked for.

    Args:
        view: Where they were found.
        found: The types, and the hits of each.
    """

    def __init__(self, view: Numbered, found: Sequence[tuple[str, Rows]]) -> None:
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
        raise NotImplementedError("what was found is not listed")

    def __len__(self) -> int:
        return sum(map(len, self._found.values()))

    @property
    def digest(self) -> str:
        """The same for the same resources in the same order alone."""
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
