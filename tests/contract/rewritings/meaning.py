"""The request of a gold write, as far as rewritings need to know it: when, how often, how much, by which route."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.contract.rewritings.concepts import Concept, concept_of, kind_of
from tests.contract.rewritings.grammar import Json, Path, Scene, at, filled
from tests.contract.rewritings.words import ROUTES

CODE_ELEMENTS = ("medicationCodeableConcept", "code", "codeCodeableConcept", "vaccineCode")
_UNIT_HOURS = {"s": 1 / 3600, "min": 1 / 60, "h": 1.0, "d": 24.0, "wk": 168.0, "mo": 730.0, "a": 8760.0}


def iso(moment: datetime) -> str:
    """A moment as FHIR writes it."""
    return moment.isoformat()


def moment_of(value: Any) -> datetime | None:
    """The moment that a text states, None where it states none."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) and len(value) > 18 else None
    except ValueError:
        return None
    return read if read is not None and read.tzinfo is not None else None


@dataclass(frozen=True, slots=True)
class Ask:
    """A gold write with what it means.

    Attributes:
        resource: The write.
        scene: Where and when.
    """

    resource: Json
    scene: Scene

    @property
    def type(self) -> str:
        """The resource type."""
        return str(self.resource["resourceType"])

    @property
    def now(self) -> datetime:
        """The record system's clock."""
        return self.scene.now

    @property
    def what(self) -> tuple[Path, Json] | None:
        """The CodeableConcept that says what is asked for, with its place."""
        for name in CODE_ELEMENTS:
            if isinstance(self.resource.get(name), dict):
                return (name,), self.resource[name]
        return None

    @property
    def concept(self) -> Concept | None:
        """Returns the thing that is asked for, where its code is known."""
        return concept_of(self.what[1]) if self.what else None

    @property
    def kind(self) -> str:
        """``drug``, ``test``, ``procedure``, ``referral``, ``task``, ``vital``, ``allergy`` or nothing."""
        if self.type == "AllergyIntolerance":
            return "allergy"
        return kind_of(self.what[1]) if self.what else ""

    @property
    def due(self) -> datetime:
        """Returns the time at which it is to be done: its occurrence, or now."""
        told = self.resource.get("occurrenceDateTime") or at(self.resource, ("occurrencePeriod", "start"))
        return moment_of(told) or self.now

    @property
    def is_order(self) -> bool:
        """Tells if something is to be done, and not recorded."""
        return self.type in ("MedicationRequest", "ServiceRequest", "Task", "DeviceRequest", "CommunicationRequest")

    @property
    def hours(self) -> float | None:
        """The hours between two doses, None for what is given once."""
        repeat = at(self.resource, (*DOSAGE, "timing", "repeat"))
        if not repeat or "period" not in repeat or "periodUnit" not in repeat:
            return None
        return float(repeat["period"]) * _UNIT_HOURS[repeat["periodUnit"]] / float(repeat.get("frequency", 1))

    @property
    def route(self) -> str:
        """The route by its name in `ROUTES`, or as the gold write names it."""
        concept = at(self.resource, (*DOSAGE, "route")) or {}
        codes = {(coding.get("system"), coding.get("code")) for coding in concept.get("coding", ())}
        for name, route in ROUTES.items():
            if concept.get("text") in route.names or codes & {(code.system, code.code) for code in route.codes}:
                return name
        return str(concept.get("text", ""))

    @property
    def dose(self) -> tuple[float, str] | None:
        """The amount of one dose with its unit."""
        quantity = at(self.resource, DOSE)
        unit = quantity and quantity.get("unit", quantity.get("code"))
        return (quantity["value"], str(unit)) if unit and "value" in quantity else None

    @property
    def over(self) -> float | None:
        """The hours that a dose runs in, where the order says so."""
        quantity = at(self.resource, (*DOSE[:-1], "rateQuantity"))
        return float(quantity["value"]) if quantity and quantity.get("unit") == "h" else None

    @property
    def sentence(self) -> str:
        """The order in words."""
        named = self.concept.names[1 if len(self.concept.names) > 1 else 0] if self.concept else "as coded"
        if not self.dose:
            return named
        amount = f"{self.dose[0]:g} {self.dose[1]}"
        often = "once" if self.hours is None else f"every {self.hours:g} hours"
        long = f" over {self.over:g} {'hour' if self.over == 1 else 'hours'}" if self.over else ""
        return f"{named} {amount} {self.route}{long} {often}"

    def next_year(self, of: datetime | None = None) -> datetime:
        """The same time a year later."""
        return (of or self.due) + timedelta(days=365)

    def patient_paths(self) -> list[tuple[Path, Any]]:
        """The references to the patient: their places and what stands there."""
        return [
            (spot.path, spot.value)
            for spot in filled(self.resource)
            if spot.element.type == "Reference"
            and isinstance(spot.value, dict)
            and str(spot.value.get("reference")) == f"Patient/{self.scene.patient.mrn}"
        ]


DOSAGE: Path = ("dosageInstruction", 0)
DOSE: Path = (*DOSAGE, "doseAndRate", 0, "doseQuantity")
