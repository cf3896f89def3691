"""Judges the summary by what each section refers to, and who gets it.

Parts: page ADM-520 (Joint Commission, RC.02.04.01; Kripalani S et al., JAMA 2007;297:831-841). Without the page, the
physician who sees the patient next need not get the summary, and any results are right that hold the last ones.
"""

from __future__ import annotations

from collections.abc import Iterable

from mab_gym.casework import CaseJudge, DocumentDue, SectionDue, arrival_id
from mab_gym.casework.reading import listed, references_in, references_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once
from mab_gym.tasking.verdict import Verdict

from .arrivals import AGAIN, CANCELLED, CHANGED, FALSE_CR, FALSE_K, IMAGE, NEW, REVOKED, TEST, VISIT, arrive

ENDED = ("stopped", "cancelled", "completed")
_KINDS = ("Composition", "Task", "MedicationRequest", "ServiceRequest", "Appointment", "Observation", "Condition")


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the Composition and what was sent."""
    judge = CaseJudge(case, chart, result, arrivals=once(result, "arrivals", lambda: arrive(case, chart)))
    by_the_page = result.knowledge != "none"
    due = DocumentDue(
        statuses=("final", "amended"),
        codes=("18842-5",),
        refers=(("encounter", (case["encounter"],)),),
        sections=tuple(_sections(case, by_the_page)),
    )
    written = judge.document("summary", due)
    if case.branch == "known_finding":
        cited = written is not None and _image(case) in _incidental(written.get("section"))
        judge.kept("no_finding", not cited, "A finding that is known and harmless stands among those that are due.")
    _into_line(judge, case)
    got = {
        one
        for each in judge.changes.created("Communication")
        if written is not None and written.address in references_of(each.get("about"))
        for one in references_of(each.get("recipient"))
    }
    judge.checkpoint("sent_to_doctor", case["doctor"] in got, "The family doctor did not get the summary.")
    if by_the_page:
        judge.checkpoint(
            "sent_to_next", case["next"][0] in got, "Whoever sees the patient next did not get the summary."
        )
    judge.nothing_else(*_KINDS)
    return judge.verdict()


def _into_line(judge: CaseJudge, case: Case) -> None:
    """Checks that earlier prescriptions have ended, and that somebody looks after a finding."""
    judge.stopped("ended.stopped", f"MedicationRequest/{case['drug_stopped'][1]}", "A drug that is stopped goes on.")
    if case["drug_changed"] is not None:
        old = f"MedicationRequest/{case['drug_changed'][4]}"
        judge.stopped("ended.changed", old, "The earlier dose of a drug goes on beside the new one.")
    again = judge.changes.of(f"MedicationRequest/{case['drug_again'][4]}")
    if again is not None and again.get("status") in ENDED:
        judge.claim(again)  # the same was prescribed again
    for number, report in enumerate(_findings(case)):
        judge.task(f"finding.{number}", owner=(case["doctor"],), focus=report)
    unsure = {one for each in case.params.get("findings_perhaps", ()) for one in each}
    for task in judge.changes.created("Task"):
        if unsure.intersection(references_of(task.get("focus"))) and case["doctor"] in references_of(task.get("owner")):
            judge.claim(task)


def _came(case: Case, kind: str, number: int) -> str:
    return f"{kind}/{arrival_id(case, number)}"


def _image(case: Case) -> str:
    return _came(case, "DocumentReference", IMAGE)


def _findings(case: Case) -> list[tuple[str, ...]]:
    """Returns the reports of findings with which something is due, each by all its addresses."""
    come = [] if case.branch == "known_finding" else [(_image(case),)]
    return [*come, *map(tuple, case.params.get("findings", ()))]


def _incidental(sections: object) -> set[str]:
    due = SectionDue(name="incidental", words=("incidental",))
    return {one for each in listed(sections)[:100] if due.is_this(each) for one in references_in(each)}


def _sections(case: Case, by_the_page: bool) -> Iterable[SectionDue]:
    """Yields what is due in each section."""
    yield SectionDue(
        name="diagnoses",
        codes=("11535-2",),
        cites=tuple(_addresses("Condition", each) for each in (case["principal"], *case["new"])),
        forbids=_addresses("Condition", case["over"]),
    )
    false = (_came(case, "Observation", FALSE_K), _came(case, "Observation", FALSE_CR))
    parts = _PARTS if by_the_page else ("last",)
    kept = [_addresses("Observation", each[part]) for each in case["results"].values() for part in parts]
    others = [one for each in case["results"].values() for one in _addresses("Observation", each["others"])]
    tables = tuple(others) if by_the_page else ()
    yield SectionDue(name="results", codes=("30954-2",), cites=tuple(kept), forbids=(*false, *tables))
    yield SectionDue(
        name="allergies",
        codes=("48765-2",),
        cites=tuple((f"AllergyIntolerance/{each}",) for each in case["allergies"]),
        forbids=_addresses("AllergyIntolerance", case["no_allergies"]),
    )
    yield from _drugs(case)
    looks = case["doctor"] if case["late_to_doctor"] else case["attending"]
    yield SectionDue(
        name="pending",
        words=("pending",),
        cites=((_came(case, "ServiceRequest", TEST),), *map(tuple, case["pending"]), (looks,)),
        forbids=(_came(case, "ServiceRequest", REVOKED),),
    )
    yield SectionDue(
        name="follow_up",
        codes=("18776-5",),
        cites=((_came(case, "Appointment", VISIT),),),
        forbids=(_came(case, "Appointment", CANCELLED),),
    )
    if findings := _findings(case):
        yield SectionDue(name="incidental", words=("incidental",), cites=tuple(findings))
    yield SectionDue(
        name="code_status",
        codes=("42348-3",),
        cites=((f"ServiceRequest/{case['code_status']}",),),
        forbids=_addresses("ServiceRequest", case["old_codes"]),
    )


_TITLE = r"^\W*(?:(?:medications?|medicines?|drugs?)\W+)?{}\b"
_PARTS = ("first", "worst", "last")


def _addresses(kind: str, numbers: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{kind}/{each}" for each in numbers)


def _drugs(case: Case) -> Iterable[SectionDue]:
    """Yields the three lists of drugs."""
    new = [_came(case, "MedicationRequest", NEW + place) for place in range(len(case["drugs_new"]))]
    again = _came(case, "MedicationRequest", AGAIN)
    changed = _came(case, "MedicationRequest", CHANGED)
    _, order, statement = case["drug_stopped"]
    going_on = case["drug_going_on"]
    stays = (f"MedicationRequest/{going_on[1]}",) if going_on is not None else ()
    yield SectionDue(
        name="drugs_new",
        words=(_TITLE.format("new"),),
        cites=tuple((each,) for each in new),
        forbids=(again, changed, *stays),
    )
    if case["drug_changed"] is not None:
        yield SectionDue(
            name="drugs_changed", words=(_TITLE.format("changed"),), cites=((changed,),), forbids=(again, *new)
        )
    gone = (f"MedicationRequest/{order}", *((f"MedicationStatement/{statement}",) if statement else ()))
    listed_again = f"MedicationRequest/{case['drug_again'][4]}"
    yield SectionDue(
        name="drugs_stopped",
        words=(_TITLE.format("stopped"),),
        cites=(gone,),
        forbids=(again, changed, *new, *stays, listed_again),
    )
