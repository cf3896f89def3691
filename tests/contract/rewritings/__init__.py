"""Rewritings of gold writes: the same in other forms, and others that look alike.

`rewritings` makes them from the elements of the resources, so that every family has them without any being written for
it. ``python -m tests.contract.rewritings [family]`` shows where the judge sees them otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.contract.rewritings import right, wrong, wrong_sets
from tests.contract.rewritings.grammar import Json, Person, Rewriting, Scene, same
from tests.contract.rewritings.meaning import Ask
from tests.contract.rewritings.merging import merged

__all__ = ["Person", "Rewriting", "Scene", "rewritings"]


def rewritings(
    writes: Sequence[Json], scene: Scene, strays: Sequence[Json] = (), *, once: bool = True
) -> list[Rewriting]:
    """Every rewriting of a case's gold writes; no two have the same label.

    Args:
        writes: The gold writes; of none the only rewritings are stray writes.
        scene: Where and when the case plays.
        strays: Writes that are due in other cases, made out for this case's patient.
        once: Leave out what has the same writes as another one.
    """
    made: list[Rewriting] = []
    labels: set[str] = set()
    seen = {repr(list(writes))}
    for each in _all(writes, scene, strays):
        content = repr(each.writes)
        if once and content in seen:
            continue
        seen.add(content)
        label, number = each.label, 2
        while label in labels:
            label, number = f"{each.label} ({number})", number + 1
        labels.add(label)
        made.append(replace(each, label=label))
    return made


def _all(writes: Sequence[Json], scene: Scene, strays: Sequence[Json]) -> Iterator[Rewriting]:
    yield from right.rewritings(writes)
    yield from wrong_sets.rewritings(writes, scene)
    yield from wrong_sets.with_strays(writes, strays)
    for place, resource in enumerate(writes):
        ask = Ask(resource, scene)
        changes = [*right.changes(ask), *wrong.changes(ask)]
        for change in (*changes, *merged(resource, changes)):
            new = [*writes[:place], change.resource, *writes[place + 1 :]]
            label = f"{resource['resourceType']} {change.label}"
            if not same(new, list(writes)):
                yield Rewriting(label, new, change.right, change.why, change.unserved)
