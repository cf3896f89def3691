"""Remarks beside what is due, by value: which words contradict it, why, and how gravely."""

from __future__ import annotations

from typing import Any

import pytest

from mab_gym.tasking.meaning._said import FreeText
from mab_gym.tasking.meaning._texts import Expectation, contradictions
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.often import every
from mab_gym.tasking.meaning.terms import LOINC
from mab_gym.tasking.meaning.units import amount, hours
from tests.tasking.meaning.people import HOLD, NOW, PERSON, POTASSIUM, TEST
from tests.tasking.meaning.tabled import rows

GRAVITY = {True: "unsafe", False: "no harm"}
TOMORROW, WEEK = NOW.replace(day=14, hour=8), NOW.replace(day=20, hour=8)
EXPECTED: dict[str, Expectation] = {
    "dose": Expectation(now=NOW, names=POTASSIUM, dose=amount(40, "meq"), route="oral"),
    "about": Expectation(now=NOW, names=POTASSIUM, dose=amount(40, "meq"), route="oral", tolerance=1e-4),
    "many": Expectation(now=NOW, names=POTASSIUM, dose=amount(20.5, "meq"), route="oral"),
    "infusion": Expectation(
        now=NOW, names=POTASSIUM, dose=amount(2, "g"), route="intravenous", lasts=(hours(2), hours(2))
    ),
    "quick": Expectation(
        now=NOW, names=POTASSIUM, dose=amount(2, "g"), route="intravenous", lasts=(hours(1 / 20), hours(3))
    ),
    "just slow": Expectation(
        now=NOW, names=POTASSIUM, dose=amount(2, "g"), route="intravenous", lasts=(hours(1 / 6), hours(3))
    ),
    "running": Expectation(now=NOW, names=POTASSIUM, dose=amount(5, "mg"), route="oral", often=every(8)),
    "cream": Expectation(now=NOW, names=POTASSIUM, dose=amount(5, "mg"), route="topical"),
    "test": Expectation(now=NOW, names=TEST),
    "tomorrow": Expectation(now=NOW, names=TEST, at=TOMORROW),
    "week": Expectation(now=NOW, names=TEST, at=WEEK),
    "fortnight": Expectation(now=NOW, names=TEST, at=NOW.replace(day=27)),
    "blood": Expectation(now=NOW, names=Concept(LOINC, "RBC", ("red cells",)), quantity=amount(1, "unit")),
    "hold": Expectation(now=NOW, names=HOLD, stops=True, focus="77777"),
    "allergy": Expectation(now=NOW, names=POTASSIUM, avoids=True),
    "pressure": Expectation(
        now=NOW, names=Concept("", "BP", ("bp", "blood pressure")), said="140/90 mmHg", measured=True
    ),
    "asked": Expectation(now=NOW, names=TEST, said="Hold  until\n seen by us.", noted=True),
}


def told(expected: Expectation, text: FreeText) -> list[str]:
    """The contradictions, one a line; all of them are said of the whole text."""
    found = list(contradictions([text], expected, PERSON))
    assert {(each.element, each.value) for each in found} <= {(text.element, text.text)}
    return [f"{GRAVITY[each.critical]}: {each.why}" for each in found]


@pytest.mark.parametrize(("written", "contradicting"), rows("remarks"))
def test_what_contradicts(written: str, contradicting: list[str]) -> None:
    name, _, text = written.partition(": ")
    assert told(EXPECTED[name], FreeText(text, "note[0].text")) == contradicting


def names(name: str, text: str) -> list[str]:
    """The contradictions in a name of what is ordered."""
    return told(EXPECTED[name], FreeText(text, "code.text", True))


FORMS = {
    "dose": "injection|injectable|infusion|vial|premix|premixed|ampoule|ampule|piggyback|suppository|patch",
    "infusion": "tablet|tablets|capsule|capsules|suspension|elixir|suppository|patch|syrup",
}


@pytest.mark.parametrize(("name", "form"), [(name, each) for name, all_ in FORMS.items() for each in all_.split("|")])
def test_forms_of_products_that_do_not_go_a_way(name: str, form: str) -> None:
    assert names(name, f"potassium {form.title()} x")[0] == f'unsafe: "{form.title()}" contradicts it'
    assert not any("contradicts" in each for each in names("cream", f"potassium {form}"))
    assert not any("contradicts" in each for each in told(EXPECTED[name], FreeText(form, "note[0].text")))


NO_ALLERGY = """
not allergic|no allergies|no known allergy|no reaction|no known reactions|tolerated|safe|resolved|refuted|ruled out|
outgrown|mild|moderate|food|environmental|mother|father|sister|brother|family|daughter|son|childhood|intolerance|
side effect|nausea|rash only|suspected|possible|possibly|unconfirmed|doubtful|uncertain|unlikely|peanuts|latex|
pollen|shellfish|egg|eggs|nut|nuts|milk|low risk|low criticality|inactive
"""
NOT_MEASURED = """
estimate|estimated|guess|guessed|copied|reported by|self-reported|self reported|recalled|true reading|
actual reading|correct reading|heart rate|pulse|temperature|not measured|from memory|historical|by history|palpated|
unreliable|inaccurate|faulty|150/100|15 / min|150 / 100
"""


def each(phrases: str) -> list[str]:
    """The phrases of a list."""
    return [" ".join(phrase.split()) for phrase in phrases.split("|")]


