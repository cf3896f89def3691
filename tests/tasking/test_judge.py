"""A judge, one look at a time: what is found, how critical it is, what it is called, and what it is worth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from mab_gym.tasking.judging import moment, number, read_moment, said, text
from mab_gym.tasking.verdict import Code
from tests.tasking.judged import SOLVED, found, judge_of, met, write

AT = datetime(2023, 11, 13, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("item", "right"),
    [
        (2, True),
        (2.0, True),
        (2.0000009, True),
        (1.9999991, True),
        (2.000002, False),
        (1.999998, False),
        ("2", False),
        (True, False),
        (None, False),
        ([2], False),
        (-2, False),
        (10**400, False),
    ],
)
def test_a_number(item: Any, right: bool) -> None:
    assert number(2).test(item) is right


def test_a_number_within_a_tolerance() -> None:
    assert [number(100, 0.5).test(item) for item in (99.5, 100.5, 99.49, 100.51)] == [True, True, False, False]
    assert number(1).test(True) is False


def test_a_text() -> None:
    assert [text("S1").test(item) for item in ("S1", "s1", "S1 ", "", None, ["S1"])] == [True] + [False] * 5


@pytest.mark.parametrize(
    ("item", "right"),
    [
        ("2023-11-13T10:15:00+00:00", True), ("2023-11-13T10:15:00Z", True), ("2023-11-13T02:15:00-08:00", True),
        (" 2023-11-13T10:15:00Z ", True), ("2023-11-13T10:15Z", True), ("2023-11-13T10:15:00", False),
        ("2023-11-13", False), ("2023-11-13T10:15:01Z", False), ("2023-11-12T10:15:00Z", False), ("now", False),
        ("", False), (None, False), (1699870500, False), ("0001-01-01T00:00:00+23:59", False),
        ("9999-12-31T23:59:59-23:59", False),
    ],
)  # fmt: skip
def test_a_moment(item: Any, right: bool) -> None:
    assert moment(AT).test(item) is right


def test_reading_a_moment() -> None:
    assert read_moment(" 2023-11-13T02:15:00-08:00") == AT
    assert read_moment("2023-11-13T02:15:00-08:00").utcoffset() == timedelta(hours=-8)  # type: ignore[union-attr]
    assert read_moment("2023-11-13T10:15:00") is None
    assert moment(AT.astimezone(timezone(timedelta(hours=1)))).description == '"2023-11-13T11:15:00+01:00"'


ANSWERS: list[tuple[str, bool, dict[str, bool], float]] = [
    ('[2, "a"]', True, {"answer.1": True, "answer.2": True, "answer.nothing_else": True}, 1.0),
    ('[2, "b"]', False, {"answer.1": True, "answer.2": False, "answer.nothing_else": True}, 0.5),
    ('[3, "a"]', False, {"answer.1": False, "answer.2": True, "answer.nothing_else": True}, 0.5),
    ('["a", 2]', False, {"answer.1": False, "answer.2": False, "answer.nothing_else": True}, 0.0),
    ("[2]", False, {"answer.1": True, "answer.2": False, "answer.nothing_else": True}, 0.5),
    ('[2, "a", 4]', False, {"answer.1": True, "answer.2": True, "answer.nothing_else": False}, 0.9),
    ("[]", False, {"answer.1": False, "answer.2": False, "answer.nothing_else": True}, 0.0),
    ("nonsense", False, {"answer.1": False, "answer.2": False, "answer.nothing_else": False}, 0.0),
]


@pytest.mark.parametrize(("answer", "right", "criteria", "credit"), ANSWERS)
def test_an_answer_item_by_item(answer: str, right: bool, criteria: dict[str, bool], credit: float) -> None:
    judge = judge_of(answer=answer)
    judge.answer(number(2), text("a"))
    assert met(judge) == criteria
    verdict = judge.verdict()
    assert (verdict.success, verdict.credit) == (right, credit)
    if not right:
        code = "answer_malformed" if answer == "nonsense" else "answer_wrong"
        assert found(judge)[-1] == (code, False)


def test_a_wrong_answer_is_told_with_the_right_one() -> None:
    judge = judge_of(answer="[3]" + " " * 300)
    judge.answer(number(2.50), text("a"))
    (reason,) = judge.verdict().reasons
    assert reason.text == f'The answer should be [2.5, "a"], but it was [3]{" " * 197}….'
    short = judge_of(answer="[3]" + " " * 197)
    short.answer(number(2))
    assert short.verdict().reasons[0].text == f"The answer should be [2], but it was [3]{' ' * 197}."


def test_a_malformed_answer_is_told_why() -> None:
    judge = judge_of(answer="{}")
    judge.answer(number(2))
    assert "The answer could not be read: the answer is not a list" in judge.verdict().reasons[0].text


def test_what_the_prompt_says_counts_only_beside_what_was_read() -> None:
    def credit(answer: str) -> float:
        judge = judge_of(answer=answer)
        judge.answer(said(number(-1)), number(7), text("a"))
        return judge.verdict().credit

    assert [credit(each) for each in ("[-1]", "[-1, 7]", "[-1, 8]", "[0, 7]")] == [0.0, 0.6667, 0.0, 0.3333]


def test_where_nothing_is_to_be_read_what_the_prompt_says_counts() -> None:
    judge = judge_of(answer='["recorded", 1]')
    judge.answer(said(text("recorded")))
    assert judge.verdict().credit == 0.9


@pytest.mark.parametrize(
    ("answer", "gave_up"), [("[]", True), ("", True), ("  ", True), ("[null]", True), ('[""]', True), ("[0]", False),
                            ("[null, 0]", False), ("x", False), ("{}", False)],
)  # fmt: skip
def test_giving_up(answer: str, gave_up: bool) -> None:
    judge = judge_of(answer=answer)
    judge.problem(Code.WRITE_MISSING, "No Task was written.")
    assert [code for code, _ in found(judge)] == ["gave_up"] * gave_up + ["write_missing"]
    wrote = judge_of(write("Task"), answer=answer)
    wrote.problem(Code.WRITE_MISSING, "No Task was written.")
    assert [code for code, _ in found(wrote)] == ["write_missing"]
    assert found(judge_of(answer=answer)) == SOLVED


def test_nothing_may_be_written() -> None:
    none = judge_of()
    none.nothing_written()
    assert (found(none), met(none)) == (SOLVED, {"written.nothing_else": True})
    some = judge_of(write("Task"), write("Condition"))
    some.nothing_written("the level is not low")
    assert found(some) == [("write_unexpected", True)] * 2
    assert met(some) == {"written.nothing_else": False}
    assert some.verdict().reasons[0].text == "A Task was written although the level is not low."
    plain = judge_of(write("Task"))
    plain.nothing_written()
    assert plain.verdict().reasons[0].text == "A Task was written although the task asks for no change."


def test_criteria_of_one_name_are_numbered() -> None:
    judge = judge_of()
    for so in (True, False, True):
        judge.check(so, Code.WRONG_DOSE, "The dose is wrong.")
    judge.check(False, Code.WRONG_CODE, "The code is wrong.", True, "medication.code")
    assert met(judge) == {"dose": True, "dose#2": False, "dose#3": True, "medication.code": False}
    assert found(judge) == [("wrong_dose", True), ("wrong_code", True)]
    assert judge.verdict().credit == 0.0


@pytest.mark.parametrize(("asked", "critical"), [(None, True), (False, False), (True, True)])
def test_how_critical_a_problem_is_can_be_said(asked: bool | None, critical: bool) -> None:
    judge = judge_of()
    judge.problem(Code.WRONG_DOSE, "The dose is wrong.", asked)
    judge.problem(Code.WRONG_NOTE, "The note is wrong.")
    assert found(judge) == [("wrong_dose", critical), ("wrong_note", False)]


def test_credit_is_what_was_met_of_what_was_asked() -> None:
    judge = judge_of(answer="[1, 9]")
    judge.check(True, Code.WRONG_STATUS, "The status is wrong.")
    judge.check(False, Code.WRONG_NOTE, "The note is wrong.")
    judge.answer(number(1), number(2))
    assert judge.verdict().credit == 0.5
    judge.check(True, Code.WRONG_INTENT, "The intent is wrong.")
    judge.check(True, Code.WRONG_TIME, "The time is wrong.")
    assert judge.verdict().credit == 0.6667
    assert judge_of().verdict().credit == 1.0
    nothing_asked = judge_of()
    nothing_asked.problem(Code.UNJUDGED, "The chart has nothing.")
    assert nothing_asked.verdict().credit == 0.0
