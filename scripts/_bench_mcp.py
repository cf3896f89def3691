"""Measures the MCP server: the time of a call over standard input and output, the memory of sessions over HTTP."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _bench import RUNS, row

CALLS = 500
SESSIONS = 1_000
CASE = "latest_magnesium/07"
SEARCH = {"type": "Observation", "params": {"patient": "S3732812", "code": "MG", "_sort": "-date", "_count": 5}}
COMMAND = (sys.executable, "-m", "mab_gym.cli", "mcp", "--max-steps", "100000")
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


def spread(values: list[float]) -> tuple[float, float, float]:
    """Returns the least, the median and the greatest."""
    return min(values), statistics.median(values), max(values)


def timed(call: Callable[[], Any], count: int = CALLS) -> float:
    """Returns the median microseconds of a call."""
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1e6


def in_process() -> float:
    """Returns the median microseconds of the same step in this process."""
    import mab_gym
    from mab_gym.integrations.mcp._tools import reading_of

    env = mab_gym.make("MedAgentBench-v0", max_steps=100_000)
    env.reset(options={"case": CASE})
    base = env.unwrapped.scenario.backend.base_url
    return timed(lambda: env.step(str(reading_of("search", SEARCH, base).action)))


def request(method: str, number: int | None, **params: Any) -> dict[str, Any]:
    """Returns a message of the protocol."""
    identity = {} if number is None else {"id": number}
    return {"jsonrpc": "2.0", **identity, "method": method, "params": params}


OPENING = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}


def bare() -> float:
    """Returns the median microseconds of a call by a client that does nothing but write and read lines."""
    with subprocess.Popen([*COMMAND, "--case", CASE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None and server.stdout is not None

        def send(message: dict[str, Any]) -> None:
            server.stdin.write(json.dumps(message).encode() + b"\n")
            server.stdin.flush()

        def call() -> None:
            send(request("tools/call", 2, name="search", arguments=SEARCH))
            assert server.stdout.readline()

        send(request("initialize", 1, **OPENING))
        server.stdout.readline()
        send(request("notifications/initialized", None))
        timed(call, 50)
        return timed(call)


async def official() -> float:
    """Returns the median microseconds of a call by the official client."""
    from mcp import Client, StdioServerParameters

    async with Client(StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "--case", CASE])) as client:
        taken = []
        for _ in range(CALLS + 50):
            begun = time.perf_counter()
            await client.call_tool("search", SEARCH)
            taken.append(time.perf_counter() - begun)
        return statistics.median(taken[50:]) * 1e6


@contextmanager
def serving() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Starts a server over HTTP in its own process; yields the process and its address."""
    with subprocess.Popen([*COMMAND, "--http", "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server, server.stdout.readline().split(" at ")[1].strip()
        finally:
            server.terminate()


def resident(server: subprocess.Popen[str]) -> float:
    """Returns the resident memory of a process in MB (Linux)."""
    lines = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def memory() -> tuple[float, float]:
    """Returns the MB that live sessions with an episode each add to those of one, and those of a search in each."""
    import http.client
    from urllib.parse import urlsplit

    with serving() as (server, address):
        place = urlsplit(address)
        clients: list[tuple[http.client.HTTPConnection, dict[str, str]]] = []

        def ask(client: http.client.HTTPConnection, headers: dict[str, str], message: dict[str, Any]) -> str | None:
            client.request("POST", "/mcp", json.dumps(message), headers)
            answer = client.getresponse()
            answer.read()
            assert answer.status in (200, 202), answer.status
            return answer.getheader("mcp-session-id")

        def enter() -> None:
            client = http.client.HTTPConnection(place.hostname or "", place.port)
            session = ask(client, HEADERS, request("initialize", 1, **OPENING))
            headers = {**HEADERS, "mcp-session-id": session or "", "mcp-protocol-version": "2025-11-25"}
            ask(client, headers, request("notifications/initialized", None))
            ask(client, headers, request("resources/read", 2, uri="mab-gym://task"))
            clients.append((client, headers))

        enter()
        first = resident(server)
        for _ in range(SESSIONS - 1):
            enter()
        begun = resident(server)
        for client, headers in clients:
            ask(client, headers, request("tools/call", 3, name="search", arguments=SEARCH))
        return begun - first, resident(server) - begun


def main() -> None:
    print(f"median of {RUNS} runs (least – greatest), each the median of {CALLS} searches\n")
    own = [in_process() for _ in range(RUNS)]
    lines = [bare() for _ in range(RUNS)]
    client = [asyncio.run(official()) for _ in range(RUNS)]
    row("a call in this process", "µs", "–", spread(own))
    row("a call over stdio, a client that only writes and reads lines", "µs", "–", spread(lines))
    row("a call over stdio, the official client", "µs", "≤ 1,000", spread(client))
    share = statistics.median(client) - statistics.median(lines)
    print(f"{'of these the official client itself':58} {share:10.1f} µs\n")
    kept = [memory() for _ in range(3)]
    row(
        f"{SESSIONS:,} live sessions over HTTP, each an episode begun", "MB", "≤ 50", spread([each[0] for each in kept])
    )
    row("the same after one search in each: further memory", "MB", "–", spread([each[1] for each in kept]))


if __name__ == "__main__":
    main()
