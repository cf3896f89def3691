"""Schedules by value: every code, every phrase, every number and unit of time."""

from __future__ import annotations

import pytest

from mab_gym.tasking.meaning.often import (
    BY_CODE,
    HOURS_OF_UNIT,
    ONCE,
    ONCE_CODES,
    SEVERAL,
    Often,
    every,
    often_in,
)
from tests.tasking.meaning.tabled import rows


@pytest.mark.parametrize(("phrases", "schedules"), rows("often"))
def test_how_often_by_phrases(phrases: str, schedules: list[str]) -> None:
    said = {phrase: [str(often) for often, _ in often_in(f"40 mEq {phrase}.")] for phrase in phrases.split("|")}
    assert said == dict.fromkeys(said, schedules)


NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
           "twelve": 12, "twenty-four": 24}  # fmt: skip


@pytest.mark.parametrize(("word", "number"), NUMBERS.items())
def test_numbers_by_their_words(word: str, number: int) -> None:
    for written in (word, word.title(), str(number)):
        assert list(often_in(f"every {written} hours")) == [(every(number), f"every {written} hours")]


CODES = {
    24.0: "QD DAILY AM PM BED QHS HS QAM QPM Q24H", 12.0: "BID Q12H", 8.0: "TID Q8H", 6.0: "QID Q6H", 48.0: "QOD Q48H",
    168.0: "WK", 730.5: "MO", 1.0: "Q1H", 2.0: "Q2H", 3.0: "Q3H", 4.0: "Q4H", 36.0: "Q36H", 72.0: "Q72H",
}  # fmt: skip


def test_codes_of_schedules() -> None:
    assert {code: hours for hours, codes in CODES.items() for code in codes.split()} == BY_CODE
    assert {"ONCE", "ONE-TIME", "ONETIME", "X1", "STAT", "NOW"} == ONCE_CODES
    assert {code: round(hours * 3600) for code, hours in HOURS_OF_UNIT.items()} == {
        "s": 1, "min": 60, "h": 3600, "d": 86_400, "wk": 604_800, "mo": 2_629_800, "a": 31_557_600,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("often", "told"),
    [(ONCE, "once"), (every(8), "every 8 hours"), (every(0.5), "every 0.5 hours"), (Often(3), "3 times"),
     (Often(3, 8.0), "3 times every 8 hours"), (Often(None), ""), (SEVERAL, "2 times")],
)  # fmt: skip
def test_schedules_in_words(often: Often, told: str) -> None:
    assert str(often) == told


def test_schedules_by_value() -> None:
    assert (ONCE, SEVERAL, every(8)) == ((1, None), (2, None), (None, 8))


def test_a_phrase_is_told_and_read_once() -> None:
    assert list(often_in("take Twice Daily x 3 days")) == [(every(12), "Twice Daily"), (SEVERAL, "x 3 days")]
