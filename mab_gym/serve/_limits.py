"""Limits what a client may ask of `mab-gym serve`: sizes, times and numbers, all in one place."""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024
BODY_WORK = 600_000
"""The most a body may cost to read and store, in units of `mab_gym.fhir`'s budget: more than an agent's request.

A loader's Bundle of five hundred resources takes a third of it. Such bodies are worked on one at a time, last.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a server.

    Attributes:
        body: Bytes of a request's body. A transaction Bundle of `mab-gym data export` has half a megabyte, those of
            other exporters some megabytes.
        bodies: Bytes of all bodies that are on their way or being worked on; small ones do not count.
        small_body: Bytes up to which a body is small. Each connection may have one, so that they are bounded, too.
        session_bytes: Bytes of memory that one session may store, all versions of its resources together; a resource
            takes two to ten times its JSON.
        stored_bytes: The same of all sessions together.
        session_share: Bytes that each session may store, however much the others have.
        sessions: Sessions that may be open at once.
        session_idle: Seconds for which a session with writes is kept unused before another may take its place.
        header_bytes: Bytes of a request's line and headers.
        header_seconds: Seconds in which they must have come.
        body_seconds: Seconds that a body may take, whatever its size.
        body_rate: Bytes a second in which it must come beyond that.
        answer_seconds: Seconds that a client may take to read an answer, whatever its size.
        answer_rate: Bytes a second in which it must read beyond that.
        unread_bytes: Bytes of all answers that clients have not read yet; the slowest are cut off above it.
        keep_alive: Seconds for which an idle connection stays open.
        connections: Connections that may be open at once; the longest idle one makes room.
        waiting: Requests that may wait for their turn.
        session_waiting: Requests to one session that may do so.
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
