"""Families on charts made for them: right at every threshold, right at the end of every window, and without a value."""

from __future__ import annotations

import json
from typing import Any

import gymnasium
import pytest

from mab_gym.envs._scenario import Scenario
from mab_gym.fhir.store._overlay import Write
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking._catalogue import load_catalogue
from mab_gym.tasking._family import Family
from mab_gym.tasking._gold import play_gold
from mab_gym.tasking.case import Case
from mab_gym.tasking.judging import Result
from mab_gym.tasking.solving import Desk
from tests.conftest import ROOT
from tests.contract.second_reading import READINGS, Ward, coded, order

Row = tuple[float, str]
"""A value and when it was measured."""
DAY, HOUR = "2023-11-12T10:15:00+00:00", "2023-11-13T09:15:00+00:00"
"""Exactly a day ago, and an hour."""
BEFORE = "2023-11-12T10:14:00+00:00"
"""A minute more than a day ago."""
YEAR, OLDER = "2022-11-13T10:15:00+00:00", "2022-11-13T10:14:00+00:00"
ELSEWHERE = "2023-11-12T05:15:00-05:00"
"""Exactly a day ago in another zone."""

# Family, code, results, the answer, and how much is ordered (grams, milliequivalents, or how many orders).
TABLE: list[tuple[str, str, list[Row], list[Any], float]] = [
    ("latest_magnesium", "MG", [(2.0, HOUR)], [2.0, HOUR], 0),
    ("latest_magnesium", "MG", [(2.0, DAY)], [2.0, DAY], 0),
    ("latest_magnesium", "MG", [(2.0, ELSEWHERE)], [2.0, ELSEWHERE], 0),
    ("latest_magnesium", "MG", [(2.0, BEFORE)], [-1, 2.0, BEFORE], 0),
    ("latest_magnesium", "MG", [(1.0, DAY), (3.0, HOUR), (2.0, BEFORE)], [3.0, HOUR], 0),
    ("latest_glucose", "GLU", [(100, HOUR), (90, OLDER)], [100, HOUR], 0),
    ("latest_glucose", "GLU", [(90, OLDER)], [90, OLDER], 0),
    ("mean_glucose", "GLU", [(100, HOUR), (110, DAY), (300, BEFORE)], [105.0, 2], 0),
    ("mean_glucose", "GLU", [(100, "2023-11-13T10:15:00+00:00")], [100.0, 1], 0),
    ("mean_glucose", "GLU", [(100, HOUR), (500, "2023-11-13T10:16:00+00:00")], [100.0, 1], 0),
    ("mean_glucose", "GLU", [(300, BEFORE), (200, OLDER)], [-1, 300, BEFORE], 0),
    ("replace_magnesium", "MG", [(1.91, HOUR)], [1.91, HOUR], 0),
    ("replace_magnesium", "MG", [(1.9, HOUR)], [1.9, HOUR], 1),
    ("replace_magnesium", "MG", [(1.5, DAY)], [1.5, DAY], 1),
    ("replace_magnesium", "MG", [(1.49, HOUR)], [1.49, HOUR], 2),
    ("replace_magnesium", "MG", [(1.0, ELSEWHERE)], [1.0, ELSEWHERE], 2),
    ("replace_magnesium", "MG", [(0.99, HOUR)], [0.99, HOUR], 4),
    ("replace_magnesium", "MG", [(0.5, BEFORE)], [-1, 0.5, BEFORE], 0),
    ("replace_potassium", "K", [(3.6, HOUR)], [3.6, HOUR], 0),
    ("replace_potassium", "K", [(3.5, HOUR)], [3.5, HOUR], 0),
    ("replace_potassium", "K", [(3.4, HOUR)], [3.4, HOUR], 10),
    ("replace_potassium", "K", [(3.49, OLDER)], [3.49, OLDER], 1),
    ("replace_potassium", "K", [(2.0, HOUR), (3.5, DAY)], [2.0, HOUR], 150),
    ("check_a1c", "A1C", [(6.5, YEAR)], [6.5, YEAR], 0),
    ("check_a1c", "A1C", [(6.5, OLDER)], [6.5, OLDER], 1),
]


@pytest.fixture(scope="module")
def place() -> Scenario:
    return unwrapped(gymnasium.make("mab_gym/MedAgentBench-Beyond-v0")).scenario


@pytest.fixture(scope="module")
def nobody(place: Scenario) -> str:
    """The MRN of a patient without any result."""
    profiles = set(place.chart.profiles())
    return next(mrn for mrn in place.chart.patients() if mrn not in profiles)


