"""The parts of an id or of a reference, cut the way HAPI's ``IdType`` cuts them."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

Key = tuple[str, str]
"""A resource type and a logical id."""
_HISTORY = "/_history/"
_LONGEST_REMEMBERED = 200


class ReferenceId(NamedTuple):
    """The parts of ``Reference.reference`` or ``Resource.id`` (https://hl7.org/fhir/R4/references.html#literal).

    Attributes:
        text: As it was written.
        base: The server's base URL, empty for relative references.
        resource_type: As in ``Patient``; empty if none is named. It may be no type at all.
        logical_id: The id itself, with a ``#`` or ``urn:`` at its beginning.
        version: The text behind ``/_history/``.
    """

    text: str
    base: str = ""
    resource_type: str = ""
    logical_id: str = ""
    version: str = ""

    @property
    def is_local(self) -> bool:
        """True if it points to a contained resource."""
        return self.logical_id.startswith("#")

    def without_version(self) -> str:
        """Returns the reference as HAPI stores and prints it, without its version."""
        if not self.logical_id.strip() or self.is_local or self.logical_id.startswith("urn:"):
            return self.text
        base = self.base if not self.base or self.base.endswith("/") else self.base + "/"
        return base + "/".join(part for part in (self.resource_type, self.logical_id) if part)


def parse_id(text: str) -> ReferenceId:
    """Cuts an id or a reference into its parts; short ones, which come again and again, are remembered.

    Args:
        text: As in ``Patient/1``, ``http://example.org/fhir/Patient/1/_history/2``, ``#contained`` or ``1``.
    """
    return _remembered_id(text) if len(text) <= _LONGEST_REMEMBERED else _parse_id(text)


def _parse_id(text: str) -> ReferenceId:
    if not text.strip():
        return ReferenceId("")
    if (text[0] == "#" and len(text) > 1) or text.startswith("urn:"):
        return ReferenceId(text, logical_id=text)
    path, _, version = text.partition(_HISTORY)
    slash = path.rfind("/")
    logical_id = path[slash + 1 :]
    if slash <= 0:
        return ReferenceId(text, logical_id=logical_id, version=version)
    before = path.rfind("/", 0, slash)
    if before == -1:
        return ReferenceId(text, resource_type=path[:slash], logical_id=logical_id, version=version)
    if before > 0 and path[before - 1] == "/":
        before = path.find("/", before + 1)
    if before >= slash:
        # as in http://example.org/foo, which has no room for both a type and an id
        resource_type, logical_id = logical_id, ""
    else:
        resource_type = path[before + 1 : slash]
    base = path[:before] if before > 4 else ""
    return ReferenceId(text, base, resource_type, logical_id, version)


_remembered_id = lru_cache(maxsize=4096)(_parse_id)
