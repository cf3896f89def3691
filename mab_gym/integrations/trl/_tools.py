"""TRL's ``environment_factory``: its own loop plays by tool calls and masks the tools' answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from mab_gym.actions import OutOfContext
from mab_gym.curriculum import CaseSampler
from mab_gym.episode import Step
from mab_gym.errors import UsageError
from mab_gym.integrations._sessions import Maker, TextEnv, make_env
from mab_gym.runs._driver import Driver

_OVER = "The task has ended. Nothing more can be done."


class MedicalRecordTools:
    """Episodes played by tool calls, one after another; TRL makes one object for each try of a batch.

    TRL takes every public method as a tool, except ``reset`` and ``get_reward``.

    Args:
        make: Makes the environment.
        curriculum: The curriculum, which learns how each episode ended.
    """

    def __init__(self, make: Callable[[], TextEnv], curriculum: CaseSampler | None = None) -> None:
        self._driver = Driver(make())
        self._curriculum = curriculum

    def reset(self, *, seed: int | None = None, options: str = "{}", **columns: Any) -> None:
        """Begins the episode of a row of `task_prompts`, whose prompt holds the opening message already.

        Args:
            seed: The seed of the row.
            options: The options of the row, as JSON.
            columns: The other columns of the row.

        Raises:
            UsageError: The row has no seed.
        """
        if seed is None:
            raise UsageError("the rows do not say what to play: make them with mab_gym.integrations.trl.task_prompts")
        self._driver.begin(int(seed), json.loads(options))

    def get(self, url: str) -> str:
        """Reads or searches the record; the response comes back.

        Args:
            url: The whole address, beginning with the base address.

        Returns:
            What the record system answers.
        """
        return self._take(self._driver.call, "get", {"url": str(url)})

    def post(self, url: str, body: dict[str, Any]) -> str:
        """Creates a resource in the record; it is stored, or refused with a reason.

        Args:
            url: The whole address, beginning with the base address.
            body: The FHIR resource.

        Returns:
            What the record system answers.
        """
        return self._take(self._driver.call, "post", {"url": str(url), "body": body})

    def finish(self, answer: list[Any]) -> str:
        """Ends the task with the answer.

        Args:
            answer: The items of the answer, in order.

        Returns:
            A word that the task has ended.
        """
        return self._take(self._driver.call, "finish", {"answer": answer})

    def get_reward(self) -> float | None:
        """Returns the return of the episode; None if the record system failed. An unfinished episode ends here."""
        return None if self.outcome["infrastructure_error"] is not None else self._driver.reward

    @property
    def outcome(self) -> dict[str, Any]:
        """The outcome of the episode: reward, verdict, cost, steps, infrastructure_error."""
        if not self._driver.over:
            self._take(self._driver.act, OutOfContext("the model called no tool, or had no tokens left"))
        return self._driver.outcome

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions, as texts."""
        return tuple(self._driver.actions)

    def _take(self, take: Callable[..., Step], *action: Any) -> str:
        if self._driver.over:
            return _OVER
        step = take(*action)
        if not (step.terminated or step.truncated):
            return str(step.observation["text"])
        if self._curriculum is not None:
            self._curriculum.record(step.info)
        return str(step.observation["text"]) or _OVER


def environment_factory(
    env: Maker = "MedAgentBench-Train-v0", *, curriculum: CaseSampler | None = None, **overrides: Any
) -> Callable[[], MedicalRecordTools]:
    """Returns the ``environment_factory`` for GRPOTrainer, for `task_prompts` with ``form="tools"``.

    Args:
        env: The environment of the prompts.
        curriculum: The curriculum, which learns how each episode ended.
        overrides: Fields of the environment file to change, such as ``reward="partial"``.
    """
    return partial(MedicalRecordTools, partial(make_env, env, **overrides), curriculum)
