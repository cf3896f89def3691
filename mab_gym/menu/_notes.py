"""Notes of the record system's responses so far in an episode."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mab_gym.menu._prompt import Prompt


@dataclass(frozen=True, slots=True)
class FoundResult:
    """A numeric result that a search returned.

    Attributes:
        value: Its value as a JSON number.
        written: Its effectiveDateTime as written.
        moment: Its effectiveDateTime, timezone-aware.
        in_error: True if its status is entered-in-error.
    """

    value: int | float
    written: str
    moment: datetime
    in_error: bool


@dataclass(frozen=True, slots=True)
class FoundPatient:
    """A Patient that a search returned.

    Attributes:
        mrn: Its id.
        name: The first given name and the family name.
        birth_date: The date of birth; empty if there is none.
    """

    mrn: str
    name: str
    birth_date: str


@dataclass(slots=True)
class Notes:
    """The facts that were read in an episode.

    Attributes:
        steps: The number of actions so far.
        status: The HTTP status of the last response; 0 if nothing was sent.
        search: The last search: the index of a code among the prompt's codes, ``people``, or empty.
        results: The results of the last search for results, in its order, with further pages.
        people: The people of the last search for people, in its order, with further pages.
        following: The address of the next page of the last search, or empty.
        searched: The successful searches so far.
        stored: The number of times that each of the prompt's forms was stored, by index.
        opened: The index of the form that is being filled in, or None.
    """

    steps: int = 0
    status: int = 0
    search: str = ""
    results: list[FoundResult] = field(default_factory=list)
    people: list[FoundPatient] = field(default_factory=list)
    following: str = ""
    searched: set[str] = field(default_factory=set)
    stored: dict[int, int] = field(default_factory=dict)
    opened: int | None = None

    @property
    def valid(self) -> list[FoundResult]:
        """The results that were not entered in error."""
        return [result for result in self.results if not result.in_error]

    def recent(self, prompt: Prompt) -> list[FoundResult]:
        """Returns the valid results within the prompt's window; none if there is no window."""
        start, now = prompt.window_start, prompt.now
        if start is None or now is None:
            return []
        return [result for result in self.results if not result.in_error and start <= result.moment <= now]

    def returned(self, search: str, status: int, body: str, *, further: bool = False) -> None:
        """Notes the response to a search.

        Args:
            search: The search, as in `search`.
            status: The HTTP status.
            body: The response's body.
            further: True for a further page, which is added to the earlier ones.
        """
        self.following = ""
        if not 200 <= status < 300:
            return
        bundle = _bundle(body)
        links = bundle.get("link")
        for link in links if isinstance(links, list) else ():
            if isinstance(link, dict) and link.get("relation") == "next":
                self.following = str(link.get("url", ""))
        entries = bundle.get("entry")
        found = (
            [each.get("resource") for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
        )
        self.search = search
        self.searched.add(search)
        if search == "people":
            people = [person for person in map(_person, found) if person is not None]
            self.people = [*self.people, *people] if further else people
        else:
            results = [result for result in map(_result, found) if result is not None]
            self.results = [*self.results, *results] if further else results


def _bundle(body: str) -> Mapping[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _result(resource: Any) -> FoundResult | None:
    if not isinstance(resource, dict) or resource.get("resourceType") != "Observation":
        return None
    quantity, written = resource.get("valueQuantity"), resource.get("effectiveDateTime")
    value = quantity.get("value") if isinstance(quantity, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(written, str):
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return FoundResult(value, written, moment, resource.get("status") == "entered-in-error")


def _person(resource: Any) -> FoundPatient | None:
    if not isinstance(resource, dict) or resource.get("resourceType") != "Patient":
        return None
    names: Sequence[Any] = resource.get("name") or [{}]
    name = names[0] if isinstance(names[0], dict) else {}
    given = name.get("given") or [""]
    return FoundPatient(
        str(resource.get("id", "")), f"{given[0]} {name.get('family', '')}", str(resource.get("birthDate", ""))
    )
