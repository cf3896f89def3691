"""Orders before a judge, by value: what is found of each write, its names, its worth, and how much is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking.judging import Judge, Result, number
from mab_gym.tasking.meaning._said import Order
from mab_gym.tasking.meaning.due import Check, Due
from mab_gym.tasking.meaning.units import amount
from mab_gym.tasking.verdict import Code
from tests.tasking.judged import SOLVED, found, judge_of, met, write
from tests.tasking.meaning.people import GIVEN, NOW, PERSON, TESTED, medication, service

MADE = {name: value for name, value in GIVEN.items() if name != "resourceType"}
DRUG = write("MedicationRequest", **MADE)
FOR_ANOTHER = write("MedicationRequest", **{**MADE, "subject": {"reference": "Patient/S2"}})
TEST = write("ServiceRequest", **{name: value for name, value in TESTED.items() if name != "resourceType"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreeing(Due):
    """A drug that is due, whose comparisons with any order come out as told."""

    resource_type: ClassVar[str] = "MedicationRequest"

    checked: tuple[Check, ...]
    asked: list[Order] = field(default_factory=list, compare=False)

    @classmethod
    def of(cls, *agreements: bool, critical: bool = False) -> Agreeing:
        """One comparison for each."""
        checked = tuple(Check("note", met, Code.WRONG_NOTE, "It is odd.", critical) for met in agreements)
        return cls(person=PERSON, now=NOW, checked=checked)

    def checks(self, order: Order) -> Iterator[Check]:
        self.asked.append(order)
        return iter(self.checked)


def judged(*writes: Write, dues: tuple[Due, ...] = (medication(),), answer: str = '["something"]') -> Judge:
    """A judge who has looked at the orders."""
    judge = judge_of(*writes, answer=answer)
    judge.orders(*dues)
    return judge


def about(judge: Judge, *names: str) -> list[bool | None]:
    """These criteria; None where one was not looked at."""
    return [met(judge).get(name) for name in names]


@pytest.mark.parametrize(
    ("writes", "criteria"),
    [
        ((DRUG,), [True, True, True]),
        ((FOR_ANOTHER,), [True, False, True]),
        ((DRUG, TEST), [True, True, False]),
        ((DRUG, FOR_ANOTHER), [True, True, False]),
        ((DRUG, DRUG), [True, True, True]),
        ((), [False, None, True]),
        ((TEST,), [False, None, False]),
    ],
)
def test_criteria_of_an_order(writes: tuple[Write, ...], criteria: list[bool | None]) -> None:
    names = ("MedicationRequest.written", "MedicationRequest.patient", "written.nothing_else")
    assert about(judged(*writes), *names) == criteria


def test_criteria_of_a_missing_order_are_no_more_than_that() -> None:
    assert met(judged()) == {"MedicationRequest.written": False, "written.nothing_else": True}
    assert met(judged(dues=())) == {"written.nothing_else": True}


def test_each_of_two_drugs_is_judged_by_its_own_due() -> None:
    small = medication(dose=amount(20, "meq"))
    judge = judged(DRUG, dues=(small, medication()))
    assert found(judge) == [("write_missing", False)]
    assert about(judge, "MedicationRequest.written", "MedicationRequest.written#2") == [False, True]
    twice = judged(DRUG, DRUG, dues=(small, medication()))
    assert found(twice) == [("wrong_dose", True)]
    assert about(twice, "dosage.dose", "dosage.dose#2") == [False, True]


def test_each_kind_of_order_is_judged_by_what_is_due_of_it() -> None:
    assert found(judged(TEST, DRUG, dues=(medication(), service()))) == SOLVED
    assert found(judged(DRUG, DRUG, dues=(medication(), service()))) == [
        ("write_duplicate", True), ("write_missing", False),
    ]  # fmt: skip


def test_what_was_written_is_told_with_its_kind_and_number() -> None:
    def told(*writes: Write, dues: tuple[Due, ...]) -> list[str]:
        return [reason.text for reason in judged(*writes, dues=dues).verdict().reasons]

    drug, harmful = (medication(),), (medication(harm="It harms."),)
    assert told(DRUG, DRUG, DRUG, dues=drug) == ["3 MedicationRequest resources were written; 1 due."] * 2
    assert told(dues=harmful) == ["No MedicationRequest was written, but one was due.", "It harms."]
    assert told(DRUG, write("Observation"), dues=drug) == ["An Observation was written that nobody asked for."]
    assert told(DRUG, write("Task"), dues=drug) == ["A Task was written that nobody asked for."]


def test_a_write_that_leaves_nothing_behind_is_no_order() -> None:
    gone = Write("create", "MedicationRequest", "1", None, "")
    assert found(judged(gone)) == [("write_missing", False), ("write_unexpected", True)]
    assert found(judged(write("MedicationRequest", "update", **MADE))) == found(judged(gone))


def test_a_resource_is_of_the_type_that_it_is_stored_as() -> None:
    assert found(judged(Write("create", "MedicationRequest", "1", MADE, ""))) == SOLVED


@pytest.mark.parametrize(
    ("answer", "credit"), [("[1, 2]", 0.8333), ("[1, 3]", 0.625), ("[1, 2, 3]", 0.8333), ("[0, 0]", 0.0), ("x", 0.0)]
)
def test_an_answer_is_half_of_what_is_earned_beside_orders(answer: str, credit: float) -> None:
    whole, half = Agreeing.of(True), Agreeing.of(True, False)
    judge = judged(DRUG, DRUG, dues=(whole, half), answer=answer)
    judge.answer(number(1), number(2))
    assert judge.verdict().credit == credit


def test_remarks_of_all_orders_that_were_not_read_are_named() -> None:
    drug = write("MedicationRequest", **MADE, note=[{"text": "Thank you."}])
    small = medication(dose=amount(20, "meq"))
    dosage = {**MADE["dosageInstruction"][0], "doseAndRate": [{"doseQuantity": {"value": 20, "unit": "mEq"}}]}
    other = write("MedicationRequest", **{**MADE, "dosageInstruction": [dosage]}, note=[{"text": "a"}, {"text": "b"}])
    (solved,) = judged(drug, other, dues=(medication(), small)).verdict().reasons
    assert solved.text.endswith("Not read: note[0].text, note[0].text, note[1].text.")


def test_how_critical_a_difference_is_comes_from_its_comparison() -> None:
    for critical in (False, True):
        due = Agreeing.of(False, critical=critical)
        assert found(judged(DRUG, dues=(due,))) == [("wrong_note", critical)]


def test_an_order_is_compared_with_each_due_once_however_often_it_is_judged() -> None:
    known: dict[Any, Any] = {}
    dues = (Agreeing.of(True), Agreeing.of(True, True))
    for _ in range(3):
        judge = Judge(Result("[]", (DRUG, FOR_ANOTHER), known))
        judge.orders(*dues)
        assert judge.verdict().success
    assert [len(due.asked) for due in dues] == [2, 2]


def test_results_are_alike_whatever_was_read_of_them() -> None:
    read = Result("[1]", (DRUG,), {"read": "before"})
    assert read == Result("[1]", (DRUG,))
    assert "before" not in repr(read)


@pytest.mark.parametrize(("room", "codes"), [(1, {"write_unexpected"}), (0, {"wrong_patient", "write_unexpected"})])
def test_what_comes_after_thirty_thousand_characters_and_values_is_not_read(room: int, codes: set[str]) -> None:
    of_ten_thousand = write("MedicationRequest", note="x" * (10_000 - 1 - len("MedicationRequest")))
    long = write("MedicationRequest", note="x" * (10_000 - 1 - len("MedicationRequest") - room))
    judge = judged(of_ten_thousand, of_ten_thousand, long, DRUG)
    assert {code for code, _ in found(judge)} & {"wrong_patient", "write_unexpected"} == codes
