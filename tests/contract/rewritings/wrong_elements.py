"""Wrong: elements that the gold write does not have, and that change what it means."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from mab_gym.fhir.model._definitions import elements
from tests.contract.rewritings.grammar import Change, Path, Spot, at, listed, objects, put, spots
from tests.contract.rewritings.meaning import DOSAGE, DOSE, Ask, iso
from tests.contract.rewritings.wrong_elements_by_name import BY_NAME

ACTORS = {
    "requester",
    "performer",
    "recorder",
    "asserter",
    "owner",
    "author",
    "supportingInfo",
    "supportingInformation",
    "insurance",
    "reportedReference",
    "detectedIssue",
    "eventHistory",
    "relevantHistory",
}
"""References that say who did something, or what else there is."""


def changes(ask: Ask) -> Iterator[Change]:
    """Modifiers on every level, what belongs to somebody else, other times, and what `BY_NAME` lists."""
    yield from _modifiers(ask)
    yield from _both(ask)
    for spot in spots(ask.resource):
        if spot.value is None and len(spot.path) == 1:
            yield from _references(ask, spot)
            yield from _times(ask, spot)
    for owner, rules in BY_NAME.items():
        for path in owners(ask, owner):
            for label, element, value, why in rules(ask):
                if element in elements(_type_at(ask, path, owner)):
                    yield Change(f"{element} {label}", put(ask.resource, (*path, element), value), False, why)


def owners(ask: Ask, owner: str) -> list[Path]:
    """The places of a type's objects: the resource itself, or where such an object may stand."""
    if owner in ("*", ask.type):
        return [()]
    if owner == "Dosage" and "dosageInstruction" in elements(ask.type) and ask.resource.get("dosageInstruction"):
        return [DOSAGE]
    if owner == "Dosage.doseAndRate" and at(ask.resource, DOSE):
        return [DOSE[:-1]]
    parent, _, name = owner.partition(".")
    if parent == ask.type and name:
        return [(name, 0) if elements(ask.type)[name].many else (name,)]
    return []


def _type_at(ask: Ask, path: Path, owner: str) -> str:
    return ask.type if path == () else owner


def _modifiers(ask: Ask) -> Iterator[Change]:
    """FHIR R4, 2.1.0.2: whoever does not know a modifier extension may not go on."""
    for path, type_name, _ in objects(ask.resource):
        if "modifierExtension" in elements(type_name):
            for label, value in (
                ("true", {"valueBoolean": True}), ("a word", {"valueString": "do not give"}),
                ("a code", {"valueCode": "not"}), ("known to nobody", {"valueInteger": 0}),
            ):  # fmt: skip
                more = [{"url": "http://a.example/not", **value}]
                yield Change(
                    f"modifierExtension {label} at {'.'.join(map(str, path)) or 'top'}",
                    put(ask.resource, (*path, "modifierExtension"), more),
                    False,
                    "it may turn it round",
                )
    if ask.resource.get("dosageInstruction"):
        more = [{"url": "http://a.example/not", "valueBoolean": True}]
        for inner in (("timing",), ("doseAndRate", 0)):
            inner_type = {"timing": "Timing", "doseAndRate": "Dosage.doseAndRate"}[str(inner[0])]
            if "modifierExtension" in elements(inner_type):
                yield Change(
                    f"modifierExtension at new {inner[0]}",
                    put(ask.resource, (*DOSAGE, *inner, "modifierExtension"), more),
                    False,
                    "it may turn it round",
                )
    rules = put(ask.resource, ("implicitRules",), "http://a.example/rules/reverse")
    yield Change("implicitRules", rules, False, "it is to be read by rules that nobody knows")


