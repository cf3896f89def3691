"""The header ``Retry-After``."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after(text: str | None) -> float | None:
    """Returns the seconds that a ``Retry-After`` asks for (RFC 9110, section 10.2.3); None where it cannot be read.

    Args:
        text: The header: a number of seconds (some servers write fractions) or a moment; None where there is none.
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
