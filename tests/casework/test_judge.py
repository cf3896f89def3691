"""The judge of casework: states and not requests, several right ways, documents by their parts, deferral."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from mab_gym.backends.embedded._backend import EmbeddedBackend, EmbeddedSession
from mab_gym.casework import CaseJudge, DocumentDue, DrugDue, ItemDue, SectionDue, TestDue, read_drug_order
from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.store._build import build_tables
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, number
from mab_gym.tasking.verdict import Verdict

JSON = {"content-type": "application/fhir+json"}
CASE = Case("made_up", 1, "usual", {"mrn": "H1"})
STOP = [{"op": "replace", "path": "/status", "value": "stopped"}]
PATIENTS = [{"resourceType": "Patient", "id": f"H{n}", "name": [{"family": "Nobody"}]} for n in (1, 2)]


def drug(name: str, **more: Any) -> dict[str, Any]:
    dosage = {
        "route": {"text": "oral"},
        "doseAndRate": [{"doseQuantity": {"value": 500, "unit": "mg"}}],
        "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
    }
    order = {"resourceType": "MedicationRequest", "status": "active", "intent": "order"}
    subject = {"subject": {"reference": "Patient/H1"}, "dosageInstruction": [dosage]}
    return {**order, "medicationCodeableConcept": {"text": name}, **subject, **more}


@cache
def backend() -> EmbeddedBackend:
    standing = {**drug("ibuprofen"), "id": "9"}
    return EmbeddedBackend({t.resource_type: t for t in build_tables([*PATIENTS, standing])}, "made up")


class Desk:
    """Writes to the record system, and has the result judged."""

    def __init__(self) -> None:
        self.chart = Chart(backend())
        self.session: EmbeddedSession = backend().open()

    def send(self, method: str, target: str, body: Any) -> None:
        kind = {"content-type": "application/json-patch+json"} if method == "PATCH" else JSON
        answer = self.session.handle(Request(method, target, kind, json.dumps(body)))
        assert answer.status in (200, 201), answer.body

    def judge(self, answer: str = "[]") -> CaseJudge:
        return CaseJudge(CASE, self.chart, Result(answer, tuple(self.session.writes)))


def words(verdict: Verdict) -> str:
    return " ".join(reason.text for reason in verdict.reasons)


def stop_and_order(judge: CaseJudge) -> Verdict:
    judge.stopped("stopped", "MedicationRequest/9", "Ibuprofen goes on.", critical=True)
    metformin = DrugDue(drugs=("metformin",), daily=(900, 1100), routes=("oral",))
    judge.drug("treated", metformin, DrugDue(drugs=("empagliflozin",)))
    judge.nothing_else()
    return judge.verdict()


def stopped(change: Callable[[Desk], None]) -> None:
    desk = Desk()
    change(desk)
    desk.send("POST", "MedicationRequest", drug("metformin"))
    verdict = stop_and_order(desk.judge())
    assert verdict.success, words(verdict)
    assert verdict.credit == 1


def test_an_order_is_stopped_by_patch_by_put_or_by_an_order_in_its_place() -> None:
    stopped(
        lambda desk: desk.send(
            "PATCH", "MedicationRequest/9", [{"op": "replace", "path": "/status", "value": "stopped"}]
        )
    )
    stopped(lambda desk: desk.send("PUT", "MedicationRequest/9", {**drug("ibuprofen", status="cancelled"), "id": "9"}))


def test_what_is_created_and_taken_back_is_nothing() -> None:
    desk = Desk()
    desk.send("POST", "MedicationRequest", drug("warfarin"))
    address = f"MedicationRequest/{desk.session.writes[0].logical_id}"
    desk.session.handle(Request("DELETE", address, {}, ""))
    verdict = stop_and_order(desk.judge())
    assert "warfarin" not in words(verdict)
    assert not any(name == "kept.nothing_else" and not met for name, met in verdict.criteria)


def test_nothing_earns_nothing_and_a_part_earns_a_part() -> None:
    assert stop_and_order(Desk().judge()).credit == 0
    desk = Desk()
    desk.send("PATCH", "MedicationRequest/9", STOP)
    part = stop_and_order(desk.judge())
    assert not part.success
    assert 0.3 < part.credit < 0.7


def test_what_nobody_needs_is_named_and_may_be_unsafe() -> None:
    desk = Desk()
    desk.send("POST", "MedicationRequest", drug("morphine"))
    assert stop_and_order(desk.judge()).unsafe
    desk = Desk()
    desk.send("POST", "MedicationRequest", drug("metformin", subject={"reference": "Patient/H2"}))
    verdict = stop_and_order(desk.judge())
    assert verdict.unsafe
    assert "is about Patient/H2" in words(verdict)


@pytest.mark.parametrize(
    ("order", "right"),
    [
        (drug("metformin"), True),
        (drug("Metformin 500 mg tablet"), True),
        (drug("metformin", dosageInstruction=[{"text": "500 mg by mouth BID"}]), True),
        (drug("metformin", dosageInstruction=[{"text": "2000 mg by mouth BID"}]), False),
        (drug("metformin", dosageInstruction="garbage"), False),
        (drug("metformin", medicationCodeableConcept=7), False),
    ],
)
def test_orders_are_read_as_a_pharmacist_reads_them(order: dict[str, Any], right: bool) -> None:
    read = read_drug_order(order, Desk().chart.now)
    due = DrugDue(drugs=("metformin",), amount=(450, 550), daily=(900, 1100), routes=("oral",), once=False)
    assert (not due.problems(read)) == right


def test_a_test_is_known_by_code_panel_or_name() -> None:
    due = TestDue(tests=("potassium",), priorities=("stat",))
    now = Desk().chart.now
    assert due.problems({"code": {"text": "Basic metabolic panel"}, "priority": "stat"}, now) == []
    assert (
        due.problems({"code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]}, "priority": "stat"}, now)
        == []
    )
    assert due.problems({"code": {"text": "potassium"}}, now)
    assert due.problems({"code": {"text": "hemoglobin"}, "priority": "stat"}, now)


COMPOSITION = {
    "resourceType": "Composition",
    "status": "final",
    "type": {"coding": [{"system": "http://loinc.org", "code": "18842-5"}]},
    "subject": {"reference": "Patient/H1"},
    "date": "2023-11-13",
    "author": [{"display": "me"}],
    "title": "x",
    "section": [
        {"code": {"coding": [{"code": "10183-2"}]}, "entry": [{"reference": "MedicationRequest/9"}], "title": "Drugs"}
    ],
}


def test_a_document_is_judged_by_its_parts() -> None:
    section = SectionDue(name="drugs", codes=("10183-2",), cites=(("MedicationRequest/9", "MedicationRequest/8"),))
    due = DocumentDue(codes=("18842-5",), sections=(section, SectionDue(name="plan", codes=("18776-5",))))
    desk = Desk()
    desk.send("POST", "Composition", COMPOSITION)
    judge = desk.judge()
    judge.document("summary", due)
    judge.nothing_else()
    verdict = judge.verdict()
    assert dict(verdict.criteria) == {
        "checkpoint.summary.form": True,
        "checkpoint.summary.drugs": True,
        "checkpoint.summary.plan": False,
        "kept.nothing_else": True,
    }
    forbidden = SectionDue(name="drugs", codes=("10183-2",), forbids=("MedicationRequest/9",))
    assert forbidden.problems(COMPOSITION["section"])  # type: ignore[arg-type]


def test_items_of_a_questionnaire() -> None:
    answered = {
        "item": [{"linkId": "1", "item": [{"linkId": "1.1", "answer": [{"valueDecimal": 7.2}]}]}, {"linkId": "2"}]
    }
    due = DocumentDue(
        kind="QuestionnaireResponse",
        items=(
            ItemDue(link_id="1.1", between=(7, 7.5)),
            ItemDue(link_id="2", absent=True),
            ItemDue(link_id="3", is_true=False),
        ),
    )
    found = {name: not problems for name, problems in due.findings(answered, Desk().chart.now)}
    assert found == {"form": False, "1.1": True, "2": True, "3": False}


@pytest.mark.parametrize(
    ("due", "done", "told", "solved"),
    [
        (True, True, "deferred", True),
        (False, False, "acted", True),
        (True, False, "under", False),
        (False, True, "over", False),
    ],
)
def test_deferral_is_told_in_the_verdict(due: bool, done: bool, told: str, solved: bool) -> None:
    judge = Desk().judge()
    judge.checkpoint("work", True, "")
    judge.deferral(due, done)
    verdict = judge.verdict()
    assert (verdict.deferral, verdict.success) == (told, solved)
    assert verdict.to_dict()["deferral"] == told


def test_an_answer_scales_what_was_done_and_earns_nothing_alone() -> None:
    judge = Desk().judge("[7]")
    judge.checkpoint("work", False, "It was not done.")
    judge.answer(number(7))
    assert judge.verdict().credit == 0


GARBAGE: list[Any] = [
    None,
    7,
    "x",
    [],
    {},
    [None],
    [{"reference": 7}],
    {"coding": 3},
    [[[[]]]],
    {"repeat": {"when": {}}},
    "é\u2028",
]


@pytest.mark.parametrize("value", GARBAGE, ids=str)
def test_nothing_that_is_written_makes_a_judge_raise(value: Any) -> None:
    kinds = ("MedicationRequest", "ServiceRequest", "Communication", "Task", "Composition", "QuestionnaireResponse")
    names = ("subject", "code", "payload", "recipient", "section", "item", "dosageInstruction", "restriction", "status")
    now = Desk().chart.now
    for kind in kinds:
        resource: dict[str, Any] = {
            "resourceType": kind,
            "status": "active",
            "intent": "order",
            **dict.fromkeys(names, value),
        }
        resource["medicationCodeableConcept"] = value
        read_drug_order(resource, now)
        read_drug_order({**drug("metformin"), "dosageInstruction": value}, now)
        TestDue(tests=("potassium",), codes=("1",), words=("x",)).names(resource)
        due = DocumentDue(
            sections=(SectionDue(name="a", codes=("1",)),),
            items=(ItemDue(link_id="1", between=(0, 1)),),
            cites=(("A/1",),),
        )
        list(due.findings(resource, now))
