"""How long a server asks to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after(text: str | None) -> float | None:
    """The seconds that a ``Retry-After`` asks for (RFC 9110, section 10.2.3), from 0; None where it cannot be read.

    Args:
        text: A number of seconds (some servers write fractions) or a moment, as the header has it; None without one.
    """
    if text is None:
        return None
    try:
        wish = float(text)
    except ValueError:
        return _until(text)
    return wish if wish >= 0.0 else None


def _until(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
