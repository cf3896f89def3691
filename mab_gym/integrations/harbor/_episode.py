"""The episode that a server serves: each request over FHIR is an action.

The environment's verbs below ``/fhir`` are actions, word for word as a chat agent writes them. ``POST /finish`` with a
JSON list is the last one. Tools by MCP do the same (``_mcp``), where the package ``mcp`` is installed. All the rest is
refused and counts as nothing. Nothing that is answered tells the verdict.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from threading import Lock
from typing import Any

from mab_gym.actions import Finish, read_answer, render
from mab_gym.actions import request as action_of
from mab_gym.episode import Observation, Step
from mab_gym.errors import MabGymError, as_infrastructure
from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response
from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.integrations.harbor._evidence import Evidence, Start
from mab_gym.runs._driver import unwrapped
from mab_gym.serve._places import SessionPlace

_PLAIN = {"content-type": "text/plain;charset=UTF-8"}


class EpisodePlace:
    """The one place where all requests are answered, one at a time; its methods may be called from any thread.

    Args:
        start: The episode.
        evidence: Keeps the actions.

    Attributes:
        driver: Plays it.
        opening: The message that opens it for a chat agent.
        base_url: The FHIR base in its texts.
        verbs: The verbs that the environment allows.
    """

    queue = 64

    def __init__(self, start: Start, evidence: Evidence) -> None:
        self.driver = start.begin()
        self._evidence = evidence
        self._lock = Lock()
        self.opening: str = self.driver.observation["text"]
        self.base_url = unwrapped(self.driver.env).scenario.backend.base_url
        self.verbs = self.driver.verbs

    @property
    def name(self) -> str:
        """The environment's id."""
        return unwrapped(self.driver.env).scenario.environment.id

    def turn(self, *, reading: bool) -> Hashable | None:
        """Returns the place itself: an episode's actions take turns."""
        return self

    def answer(self, request: Request) -> Response:
        """Takes a GET or POST as an action.

        Raises:
            FhirError: It is neither, or the episode is over.
        """
        url = f"{self.base_url}/{request.target}" if request.target else self.base_url
        if request.method not in self.verbs:
            known = f"{', '.join(self.verbs[:-1])} and {self.verbs[-1]}"
            raise FhirError(405, Issue(f"Only {known} are possible here; nothing was done", "not-supported"))
        shown = self._act(render(action_of(request.method, url, request.body)))
        if shown["status"] == 0:  # nothing was sent; the text says why
            raise FhirError(400, Issue(shown["text"], "invalid"))
        return Response(shown["status"], shown["fhir"], {"content-type": FHIR_JSON})

    def ready(self) -> bool:
        """Returns False: every request is an action, and waits for its turn."""
        return False

    def finish(self, body: str) -> Response:
        """Ends the episode with an answer; a body that is no JSON list changes nothing."""
        try:
            read_answer(body)
        except ValueError as error:
            return Response(400, f"Not finished: {error}\n".replace("FINISH([...])", "[...]"), _PLAIN)
        self._act(render(Finish(body)))
        return Response(200, "Finished.\n", _PLAIN)

    def reset(self) -> None:
        """Refuses: an episode is played once.

        Raises:
            FhirError: Always.
        """
        raise FhirError(403, Issue("An episode cannot begin again", "forbidden"))

    def take(self, action: str) -> Step | None:
        """Keeps and takes an action; does nothing and returns None if the episode is over."""
        with self._lock:
            if self.driver.over:
                return None
            self._evidence.action(action)
            step = self.driver.act(action)
            fault = step.info.get("infrastructure_error")
            if fault is not None:
                self._evidence.fault(str(fault))
            return step

    def metadata(self) -> dict[str, Any]:
        """Returns the record system's CapabilityStatement; this is no action.

        Raises:
            InfrastructureError: The record system failed.
        """
        with self._lock:
            try:
                read = unwrapped(self.driver.env).scenario.backend.open().handle(Request("GET", "metadata"))
                found: dict[str, Any] = json.loads(read.body)
            except (MabGymError, ValueError) as error:
                raise as_infrastructure(error) from None
            return found

    def _act(self, action: str) -> Observation:
        step = self.take(action)
        if step is None:
            raise FhirError(410, Issue("The task is over; nothing was done", "expired"))
        if "infrastructure_error" in step.info:
            raise FhirError(500, Issue("The record system failed; the task is over", "exception"))
        return step.observation


class EpisodeWorld:
    """Gives every request the one place."""

    def __init__(self, place: EpisodePlace) -> None:
        self._place = place

    def place(self, headers: Mapping[str, str], *, reading: bool) -> tuple[SessionPlace, str | None]:
        """Returns the one place."""
        return self._place, None

    def named(self, headers: Mapping[str, str]) -> SessionPlace | None:
        """Returns the one place, which refuses to be reset."""
        return self._place

    def end(self, headers: Mapping[str, str]) -> None:
        """Does nothing: an episode ends by its last action."""
