"""Plays episodes: one agent, one environment, one case or seed after another."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import gymnasium

from mab_gym.agents import Account, Accountable, Agent, Insider
from mab_gym.agents._agent import reply_message
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.episode import Step
from mab_gym.errors import AgentError, AgentLostError, ContextLimitError, InfrastructureError, UsageError
from mab_gym.runs._records import EpisodeRecord
from mab_gym.tasking.verdict import Code, Reason, verdict_from

RETRIES = 2
"""How often an episode is played again that the record system has spoiled."""
_BETWEEN_REPEATS = 1_000_003


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to play: a seed, and a case where it is not left to the seed; which try at the same, from 0."""

    seed: int
    case: str | None = None
    repeat: int = 0

    @property
    def agent_seed(self) -> int:
        """The seed for the agent's own chance: another one at each repetition of the same case."""
        return self.seed + self.repeat * _BETWEEN_REPEATS


def assignments(
    env: MedicalRecordEnv,
    *,
    family: str | None = None,
    difficulty: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    repeat: int = 1,
) -> list[Assignment]:
    """What a whole evaluation of an environment plays, in order.

    Args:
        env: The environment.
        family: Only this family.
        difficulty: Only this difficulty.
        limit: How many at most; an environment that draws its cases plays this many (300 where None).
        seed: The first seed; each episode has the next.
        repeat: How often each is played, all once before any a second time.

    Raises:
        UsageError: Nothing is left to play, or there is no such family.
    """
    tasks = env.workplace.tasks
    if family is not None:
        tasks.catalogue.family(family)
    if limit is not None and limit < 1:
        raise UsageError(f"a limit is a whole number from 1, not {limit}")
    cases: list[str | None] = [
        case.id
        for case in tasks.cases
        if family in (None, case.family) and difficulty in (None, tasks.catalogue[case.family].difficulty)
    ]
    if tasks.cases and not cases:
        raise UsageError("no case is of this family and difficulty")
    if repeat < 1:
        raise UsageError(f"each is played a whole number of times from 1, not {repeat}")
    chosen = cases[:limit] or [None] * (limit or 300)
    return [Assignment(seed + place, case, again) for again in range(repeat) for place, case in enumerate(chosen)]


def play(env: gymnasium.Env[Any, str], agent: Agent, assignment: Assignment, **options: str | None) -> EpisodeRecord:
    """Plays one episode to its end; the record does not hold what was said (`play_until_judged` keeps it).

    Args:
        env: An environment of this package, however wrapped.
        agent: Who plays.
        assignment: What.
        options: Further options for ``env.reset``.

    Raises:
        AgentLostError: What carries the agent has failed for good.
    """
    return _play(env, agent, assignment, options).scores_only


def _play(
    env: gymnasium.Env[Any, str], agent: Agent, assignment: Assignment, options: Mapping[str, str | None]
) -> EpisodeRecord:
    inner = unwrapped(env)
    chosen = {name: value for name, value in {"case": assignment.case, **options}.items() if value is not None}
    observation, info = env.reset(seed=assignment.seed, options=chosen)
    case = inner.episode.case
    if case is None:
        raise RuntimeError("reset began no case")
    if isinstance(agent, Insider):
        agent.brief(inner.workplace, case)
    total, terminated, truncated = 0.0, False, False
    actions: list[str] = []
    messages = [_message("user", observation["text"])]
    agent_error = context_limit = last = None
    try:
        agent.reset(observation, info, assignment.agent_seed)
        while not (terminated or truncated):
            last = None
            actions.append(agent.act(observation))
            observation, reward, terminated, truncated, info = env.step(actions[-1])
            last = observation
            messages += _exchanged(actions[-1], observation)
            total += float(reward)
    except ContextLimitError as error:
        context_limit = str(error)
        step: Step = env.get_wrapper_attr("stop_for_context")(context_limit)
        terminated, truncated, info = step.terminated, step.truncated, step.info
        total += step.reward
    except AgentError as error:
        with suppress(InfrastructureError):
            inner.episode.close()
        if isinstance(error, AgentLostError):
            raise
        agent_error, truncated = str(error), True
        problem = Reason(Code.UNJUDGED, f"What carries the agent failed: {agent_error}.")
        info = {**info, "verdict": verdict_from([problem]).to_dict()}
    account = agent.account(last) if isinstance(agent, Accountable) else Account()
    return recorded(
        env,
        info,
        agent=agent.name,
        branch=case.branch,
        seed=assignment.seed,
        reward=total,
        terminated=terminated,
        truncated=truncated,
        repeat=assignment.repeat,
        agent_error=agent_error,
        context_limit=context_limit,
        actions=actions,
        messages=account.messages or messages,
        calls=account.calls,
        tokens_in=account.tokens_in,
        tokens_out=account.tokens_out,
    )


def recorded(env: gymnasium.Env[Any, str], info: Mapping[str, Any], **told: Any) -> EpisodeRecord:
    """The record of an episode that has ended.

    Args:
        env: Where it was played.
        info: The last one.
        told: The fields of `EpisodeRecord` that no ``info`` holds.
    """
    return EpisodeRecord(
        env=unwrapped(env).workplace.environment.id,
        case=info["case"],
        family=info["family"],
        kind=info["kind"],
        difficulty=info["difficulty"],
        steps=info["step"],
        verdict=info["verdict"],
        infrastructure_error=info.get("infrastructure_error"),
        variant=info.get("variant", ""),
        **told,
    )


def _message(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def _exchanged(action: str, observation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An action and its reply, as messages; what ends an episode may have none."""
    said = [_message("assistant", action)]
    if observation["text"]:
        said.append(reply_message("user", observation))
    return said


def play_until_judged(
    env: gymnasium.Env[Any, str],
    agent: Agent,
    assignment: Assignment,
    options: Mapping[str, str | None] = MappingProxyType({}),
    retries: int = RETRIES,
    pause: float = 1.0,
) -> EpisodeRecord:
    """Plays an episode, and again where the record system failed: what it spoils says nothing of the agent.

    Args:
        env: As for `play`.
        agent: Likewise.
        assignment: Likewise.
        options: Further options for ``env.reset``.
        retries: How often it is played again at most.
        pause: Seconds before the second try; doubled before each further one.

    Returns:
        The record with all that was said. The tokens of spoiled tries are counted in: they were paid for.

    Raises:
        AgentLostError: As for `play`.
    """
    record = _play(env, agent, assignment, options)
    for tried in range(retries):
        if record.infrastructure_error is None:
            break
        time.sleep(pause * 2**tried)
        again = _play(env, agent, assignment, options)
        record = replace(
            again,
            retries=tried + 1,
            tokens_in=_together(record.tokens_in, again.tokens_in),
            tokens_out=_together(record.tokens_out, again.tokens_out),
        )
    return record


def _together(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def play_all(
    env: gymnasium.Env[Any, str], agent: Agent, todo: Sequence[Assignment], **options: str | None
) -> Iterator[EpisodeRecord]:
    """Plays one assignment after another and gives each record as its episode ends."""
    for assignment in todo:
        yield play(env, agent, assignment, **options)


def unwrapped(env: gymnasium.Env[Any, str]) -> MedicalRecordEnv:
    """The environment inside its wrappers.

    Raises:
        UsageError: It is not one of this package.
    """
    inner = env.unwrapped
    if not isinstance(inner, MedicalRecordEnv):
        raise UsageError(f"{type(inner).__name__} is not an environment of mab_gym")
    return inner
