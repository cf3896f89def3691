"""Writes environments' cases as Harbor tasks: a folder for each, and one with what their images are built from."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium

from mab_gym import __version__
from mab_gym._content import bundled_folder
from mab_gym.agents._reference import Oracle
from mab_gym.backends._kinds import EMBEDDED
from mab_gym.cohort._locate import archive_path, named_spec
from mab_gym.envs._environment_file import environment_file, read_environment, sibling
from mab_gym.envs._make import DEFAULT_ENV, make
from mab_gym.envs._scenario import OFFICIAL
from mab_gym.errors import ContentError, StorageError, UsageError
from mab_gym.integrations._rows import Row, rows
from mab_gym.integrations._tool_names import FURTHER
from mab_gym.integrations.harbor._evidence import Start
from mab_gym.integrations.harbor._files import FORMS, IMAGES, INSTRUCTION, SERVER, build_script, task_files
from mab_gym.integrations.harbor._wheel import write_wheel
from mab_gym.runs._driver import Driver, now, unwrapped
from mab_gym.runs._rollout import Assignment, play_once

IMAGE = "mab-gym-harbor"
"""The name of the images, to which the agent's adds ``-desk``."""


def write_tasks(
    folder: Path,
    env: str = DEFAULT_ENV,
    *,
    split: str | None = None,
    family: str | None = None,
    difficulty: str | None = None,
    variant: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    max_steps: int | None = None,
    image: str = IMAGE,
    advance: Callable[[], None] = lambda: None,
) -> int:
    """Writes a dataset for Harbor: ``tasks/`` with a folder for each case, ``image/`` with what builds their images.

    Args:
        folder: The folder; it must not be there yet, or be empty. It is written whole or not at all.
        env: An environment's id; it must be one of this package, on the embedded record system.
        split: ``train``, ``validation`` or ``test``: the sibling of ``env``.
        family: Only this family.
        difficulty: Only this difficulty.
        variant: One or more variants, joined by ``+``.
        limit: The greatest number of tasks; an environment that draws its cases has this many (None: 300).
        seed: The seed of the first case; each further one has the next number.
        max_steps: Requests after which an episode is over; None for the environment's own number.
        image: The name of the images, with a registry where one is to hand them out.
        advance: Called as each task is written.

    Returns:
        The number of tasks.

    Raises:
        UsageError: The folder holds something, or there is no such environment, family or variant.
        StorageError: It cannot be written.
    """
    name = sibling(env, split)
    _check_portable(name)
    made = make(name, max_steps=max_steps)
    found = rows(made, family=family, difficulty=difficulty, variant=variant, seed=seed, limit=limit)
    count = 0
    with _whole(folder) as part:
        images = _write_images(part / "image", made, image)
        for row in found:
            _write_task(part / "tasks", made, row, images, max_steps)
            count += 1
            advance()
        (part / "README.md").write_text(_README.format(count=count, env=name, **images), encoding="utf-8")
    return count


_README = """\
{count} Harbor tasks of {env}, written by `mab-gym export --harbor`.

    image/build.sh                                # once: {desk}, {record}
    harbor run -p tasks -a oracle                 # or any agent
"""


def _check_portable(name: str) -> None:
    """Checks that an image with this package alone can play an environment.

    Raises:
        UsageError: It cannot.
    """
    path = environment_file(name)
    if name.endswith(".toml") or path.parent.resolve() != bundled_folder("envs").resolve():
        raise UsageError(f"a Harbor task's image holds this package's own environments alone; {name} is none of them")
    environment = read_environment(path)
    if environment.backend != EMBEDDED or environment.protocol == OFFICIAL:
        raise UsageError(
            f"{environment.id} is played on the backend {environment.backend} by the protocol {environment.protocol}; "
            "a Harbor task is played on the embedded record system by this project's own rules"
        )


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Yields a new folder beside ``folder`` that takes its place at the end, unless something fails.

    Raises:
        UsageError: There is something in the folder.
        StorageError: It cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} holds something already; name a new folder (nothing was changed)")
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
        try:
            yield part
            part.chmod(0o755)
            if folder.exists():
                folder.rmdir()
            part.rename(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror or error}") from None


def _write_images(folder: Path, env: gymnasium.Env[Any, str], image: str) -> dict[str, str]:
    """Writes what the images are built from, and returns their names, whose tag says their content."""
    folder.mkdir()
    write_wheel(folder)
    archive = archive_path(named_spec(unwrapped(env).scenario.environment.cohort))
    shutil.copyfile(archive, folder / archive.name)
    (folder / "Dockerfile").write_text(IMAGES, encoding="utf-8")
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    tag = f"{__version__}-{digest.hexdigest()[:12]}"
    images = {"desk": f"{image}-desk:{tag}", "record": f"{image}:{tag}"}
    script = folder / "build.sh"
    script.write_text(build_script(images), encoding="utf-8")
    script.chmod(0o755)
    return images


def _write_task(
    folder: Path, env: gymnasium.Env[Any, str], row: Row, images: dict[str, str], max_steps: int | None
) -> None:
    environment = unwrapped(env).scenario.environment
    record = now(play_once(Driver(env), Oracle(), Assignment(row.seed), row.options))
    if not record.verdict["success"]:
        raise ContentError(f"the gold solution of {row.id} does not solve it within {environment.max_steps} steps")
    name = row.id.replace("/", "-").replace("@", "-")
    if row.variant:
        name += "-" + row.variant.replace("+", "-")
    written = task_files(
        images,
        f"mab-gym/{name}",
        f"{row.family.replace('_', ' ')}, {row.kind}, {row.difficulty}",
        {
            "mab_gym": __version__,
            "env": environment.id,
            "case": row.case,
            "seed": row.seed,
            "family": row.family,
            "kind": row.kind,
            "difficulty": row.difficulty,
            "variant": row.variant,
        },
        Start(environment.id, row.seed, row.options, max_steps).text,
        record.actions,
        unwrapped(env).episode.max_steps,
    )
    written["instruction.md"] = _instruction(env)
    for inside, text in written.items():
        path = folder / name / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        if path.suffix == ".sh":
            path.chmod(0o755)


def _instruction(env: gymnasium.Env[Any, str]) -> str:
    """Returns the text that opens the task that was begun last, for an agent with a shell."""
    episode = unwrapped(env).episode
    begun = episode.begun
    context, question = episode.rules.stage(begun.family, begun.case, begun.variants, begun.seed).words
    base_url, verbs = f"{SERVER}/fhir", unwrapped(env).scenario.environment.actions
    more = [verb for verb in verbs if verb in FORMS]
    return INSTRUCTION.format(
        base_url=base_url,
        server=SERVER,
        further="".join(FORMS[verb].format(base_url=base_url) for verb in more),
        tools=", ".join(["search", "read", "create", *(FURTHER[verb] for verb in more)]) + " and finish",
        max_steps=episode.max_steps,
        context=context,
        question=question,
    )
