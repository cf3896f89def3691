"""The items that an answer can have without reading the chart: guesses, and words of the prompt.

An `Item` is one item of an answer as a policy writes it: a constant, or something that follows from the prompt of the
case, such as its second date, a year before its first moment, or the years from a date until now.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from mab_gym.tasking._family import Family
from mab_gym.tasking.case import Case
from mab_gym.tasking.judging import read_moment

NEAR = (-0.1, -0.05, 0.05, 0.1)
"""Differences that are added to numbers, since one number may be right for several within a verifier's tolerance."""

_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)")
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b(?!T)")
_NUMBER = re.compile(r"(?<![\w.+:/-])-?\d+(?:\.\d+)?(?![\w:/-]|\.\d)")
_QUOTED = re.compile(r'"([^"]+)"')
_WORD = re.compile(r"\b[A-Z][\w'-]+")
_GUESSES: tuple[Any, ...] = (-1, 0, 1, None, True, False, "", "none", "unknown", "not found", "Patient not found")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an answer.

    Attributes:
        shown: The item for people: the constant as JSON, or the name of a part of the prompt in double braces.
        values: The JSON that is written in each case of the family; empty if the case's prompt has no such part.
    """

    shown: str
    values: tuple[str, ...]

    @property
    def constant(self) -> bool:
        """True if it is the same for all cases, whatever their prompts say."""
        return not self.shown.startswith("{{")


def items(family: Family, cases: Sequence[Case], now: datetime, answers: Iterable[Sequence[Any]]) -> list[Item]:
    """Returns all items worth trying; no two write the same.

    Args:
        family: The family.
        cases: Its cases.
        now: The record system's clock.
        answers: All right answers.
    """
    found: dict[tuple[str, ...], Item] = {}
    for value in [*(item for answer in answers for item in answer), *_GUESSES]:
        written = json.dumps(value)
        item = Item(written, (written,) * len(cases))
        found.setdefault(item.values, item)
    prompts = [dict(prompt_words(family, case, now)) for case in cases]
    for name in dict.fromkeys(name for prompt in prompts for name in prompt):
        values = tuple(json.dumps(prompt[name]) if name in prompt else "" for prompt in prompts)
        same = len(set(values)) == 1  # all prompts say the same, so it is as good as a constant
        found.setdefault(values, Item(values[0] if same else f"{{{{{name}}}}}", values))
    return list(found.values())


def near(item: Item) -> Iterator[Item]:
    """Yields constants near a number; nothing for other items."""
    value = json.loads(item.values[0]) if item.constant else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        for step in NEAR:
            written = json.dumps(round(value + step, 6))
            yield Item(written, (written,) * len(item.values))


def same_thing(written: str) -> str:
    """Returns the same text for all ways to write a number or an instant."""
    value = json.loads(written)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.6f}"
    moment = read_moment(value)
    return written if moment is None else f"{moment.timestamp():.6f} s"


def prompt_words(family: Family, case: Case, now: datetime) -> Iterator[tuple[str, Any]]:
    """Yields the parts of a case's prompt, and what follows from them, by name."""
    context, question = family.prompt(case, now.isoformat())
    yield from case.params.items()
    for kind, pattern, text in (
        ("moment", _MOMENT, f"{context}\n{question}"),
        ("date", _DATE, f"{context}\n{question}"),
        ("number", _NUMBER, f"{context}\n{question}"),
        ("quotation", _QUOTED, f"{context}\n{question}"),
        ("word", _WORD, question),
    ):
        for place, match in enumerate(pattern.finditer(text), start=1):
            yield from _following(f"{kind} {place}", kind, match[match.lastindex or 0], now)


def _following(name: str, kind: str, text: str, now: datetime) -> Iterator[tuple[str, Any]]:
    """Yields a part of a prompt and what follows from it."""
    yield name, text
    try:
        if kind == "moment":
            yield from _around(name, datetime.fromisoformat(text))
        elif kind == "date":
            yield from _about(name, date.fromisoformat(text), now.date())
        elif kind == "number":
            yield f"{name} as a number", json.loads(text)
    except (ValueError, OverflowError):  # there is no such day, or it is at the edge of the calendar
        return


def _around(name: str, moment: datetime) -> Iterator[tuple[str, Any]]:
    steps: Mapping[str, timedelta] = {
        "an hour before": timedelta(hours=1),
        "a day before": timedelta(days=1),
        "365 days before": timedelta(days=365),
    }
    yield f"the day of {name}", moment.date().isoformat()
    for words, step in steps.items():
        yield f"{words} {name}", (moment - step).isoformat()
    for hour in (0, 8):
        yield f"{hour:02d}:00 of {name}", datetime.combine(moment.date(), time(hour), moment.tzinfo).isoformat()


def _about(name: str, day: date, today: date) -> Iterator[tuple[str, Any]]:
    years = today.year - day.year - ((today.month, today.day) < (day.month, day.day))
    yield f"the years since {name}", years
    yield f"the year of {name}", day.year
    for step in (-1, 1):
        yield f"{name} {step:+d} day", (day + timedelta(days=step)).isoformat()
        yield f"{name} {step:+d} year", (day + timedelta(days=365 * step)).isoformat()
