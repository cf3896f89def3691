"""What an episode needs of a record system, whichever it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # `import mab_gym` reads this file
    from mab_gym.fhir.http._exchange import Request, Response
    from mab_gym.fhir.store._overlay import Write


class RecordSession(Protocol):
    """One episode's private view of the record system.

    It begins at the snapshot, sees its own writes and nobody else's, and goes back on `reset`.
    """

    @property
    def writes(self) -> Sequence[Write]:
        """What was really written since the last reset, in order."""
        ...

    def handle(self, request: Request) -> Response:
        """Puts one request to the record system; what the request holds never makes it raise.

        Raises:
            InfrastructureError: The record system failed.
        """
        ...

    def release(self) -> None:
        """Ends the episode: what the session holds is given back, and at the snapshot. `writes` can still be read.

        Raises:
            InfrastructureError: The record system could not be taken back.
        """
        ...

    def reset(self) -> None:
        """Goes back to the snapshot."""
        ...

    def prepare(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Goes back to the snapshot with resources laid over it, which count as its own until the next reset."""
        ...


class Backend(Protocol):
    """A record system that opens sessions.

    Attributes:
        base_url: The FHIR base that agents see, without a slash at its end.
        now: The record system's clock, timezone-aware.
        digest: Identifies the snapshot's contents.
        capacity: The number of episodes that can be under way at once; None for no limit.
        deterministic: True if equal requests from the snapshot on give equal answers, byte for byte.
        in_process: True if answers come from this process's own memory, in microseconds: a thread that waits for them
            gains nothing.
    """

    base_url: str
    now: datetime
    digest: str
    capacity: int | None
    deterministic: bool
    in_process: bool

    def open(self) -> RecordSession:
        """A new session at the snapshot."""
        ...

    def close(self) -> None:
        """Gives back what the backend holds; sessions end with it."""
        ...
