"""A FHIR server over HTTP for tests: an embedded session behind a socket, which fails in any way it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mab_gym.fhir.http._server import FhirSession, Request, Response
from tests.fhir.serving import ids, observation, patient, quantity, serve

CUT = "cut"
"""A fault: the connection is closed without an answer."""


@dataclass
class Hospital:
    """The server as a test sees it.

    Attributes:
        base: Its FHIR base.
        session: What it serves.
        seen: Requests that reached it, as method, target and headers.
        fault: Says for a request what goes wrong: a status, `CUT`, seconds to hang, or None for nothing.
    """

    base: str
    session: FhirSession
    seen: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    fault: Callable[[str, str], int | float | str | None] = lambda method, target: None

    def asked(self, method: str) -> list[str]:
        return [target for verb, target, _ in self.seen if verb == method]

    def ids(self, resource_type: str) -> list[str]:
        """The ids that it holds now."""
        found: list[str] = []
        while page := ids(self.session, f"{resource_type}?_count=500&_offset={len(found)}&_elements=id"):
            found += page
        return found


@contextmanager
def hospital(session: FhirSession | None = None) -> Iterator[Hospital]:
    """A running hospital: one patient with two potassiums, unless something else is given."""
    known = (patient("S1"), observation("1", "S1", valueQuantity=quantity(4.0)), observation("2", "S1"))
    held = session or serve(known)
    guard = threading.Lock()
    place: Hospital

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            target = self.path.removeprefix("/fhir").removeprefix("/")
            place.seen.append((self.command, self.path, dict(self.headers)))
            fault = place.fault(self.command, target)
            if fault == CUT:
                self.close_connection = True
                return
            if isinstance(fault, float):
                time.sleep(fault)
            if isinstance(fault, int):
                response = Response(fault, "{}", {"content-type": "application/fhir+json"})
            else:
                headers = {name.lower(): value for name, value in self.headers.items()}
                host = self.headers.get("Host", "")
                with guard:
                    response = held.handle(Request(self.command, target, headers, body, f"http://{host}/fhir"))
            data = response.body.encode()
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  (as http.server calls them)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients may go in the middle."""

    server = Server(("127.0.0.1", 0), Handler)
    place = Hospital(f"http://127.0.0.1:{server.server_address[1]}/fhir", held)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield place
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
