"""Several rewritings of one write at once: right ones go together, and nothing makes a wrong one right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mab_gym.fhir.model._definitions import elements
from tests.contract.rewritings.grammar import Change, Json

TOGETHER = 4
"""So many right changes are put together."""
MERGED = 40
"""So many rewritings of each kind are made of a write."""


def touched(gold: Json, new: Json) -> set[str]:
    """The top elements that a change touches; of a choice its name."""
    defined = elements(gold["resourceType"])
    names = {name for name in {*gold, *new} if gold.get(name) != new.get(name)}
    return {(defined[name].choice or name) if name in defined else name for name in names}


def merged(gold: Json, changes: Sequence[Change]) -> Iterator[Change]:
    """Right changes of different elements together, and each with a wrong one."""
    right = [change for change in changes if change.right is True and not change.unserved]
    wrong = [change for change in changes if change.right is False and not change.unserved]
    for number in range(MERGED):
        together = _apart(gold, _spread(right, number))
        if len(together) > 1:
            label = " + ".join(change.label for change in together)
            yield Change(label, _sum(gold, together), True, "; ".join(change.why for change in together))
        chosen = wrong[(number * 37) % len(wrong)]
        beside = _apart(gold, [chosen, *_spread(right, number)])[:2]
        if len(beside) > 1 and not _supplies(chosen):
            label = f"{chosen.label} + {beside[1].label}"
            yield Change(label, _sum(gold, beside), False, chosen.why)


def _supplies(change: Change) -> bool:
    return change.label.endswith(" gone")


def _spread(changes: Sequence[Change], number: int) -> list[Change]:
    """Changes far from each other in a list, others for each number."""
    return [changes[(number * 11 + each * 29 + number // 5) % len(changes)] for each in range(TOGETHER * 3)]


def _apart(gold: Json, changes: Sequence[Change]) -> list[Change]:
    """The changes that touch what none before them touches."""
    found: list[Change] = []
    known: set[str] = set()
    for change in changes:
        names = touched(gold, change.resource)
        if names and not names & known and len(found) < TOGETHER:
            found.append(change)
            known |= names
    return found


def _sum(gold: Json, changes: Sequence[Change]) -> Json:
    new = dict(gold)
    for change in changes:
        for name in {*gold, *change.resource}:
            if gold.get(name) != change.resource.get(name):
                if name in change.resource:
                    new[name] = change.resource[name]
                else:
                    new.pop(name, None)
    return new
