"""Words by value: how often, which way, how much, and what takes an order back."""

from __future__ import annotations

import pytest

from mab_gym.tasking.meaning.names import others_in
from mab_gym.tasking.meaning.often import ONCE, SEVERAL, Often, every, often_in
from mab_gym.tasking.meaning.routes import route_of_code, route_of_words, routes_in
from mab_gym.tasking.meaning.units import Amount, amount
from mab_gym.tasking.meaning.words import read_words, without_markup

OFTEN: list[tuple[str, list[Often]]] = [
    ("once", [ONCE]), ("one time only", [ONCE]), ("a single dose", [ONCE]), ("x1", [ONCE]), ("once daily", [every(24)]),
    ("once a day", [every(24)]), ("daily", [every(24)]), ("QD", [every(24)]), ("every morning", [every(24)]),
    ("at bedtime", [every(24)]), ("BID", [every(12)]), ("b.i.d.", [every(12)]), ("twice a day", [every(12)]),
    ("TID", [every(8)]), ("three times a day", [every(8)]), ("QID", [every(6)]), ("4 times daily", [every(6)]),
    ("q8h", [every(8)]), ("q 12 h", [every(12)]), ("every 8 hours", [every(8)]), ("every six hours", [every(6)]),
    ("8-hourly", [every(8)]), ("hourly", [every(1)]), ("every other day", [every(48)]), ("QOD", [every(48)]),
    ("weekly", [every(168)]), ("once a week", [every(168)]), ("every 2 days", [every(48)]), ("3 doses", [Often(3)]),
    ("x2", [Often(2)]), ("for 5 days", [SEVERAL]), ("repeat the dose", [SEVERAL]), ("with meals", [SEVERAL]),
    ("every 8 hours for 7 days", [every(8), SEVERAL]), ("in 7 days", []), ("tomorrow", []), ("", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), OFTEN)
def test_how_often(text: str, said: list[Often]) -> None:
    assert [often for often, _ in often_in(text)] == said


@pytest.mark.parametrize(
    ("text", "route"),
    [("oral", "oral"), ("PO", "oral"), ("p.o.", "oral"), ("per os", "oral"), ("by mouth", "oral"),
     ("Oral route", "oral"), ("IV", "intravenous"),
     ("Intravenous route", "intravenous"), ("intravenous infusion", "intravenous"),
     ("IVPB", "intravenous"), ("intramuscular", "intramuscular"), ("intrathecal", "intrathecal"), ("oral or IV", None),
     ("gastric", None), ("", None), ("via NG tube", "nasogastric")],
)  # fmt: skip
def test_which_way(text: str, route: str | None) -> None:
    assert route_of_words(text) == route


def test_routes_by_code() -> None:
    snomed, v3 = "http://snomed.info/sct", "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration"
    codes = [(snomed, "26643006"), (snomed, "47625008"), (snomed, "72607000"), (v3, "PO"), (v3, "IV"), (v3, "26643006")]
    assert [route_of_code(*code) for code in codes] == [
        "oral",
        "intravenous",
        "intrathecal",
        "oral",
        "intravenous",
        None,
    ]
    assert route_of_code(None, "PO") is None


def test_routes_in_a_sentence() -> None:
    assert list(routes_in("20 mEq PO now, not IV")) == ["oral"]
    assert list(routes_in("give by mouth or intravenously")) == ["oral", "intravenous"]
    assert list(routes_in("I'm to be called; SC is closed, pr is public relations")) == ["subcutaneous"]


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


def test_other_names() -> None:
    assert list(others_in("heparin and Sodium")) == ["heparin", "Sodium"]
    assert list(others_in("ceftobiprole, bisoprolol, rituximab")) == ["ceftobiprole", "bisoprolol", "rituximab"]
    assert list(others_in("replacement therapy for this patient, as ordered")) == []


def test_narratives_are_read_without_markup() -> None:
    assert without_markup("<div><b>do</b> not &amp; never</div>").split() == ["do", "not", "&", "never"]
