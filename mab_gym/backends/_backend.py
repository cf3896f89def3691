"""The two protocols of a record system: a backend, and the session that one episode has with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # `import mab_gym` reads this file
    from mab_gym.fhir.http._exchange import Request, Response
    from mab_gym.fhir.store._overlay import Write


class RecordSession(Protocol):
    """One episode's private view of the record system.

    It begins at the snapshot, sees its own writes and nobody else's, and goes back on `reset`. A stay on the clock
    (`mab_gym.dynamics`) has the hospital write to it as well, by `record`; other episodes never call that, nor
    `tell_time`.
    """

    @property
    def writes(self) -> Sequence[Write]:
        """The resources that the agent's requests have really written since the last reset, in order."""
        ...

    @property
    def recorded(self) -> Sequence[Write]:
        """The resources that the hospital itself has written since the last reset, by `record`, in order."""
        ...

    def handle(self, request: Request) -> Response:
        """Puts one request to the record system; nothing that the request holds raises.

        Raises:
            InfrastructureError: The record system failed.
        """
        ...

    def record(self, resources: Sequence[Mapping[str, Any]], moment: datetime) -> list[str]:
        """Writes as the hospital, all or nothing; a reset takes it back like everything else.

        Args:
            resources: The resources, valid ones. One without an id is new; one with an id is the next version of what
                is there.
            moment: The simulated time, timezone-aware, never before an earlier one; a real server keeps its own time.

        Returns:
            Their addresses, as in ``Observation/17``, in order.

        Raises:
            UsageError: Nothing may be written to this record system.
            InfrastructureError: The record system failed.
        """
        ...

    def tell_time(self, moment: datetime) -> None:
        """Sets the simulated time of what follows, timezone-aware; a real server keeps its own time."""
        ...

    def release(self) -> None:
        """Ends the episode and gives back what the session holds, at the snapshot; `writes` can still be read.

        Raises:
            InfrastructureError: The record system could not be taken back.
        """
        ...

    def reset(self) -> None:
        """Goes back to the snapshot."""
        ...

    def prepare(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Goes back to the snapshot with resources laid over it; they belong to the snapshot until the next reset."""
        ...


class Backend(Protocol):
    """A record system that opens sessions.

    Attributes:
        base_url: The FHIR base that agents see, without a slash at its end.
        now: The record system's clock, timezone-aware.
        digest: Identifies the snapshot's contents.
        capacity: The number of episodes that can be under way at once; None for no limit.
        in_process: True if answers come from this process's own memory, in microseconds: a thread that waits for them
            gains nothing.
    """

    base_url: str
    now: datetime
    digest: str
    capacity: int | None
    in_process: bool

    def open(self) -> RecordSession:
        """Opens a new session at the snapshot."""
        ...

    def close(self) -> None:
        """Gives back what the backend holds; its sessions end."""
        ...
