"""The taskset: the episodes, and the scores of a trace by the environment's own verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import verifiers.v1 as vf
from pydantic import Field, model_validator

from mab_gym.agents._chat_model import rule_for
from mab_gym.agents._model import FORMS, check_form, system_for
from mab_gym.agents._reference import Oracle
from mab_gym.envs._environment_file import sibling
from mab_gym.envs._make import make
from mab_gym.errors import UsageError
from mab_gym.integrations._rows import Row, rows
from mab_gym.integrations._sessions import make_to_read
from mab_gym.runs._driver import is_official, unwrapped
from mab_gym.runs._rollout import Assignment, draws_cases, play_until_judged

TASKSET = "mab-gym-verifiers"
"""The id of the taskset, and of its harness and environment."""
OUTCOME = "mab_gym"
"""The key of the outcome in a trace's ``info``."""
_TOOL_CALLS = FORMS[1]
_UNTOUCHED: dict[str, Any] = {"reward": 0.0, "steps": 0, "verdict": {"success": False}}
"""The outcome of a task that was not played, for ``vf-validate``."""


class MedicalRecordConfig(vf.TasksetConfig):
    """The configuration of the taskset: ``--env.taskset.FIELD``, or arguments of `load_environment`."""

    env: str = "MedAgentBench-v0"
    """An environment's id, with or without ``mab_gym/``, or the path of an environment file."""
    split: str | None = None
    """``test``, ``validation`` or ``train``: that sibling of the environment; ``train`` draws cases without end."""
    family: str | None = None
    """Only this family's cases."""
    difficulty: str | None = None
    """Only ``easy``, ``medium`` or ``hard`` cases."""
    variant: str | None = None
    """One or more variants, joined by ``+``."""
    form: str = FORMS[0]
    """``text``, the official form (the reply is the action), or ``tools``: one for each verb, and finish."""
    reading: str | None = None
    """The rule by which messages are read, ``lenient`` or ``strict``; None for the usual one."""
    max_steps: int | None = None
    """Actions after which an episode is truncated; None for the environment's own number."""
    reward: str | None = None
    """``sparse`` or ``partial``; None for the environment's own reward."""
    seed: int = Field(0, ge=0)
    """The seed of the first episode; each further one has the next number."""
    limit: int | None = None
    """The greatest number of episodes."""

    @model_validator(mode="after")
    def _names_what_exists(self) -> MedicalRecordConfig:
        env = self.opened()
        rule_for(self.reading, is_official(env))
        self.rows(env)
        return self

    @property
    def played(self) -> str:
        """The id or file of the environment that is played."""
        return sibling(self.env, self.split)

    @property
    def overrides(self) -> dict[str, Any]:
        """The fields of the environment file to change."""
        return {"max_steps": self.max_steps, "reward": self.reward}

    def opened(self) -> gymnasium.Env[Any, str]:
        """Returns the environment, to read opening messages from."""
        check_form(self.form)
        return make_to_read(self.played, **self.overrides)

    def rows(self, env: gymnasium.Env[Any, str]) -> Iterator[Row]:
        """Returns the rows of an environment; they are endless if it draws its cases and there is no limit."""
        return rows(
            env,
            family=self.family,
            difficulty=self.difficulty,
            variant=self.variant,
            seed=self.seed,
            limit=self.limit,
            endless=True,
        )


class MedicalRecordData(vf.TaskData):
    """An episode to play, as it is sent to the harness; the model sees the prompts alone."""

    env: str
    form: str
    reading: str | None
    overrides: dict[str, Any]
    seed: int
    options: dict[str, Any]
    case: str
    family: str
    kind: str
    difficulty: str
    branch: str
    variant: str


class MedicalRecordTask(vf.Task[MedicalRecordData, vf.State, vf.TaskConfig]):
    """A clinical task; its reward is the return of the episode."""

    @property
    def key(self) -> str:
        """The identity of the episode, equal in all runs."""
        data = self.data
        return f"{data.env}:{data.case}:{data.seed}:{data.variant}:{data.form}"

    async def validate(self, runtime: vf.Runtime) -> bool | None:
        """Returns True if the gold solution solves the task."""
        data = self.data
        options = {name: value for name, value in data.options.items() if name != "case"}
        record = play_until_judged(
            make(data.env, **data.overrides), Oracle(), Assignment(data.seed, data.options.get("case")), options
        )
        return bool(record.verdict["success"])

    @vf.reward
    async def verdict(self, trace: vf.Trace) -> float:
        """Returns the return of the episode: 1 if it is solved; with ``reward="partial"`` also partial credit."""
        return float(_outcome(trace)["reward"])

    @vf.metric
    async def solved(self, trace: vf.Trace) -> float:
        """Returns 1 if the case was solved, else 0."""
        return float(_outcome(trace)["verdict"]["success"])

    @vf.metric
    async def credit(self, trace: vf.Trace) -> float | dict[str, float]:
        """Returns the partial credit, independent of the reward; nothing under the official grading, which has none."""
        return _known(trace, "credit")

    @vf.metric
    async def unsafe(self, trace: vf.Trace) -> float | dict[str, float]:
        """Returns 1 if the episode was unsafe, else 0; nothing under the official grading, which does not judge it."""
        return _known(trace, "unsafe")

    @vf.metric
    async def steps(self, trace: vf.Trace) -> float:
        """Returns the number of actions."""
        return float(_outcome(trace)["steps"])


def _known(trace: vf.Trace, name: str) -> float | dict[str, float]:
    value = _outcome(trace)["verdict"].get(name)
    return {} if value is None else float(value)


def _outcome(trace: vf.Trace) -> dict[str, Any]:
    if OUTCOME not in trace.info and not trace.nodes:
        return _UNTOUCHED
    outcome = trace.info.get(OUTCOME)
    if not isinstance(outcome, dict) or "verdict" not in outcome:
        raise UsageError(
            f"no episode was played to its end: these tasks are played by the harness {TASKSET}, their default"
        )
    return outcome


class MedicalRecordTaskset(vf.Taskset[MedicalRecordTask, MedicalRecordConfig]):
    """Clinical tasks in a hospital's FHIR record system: 300 canonical cases, or new ones without end."""

    def __init__(self, config: MedicalRecordConfig) -> None:
        super().__init__(config)
        self._env = config.opened()
        verbs = unwrapped(self._env).scenario.environment.actions
        self._system = system_for(verbs) if config.form == _TOOL_CALLS else None
        self.INFINITE = draws_cases(self._env) and config.limit is None

    def load(self) -> Iterator[MedicalRecordTask]:
        """Yields the tasks; each is made when it is asked for."""
        return map(self._task, self.config.rows(self._env))

    def _task(self, row: Row) -> MedicalRecordTask:
        data = MedicalRecordData(
            id=row.id,
            name=row.id,
            prompt=row.opening,
            system_prompt=self._system,
            env=self.config.played,
            form=self.config.form,
            reading=self.config.reading,
            overrides=self.config.overrides,
            **row.about(),
        )
        return MedicalRecordTask(data, self.config.task)
