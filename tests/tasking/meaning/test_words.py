"""Words by value: how much, how long, and what takes an order back."""

from __future__ import annotations

import pytest

from mab_gym.tasking.meaning.units import Amount, amount
from mab_gym.tasking.meaning.words import read_words, without_markup

@pytest.mark.parametrize(
    ("text", "amounts"),
    [("40 mEq", [amount(40, "meq")]), ("1,000 mg", [amount(1, "g")]),
     ("20-40 mEq", [amount(20, "meq"), amount(40, "meq")]), ("one gram", [amount(1, "g")]),
     ("40mEq", [amount(40, "meq")]),
     ("K was 3.1", []), ("previous dose 5 mg", []),
     ("2 g/h", [amount(2, "g/h")]), ("weight 70 kg", [])],
)  # fmt: skip
def test_how_much(text: str, amounts: list[Amount]) -> None:
    assert [given for given, _ in read_words(text).amounts] == [pytest.approx(each) for each in amounts]


def test_strengths_limits_and_times_are_told_apart() -> None:
    words = read_words("2 tablets of 20 mEq ER tablet, max 80 mEq, over 2 hours")
    assert [given for given, _ in words.strengths] == [amount(2, "tablet"), amount(20, "meq")]
    assert [given for given, _ in words.limits] == [amount(80, "meq")]
    assert [given.size for given, _ in words.lasts] == [pytest.approx(7200)]


TAKEN_BACK = [
    "do not give", "Don't.", "DISREGARD this order", "cancelled", "wrong patient", "entered in error", "void", "draft",
    "not to be given", "only if the level is low", "as needed", "PRN", "give if K < 3", "unless he bleeds", "instead",
    "double the dose", "give half the dose", "already given", "for testing", "rescinded", "no longer needed", "ERROR",
    "never mind", "refused", "pending approval", "for another patient", "contraindicated", "no action",
]  # fmt: skip
HARMLESS = [
    "please give promptly", "do not crush", "do not delay", "for hypokalemia", "discussed with the patient",
    "K 3.1 mEq/L, no bleeding", "recheck tomorrow", "Thank you.", "the patient is not bleeding", "",
    "ordered as requested",
]  # fmt: skip


@pytest.mark.parametrize("text", TAKEN_BACK)
def test_what_takes_an_order_back(text: str) -> None:
    assert read_words(text).taken_back


@pytest.mark.parametrize("text", HARMLESS)
def test_what_does_not(text: str) -> None:
    words = read_words(text)
    assert not (words.taken_back or words.paused or words.later or words.often or words.routes)


def test_what_puts_it_off_and_what_pauses() -> None:
    assert read_words("start next year").later == ("next year",)
    assert read_words("give tomorrow").later == ("tomorrow",)
    assert read_words("recheck K tomorrow").later == ()
    assert read_words("hold until noon").paused == (("hold until noon", " until noon"),)
    assert read_words("see S1234567.").numbers == ("S1234567",)


def test_narratives_are_read_without_markup() -> None:
    assert without_markup("<div><b>do</b> not &amp; never</div>").split() == ["do", "not", "&", "never"]
