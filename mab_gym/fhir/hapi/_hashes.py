"""The hashes that decide orders in HAPI: those of its search indexes, and those of Java's hash sets.

HAPI finds several codes in the order of their index hashes. Source: ``SearchParamHash`` of HAPI FHIR 7.6, which is
Guava's ``murmur3_128(0)`` over the URL-escaped parts, each followed by a bar; the first eight bytes, little-endian, as
a signed number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

from mab_gym.fhir.model._url import encode

Item = TypeVar("Item")

_MASK = (1 << 64) - 1
_C1, _C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F


@lru_cache(maxsize=4096)
def index_hash(*parts: str) -> int:
    """Returns the hash of a resource type, a search parameter's name and an indexed value.

    Args:
        parts: As in ``("Observation", "code", "K")`` or, with a system, ``("Observation", "code", system, "K")``.
    """
    value = _murmur3_128("".join(encode(part) + "|" for part in parts).encode())
    return value - (1 << 64) if value >> 63 else value


@lru_cache(maxsize=4096)
def string_hash(text: str) -> int:
    """Returns Java's ``String.hashCode``, without a sign."""
    value = 0
    for character in text:
        value = 31 * value + ord(character) & 0xFFFFFFFF
    return value


def _murmur3_128(data: bytes) -> int:
    """Returns the first 64 bits of MurmurHash3 x64 128 with seed 0 (Austin Appleby, public domain)."""
    h1 = h2 = 0
    body = len(data) & ~15
    for start in range(0, body, 16):
        h1 ^= _mix1(int.from_bytes(data[start : start + 8], "little"))
        h1 = (_rotate(h1, 27) + h2) * 5 + 0x52DCE729 & _MASK
        h2 ^= _mix2(int.from_bytes(data[start + 8 : start + 16], "little"))
        h2 = (_rotate(h2, 31) + h1) * 5 + 0x38495AB5 & _MASK
    tail = data[body:]
    h2 ^= _mix2(int.from_bytes(tail[8:], "little"))
    h1 ^= _mix1(int.from_bytes(tail[:8], "little"))
    h1 ^= len(data)
    h2 ^= len(data)
    h1 = h1 + h2 & _MASK
    h2 = h2 + h1 & _MASK
    return _finish(h1) + _finish(h2) & _MASK


def _rotate(value: int, by: int) -> int:
    return (value << by | value >> 64 - by) & _MASK


def _mix1(block: int) -> int:
    return _rotate(block * _C1 & _MASK, 31) * _C2 & _MASK


def _mix2(block: int) -> int:
    return _rotate(block * _C2 & _MASK, 33) * _C1 & _MASK


def _finish(value: int) -> int:
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & _MASK
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & _MASK
    return value ^ value >> 33


def java_set_order(items: Iterable[Item], hash_code: Callable[[Item], int]) -> list[Item]:
    """Returns distinct items in the order of a ``java.util.HashSet``: by bucket, then in the order of adding.

    Args:
        items: The items in the order in which they are added to the set.
        hash_code: Gives an item's ``hashCode()``; only the lower 32 bits count.
    """
    distinct = list(dict.fromkeys(items))
    buckets = 16
    while len(distinct) > buckets * 3 // 4:
        buckets *= 2

    def bucket(item: Item) -> int:
        code = hash_code(item) & 0xFFFFFFFF
        return (code ^ code >> 16) & (buckets - 1)

    return sorted(distinct, key=bucket)


def parameter_order(names: Sequence[str]) -> list[str]:
    """Returns the names of a request's parameters in the order of HAPI's map, which the last one enters first."""
    return java_set_order(reversed(names), string_hash)
