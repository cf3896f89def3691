"""The protocols of agents, as rollouts use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from mab_gym.agents._reading import Reading
from mab_gym.envs._scenario import Scenario
from mab_gym.tasking.case import Case


class Agent(Protocol):
    """An agent: it reads observations and writes actions.

    Attributes:
        name: The name in tables and records.
    """

    name: str

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Begins an episode.

        Args:
            observation: The observation of ``env.reset``.
            info: The info of ``env.reset``.
            seed: The seed for an agent that acts at random; equal seeds should give equal actions.
        """
        ...

    def act(self, observation: Mapping[str, Any]) -> str | Reading:
        """Returns the next action for the latest observation, as text or as a message that was read.

        Raises:
            AgentError: The agent's endpoint or code has failed; the episode does not count.
            ContextLimitError: The episode is longer than the model's context; it is not solved.
        """
        ...


class AsyncAgent(Protocol):
    """An asynchronous `Agent`: its `reset` and `act` are coroutine functions."""

    async def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Begins an episode."""
        ...

    async def act(self, observation: Mapping[str, Any]) -> str | Reading:
        """Returns the next action for the latest observation."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """An agent's report on an episode that it has played.

    Attributes:
        messages: The conversation as the model saw it; empty if it equals the observations and actions.
        calls: One entry per request to the model's endpoint, with its HTTP ``status``.
        tokens_in: The tokens that the model read; None if unknown.
        tokens_out: The tokens that the model wrote; None if unknown.
    """

    messages: Sequence[Mapping[str, Any]] = ()
    calls: Sequence[Mapping[str, Any]] = ()
    tokens_in: int | None = None
    tokens_out: int | None = None


@runtime_checkable
class Accountable(Protocol):
    """An agent that keeps an account, for the record of the episode."""

    def account(self, last: Mapping[str, Any] | None) -> Account:
        """Returns the account of the episode that has just ended.

        Args:
            last: The observation after the last action, which the agent has not seen; None if there is none.
        """
        ...


@runtime_checkable
class Insider(Protocol):
    """An agent that knows the case behind the prompt. Reference agents do; agents under evaluation must not."""

    def brief(self, scenario: Scenario, case: Case) -> None:
        """Tells the agent the case that begins."""
        ...


def reply_message(role: str, observation: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Returns the record system's reply as a chat message, with its HTTP ``status``.

    Args:
        role: The role: ``user``, or ``tool`` for the result of a tool call.
        observation: The observation of ``env.step``; its body is added as ``fhir`` if the text does not hold it whole.
        more: Further fields of the message.
    """
    body = str(observation["fhir"])
    extra = {} if body in observation["text"] else {"fhir": body}
    return {"role": role, "content": observation["text"], **more, "status": int(observation["status"]), **extra}
