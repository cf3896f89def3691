"""`scripts/bench --against BASE_URL`: compares the embedded server with another one on the same records and requests.

Loads the recording's fixture into both (the other one keeps it), then sends requests that neither has seen before, so
that no search cache can answer. Each figure is the median over the requests of one kind. The other server says its
name in its CapabilityStatement.
"""

from __future__ import annotations

import http.client
import json
import lzma
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from mab_gym.fhir.http._server import FhirServer, Request

FIXTURE = Path(__file__).resolve().parent.parent / "tests" / "fhir" / "recordings" / "first" / "fixture.ndjson.xz"
JSON = {"Content-Type": "application/fhir+json"}
ASKED = 200
"""Measured requests of each kind."""
WARMING = 60
WANTED = {"page of 20": (27, 80), "small search": (11, 45), "read": (8, 150), "create": (8, 30)}
"""The wanted speed-up over HAPI, over HTTP and in process."""

Ask = tuple[str, str, str | None]
"""The method, target and body of a request."""
Send = Callable[[Ask], int]


def over_http(base_url: str) -> tuple[Send, http.client.HTTPConnection]:
    """Returns a function that sends over one open connection, and the connection."""
    parts = urlsplit(base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def send(ask: Ask) -> int:
        method, target, body = ask
        connection.request(method, f"{parts.path}/{target}", body, JSON if body else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    return send, connection


def in_process(server: FhirServer) -> Send:
    """Returns a function that asks a session directly."""
    session = server.open()
    headers = {name.lower(): value for name, value in JSON.items()}

    def send(ask: Ask) -> int:
        method, target, body = ask
        return session.handle(Request(method, target, headers if body else {}, body or "")).status

    return send


def load(send: Send, resources: Sequence[dict[str, Any]]) -> None:
    """Puts the resources of the fixture one by one."""
    for resource in resources:
        status = send(("PUT", f"{resource['resourceType']}/{resource['id']}", json.dumps(resource)))
        if status not in (200, 201):
            sys.exit(f"a server refused {resource['resourceType']}/{resource['id']}: {status}")


def requests(resources: Sequence[dict[str, Any]]) -> dict[str, list[Ask]]:
    """Makes requests by kind, none twice."""
    rng = random.Random(time.time_ns())
    patients = [r["id"] for r in resources if r["resourceType"] == "Patient"]
    observations = [r for r in resources if r["resourceType"] == "Observation"]
    count = ASKED + WARMING

    def day() -> str:
        date = f"{rng.randrange(1990, 2019)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        return f"{date}T{rng.randrange(24):02}:{rng.randrange(60):02}:00Z"

    pairs = [
        (r["subject"]["reference"].rpartition("/")[2], r["code"]["coding"][0]["code"])
        for r in observations
        if r.get("subject", {}).get("reference") and r.get("code", {}).get("coding", [{}])[0].get("code")
    ]
    most = [p for p in patients if sum(who == p for who, _ in pairs) > 60]
    rare = [pair for pair in dict.fromkeys(pairs) if pairs.count(pair) < 8]

    def created() -> str:
        subject = {"reference": f"Patient/{rng.choice(patients)}"}
        category = {
            "system": "http://hl7.org/fhir/observation-category",
            "code": "vital-signs",
            "display": "Vital Signs",
        }
        body = {"resourceType": "Observation", "category": [{"coding": [category]}], "code": {"text": "BP"}}
        body |= {"effectiveDateTime": "2023-11-13T10:15:00+00:00", "status": "final", "valueString": "118/77 mmHg"}
        return json.dumps({**body, "subject": subject})

    return {
        "page of 20": [
            ("GET", f"Observation?patient={rng.choice(most)}&date=ge{day()}&_count=20", None) for _ in range(count)
        ],
        "small search": [
            ("GET", f"Observation?patient={who}&code={code}&date=ge{day()}", None)
            for who, code in (rng.choice(rare) for _ in range(count))
        ],
        "read": [("GET", f"Observation/{rng.choice(observations)['id']}", None) for _ in range(count)],
        "create": [("POST", "Observation", created()) for _ in range(count)],
    }


def medians(send: Send, asked: dict[str, list[Ask]]) -> dict[str, float]:
    """Returns the median milliseconds by kind; the first requests of each kind only warm the server up."""
    found = {}
    for kind, asks in asked.items():
        times = []
        for ask in asks:
            begun = time.perf_counter()
            status = send(ask)
            times.append((time.perf_counter() - begun) * 1e3)
            if status not in (200, 201):
                sys.exit(f"{ask[0]} {ask[1]}: {status}")
        found[kind] = statistics.median(times[WARMING:])
    return found


def serving() -> tuple[subprocess.Popen[str], str]:
    """Starts `mab-gym serve --empty` in its own process; returns the process and the base URL."""
    command = [sys.executable, "-m", "mab_gym.cli", "serve", "--empty", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"http://\S+/fhir", process.stdout.readline())
    if found is None:
        sys.exit("mab-gym serve did not start")
    return process, found.group()


def software(base_url: str) -> str:
    """Returns the name and the version by which a server calls itself."""
    answer = httpx.get(f"{base_url}/metadata", headers={"accept": "application/fhir+json"}, timeout=60)
    stated = answer.raise_for_status().json().get("software", {})
    return " ".join(filter(None, (stated.get("name", "a server without a name"), stated.get("version")))).strip()


def main(base_url: str) -> None:
    """Prints a table."""
    name = software(base_url)
    wanted = WANTED if "HAPI" in name else {}
    with lzma.open(FIXTURE, "rt", encoding="utf-8") as file:
        resources = [json.loads(line) for line in file]
    asked = requests(resources)
    process, ours_url = serving()
    try:
        theirs, theirs_connection = over_http(base_url)
        ours, ours_connection = over_http(ours_url)
        inside = in_process(FhirServer({}))
        with closing(theirs_connection), closing(ours_connection):
            for where, send in ((name, theirs), ("ours over HTTP", ours), ("ours in process", inside)):
                begun = time.perf_counter()
                load(send, resources)
                print(f"{len(resources)} resources put into {where} in {time.perf_counter() - begun:.1f} s", flush=True)
            for connection in (theirs_connection, ours_connection):
                connection.close()  # it opens again by itself; a server may have closed it meanwhile
            figures = [medians(send, asked) for send in (theirs, ours, inside)]
    finally:
        process.terminate()
        process.wait(30)
    print(f"\nmedians of {ASKED} requests, none asked before; the other server is {name}\n")
    print(f"{'':14}{'the other':>10}{'HTTP':>10}{'':>16}{'in process':>14}")
    for kind, real in figures[0].items():
        http_ms, process_ms = figures[1][kind], figures[2][kind]
        over_wire, within = (f" (≥ {figure}x)" for figure in wanted[kind]) if wanted else ("", "")
        print(
            f"{kind:14}{real:7.2f} ms{http_ms:7.2f} ms {real / http_ms:5.1f}x{over_wire:9}"
            f"{process_ms * 1e3:8.0f} µs {real / process_ms:6.1f}x{within}"
        )


if __name__ == "__main__":
    main(sys.argv[1])
