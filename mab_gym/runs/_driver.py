"""The driver of an episode, and the one loop that plays it.

A `Driver` begins an episode in an environment, steps it, ends it, and keeps its record. `drive` is the loop: it asks an
agent for actions until the episode is over. It is written once, as a coroutine. `now` runs it without an event loop,
for synchronous agents; asynchronous agents run in any event loop. Frameworks with a loop of their own hold a `Driver`
and call `Driver.act`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from inspect import isawaitable
from typing import Any, Protocol, TypeVar

import gymnasium

from mab_gym.actions import NoAction, OutOfContext
from mab_gym.agents._agent import reply_message
from mab_gym.agents._chat_model import rule_for
from mab_gym.agents._reading import Reading, read_call, read_message
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._scenario import OFFICIAL
from mab_gym.episode import Step
from mab_gym.errors import ContextLimitError, InfrastructureError, UsageError
from mab_gym.runs._records import EpisodeRecord
from mab_gym.tasking.case import Case
from mab_gym.tasking.verdict import Code, Reason, verdict_from

_T = TypeVar("_T")
Do = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a function that works with an environment: directly, or in a thread while other episodes go on."""


class Policy(Protocol):
    """Anything that chooses the next action, synchronous or asynchronous: an agent, for example."""

    def act(self, observation: Mapping[str, Any], /) -> str | Reading | Awaitable[str | Reading]:
        """Returns the next action for the latest observation, as text or as a message that was read."""
        ...


class Driver:
    """Plays one episode after another in one environment; the caller steps each by `act`.

    Args:
        env: An environment of this package, with or without wrappers; nobody else may use it during an episode.
        reading: The rule by which `hear` and `call` read, ``strict`` or ``lenient``; None for the usual one.

    Raises:
        UsageError: There is no such rule, or the official protocol is to be read by another rule than its own.

    Attributes:
        env: The environment.
        reading: As given.
        observation: The latest observation.
        info: The latest ``info``; after the last step it holds the verdict.
        actions: The actions so far.
        messages: The conversation so far, in the form of `EpisodeRecord.messages`.
        reward: The return so far.
        terminated: True if the episode terminated, in Gymnasium's sense.
        truncated: True if the episode was truncated, in Gymnasium's sense.
        context_limit: The model's message when the episode became longer than its context; None otherwise.
        cause: The reason for which the message that ended the episode holds no action; None otherwise.
        fault: The failure of the agent's endpoint or code, because of which the episode does not count; None otherwise.
    """

    def __init__(self, env: gymnasium.Env[Any, str], reading: str | None = None) -> None:
        self.env = env
        self.reading = None if reading is None else rule_for(reading, is_official(env))
        self.seed = 0
        self._clear({}, {})

    def _clear(self, observation: Mapping[str, Any], info: dict[str, Any]) -> None:
        self.observation, self.info = observation, info
        self.actions: list[str] = []
        self.messages: list[dict[str, Any]] = []
        self.reward = 0.0
        self.terminated = self.truncated = False
        self.context_limit: str | None = None
        self.cause: str | None = None
        self.fault: str | None = None
        self.unread: Mapping[str, Any] | None = None

    @property
    def over(self) -> bool:
        """True once the episode has ended."""
        return self.terminated or self.truncated

    @property
    def case(self) -> Case:
        """The case of the episode.

        Raises:
            UsageError: No episode has begun.
        """
        case = unwrapped(self.env).episode.case
        if case is None:
            raise UsageError("no episode was begun: call begin() first")
        return case

    @property
    def max_steps(self) -> int:
        """The number of actions after which the episode is truncated; before `begin`, the greatest there can be."""
        inner = unwrapped(self.env)
        return inner.scenario.max_steps if inner.episode.case is None else inner.episode.max_steps

    def begin(self, seed: int | None, options: Mapping[str, Any]) -> dict[str, Any]:
        """Begins an episode.

        Args:
            seed: The seed for ``env.reset``.
            options: The options for ``env.reset``; those that are None are left out.

        Returns:
            The first ``info``; the first observation is in `observation`.
        """
        chosen = {name: value for name, value in options.items() if value is not None}
        self._clear(*self.env.reset(seed=seed, options=chosen))
        self.seed = 0 if seed is None else seed
        self.messages.append({"role": "user", "content": self.observation["text"]})
        return self.info

    @property
    def rule(self) -> str:
        """The rule by which messages are read: `reading`, or if it is None the usual one of the environment."""
        return rule_for(self.reading, is_official(self.env))

    @property
    def verbs(self) -> tuple[str, ...]:
        """The verbs that the environment allows."""
        return unwrapped(self.env).scenario.environment.actions

    def hear(self, message: str | Mapping[str, Any], finish_reason: str | None = None) -> Step:
        """Reads a model's message by `mab_gym.agents.read_message`, and takes its action.

        Args:
            message: The text, or an assistant message in the form of chat completions.
            finish_reason: The reason for which the model stopped, as its endpoint says it.

        Raises:
            UsageError: No episode is under way.
        """
        return self.act(read_message(message, self.rule, finish_reason, self.verbs))

    def call(self, name: str, arguments: Any) -> Step:
        """Reads a tool call by `mab_gym.agents.read_call`, and takes its action.

        Args:
            name: The tool: get, post or finish.
            arguments: Its arguments, as an object or as JSON.

        Raises:
            UsageError: No episode is under way.
        """
        return self.act(read_call(name, arguments, self.rule, self.verbs))

    def act(self, action: str | NoAction | Reading | OutOfContext) -> Step:
        """Takes one action; `OutOfContext` ends an episode that is longer than the agent's context.

        Args:
            action: The action, or a message as it was read.

        Raises:
            UsageError: No episode is under way.
        """
        self.unread = None
        if isinstance(action, OutOfContext):
            step = self._step(action)
            self.context_limit = action.why
        else:
            reading = action if isinstance(action, Reading) else Reading(action, str(action))
            step = self._step(reading.action, reading.note)
            self.actions.append(str(reading.action))
            self.observation = self.unread = step.observation
            self.messages.append(reading.message)
            if step.observation["text"]:  # the last action may have no reply
                self.messages.append(reply_message("user", step.observation))
            self.cause = reading.cause if step.terminated else None
        self.terminated, self.truncated, self.info = step.terminated, step.truncated, step.info
        self.reward += step.reward
        return step

    def _step(self, action: str | NoAction | OutOfContext, note: str = "") -> Step:
        observation, reward, terminated, truncated, info = self.env.step(action)  # type: ignore[arg-type]
        if note and observation["text"]:
            observation = {**observation, "text": f"{note}\n\n{observation['text']}"}
        return Step(observation, float(reward), terminated, truncated, info)

    def break_off(self, fault: str) -> None:
        """Ends an episode that does not count, because the agent's endpoint or code has failed.

        Args:
            fault: The failure, in words.
        """
        self.leave()
        self.fault, self.truncated = fault, True
        problem = Reason(Code.UNJUDGED, f"The agent's endpoint or code failed: {fault}.")
        self.info = {**self.info, "verdict": verdict_from([problem]).to_dict()}

    def leave(self) -> None:
        """Gives the record system back when an episode stops before its end."""
        with suppress(InfrastructureError):
            unwrapped(self.env).episode.close()

    @property
    def outcome(self) -> dict[str, Any]:
        """The end of the episode as plain data: reward, verdict, cost, steps, infrastructure_error."""
        return {
            "reward": self.reward,
            "verdict": self.info["verdict"],
            "cost": float(self.info.get("episode_cost", 0.0)),
            "steps": self.info["step"],
            "infrastructure_error": self.info.get("infrastructure_error"),
        }

    def record(self, agent: str, **more: Any) -> EpisodeRecord:
        """Returns the record of the episode that has ended.

        Args:
            agent: The agent's name.
            more: Further fields of `EpisodeRecord`, such as ``repeat`` and ``tokens_in``.
        """
        course = unwrapped(self.env).episode.course
        told: dict[str, Any] = {
            "course": None if course is None else course.to_data(),
            "branch": str(self.info.get("branch", "")),
            "seed": self.seed,
            "messages": self.messages,
            **more,
        }
        return EpisodeRecord(
            env=unwrapped(self.env).scenario.environment.id,
            agent=agent,
            case=self.info["case"],
            family=self.info["family"],
            kind=self.info["kind"],
            difficulty=self.info["difficulty"],
            steps=self.info["step"],
            verdict=self.info["verdict"],
            infrastructure_error=self.info.get("infrastructure_error"),
            variant=self.info.get("variant", ""),
            reward=self.reward,
            terminated=self.terminated,
            truncated=self.truncated,
            agent_error=self.fault,
            context_limit=self.context_limit,
            cause=self.cause,
            episode_cost=self.info.get("episode_cost"),
            actions=self.actions,
            **told,
        )


