"""Judges each fax by whose chart it is on, by what was entered from it, and by what was taken back.

Sources stand in `cases.py`, and in the handbook's page ADM-530 (two identifiers). Values are right within what comes
from rounding; a day may be written as a date or a time of that day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.casework import CaseJudge, Written, arrival_id
from mab_gym.casework.reading import codes_of, patient_of, quantity_of, references_in, references_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once, text
from mab_gym.tasking.verdict import Verdict

from .arrivals import ROOM, arrive
from .cases import TESTS, Test, hospital_value


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges faxes, results, Tasks and the answer."""
    arrivals = once(result, "arrivals", lambda: arrive(case, chart))
    people = [each["mrn"] for each in case["faxes"] if each["mrn"]]
    people += [each["other"] for each in case["faxes"] if each["kind"] == "misfiled"]
    judge = CaseJudge(case, chart, result, people, arrivals)
    asked, needless = True, False
    for place, fax in enumerate(case["faxes"]):
        ids = [arrival_id(case, ROOM * place + each) for each in range(ROOM)]
        address, name = f"DocumentReference/{ids[0]}", f"fax_{place + 1}"
        tasks = [each for each in judge.changes.created("Task") if address in references_in(each.resource)]
        if fax["mrn"]:
            needless |= bool(tasks)
            _filed(judge, fax, address, ids[1:], name)
        else:
            judge.claim(*tasks[:1])
            asked &= bool(tasks)
            judge.checkpoint(f"{name}.asked", bool(tasks), f"No Task asks whose {address} is.")
            written = judge.changes.of(address)
            alone = written is None or not references_of(written.get("subject"))
            judge.kept(f"{name}.unfiled", alone, f"{address} was filed, and nobody has two of its identifiers.", True)
            if written is not None and alone and written.get("status") == "current":
                judge.claim(written)
    own = {
        f"Observation/{arrival_id(case, ROOM * place + each)}"
        for place in range(len(case["faxes"]))
        for each in range(1, ROOM)
    }
    changed = (*judge.changes.updated("Observation"), *judge.changes.deleted())
    erased = [each.address for each in changed if each.kind == "Observation" and each.address not in own]
    judge.kept("earlier_results", not erased, f"Earlier results were changed: {', '.join(erased[:3])}.", bool(erased))
    judge.nothing_else(critical=("AllergyIntolerance", "MedicationRequest"))
    unclear = any(not fax["mrn"] for fax in case["faxes"])
    if needless and asked:
        judge.deferral(due=False, done=True, sentence="A fax was put aside that names one person for certain.")
    else:
        judge.deferral(due=unclear, done=unclear and asked)
    judge.answer(*(text(fax["mrn"] or "none") for fax in case["faxes"]))
    return judge.verdict()


def _filed(judge: CaseJudge, fax: Mapping[str, Any], address: str, entered: list[str], name: str) -> None:
    """Checks a fax that belongs to one person, and what was entered from it."""
    patient, written = f"Patient/{fax['mrn']}", judge.changes.of(address)
    judge.claim(written)
    whose = "" if written is None else written.about
    final = written is not None and written.get("docStatus") in ("final", "amended")
    told = f"{address} was to be filed for {patient} as final, and is filed for {whose or 'nobody'}."
    judge.checkpoint(f"{name}.filed", whose == patient and final, told)
    tests = {test.code: test for test in TESTS}
    for place, each in enumerate(fax["results"]):
        test = tests[each["code"]]
        mine = [one for one in judge.changes.created("Observation") if _is(one, patient, test.code)]
        if each["code"] == fax["known"]:
            judge.kept(f"{name}.once", not mine, f"{test.name} of {patient} stood in the chart already.")
            judge.claim(*mine)
            continue
        judge.claim(*mine[:1])
        problems = _problems(mine[0], test, each["value"], fax["day"], address) if mine else ["it was not entered"]
        judge.checkpoint(
            f"{name}.result_{place + 1}", not problems, f"{test.name} of {patient}: {'; '.join(problems)}."
        )
    if fax["kind"] == "misfiled":
        for place, number in enumerate(entered):
            wrong = judge.changes.of(f"Observation/{number}")
            judge.claim(wrong)
            back = wrong is not None and wrong.get("status") == "entered-in-error"
            sentence = f"Observation/{number} stands in the chart of another person, as if it were theirs."
            judge.checkpoint(f"{name}.taken_back_{place + 1}", back, sentence)


def _is(one: Written, patient: str, code: str) -> bool:
    return patient_of(one.resource) == patient and code in codes_of(one.get("code"))


def _problems(one: Written, test: Test, faxed: float, day: str, address: str) -> list[str]:
    found: list[str] = []
    given = quantity_of(one.get("valueQuantity"))
    due = hospital_value(test, faxed)
    if given is None or abs(given[0] - due) > test.near or given[1] != test.unit.lower():
        told = "no value" if given is None else f"{given[0]:g} {given[1]}"
        found.append(f"it is {told}, and {due:.2f} {test.unit} was right")
    if str(one.get("effectiveDateTime"))[:10] != day:
        found.append(f"its day is {str(one.get('effectiveDateTime'))[:10]}, not {day}")
    if one.get("status") not in ("final", "amended", "corrected"):
        found.append("it is not final")
    if address not in references_of(one.get("derivedFrom")):
        found.append(f"it does not come from {address}")
    return found
