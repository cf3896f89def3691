"""Bodies compressed by gzip: requests are unpacked piece by piece within the limits, answers are packed where asked."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping

from mab_gym.fhir.model._outcome import FhirError

_PIECE = 64 * 1024
_WITH_GZIP_HEADER = 31
_HEADER = 10
_LEVEL = 1
"""The quickest level: it makes FHIR's JSON a tenth, and the best one makes it hardly less."""
_SAID = {
    "incorrect header check": "Not in GZIP format",
    "unknown compression method": "Unsupported compression method",
    "incorrect data check": "Corrupt GZIP trailer",
    "incorrect length check": "Corrupt GZIP trailer",
}
"""Java's words for zlib's faults."""


def is_packed(headers: Mapping[str, str]) -> bool:
    """True if a request's body is compressed by gzip; like HAPI, this server knows no other coding."""
    return headers.get("content-encoding", "").strip() == "gzip"


class Unpacker:
    """Unpacks a body as it comes."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_WITH_GZIP_HEADER)
        self._size = 0
        self._whole = False  # True once a part is complete; like Java, this ignores what may follow it

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yields what some more bytes unpack to, in pieces of bounded size.

        Raises:
            FhirError: 400 if they are not compressed by gzip.
        """
        self._size += len(data)
        try:
            while data:
                if self._stream.eof:
                    self._whole = True
                    if data[:1] != b"\x1f":
                        return
                    self._stream = zlib.decompressobj(_WITH_GZIP_HEADER)
                piece = self._stream.decompress(data, _PIECE)
                data = self._stream.unconsumed_tail or self._stream.unused_data
                if piece:
                    yield piece
        except zlib.error as error:
            words = str(error).rpartition(": ")[2]
            raise _unreadable(_SAID.get(words, words)) from None

    def end(self) -> None:
        """Checks that the body is complete.

        Raises:
            FhirError: 400 if it is not.
        """
        if self._size and not self._stream.eof and not self._whole:
            raise _unreadable("null" if self._size < _HEADER else "Unexpected end of ZLIB input stream")


def _unreadable(reason: str) -> FhirError:
    return FhirError(400, f"HAPI-0308: Could not load request resource: {reason}")


def wants_packed(headers: Mapping[str, str]) -> bool:
    """True if a client accepts gzip; like HAPI, this server understands no qualities here."""
    accepted = headers.get("accept-encoding", "")
    return "gzip" in accepted and "gzip" in map(str.strip, accepted.split(","))


def packed(body: bytes) -> bytes:
    """Returns a body compressed by gzip; equal bodies give equal bytes."""
    return gzip.compress(body, _LEVEL, mtime=0)
