"""The tasks: which environment, which of its cases, and how the model plays them."""

from __future__ import annotations

from inspect_ai import Task, task
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import MemoryDataset, Sample
from rich.markup import escape

from mab_gym import __version__
from mab_gym.envs._environment_file import sibling
from mab_gym.errors import MabGymError, UsageError
from mab_gym.integrations._rows import Row, rows
from mab_gym.integrations._sessions import make_to_read
from mab_gym.integrations.inspect_ai._playing import play_episode
from mab_gym.integrations.inspect_ai._scoring import solved, unsafe
from mab_gym.runs._driver import unwrapped


@task
def medagentbench(
    env: str = "MedAgentBench-v0",
    split: str | None = None,
    family: str | None = None,
    difficulty: str | None = None,
    variant: str | None = None,
    form: str = "text",
    max_steps: int | None = None,
    seed: int = 0,
) -> Task:
    """MedAgentBench re-created: clinical tasks in a hospital's FHIR record system, 300 canonical cases.

    Args:
        env: An environment's id, with or without ``mab_gym/``, or the path of an environment file.
        split: ``test``, ``validation`` or ``train``: that sibling of the environment.
        family: Only this family's cases.
        difficulty: Only ``easy``, ``medium`` or ``hard`` ones.
        variant: One or more variants, joined by ``+``; see `mab_gym.tasking._variants`.
        form: ``text``, the official one, or ``tools``.
        max_steps: Actions after which an episode is truncated; the environment's own number where None.
        seed: The first case's; each case has the next. It chooses cases that are drawn, and the chance of variants.

    Raises:
        UsageError: An argument names what does not exist.
    """
    return _task(env, split, family, difficulty, variant, form, max_steps, seed)


@task
def medagentbench_beyond(
    split: str | None = None,
    family: str | None = None,
    difficulty: str | None = None,
    variant: str | None = None,
    form: str = "text",
    max_steps: int | None = None,
    seed: int = 0,
) -> Task:
    """Five families of clinical work beyond MedAgentBench's ten, 150 frozen cases.

    Args:
        split: As for `medagentbench`; so are the others.
        family: See there.
        difficulty: See there.
        variant: See there.
        form: See there.
        max_steps: See there.
        seed: See there.
    """
    return _task("MedAgentBench-Beyond-v0", split, family, difficulty, variant, form, max_steps, seed)


class ParameterError(UsageError, PrerequisiteError):
    """A task's parameter is wrong, or what it needs is missing; inspect prints the text and no traceback."""

    def __init__(self, error: MabGymError) -> None:
        super().__init__(str(error))
        self.message = escape(str(error))


def _task(
    env: str,
    split: str | None,
    family: str | None,
    difficulty: str | None,
    variant: str | None,
    form: str,
    max_steps: int | None,
    seed: int,
) -> Task:
    try:
        name = env if split is None else sibling(env, split)
        solver = play_episode(name, form, max_steps)
        # A dataset is made before anything is played.
        opened = make_to_read(name, max_steps=max_steps)
        chosen = rows(opened, family=family, difficulty=difficulty, variant=variant, seed=seed)
        samples = [_sample(row) for row in chosen]
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
            "max_steps": environment.max_steps,
            "archive": unwrapped(opened).scenario.backend.digest,
        },
    )


def _sample(row: Row) -> Sample:
    return Sample(
        input=row.opening,
        # The answers stay out of it: logs are passed on, and a target is read by people and by no scorer here.
        target=f"what the verifier of {row.family} wants",
        id=row.id,
        metadata=row.about(),
    )
