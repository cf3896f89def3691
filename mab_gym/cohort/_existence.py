"""The first days of tests, codes and uses that are younger than the charts' first day.

Everything else is older than 2018-11-13, when the charts begin.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final


def _day(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


ANALYTES_SINCE: Final = {"COVID": _day(2020, 2, 4)}
"""By local code, in seconds since 1970. SARS-CoV-2 NAAT: FDA, emergency use authorization of 4 February 2020."""

USES_SINCE: Final = {("empagliflozin", "I50.9"): _day(2021, 8, 18)}
"""By drug and indication. Empagliflozin for heart failure: FDA, approval of 18 August 2021 (EMPEROR-Reduced)."""

EARLIER_CODES: Final = {
    "N18.30": ("N18.3", _day(2020, 10, 1)),
    "M54.50": ("M54.5", _day(2021, 10, 1)),
    "R05.9": ("R05", _day(2021, 10, 1)),
    "E87.20": ("E87.2", _day(2022, 10, 1)),
    "I47.10": ("I47.1", _day(2023, 10, 1)),
}
"""ICD-10-CM codes that were divided later: the code that was written before, and until when.

Source: CDC/NCHS, ICD-10-CM addenda of the fiscal years 2021 (N18), 2022 (M54.5, R05), 2023 (E87.2) and 2024 (I47.1).
"""
