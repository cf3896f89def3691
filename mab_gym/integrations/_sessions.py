"""Sessions for frameworks with a loop of their own: a driver that raises an error if the record system fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium

from mab_gym.actions import NoAction, OutOfContext
from mab_gym.agents import Reading
from mab_gym.backends._kinds import EMBEDDED
from mab_gym.envs._make import make
from mab_gym.episode import Step
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.runs._driver import Driver, unwrapped

TextEnv = gymnasium.Env[dict[str, Any], str]
Maker = str | Callable[[], TextEnv]
"""An environment's id or file, or a function that makes one, as for wrappers."""


def make_env(env: Maker, **overrides: Any) -> TextEnv:
    """Makes an environment from its id (without ``mab_gym/``, too), from its file, or by a function.

    Args:
        env: The id, the file or the function.
        overrides: Fields of the environment file to change; those that are None are left as they are.

    Raises:
        UsageError: There is no such id, or there are overrides for a function, which takes none.
    """
    chosen = {name: value for name, value in overrides.items() if value is not None}
    if not isinstance(env, str):
        if chosen:
            raise UsageError(f"a maker of environments sets {', '.join(sorted(chosen))} itself")
        return env()
    return make(env, **chosen)


def make_to_read(env: Maker, **overrides: Any) -> TextEnv:
    """Makes an environment to read opening messages from; of one with an id or a file it starts no container.

    Args:
        env: The id, the file or the function.
        overrides: Fields of the environment file to change.

    Raises:
        UsageError: There is no such id or file, or there are overrides for a function.
    """
    made = make_env(env, **overrides)
    scenario = unwrapped(made).scenario
    if isinstance(env, str) and scenario.environment.backend_kind.needs_archive and not scenario.backend.in_process:
        made = make_env(env, **overrides, backend=EMBEDDED)
    return made


def metrics_of(verdict: Mapping[str, Any], **counts: float | None) -> dict[str, float]:
    """Returns the numbers for a trainer's log: solved, credit, unsafe and further ones, without those that are unknown.

    Args:
        verdict: The verdict, as plain data.
        counts: Further numbers, such as ``steps``.
    """
    judged = {"solved": verdict["success"], "credit": verdict.get("credit"), "unsafe": verdict.get("unsafe")}
    return {name: float(value) for name, value in {**judged, **counts}.items() if value is not None}


def sendable(value: Any) -> Any:
    """Replaces lone surrogates, which UTF-8 cannot encode; an agent's own text may come back in a reply."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {name: sendable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [sendable(each) for each in value]
    return value


class Session(Driver):
    """A driver that gives the outcome as plain data, for a framework's log.

    Attributes:
        result: None until the episode has ended; then the verdict, reward, steps and actions, or an ``error`` if the
            episode does not count.
    """

    result: dict[str, Any] | None = None

    def begin(self, seed: int | None, options: Mapping[str, Any]) -> dict[str, Any]:
        """Begins an episode and returns the first ``info``."""
        self.result = None
        return super().begin(seed, options)

    def act(self, action: str | NoAction | Reading | OutOfContext) -> Step:
        """Takes one action.

        Raises:
            InfrastructureError: The record system has failed; the episode does not count.
        """
        step = super().act(action)
        if self.over:
            fault = step.info.get("infrastructure_error")
            if fault is not None:
                self.result = {"error": f"the record system failed: {fault}"}
                raise InfrastructureError(fault)
            self.result = {
                "verdict": step.info["verdict"],
                "reward": self.reward,
                "cause": self.cause,
                "steps": step.info["step"],
                "terminated": step.terminated,
                "truncated": step.truncated,
                "actions": list(self.actions),
            }
        return step

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers for a trainer's log: solved, credit, unsafe and steps; empty unless the episode has ended."""
        if self.result is None or "verdict" not in self.result:
            return {}
        return metrics_of(self.result["verdict"], steps=self.result["steps"])

    def stop(self, why: str, **more: Any) -> Step | None:
        """Ends an episode that is still under way, as one that is longer than the model's context.

        Args:
            why: The reason, from the model or the framework.
            more: Further entries of `result`.

        Returns:
            The last step; None if the episode had ended before.

        Raises:
            InfrastructureError: The record system has failed; the episode does not count.
        """
        if self.result is not None:
            return None
        step = self.act(OutOfContext(why))
        self.result = {**(self.result or {}), **more}
        return step
