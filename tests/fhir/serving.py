"""A server over a handful of resources, and what its answers say."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from mab_gym.actions import as_sent
from mab_gym.fhir.http._server import FhirServer, FhirSession, Request, Response
from mab_gym.fhir.model._parse import parse_resource
from mab_gym.fhir.store._build import build_tables

Resource = Mapping[str, Any]
_T = TypeVar("_T")


def quickest(work: Callable[[], _T], tries: int = 3) -> tuple[_T, float]:
    """The result of work and the least processor seconds of several tries.

    One try may be charged for the garbage of all tests before it.
    """
    least = float("inf")
    for _ in range(tries):
        begun = time.process_time()
        result = work()
        least = min(least, time.process_time() - begun)
    return result, least


def serve(resources: Iterable[Resource]) -> FhirSession:
    """A session over resources, loaded in this order."""
    parsed: list[dict[str, Any]] = []
    for resource in resources:
        body = dict(parse_resource(json.dumps(resource), resource["resourceType"]))
        meta = {"versionId": "1", "lastUpdated": f"2023-01-01T00:00:00.{len(parsed):03d}+00:00"}
        parsed.append({"resourceType": body.pop("resourceType"), "id": body.pop("id"), "meta": meta, **body})
    return FhirServer({table.resource_type: table for table in build_tables(parsed)}).open()


def get(session: FhirSession, target: str, **headers: str) -> Response:
    return session.handle(Request("GET", as_sent(target), headers))


def bundle(session: FhirSession, target: str) -> dict[str, Any]:
    response = get(session, target)
    assert response.status == 200, response.body
    body: dict[str, Any] = json.loads(response.body)
    return body


def ids(session: FhirSession, target: str) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle(session, target).get("entry", [])]


def refusal(session: FhirSession, target: str) -> tuple[int, str]:
    response = get(session, target)
    return response.status, json.loads(response.body)["issue"][0]["diagnostics"]


def relative(session: FhirSession, url: str) -> str:
    return url.removeprefix(session.server.base_url).removeprefix("/")


def patient(logical_id: str, **elements: Any) -> Resource:
    return {"resourceType": "Patient", "id": logical_id, **elements}


def named(logical_id: str, family: str, *given: str, **elements: Any) -> Resource:
    return patient(logical_id, name=[{"family": family, "given": list(given)}], **elements)


def observation(logical_id: str, subject: str, code: str = "K", **elements: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "status": elements.pop("status", "final"),
        "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": f"Test {code}"},
        "subject": {"reference": f"Patient/{subject}"},
        **elements,
    }


def quantity(value: float, unit: str = "mmol/L") -> Resource:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
