"""The server of one episode: FHIR over HTTP, each request an action.

``GET`` and ``POST`` below ``/fhir`` are actions, word for word as a chat agent writes them. ``POST /finish`` with a
JSON list is the last one. All the rest is refused and counts as nothing. Nothing that is answered tells the verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path

from mab_gym.actions import Finish, Get, Post, read_answer, render
from mab_gym.episode import Observation
from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response
from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.integrations.harbor._evidence import Evidence, Start
from mab_gym.runs._driver import unwrapped
from mab_gym.serve import Application, Gate, listen, run
from mab_gym.serve._places import SessionPlace

PORT = 8080
"""The port, since the texts of all tasks name the record system at ``http://localhost:8080/fhir``."""
READY = "ready"
_PLAIN = {"content-type": "text/plain;charset=UTF-8"}


class EpisodePlace:
    """The one place where all requests are answered, one at a time.

    Args:
        start: The episode.
        evidence: Keeps the actions.

    Attributes:
        driver: Plays it.
    """

    queue = 64

    def __init__(self, start: Start, evidence: Evidence) -> None:
        self.driver = start.begin()
        self._evidence = evidence
        self._base_url = unwrapped(self.driver.env).scenario.backend.base_url

    def turn(self, *, reading: bool) -> Hashable | None:
        """Returns the place itself: an episode's actions take turns."""
        return self

    def answer(self, request: Request) -> Response:
        """Takes a GET or POST as an action.

        Raises:
            FhirError: It is neither, or the episode is over.
        """
        url = f"{self._base_url}/{request.target}" if request.target else self._base_url
        match request.method:
            case "GET":
                shown = self._act(render(Get(url)))
            case "POST":
                shown = self._act(render(Post(url, request.body)))
            case _:
                raise FhirError(405, Issue("Only GET and POST are possible here; nothing was done", "not-supported"))
        if shown["status"] == 0:  # nothing was sent; the text says why
            raise FhirError(400, Issue(shown["text"], "invalid"))
        return Response(shown["status"], shown["fhir"], {"content-type": FHIR_JSON})

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

    def _act(self, action: str) -> Observation:
        if self.driver.over:
            raise FhirError(410, Issue("The task is over; nothing was done", "expired"))
        self._evidence.action(action)
        step = self.driver.act(action)
        fault = step.info.get("infrastructure_error")
        if fault is not None:
            self._evidence.fault(str(fault))
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


def serve_episode(
    start: Start,
    kept: Path,
    host: str = "127.0.0.1",
    port: int = PORT,
    ready: Callable[[str, Callable[[], None]], None] = lambda url, stop: None,
) -> None:
    """Serves one episode until SIGINT or SIGTERM.

    Args:
        start: The episode.
        kept: The file that keeps its actions. Beside it a file named ``ready`` is made when requests are answered.
        host: The address to listen at.
        port: The port; 0 takes any that is free.
        ready: Called once requests are answered, with the FHIR base and a function that stops the server.

    Raises:
        UsageError: There is no such case, the file is there already, or the port is in use.
        NotInstalledError: uvicorn is missing.
    """
    listening = listen(host, port)
    url = f"http://{host}:{listening.getsockname()[1]}"
    with listening:
        application = application_of(EpisodePlace(start, Evidence(kept, start)), url)

        def told(stop: Callable[[], None]) -> None:
            kept.with_name(READY).touch()
            ready(f"{url}/fhir", stop)

        run(application, listening, told)


def application_of(place: EpisodePlace, url: str) -> Application:
    """Returns the ASGI application of an episode.

    Args:
        place: The episode.
        url: The address at which it is served, without a path.
    """
    return Application(EpisodeWorld(place), Gate(f"{url}/fhir"), further={("POST", "/finish"): place.finish})
