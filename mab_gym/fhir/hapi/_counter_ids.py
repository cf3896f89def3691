"""Ids that a real server draws at random; here they come from a counter, so that equal requests give equal bytes."""

from __future__ import annotations

import hashlib
from itertools import count

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_LETTERS = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
"""The letter or digit for each byte."""


class CounterIds:
    """A source of ids that look random and are the same in every session.

    Args:
        first: The number of the first id; two sources with numbers far apart never give the same id.
    """

    __slots__ = ("_drawn",)

    def __init__(self, first: int = 1) -> None:
        self._drawn = count(first)  # safe to share: two threads never get the same number

    def uuid(self) -> str:
        """Returns an id in the form of a random UUID."""
        text = self._next().hex()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def text(self, length: int) -> str:
        """Returns an id of up to 16 letters and digits."""
        return self._next().translate(_LETTERS)[:length].decode("ascii")

    def _next(self) -> bytes:
        return hashlib.blake2b(next(self._drawn).to_bytes(8, "big"), digest_size=16, person=b"mab_gym").digest()
