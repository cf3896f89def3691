"""``$validate-code`` of value sets and code systems, as HAPI FHIR 7.6 answers it from memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mab_gym.fhir.http._asked import Path, Values, given
from mab_gym.fhir.http._reading import current_text
from mab_gym.fhir.http._terms import Terms, parameters
from mab_gym.fhir.http._world import World
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._terminology import ELSEWHERE, MEDIA_TYPES, Concept, ExpansionError, ValueSet, included
from mab_gym.fhir.store._base import parse_element


def validate_code(world: World, path: Path, values: Values) -> dict[str, Any]:
    """Answers ``$validate-code`` of value sets and code systems.

    Raises:
        FhirError: HAPI refuses it.
    """
    concept, coding, code = (given(values, name) for name in ("codeableConcept", "coding", "code"))
    many = [] if concept is None else concept.get("coding", [])
    in_set = path.kind == "ValueSet"
    end = "" if in_set else "."
    if not many and not coding and not code:
        number = "0899" if in_set else "0906"
        raise FhirError(400, f"HAPI-{number}: No code, coding, or codeableConcept provided to validate{end}")
    if sum(map(bool, (many, coding, code))) > 1:
        number, first = ("0900", "(system AND code)") if in_set else ("0907", "(code)")
        text = f"$validate-code can only validate {first} OR (coding) OR (codeableConcept)"
        raise FhirError(400, f"HAPI-{number}: {text}")
    url = _canonical(world, path, values)
    if coding:
        many = [coding]
    elif not many:
        many = [{"system": given(values, "system"), "code": code, "display": given(values, "display")}]
        if in_set and given(values, "systemVersion") and many[0]["system"]:
            many[0]["version"] = given(values, "systemVersion")
    checker = _Checker(Terms(world))
    answer: dict[str, Any] = {}
    for each in many:
        if in_set:
            answer = checker.in_set(each, url)
        else:
            own = each.get("system")
            if own and own.lower() != url.lower():
                number = "0910" if coding else "0909"
                text = f"Coding.system '{own}' does not equal with CodeSystem.url '{url}'. Unable to validate."
                raise FhirError(400, f"HAPI-{number}: {text}")
            answer = checker.in_system(each, url, given(values, "version"))
        if answer["parameter"][0]["valueBoolean"]:
            break
    return answer


def _canonical(world: World, path: Path, values: Values) -> str:
    """Returns the URL of the value set or the code system that a code is looked for in."""
    if path.logical_id is not None:
        stored = parse_element(current_text(world, (str(path.kind), path.logical_id)))
        version = stored.get("version") if path.kind == "ValueSet" else None
        return str(stored.get("url", "")) + (f"|{version}" if version else "")
    url = given(values, "url")
    if url is None:
        if path.kind == "ValueSet":
            text = "Either ValueSet ID or ValueSet identifier or system and code must be provided. Unable to validate."
            raise FhirError(400, f"HAPI-0901: {text}")
        text = "Either CodeSystem ID or CodeSystem identifier must be provided. Unable to validate."
        raise FhirError(400, f"HAPI-0908: {text}")
    version = given(values, "valueSetVersion") if path.kind == "ValueSet" else None
    return f"{url}|{version}" if version else str(url)


class _Checker:
    """Looks for a code in a value set or in a code system."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def in_set(self, coding: Mapping[str, Any], url: str) -> dict[str, Any]:
        system, code, version = coding.get("system"), str(coding.get("code")), coding.get("version")
        versioned = f"{system}|{version}" if system and version else system
        found = self._terms.value_set(url)
        if found is None:
            text = f"Validator is unable to provide validation for {code}#{versioned or 'null'}"
            return _negative(f"{text} - Unknown or unusable ValueSet[{url}]")
        try:
            concepts = list(self._wanted(found, versioned, code))
        except ExpansionError as error:
            return _negative(str(error))
        match = next((each for each in concepts if each.system == (versioned or "").partition("|")[0]), None)
        if match is None:
            named = f"{versioned}#{code}" if versioned else code
            return _negative(f"Unknown code '{named}' for in-memory expansion of ValueSet '{url}'")
        about = f" for in-memory expansion of ValueSet: {url}"
        source = f"Code was validated against in-memory expansion of ValueSet: {url}"
        return _positive(coding, code, str(system), match.display, about, source)

    def in_system(self, coding: Mapping[str, Any], url: str, version: str | None) -> dict[str, Any]:
        code = str(coding.get("code"))
        found = self._terms.system(url)
        if found is None and url in ELSEWHERE:
            raise FhirError(501, f"This server does not have the codes of {url}")
        if found is None or (found.content == "not-present" and url != MEDIA_TYPES):
            return _negative(f"Terminology service was unable to provide validation for {url}#{code}")
        known = code if url == MEDIA_TYPES else found.find(code)
        if known is None:
            return _negative(f"Unknown code '{url}{'|' + version if version else ''}#{code}'")
        return _positive(coding, code, url, found.displays.get(known), "", None)

    def _wanted(self, value_set: ValueSet, versioned: str | None, code: str) -> Iterator[Concept]:
        """Yields the concepts of a value set that a code may mean.

        Raises:
            ExpansionError: A part of the value set that may have the code cannot be looked into.
        """
        failed: ExpansionError | None = None
        gone = [
            each.code for part in value_set.compose.get("exclude", ()) for each in self._part(part, versioned, code)
        ]
        for part in value_set.compose.get("include", ()):
            try:
                concepts = self._part(part, versioned, code)
            except ExpansionError as error:
                failed = error
                continue
            if concepts:
                yield from (each for each in concepts if each.code not in gone)
                return
        if failed is not None:
            raise failed

    def _part(self, part: Mapping[str, Any], versioned: str | None, code: str) -> Sequence[Concept]:
        system = str(part.get("system", ""))
        wanted, _, version = (versioned or "").partition("|")
        if not system:
            others = [self._terms.value_set(url) for url in part.get("valueSet", ())]
            return [each for other in others if other is not None for each in self._wanted(other, versioned, code)]
        if wanted and (wanted != system or (version and version != part.get("version"))):
            return []
        known = self._terms.system(system)
        if system == MEDIA_TYPES:
            return [Concept(system, code, None, None)]
        if known is None and system in ELSEWHERE and wanted and not part.get("concept"):
            raise FhirError(501, f"This server does not have the codes of {system}")
        if known is None and system in ELSEWHERE and not wanted:
            return []  # the code is found, or not; without its system it does not count
        if known is None and not (wanted and part.get("concept")):
            missing = "HAPI-0702: Unable to expand ValueSet because CodeSystem could not be found"
            raise ExpansionError(f"{missing}: {system}")
        if known is not None and known.content == "not-present" and not wanted:
            raise ExpansionError("HAPI-0702: Unable to expand value set")
        meant = code if known is None or known.content == "not-present" else known.find(code)
        concepts = included({**part, "filter": ()}, self._terms.system, self._terms.value_set)
        if known is not None and known.content == "not-present" and not part.get("concept"):
            absent = "has CodeSystem.content=not-present but contents were not found"
            raise ExpansionError(f"HAPI-0702: Unable to expand ValueSet because CodeSystem {absent}: {system}")
        return [each for each in concepts if each.code == meant]


def _negative(message: str) -> dict[str, Any]:
    return parameters(("result", "valueBoolean", False), ("message", "valueString", message))


def _positive(
    coding: Mapping[str, Any], code: str, system: str, display: str | None, about: str, source: str | None
) -> dict[str, Any]:
    said, message = coding.get("display"), None
    if said and display and said != display:
        message = f'Concept Display "{said}" does not match expected "{display}" for \'{system}#{code}\'{about}'
    return parameters(
        ("result", "valueBoolean", True),
        ("message", "valueString", message),
        ("display", "valueString", display),
        ("sourceDetails", "valueString", source),
    )
