"""Samples are what a dict of dicts would be, in a fraction of its memory."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mab_gym.tasking._samples import Samples

VALUES = some.dictionaries(some.sampled_from(["potassium", "magnesium", "rate"]), some.floats(allow_nan=False))


@given(some.lists(some.tuples(some.integers(0, 3), VALUES), max_size=30))
def test_they_are_what_a_dict_would_be(steps: list[tuple[int, dict[str, float]]]) -> None:
    samples, plain, minute = Samples(), dict[int, dict[str, float]](), 0
    for later, values in steps:
        minute += later
        samples[minute] = plain[minute] = values
    assert samples == plain
    assert [*samples] == sorted(plain)
    for name in ("potassium", "magnesium", "rate"):
        assert [*samples.series(name)] == [(when, each[name]) for when, each in plain.items() if name in each]
    for when in [*plain][::2]:
        del samples[when], plain[when]
    assert samples == plain
    assert all(when in samples for when in plain)


def test_they_come_in_order() -> None:
    samples = Samples()
    samples[15] = {"potassium": 4.0}
    with pytest.raises(ValueError, match="minute 0 is before the last one, 15"):
        samples[0] = {"potassium": 4.0}
    assert samples == {15: {"potassium": 4.0}}
    for missing in (0, 14, 16):
        with pytest.raises(KeyError):
            samples[missing]
        with pytest.raises(KeyError):
            del samples[missing]


def test_a_long_stay_takes_little_memory() -> None:
    samples = Samples()
    for minute in range(0, 4320, 15):
        samples[minute] = {name: math.sqrt(minute) for name in "abcde"}
    parts: list[Any] = [getattr(samples, name) for name in Samples.__slots__]
    assert sum(map(sys.getsizeof, parts)) < 25_000