async def at_once(work: Callable[[], _T]) -> _T:
    """Runs a function directly."""
    return work()


async def in_thread(work: Callable[[], _T]) -> _T:
    """Runs a function in a thread of asyncio, so that other episodes go on meanwhile.

    A thread cannot be stopped. If the caller is cancelled, the function ends first, so that nothing works with the
    environment any more.
    """
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        while not working.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([working])
        if not working.cancelled():
            working.exception()  # nobody else asks for it
        raise


async def drive(driver: Driver, agent: Policy, do: Do = at_once) -> None:
    """Plays an episode that has begun to its end; this is the only loop of this package.

    Args:
        driver: The driver of the episode.
        agent: Chooses each action, synchronously or asynchronously.
        do: Runs each step of the environment.

    Raises:
        AgentError: The agent's endpoint or code has failed; the episode has not ended.
    """
    try:
        while not driver.over:
            driver.unread = None
            action = agent.act(driver.observation)
            text = await action if isawaitable(action) else action
            if do is at_once:
                driver.act(text)
            else:
                await do(lambda text=text: driver.act(text))  # type: ignore[misc]
    except ContextLimitError as error:
        why = str(error)
        await do(lambda: driver.act(OutOfContext(why)))


def unwrapped(env: gymnasium.Env[Any, str]) -> MedicalRecordEnv:
    """Returns the environment inside its wrappers.

    Raises:
        UsageError: It is not one of this package.
    """
    inner = env.unwrapped
    if not isinstance(inner, MedicalRecordEnv):
        raise UsageError(f"{type(inner).__name__} is not an environment of mab_gym")
    return inner


def is_official(env: gymnasium.Env[Any, str]) -> bool:
    """Tells if an environment follows the official protocol."""
    return unwrapped(env).scenario.environment.protocol == OFFICIAL


def now(work: Coroutine[Any, Any, _T]) -> _T:
    """Runs a coroutine that never waits, without an event loop.

    Raises:
        UsageError: It does wait for something.
    """
    try:
        work.send(None)
    except StopIteration as ended:
        result: _T = ended.value
        return result
    work.close()
    raise UsageError("this agent is asynchronous; play it with mab_gym.play_async")
