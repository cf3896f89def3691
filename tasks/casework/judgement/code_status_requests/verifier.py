"""Judges each request by its end, what was done to orders and drafts, who was told or paged, and what holds now.

Sources stand in `cases.py`, and in the handbook's pages ADM-510 and ADM-501.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.casework import CaseJudge, arrival_id
from mab_gym.casework.reading import codes_of, patient_of, text_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once, text
from mab_gym.tasking.verdict import Verdict

from .arrivals import arrive

_ENDED = ("revoked", "completed", "stopped", "cancelled", "entered-in-error")
_REJECTED = ("rejected", "cancelled", "failed")


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges Tasks, drafts, orders, messages and the answer."""
    arrivals = once(result, "arrivals", lambda: arrive(case, chart))
    judge = CaseJudge(case, chart, result, [each["mrn"] for each in case["requests"]], arrivals)
    under, over = False, False
    for place, request in enumerate(case["requests"]):
        paged, needed = _judge(judge, case, place, request)
        under |= needed is True and not paged
        over |= paged and needed is False
    judge.nothing_else(critical=("ServiceRequest", "Consent", "Procedure", "MedicationRequest"))
    if over and not under:
        judge.deferral(due=False, done=True, sentence="An attending was paged about what the protocol answers.")
    else:
        judge.deferral(due=True, done=not under and bool(result.writes))
    judge.answer(*(text(request["holds"]) for request in case["requests"]))
    return judge.verdict()


def _judge(judge: CaseJudge, case: Case, place: int, request: Mapping[str, Any]) -> tuple[bool, bool | None]:
    """Judges one request; returns if the attending was paged, and if that was due: None where it is as one likes."""
    patient, end = f"Patient/{request['mrn']}", request["end"]
    task, draft = f"Task/{arrival_id(case, 2 * place)}", f"ServiceRequest/{arrival_id(case, 2 * place + 1)}"
    topics = (task, draft, request["order"])
    name, asker, attending = f"request_{place + 1}", request["asker"], request["attending"]
    judge.claim(*judge.messages(to=(asker, attending, request["nurse"]), patient=patient))
    written, now = judge.changes.of(task), judge.changes.of(draft)
    judge.claim(written)
    status = "requested" if written is None else str(written.get("status"))[:20]
    after = "draft" if now is None else str(now.get("status"))[:20]
    paged = bool(judge.messages(to=(attending,), about=topics, urgent=True, patient=patient))
    told = bool(judge.messages(to=(asker,), about=topics, patient=patient))
    if end == "carry_out":
        judge.checkpoint(f"{name}.task", status == "completed", f"{task} is {status}, and it could be carried out.")
        if request["kind"] == "tube_dnr":
            judge.claim(now)
            judge.checkpoint(f"{name}.draft", after == "active", f"{draft} was to go out: the patient accepts a tube.")
        elif request["kind"] == "agent":
            _changed(judge, name, request, patient)
        else:
            judge.checkpoint(f"{name}.told", told, f"{asker} was not told which code status holds.")
        return bool(judge.messages(to=(attending,), urgent=True, patient=patient)), False
    refused = end == "leave" and status in _REJECTED
    judge.checkpoint(f"{name}.task", refused or status == "on-hold", f"{task} is {status}, and it was to be left.")
    informed = told if refused else paged
    whom = f"{asker} was not told of it" if refused else f"{attending} was not paged about it"
    judge.checkpoint(f"{name}.informed", informed, f"{task} was left, and {whom}.")
    if (after in _ENDED and end == "leave") or (now is not None and after == "draft"):
        judge.claim(now)
    if end == "leave" and request["kind"] in ("tube_dni", "theatre"):
        right = after in _ENDED if refused else after != "active"
        judge.checkpoint(f"{name}.draft", right and status != "requested", f"{draft} is {after}.", after == "active")
    return paged, True if end == "page" else None


def _changed(judge: CaseJudge, name: str, request: Mapping[str, Any], patient: str) -> None:
    """Checks that the agent's decision became the one order in force."""
    fitting = []
    for each in (*judge.changes.created("ServiceRequest"), *judge.changes.updated("ServiceRequest")):
        order = each.resource or {}
        if patient_of(order) == patient and order.get("status") == "active" and _says(order) == request["wish"]:
            fitting.append(each)
    judge.claim(*fitting[:1])
    judge.checkpoint(f"{name}.order", bool(fitting), f"No order {request['wish']} of {patient} is in force.")
    own = bool(fitting) and fitting[0].address == request["order"]
    ended = own or judge.ended(request["order"], _ENDED)
    judge.checkpoint(
        f"{name}.before", ended and bool(fitting), f"{request['order']} still holds beside it, or nothing does."
    )


def _says(order: Mapping[str, Any]) -> str:
    """Returns the code status that an order sets; empty for none."""
    words = text_of(order.get("code"))
    dnr = "resuscitate" in words or "dnr" in words or "304253006" in codes_of(order.get("code"))
    dni = "intubate" in words or "dni" in words
    return "dnr_dni" if dnr and dni else "dnr" if dnr else "full" if "full" in words else ""
