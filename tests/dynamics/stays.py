"""A small hospital with one patient, whose potassium and glucose rise and fall by simple rules, on the clock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mab_gym.backends import RecordSession
from mab_gym.backends.embedded._backend import EmbeddedBackend
from mab_gym.dynamics._clocked import ClockedSession
from mab_gym.dynamics.course import CONTINUOUS, Course, Dose
from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.store._build import build_tables
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.stay import StayEvent

MRN = "S1"
PATIENT = {"reference": f"Patient/{MRN}"}
RESOURCES: Sequence[dict[str, Any]] = (
    {"resourceType": "Patient", "id": MRN, "birthDate": "1950-01-01"},
    {"resourceType": "Practitioner", "id": "doctor"},
    {"resourceType": "Practitioner", "id": "nurse"},
    {"resourceType": "Organization", "id": "laboratory", "name": "Laboratory"},
    {"resourceType": "Encounter", "id": "stay", "status": "in-progress", "class": {"code": "IMP"}, "subject": PATIENT},
)


@dataclass
class SimpleBody:
    """Potassium falls by 0.01 mmol/L an hour and rises by 0.01 for each mEq; glucose by insulin and carbohydrate."""

    potassium: float = 3.0
    glucose: float = 150.0
    minute: int = 0
    doses: list[tuple[int, Dose]] = field(default_factory=list)
    running: dict[str, tuple[float, float]] = field(default_factory=dict)
    stopped: list[tuple[int, str]] = field(default_factory=list)

    def advance(self, minutes: int) -> Sequence[StayEvent]:
        before = self.potassium
        for _ in range(minutes):
            self.minute += 1
            self.potassium -= 0.01 / 60
            for order, (rate, until) in list(self.running.items()):
                self.potassium += 0.01 * rate / 60
                if self.minute >= until:
                    del self.running[order]
        if before > 2.5 >= self.potassium:
            return [StayEvent(self.minute, "arrhythmia", "Runs of ventricular beats on the monitor.", harm=True)]
        return []

    def give(self, dose: Dose) -> Sequence[StayEvent]:
        self.doses.append((self.minute, dose))
        if dose.drug == "potassium chloride" and dose.minutes == CONTINUOUS:
            self.running[dose.order] = dose.amount, CONTINUOUS
        elif dose.drug == "potassium chloride" and dose.minutes:
            self.running[dose.order] = dose.amount / dose.minutes * 60, self.minute + dose.minutes
        elif dose.drug == "potassium chloride":
            self.potassium += 0.01 * dose.amount
        elif dose.drug.startswith("insulin"):
            self.glucose -= 5 * dose.amount
        elif dose.drug == "carbohydrate":
            self.glucose += dose.amount / 2
        return []

    def stop(self, order: str) -> None:
        if self.running.pop(order, None) is not None:
            self.stopped.append((self.minute, order))

    def measures(self, analyte: str) -> bool:
        return analyte in ("potassium", "glucose")

    def measure(self, analyte: str) -> float | None:
        return {"potassium": self.potassium, "glucose": self.glucose}.get(analyte)

    def vital_signs(self) -> Mapping[str, float]:
        return {"pulse": 80.0}

    def truth(self) -> Mapping[str, float]:
        return {"potassium": self.potassium, "glucose": self.glucose}


_STORED = [{**each, "meta": {"versionId": "1", "lastUpdated": "2023-01-01T00:00:00.000+00:00"}} for each in RESOURCES]
BACKEND = EmbeddedBackend({table.resource_type: table for table in build_tables(_STORED)}, "0" * 64)
CHART = Chart(BACKEND)
CASE = Case("on_the_clock", 1, "low", {"mrn": MRN})


class Ward:
    """A stay that a test plays."""

    def __init__(
        self, minutes: int = 1, session: RecordSession | None = None, body: SimpleBody | None = None, **course: Any
    ) -> None:
        self.body = body or SimpleBody()
        self.raw = BACKEND.open() if session is None else session
        settings = {"horizon": 2880, "haemolysis": 0.0, "vitals_every": None, "meals": (), "weight_kg": 70.0, **course}
        self.plan = Course(
            patient=MRN, body=self.body, chart=CHART, encounter="Encounter/stay", attending="Practitioner/doctor",
            nurse="Practitioner/nurse", laboratory="Organization/laboratory", pharmacist="Practitioner/nurse",
            **settings,
        )  # fmt: skip
        self.stay: ClockedSession = self.plan.admit(self.raw, CASE, minutes)  # type: ignore[assignment]

    @property
    def told(self) -> Any:
        return self.stay.course

    def ask(self, method: str, target: str, body: Any = None) -> Response:
        text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        return self.stay.handle(Request(method, target, {"content-type": "application/fhir+json"}, text))

    def get(self, target: str) -> Any:
        return json.loads(self.ask("GET", target).body)

    def found(self, target: str) -> list[Any]:
        return [
            entry["resource"]
            for entry in self.get(f"{target}{'&' if '?' in target else '?'}_count=500").get("entry", ())
        ]

    def post(self, resource: Mapping[str, Any]) -> str:
        """Creates a resource; returns its address."""
        response = self.ask("POST", resource["resourceType"], resource)
        assert response.status == 201, response.body
        stored = json.loads(response.body)
        return f"{stored['resourceType']}/{stored['id']}"

    def wait(self, minutes: float, unit: str = "min") -> Any:
        response = self.ask(
            "POST", "$wait", waiting({"name": "duration", "valueDuration": {"value": minutes, "code": unit}})
        )
        assert response.status == 200, response.body
        return json.loads(response.body)


def waiting(*parameters: Any) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(parameters)}


def drug(name: str, *dosage: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": PATIENT,
        "medicationCodeableConcept": {"text": name}, "dosageInstruction": list(dosage), **more,
    }  # fmt: skip


def dosage(
    value: float | None = None,
    unit: str = "meq",
    route: str = "oral",
    *,
    rate: tuple[float, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    rated: dict[str, Any] = {}
    if value is not None:
        rated["doseQuantity"] = {"value": value, "unit": unit}
    if rate is not None:
        rated["rateQuantity"] = {"value": rate[0], "unit": rate[1]}
    return {"route": {"text": route}, "doseAndRate": [rated], **more}


def every(hours: float) -> dict[str, Any]:
    return {"repeat": {"frequency": 1, "period": hours, "periodUnit": "h"}}


def requested(name: str, priority: str = "routine", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": PATIENT,
        "priority": priority, "code": {"text": name}, "requester": {"reference": "Practitioner/doctor"}, **more,
    }  # fmt: skip
