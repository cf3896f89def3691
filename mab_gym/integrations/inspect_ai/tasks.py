"""The tasks: which environment, which of its cases, and how the model plays them."""

from __future__ import annotations

import re
from typing import Any

import gymnasium
from inspect_ai import Task, task
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import MemoryDataset, Sample
from rich.markup import escape

from mab_gym import __version__
from mab_gym.environments import CONTAINER, EMBEDDED
from mab_gym.errors import MabGymError, UsageError
from mab_gym.integrations.inspect_ai.playing import play_episode
from mab_gym.integrations.inspect_ai.scoring import solved, unsafe
from mab_gym.integrations.inspect_ai.seats import make
from mab_gym.rollout import Assignment, assignments, unwrapped
from mab_gym.tasking.variants import read_variants

_SPLITS = {"test": "", "validation": "-Validation", "train": "-Train"}


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
        variant: One or more variants, joined by ``+``; see `mab_gym.tasking.variants`.
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
        if not isinstance(seed, int):
            raise UsageError(f"a seed is a whole number from 0, not {seed!r}")
        name = env if split is None else _sibling(env, split)
        solver = play_episode(name, form, max_steps)
        opened = make(name, max_steps=max_steps)
        environment = unwrapped(opened).workplace.environment
        if environment.backend == CONTAINER:
            # A dataset is made before anything is played: the same openings, and no container is started for them.
            opened = make(name, max_steps=max_steps, backend=EMBEDDED)
        samples = _samples(opened, family, difficulty, "+".join(read_variants(variant)) or None, seed)
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
            "archive": unwrapped(opened).workplace.backend.digest,
        },
    )


def _samples(
    env: gymnasium.Env[Any, str], family: str | None, difficulty: str | None, variant: str | None, seed: int
) -> list[Sample]:
    inner = unwrapped(env)
    drawn = not inner.workplace.tasks.cases
    options = {"variant": variant, **({"family": family, "difficulty": difficulty} if drawn else {})}
    chosen = {name: value for name, value in options.items() if value is not None}
    todo = assignments(inner, family=family, difficulty=difficulty, seed=seed)
    return [_sample(env, assignment, chosen) for assignment in todo]


def _sample(env: gymnasium.Env[Any, str], assignment: Assignment, options: dict[str, Any]) -> Sample:
    if assignment.case is not None:
        options = {"case": assignment.case, **options}
    observation, info = env.reset(seed=assignment.seed, options=options)
    case = unwrapped(env).episode.case
    if case is None:
        raise RuntimeError("reset began no case")
    return Sample(
        input=observation["text"],
        # The answers stay out of it: logs are passed on, and a target is read by people and by no scorer here.
        target=f"what the verifier of {info['family']} wants",
        # Drawn cases are all number one of their family.
        id=case.id if assignment.case is not None else f"{case.id}@{assignment.seed}",
        metadata={
            "case": case.id,
            "family": info["family"],
            "kind": info["kind"],
            "difficulty": info["difficulty"],
            "branch": case.branch,
            "variant": info.get("variant", ""),
            "seed": assignment.seed,
            "options": options,
        },
    )


def _sibling(name: str, split: str) -> str:
    """The id of the environment that plays another split: ``…-Train-v0`` beside ``…-v0``."""
    whole = re.fullmatch(r"(.+?)(?:-Train|-Validation)?(-v\d+)", name)
    if split not in _SPLITS:
        raise UsageError(f"a split is {', '.join(_SPLITS)}, not {split!r}")
    if whole is None or name.endswith(".toml"):
        raise UsageError(f"a split goes with an environment's id, not with {name!r}")
    return f"{whole[1]}{_SPLITS[split]}{whole[2]}"
