"""Terminology: ``$expand``, ``$lookup``, ``$subsumes`` (FHIR R4, terminology-service.html).

As a HAPI FHIR 7.6 without full-text search answers them: over the code systems and value sets of the specification, and
over those that clients have stored. Where HAPI would need its full-text index, it fails, and so does this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mab_gym.fhir.http._asked import Path, Values, given
from mab_gym.fhir.http._reading import current_text
from mab_gym.fhir.http._terms import NO_INDEX, Terms, parameters
from mab_gym.fhir.http._world import World
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._terminology import (
    ELSEWHERE,
    MEDIA_TYPES,
    MOST_CODES,
    Concept,
    Expansion,
    ValueSet,
    name_of,
    own_code_system,
    own_value_set,
)
from mab_gym.fhir.store._base import parse_element

_MESSAGE = "http://hapifhir.io/fhir/StructureDefinition/valueset-expansion-message"
_NULL = "HAPI-0389: Failed to call access method: java.lang.NullPointerException"


def expand(world: World, path: Path, values: Values) -> dict[str, Any]:
    """Answers ``ValueSet/$expand`` and ``ValueSet/[id]/$expand``.

    Raises:
        FhirError: HAPI refuses it.
    """
    url, sent = given(values, "url"), given(values, "valueSet")
    if path.logical_id is None and url is None and sent is None:
        text = "$expand operation at the type level (no ID specified) requires a url or a valueSet as a part of the"
        raise FhirError(400, f"HAPI-1133: {text} request.")
    if sum(each is not None for each in (path.logical_id, url, sent)) > 1:
        raise FhirError(
            400,
            "HAPI-1134: $expand must EITHER be invoked at the instance level, or have a url specified, or have a "
            "ValueSet specified. Can not combine these options.",
        )
    offset, count = given(values, "offset") or 0, given(values, "count")
    for code, name, number in (("1135", "offset", offset), ("1136", "count", count)):
        if number is not None and number < 0:
            raise FhirError(
                400,
                f"HAPI-{code}: {name} parameter for $expand operation must be >= 0 when specified. {name}: {number}",
            )
    terms = Terms(world)
    if url is not None and given(values, "valueSetVersion"):
        url = f"{url}|{given(values, 'valueSetVersion')}"
    found, canonical = _asked_set(world, path, url, sent, terms)
    count = MOST_CODES if count is None else min(count, MOST_CODES)
    if offset and found.compose.get("exclude"):
        raise FhirError(
            400,
            'HAPI-0887: ValueSet expansion can not combine "offset" with "ValueSet.compose.exclude" unless the '
            f'ValueSet has been pre-expanded. ValueSet "{name_of(found, canonical)}" must be pre-expanded for this '
            "operation to work.",
        )
    expansion = Expansion(terms.listable_system, terms.value_set, count, offset)
    expansion.add(found, canonical)
    return _expanded(world, found, canonical, expansion, offset, count)


def _asked_set(
    world: World, path: Path, url: str | None, sent: Mapping[str, Any] | None, terms: Terms
) -> tuple[ValueSet, str | None]:
    """Returns the value set to expand, and its URL."""
    if path.logical_id is not None:
        stored = parse_element(current_text(world, ("ValueSet", path.logical_id)))
        return own_value_set(stored, stored=True), stored.get("url")
    if sent is not None:
        return own_value_set(sent, stored=False), sent.get("url")
    found = terms.value_set(str(url))
    if found is None and url == "http://loinc.org/vs":
        raise FhirError(404, "HAPI-2001: Resource ValueSet/loinc-all is not known")
    if found is None:
        raise FhirError(404, f"HAPI-2024: Unknown ValueSet: {quote(str(url), safe='-_.*~')}")
    return found, str(url).partition("|")[0]


def _expanded(
    world: World, found: ValueSet, url: str | None, expansion: Expansion, offset: int, count: int
) -> dict[str, Any]:
    meta: dict[str, Any] = {"extension": [{"url": _MESSAGE, "valueString": text} for text in expansion.messages]}
    if found.stored:
        versions = world.versions(("ValueSet", found.id))
        meta["versionId"] = str(versions[0].number if versions else 1)
    contains = [_shown(concept) for concept in expansion.concepts[offset:]]
    shown = {
        "resourceType": "ValueSet",
        "id": found.id,
        "meta": meta,
        "url": url,
        "status": "active",
        "compose": found.compose,
        "expansion": {
            "identifier": world.counter_ids.uuid(),
            "timestamp": world.origin.instant.partition(".")[0] + "+00:00",
            "offset": offset,
            "parameter": [{"name": "offset", "valueInteger": offset}, {"name": "count", "valueInteger": count}],
            **({"contains": contains} if contains else {}),
        },
    }
    return {name: value for name, value in shown.items() if value}


def _shown(concept: Concept) -> dict[str, str]:
    parts = (
        ("system", concept.system), ("version", concept.version), ("code", concept.code), ("display", concept.display),
    )  # fmt: skip
    return {name: value for name, value in parts if value is not None}


def lookup(world: World, path: Path, values: Values) -> dict[str, Any]:
    """Answers ``CodeSystem/$lookup``.

    Raises:
        FhirError: HAPI refuses it, or there is no such code.
    """
    coding = given(values, "coding") or {}
    by_coding = bool(coding.get("system") and coding.get("code"))
    by_code = given(values, "code") is not None and given(values, "system") is not None
    if not by_coding and not by_code:
        raise FhirError(400, "HAPI-1126: No code, coding, or codeableConcept provided to validate")
    if by_coding and by_code:
        text = "$lookup can only validate (system AND code) OR (coding.system AND coding.code)"
        raise FhirError(400, f"HAPI-1127: {text}")
    code, system = (coding["code"], coding["system"]) if by_coding else (given(values, "code"), given(values, "system"))
    terms = Terms(world)
    found = terms.system(system)
    if found is None and system in ELSEWHERE:
        raise FhirError(501, f"This server does not have the codes of {system}")
    if system == MEDIA_TYPES:
        answer = parameters(("abstract", "valueBoolean", False))
        return {**answer, "parameter": [{"name": "display"}, *answer["parameter"]]}
    known = None if found is None else found.find(code)
    if found is None or known is None:
        own = terms.stored("CodeSystem", system) is not None  # then HAPI has forgotten what it looked for
        code, system = ("null", "null") if own else (code, system)
        raise FhirError(404, f"HAPI-1738: Unable to find code[{code}] in system[{system}]")
    return parameters(
        ("name", "valueString", found.name),
        ("version", "valueString", given(values, "version") or found.version),
        ("display", "valueString", found.displays[known]),
        ("abstract", "valueBoolean", False),
    )


def subsumes(world: World, path: Path, values: Values) -> dict[str, Any]:
    """Answers ``CodeSystem/$subsumes``, for which HAPI knows no codes but those that clients have stored.

    Raises:
        FhirError: Always: no code is known, or HAPI would need its index.
    """
    coding = given(values, "codingA") or {}
    system = coding.get("system", given(values, "system") if values.get("system") else None)
    if system is None and not values.get("system"):
        raise FhirError(500, _NULL)
    terms = Terms(world)
    own = terms.stored("CodeSystem", system or "")
    code = coding.get("code", given(values, "codeA"))
    if own is not None and code in own_code_system(own).displays:
        raise FhirError(500, NO_INDEX)
    raise FhirError(400, f"Unknown code: [{system or ''}|{'null' if code is None else code}]")
