"""The headers that say which version the client knows, how fresh an answer is to be and what it is to hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.store._base import parse_element

_RETURNS = ("minimal", "representation", "OperationOutcome")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"
_CLOCK = r"(?P<hour>\d{1,6}):(?P<minute>\d{1,6}):(?P<second>\d{1,6})"
_ZONE = r"(?P<zone>[a-z]+|[+-]\d{4})"
_HTTP_DATES = tuple(
    re.compile(rf"{_DAY}{form}", re.ASCII | re.IGNORECASE)
    for form in (
        rf", *(?P<day>\d{{1,6}}) +(?P<month>[a-z]+) +(?P<year>\d{{1,6}}) +{_CLOCK} +{_ZONE}",
        rf", *(?P<day>\d{{1,6}})-(?P<month>[a-z]+)-(?P<year>\d{{1,6}}) +{_CLOCK} +{_ZONE}",
        rf" +(?P<month>[a-z]+) +(?P<day>\d{{1,6}}) +{_CLOCK} +(?P<year>\d{{1,6}})",
    )
)
"""The three forms of RFC 7231; what stands behind them is ignored."""
_ZONES = {"gmt": 0, "utc": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}
_LONG = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)


_MOST_AT_ONCE, _AT_ONCE = 1000, 100
_MOST_RESULTS = re.compile(r"max-results=\s*([+-]?[0-9]{1,9})", re.ASCII)


def most_at_once(headers: Mapping[str, str]) -> int | None:
    """Returns the most matches of a search that HAPI is told not to keep (``Cache-Control: no-store``), else None.

    Raises:
        FhirError: 400 for more than a thousand.
    """
    directives = [part.strip() for part in headers.get("cache-control", "").split(",")]
    if "no-store" not in directives:
        return None
    limits = [int(match[1]) for part in directives if (match := _MOST_RESULTS.fullmatch(part))]
    limit = limits[-1] if limits else _AT_ONCE
    if limit > _MOST_AT_ONCE:
        raise FhirError(400, f"HAPI-1165: Cache-Control header max-results value must not exceed {_MOST_AT_ONCE}")
    return limit


def etag_version(text: str) -> str:
    """Returns the version that an entity tag names; a text that is no entity tag stands for itself."""
    text = text.strip()
    if len(text) > 1 and text.endswith('"'):
        for start in ('"', 'W/"'):
            if text.startswith(start) and len(text) > len(start):
                return text[len(start) : -1]
    return text


def version_number(version: str) -> int:
    """Returns the number of a version that a client names.

    Raises:
        FhirError: 500 in Java's words if it is no whole number.
    """
    if not _LONG.fullmatch(version) or not -(2**63) <= int(version) < 2**63:
        raise FhirError(500, f'HAPI-2223: For input string: "{version}"')
    return int(version)


def not_modified(headers: Mapping[str, str], text: str) -> bool:
    """True if the client has this version of a resource already (``If-None-Match``, ``If-Modified-Since``).

    Args:
        headers: The request's headers; names in lower case.
        text: The resource's JSON.

    Raises:
        FhirError: 500 if the date cannot be read.
    """
    known, since = headers.get("if-none-match", ""), headers.get("if-modified-since", "")
    if not known.strip() and not since.strip():
        return False
    meta = parse_element(text).get("meta", {})
    if known.strip() and etag_version(known) == str(meta.get("versionId", "1")):
        return True
    if not since.strip():
        return False
    moment = _http_date(since)
    if moment is None:
        raise FhirError(500, 'Cannot invoke "java.util.Date.getTime()" because "ifModifiedSinceDate" is null')
    return "lastUpdated" in meta and datetime.fromisoformat(str(meta["lastUpdated"])) <= moment


def _http_date(text: str) -> datetime | None:
    """Reads a date of HTTP as Java does: the 32nd of a month is a day of the next."""
    if len(text) > 1 and text[0] == text[-1] == "'":
        text = text[1:-1]
    for form in _HTTP_DATES:
        if (match := form.match(text.strip())) is None:
            continue
        parts = match.groupdict()
        month, zone = parts["month"].lower(), parts.get("zone", "gmt").lower()
        if month[:3] not in _MONTHS or (zone not in _ZONES and not zone[1:].isdigit()):
            continue
        year = int(parts["year"])
        year = min(max(year + 2000 if form is _HTTP_DATES[1] and len(parts["year"]) == 2 else year, 1), 9000)
        minutes = _ZONES[zone] * 60 if zone in _ZONES else int(f"{zone[0]}{int(zone[1:3]) * 60 + int(zone[3:5])}")
        return datetime(year, _MONTHS.index(month[:3]) + 1, 1, tzinfo=UTC) + timedelta(
            days=int(parts["day"]) - 1,
            hours=int(parts["hour"]),
            minutes=int(parts["minute"]) - minutes,
            seconds=int(parts["second"]),
        )
    return None


def preferred_return(headers: Mapping[str, str]) -> str:
    """Returns the ``return`` of ``Prefer``, which says what an answer to a write is to hold; empty if HAPI knows none.

    Of several, the last counts.
    """
    prefer = headers.get("prefer")
    wanted = ""
    for part in re.split("[,;]", prefer) if prefer else ():
        name, _, value = part.partition("=")
        if name.strip() == "return":
            wanted = value.strip().strip('"')
    return wanted if wanted in _RETURNS else ""
