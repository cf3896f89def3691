"""Expects one Observation with this reading, for this patient, now."""

from __future__ import annotations

import re

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due_record import ObservationDue
from mab_gym.tasking.meaning.people import Person
from mab_gym.tasking.meaning.terms import LOINC
from mab_gym.tasking.verdict import Verdict

_CATEGORY_SYSTEMS = frozenset(
    {"http://terminology.hl7.org/CodeSystem/observation-category", "http://hl7.org/fhir/observation-category"}
)
MEASURED = Concept(
    "", "BP", ("bp", "blood pressure"), frozenset({(LOINC, "85354-9"), (LOINC, "55284-4")})
)  # fmt: skip


def _interpretations(systolic: int, diastolic: int) -> frozenset[str]:
    """Returns the interpretations that fit a reading: raised from 140/90, low below 90 (ESC/ESH 2018; shock index)."""
    if systolic >= 140 or diastolic >= 90:
        return frozenset({"h", "hh", "a", "high", "abnormal"})
    if systolic < 90:
        return frozenset({"l", "ll", "a", "low", "abnormal"})
    return frozenset(
        {"n", "normal"} if systolic < 130 and diastolic < 85 else {"n", "normal", "h", "high", "a", "abnormal"}
    )


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the writes; the answer adds nothing to them."""
    judge = Judge(result)
    systolic, diastolic = (int(part) for part in re.findall(r"\d+", case["reading"])[:2])
    judge.orders(
        ObservationDue(
            person=Person.of(chart, case["mrn"]),
            now=chart.now,
            measured=MEASURED,
            category=(_CATEGORY_SYSTEMS, "vital-signs"),
            reading=case["reading"],
            parts={"8480-6": systolic, "8462-4": diastolic},
            interpretations=_interpretations(systolic, diastolic),
        )
    )
    return judge.verdict()
