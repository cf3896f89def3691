"""The allergy on the record of the person meant, once, and of nobody else; and who that is."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, said, text
from mab_gym.tasking.orders import RXNORM, coded_alone, not_plain
from mab_gym.tasking.verdict import Code, Verdict

from .cases import bearers, known, meant

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance"


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges what was recorded and the answer."""
    judge = Judge(result)
    mrn = meant(chart, case["name"], case["birth_date"])
    if mrn is None or case["code"] in known(chart, mrn):
        judge.nothing_written("nobody is of this name and date of birth" if mrn is None else "it is on record")
    elif (written := judge.written("AllergyIntolerance")) is not None:
        (allergy,) = written
        judge.subject({"subject": allergy.get("patient")}, mrn)
        not_plain(judge, allergy)
        coded_alone(judge, allergy.get("code"), RXNORM, case["code"], "substance")
        for name, kind, wanted in (
            ("clinicalStatus", "clinical", "active"),
            ("verificationStatus", "verification", "confirmed"),
        ):
            coded_alone(judge, allergy.get(name), f"{_TERMINOLOGY}-{kind}", wanted, name, critical=False)
        judge.field(allergy, "criticality", "high", Code.WRONG_PRIORITY)
        judge.at(allergy, "recordedDate", chart.now)
    if mrn is None:
        judge.answer(said(text("none")), text(bearers(chart, case["name"])[0]))
    else:
        judge.answer(text(mrn), said(text("known" if case["code"] in known(chart, mrn) else "recorded")))
    return judge.verdict()
