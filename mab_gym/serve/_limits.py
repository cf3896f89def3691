"""The limits of `mab-gym serve` for its clients: sizes, times and numbers, all in one place."""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024
BODY_WORK = 600_000
"""The greatest cost of reading and storing a body, in units of `mab_gym.fhir`'s budget.

It is more than an agent's request may cost: a loader's Bundle of five hundred resources takes a third of it. Such
bodies are worked on one at a time, after all others.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeLimits:
    """The limits of a server.

    Attributes:
        body: Bytes of a request's body. A transaction Bundle of `mab-gym data export` has half a megabyte, those of
            other exporters some megabytes.
        bodies: Bytes of all bodies being received or worked on, without small ones.
        small_body: Bytes up to which a body is small. Each connection may have one, so their sum is bounded too.
        session_bytes: Bytes of memory that one session may store, with all versions of its resources; a resource
            takes two to ten times the size of its JSON.
        stored_bytes: Bytes of memory that all sessions together may store.
        session_share: Bytes that each session may always store, however much the others hold.
        sessions: Open sessions.
        session_idle: Seconds for which an unused session with writes is kept when there is no room for another.
        header_bytes: Bytes of a request's line and headers.
        header_seconds: Seconds within which a request's line and headers must arrive.
        body_seconds: Seconds that a body of any size may take.
        body_rate: Bytes per second; a body gets one more second for each so many bytes.
        answer_seconds: Seconds that a client may take to read an answer of any size.
        answer_rate: Bytes per second; the client gets one more second for each so many bytes of the answer.
        unread_bytes: Bytes of all answers that clients have not read yet; above it, the slowest clients are cut off.
        keep_alive: Seconds for which an idle connection stays open.
        connections: Open connections; beyond it, the one idle for the longest time is closed.
        waiting: Requests that may wait for their turn.
        session_waiting: Requests to one session that may wait for their turn.
    """

    body: int = 8 * MIB
    bodies: int = 32 * MIB
    small_body: int = 64 * KIB
    session_bytes: int = 128 * MIB
    stored_bytes: int = 1024 * MIB
    session_share: int = 128 * KIB
    sessions: int = 10_000
    session_idle: float = 3600.0
    header_bytes: int = 64 * KIB
    header_seconds: float = 10.0
    body_seconds: float = 10.0
    body_rate: int = 64 * KIB
    answer_seconds: float = 20.0
    answer_rate: int = 64 * KIB
    unread_bytes: int = 256 * MIB
    keep_alive: int = 60
    connections: int = 512
    waiting: int = 256
    session_waiting: int = 16