def _both(ask: Ask) -> Iterator[Change]:
    """Two forms of one choice that differ, which FHIR forbids; a server may store either."""
    after = iso(ask.next_year())
    others: dict[str, Any] = {
        "Period": {"start": after}, "dateTime": after, "Reference": {"display": "heparin"}, "instant": after,
        "Quantity": {"value": 7, "unit": "g"}, "Range": {"low": {"value": 7}}, "integer": 7, "boolean": True,
        "Timing": {"event": [after]}, "Ratio": {"numerator": {"value": 7}, "denominator": {"value": 1}},
        "CodeableConcept": {"text": "something else"}, "string": "something else",
    }  # fmt: skip
    for path, type_name, value in objects(ask.resource):
        defined = elements(type_name)
        chosen = {defined[name].choice: name for name in value if name in defined and defined[name].choice}
        for name, element in defined.items():
            if element.choice in chosen and name != chosen[element.choice] and element.type in others:
                torn = {**value, name: others[element.type]}
                new = put(ask.resource, path, torn) if path else torn
                yield Change(
                    f"{chosen[element.choice]} and {name}", new, False, "it says two things at once", unserved=True
                )


def _references(ask: Ask, spot: Spot) -> Iterator[Change]:
    """Elements that belong to somebody else."""
    if spot.element.type != "Reference":
        return
    other = ask.scene.other
    right = None if spot.name in ACTORS else False
    targets: list[str] = [kind for kind in spot.element.reference_targets if kind in other.ids] or ["Patient"]
    if "Patient" in spot.element.reference_targets or "Resource" in spot.element.reference_targets:
        targets = ["Patient", *targets]
    for kind in dict.fromkeys(targets):
        if kind in spot.element.reference_targets or "Resource" in spot.element.reference_targets:
            known = other.mrn if kind == "Patient" else other.ids[kind]
            to = listed(spot, {"reference": f"{kind}/{known}"})
            yield Change(
                f"{spot.name} {kind} of another", put(ask.resource, spot.path, to), right, "it is somebody else's"
            )
    if spot.name in ACTORS | {"device", "location", "locationReference"}:
        return
    for label, value in (
        ("with another's identifier", {"identifier": other.identifier}),
        ("in words of another", {"display": f"{other.name}, MRN {other.mrn}"}),
    ):  # fmt: skip
        right = False if label.startswith("with") or spot.name in SAYING else None
        new = put(ask.resource, spot.path, listed(spot, value))
        yield Change(f"{spot.name} {label}", new, right, "it is somebody else's")
    if spot.name in ("encounter", "specimen", "focus"):
        kind = {"encounter": "Encounter", "specimen": "Specimen"}.get(spot.name, "Patient")
        about = {"resourceType": kind, "id": "x"}
        if kind == "Encounter":
            about |= {"status": "in-progress", "class": {"code": "IMP"}}  # type: ignore[dict-item]
        if kind != "Patient":
            about["subject"] = {"reference": f"Patient/{other.mrn}"}  # type: ignore[assignment]
            new = put(put(ask.resource, ("contained",), [about]), spot.path, listed(spot, {"reference": "#x"}))
            yield Change(f"{spot.name} contained of another", new, False, "it is somebody else's")


SAYING = ("encounter", "specimen", "focus", "priorPrescription", "replaces", "medicationReference")
"""References that change a write even in words."""
_ALWAYS_PAST = {"lastOccurrence", "onsetDateTime", "issued", "recordedDate"}
_LATER = {"occurrenceDateTime", "occurrencePeriod", "executionPeriod", "effectivePeriod", "onsetPeriod"}


def _times(ask: Ask, spot: Spot) -> Iterator[Change]:
    """Moments and periods of other years."""
    after, before = ask.next_year(ask.now), ask.now - timedelta(days=365)
    week = timedelta(days=7)
    if spot.element.type in ("dateTime", "instant") and spot.name in _ALWAYS_PAST | _LATER:
        for label, moment in (("next year", after), ("in 2030", after.replace(year=2030))):
            new = put(ask.resource, spot.path, iso(moment))
            yield Change(f"{spot.name} {label}", new, False, "that has not been yet")
    if spot.element.type == "Period" and spot.name in _LATER:
        for label, period in (
            ("next year", {"start": iso(after), "end": iso(after + week)}), ("from next year", {"start": iso(after)}),
            ("in 2030", {"start": "2030-01-01", "end": "2030-02-01"}),
            ("last year", {"start": iso(before), "end": iso(before + week)}), ("until last year", {"end": iso(before)}),
        ):  # fmt: skip
            if spot.name == "onsetPeriod" and "last" in label:
                continue
            new = put(ask.resource, spot.path, listed(spot, period))
            yield Change(f"{spot.name} {label}", new, False, "it is another time")
