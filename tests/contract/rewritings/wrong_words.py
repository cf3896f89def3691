"""Wrong: words that take back what was asked for, or say something else, wherever words may stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.contract.rewritings.grammar import Change, Path, Spot, at, put, spots
from tests.contract.rewritings.meaning import Ask
from tests.contract.rewritings.words import AGAINST, NOT_GIVEN, PUT_OFF, RETRACTED

READ_FIRST = {
    "note", "patientInstruction", "text", "additionalInstruction", "orderDetail", "description", "statusReason",
    "businessStatus", "reasonCode",
}  # fmt: skip
"""Elements that are read by whoever carries an order out; a few words each are tried in the others."""
FEW = 3
PERSONS = {
    "performerType",
    "language",
    "identifier",
    "code",
    "medicationCodeableConcept",
    "clinicalStatus",
    "verificationStatus",
    "valueCodeableConcept",
    "route",
    "medicationReference",
    "type",
    "authorString",
}
"""Elements whose words are other facts; see the codings."""


def changes(ask: Ask) -> Iterator[Change]:
    """Contradictions in every element of text."""
    for number, (path, shape) in enumerate(places(ask)):
        name = str(next(part for part in reversed(path) if isinstance(part, str)))
        sayings = [*retractions(ask), *AGAINST.get(ask.kind, ()), *said_of(ask)]
        if name not in READ_FIRST or path[0] == "substitution":
            sayings = [sayings[(number * FEW + each) % len(sayings)] for each in range(FEW)]
        for saying in sayings:
            new = put(ask.resource, path, shape(at(ask.resource, path), saying))
            yield Change(f"{'.'.join(map(str, path))} says {saying}", new, False, f"it says: {saying}")


def retractions(ask: Ask) -> list[str]:
    """Returns the words that take back a write of this type."""
    given = NOT_GIVEN if ask.type in ("MedicationRequest", "ServiceRequest") else ()
    later = "Hold until tomorrow."
    return [*RETRACTED, *(PUT_OFF if ask.is_order else ()), *given, *([later] if given and ask.due == ask.now else [])]


def said_of(ask: Ask) -> list[str]:
    """Contradictions with this write's own facts: the amount, the patient, the time."""
    other = ask.scene.other
    found = [f"For {other.name}, MRN {other.mrn}.", f"Patient: {other.mrn}", f"Due on {ask.next_year():%d %B %Y}."]
    if ask.dose:
        value, unit = ask.dose
        found += [
            f"give {value * 5:g} {unit}",
            f"{value * 10:g} {unit} {ask.route}",
            f"total dose {value / 10:g} {unit}",
            f"{value:g} {'mg' if unit == 'g' else 'g'} once",
            f"{value:g} {unit} IM",
        ]
        found.append(f"{value:g} {unit} {ask.route} {'every 4 hours' if ask.hours != 4 else 'once'}")
    if ask.type == "Task" and (order := ask.scene.patient.ids.get("MedicationRequest")):
        found += [f"Stop MedicationRequest/{order}.", f"The order meant is {order}."]
    if ask.type == "AllergyIntolerance":
        found += ["Allergic to heparin.", "Reaction to peanuts."]
    if ask.over:
        found += ["infuse over 5 minutes", "Give as a rapid push.", f"over {ask.over * 3:g} hours"]
    if ask.hours:
        found += ["once only", "every hour", "on alternate days"]
    if ask.type == "Observation":
        found += ["180/110 mmHg", "heart rate 80/min"]
    return found


def places(ask: Ask) -> list[tuple[Path, Any]]:
    """The places for words, each with how words are put there beside what stands there."""
    found = [shaped for spot in spots(ask.resource) if (shaped := _shaped(spot)) is not None]
    if ask.type == "Task":
        found.append((("restriction", "recipient", 0, "display"), _string))
    if ask.type == "AllergyIntolerance":
        found.append((("reaction", 0), _reaction))
    if ask.type == "MedicationRequest":
        found += [(("dosageInstruction", 0, "timing", "code", "text"), _string),
                  (("substitution", "reason", "text"), _string)]  # fmt: skip
    return found


def _shaped(spot: Spot) -> tuple[Path, Any] | None:
    kind, name = spot.element.type, spot.name
    if name in PERSONS or spot.owner in (
        "Reference",
        "Coding",
        "Quantity",
        "Meta",
        "Extension",
        "Identifier",
        "Narrative",
    ):
        return None
    if kind == "Annotation":
        return spot.path, _annotation
    if kind == "Narrative":
        return spot.path, _narrative
    if kind == "CodeableConcept":
        return (spot.path, _concepts) if spot.element.many else (spot.path, _concept)
    if (
        kind in ("string", "markdown")
        and spot.owner not in ("CodeableConcept", "Element")
        and name not in ("id", "div")
    ):
        return (spot.path, _string) if not name.startswith(("value", "onset")) and not spot.element.many else None
    return None


def _annotation(there: Any, text: str) -> Any:
    return [*(there or []), {"text": text}]


def _narrative(_: Any, text: str) -> Any:
    words = text.replace("&", "&amp;").replace("<", "&lt;")
    return {"status": "additional", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'}


def _concept(there: Any, text: str) -> Any:
    return {**(there or {}), "text": text}


def _concepts(there: Any, text: str) -> Any:
    return [*(there or []), {"text": text}]


def _string(_: Any, text: str) -> Any:
    return text


def _reaction(_: Any, text: str) -> Any:
    return {"manifestation": [{"text": text}], "description": text}
