"""Finds charts that are nearly the same among many, such as copies with other names, dates and some other values.

A chart is read as sequences: for each kind of result, its values in order of time. Each run of four values of a kind is
a shingle. So names, MRNs and shifted dates make no difference, and a changed value changes at most four shingles. Of
each chart's shingles the `SKETCH` ones with the smallest hashes are kept (Broder's bottom-k sketch). This is enough to
estimate the share of common shingles of two charts.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._table import InstantColumn, PoolColumn, Table

RUN: Final = 4
SKETCH: Final = 256
LEAST_SHINGLES: Final = 24
"""Charts with fewer shingles are too short to compare."""
ALIKE: Final = 0.2
"""From this estimated share on, two charts are nearly the same.

With a tenth of the values changed at random the share is about 0.49, with a third about 0.11; charts of different
people share less than 0.05.
"""
_COMMON: Final = 64
"""Shingles in more sketches of one side than this are too common to tell people apart."""
_LEAST_SHARED: Final = 6

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Alike:
    """Two charts that are nearly the same.

    Attributes:
        first: Id of the patient on one side.
        second: Id of the patient on the other.
        share: The estimated share of common shingles among all shingles of both, from 0 to 1.
    """

    first: str
    second: str
    share: float


def sketches(observations: Table | None) -> dict[str, Hashes]:
    """Returns the sketch of each patient's results: at most `SKETCH` hashes, rising.

    Args:
        observations: The Observation table; None gives no sketches. Results without code or value are skipped.
    """
    if observations is None:
        return {}
    columns = {column.name: column for column in observations.columns}
    subject, code = columns.get("subject"), columns.get("code")
    if not isinstance(subject, PoolColumn) or not isinstance(code, PoolColumn):
        return {}
    value = np.zeros(len(observations), dtype=np.uint64)
    for name in ("valueQuantity", "valueString", "valueCodeableConcept", "component"):
        column = columns.get(name)
        if isinstance(column, PoolColumn):
            value |= _hashed(column, _spoken)[column.codes]
    owners, ids = _owners(subject)
    person = owners[subject.codes]
    kind = _hashed(code, _spoken)[code.codes]
    taken = columns.get("effectiveDateTime")
    time = taken.seconds if isinstance(taken, InstantColumn) else np.arange(len(observations))
    rows = np.flatnonzero((person >= 0) & (kind > 0) & (value > 0))
    rows = rows[np.lexsort((time[rows], kind[rows], person[rows]))]
    person, kind, value = person[rows], kind[rows], value[rows]
    if len(rows) < RUN:
        return {}
    same = (person[RUN - 1 :] == person[: 1 - RUN]) & (kind[RUN - 1 :] == kind[: 1 - RUN])
    shingle = kind[RUN - 1 :].copy()
    for place in range(RUN):
        shingle = _mixed(shingle ^ value[place : len(value) - RUN + 1 + place])
    return _smallest(person[RUN - 1 :][same], shingle[same], ids)


def nearly_the_same(first: Mapping[str, Hashes], second: Mapping[str, Hashes]) -> Iterator[Alike]:
    """Yields the pairs of charts, one of each side, that share at least `ALIKE`; the most similar first."""
    left, right = list(first), list(second)
    shared: Counter[tuple[int, int]] = Counter()
    for mine, theirs in _meetings([first[name] for name in left], [second[name] for name in right]):
        shared.update((a, b) for a in mine for b in theirs)
    found = [
        Alike(left[a], right[b], share)
        for (a, b), count in shared.items()
        if count >= _LEAST_SHARED and (share := _share(first[left[a]], second[right[b]])) >= ALIKE
    ]
    yield from sorted(found, key=lambda pair: (-pair.share, pair.first, pair.second))


def _meetings(left: Sequence[Hashes], right: Sequence[Hashes]) -> Iterator[tuple[list[int], list[int]]]:
    """Yields for each hash of both sides the charts on the left and on the right that have it."""
    if not left or not right:
        return
    hashes_left, owners_left = _inverted(left)
    hashes_right, owners_right = _inverted(right)
    both = np.intersect1d(hashes_left, hashes_right)
    bounds = [
        np.searchsorted(hashes, both, side) for hashes in (hashes_left, hashes_right) for side in ("left", "right")
    ]
    for from_left, to_left, from_right, to_right in zip(*(bound.tolist() for bound in bounds), strict=True):
        if to_left - from_left <= _COMMON and to_right - from_right <= _COMMON:
            yield owners_left[from_left:to_left].tolist(), owners_right[from_right:to_right].tolist()


def _inverted(sketched: Sequence[Hashes]) -> tuple[Hashes, npt.NDArray[np.int64]]:
    hashes = np.concatenate(sketched)
    owners = np.repeat(np.arange(len(sketched)), [len(each) for each in sketched])
    order = np.argsort(hashes, kind="stable")
    return hashes[order], owners[order]


def _share(first: Hashes, second: Hashes) -> float:
    """Estimates the Jaccard index of two sets of shingles from the smallest hashes of both together."""
    together = np.union1d(first, second)[: min(SKETCH, max(len(first), len(second)))]
    common = np.isin(together, first, assume_unique=True) & np.isin(together, second, assume_unique=True)
    return float(common.mean())


def _smallest(person: npt.NDArray[np.int64], shingle: Hashes, ids: Sequence[str]) -> dict[str, Hashes]:
    order = np.lexsort((shingle, person))
    person, shingle = person[order], shingle[order]
    fresh = np.ones(len(person), dtype=np.bool_)
    fresh[1:] = (person[1:] != person[:-1]) | (shingle[1:] != shingle[:-1])
    person, shingle = person[fresh], shingle[fresh]
    who, begin = np.unique(person, return_index=True)
    ends = np.append(begin[1:], len(person))
    return {
        ids[number]: shingle[start : min(end, start + SKETCH)]
        for number, start, end in zip(who.tolist(), begin.tolist(), ends.tolist(), strict=True)
        if end - start >= LEAST_SHINGLES
    }


def _owners(subject: PoolColumn) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Returns for each code of the column the number of a patient (-1 for none), and the patients' ids by number."""
    numbers: dict[str, int] = {}
    owners = np.full(len(subject.texts) + 1, -1, dtype=np.int64)
    for code, text in enumerate(subject.texts, start=1):
        reference = json.loads(text)
        kind, _, logical_id = str(reference.get("reference", "")).rpartition("/")
        if logical_id and kind.endswith("Patient"):
            owners[code] = numbers.setdefault(logical_id, len(numbers))
    return owners, list(numbers)


def _hashed(column: PoolColumn, spoken: Any) -> Hashes:
    """Returns a hash of each code's text; 0 for an absent element."""
    hashes = np.zeros(len(column.texts) + 1, dtype=np.uint64)
    for code, text in enumerate(column.texts, start=1):
        digest = hashlib.blake2b(spoken(text).encode(), digest_size=8).digest()
        hashes[code] = max(1, int.from_bytes(digest, "little"))
    return hashes


def _spoken(text: str) -> str:
    """Normalizes an element's JSON: no white space, members in order."""
    return json.dumps(parse_element(text), sort_keys=True, separators=(",", ":"))


def _mixed(hashes: Hashes) -> Hashes:
    """Mixes each hash (the finalizer of SplitMix64; Steele et al., OOPSLA 2014)."""
    mixed = hashes + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: Hashes = mixed ^ (mixed >> np.uint64(31))
    return result
