"""The taskset: which episodes there are, and how a trace is scored by the environment's own verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import verifiers.v1 as vf
from pydantic import Field, model_validator

from mab_gym.agents._model import FORMS, SYSTEM
from mab_gym.agents._reference import Oracle
from mab_gym.envs._environment_file import sibling
from mab_gym.envs._make import make
from mab_gym.errors import UsageError
from mab_gym.integrations._rows import Row, rows
from mab_gym.integrations._sessions import make_to_read
from mab_gym.runs._rollout import Assignment, draws_cases, play_until_judged

TASKSET = "mab-gym-verifiers"
"""The taskset's id, and that of the harness and the environment that go with it."""
OUTCOME = "mab_gym"
"""Where in a trace's ``info`` the outcome of its episode lies."""
_TOOL_CALLS = FORMS[1]
_UNTOUCHED: dict[str, Any] = {"reward": 0.0, "steps": 0, "verdict": {"success": False}}
"""What a task that nobody has begun comes to; ``vf-validate`` asks for it."""


class MedicalRecordConfig(vf.TasksetConfig):
    """Which episodes: ``--env.taskset.FIELD``, or arguments of `load_environment`."""

    env: str = "MedAgentBench-v0"
    """An environment's id, with or without ``mab_gym/``, or the path of an environment file."""
    split: str | None = None
    """``test``, ``validation`` or ``train``: that sibling of the environment; ``train`` draws cases without end."""
    family: str | None = None
    """Only this family's cases."""
    difficulty: str | None = None
    """Only ``easy``, ``medium`` or ``hard`` ones."""
    variant: str | None = None
    """One or more variants, joined by ``+``."""
    form: str = FORMS[0]
    """``text``, the official one (the reply is the action), or ``tools``: get, post and finish."""
    max_steps: int | None = None
    """Actions after which an episode is truncated; the environment's own number where None."""
    reward: str | None = None
    """``sparse`` or ``partial``; the environment's own where None."""
    seed: int = Field(0, ge=0)
    """The first episode's seed; each has the next."""
    limit: int | None = None
    """So many episodes at most."""

    @model_validator(mode="after")
    def _names_what_exists(self) -> MedicalRecordConfig:
        self.rows(self.opened())
        return self

    @property
    def played(self) -> str:
        """The id or file of the environment that is played."""
        return self.env if self.split is None else sibling(self.env, self.split)

    @property
    def overrides(self) -> dict[str, Any]:
        """What of the environment's file is replaced."""
        return {"max_steps": self.max_steps, "reward": self.reward}

    def opened(self) -> gymnasium.Env[Any, str]:
        """The environment, to read openings from."""
        if self.form not in FORMS:
            raise UsageError(f"a model's form is {' or '.join(FORMS)}, not {self.form!r}")
        return make_to_read(self.played, **self.overrides)

    def rows(self, env: gymnasium.Env[Any, str]) -> Iterator[Row]:
        """Its rows, without end where it draws its cases and no limit is given."""
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
    """One episode. All of it travels to where it is played; the model is shown the prompts alone."""

    env: str
    form: str
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
    """A clinical task; the reward is the environment's, from the verdict at the episode's end."""

    @property
    def key(self) -> str:
        """The same for the same episode, in whatever run."""
        data = self.data
        return f"{data.env}:{data.case}:{data.seed}:{data.variant}:{data.form}"

    async def validate(self, runtime: vf.Runtime) -> bool | None:
        """Whether the gold solution solves it."""
        data = self.data
        options = {name: value for name, value in data.options.items() if name != "case"}
        record = play_until_judged(
            make(data.env, **data.overrides), Oracle(), Assignment(data.seed, data.options.get("case")), options
        )
        return bool(record.verdict["success"])

    @vf.reward
    async def verdict(self, trace: vf.Trace) -> float:
        """The return of the episode: 1 where it is solved, or partial credit where that is asked for."""
        return float(_outcome(trace)["reward"])

    @vf.metric
    async def solved(self, trace: vf.Trace) -> float:
        """Whether the verifier was satisfied."""
        return float(_outcome(trace)["verdict"]["success"])

    @vf.metric
    async def credit(self, trace: vf.Trace) -> float | dict[str, float]:
        """The verdict's partial credit, whatever the reward is; the official grading knows none."""
        return _known(trace, "credit")

    @vf.metric
    async def unsafe(self, trace: vf.Trace) -> float | dict[str, float]:
        """Whether something unsafe was done; the official grading does not judge that."""
        return _known(trace, "unsafe")

    @vf.metric
    async def steps(self, trace: vf.Trace) -> float:
        """How many actions were taken."""
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
    """Clinical tasks in a hospital's FHIR record system: 300 canonical cases, or fresh ones without end."""

    def __init__(self, config: MedicalRecordConfig) -> None:
        super().__init__(config)
        self._env = config.opened()
        self.INFINITE = draws_cases(self._env) and config.limit is None

    def load(self) -> Iterator[MedicalRecordTask]:
        """The tasks, each made as it is asked for."""
        return map(self._task, self.config.rows(self._env))

    def _task(self, row: Row) -> MedicalRecordTask:
        data = MedicalRecordData(
            id=row.id,
            name=row.id,
            prompt=row.opening,
            system_prompt=SYSTEM if self.config.form == _TOOL_CALLS else None,
            env=self.config.played,
            form=self.config.form,
            overrides=self.config.overrides,
            **row.about(),
        )
        return MedicalRecordTask(data, self.config.task)
