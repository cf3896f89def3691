"""A stay on the clock has the same verdict on a FHIR server over HTTP, and leaves it as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gymnasium
import pytest

from mab_gym.backends.remote._kind import open_remote
from mab_gym.fhir.http._server import FhirSession, Request
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply
from tests.backends.hospital import Hospital, hospital

HOSPITAL = "mab_gym/Hospital-v0"
NOW = "2024-11-12T08:00:00-05:00"
FAMILIES = ("titrate_electrolytes", "heparin_nomogram", "inpatient_insulin")
TYPES = ("Communication", "MedicationAdministration", "MedicationRequest", "Observation", "ServiceRequest")


@pytest.fixture(scope="module")
def here() -> gymnasium.Env[Any, str]:
    return gymnasium.make(HOSPITAL)


@pytest.fixture
def place(here: gymnasium.Env[Any, str]) -> Iterator[Hospital]:
    """The living hospital behind a socket."""
    session = unwrapped(here).scenario.backend.open()
    assert isinstance(session, FhirSession)
    with hospital(session) as running:
        yield running


def played(env: gymnasium.Env[Any, str], case: Case) -> dict[str, Any]:
    """Plays the gold solution, which names orders by the ids that it is told."""
    scenario = unwrapped(env).scenario
    env.reset(seed=1, options={"case": case.id})
    solution = scenario.tasks.catalogue[case.family].solve(case, Desk(scenario.backend.base_url, scenario.backend.now))
    action = next(solution)
    while True:
        observation, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return info
        action = solution.send(Reply(observation["status"], observation["fhir"]))


def state(place: Hospital, mrn: str) -> dict[str, list[str]]:
    """Returns a person's resources as they are, without versions and times of storing."""

    def told(resource_type: str) -> list[str]:
        answer = place.session.handle(Request("GET", f"{resource_type}?subject=Patient/{mrn}&_count=1000"))
        found = [entry["resource"] for entry in json.loads(answer.body).get("entry", ())]
        return sorted(json.dumps({**each, "meta": None}, sort_keys=True) for each in found)

    return {each: told(each) for each in TYPES}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_stay_over_http_has_the_same_verdict_and_leaves_nothing(
    name: str, here: gymnasium.Env[Any, str], place: Hospital
) -> None:
    cases = unwrapped(here).scenario.tasks.catalogue[name].cases
    case = next(each for each in cases if name != "heparin_nomogram" or "ultrasound" in each["finding"])
    before = state(place, case["mrn"])
    env = gymnasium.make(HOSPITAL, backend="remote", server=place.base, writes="undone", now=NOW)
    info = played(env, case)
    assert info["verdict"] == played(here, case)["verdict"]
    assert info["verdict"]["success"]
    env.reset(seed=2)
    env.close()
    open_remote.cache_clear()
    assert state(place, case["mrn"]) == before
