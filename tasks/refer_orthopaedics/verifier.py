"""Expects one referral with this text, for this patient, now."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due_service import ServiceDue
from mab_gym.tasking.meaning.people import Person
from mab_gym.tasking.meaning.terms import REFERRAL, SNOMED
from mab_gym.tasking.verdict import Verdict

REFERRAL_TO = Concept(SNOMED, "306181000000106", ("orthopaedic", "orthopedic", "orthopaedics", "orthopedics", "ortho"))


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the writes; the answer adds nothing to them."""
    judge = Judge(result)
    judge.orders(
        ServiceDue(
            person=Person.of(chart, case["mrn"]),
            now=chart.now,
            service=REFERRAL_TO,
            kind=REFERRAL,
            priority="stat",
            note=case["text"],
        )
    )
    return judge.verdict()