@pytest.mark.parametrize("text", each(NO_ALLERGY))
def test_words_against_an_allergy(text: str) -> None:
    assert f'unsafe: "{text.upper()}" contradicts it' in told(EXPECTED["allergy"], FreeText(text.upper(), "note"))
    assert told(EXPECTED["allergy"], FreeText(f"x{text}x", "note")) == []


@pytest.mark.parametrize("text", each(NOT_MEASURED))
def test_words_against_a_measurement(text: str) -> None:
    said = text.upper() if text.isalpha() else text
    assert f'unsafe: "{said}" contradicts it' in told(EXPECTED["pressure"], FreeText(said, "note"))
    assert f'unsafe: "{said}" contradicts it' not in told(EXPECTED["dose"], FreeText(said, "note"))


AVOIDED = """
do not|does not give|should not administer|must not use|can not prescribe|may not order|do not take|don't expose|
shouldn’t be|doesn't|don't|cannot|never|avoid|contraindicated|no administration|no more|no further|not give|
not given|not to be given|not for|not administered|not ordered|unless|cancel
"""
STOPPED = "duplicate of|abort|aborted|cancel|terminated"


@pytest.mark.parametrize("text", each(AVOIDED))
def test_words_that_avoid_something(text: str) -> None:
    assert told(EXPECTED["allergy"], FreeText(text, "note")) == []
    assert told(EXPECTED["dose"], FreeText(text, "note")) != []


@pytest.mark.parametrize("text", ["duplicate of", "abort", "cancel"])
def test_words_that_stop_something(text: str) -> None:
    assert told(EXPECTED["hold"], FreeText(f"{text} it", "note")) == []
    assert told(EXPECTED["dose"], FreeText(f"{text} it", "note")) != []


@pytest.mark.parametrize("word", ["previous", "prior", "old", "present", "current", "earlier", "other", "existing"])
def test_an_earlier_order_may_be_stopped(word: str) -> None:
    assert told(EXPECTED["dose"], FreeText(f"stop the {word.title()} one", "note")) == []
    assert told(EXPECTED["dose"], FreeText(f"stop the {word}x one", "note")) != []


@pytest.mark.parametrize("word", ["postpone", "defer", "delay", "wait", "await"])
def test_what_is_to_be_stopped_is_not_put_off(word: str) -> None:
    assert told(EXPECTED["hold"], FreeText(f"{word.title()} it", "note")) == [
        f'unsafe: "{word.title()} it" puts it off or stops it'
    ]


@pytest.mark.parametrize(("days", "fits"), [(1, False), (4, False), (5, True), (7, True), (9, True), (10, False)])
def test_next_week_is_five_to_nine_days_ahead(days: int, fits: bool) -> None:
    expected = Expectation(now=NOW, names=TEST, at=NOW.replace(day=13 + days))
    assert (told(expected, FreeText("next week", "note")) == []) is fits


@pytest.mark.parametrize(
    ("days", "said"), [(1, "tomorrow"), (2, "in two days"), (14, "in 2 weeks"), (7, "in one week")]
)
def test_times_ahead_fit_one_day(days: int, said: str) -> None:
    for other in (days - 1, days, days + 1):
        expected = Expectation(now=NOW, names=TEST, at=NOW.replace(day=13 + other, hour=0, minute=0))
        assert (told(expected, FreeText(said, "note")) == []) is (other == days)


@pytest.mark.parametrize(
    ("text", "element", "wrong"),
    [("sodium", "orderDetail[0].text", ['unsafe: "sodium" contradicts it']), ("potassium", "orderDetail[0].text", []),
     ("sodium", "note[0].text", [])],
)  # fmt: skip
def test_details_name_nothing_else(text: str, element: str, wrong: list[str]) -> None:
    assert told(EXPECTED["test"], FreeText(text, element)) == wrong


def test_what_is_too_long_is_not_read() -> None:
    def long(name: str, length: int) -> list[tuple[Any, ...]]:
        return [tuple(each) for each in contradictions([FreeText("x " * (length // 2), "a")], EXPECTED[name], PERSON)]

    assert long("dose", 2000) == []
    assert long("dose", 2002) == [("a", "x " * 20 + "…", "it is too long to be read", False)]
    said = len(EXPECTED["asked"].said)
    assert long("asked", 2000 + said - said % 2) == []
    assert long("asked", 2002 + said) != []


def test_all_texts_are_read_and_the_one_that_is_asked_for_is_not() -> None:
    def wrong(*texts: tuple[str, str]) -> list[str]:
        return [each.element for each in contradictions([FreeText(*text) for text in texts], EXPECTED["asked"], PERSON)]

    asked = "Please: Hold until seen by us. Thanks"
    assert wrong(("do not", "a"), ("x" * 2100, "b"), ("thanks", "c"), ("do not", "d")) == ["a", "b", "d"]
    assert wrong((asked, "note[0].text")) == []
    assert wrong((asked, "note[0].text"), ("hold it", "note[1].text")) == ["note[1].text"]
    assert wrong(("Hold until seen", "note[0].text"), ("hold it", "other")) == ["other"]
    assert wrong((f"{asked}, do not", "note[0].text")) == ["note[0].text"]
    other = Expectation(now=NOW, names=TEST, said="Hold it.")
    assert [each.element for each in contradictions([FreeText("hold on", "note[0].text")], other, PERSON)] == [
        "note[0].text"
    ]
