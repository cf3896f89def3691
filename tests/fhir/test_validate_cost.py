"""The cost of $validate: hostile resources are answered or refused soon; `scripts/bench` measures an ordinary one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mab_gym.fhir.http._server import FhirSession, Request
from tests.fhir.serving import quickest, serve

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
KNOWN = "http://hl7.org/fhir/StructureDefinition/patient-nationality"


def _patient(**elements: Any) -> str:
    return json.dumps({"resourceType": "Patient", **elements})


def _narrated(content: str) -> str:
    return _patient(text={"status": "generated", "div": DIV.format(content)})


def _chain(count: int) -> str:
    inner = [{**OBSERVATION, "id": f"{k}", "subject": {"reference": f"#{k + 1}"}} for k in range(count)]
    return json.dumps({**OBSERVATION, "contained": inner})


def _referred_to(count: int) -> str:
    """A contained resource with many faults, to which many refer."""
    inner = {**OBSERVATION, "id": "o", "identifier": [{"system": "x", "value": "y"}] * count}
    return json.dumps({**OBSERVATION, "contained": [inner], "hasMember": [{"reference": "#o"}] * count})


def _alike(count: int) -> str:
    """A Bundle of many entries that any of its references may mean."""
    patient = {"resourceType": "Patient", "id": "p", "generalPractitioner": [{"reference": "Patient/p"}]}
    entries = [{"fullUrl": f"http://x.org/{k}/Group/g", "resource": patient} for k in range(count)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})


def _nested(count: int) -> str:
    start, end = '{"url":"' + KNOWN + '","extension":[', "]}"
    return (
        '{"resourceType":"Patient","extension":['
        + start * count
        + '{"url":"code","valueString":"x"}'
        + end * count
        + "]}"
    )


def _compared(count: int) -> str:
    items = [{"linkId": str(k), "type": "string"} for k in range(count)]
    return json.dumps({"resourceType": "Questionnaire", "status": "active", "item": items})


HOSTILE: dict[str, Callable[[], str]] = {
    "many elements": lambda: _patient(name=[{"family": "x"}] * 40_000),
    "many unknown elements": lambda: _patient(**{f"x{k}": 1 for k in range(60_000)}),
    "many values": lambda: _patient(name=[{"given": ["x"] * 100_000}]),
    "many contained": lambda: _patient(contained=[{"resourceType": "Group", "id": str(k)} for k in range(9_000)]),
    "a chain of contained": lambda: _chain(3_000),
    "what many refer to": lambda: _referred_to(350),
    "what many references may mean": lambda: _alike(100),
    "nested extensions": lambda: _nested(60),
    "pairs": lambda: _compared(10_000),
    "few pairs": lambda: _compared(40),
    "a unit of brackets": lambda: json.dumps(
        {**OBSERVATION, "valueQuantity": {"system": "http://unitsofmeasure.org", "code": "((" * 10_000}}
    ),
    "a unit of annotations": lambda: json.dumps(
        {**OBSERVATION, "valueQuantity": {"system": "http://unitsofmeasure.org", "code": "{a" * 10_000}}
    ),
    "open tags": lambda: json.dumps({**OBSERVATION, "valueString": "<a " * 10_000}),
    "open tags in markdown": lambda: json.dumps({"resourceType": "Questionnaire", "description": "a<b-" * 10_000}),
    "many attributes": lambda: _narrated("<p " + " ".join(f'a{k}="x"' for k in range(60_000)) + ">x</p>"),
    "nested markup": lambda: _narrated("<b>" * 5_000 + "x" + "</b>" * 5_000),
    "many profiles": lambda: _patient(meta={"profile": ["http://x.org"] * 10_000}),
    "many lines": lambda: '{"resourceType":"Patient","name":[' + ",\n".join(['{"famly":"x"}'] * 20_000) + "]}",
}


@pytest.fixture(scope="module")
def session() -> FhirSession:
    return serve([])


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_resources_are_answered_or_refused(session: FhirSession, make: Callable[[], str]) -> None:
    text = make()
    target = f"{json.loads(text)['resourceType']}/$validate"

    asked = Request("POST", target, {"content-type": "application/fhir+json"}, text)
    answer, took = quickest(lambda: session.handle(asked))

    assert answer.status in (200, 413) or (answer.status, "too-costly" in answer.body) == (400, True)
    assert took < 3.0  # the machine may be slow, the work is not
