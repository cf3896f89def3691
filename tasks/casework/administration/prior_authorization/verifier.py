"""Judges the forms, what was sent to the plan, what was ordered, and what was told.

The rules are those of the page PHA-330, version 2024.2. Any way in which the rule about metformin is met counts, with
any row that proves it; dispenses count as proof if those that are cited cover three quarters of the days that all of
them cover (our choice). Sent along with the form may be whatever the policy names; all else is more than the minimum
(45 CFR 164.502(b)).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.casework import CaseJudge, DocumentDue, ItemDue, TestDue, Written
from mab_gym.casework.reading import concept_text, listed, member, references_in, references_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, number, once
from mab_gym.tasking.verdict import Verdict

from .arrivals import arrive, prescription_of, task_of
from .record import A1C

_STATUS = {"send": "in-progress", "wait": "on-hold", "decline": "rejected"}
_ENOUGH = 0.75
Request = Mapping[str, Any]


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges each request, then the whole."""
    requests = case["requests"]
    people = [each["mrn"] for each in requests]
    judge = CaseJudge(case, chart, result, people, once(result, "arrivals", lambda: arrive(case, chart)))
    sent = [_sent(judge, request) for request in requests]
    for place, request in enumerate(requests):
        form = judge.document(f"form.{place + 1}", _form(request), about=f"Patient/{request['mrn']}")
        _outcome(judge, case, place, request, sent[place], form)
    kept_back = [claims for claims, request in zip(sent, requests, strict=True) if request["decision"] != "send"]
    due = [claims for claims, request in zip(sent, requests, strict=True) if request["decision"] == "send"]
    if any(kept_back) or all(due):
        closed = all(
            _task_is(judge, case, place, request)
            for place, request in enumerate(requests)
            if request["decision"] != "send"
        )
        judge.deferral(
            due=True, done=closed and not any(kept_back), sentence="A request was sent that does not qualify."
        )
    else:
        judge.deferral(due=False, done=True, sentence="A request that qualifies was not sent.")
    judge.nothing_else()
    decisions = [each["decision"] for each in requests]
    judge.answer(*(number(decisions.count(each)) for each in _STATUS))
    return judge.verdict()


def _sent(judge: CaseJudge, request: Request) -> list[Written]:
    """Returns the claims that were written for a request."""
    patient = f"Patient/{request['mrn']}"
    return [each for each in judge.changes.created("Claim") if each.about == patient]


def _task_is(judge: CaseJudge, case: Case, place: int, request: Request) -> bool:
    written = judge.changes.of(task_of(case, place))
    return written is not None and written.get("status") == _STATUS[request["decision"]]


def _form(request: Request) -> DocumentDue:
    ways, against, a1c = request["ways"], request["against"], request["a1c"]
    proof = tuple(dict.fromkeys(address for found in ways.values() for address in found))
    return DocumentDue(
        kind="QuestionnaireResponse",
        statuses=("completed", "amended"),
        items=(
            ItemDue(link_id="diagnosis", is_true=request["diagnosis"]),
            ItemDue(link_id="a1c", absent=a1c is None, between=None if a1c is None else (a1c - 0.049, a1c + 0.049)),
            ItemDue(link_id="a1c-result", absent=a1c is None, references=tuple(request["a1c_results"])),
            ItemDue(link_id="a1c-rule", is_true=request["high"]),
            ItemDue(link_id="metformin-daily", between=(request["daily"] - 1, request["daily"] + 1)),
            ItemDue(link_id="metformin-rule", codes=tuple(ways) or ("none",)),
            ItemDue(link_id="metformin-evidence", absent=not ways, references=proof),
            ItemDue(link_id="against", codes=(against,)),
            ItemDue(link_id="against-evidence", absent=against == "none", references=tuple(request["against_proof"])),
            ItemDue(link_id="decision", codes=(request["decision"],)),
        ),
    )


def _outcome(
    judge: CaseJudge, case: Case, place: int, request: Request, claims: list[Written], form: Written | None
) -> None:
    """Checks what came of a request: the claim, the test, the message, and the Task."""
    name, patient, decision = str(place + 1), f"Patient/{request['mrn']}", request["decision"]
    task = judge.changes.of(task_of(case, place))
    judge.claim(task)
    done = task is not None and task.get("status") == _STATUS[decision]
    judge.checkpoint(f"task.{name}", done, f"The Task of {patient} is not {_STATUS[decision]}.")
    if decision == "send":
        judge.claim(*claims)
        _claim(judge, name, request, claims, form, prescription_of(case, place))
    else:
        judge.kept(f"sent.{name}", not claims, f"A Claim was written for {patient}, who does not qualify.")
        about = (task_of(case, place), prescription_of(case, place))
        judge.message(f"told.{name}", to=(request["prescriber"],), about=about, patient=patient)
    if decision == "wait":
        judge.requested(f"a1c.{name}", TestDue(codes=(A1C,), words=(r"a1c", r"glycated")), about=patient)


def _claim(
    judge: CaseJudge, name: str, request: Request, claims: list[Written], form: Written | None, prescription: str
) -> None:
    one = claims[0] if len(claims) == 1 else None
    head = (
        one is not None
        and one.get("status") == "active"
        and one.get("use") == "preauthorization"
        and request["prescriber"] in references_of(one.get("provider"))
        and request["payer"] in references_of(one.get("insurer"))
        and any(request["coverage"] in references_of(member(each, "coverage")) for each in listed(one.get("insurance")))
        and any(request["drug"] in concept_text(member(each, "productOrService")) for each in listed(one.get("item")))
    )
    told = f"There is no one active preauthorization by the prescriber to the plan for {request['drug']}."
    judge.checkpoint(f"claim.{name}", head, told)
    cited = set() if one is None else set(references_in({"info": one.get("supportingInfo")}))
    forms = [
        each.address
        for each in judge.changes.created("QuestionnaireResponse")
        if each.about == f"Patient/{request['mrn']}"
    ]
    with_form = form is not None and bool(cited & {form.address, *forms}) and bool(cited & set(request["a1c_results"]))
    enough = with_form and any(_proves(way, request, cited) for way in request["ways"])
    judge.checkpoint(f"proof.{name}", enough, "The Claim lacks the form, the A1c or what proves the metformin rule.")
    named = {*request["a1c_results"], *request["proof"], *forms, prescription, request["coverage"]}
    named |= {*request["fills"]} | {address for found in request["ways"].values() for address in found}
    more = {each for each in cited - named if not each.startswith(("Patient/", "Practitioner/", "Organization/"))}
    judge.kept(f"minimum.{name}", not more, f"The Claim sends more than the policy asks for: {sorted(more)[:4]}.")


def _proves(way: str, request: Request, cited: set[str]) -> bool:
    """Tells if references prove a way in which the rule about metformin is met."""
    if way != "dispensed":
        return bool(cited & set(request["ways"][way]))
    days = request["days"]
    every = {day for covered in days.values() for day in covered}
    shown = {day for address, covered in days.items() if address in cited for day in covered}
    return len(shown) >= _ENOUGH * len(every)
