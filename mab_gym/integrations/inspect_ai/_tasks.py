"""The tasks of inspect_ai: each plays cases of one environment."""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import MemoryDataset, Sample
from rich.markup import escape

from mab_gym import __version__
from mab_gym.agents._chat_model import rule_for
from mab_gym.envs._environment_file import sibling
from mab_gym.errors import MabGymError, UsageError
from mab_gym.integrations._rows import Row, rows
from mab_gym.integrations._sessions import make_to_read
from mab_gym.integrations.inspect_ai._playing import play_episode
from mab_gym.integrations.inspect_ai._scoring import solved, unsafe
from mab_gym.runs._driver import is_official, unwrapped


@task
def medagentbench(
    env: str = "MedAgentBench-v0",
    split: str | None = None,
    family: str | None = None,
    difficulty: str | None = None,
    variant: str | None = None,
    form: str = "text",
    reading: str | None = None,
    max_steps: int | None = None,
    seed: int = 0,
) -> Task:
    """MedAgentBench re-created: clinical tasks in a hospital's FHIR record system, 300 canonical cases.

    Args:
        env: An environment's id, with or without ``mab_gym/``, or the path of an environment file.
        split: ``test``, ``validation`` or ``train``: that sibling of the environment.
        family: Only this family's cases.
        difficulty: Only ``easy``, ``medium`` or ``hard`` cases.
        variant: One or more variants, joined by ``+``.
        form: ``text``, the official form, or ``tools``.
        reading: The rule by which messages are read, ``lenient`` or ``strict``; None for the usual one.
        max_steps: Actions after which an episode is truncated; None for the environment's own number.
        seed: The seed of the first case; each further one has the next number. It chooses drawn cases, too.

    Raises:
        UsageError: An argument names something that does not exist.
    """
    which = {"family": family, "difficulty": difficulty, "variant": variant, "seed": seed}
    return _task(env, split, form, reading, max_steps, **which)


@task
def medagentbench_beyond(
    split: str | None = None,
    family: str | None = None,
    difficulty: str | None = None,
    variant: str | None = None,
    form: str = "text",
    reading: str | None = None,
    max_steps: int | None = None,
    seed: int = 0,
) -> Task:
    """MedAgentBench-Beyond: five families of clinical work beyond MedAgentBench's ten, 150 frozen cases.

    Args:
        split: ``test``, ``validation`` or ``train``: that sibling of the environment.
        family: Only this family's cases.
        difficulty: Only ``easy``, ``medium`` or ``hard`` cases.
        variant: One or more variants, joined by ``+``.
        form: ``text``, the official form, or ``tools``.
        reading: The rule by which messages are read, ``lenient`` or ``strict``; None for the usual one.
        max_steps: Actions after which an episode is truncated; None for the environment's own number.
        seed: The seed of the first case; each further one has the next number. It chooses drawn cases, too.

    Raises:
        UsageError: An argument names something that does not exist.
    """
    which = {"family": family, "difficulty": difficulty, "variant": variant, "seed": seed}
    return _task("MedAgentBench-Beyond-v0", split, form, reading, max_steps, **which)


class ParameterError(UsageError, PrerequisiteError):
    """A parameter of a task is wrong, or a package is missing; inspect prints the text without a traceback."""

    def __init__(self, error: MabGymError) -> None:
        super().__init__(str(error))
        self.message = escape(str(error))


def _task(env: str, split: str | None, form: str, reading: str | None, max_steps: int | None, **which: Any) -> Task:
    try:
        name = sibling(env, split)
        solver = play_episode(name, form, max_steps, reading)
        opened = make_to_read(name, max_steps=max_steps)
        rule = rule_for(reading, is_official(opened))
        samples = [_sample(row) for row in rows(opened, **which)]
        environment = unwrapped(opened).scenario.environment
    except MabGymError as error:
        raise ParameterError(error) from error
    return Task(
        dataset=MemoryDataset(samples, name=environment.id),
        solver=solver,
        scorer=[solved(), unsafe()],
        version=__version__,
        metadata={
            "env": environment.id,
            "protocol": environment.protocol,
            "reading": rule,
            "max_steps": environment.max_steps,
            "archive": unwrapped(opened).scenario.backend.digest,
        },
    )


def _sample(row: Row) -> Sample:
    return Sample(
        input=row.opening,
        # Not the answer: logs are shared, and no scorer here reads the target.
        target=f"what the verifier of {row.family} wants",
        id=row.id,
        metadata=row.about(),
    )
