"""What the rollout needs of an agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from mab_gym.envs._scenario import Scenario
from mab_gym.tasking.case import Case


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
        """The next action, given the latest observation.

        Raises:
            AgentError: What carries the agent has failed; the episode does not count.
            ContextLimitError: The episode has become longer than the agent can read; it is not solved.
        """
        ...


class AsyncAgent(Protocol):
    """An `Agent` that is awaited: its `reset` and `act` are coroutine functions."""

    async def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Begins an episode."""
        ...

    async def act(self, observation: Mapping[str, Any]) -> str:
        """Gives the next action for the latest observation."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """What an agent tells of an episode that it has played.

    Attributes:
        messages: The conversation as its model saw it; empty where it is the observations and actions.
        calls: One entry a request to the model's endpoint, with its HTTP ``status``.
        tokens_in: Tokens that the model read, None where nobody knows.
        tokens_out: Tokens that it wrote, likewise.
    """

    messages: Sequence[Mapping[str, Any]] = ()
    calls: Sequence[Mapping[str, Any]] = ()
    tokens_in: int | None = None
    tokens_out: int | None = None


@runtime_checkable
class Accountable(Protocol):
    """An agent that keeps an account, for the record of the episode."""

    def account(self, last: Mapping[str, Any] | None) -> Account:
        """The account of the episode that has just ended.

        Args:
            last: The observation after the agent's last action, which it has not seen; None where it saw all.
        """
        ...


@runtime_checkable
class Insider(Protocol):
    """An agent that is told the case behind the prompt: reference agents alone, nothing that is evaluated."""

    def brief(self, scenario: Scenario, case: Case) -> None:
        """Tells which case begins."""
        ...


def reply_message(role: str, observation: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The record system's reply as a message of a chat, with its HTTP ``status`` beside the text.

    Args:
        role: Who says it in this chat: ``user``, or ``tool`` for the result of a tool call.
        observation: What ``env.step`` gave; its body goes along as ``fhir`` where the text does not hold it whole.
        more: Further fields.
    """
    body = str(observation["fhir"])
    extra = {} if body in observation["text"] else {"fhir": body}
    return {"role": role, "content": observation["text"], **more, "status": int(observation["status"]), **extra}
