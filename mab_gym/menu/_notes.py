"""What a player has read so far in an episode, kept from the record system's own responses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mab_gym.menu._prompt import Prompt


@dataclass(frozen=True, slots=True)
class Result:
    """A numeric result as it was returned.

    Attributes:
        value: Its value, as JSON has it.
        written: Its effectiveDateTime, as written.
        moment: The same, timezone-aware.
        in_error: Whether its status is entered-in-error.
    """

    value: int | float
    written: str
    moment: datetime
    in_error: bool


@dataclass(frozen=True, slots=True)
class Person:
    """A Patient as it was returned: id, first given name and family name, date of birth (empty where it has none)."""

    mrn: str
    name: str
    birth_date: str


@dataclass(slots=True)
class Notes:
    """What is known in an episode.

    Attributes:
        steps: How many actions were taken.
        status: The last response's HTTP status, 0 where nothing was sent.
        search: What was searched last: the place of a code among the prompt's codes, ``people``, or empty.
        results: What the last search for results has returned, in its order, further pages included.
        people: Likewise for people.
        following: The address of the next page of the last search, or empty.
        searched: What was searched successfully so far.
        stored: How often each of the prompt's forms was stored.
        opened: The place of the form that is being filled in, or None.
    """

    steps: int = 0
    status: int = 0
    search: str = ""
    results: list[Result] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    following: str = ""
    searched: set[str] = field(default_factory=set)
    stored: dict[int, int] = field(default_factory=dict)
    opened: int | None = None

    @property
    def valid(self) -> list[Result]:
        """The results that count."""
        return [result for result in self.results if not result.in_error]

    def recent(self, prompt: Prompt) -> list[Result]:
        """The results that count and lie within the prompt's window; none without a window."""
        start, now = prompt.window_start, prompt.now
        if start is None or now is None:
            return []
        return [result for result in self.results if not result.in_error and start <= result.moment <= now]

    def returned(self, search: str, status: int, body: str, *, further: bool = False) -> None:
        """Notes the response to a search.

        Args:
            search: What was searched.
            status: The HTTP status.
            body: The response's body.
            further: Whether it is a further page, which is added to what is there.
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


def _result(resource: Any) -> Result | None:
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
    return Result(value, written, moment, resource.get("status") == "entered-in-error")


def _person(resource: Any) -> Person | None:
    if not isinstance(resource, dict) or resource.get("resourceType") != "Patient":
        return None
    names: Sequence[Any] = resource.get("name") or [{}]
    name = names[0] if isinstance(names[0], dict) else {}
    given = name.get("given") or [""]
    return Person(
        str(resource.get("id", "")), f"{given[0]} {name.get('family', '')}", str(resource.get("birthDate", ""))
    )
