"""What the rollout needs of an agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from mab_gym.tasking.case import Case
from mab_gym.workplace import Workplace


class Agent(Protocol):
    """Plays an episode: reads observations, writes actions.

    Attributes:
        name: For tables and records.
    """

    name: str

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """A new episode begins with this observation.

        Args:
            observation: What ``env.reset`` gave.
            info: Likewise.
            seed: For an agent that acts by chance; equal seeds should give equal play.
        """
        ...

    def act(self, observation: Mapping[str, Any]) -> str:
        """The next action, given the latest observation."""
        ...


@runtime_checkable
class Insider(Protocol):
    """An agent that is told the case behind the prompt: reference agents alone, nothing that is evaluated."""

    def brief(self, workplace: Workplace, case: Case) -> None:
        """Tells which case begins."""
        ...
