"""Readers of resources of any shape: each returns something for whatever an agent wrote, and never raises."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from mab_gym.tasking.meaning._said import listed, member, words_of
from mab_gym.tasking.meaning.units import number

__all__ = [
    "codes_of",
    "day_of",
    "listed",
    "member",
    "moment_of",
    "months_after",
    "number",
    "patient_of",
    "quantity_of",
    "references_in",
    "references_of",
    "text_of",
]

_LONGEST: Final = 20_000
"""Characters of a text that are read."""
_MOST: Final = 200
"""Members of a list that are read."""
_DEEPEST: Final = 12
_ADDRESS: Final = re.compile(r"([A-Z][A-Za-z]{2,40}/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


def references_of(value: Any) -> tuple[str, ...]:
    """Returns the addresses in a Reference, or in a list of them, as ``Patient/1``: without base and version."""
    found = (_address(member(each, "reference")) for each in listed(value)[:_MOST])
    return tuple(each for each in found if each)


def _address(written: Any) -> str:
    return _read_address(written[:500]) if isinstance(written, str) else ""


@lru_cache(maxsize=16_384)
def _read_address(written: str) -> str:
    match = _ADDRESS.search(written)
    return match[1] if match is not None and written.endswith(match[0]) else ""


def references_in(resource: Any) -> tuple[str, ...]:
    """Returns all addresses that a resource refers to, wherever in it, each once."""
    return tuple(dict.fromkeys(_inside(resource, 0)))


def _inside(value: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == "reference":
                found = _address(each)
                if found:
                    yield found
            else:
                yield from _inside(each, depth + 1)
    elif isinstance(value, list):
        for each in value[:_MOST]:
            yield from _inside(each, depth + 1)


def patient_of(resource: Any) -> str:
    """Returns the address of the patient whom a resource is about; empty if it names none."""
    for name in ("subject", "patient", "for", "beneficiary"):
        found = references_of(member(resource, name))
        if found:
            return found[0]
    if member(resource, "resourceType") == "Patient":
        return f"Patient/{member(resource, 'id')}"
    actors = (
        one for each in listed(member(resource, "participant"))[:_MOST] for one in references_of(member(each, "actor"))
    )
    return next((one for one in actors if one.startswith("Patient/")), "")


def codes_of(concept: Any) -> frozenset[str]:
    """Returns the codes of a CodeableConcept, of a Coding, or of a list of them, without their systems."""
    found: set[str] = set()
    for each in listed(concept)[:_MOST]:
        for coding in (each, *listed(member(each, "coding"))[:20]):
            code = member(coding, "code")
            if isinstance(code, str):
                found.add(code)
    return frozenset(found)


def text_of(value: Any) -> str:
    """Returns the words in a value, in lower case: all texts of a concept, an element or a resource, but no codes."""
    if isinstance(value, str):
        return value[:_LONGEST].lower()
    parts: list[str] = []
    _words(value, parts, 0)
    return " ".join(parts)[:_LONGEST].lower()


_CODED: Final = frozenset({"system", "code", "reference", "resourceType", "id", "url", "meta", "contentType", "data"})


def _words(value: Any, parts: list[str], depth: int) -> None:
    if depth > _DEEPEST or len(parts) > 4 * _MOST:
        return
    if isinstance(value, str):
        parts.append(value[:_LONGEST])
    elif isinstance(value, Mapping):
        for name, each in value.items():
            if name not in _CODED:
                _words(each, parts, depth + 1)
    elif isinstance(value, list):
        for each in value[:_MOST]:
            _words(each, parts, depth + 1)


def concept_text(concept: Any) -> str:
    """Returns the texts and displays of a CodeableConcept, in lower case."""
    return " ".join(str(each)[:300] for each in words_of(concept)[:20]).lower()


def quantity_of(value: Any) -> tuple[float, str] | None:
    """Returns the value and the unit (code, else words, in lower case) of a Quantity; None if there is no number."""
    found = number(member(value, "value"))
    unit = member(value, "code") or member(value, "unit") or ""
    return None if found is None else (found, str(unit)[:40].lower())


def moment_of(written: Any) -> datetime | None:
    """Returns the time of a dateTime or instant, in UTC; of a date alone its beginning in UTC; None if it is none."""
    if not isinstance(written, str) or not 10 <= len(written) <= 40:
        return None
    try:
        found = datetime.fromisoformat(written)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day_of(written: Any, now: datetime) -> datetime | None:
    """Returns the end of the day that a date names, or the time of a dateTime, in the zone of the record system.

    Args:
        written: A date, dateTime or instant.
        now: The record system's clock; a date is read in its zone.
    """
    if isinstance(written, str) and _DAY.fullmatch(written):
        try:
            begun = datetime.fromisoformat(written).replace(tzinfo=now.tzinfo)
            return begun + timedelta(hours=23, minutes=59)
        except (ValueError, OverflowError):
            return None
    return moment_of(written)


def months_after(day: date, months: int) -> date:
    """Returns the day some months later, or earlier; the last of the month where it has no such day."""
    place = day.year * 12 + day.month - 1 + months
    year, month = place // 12, place % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
