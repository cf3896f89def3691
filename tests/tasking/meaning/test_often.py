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

PHRASES: list[tuple[str, list[Often]]] = [
    ("once|one time|one time only|one-time|one-time only|x1|x 1|1x|1 x|ONCE", [ONCE]),
    ("a single dose|single dose|one single dose|single infusion|a single administration|one dose", [ONCE]),
    ("once daily|once a day|once per day|once each day|once every day|once in a day|one time a day|1x daily", [every(24)]),
    ("1 x / day|x1 daily|x 1 per 24 h|1x/d|once /day|once per 24 hours|once every 24h|once in 24 hrs|once each 24 hr", [every(24)]),
    ("twice daily|twice a day|two times a day|2x daily|2 x a day|x2 daily|x 2 daily|twice/d|twice", [every(12)]),
    ("thrice daily|three times a day|3x daily|3 x daily|x3 daily|x 3 daily|thrice", [every(8)]),
    ("4 times daily|four times a day|4x daily|4 x/day|4 doses a day|4 doses per 24 hours", [every(6)]),
    ("2.5 times a day", [every(9.6)]),
    ("weekly|once in a week|for a week|once weekly|one time weekly|once a week|a week|per week|each week|every week", [every(168)]),
    ("monthly|once in a month|once monthly|one time monthly|once a month|per month|each month|every month", [every(730.5)]),
    ("8-hourly|8 hourly|8hourly", [every(8)]),
    ("hourly|once hourly|every hour|each hour|q hour|qhour|qh", [every(1)]),
    ("every other day|q other day|q. other day|qother day|alternate days|qod|q.o.d|q.o.d.", [every(48)]),
    ("every 8 hours|each 8 hours|q 8 hours|q. 8 hours|q8hours|every 8 hrs|every 8 hr|every 8 h|every eight hours", [every(8)]),
    ("every 30 minutes|every 30 min|every 30 mins|q30minutes|every 30 minute", [every(0.5)]),
    ("every 36 seconds|every 36 secs|every 36 sec|every 36 second", [every(0.01)]),
    ("every 2 days|every two days|every 2 d|every 2 day", [every(48)]),
    ("every 2 weeks|every two weeks|every 2 wks|every 2 wk|every 2 week", [every(336)]),
    ("every 2 months|every 2 month", [every(1461)]),
    ("every 2 years|every 2 year", [every(17532)]),
    ("every 1.5 hours", [every(1.5)]),
    ("q8h|q 8 h|q8 h|Q8H", [every(8)]),
    ("bid|b.i.d.|b.i.d|BID", [every(12)]),
    ("tid|t.i.d.|t.i.d|TID", [every(8)]),
    ("qid|q.i.d.|q.i.d|QID", [every(6)]),
    ("daily|qd|q.d.|q.d|every day|each day|every morning|every evening|every night|each afternoon|each morning", [every(24)]),
    ("nightly|at bedtime|every bedtime|qhs|q.h.s.|q.h.s|qam|qpm|a day|per day", [every(24)]),
    ("for 5 days|x 5 days|for five days|for 2 weeks|for 3 months|x5d|for 2 wks|for 2 wk|for 1 day|for 1 week|for 1 month", [SEVERAL]),
    ("3 doses|3 times|3 administrations|three doses|for 3 doses|x 3 doses|x3 doses|3 more doses|3 further doses", [Often(3)]),
    ("3 separate doses", [Often(3)]),
    ("x2|x 2|2x|2 x", [Often(2)]),
    ("x9", [Often(9)]),
    ("x10|10x|10 x", [Often(10)]),
    ("with meals|with each meals|before every meals|after all meals|with the meals|at mealtimes|before meals", [SEVERAL]),
    ("repeat the dose|repeat this infusion|repeat order|repeated if|repeat after|repeat every|repeat as|repeat until", [SEVERAL]),
    ("continuous|continuously|indefinitely|ongoing|standing order|until further notice|around the clock", [SEVERAL]),
    ("every 8 hours for 7 days", [every(8), SEVERAL]),
    ("bid x 7 days", [every(12), SEVERAL]),
    ("q8h, then q12h", [every(8), every(12)]),
    ("once, then twice", [every(12), ONCE]),
    ("in 7 days|in a day|in a week|within a month|tomorrow||every 0 hours|0 times|q0h|0 times a day|0-hourly|x0|mx2|x2y|Bidding|quid|a.bid|1.5", []),
]  # fmt: skip
EACH = [(phrase, said) for phrases, said in PHRASES for phrase in phrases.split("|")]


@pytest.mark.parametrize(("text", "said"), EACH)
def test_how_often_by_a_phrase(text: str, said: list[Often]) -> None:
    found = list(often_in(f"40 mEq {text}." if text else ""))
    assert [pytest.approx(often) if often.hours else often for often, _ in found] == said


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
