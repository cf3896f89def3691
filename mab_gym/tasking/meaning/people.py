"""`Person`: the right patient, and checks that references point to this patient."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mab_gym.tasking.chart import Chart
from mab_gym.tasking.meaning._said import listed, member

__all__ = ["Person"]

_LOCAL: Final = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_WORD: Final = re.compile(r"[^\W\d_]+")
_NUMBER: Final = re.compile(r"[A-Za-z]{0,2}\d{5,}")
_ANYBODY: Final = frozenset({"patient", "the", "mr", "mrs", "ms", "miss", "dr", "mx", "mrn", "id", "of", "subject"})
_OWNED: Final = frozenset(
    {"Encounter", "Condition", "Observation", "DiagnosticReport", "MedicationRequest", "ServiceRequest", "Procedure",
     "AllergyIntolerance", "CarePlan", "EpisodeOfCare", "Goal", "Immunization", "DocumentReference"}
)  # fmt: skip
"""Types of resources that belong to one patient and that an order may refer to."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """The patient whom an order is for.

    Attributes:
        mrn: The id of the Patient resource.
        names: Words of the patient's names, in lower case.
        identifiers: Values of the patient's identifiers.
        base_url: The FHIR base, without a slash at its end.
        owner: Returns the Patient (``Patient/…``) that a resource is about; None if there is no such resource.
        is_somebody: Tells if a text is the id of a Patient.
    """

    mrn: str
    names: frozenset[str]
    identifiers: frozenset[str]
    base_url: str
    owner: Callable[[str], str | None]
    is_somebody: Callable[[str], bool]

    @classmethod
    def of(cls, chart: Chart, mrn: str) -> Person:
        """Returns the patient with this MRN, read from the chart once."""
        return chart.remember(("person", mrn), lambda: _person(chart, mrn))

    def target(self, reference: object) -> str | None:
        """Returns the resource that a literal reference points to, as in ``Patient/1``; None if it is elsewhere."""
        if not isinstance(reference, str):
            return None
        found = _LOCAL.fullmatch(reference.removeprefix(f"{self.base_url}/"))
        return found.group(1) if found is not None else None

    def wrong(self, reference: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yields the members of a Reference that do not mean this patient."""
        if self.target(reference.get("reference")) != f"Patient/{self.mrn}":
            yield "reference", reference.get("reference")
        yield from self._differs(reference, "Patient", self.identifiers)
        display = reference.get("display")
        if display is not None:
            words = {word.lower() for word in _WORD.findall(str(display))}
            mentioned = self.mrn in str(display) or words & self.names
            if not mentioned and words - _ANYBODY:
                yield "display", display

    @staticmethod
    def _differs(reference: Mapping[str, Any], kind: str, identifiers: frozenset[str]) -> Iterator[tuple[str, Any]]:
        if reference.get("type") not in (None, kind, f"http://hl7.org/fhir/StructureDefinition/{kind}"):
            yield "type", reference.get("type")
        for identifier in listed(reference.get("identifier")):
            value = member(identifier, "value")
            if value is not None and str(value) not in identifiers:
                yield "identifier.value", value

    def is_not_theirs(self, reference: Mapping[str, Any]) -> bool:
        """Tells if a reference points to another patient or to a resource about one."""
        for identifier in listed(reference.get("identifier")):
            if self.is_another(str(member(identifier, "value"))):
                return True
        if any(self.is_another(number) for number in _NUMBER.findall(str(reference.get("display") or ""))):
            return True
        target = self.target(reference.get("reference"))
        if target is None:
            return False
        kind, _, _ = target.partition("/")
        if kind == "Patient":
            return target != f"Patient/{self.mrn}"
        return kind in _OWNED and self.owner(target) not in (None, f"Patient/{self.mrn}")

    def is_another(self, number: str) -> bool:
        """Tells if a text is the record number of another patient."""
        return number not in self.identifiers and self.is_somebody(number)

    def points_elsewhere(self, reference: Mapping[str, Any], wanted: str) -> Iterator[tuple[str, Any]]:
        """Yields the members of a Reference that do not mean the wanted resource."""
        if self.target(reference.get("reference")) != wanted:
            yield "reference", reference.get("reference")
        kind, _, number = wanted.partition("/")
        yield from self._differs(reference, kind, frozenset({number}))


def _person(chart: Chart, mrn: str) -> Person:
    # Not read by `Chart.patient`: variants watch its calls to learn which patient the task is about.
    patient = next(chart.search("Patient", _id=mrn), None) or {}
    texts = [text for name in listed(patient.get("name")) for text in _texts_of(name)]
    words = frozenset(word.lower() for text in texts for word in _WORD.findall(text))
    values = {str(member(identifier, "value")) for identifier in listed(patient.get("identifier"))}

    def owner(target: str) -> str | None:
        kind, _, number = target.partition("/")

        def look() -> str | None:
            found = next(chart.search(kind, _id=number), None)
            about = member(found, "subject") or member(found, "patient")
            return str(member(about, "reference")) if found is not None else None

        return chart.remember(("owner", target), look)

    def is_somebody(text: str) -> bool:
        return chart.remember(("somebody", text), lambda: next(chart.search("Patient", _id=text), None) is not None)

    return Person(mrn, words, frozenset({*values, mrn} - {"None"}), chart.base_url, owner, is_somebody)


def _texts_of(name: Any) -> Iterator[str]:
    for part in ("family", "given", "text"):
        yield from (str(text) for text in listed(member(name, part)))
