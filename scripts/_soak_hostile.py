"""The hostile clients of `scripts/soak`: each function is one client, which runs until it is cancelled.

They use the loopback interface only, and each client holds a bounded number of connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

HEAVY = (
    "Observation?_sort=-date",
    "Observation?_sort=-date&_count=1000&_include=*",
    "Observation/$lastn?max=5&_count=500",
    "Patient?_count=100&_revinclude=Observation:patient",
    "Patient?_has:Observation:patient:code=%20",
    "Patient/S0658561/$everything?_count=1000",
    "Observation?code-value-date=" + ",".join(f"K$ge20{year:02}" for year in range(40)),
    "Observation?_count=10000",
)
HELD = 40
"""Connections that one slow client holds at a time."""
MIB = 1024 * 1024


@dataclass
class Target:
    """The server.

    Attributes:
        host: Its address.
        port: Its port.
        sessions: The server's mode: ``own`` or ``shared``.
        held: The connections that slow clients hold.
    """

    host: str
    port: int
    sessions: str
    held: list[asyncio.StreamWriter] = field(default_factory=list)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Opens a new connection."""
        return await asyncio.open_connection(self.host, self.port)

    def head(self, method: str, path: str, *headers: str, host: str = "") -> bytes:
        """Returns a request's line and headers."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'{self.host}:{self.port}'}", *headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def send(self, data: bytes, wait: float = 60.0) -> bytes:
        """Sends on a new connection and reads until the server has answered or closes it."""
        reader, writer = await self.open()
        try:
            writer.write(data)
            async with asyncio.timeout(wait):
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.read(64)
            return head
        finally:
            writer.transport.abort()


Client = Callable[[Target, random.Random], Awaitable[None]]


async def heavy_searches(target: Target, rng: random.Random) -> None:
    """Sends expensive requests, each on a new connection."""
    await target.send(target.head("GET", f"/fhir/{rng.choice(HEAVY)}"))


async def heavy_searches_of_one_session(target: Target, rng: random.Random) -> None:
    """Sends many expensive requests at once to one session after a write."""
    name = f"X-MAB-Session: hostile-{rng.randrange(4)}"
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"x"}}'
    kind = "Content-Type: application/fhir+json"
    await target.send(target.head("POST", "/fhir/Observation", name, kind, f"Content-Length: {len(body)}") + body)
    asked = [target.send(target.head("GET", f"/fhir/{rng.choice(HEAVY)}", name)) for _ in range(8)]
    await asyncio.gather(*asked, return_exceptions=True)


async def heavy_batches(target: Target, rng: random.Random) -> None:
    """Sends Bundles of heavy searches."""
    urls = [rng.choice(HEAVY) for _ in range(10)]
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    body = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}).encode()
    kind = ("Content-Type: application/fhir+json", f"Content-Length: {len(body)}")
    await target.send(target.head("POST", "/fhir", *kind, f"X-MAB-Session: batch-{rng.randrange(4)}") + body)


async def asks_and_leaves(target: Target, rng: random.Random) -> None:
    """Sends expensive requests and does not wait for the answers."""
    _, writer = await target.open()
    writer.write(target.head("GET", f"/fhir/{rng.choice(HEAVY)}"))
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.transport.abort()


async def giant_bodies(target: Target, rng: random.Random) -> None:
    """Sends bodies that are far too long, announced or not."""
    _, writer = await target.open()
    announced = rng.random() < 0.5
    how = f"Content-Length: {60 * MIB}" if announced else "Transfer-Encoding: chunked"
    writer.write(target.head("POST", "/fhir/Patient", "Content-Type: application/fhir+json", how))
    part = b" " * MIB
    with contextlib.suppress(OSError):
        for _ in range(60):
            writer.write(part if announced else b"%x\r\n%s\r\n" % (len(part), part))
            await writer.drain()
    writer.transport.abort()


async def large_bodies(target: Target, rng: random.Random) -> None:
    """Sends bodies of the greatest allowed size: only brackets, or something to store."""
    if rng.random() < 0.5:
        body = b'{"resourceType":"Patient","contact":' + b"[[]," * (3 * MIB // 2) + b"[]]}"
    else:
        body = b'{"resourceType":"Binary","contentType":"text/plain","data":"' + b"QUJD" * (3 * MIB // 2) + b'"}'
    name = f"X-MAB-Session: large-{rng.randrange(50)}"
    kind = ("Content-Type: application/fhir+json", f"Content-Length: {len(body)}", name)
    path = "/fhir/Patient" if body.startswith(b'{"resourceType":"P') else "/fhir/Binary"
    await target.send(target.head("POST", path, *kind) + body)


async def slow_headers(target: Target, rng: random.Random) -> None:
    """Holds connections and sends a header's byte now and then."""
    await _drip(target, target.head("GET", "/fhir/Patient", "X-Slow: " + "x" * 2000), 20)


async def slow_bodies(target: Target, rng: random.Random) -> None:
    """Holds connections and sends a body's byte now and then."""
    head = target.head("POST", "/fhir/Patient", f"Content-Length: {7 * MIB}", "Content-Type: application/fhir+json")
    await _drip(target, head + b" " * 100_000, len(head) + 70_000)


