"""`scripts/soak`: measures how long clients of `mab-gym serve` wait while others are hostile.

Starts its own server on the loopback interface, in each of the two modes (``--sessions own`` and ``shared``). Innocent
clients read, search, page, write and reset as agents and trainers do, with pauses between requests; `_soak_hostile`
holds the hostile ones. Prints the times of innocent requests and the server's memory. Exits with 1 if an innocent
request took more than a second or got a wrong answer, or if memory exceeded its bound.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http
import json
import multiprocessing
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _soak_hostile import run_all

WANTED_SECONDS = 1.0
MOST_MEMORY = 3 * 1024
"""In MiB; more than stored bytes, bodies in transit and the records may take together."""
REQUESTS_OF_A_SESSION = 30
JSON = "Content-Type: application/fhir+json"


@dataclass
class Seen:
    """The observations of innocent clients.

    Attributes:
        seconds: The duration of each request, with its kind and its start.
        failed: The counts of wrong answers by kind.
    """

    began: float = field(default_factory=time.perf_counter)
    seconds: list[tuple[float, str, float]] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)


class Innocent:
    """A client that works as an agent does.

    Args:
        number: Its number, which decides its requests and if it keeps its connection.
        port: The server's port.
        sessions: ``own`` or ``shared``; a shared session is never reset.
        seen: Collects its observations.
        patients: Ids of Patients to ask for.
    """

    def __init__(self, number: int, port: int, sessions: str, seen: Seen, patients: list[str]) -> None:
        self._rng = random.Random(number)
        self._session = f"innocent-{number}"
        self._own = sessions == "own"
        self._keeps = number % 2 == 0
        self._port = port
        self._seen = seen
        self._patients = patients
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, until: float) -> None:
        """Works until a time."""
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            for _ in range(REQUESTS_OF_A_SESSION):
                await asyncio.sleep(self._rng.uniform(0.1, 0.5))
                if loop.time() >= until:
                    break
                await self._step()
            if self._own:
                await self._ask("POST", "/reset", 204)
        self._close()

    async def _step(self) -> None:
        patient = self._rng.choice(self._patients)
        match self._rng.randrange(6):
            case 0:
                await self._ask("GET", f"/fhir/Patient/{patient}", 200)
            case 1:
                body = {"resourceType": "Observation", "status": "final", "code": {"text": "BP"}}
                body |= {"subject": {"reference": f"Patient/{patient}"}, "valueString": "118/77 mmHg"}
                await self._ask("POST", "/fhir/Observation", 201, json.dumps(body))
            case 2:
                entries = [{"request": {"method": "GET", "url": f"Patient/{patient}"}}] * 2
                body = {"resourceType": "Bundle", "type": "batch", "entry": entries}
                await self._ask("POST", "/fhir", 200, json.dumps(body))
            case _:
                found = await self._ask("GET", f"/fhir/Observation?patient={patient}&_count=10", 200)
                link = re.search(rb'"url": "http://[^/]+(/fhir\?_getpages=[^"]+)"', found)
                if link is not None and self._rng.random() < 0.5:
                    await self._ask("GET", link[1].decode(), 200)

    async def _ask(self, method: str, path: str, wanted: int, body: str = "") -> bytes:
        kind = f"{method} {path.split('?', maxsplit=1)[0].split('/S', maxsplit=1)[0]}{'?' if '?' in path else ''}"
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(60):
                status, text = await self._exchange(method, path, body.encode())
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            self._seen.failed[f"{kind}: {type(error).__name__}"] += 1
            self._close()
            return b""
        finally:
            self._seen.seconds.append((time.perf_counter() - begun, kind, begun - self._seen.began))
        if status != wanted:
            self._seen.failed[f"{kind}: {status} {http.HTTPStatus(status).phrase} {text[:300].decode()}"] += 1
        if not self._keeps:
            self._close()
        return text

    async def _exchange(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if self._open is None:
            self._open = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._open
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", f"X-MAB-Session: {self._session}"]
        lines += [JSON, f"Content-Length: {len(body)}"] if body else []
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = re.search(r"content-length: (\d+)", head)
        text = await reader.readexactly(int(length[1])) if length else b""
        if "connection: close" in head:
            self._close()
        return int(head.split()[1]), text

    def _close(self) -> None:
        if self._open is not None:
            self._open[1].transport.abort()
            self._open = None


@contextlib.contextmanager
def serving(sessions: str) -> Iterator[tuple[int, int]]:
    """Starts a server; yields its process and its port."""
    command = [sys.executable, "-u", "-m", "mab_gym.cli", "serve", "--port", "0", "--sessions", sessions]
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True)
        try:
            yield process.pid, port_of(process)
            if process.poll() is not None:
                print(f"  the server died: {process.returncode}")
        finally:
            stop(process)
            complaints.seek(0)
            said = complaints.read()
            if said:
                print(f"  the server complained, {said.count(chr(10))} lines; the last ones:\n{said[-2000:]}")


def port_of(process: subprocess.Popen[str]) -> int:
    """Returns the port of a server that was just started."""
    assert process.stdout is not None
    found = re.search(r"http://127.0.0.1:(\d+)/fhir", process.stdout.readline())
    if found is None:
        sys.exit("mab-gym serve did not start")
    return int(found[1])


def stop(process: subprocess.Popen[str]) -> None:
    """Stops a server as Ctrl-C does."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        print("  the server did not stop by itself")


