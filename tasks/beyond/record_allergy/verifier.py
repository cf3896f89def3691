"""Expects the allergy on the right person's record, once, and on nobody else's; and the person's MRN."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, said, text
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due_record import AllergyDue
from mab_gym.tasking.meaning.people import Person
from mab_gym.tasking.meaning.terms import RXNORM
from mab_gym.tasking.verdict import Verdict

from .cases import bearers, known, meant

_NAMES = {
    "723": ("amoxicillin", "amoxycillin"),
    "1191": ("aspirin", "acetylsalicylic acid", "asa"),
    "2180": ("cefazolin", "cephazolin"),
    "10180": ("sulfamethoxazole", "sulphamethoxazole"),
}
"""Names of substances, with synonyms, by RxNorm code."""


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the writes and the answer."""
    judge = Judge(result)
    mrn = meant(chart, case["name"], case["birth_date"])
    if mrn is None or case["code"] in known(chart, mrn):
        judge.nothing_written("nobody is of this name and date of birth" if mrn is None else "it is on record")
    else:
        substance = Concept(RXNORM, case["code"], _NAMES.get(case["code"], (case["substance"],)))
        judge.orders(
            AllergyDue(
                person=Person.of(chart, mrn),
                now=chart.now,
                substance=substance,
                reaction=frozenset({"anaphyl", "39579001"}),
            )
        )
    if mrn is None:
        judge.answer(said(text("none")), text(bearers(chart, case["name"])[0]))
    else:
        judge.answer(text(mrn), said(text("known" if case["code"] in known(chart, mrn) else "recorded")))
    return judge.verdict()
