"""TRL's ``environment_factory``: its own loop plays, by tool calls, and masks what the tools answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from mab_gym.actions import Finish, Get, Post, render
from mab_gym.agents._model import json_text
from mab_gym.curriculum import CaseSampler
from mab_gym.episode import Step
from mab_gym.errors import UsageError
from mab_gym.integrations.trl._playing import outcome_of
from mab_gym.integrations.trl._prompts import Maker, TextEnv, make_env

_OVER = "The task has ended. Nothing more can be done."


class MedicalRecordTools:
    """One episode after another, played by tool calls; TRL makes one for each try of a batch.

    Whatever is public here is a tool to TRL, but for ``reset`` and ``get_reward``.

    Args:
        make: Makes the environment.
        curriculum: Is told how each episode ended.
    """

    def __init__(self, make: Callable[[], TextEnv], curriculum: CaseSampler | None = None) -> None:
        self._env = make()
        self._curriculum = curriculum
        self._last: Step | None = None
        self._reward = 0.0
        self._actions: list[str] = []

    def reset(self, *, seed: int | None = None, options: str = "{}", **columns: Any) -> None:
        """Begins the episode of a row of `task_prompts`; its prompt holds the opening message already.

        Args:
            seed: The row's.
            options: Likewise.
            columns: What else the row has.

        Raises:
            UsageError: The row does not say what to play.
        """
        if seed is None:
            raise UsageError("the rows do not say what to play: make them with mab_gym.integrations.trl.task_prompts")
        self._env.reset(seed=int(seed), options=json.loads(options))
        self._last, self._reward, self._actions = None, 0.0, []

    def get(self, url: str) -> str:
        """Reads or searches the record; the response comes back.

        Args:
            url: The whole address, beginning with the base address.

        Returns:
            What the record system answers.
        """
        return self._take(render(Get(str(url))))

    def post(self, url: str, body: dict[str, Any]) -> str:
        """Creates a resource in the record; it is stored, or refused with a reason.

        Args:
            url: The whole address, beginning with the base address.
            body: The FHIR resource.

        Returns:
            What the record system answers.
        """
        return self._take(render(Post(str(url), json_text(body))))

    def finish(self, answer: list[Any]) -> str:
        """Ends the task with the answer.

        Args:
            answer: The items of the answer, in order.

        Returns:
            A word that the task has ended.
        """
        return self._take(render(Finish(json_text(answer))))

    def get_reward(self) -> float | None:
        """What the episode paid; None where the record system failed. One that was not finished ends here."""
        return None if self.outcome["infrastructure_error"] is not None else self._reward

    @property
    def outcome(self) -> dict[str, Any]:
        """What the episode came to; see `mab_gym.integrations.trl.Track`."""
        if self._last is None:
            self._note(
                self._env.get_wrapper_attr("stop_for_context")("the model called no tool, or had no tokens left")
            )
        assert self._last is not None
        return outcome_of(self._reward, self._last.info)

    @property
    def actions(self) -> tuple[str, ...]:
        """What was done, as texts."""
        return tuple(self._actions)

    def _take(self, action: str) -> str:
        if self._last is not None:
            return _OVER
        self._actions.append(action)
        observation, reward, terminated, truncated, info = self._env.step(action)
        step = Step(observation, float(reward), terminated, truncated, info)  # type: ignore[arg-type]
        if not (terminated or truncated):
            self._reward += step.reward
            return str(observation["text"])
        self._note(step)
        return str(observation["text"]) or _OVER

    def _note(self, step: Step) -> None:
        self._last = step
        self._reward += step.reward
        if self._curriculum is not None:
            self._curriculum.record(step.info)


def environment_factory(
    env: Maker = "MedAgentBench-Train-v0", *, curriculum: CaseSampler | None = None, **overrides: Any
) -> Callable[[], MedicalRecordTools]:
    """What GRPOTrainer takes as ``environment_factory``, beside `task_prompts` with ``form="tools"``.

    Args:
        env: The environment, the same as the prompts'.
        curriculum: Is told how each episode ended.
        overrides: As for `make_env`, such as ``reward="partial"``.
    """
    return partial(MedicalRecordTools, partial(make_env, env, **overrides), curriculum)