def family_of(name: str) -> Family:
    return {**load_catalogue(), **load_catalogue(ROOT / "tasks" / "beyond")}[name]


def results(mrn: str, code: str, rows: list[Row], status: str = "final") -> list[dict[str, Any]]:
    """Observations to be laid over the chart."""
    return [
        {
            "resourceType": "Observation",
            "status": status,
            "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": code},
            "subject": {"reference": f"Patient/{mrn}"},
            "effectiveDateTime": when,
            "valueQuantity": {"value": value, "unit": "mg/dL"},
        }
        for value, when in rows
    ]


def ordered(writes: list[dict[str, Any]]) -> float:
    """The first dose that is ordered; where there is none, how many resources are written."""
    for write in writes:
        for dosage in write.get("dosageInstruction", []):
            return float(dosage["doseAndRate"][0]["doseQuantity"]["value"])
    return len(writes)


def solved(family: Family, case: Case, chart: Any, answer: list[Any], writes: list[dict[str, Any]]) -> bool:
    """True where the verifier finds nothing wrong."""
    done = [Write("create", each["resourceType"], "1", each, "") for each in writes]
    return family.verify(case, chart, Result(json.dumps(answer), done)).success


@pytest.mark.parametrize(("name", "code", "rows", "answer", "amount"), TABLE)
def test_at_a_threshold(
    name: str, code: str, rows: list[Row], answer: list[Any], amount: float, place: Scenario, nobody: str
) -> None:
    family, case = family_of(name), Case(name, 99, "any", {"mrn": nobody})
    newer = results(nobody, code, [(0.1, "2023-11-13T10:10:00+00:00")], "entered-in-error")
    laid_over = [*results(nobody, code, rows), *newer]
    chart = place.chart.with_laid_over(laid_over)
    read, writes = READINGS[name](Ward(place.backend, laid_over), case.params)
    assert (read, ordered(writes)) == (answer, amount)
    assert solved(family, case, chart, answer, writes)
    session = place.backend.open()
    session.prepare(laid_over)
    run = play_gold(family.solve, case, Desk(place.backend.base_url, place.backend.now), session)
    assert solved(family, case, chart, json.loads(run.answer), [dict(write) for write in run.writes])
    assert not solved(family, case, chart, [-1, *answer] if answer[0] != -1 else answer[1:], writes)
    # An order too few or one too many.
    assert not solved(family, case, chart, answer, writes[1:] if writes else [order("ServiceRequest", nobody)])


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("latest_magnesium", [-1]),
        ("latest_glucose", [-1]),
        ("mean_glucose", [-1]),
        ("replace_magnesium", [-1]),
        ("replace_potassium", [-1]),
        ("check_a1c", [-1]),
        ("dose_by_kidneys", [-1]),
        ("reconcile_medications", ["none", ""]),
    ],
)
def test_of_somebody_without_any_result(name: str, answer: list[Any], place: Scenario, nobody: str) -> None:
    family, case = family_of(name), Case(name, 99, "any", {"mrn": nobody})
    due = {"check_a1c": "4548-4", "dose_by_kidneys": "2160-0"}.get(name)
    laboratory = order("ServiceRequest", nobody, priority="stat", code=coded("http://loinc.org", due or "718-7"))
    writes = [laboratory] if due else []
    assert solved(family, case, place.chart, answer, writes)
    assert not solved(family, case, place.chart, answer, [] if due else [laboratory])
    assert not solved(family, case, place.chart, [*answer, 1], writes)
    for wrong in ([0], [-2], [], ["none", "x"], ["x", ""]):
        assert not solved(family, case, place.chart, wrong, writes)


def test_a_ratio_without_warfarin_cannot_be_followed_up(place: Scenario, nobody: str) -> None:
    chart = place.chart.with_laid_over(results(nobody, "INR", [(2.5, HOUR)]))
    verdict = family_of("follow_inr").verify(Case("follow_inr", 99, "any", {"mrn": nobody}), chart, Result("[2]", []))
    assert [reason.code for reason in verdict.reasons] == ["unjudged"]


@pytest.mark.parametrize("name", ["follow_inr", "act_on_amended"])
def test_what_a_chart_without_it_cannot_judge(name: str, place: Scenario, nobody: str) -> None:
    verdict = family_of(name).verify(Case(name, 99, "any", {"mrn": nobody}), place.chart, Result("[1]", []))
    assert [reason.code for reason in verdict.reasons] == ["unjudged"]
    assert verdict.reasons[0].text.startswith("The chart has no ")
    assert verdict.credit == 0.0
