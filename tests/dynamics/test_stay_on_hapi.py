"""A stay on a real HAPI FHIR server, where one runs: ``MAB_GYM_TEST_HAPI=http://localhost:8080/fhir``, with expunge."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from mab_gym.backends._state import State, difference, state_of
from mab_gym.backends.remote._backend import RemoteBackend
from mab_gym.client._transport import Transport
from mab_gym.fhir.http._exchange import FHIR_JSON, Request
from tests.dynamics.stays import RESOURCES, Ward, dosage, drug, every, requested

TYPES = (
    "Communication", "DiagnosticReport", "Encounter", "MedicationAdministration", "MedicationRequest", "Observation",
    "Organization", "Patient", "Practitioner", "ServiceRequest", "Specimen",
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[Transport]:
    base = os.environ.get("MAB_GYM_TEST_HAPI")
    if base is None:
        pytest.skip("no HAPI FHIR server to play a stay on: MAB_GYM_TEST_HAPI names none")
    transport = Transport(base, timeout=60)
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in RESOURCES
    ]
    bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert transport.send(Request("POST", "", {"content-type": FHIR_JSON}, bundle)).status == 200
    yield transport
    transport.close()


def played(ward: Ward) -> list[Any]:
    """Plays a stay, and returns what became of it."""
    order = ward.post(drug("potassium chloride", dosage(20, route="iv", rate=(10, "meq/h"), timing=every(6))))
    ward.post(requested("basic metabolic panel", "stat"))
    ward.post(requested("potassium", occurrenceTiming=every(4)))
    ward.post(drug("moonshine", dosage(1, "mg")))
    ward.wait(12, "h")
    ward.post(drug("potassium chloride", dosage(10), priorPrescription={"reference": order}))
    ward.wait(6, "h")
    found = ward.found("Observation?code=2823-3&_sort=date")
    values = [(each["effectiveDateTime"], each["valueQuantity"]["value"]) for each in found]
    given = [each["status"] for each in ward.found("MedicationAdministration?_sort=effective-time")]
    refused = [each["payload"][0]["contentString"][-40:] for each in ward.found("Communication")]
    done = sorted(each["status"] for each in ward.found("ServiceRequest"))
    return [values, given, refused, done]


def test_a_stay_goes_the_same_way_and_leaves_nothing(server: Transport) -> None:
    before: State = state_of(server, TYPES)
    backend = RemoteBackend(server.base_url, writes="undone")
    there = Ward(session=backend.open())
    seen = played(there)
    assert there.raw.recorded
    assert [write.resource_type for write in there.raw.writes].count("ServiceRequest") == 2
    listed = json.loads(there.ask("GET", "metadata").body)["rest"][0]["operation"]
    assert "wait" in [each["name"] for each in listed]
    there.raw.reset()
    assert difference(server, before, TYPES) is None
    backend.close()
    here = Ward()
    expected = played(here)
    assert seen[0][:3] == expected[0][:3]
    assert seen[2:] == expected[2:]