async def _drip(target: Target, data: bytes, at_once: int) -> None:
    writers = [(await target.open())[1] for _ in range(HELD)]
    for writer in writers:
        writer.write(data[:at_once])
    for byte in range(at_once, at_once + 40):
        for writer in writers:
            if not writer.is_closing():
                writer.write(data[byte : byte + 1])
        await asyncio.sleep(0.5)
    for writer in writers:
        writer.transport.abort()


async def slow_readers(target: Target, rng: random.Random) -> None:
    """Asks for large answers and does not read them."""
    writers = []
    for _ in range(HELD // 4):
        _, writer = await target.open()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(target.head("GET", "/fhir/Observation?_count=5000") * 4)
        writers.append(writer)
    await asyncio.sleep(20)
    for writer in writers:
        writer.transport.abort()


async def floods(target: Target, rng: random.Random) -> None:
    """Reads without a cookie in quick succession, each time on a new connection."""
    asked = [target.send(target.head("GET", f"/fhir/Patient?_count=1&_offset={rng.randrange(90)}")) for _ in range(50)]
    await asyncio.gather(*asked, return_exceptions=True)


async def new_sessions(target: Target, rng: random.Random) -> None:
    """Writes without a cookie, so that each write needs a new session."""
    body = b'{"resourceType":"Basic","code":{"text":"x"}}'
    kind = ("Content-Type: application/fhir+json", f"Content-Length: {len(body)}")
    asked = [target.send(target.head("POST", "/fhir/Basic", *kind) + body) for _ in range(20)]
    await asyncio.gather(*asked, return_exceptions=True)


async def wrong_hosts(target: Target, rng: random.Random) -> None:
    """Reads under other host names, also in proxy headers."""
    name = rng.choice(["evil.example", 'a"><b', "127.0.0.1.evil.example:80", "[::1", "x" * 5000])
    head = await target.send(target.head("GET", "/fhir/Patient?_count=1", host=name))
    assert b" 200 " not in head.split(b"\r\n")[0], head
    await target.send(target.head("GET", "/fhir/Patient?_count=1", "X-Forwarded-Proto: gopher", "X-Forwarded-Host: e"))


async def foreign_origins(target: Target, rng: random.Random) -> None:
    """Sends resets and writes as a web page of another server would."""
    for method, path in (("POST", "/reset"), ("DELETE", "/session"), ("POST", "/fhir/Patient")):
        head = await target.send(target.head(method, path, "Origin: https://evil.example", "Content-Length: 0"))
        assert b" 403 " in head.split(b"\r\n")[0], head


async def websockets(target: Target, rng: random.Random) -> None:
    """Asks for WebSockets."""
    asked = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x")
    head = await target.send(target.head("GET", "/fhir/Patient?_count=1", *asked))
    assert b" 500 " not in head.split(b"\r\n")[0], head


async def garbage(target: Target, rng: random.Random) -> None:
    """Sends bytes that are not HTTP, or almost HTTP."""
    data = rng.choice([
        os.urandom(20_000),
        b"GET /fhir/Patient HTTP/9.9\r\n\r\n",
        target.head("GET", "/fhir/Patient", *(f"X-{n}: {'y' * 1000}" for n in range(400))),
        target.head("GET", "/fhir/" + "%ff" * 5000),
        target.head("GET", "/fhir/Patient?_count=1") * 200,
        b"POST /fhir HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\r\n" * 1000,
    ])  # fmt: skip
    await target.send(data, wait=5)


CLIENTS: tuple[Client, ...] = (
    heavy_searches,
    heavy_searches_of_one_session,
    slow_headers,
    floods,
    heavy_searches,
    large_bodies,
    slow_bodies,
    wrong_hosts,
    heavy_batches,
    asks_and_leaves,
    giant_bodies,
    foreign_origins,
    heavy_searches,
    slow_readers,
    websockets,
    new_sessions,
    heavy_searches_of_one_session,
    large_bodies,
    garbage,
    floods,
)
"""The kinds of hostile clients, used in turn."""
UNFAIR_TO_SHARE = (large_bodies, new_sessions)
"""Clients that fill the shared record system, as any client may; no limit keeps room for others there."""


async def run_client(client: Client, target: Target, seed: int, until: float) -> tuple[str, int]:
    """Runs one client until a time; returns its name and the number of its rounds.

    Raises:
        AssertionError: The server accepted something that it must refuse.
    """
    rng = random.Random(seed)
    rounds = 0
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        rounds += 1
        try:
            async with asyncio.timeout(max(0.1, until - loop.time())):
                await client(target, rng)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await asyncio.sleep(0.01)  # refused or cut off, as it should be
    return client.__name__, rounds


async def run_all(
    host: str, port: int, sessions: str, count: int, seconds: float, only: str | None = None
) -> dict[str, int]:
    """Runs hostile clients; returns the number of rounds of each kind."""
    target = Target(host, port, sessions)
    until = asyncio.get_running_loop().time() + seconds
    kinds = [client for client in CLIENTS if sessions == "own" or client not in UNFAIR_TO_SHARE]
    kinds = [client for client in kinds if only in (None, client.__name__)]
    running = [run_client(kinds[n % len(kinds)], target, n, until) for n in range(count)]
    rounds: dict[str, int] = {}
    for name, number in await asyncio.gather(*running):
        rounds[name] = rounds.get(name, 0) + number
    return rounds
