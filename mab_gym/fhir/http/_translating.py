"""``ConceptMap/$translate`` over the ConceptMaps that clients have stored, as HAPI FHIR 7.6 answers it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mab_gym.fhir.http._asked import Path, Values, given
from mab_gym.fhir.http._world import World
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.store._base import parse_element

Json = Mapping[str, Any]
_ELEMENT = 1.0
"""The work of looking at one code of a map."""
_TARGET = 0.5
"""The work of looking at one code that it is mapped to."""


def translate(world: World, path: Path, values: Values) -> dict[str, Any]:
    """Answers ``$translate`` of all ConceptMaps or of one.

    Raises:
        FhirError: HAPI refuses it.
    """
    code, coding = given(values, "code"), given(values, "coding") or {}
    codings = (given(values, "codeableConcept") or {}).get("coding", [])
    several = bool(codings and codings[0].get("code"))
    if sum(map(bool, (code, coding.get("code"), several))) != 1:
        raise FhirError(
            400,
            "HAPI-1154: One (and only one) of the in parameters (code, coding, codeableConcept) must be provided, to "
            "identify the code that is to be translated.",
        )
    if code:
        codings = [{"system": given(values, "system"), "version": given(values, "version"), "code": code}]
    elif not several:
        codings = [coding]
    maps = list(_maps(world, path, values))
    matches = [
        part
        for wanted in codings
        for each in maps
        for part in _matches(world, each, wanted, values, bool(given(values, "reverse")))
    ]
    head: list[dict[str, Any]] = [
        {"name": "result", "valueBoolean": bool(matches)},
        {"name": "message", "valueString": "Matches found" if matches else "No Matches found"},
    ]
    return {"resourceType": "Parameters", "parameter": [*head, *matches]}


def _maps(world: World, path: Path, values: Values) -> Iterator[Json]:
    """Yields the ConceptMaps to look into."""
    view = world.view()
    if path.logical_id is not None and not view.exists(("ConceptMap", path.logical_id)):
        raise FhirError(400, f"HAPI-2295: Invalid ID was provided: [{path.logical_id}]")
    asked = {name: given(values, parameter) for name, parameter in _NAMES.items()}
    for logical_id in view.ids("ConceptMap", view.filtered("ConceptMap", ())):
        text = view.text(("ConceptMap", logical_id)) or "{}"
        view.budget.show(len(text), rewritten=True)
        each = parse_element(text)
        if path.logical_id in (None, logical_id) and all(
            value is None or value in (each.get(f"{name}Uri"), each.get(f"{name}Canonical"), each.get(name))
            for name, value in asked.items()
        ):
            yield each


_NAMES = {"url": "url", "version": "conceptMapVersion", "source": "source", "target": "target"}
"""Elements of a ConceptMap, and the parameters that ask for them."""


def _matches(world: World, each: Json, wanted: Json, values: Values, reverse: bool) -> Iterator[dict[str, Any]]:
    for group in each.get("group", ()):
        ends = (group.get("target"), group.get("source")) if reverse else (group.get("source"), group.get("target"))
        asked = (wanted.get("system"), given(values, "targetsystem"))
        if any(one is not None and one != other for one, other in zip(asked, ends, strict=True)):
            continue
        for element in group.get("element", ()):
            world.budget.spend(_ELEMENT + _TARGET * len(element.get("target", ())))
            for target in element.get("target", ()):
                first, second = (target, element) if reverse else (element, target)
                if first.get("code") == wanted["code"]:
                    yield _match(each, target, second, ends[1])


def _match(each: Json, target: Json, found: Json, system: str | None) -> dict[str, Any]:
    coding = {"system": system, "code": found.get("code"), "display": found.get("display")}
    parts: list[dict[str, Any]] = [
        {"name": "concept", "valueCoding": {name: value for name, value in coding.items() if value is not None}},
        {"name": "source", "valueUri": each.get("url")},
    ]
    if target.get("equivalence"):
        parts.insert(0, {"name": "equivalence", "valueCode": target["equivalence"]})
    return {"name": "match", "part": parts}
