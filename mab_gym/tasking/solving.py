"""The tools of gold solutions: they act through the environment as any agent does, and read its replies."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote_plus

from mab_gym.actions import Finish, Get, Post, render

_T = TypeVar("_T")
_quoted = lru_cache(maxsize=4096)(quote_plus)


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to an action.

    Attributes:
        status: The HTTP status, 0 where nothing was sent.
        body: The response as the server sent it.
    """

    status: int
    body: str

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The resources of a searchset, or the one resource that was read."""
        data = json.loads(self.body)
        if data.get("resourceType") == "Bundle":
            return [entry["resource"] for entry in data.get("entry", ())]
        return [data]


Solution = Generator[str, Reply, None]
"""Yields actions as text and is sent the reply to each."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk at which a solution works: the addresses and the clock that the prompt names too.

    Attributes:
        base_url: The FHIR base, without a slash at its end.
        now: The record system's clock, timezone-aware.
        decisions: What was decided or computed on the way, in words; each is a step of the work (see `decide`).
        careless: The rule that is broken wherever it applies, by name; empty for the gold solution itself.
        rules: The rules that applied on the way, by name.
    """

    base_url: str
    now: datetime
    decisions: list[str] = field(default_factory=list, compare=False)
    careless: str = ""
    rules: list[str] = field(default_factory=list, compare=False)

    def get(self, resource_type: str, **parameters: str) -> str:
        """The action that searches."""
        query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in parameters.items())
        return render(Get(f"{self.base_url}/{resource_type}" + (f"?{query}" if query else "")))

    def post(self, resource: dict[str, Any]) -> str:
        """The action that creates a resource."""
        return render(Post(f"{self.base_url}/{resource['resourceType']}", json.dumps(resource)))

    def decide(self, what: str, found: _T, careless: Mapping[str, Callable[[], _T]] | None = None) -> _T:
        """Notes a step that no request shows: a choice among results, or a computation.

        Args:
            what: The step in words, as in "the newest valid result".
            found: What came of it.
            careless: What comes of it for whoever breaks a rule, by the rule's name, as in ``status``.

        Returns:
            ``found``, so that a solution can be written around it; what is careless where that rule is to be broken.
        """
        self.decisions.append(what)
        for name, broken in (careless or {}).items():
            found = self.rule(name, found, broken)
        return found

    def rule(self, name: str, kept: _T, broken: Callable[[], _T]) -> _T:
        """Follows a rule of the prompt, or breaks it; an audit asks whether breaking it costs anything.

        Args:
            name: The rule's.
            kept: What comes of following it.
            broken: What comes of not knowing it.
        """
        self.rules.append(name)
        return broken() if name == self.careless else kept

    def finish(self, answer: Sequence[Any]) -> str:
        """The action that ends the episode with this answer."""
        return render(Finish(json.dumps(list(answer))))
