"""TRL's ``environment_factory``: its own loop plays by tool calls and masks the tools' answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from mab_gym.actions import OutOfContext
from mab_gym.curriculum import CaseSampler
from mab_gym.episode import Step
from mab_gym.errors import UsageError
from mab_gym.integrations._sessions import Maker, TextEnv, make_env
from mab_gym.runs._driver import Driver, unwrapped

_OVER = "The task has ended. Nothing more can be done."


class MedicalRecordTools:
    """Episodes played by tool calls, one after another; TRL makes one object for each try of a batch.

    TRL takes every public method of the class as a tool, except ``reset`` and ``get_reward``. `environment_factory`
    adds ``put``, ``patch`` and ``delete`` where the environment allows them.

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


class _Puts(MedicalRecordTools):
    def put(self, url: str, body: dict[str, Any]) -> str:
        """Replaces a resource of the record by a whole one.

        Args:
            url: The whole address, beginning with the base address.
            body: The FHIR resource, with its id.

        Returns:
            What the record system answers.
        """
        return self._take(self._driver.call, "put", {"url": str(url), "body": body})


class _Patches(MedicalRecordTools):
    def patch(self, url: str, body: list[dict[str, Any]]) -> str:
        """Changes parts of a resource of the record by JSON Patch.

        Args:
            url: The whole address, beginning with the base address.
            body: The operations of the patch.

        Returns:
            What the record system answers.
        """
        return self._take(self._driver.call, "patch", {"url": str(url), "body": body})


class _Deletes(MedicalRecordTools):
    def delete(self, url: str) -> str:
        """Deletes a resource of the record.

        Args:
            url: The whole address, beginning with the base address.

        Returns:
            What the record system answers.
        """
        return self._take(self._driver.call, "delete", {"url": str(url)})


_BY_VERB: Mapping[str, type[MedicalRecordTools]] = {"PUT": _Puts, "PATCH": _Patches, "DELETE": _Deletes}


@cache
def _class_for(verbs: tuple[str, ...]) -> type[MedicalRecordTools]:
    """Returns the class with the tools of an environment, always the same one, which TRL compares.

    Args:
        verbs: The verbs that the environment allows.
    """
    further = tuple(_BY_VERB[verb] for verb in verbs if verb in _BY_VERB)
    return type(MedicalRecordTools.__name__, further, {}) if further else MedicalRecordTools


def _made(make: Callable[[], TextEnv], curriculum: CaseSampler | None) -> MedicalRecordTools:
    env = make()
    return _class_for(unwrapped(env).scenario.environment.actions)(lambda: env, curriculum)


def environment_factory(
    env: Maker = "MedAgentBench-Train-v0", *, curriculum: CaseSampler | None = None, **overrides: Any
) -> Callable[[], MedicalRecordTools]:
    """Returns the ``environment_factory`` for GRPOTrainer, for `task_prompts` with ``form="tools"``.

    Args:
        env: The environment of the prompts.
        curriculum: The curriculum, which learns how each episode ended.
        overrides: Fields of the environment file to change, such as ``reward="partial"``.
    """
    return partial(_made, partial(make_env, env, **overrides), curriculum)
