"""Code systems and value sets of the specification, and how HAPI FHIR 7.6 expands value sets in memory.

The data in ``r4/terminology.json.gz`` comes from ``scripts/make_fhir_definitions.py``; it is read when it is first
needed. HAPI leaves out filters (``is-a`` and others) over code systems that it knows, and so does this.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import quote

from mab_gym.fhir.model._outcome import FhirError

MOST_CODES = 1000
"""The most codes of an expansion, as HAPI is set up by default."""
ELSEWHERE: Mapping[str, bool] = {
    "http://unitsofmeasure.org": False,
    "https://www.usps.com/": False,
    "urn:ietf:bcp:47": False,
    "urn:iso:std:iso:3166": True,
    "urn:iso:std:iso:4217": True,
}
"""Code systems that HAPI knows from other sources than the specification; True if it can list their codes."""
MEDIA_TYPES = "urn:ietf:bcp:13"
"""HAPI takes any text for a code of this system, and lists none."""
_FAILED = "HAPI-0702: Unable to expand ValueSet because CodeSystem "
_IN_MEMORY = "was expanded using an in-memory expansion"
_WAITING = (
    "Performing in-memory expansion without parameters. Current status: NOT_EXPANDED | The ValueSet is waiting to be "
    "picked up and pre-expanded by a scheduled task."
)
_INTERNAL = (
    "HAPI-0888: org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport"
    "$ExpansionCouldNotBeCompletedInternallyException: "
)


class CodeSystem(NamedTuple):
    """A code system.

    Attributes:
        name: Its name for programs.
        version: Its version, or None.
        content: ``complete``, ``fragment``, ``not-present`` and so on.
        case_sensitive: True if upper and lower case make different codes.
        displays: Its codes in order, with their displays (or None).
    """

    name: str | None
    version: str | None
    content: str
    case_sensitive: bool
    displays: Mapping[str, str | None]

    def find(self, code: str) -> str | None:
        """Returns the code that a text means, or None."""
        if code in self.displays or self.case_sensitive:
            return code if code in self.displays else None
        return next((each for each in self.displays if each.lower() == code.lower()), None)


class ValueSet(NamedTuple):
    """A value set.

    Attributes:
        id: Its id.
        version: Its version, or None.
        compose: Its definition.
        stored: True if it is a resource that a client has stored.
    """

    id: str
    version: str | None
    compose: Mapping[str, Any]
    stored: bool = False


class Concept(NamedTuple):
    """One code of an expansion."""

    system: str
    code: str
    display: str | None
    version: str | None


FindSystem = Callable[[str], CodeSystem | None]
FindSet = Callable[[str], ValueSet | None]


@cache
def _data() -> dict[str, dict[str, list[Any]]]:
    text = gzip.decompress(files(__package__).joinpath("r4", "terminology.json.gz").read_bytes())
    data: dict[str, dict[str, list[Any]]] = json.loads(text)
    return data


def code_system(url: str) -> CodeSystem | None:
    """Returns a code system of the specification by its URL, or None; a version behind a bar is ignored."""
    url = url.partition("|")[0]
    found = _data()["systems"].get(url)
    if found is None:
        return CodeSystem(None, None, "not-present", True, {}) if url == MEDIA_TYPES else None
    return CodeSystem(*found)


def value_set(url: str) -> ValueSet | None:
    """Returns a value set of the specification by its URL, or None; a version behind a bar is ignored."""
    found = _data()["sets"].get(url.partition("|")[0])
    return None if found is None else ValueSet(*found)


def own_code_system(resource: Mapping[str, Any]) -> CodeSystem:
    """Returns the code system that a CodeSystem resource describes."""
    displays = {str(each["code"]): each.get("display") for each in _concepts(resource) if "code" in each}
    content, exact = str(resource.get("content", "")), resource.get("caseSensitive") is True
    return CodeSystem(resource.get("name"), resource.get("version"), content, exact, displays)


def _concepts(holder: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for each in holder.get("concept", ()):
        yield each
        yield from _concepts(each)


def own_value_set(resource: Mapping[str, Any], *, stored: bool) -> ValueSet:
    """Returns the value set that a ValueSet resource describes."""
    return ValueSet(str(resource.get("id", "")), resource.get("version"), resource.get("compose", {}), stored)


def name_of(value_set: ValueSet, url: str | None) -> str:
    """Returns a value set's name in HAPI's messages."""
    if url:
        return f"ValueSet.url[{url}]"
    return f"ValueSet.id[ValueSet/{value_set.id}]" if value_set.id else "Unidentified ValueSet"


class ExpansionError(Exception):
    """A value set that cannot be expanded, in HAPI's words."""


