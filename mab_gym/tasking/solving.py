"""The tools of gold solutions, which act through the environment as any agent does and read its replies."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, TypeVar
from urllib.parse import quote_plus

import orjson

from mab_gym.actions import Delete, Finish, Get, Patch, Post, Put, render

__all__ = ["Desk", "Reply", "Solution"]

_T = TypeVar("_T")
_LONGEST, _MOST = 200, 12
"""Characters and members of a result that a thought shows."""
_quoted = lru_cache(maxsize=4096)(quote_plus)


@dataclass(frozen=True)
class Reply:
    """The reply to an action.

    Attributes:
        status: The HTTP status; 0 if nothing was sent.
        body: The response as the server sent it.
    """

    status: int
    body: str

    @cached_property
    def resources(self) -> list[dict[str, Any]]:
        """The resources of a searchset, or a list with the one resource that was read; read once, not to be changed."""
        data = orjson.loads(self.body)
        if data.get("resourceType") == "Bundle":
            return [entry["resource"] for entry in data.get("entry", ())]
        return [data]


Solution = Generator[str, Reply, None]
"""A generator that yields actions as text and is sent the reply to each."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk of a gold solution: builds its actions and notes its decisions.

    Attributes:
        base_url: The FHIR base, without a slash at its end.
        now: The record system's clock, timezone-aware.
        decisions: The choices and computations so far, in words; each counts as a step (see `decide`).
        careless: The name of the rule that is broken wherever it applies; empty for the gold solution itself.
        rules: The names of the rules that applied so far.
        thoughts: The decisions with their results, in words, as a learner may be shown them.
        slips: Tells each time if a rule is broken, for players of graded skill; None if it is not.
    """

    base_url: str
    now: datetime
    decisions: list[str] = field(default_factory=list, compare=False)
    careless: str = ""
    rules: list[str] = field(default_factory=list, compare=False)
    thoughts: list[str] = field(default_factory=list, compare=False)
    slips: Callable[[str], bool] | None = field(default=None, compare=False)

    def get(self, resource_type: str, **parameters: str) -> str:
        """Returns the action that searches."""
        query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in parameters.items())
        return render(Get(f"{self.base_url}/{resource_type}" + (f"?{query}" if query else "")))

    def post(self, resource: dict[str, Any]) -> str:
        """Returns the action that creates a resource."""
        return render(Post(f"{self.base_url}/{resource['resourceType']}", json.dumps(resource)))

    def put(self, resource: Mapping[str, Any]) -> str:
        """Returns the action that replaces a resource, where the environment allows it."""
        return render(Put(f"{self.base_url}/{resource['resourceType']}/{resource['id']}", json.dumps(resource)))

    def patch(self, reference: str, operations: Sequence[Mapping[str, Any]]) -> str:
        """Returns the action that changes parts of a resource by JSON Patch, where the environment allows it.

        Args:
            reference: The resource, as in ``MedicationRequest/12``.
            operations: As in ``[{"op": "replace", "path": "/status", "value": "stopped"}]``.
        """
        return render(Patch(f"{self.base_url}/{reference}", json.dumps(list(operations))))

    def delete(self, reference: str) -> str:
        """Returns the action that deletes a resource, where the environment allows it."""
        return render(Delete(f"{self.base_url}/{reference}"))

    def operation(self, name: str, parameters: Mapping[str, Any]) -> str:
        """Returns the action that calls an operation at the base.

        Args:
            name: As in ``$wait``.
            parameters: The Parameters resource.
        """
        return render(Post(f"{self.base_url}/{name}", json.dumps(parameters)))

    def wait(self, minutes: int) -> str:
        """Returns the action that lets simulated time pass, in families that have a clock: at most 24 hours."""
        duration = {"value": minutes, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}
        asked = {"resourceType": "Parameters", "parameter": [{"name": "duration", "valueDuration": duration}]}
        return self.operation("$wait", asked)

    def decide(self, what: str, found: _T, careless: Mapping[str, Callable[[], _T]] | None = None) -> _T:
        """Notes a step that no request shows: a choice among results, or a computation.

        Args:
            what: The step in words, as in "the newest valid result".
            found: Its result.
            careless: By the name of a rule, such as ``status``: a function that returns the result if it is broken.

        Returns:
            ``found``, or the careless result if the desk's `careless` rule is among these.
        """
        self.decisions.append(what)
        for name, broken in (careless or {}).items():
            found = self.rule(name, found, broken)
        shown = _shown(found)
        self.thoughts.append(f"{what[:1].upper()}{what[1:]}{f': {shown}' if shown else ''}.")
        return found

    def rule(self, name: str, kept: _T, broken: Callable[[], _T]) -> _T:
        """Follows a rule of the prompt, or breaks it; the audit asks if breaking it costs anything.

        Args:
            name: The name of the rule.
            kept: The result of following it.
            broken: Returns the result of not knowing it.
        """
        self.rules.append(name)
        slipped = self.slips is not None and self.slips(name)
        return broken() if slipped or name == self.careless else kept

    def finish(self, answer: Sequence[Any]) -> str:
        """Returns the action that ends the episode with this answer."""
        return render(Finish(json.dumps(list(answer))))


def _shown(found: Any) -> str:
    """Returns a result in words where it has few; else an empty text."""
    if isinstance(found, bool):
        return "yes" if found else "no"
    if found is None:
        return "none"
    if isinstance(found, datetime):
        return found.isoformat()
    if isinstance(found, int | str):
        return str(found)[:_LONGEST]
    if isinstance(found, float):
        return f"{found:g}"
    if isinstance(found, list | tuple | set | frozenset) and len(found) <= _MOST:
        parts = [_shown(each) for each in found]
        return ", ".join(parts) if all(parts) or not parts else ""
    return ""
