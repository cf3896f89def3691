"""Writes a layer's resources: results, weights and conditions as the charts below have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, TypeVar

from numpy.random import RandomState

from mab_gym.cohort._columns import Json, digits
from mab_gym.cohort._history import Someone
from mab_gym.cohort._spec import NOW
from mab_gym.cohort._streams import integers

RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
HOUR: Final = 60
DAY: Final = 24 * 60
"""Ages are in minutes before now."""
WITHDRAWN: Final = 0.4
"""Share of those at whose end stands a result that was entered in error: a quarter of thirty cases then has one."""

PRESENT: Final = datetime.fromtimestamp(NOW, UTC)
ZONES: Final = (UTC, UTC, UTC, timezone(timedelta(hours=-8)), timezone(timedelta(hours=-5)))
_UNITS: Final = {"CREA": ("mg/dL", "mg/dL", 2), "INR": ("", "{INR}", 1), "HGB": ("g/dL", "g/dL", 1)}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Layer:
    """The layer over the charts of a cohort.

    Attributes:
        dealt: Resources to be loaded, without id and meta, each with the MRN of the person it is about.
        gone: By MRN and code, up to which age in minutes the chart's own results give way.
    """

    dealt: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    gone: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, someone: Someone, resource: dict[str, Any]) -> None:
        """A resource about somebody."""
        self.dealt.append((someone.mrn, resource))

    def replace(self, someone: Someone, codes: Sequence[str], age: int) -> None:
        """Leaves out somebody's own results of some kinds, as far back as said."""
        for code in codes:
            self.gone[someone.mrn, code] = max(age, self.gone.get((someone.mrn, code), 0))


def one(rng: RandomState, choices: Sequence[T]) -> T:
    """One of several."""
    return choices[int(integers(rng, 0, len(choices), 1)[0])]


def between(rng: RandomState, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high`` without the latter."""
    return int(integers(rng, low, high, 1)[0])


def written(rng: RandomState, age: int) -> str:
    """The moment so many minutes ago, in one of the hospital's time zones."""
    moment = PRESENT - timedelta(minutes=age)
    return moment.astimezone(one(rng, ZONES)).isoformat()


def result(rng: RandomState, someone: Someone, code: str, whole: int, age: int) -> dict[str, Any]:
    """A laboratory result as the chart below writes it; ``whole`` counts units of its last digit."""
    unit, ucum, places = _UNITS[code]
    quantity: dict[str, Json] = {"value": digits(whole, places)}
    if unit:
        quantity["unit"] = unit
    system = "http://terminology.hl7.org/CodeSystem/observation-category"
    zone, taken = one(rng, ZONES), PRESENT - timedelta(minutes=age)
    issued = min(taken + timedelta(minutes=between(rng, 9, 95)), PRESENT)
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": system, "code": "laboratory", "display": "Laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": code}], "text": code},
        "subject": {
            "reference": f"Patient/{someone.mrn}",
            "identifier": {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "value": someone.mrn},
        },
        "effectiveDateTime": taken.astimezone(zone).isoformat(),
        "issued": issued.astimezone(zone).isoformat(),
        "valueQuantity": quantity | {"system": "http://unitsofmeasure.org", "code": ucum},
    }


def withdrawn(resource: Mapping[str, Any]) -> dict[str, Any]:
    """A result that was entered in error."""
    return {**resource, "status": "entered-in-error"}


def weight(rng: RandomState, someone: Someone, hectograms: int, age: int) -> dict[str, Any]:
    """A weight as the flowsheet has it."""
    system = "http://hl7.org/fhir/observation-category"
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": system, "code": "vital-signs", "display": "Vital Signs"}]}],
        "code": {"text": "WT"},
        "subject": {"reference": f"Patient/{someone.mrn}"},
        "effectiveDateTime": written(rng, age),
        "valueQuantity": {
            "value": digits(hectograms, 1),
            "unit": "kg",
            "system": "http://unitsofmeasure.org",
            "code": "kg",
        },
    }


def problem(rng: RandomState, someone: Someone, code: str, display: str, age: int) -> dict[str, Any]:
    """A condition on the problem list that began so many minutes ago."""
    terminology = "http://terminology.hl7.org/CodeSystem/condition"
    began = PRESENT - timedelta(minutes=age)
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": f"{terminology}-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{terminology}-ver-status", "code": "confirmed"}]},
        "category": [{"coding": [{"system": f"{terminology}-category", "code": "problem-list-item"}]}],
        "code": {
            "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code, "display": display}],
            "text": display,
        },
        "subject": {"reference": f"Patient/{someone.mrn}"},
        "onsetDateTime": began.date().isoformat(),
        "recordedDate": (began + timedelta(minutes=between(rng, 0, 10 * HOUR))).isoformat(),
    }