class Expansion:
    """Collects the codes of a value set, in HAPI's order.

    Args:
        find_system: Finds code systems.
        find_set: Finds the value sets that others refer to.
        most: The most codes.
        skipped: The number of codes before them.

    Attributes:
        messages: What HAPI says about the expansion.
    """

    def __init__(self, find_system: FindSystem, find_set: FindSet, most: int = MOST_CODES, skipped: int = 0) -> None:
        self._find_system, self._find_set, self._most, self._skipped = find_system, find_set, most, skipped
        self._found: dict[tuple[str, str | None, str], Concept] = {}
        self.messages: list[str] = []
        self._depth = 0

    @property
    def concepts(self) -> list[Concept]:
        """The codes in order."""
        return list(self._found.values())

    def add(self, value_set: ValueSet, url: str | None) -> None:
        """Adds the codes of a value set.

        Raises:
            FhirError: HAPI refuses it, or there are too many codes.
        """
        named = name_of(value_set, url)
        own = f'ValueSet "{named}" has not yet been pre-expanded. {_WAITING}'
        self.messages.append(own if value_set.stored else f'ValueSet with URL "{named}" {_IN_MEMORY}')
        compose = value_set.compose
        self._depth += 1
        if self._depth > 20:
            raise FhirError(501, "This server expands value sets within value sets to a depth of 20 alone")
        for add, kind in ((True, "include"), (False, "exclude")):
            for part in compose.get(kind, ()):
                self._take(part, add=add)
        self._depth -= 1

    def _take(self, part: Mapping[str, Any], *, add: bool) -> None:
        if part.get("system"):
            try:
                for concept in included(part, self._find_system, self._find_set):
                    self._put(concept, add=add)
            except ExpansionError as error:
                raise FhirError(500, f"{_INTERNAL}{error}") from None
        elif part.get("valueSet"):
            for url in part["valueSet"]:
                other = self._find_set(url)
                if other is None:
                    raise FhirError(404, f"HAPI-0889: Unknown ValueSet: {quote(url, safe='-_.*~')}")
                self.add(other, url.partition("|")[0])
        else:
            kind = "include" if add else "exclude"
            raise FhirError(400, f"HAPI-0890: ValueSet contains {kind} criteria with no system defined")

    def _put(self, concept: Concept, *, add: bool) -> None:
        key = (concept.system, concept.version, concept.code)
        if not add:
            self._found.pop(key, None)
        elif key not in self._found:
            if len(self._found) >= self._most + self._skipped:
                about = "".join(f" - {message}" for message in self.messages)
                text = f"Expansion of ValueSet produced too many codes (maximum {self._most:,}) - Operation aborted!"
                raise FhirError(500, f"HAPI-0831: {text}{about}")
            self._found[key] = concept


def included(part: Mapping[str, Any], find_system: FindSystem, find_set: FindSet) -> Iterator[Concept]:
    """Yields the codes of one ``include`` with a code system.

    Raises:
        ExpansionError: HAPI does not know the code system.
    """
    system, _, behind = str(part["system"]).partition("|")
    version: str | None = part.get("version") or behind or None
    known = find_system(system)
    listed = part.get("concept", ())
    if known is None or known.content == "not-present":
        full = f"{system}|{version}" if version else system
        if ELSEWHERE.get(system) and not listed:
            raise FhirError(501, f"This server does not have the codes of {system}")
        if part.get("filter") or (not listed and known is None) or part.get("valueSet"):
            absent = "has CodeSystem.content=not-present but contents were not found"
            how = "could not be found" if known is None else absent
            raise ExpansionError(f"{_FAILED}{how}: {full}")
        yield from (Concept(system, each["code"], each.get("display"), version) for each in listed if "code" in each)
    else:
        wanted = {each.get("code") for each in listed}
        for code, display in known.displays.items():
            if not wanted or code in wanted:
                yield Concept(system, code, display, version)
    for url in part.get("valueSet", ()):
        other = find_set(url)
        for inner in () if other is None else _includes(other.compose):
            yield from included(inner, find_system, find_set)


def _includes(compose: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [each for each in compose.get("include", ()) if each.get("system")]
