"""Sessions for frameworks with a loop of their own: a driver that raises an error if the record system fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

from mab_gym.actions import NoAction, OutOfContext
from mab_gym.agents import Reading
from mab_gym.backends._kinds import EMBEDDED
from mab_gym.envs._make import make
from mab_gym.episode import Step
from mab_gym.errors import InfrastructureError
from mab_gym.runs._driver import Driver, unwrapped


def make_to_read(name: str, **overrides: Any) -> gymnasium.Env[Any, str]:
    """Makes an environment to read opening messages from; it starts no container.

    Args:
        name: The id, or the path of a TOML file.
        overrides: Fields of the environment file to change.

    Raises:
        UsageError: There is no such id or file.
    """
    made = make(name, **overrides)
    scenario = unwrapped(made).scenario
    if scenario.environment.backend_kind.needs_archive and not scenario.backend.in_process:
        made = make(name, **overrides, backend=EMBEDDED)
    return made


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
                "steps": step.info["step"],
                "terminated": step.terminated,
                "truncated": step.truncated,
                "actions": list(self.actions),
            }
        return step

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
