"""Right rewritings: they mean the same in other forms of FHIR, or add what changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.contract.rewritings import right_elements, right_forms, right_times
from tests.contract.rewritings.grammar import Change, Json, Rewriting
from tests.contract.rewritings.meaning import Ask


def changes(ask: Ask) -> Iterator[Change]:
    """One write in every other form that means the same."""
    for module in (right_forms, right_times, right_elements):
        yield from module.changes(ask)


def rewritings(writes: Sequence[Json]) -> Iterator[Rewriting]:
    """The same set of writes in another order."""
    if len(writes) > 1:
        yield Rewriting("in another order", list(reversed(writes)), True, "their order means nothing")
