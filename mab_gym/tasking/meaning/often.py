"""Schedules, from words and codes: once, or every so many hours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from mab_gym.tasking.meaning.units import TIMES

__all__ = ["Often", "every"]


class Often(NamedTuple):
    """A schedule.

    Attributes:
        times: The total number of times; None if it goes on without an end.
        hours: Hours from one time to the next; None if they are not stated.
    """

    times: int | None
    hours: float | None = None

    def __str__(self) -> str:
        if self == ONCE:
            return "once"
        every = "" if self.hours is None else f"every {self.hours:g} hours"
        return every if self.times is None else f"{self.times} times {every}".strip()


ONCE: Final = Often(1)
SEVERAL: Final = Often(2)
"""More than once, from a text that does not give a number."""


def every(hours: float) -> Often:
    """Returns the schedule "once in so many hours, without an end"."""
    return Often(None, hours)


HOURS_OF_UNIT: Final = {
    "s": 1 / 3600, "min": 1 / 60, "h": 1.0, "d": 24.0, "wk": 168.0, "mo": 730.5, "a": 8766.0,
}  # fmt: skip
"""Hours by the codes of FHIR R4's UnitsOfTime."""

BY_CODE: Final = {
    "QD": 24.0, "DAILY": 24.0, "AM": 24.0, "PM": 24.0, "BED": 24.0, "QHS": 24.0, "HS": 24.0, "QAM": 24.0, "QPM": 24.0,
    "BID": 12.0, "TID": 8.0, "QID": 6.0, "QOD": 48.0, "WK": 168.0, "MO": 730.5,
    **{f"Q{hours}H": float(hours) for hours in (1, 2, 3, 4, 6, 8, 12, 24, 36, 48, 72)},
}  # fmt: skip
"""Hours from one time to the next, by the codes of HL7 v3 GTSAbbreviation and others that hospitals use."""
ONCE_CODES: Final = frozenset({"ONCE", "ONE-TIME", "ONETIME", "X1", "STAT", "NOW"})

_NUMBERS: Final = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "twelve": 12, "twenty-four": 24,
}  # fmt: skip
_N: Final = r"(\d+(?:\.\d+)?|" + "|".join(_NUMBERS) + ")"
_A_DAY: Final = r"(?:/ ?d(?:ay)?|daily|(?:a|per|each|every|in a) day|(?:in|per|every|each) 24 ?h(?:ours|rs?)?)"
_UNIT: Final = f"({'|'.join(sorted(TIMES, key=len, reverse=True))})"
_RULES: Final = tuple(
    (re.compile(rf"(?<![\w.])(?:{pattern})(?![\w])", re.IGNORECASE), kind)
    for pattern, kind in (
        (r"(?:once|one time|1 ?x|x ?1) ?" + _A_DAY, "24"),
        (r"(?:twice|two times|2 ?x|x ?2) ?" + _A_DAY, "12"),
        (r"(?:thrice|three times|3 ?x|x ?3) ?" + _A_DAY, "8"),
        (_N + r" ?(?:times|x|doses) ?" + _A_DAY, "a day"),
        (r"once in a week|(?:once |one time )?(?:weekly|(?:(?<!in )a|per|each|every) week)", "168"),
        (r"once in a month|(?:once |one time )?(?:monthly|(?:(?<!in )a|per|each|every) month)", "730.5"),
        (r"(\d+)[- ]?hourly", "hours"),
        (r"(?:once )?(?:hourly|every hour|each hour|q ?hour|qh)", "1"),
        (r"(?:every|q\.?) ?other day|alternate days|qod|q\.o\.d\.?", "48"),
        (r"(?:every|each|q\.?) ?" + _N + r" ?" + _UNIT, "each"),
        (r"b\.?i\.?d\.?|twice", "twice"),
        (r"t\.?i\.?d\.?|thrice", "8"),
        (r"q\.?i\.?d\.?", "6"),
        (
            r"daily|q\.?d\.?|(?:every|each) (?:day|morning|evening|night|afternoon)|nightly|(?:at|every) bedtime|qhs|"
            r"q\.?h\.?s\.?|qam|qpm|(?<!in )a day|per day",
            "24",
        ),
        (r"(?:for|x) ?" + _N + r" ?(?:days?|weeks?|months?|d|wks?)", "several"),
        (r"(?:for |x ?)?" + _N + r" (?:more |further |separate )?(?:doses|times|administrations)", "times"),
        (r"x ?([2-9]|\d\d+)|([2-9]|\d\d+) ?x", "times"),
        (r"once|one[- ]time(?: only)?|(?:a |one )?single (?:dose|administration|infusion)|one dose|x ?1|1 ?x", "once"),
        (
            r"(?:with|before|after) (?:each |every |all |the )?meals|at mealtimes|"
            r"repeat(?:ed)? (?:the |this )?(?:dose|infusion|order|once|twice|daily|after|every|if|as|until)|"
            r"continuous(?:ly)?|indefinitely|ongoing|standing order|until further notice|around the clock",
            "several",
        ),
    )
)


def often_in(text: str) -> Iterator[tuple[Often, str]]:
    """Yields each schedule that a text states, with its phrase."""
    for pattern, kind in _RULES:
        phrases = list(pattern.finditer(text))
        for found in phrases:
            said = _meant(kind, [group for group in found.groups() if group])
            if said is not None:
                yield said, found.group(0)
        if phrases:  # so that another rule does not read the same phrase again
            text = pattern.sub(" ", text)


def _meant(kind: str, groups: list[str]) -> Often | None:
    if kind == "once":
        return ONCE
    if kind == "several":
        return SEVERAL
    if kind == "twice":
        return every(12.0)
    if kind in ("times", "a day", "each", "hours"):
        count = float(_NUMBERS.get(groups[0].lower()) or groups[0])
        if count <= 0:
            return None
        if kind == "times":
            return Often(round(count))
        if kind == "a day":
            return every(24.0 / count)
        if kind == "hours":
            return every(count)
        return every(count * HOURS_OF_UNIT[TIMES[groups[1].lower()]])
    return every(float(kind))
