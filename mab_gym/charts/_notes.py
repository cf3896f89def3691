"""Notes: the texts of DocumentReferences, decoded."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any

from mab_gym.charts._elements import named, seconds_of
from mab_gym.charts._references import Names
from mab_gym.charts._series import dicts
from mab_gym.charts._stays import Rows


@dataclass(frozen=True, slots=True)
class Note:
    """A text in the record.

    Attributes:
        time: When it was written, in seconds since 1970; None if it does not say.
        kind: Its kind, as in ``Progress note``.
        title: Its title; empty where it is the kind.
        author: Who wrote it; empty if it does not say.
        status: Its state, where it is not current or not final: ``superseded``, ``preliminary``, ``entered-in-error``.
        text: The whole text; a remark in brackets where it is no text.
        address: Its address, as in ``DocumentReference/12``.
        replaces: The address of the note that it corrects; empty if there is none.
    """

    time: int | None
    kind: str
    title: str
    author: str
    status: str
    text: str
    address: str
    replaces: str = ""

    @property
    def old(self) -> bool:
        """True if another note took its place, or if it was entered in error."""
        return any(each in self.status for each in ("superseded", "entered-in-error"))


def read_notes(rows: Rows | None, names: Names) -> list[Note]:
    """Returns a patient's notes, the latest first."""
    if rows is None:
        return []
    notes = [_note(resource, names) for resource in rows.between(-(1 << 62), 1 << 62)]
    return sorted(notes, key=lambda note: -(note.time if note.time is not None else -(1 << 62)))


def _note(resource: Mapping[str, Any], names: Names) -> Note:
    content = dicts(resource.get("content"))
    attachment: Mapping[str, Any] = next(
        (each["attachment"] for each in content if isinstance(each.get("attachment"), dict)), {}
    )
    kind = named(resource.get("type")) or named(resource.get("category")) or "(not coded)"
    title = str(resource.get("description") or attachment.get("title") or "")
    state = [str(resource.get("status") or ""), str(resource.get("docStatus") or "")]
    replaces = next(
        (str(each["target"].get("reference") or "") for each in dicts(resource.get("relatesTo"))
         if each.get("code") == "replaces" and isinstance(each.get("target"), dict)), "",
    )  # fmt: skip
    return Note(
        seconds_of(resource.get("date")) or seconds_of(attachment.get("creation")),
        kind,
        "" if title.casefold() == kind.casefold() else title,
        names.of(resource.get("author")),
        ", ".join(each for each in state if each not in ("", "current", "final")),
        text_of(attachment, names),
        f"DocumentReference/{resource['id']}",
        replaces,
    )


def text_of(attachment: Mapping[str, Any], names: Names) -> str:
    """Returns the text of an Attachment, of its data or of the Binary that it points to.

    Args:
        attachment: The Attachment.
        names: The archive, in which the Binary lies.
    """
    kind, data = str(attachment.get("contentType") or "text/plain"), attachment.get("data")
    url = str(attachment.get("url") or "")
    if not data and url.startswith("Binary/"):
        binary = names.resource(url)
        kind, data = str(binary.get("contentType") or kind), binary.get("data")
    if not isinstance(data, str):
        return f"(no text here{f': {url}' if url else ''})"
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return "(a text that cannot be decoded)"
    if not kind.startswith(("text/", "application/json", "application/xml", "application/xhtml")):
        return f"({kind}, {len(raw):,} bytes)"
    text = raw.decode("utf-8", errors="replace")
    if "html" in kind:
        text = unescape(re.sub(r"<[^>]*>", "", re.sub(r"<(br|/p|/div|/li|/tr)\b[^>]*>", "\n", text)))
    return text.replace("\r\n", "\n").strip()
