"""Serves one episode over HTTP, in the container ``record`` of a task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path

from mab_gym.integrations.harbor._episode import EpisodePlace, EpisodeWorld
from mab_gym.integrations.harbor._evidence import Evidence, Start
from mab_gym.serve import Application, Gate, listen, run
from mab_gym.serve._application import Scope, Send
from mab_gym.serve._bodies import Receive

PORT = 8080
"""The port, since the texts of all tasks name the record system at ``http://localhost:8080/fhir``."""
READY = "ready"


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


def application_of(place: EpisodePlace, url: str) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Returns the ASGI application of an episode.

    Args:
        place: The episode.
        url: The address at which it is served, without a path.
    """
    further = {("POST", "/finish"): place.finish}
    application = Application(EpisodeWorld(place), Gate(f"{url}/fhir"), further=further)
    if find_spec("mcp") is None:
        return application
    from mab_gym.integrations.harbor._mcp import WithMcp  # noqa: PLC0415  (optional)

    return WithMcp(application, place)
