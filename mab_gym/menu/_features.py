"""The features that a learner sees in place of texts: numbers from the prompt, the course so far, and the chart.

`FEATURES` holds their names; those that come only from the chart begin with ``chart.``.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mab_gym.menu._choices import CODES, FORMS, MULTIPLES, PEOPLE, PEOPLE_SEARCH, RESULTS
from mab_gym.menu._notes import FoundResult, Notes
from mab_gym.menu._prompt import Prompt

WORDS = 64
"""The number of features that the prompt's words are hashed into."""
THRESHOLDS = 4
STEPS = 8
_PARTS = ("MRN", "name", "result code", "second code", "order", "second order", "doses", "dose per step", "times",
          "thresholds", "window", "a year ago", "phrase")  # fmt: skip
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9/]*")
_MANY_HOURS = 12.0
"""About the logarithm of the greatest age of a result in hours."""
_LARGE_VALUE = 7.0
"""About the logarithm of the greatest value."""


def _names() -> Iterator[str]:
    yield from (f"prompt.word {place}" for place in range(WORDS))
    yield from (f"prompt.{what}" for what in _PARTS)
    yield from (f"course.{what}" for what in ("steps", "nothing sent", "succeeded", "refused"))
    yield from (f"course.searched code {place + 1}" for place in range(CODES))
    yield "course.searched people"
    yield from (f"course.last search is code {place + 1}" for place in range(CODES))
    yield "course.last search is people"
    yield from (f"course.stored order {place + 1}" for place in range(FORMS))
    yield from (f"course.opened order {place + 1}" for place in range(FORMS))
    yield from (f"chart.{what}" for what in ("results", "no results", "recent", "no recent", "people", "next page"))
    for place in range(RESULTS):
        yield from (f"chart.result {place + 1} {what}" for what in ("is there", "in error", "in window", "age"))
    yield from (f"chart.newest {what}" for what in ("is there", "in window", "within a year", "age", "value"))
    for place in range(THRESHOLDS):
        yield from (f"chart.newest {what} threshold {place + 1}" for what in ("below", "at", "above"))
    yield from (f"chart.newest is {steps} steps below" for steps in range(1, MULTIPLES + 1))
    for place in range(PEOPLE):
        yield from (f"chart.patient {place + 1} {what}" for what in ("is there", "has the name", "has the birth date"))


FEATURES: tuple[str, ...] = tuple(_names())
"""The name of each feature, in order."""
CHART: tuple[int, ...] = tuple(place for place, name in enumerate(FEATURES) if name.startswith("chart."))
"""The indices of the features that come only from the chart."""


def features(prompt: Prompt, notes: Notes) -> npt.NDArray[np.float32]:
    """Returns the features, shape ``(len(FEATURES),)``, each from -1 to 1."""
    told = [*_hashed(prompt.words), *_parts(prompt), *_course(notes), *_chart(prompt, notes)]
    return np.clip(np.array(told, dtype=np.float32), -1.0, 1.0)


@lru_cache(maxsize=4096)
def _hashed(words: str) -> tuple[float, ...]:
    """Hashes words: each different word adds 0.5 or -0.5 to one of `WORDS` numbers."""
    sums = [0.0] * WORDS
    for word in {word.lower() for word in _WORD.findall(words)}:
        number = zlib.crc32(word.encode())
        sums[number % WORDS] += 0.5 if number & 0x10000 else -0.5
    return tuple(sums)


def _parts(prompt: Prompt) -> Iterator[float]:
    """Yields 1 for each part that a prompt has, else 0."""
    forms = prompt.forms
    yield from map(float, (bool(prompt.mrn), bool(prompt.name), len(prompt.codes) > 0, len(prompt.codes) > 1))
    yield from map(float, (len(forms) > 0, len(forms) > 1))
    yield from map(float, (any(form.doses for form in forms), prompt.per_step is not None))
    yield from map(float, (any(form.times for form in forms), bool(prompt.thresholds)))
    yield from map(float, (prompt.hours is not None, prompt.a_year_ago is not None, bool(prompt.phrase)))


def _course(notes: Notes) -> Iterator[float]:
    yield notes.steps / STEPS
    yield float(notes.status == 0)
    yield float(200 <= notes.status < 300)
    yield float(notes.status >= 400)
    kinds = [*map(str, range(CODES)), PEOPLE_SEARCH]
    yield from (float(kind in notes.searched) for kind in kinds)
    yield from (float(kind == notes.search) for kind in kinds)
    yield from (min(notes.stored.get(place, 0), 2) / 2 for place in range(FORMS))
    yield from (float(notes.opened == place) for place in range(FORMS))


def _chart(prompt: Prompt, notes: Notes) -> Iterator[float]:
    recent, read = len(notes.recent(prompt)), bool(notes.search) and notes.search != PEOPLE_SEARCH
    yield math.log1p(len(notes.results)) / 4
    yield float(read and not notes.results)
    yield math.log1p(recent) / 4
    yield float(read and not recent)
    yield math.log1p(len(notes.people)) / 4
    yield float(bool(notes.following))
    for place in range(RESULTS):
        result = notes.results[place] if place < len(notes.results) else None
        yield from _result(prompt, result)
    newest = next((result for result in notes.results if not result.in_error), None)
    yield from _newest(prompt, newest)
    for place in range(PEOPLE):
        person = notes.people[place] if place < len(notes.people) else None
        yield float(person is not None)
        yield float(person is not None and person.name == prompt.name)
        yield float(person is not None and person.birth_date == prompt.birth_date)


def _result(prompt: Prompt, result: FoundResult | None) -> Sequence[float]:
    if result is None:
        return (0.0,) * 4
    return (1.0, float(result.in_error), _in_window(prompt, result), _age(prompt, result))


def _in_window(prompt: Prompt, result: FoundResult) -> float:
    return float(prompt.window_start is not None and result.moment >= prompt.window_start)


def _age(prompt: Prompt, result: FoundResult) -> float:
    if prompt.now is None:
        return 0.0
    hours = (prompt.now - result.moment).total_seconds() / 3600
    return math.log1p(max(hours, 0.0)) / _MANY_HOURS


def _newest(prompt: Prompt, newest: FoundResult | None) -> Iterator[float]:
    if newest is None:
        yield from (0.0,) * (5 + 3 * THRESHOLDS + MULTIPLES)
        return
    value = float(newest.value)
    yield 1.0
    yield _in_window(prompt, newest)
    yield float(prompt.a_year_ago is not None and newest.moment >= prompt.a_year_ago)
    yield _age(prompt, newest)
    yield math.log1p(max(value, 0.0)) / _LARGE_VALUE
    for place in range(THRESHOLDS):
        level = prompt.thresholds[place] if place < len(prompt.thresholds) else None
        yield float(level is not None and value < level)
        yield float(level is not None and value == level)
        yield float(level is not None and value > level)
    per = prompt.per_step
    below = 0 if per is None or value >= per.level else round((per.level - value) / per.step)
    yield from (float(below == steps) for steps in range(1, MULTIPLES + 1))
