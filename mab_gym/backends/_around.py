"""`SessionAround`: a session that passes on to another what it does not do otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mab_gym.backends._backend import RecordSession
    from mab_gym.fhir.store._overlay import Write


class SessionAround:
    """The base of sessions that stand around another one, which is nobody else's.

    Args:
        session: The other session.
    """

    __slots__ = ("_session",)

    def __init__(self, session: RecordSession) -> None:
        self._session = session

    @property
    def writes(self) -> Sequence[Write]:
        """The agent's writes."""
        return self._session.writes

    @property
    def recorded(self) -> Sequence[Write]:
        """The writes of the hospital and of others."""
        return self._session.recorded

    def record(self, resources: Sequence[Mapping[str, Any]], moment: datetime) -> list[str]:
        """Writes as the hospital."""
        return self._session.record(resources, moment)

    def tell_time(self, moment: datetime) -> None:
        """Sets the simulated time."""
        self._session.tell_time(moment)
