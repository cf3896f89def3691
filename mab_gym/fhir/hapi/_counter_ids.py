"""What a real server draws by chance, drawn here from a counter: equal requests give equal bytes."""

from __future__ import annotations

import hashlib
from itertools import count

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class CounterIds:
    """A source of ids that look random and begin anew with every session.

    Args:
        first: Which draw is the first; far apart, two sources never draw the same.
    """

    __slots__ = ("_drawn",)

    def __init__(self, first: int = 1) -> None:
        self._drawn = count(first)  # threads that read beside one another draw different ones

    def uuid(self) -> str:
        """An id in the form of a random UUID."""
        text = self._next().hex()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def text(self, length: int) -> str:
        """Up to 16 letters and digits."""
        return "".join(_ALPHABET[byte % 62] for byte in self._next())[:length]

    def _next(self) -> bytes:
        return hashlib.blake2b(next(self._drawn).to_bytes(8, "big"), digest_size=16, person=b"mab_gym").digest()
