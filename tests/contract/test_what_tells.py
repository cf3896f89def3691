"""Hints that must not tell: place, time and id of a loaded result; and those that must: its status, its patient.

Each test plays a shortcut on the frozen cases and counts how often it finds what is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import gymnasium
import pytest

from mab_gym.cohort._spec import BEYOND as BEYOND_SPEC
from mab_gym.envs._scenario import Scenario
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking.case import Case
from tests.conftest import CANONICAL

BEYOND = "mab_gym/MedAgentBench-Beyond-v0"
LATEST = {
    "latest_magnesium": "MG", "replace_magnesium": "MG", "latest_glucose": "GLU", "replace_potassium": "K",
    "check_a1c": "A1C", "follow_inr": "INR", "dose_by_kidneys": "CREA",
}  # fmt: skip
"""Families that turn on the newest valid result of one kind."""
DEALT = {"follow_inr": "INR", "dose_by_kidneys": "CREA", "act_on_amended": "HGB"}
Resource = dict[str, Any]


@pytest.fixture(scope="module")
def places() -> dict[str, Scenario]:
    """The scenario of each family."""
    ten, beyond = (unwrapped(gymnasium.make(each)).scenario for each in (CANONICAL, BEYOND))
    return {name: place for place in (ten, beyond) for name in place.tasks.catalogue}


def cases(places: dict[str, Scenario], name: str) -> Iterable[Case]:
    return places[name].tasks.catalogue[name].cases


def results(place: Scenario, mrn: str, code: str, **more: str) -> list[Resource]:
    """A person's results in the order in which they come."""
    wanted = {"code:text": code} if code == "WT" else {"code": code}
    return list(place.chart.search("Observation", patient=mrn, _count="500", **wanted, **more))


def taken(result: Resource) -> datetime:
    return datetime.fromisoformat(result["effectiveDateTime"])


def valid(found: Iterable[Resource]) -> list[Resource]:
    return [each for each in found if each["status"] != "entered-in-error"]


def newest(found: Iterable[Resource]) -> Resource | None:
    return max(found, key=taken, default=None)


def share(hits: Iterable[bool]) -> float:
    counted = list(hits)
    assert len(counted) >= 20
    return sum(counted) / len(counted)


@pytest.mark.parametrize("name", [*LATEST, "mean_glucose"])
def test_a_fifth_of_cases_turn_on_a_status(name: str, places: dict[str, Scenario]) -> None:
    assert share(misled(places[name], name, case) for case in cases(places, name)) >= 0.2


def misled(place: Scenario, name: str, case: Case) -> bool:
    """A player who takes a result in error for valid has another value, or another mean and count."""
    code = LATEST.get(name, "GLU")
    everything = results(place, case["mrn"], code)
    if name == "mean_glucose":
        recent = [each for each in everything if taken(each) >= place.chart.now - timedelta(hours=24)]
        return len(recent) != len(valid(recent))
    if name == "dose_by_kidneys":
        weights = results(place, case["mrn"], "WT")
        if newest(weights) != newest(valid(weights)):
            return True
    last, right = newest(everything), newest(valid(everything))
    return last != right


@pytest.mark.parametrize(("name", "code"), DEALT.items())
@pytest.mark.parametrize(
    "key",
    [
        lambda each: each["meta"]["lastUpdated"],
        lambda each: int(each["id"]),
        lambda each: -int(each["id"]),
        lambda each: each["meta"]["versionId"],
    ],
    ids=["loaded last", "greatest id", "least id", "version"],
)
def test_neither_id_nor_time_of_loading_finds_the_result(
    name: str, code: str, key: Callable[[Resource], Any], places: dict[str, Scenario]
) -> None:
    found = [results(places[name], case["mrn"], code) for case in cases(places, name)]
    assert share(max(each, key=key) == newest(valid(each)) for each in found) <= 0.25
    assert share(max(each, key=key) == newest(each) for each in found) <= 0.25


def test_sorting_by_the_time_of_loading_finds_no_result(places: dict[str, Scenario]) -> None:
    for name, code in DEALT.items():
        place, hits = places[name], []
        for case in cases(places, name):
            first = next(place.chart.search("Observation", patient=case["mrn"], _sort="-_lastUpdated", _count="1"))
            hits.append(first["id"] == newest(results(place, case["mrn"], code))["id"])  # type: ignore[index]
        assert share(hits) <= 0.1


@pytest.mark.parametrize(("name", "code"), LATEST.items())
def test_the_newest_result_is_neither_the_first_nor_the_last_loaded(
    name: str, code: str, places: dict[str, Scenario]
) -> None:
    found = [results(places[name], case["mrn"], code) for case in cases(places, name)]
    several = [each for each in found if len(valid(each)) >= 3]
    for place in (0, -1):
        assert share(each[place] == newest(valid(each)) for each in several) <= 0.4


def test_loading_times_are_those_of_the_cohort_below(places: dict[str, Scenario]) -> None:
    """Nothing was loaded after the others: all came in the night, and every load brought many resources."""
    place = places["follow_inr"]
    assert BEYOND_SPEC.base.name == "canonical"
    for kind in ("Observation", "MedicationRequest", "AllergyIntolerance", "Condition"):
        last = next(place.chart.search(kind, _sort="-_lastUpdated", _count="1"))["meta"]["lastUpdated"]
        assert last < "2023-11-13T06"


def test_the_person_meant_is_not_the_first_of_the_name(places: dict[str, Scenario]) -> None:
    """The date of birth decides in some cases, and the order in a search by name is by chance."""
    place, first, several = places["record_allergy"], [], []
    for case in cases(places, "record_allergy"):
        given, family = case["name"].split(" ", 1)
        listed = list(place.chart.search("Patient", family=family, given=given, _count="100"))
        wanted = [p["id"] for p in listed if p["birthDate"] == case["birth_date"]]
        if case.branch == "nobody":
            continue
        like = list(place.chart.search("Patient", family=family, _count="100"))
        meant = next(p["id"] for p in like if p["id"] in wanted)
        first.append(like[0]["id"] == meant)
        namesakes = [p for p in like if p["name"][0]["given"][0] == given]
        several.append(len(namesakes) > 1 and namesakes[0]["id"] != meant)
    assert 0.3 <= sum(first) / len(first) <= 0.7
    assert sum(several) >= 0.15 * 30


def test_a_withdrawn_allergy_of_the_same_substance_is_frequent(places: dict[str, Scenario]) -> None:
    place, misleading = places["record_allergy"], 0
    for case in cases(places, "record_allergy"):
        given, family = case["name"].split(" ", 1)
        for person in place.chart.search("Patient", family=family, given=given, birthdate=case["birth_date"]):
            rows = list(place.chart.search("AllergyIntolerance", patient=person["id"], code=case["code"]))
            statuses = {row["verificationStatus"]["coding"][0]["code"] for row in rows}
            misleading += bool(statuses) and "confirmed" not in statuses
    assert misleading >= 0.15 * 30


def test_referrals_fit_age_and_priority(places: dict[str, Scenario]) -> None:
    for case in cases(places, "refer_orthopaedics"):
        text = json.dumps(case.params)
        age = int(text.split(" years")[0].rsplit(" ", 1)[1])
        assert "two weeks" not in text
        assert any(word in text for word in ("today", "immediate", "urgent"))
        if "cruciate" in text or "meniscus" in text:
            assert age <= 55
        if "from standing height" in text:
            assert age >= 60