def memory(pid: int) -> int:
    """Returns the memory of a process in MiB."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found[1]) // 1024 if found else 0


def hostile_process(port: int, sessions: str, count: int, seconds: float, only: str | None) -> None:
    """Runs the hostile clients in their own process, so that they do not slow the others' clocks."""
    rounds = asyncio.run(run_all("127.0.0.1", port, sessions, count, seconds, only))
    print("  hostile rounds: " + ", ".join(f"{name} {number}" for name, number in sorted(rounds.items())), flush=True)


async def watch(pid: int, until: float, every: float) -> list[int]:
    """Samples the server's memory over time, in MiB."""
    found = []
    while asyncio.get_running_loop().time() < until:
        found.append(memory(pid))
        await asyncio.sleep(every)
    return found


async def patients_of(port: int) -> list[str]:
    """Reads ids of Patients."""
    client = Innocent(-2, port, "own", Seen(), [])
    found = await client._ask("GET", "/fhir/Patient?_count=50", 200)
    client._close()
    return [entry["resource"]["id"] for entry in json.loads(found)["entry"]]


async def innocents(pid: int, port: int, sessions: str, count: int, seconds: float) -> tuple[Seen, list[int]]:
    """Runs the innocent clients; returns their observations and the server's memory."""
    seen = Seen()
    patients = await patients_of(port)
    until = asyncio.get_running_loop().time() + seconds
    clients = [Innocent(number, port, sessions, seen, patients).run(until) for number in range(count)]
    held, *_ = await asyncio.gather(watch(pid, until, 1.0), *clients)
    return seen, held


def soak(sessions: str, clients: int, hostile: int, seconds: float, only: str | None) -> bool:
    """Runs one mode, prints the figures and tells if all was well."""
    print(f"--sessions {sessions}: {clients} clients, {hostile} of them hostile, {seconds:.0f} s", flush=True)
    with serving(sessions) as (pid, port):
        before = memory(pid)
        attack = multiprocessing.Process(target=hostile_process, args=(port, sessions, hostile, seconds, only))
        attack.start()
        seen, held = asyncio.run(innocents(pid, port, sessions, clients - hostile, seconds))
        attack.join(60)
        after = memory(pid)
    times = sorted(duration for duration, _, _ in seen.seconds)
    worst = sorted(seen.seconds, reverse=True)[:5]
    late = Counter(int(begun) for duration, _, begun in seen.seconds if duration > WANTED_SECONDS)
    p99 = times[int(0.99 * (len(times) - 1))]
    print(f"  {len(times)} innocent requests: median {statistics.median(times) * 1e3:.1f} ms, p99 {p99 * 1e3:.0f} ms")
    print("  longest: " + ", ".join(f"{duration * 1e3:.0f} ms {kind} at {at:.0f} s" for duration, kind, at in worst))
    print(
        f"  above {WANTED_SECONDS:g} s: {late.total()}, by the second in which they began: {dict(sorted(late.items()))}"
    )
    shown = held[:: max(1, len(held) // 20)]
    print(f"  memory in MiB: {before} before, {' '.join(map(str, shown))}, {after} after, {max(held)} at most")
    for what, number in seen.failed.most_common(10):
        print(f"  not answered: {number} x {what}")
    well = times[-1] <= WANTED_SECONDS and not seen.failed and max(held) <= MOST_MEMORY and attack.exitcode == 0
    print(f"  {'well' if well else 'NOT WELL'}", flush=True)
    return well


def main() -> int:
    """Runs both modes, or one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long, all modes together")
    parser.add_argument("--clients", type=int, default=64, help="how many clients")
    parser.add_argument("--hostile", type=int, default=20, help="how many of them are hostile")
    parser.add_argument("--only", help="hostile clients of this kind alone, as in slow_headers")
    parser.add_argument("--sessions", choices=["own", "shared", "both"], default="both")
    asked = parser.parse_args()
    if not 0 <= asked.hostile < asked.clients or asked.minutes <= 0:
        parser.error("there must be some minutes, and more clients than hostile ones")
    modes = ["own", "shared"] if asked.sessions == "both" else [asked.sessions]
    seconds = asked.minutes * 60 / len(modes)
    results = [soak(mode, asked.clients, asked.hostile, seconds, asked.only) for mode in modes]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
