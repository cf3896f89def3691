"""Random actions as an agent might write them, for sampling the action space and for the random baseline."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

_T = TypeVar("_T")
_CODES = ("MG", "K", "GLU", "A1C", "CREA", "NA", "HGB")
_ORDERS = (
    ("MedicationRequest", "medicationCodeableConcept", "http://hl7.org/fhir/sid/ndc", "0338-1715-40"),
    ("MedicationRequest", "medicationCodeableConcept", "http://hl7.org/fhir/sid/ndc", "40032-917-01"),
    ("ServiceRequest", "code", "http://loinc.org", "2823-3"),
    ("ServiceRequest", "code", "http://loinc.org", "4548-4"),
    ("ServiceRequest", "code", "http://snomed.info/sct", "306181000000106"),
)


def plausible_action(random: np.random.Generator, base_url: str, mrn: str | None = None) -> str:
    """Returns a random action.

    Args:
        random: The random generator.
        base_url: The FHIR base, without a slash at its end.
        mrn: The patient; a made-up number where None.
    """
    who = mrn or f"S{int(random.integers(1_000_000, 7_000_000))}"
    return _one_of(random, _ACTIONS)(random, base_url, who)


def _one_of(random: np.random.Generator, choices: Sequence[_T]) -> _T:
    return choices[int(random.integers(0, len(choices)))]


def _search(random: np.random.Generator, base_url: str, mrn: str) -> str:
    sort = _one_of(random, ("", "&_sort=-date", "&_count=100"))
    return f"GET {base_url}/Observation?patient={mrn}&code={_one_of(random, _CODES)}{sort}"


def _patient(random: np.random.Generator, base_url: str, mrn: str) -> str:
    return f"GET {base_url}/" + _one_of(random, (f"Patient/{mrn}", f"Condition?patient={mrn}", f"Patient?_id={mrn}"))


def _order(random: np.random.Generator, base_url: str, mrn: str) -> str:
    resource_type, concept, system, code = _one_of(random, _ORDERS)
    resource = {
        "resourceType": resource_type,
        "status": "active",
        "intent": "order",
        concept: {"coding": [{"system": system, "code": code}]},
        "subject": {"reference": f"Patient/{mrn}"},
        "authoredOn": "2023-11-13T10:15:00+00:00",
    }
    return f"POST {base_url}/{resource_type}\n{json.dumps(resource)}"


def _answer(random: np.random.Generator, base_url: str, mrn: str) -> str:
    number = round(float(random.uniform(0.5, 12.0)), 1)
    answers: tuple[list[object], ...] = (
        [number],
        [-1],
        [],
        [int(random.integers(18, 95))],
        [number, "2023-11-12T08:00:00+00:00"],
    )
    return f"FINISH({json.dumps(_one_of(random, answers))})"


_ACTIONS: tuple[Callable[[np.random.Generator, str, str], str], ...] = (_search, _search, _patient, _order, _answer)
