"""Stays and casework on a real HAPI FHIR in Docker, where a snapshot of the living hospital is there already.

Loading it takes a quarter of an hour, so no test does: ``mab-gym hapi up``, ``mab-gym hapi load hospital``,
``mab-gym hapi snapshot hospital``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import pytest

from mab_gym.backends._state import difference, state_of
from mab_gym.backends.container._engine import Engine, Image
from mab_gym.backends.container._process_lock import this_process
from mab_gym.client._transport import Transport
from mab_gym.runs._driver import unwrapped
from tests.casework.playing import ENV, FAMILIES
from tests.container.conftest import in_containers, snapshot_of
from tests.contract.test_stays import FAMILIES as STAYS
from tests.contract.test_stays import HOSPITAL, played

pytestmark = pytest.mark.timeout(900)
_TYPES = (
    "AdverseEvent", "AllergyIntolerance", "Appointment", "Claim", "Communication", "Composition", "Condition",
    "DiagnosticReport", "DocumentManifest", "DocumentReference", "Immunization", "MedicationAdministration",
    "MedicationRequest", "MedicationStatement", "NutritionOrder", "Observation", "QuestionnaireResponse",
    "ServiceRequest", "Slot", "Specimen", "Task",
)  # fmt: skip


@pytest.fixture(scope="module")
def snapshot(engine: Engine) -> Image:
    """A snapshot of the living hospital, where one is there."""
    found = snapshot_of(engine, "hospital")
    if found is None:
        pytest.skip(
            "no snapshot of the living hospital here: mab-gym hapi load hospital, mab-gym hapi snapshot hospital"
        )
    return found


@pytest.fixture(scope="module")
def there(snapshot: Image) -> Iterator[gymnasium.Env[Any, str]]:
    with in_containers(ENV, snapshot) as made:
        yield made


@pytest.fixture(scope="module")
def here() -> gymnasium.Env[Any, str]:
    return gymnasium.make(ENV)


@pytest.mark.parametrize("name", FAMILIES)
def test_one_case_of_each_family_has_the_same_verdict(
    name: str, here: gymnasium.Env[Any, str], there: gymnasium.Env[Any, str]
) -> None:
    case = unwrapped(here).scenario.tasks.catalogue[name].cases[0]
    expected, found = played(here, case), played(there, case)
    assert found["verdict"] == expected["verdict"]
    assert found["verdict"]["success"], found["verdict"]


def test_a_stay_leaves_the_server_as_it_was(there: gymnasium.Env[Any, str], engine: Engine) -> None:
    there.reset(seed=1)
    there.step("GET http://localhost:8080/fhir/Patient?_count=1")
    there.reset(seed=1)
    (server,) = [each for each in engine.containers(owner=this_process().name) if each.status == "running"]
    transport = Transport(server.base_url, timeout=60)
    before = state_of(transport, _TYPES)
    case = unwrapped(there).scenario.tasks.catalogue["heparin_nomogram"].cases[0]
    assert played(there, case)["verdict"]["success"]
    there.reset(seed=1)
    assert difference(transport, before, _TYPES) is None
    transport.close()


def test_the_hospital_of_stays_alone_is_the_same_records(snapshot: Image) -> None:
    with in_containers(HOSPITAL, snapshot) as env:
        for name in STAYS:
            case = unwrapped(env).scenario.tasks.catalogue[name].cases[1]
            assert played(env, case)["verdict"]["success"]
