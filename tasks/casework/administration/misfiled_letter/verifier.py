"""Judges whose the letter was found to be, what was taken back, what was left, and who was told.

Two identifiers: Joint Commission, NPSG.01.01.01. Errors are marked and stay readable: AHIMA, Amendments, Corrections
and Deletions toolkit. Pages: ADM-501 (a mistake that reached the patient is paged; what can wait is not).
A mistake that reached nobody is reported, too, as a near miss: FHIR R4, AdverseEvent.actuality; AHRQ Common Formats.
Any status that ends an order, or takes an entry back, is right; so is any kind of Task for the physician.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import CaseJudge, DocumentDue, Written, note_text
from mab_gym.casework.reading import codes_of, concept_text, moment_of, references_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, number, once, text
from mab_gym.tasking.verdict import Verdict

from .arrivals import arrive, entered_at, entries_of, letter_of, task_of

_ENDED = ("stopped", "cancelled", "revoked", "entered-in-error")
_UNTRUE = {"entered-in-error", "refuted"}


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the work, by whose the letter is."""
    whose, mrn = case["whose"], case["mrn"]
    arrivals = once(result, "arrivals", lambda: arrive(case, chart))
    judge = CaseJudge(case, chart, result, [whose] if whose else [], arrivals)
    right_there = whose == mrn
    task = judge.changes.of(task_of(case))
    judge.claim(task)
    wanted = "rejected" if right_there else "completed"
    judge.checkpoint("task", task is not None and task.get("status") == wanted, f"The Task is not {wanted}.")
    changed = [each for each in judge.changes if each.differs and each.kind != "Task"]
    if right_there:
        judge.deferral(due=True, done=task is not None and not changed, sentence="The letter was right where it lay.")
    else:
        _taken_back(judge, case)
        _resumed(judge, case, [each for each in arrivals if each["resourceType"] == "MedicationRequest"])
        told = judge.messages(
            to=(case["author"],), about=(letter_of(case), *entries_of(case)), patient=f"Patient/{mrn}"
        )
        judge.claim(*told)
        paged = any(each.get("priority") in ("urgent", "asap", "stat") for each in told)
        judge.checkpoint("told", bool(told), f"{case['author']} was not told.")
        reached = case["reached"]
        page = "It reached the patient and was not paged." if reached else "It was paged, and could wait."
        judge.checkpoint("page", bool(told) and paged == reached, page)
        judge.document("report", _report_due(case, chart.now))
        if whose:
            _filed(judge, case, arrivals[0])
        else:
            _returned(judge, case)
    judge.nothing_else(critical=("MedicationRequest", "AllergyIntolerance", "MedicationDispense"))
    judge.answer(text(whose or "nobody"), number(0 if right_there else len(entries_of(case)) + 1))
    return judge.verdict()


def _report_due(case: Case, now: datetime) -> DocumentDue:
    """Returns the incident report: about the patient to whom it happened, and if it reached them."""
    happened = entered_at(now).replace(hour=0, minute=0)
    return DocumentDue(
        kind="AdverseEvent",
        statuses=(),
        refers=(
            ("subject", (f"Patient/{case['mrn']}",)),
            ("recorder", (case["nurse"],)),
            ("referenceDocument", (letter_of(case),)),
        ),
        values=(("actuality", ("actual" if case["reached"] else "potential",)),),
        days=(("date", (happened, happened + timedelta(days=1))),),
    )


def _taken_back(judge: CaseJudge, case: Case) -> None:
    """Checks that the letter and what came of it say that they are errors, and are still there."""
    letter = judge.changes.of(letter_of(case))
    judge.claim(letter)
    marked = letter is not None and letter.resource is not None and letter.get("status") == "entered-in-error"
    judge.checkpoint("letter", marked, "The letter on the wrong chart is not marked as entered in error.")
    for name, address in zip(("linked", "chain", "noted"), entries_of(case), strict=True):
        written = judge.changes.of(address)
        if written is not None and written.resource is not None:
            judge.claim(written)
        judge.checkpoint(f"taken_back.{name}", _is_over(written), f"{address} was not taken back.")


def _resumed(judge: CaseJudge, case: Case, orders: Sequence[Mapping[str, Any]]) -> None:
    """Checks that what was stopped because of the letter goes on: by its order, or by a new one for the same drug."""
    address = case["stopped"]
    before = next(each for each in orders if f"MedicationRequest/{each['id']}" == address)
    written = judge.changes.of(address)
    judge.claim(written)
    drug = codes_of(before["medicationCodeableConcept"])
    words = concept_text(before["medicationCodeableConcept"]).split()[:1]
    new = [
        each
        for each in judge.changes.created("MedicationRequest")
        if each.get("status") == "active"
        and each.about == f"Patient/{case['mrn']}"
        and (
            codes_of(each.get("medicationCodeableConcept")) & drug
            or any(word in concept_text(each.get("medicationCodeableConcept")) for word in words)
        )
    ]
    judge.claim(*new[:1])
    goes_on = (written is not None and written.get("status") == "active") or bool(new)
    judge.checkpoint("resumed", goes_on, f"{address} was stopped because of the letter, and does not go on again.")


def _is_over(written: Written | None) -> bool:
    if written is None or written.resource is None:
        return False
    if written.kind in ("Condition", "AllergyIntolerance"):
        return bool(codes_of(written.get("verificationStatus")) & _UNTRUE)
    return written.get("status") in _ENDED


def _filed(judge: CaseJudge, case: Case, letter: Mapping[str, Any]) -> None:
    """Checks the letter on the right chart, and the work that its reader gets."""
    whom = f"Patient/{case['whose']}"
    found = [each for each in judge.changes.created("DocumentReference") if each.about == whom]
    judge.claim(*found)
    one = found[0] if len(found) == 1 else None
    same = (
        one is not None
        and one.get("status") == "current"
        and note_text(one.resource or {}).strip() == note_text(letter).strip()
        and moment_of(one.get("date")) == moment_of(letter["date"])
        and bool(codes_of(one.get("type")) & codes_of(letter["type"]))
    )
    judge.checkpoint("filed", same, f"The letter does not lie on the chart of {whom} as it was.")
    focus = tuple(each.address for each in found) or ("DocumentReference/none",)
    judge.task("handed", owner=(case["doctor"],), focus=focus, patient=whom)


def _returned(judge: CaseJudge, case: Case) -> None:
    """Checks that a letter about nobody was filed nowhere, and that its sender was told without a patient's name."""
    found = [
        each
        for each in judge.changes.created("Communication")
        if case["sender_address"] in references_of(each.get("recipient"))
    ]
    judge.claim(*found)
    about = any(letter_of(case) in references_of(each.get("about")) for each in found)
    judge.checkpoint("sender", about, f"{case['sender_address']} was not told about its letter.")
    judge.kept("unnamed", not any(each.about for each in found), "The sender was told of a patient.")
    filed = judge.changes.created("DocumentReference")
    judge.kept("unfiled", not filed, "The letter was filed, and is about nobody here.", critical=True)
