"""``mab-gym hapi``: a real HAPI FHIR server in Docker; it is loaded once, and episodes begin from its snapshot."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import platformdirs
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mab_gym import _tables as t
from mab_gym.backends.embedded._backend import embedded_backend
from mab_gym.cli import _options as o
from mab_gym.cli._console import errors, output, stages
from mab_gym.cli._output import present
from mab_gym.cohort._locate import NAMED, named_archive
from mab_gym.errors import NotInstalledError, how_to_install
from mab_gym.fhir.store._archive import read_about

if TYPE_CHECKING:
    from mab_gym.backends.container._engine import Engine

app = typer.Typer(
    help="A real HAPI FHIR server in Docker behind the same environments.", no_args_is_help=True, add_completion=False
)
Cohort = Annotated[str, typer.Argument(help=f"A cohort ({', '.join(NAMED)}) or an archive's file.")]
_EVERY = 20.0
"""Seconds between two lines about the progress of a load, if standard error is not a terminal."""


@app.command()
def up(
    image: Annotated[
        str | None, typer.Option(help="The image; else MAB_GYM_HAPI_IMAGE, else hapiproject/hapi:v7.6.0.")
    ] = None,
    port: Annotated[int, typer.Option(help="The port of this machine's loopback interface.", min=1, max=65535)] = 8080,
) -> None:
    """Start an empty HAPI FHIR server in a container; it listens on this machine alone."""
    _check_installed()
    from mab_gym.backends.container import _hospital as hospital  # noqa: PLC0415

    with _engine() as engine, _starting() as (pulling, waiting):
        running = hospital.up(engine, image, port, pulling, waiting)
    output.print(f"HAPI FHIR answers at {running.base_url} (container {running.name})", markup=False, soft_wrap=True)


@app.command()
def load(
    cohort: Cohort = "canonical",
    workers: Annotated[int, typer.Option(help="The number of Bundles loaded at once.", min=1, max=64)] = 2,
) -> None:
    """Load a cohort or an archive into the server. The same command goes on after an interruption."""
    _check_installed()
    from mab_gym.backends.container import _hospital as hospital  # noqa: PLC0415
    from mab_gym.backends.container._loading import load as put  # noqa: PLC0415

    tables, digest, _ = _archive(cohort)
    with _engine() as engine:
        running = hospital.running_main(engine)
        notes = Path(platformdirs.user_cache_dir("mab_gym", appauthor=False)) / "hapi" / f"{running.id[:12]}.loaded"
        with _loading(cohort) as tell:
            loaded = put(tables, running.base_url, notes, f"{running.id} {digest}", tell, workers)
    rate = (loaded.resources - loaded.before) / max(loaded.seconds, 1e-9)
    output.print(
        f"{loaded.resources:,} resources are loaded, {loaded.resources - loaded.before:,} of them now, in "
        f"{loaded.seconds:.0f} s ({rate:.0f} a second)",
        markup=False,
        soft_wrap=True,
    )


@app.command()
def snapshot(cohort: Cohort = "canonical") -> None:
    """Stop the server and save its records as an image, from which episodes begin."""
    _check_installed()
    from mab_gym.backends.container import _hospital as hospital  # noqa: PLC0415

    tables, digest, name = _archive(cohort)
    with _engine() as engine:
        with errors.status("comparing, stopping and committing the container"):
            image = hospital.snapshot(engine, tables, digest, name)
        output.print(
            f'{image.tags[0] if image.tags else image.id} holds {name}; its environments take backend="container". '
            "The loaded container is stopped: mab-gym hapi up starts it again, mab-gym hapi down removes it.",
            markup=False,
            soft_wrap=True,
        )


@app.command()
def status(as_json: o.Json = False) -> None:
    """Show the engine, the containers and the snapshots."""
    _check_installed()
    from mab_gym.backends.container._engine import ARCHIVE, OWNER, ROLE  # noqa: PLC0415
    from mab_gym.backends.container._process_lock import is_alive  # noqa: PLC0415

    with _engine() as engine:
        version, containers, images = engine.version, engine.containers(), engine.images(role="snapshot")
    there, lines = [], [f"Docker engine {version}"]
    rows: list[tuple[Any, ...]] = []
    for each in containers:
        owner = each.labels.get(OWNER, "")
        whose = "" if not owner else "alive" if is_alive(owner) else "gone (the next start removes it)"
        rows.append((each.name, each.labels.get(ROLE, ""), each.status, each.base_url if each.port else "", whose))
    headings = (("container", "name"), ("for", "role"), ("state", "state"), ("address", "address"), ("owner", "owner"))
    if rows or as_json:
        there.append(t.Table("containers", "", [t.Column(*names) for names in headings], rows))
    else:
        lines.append("no containers: mab-gym hapi up starts one")
    rows = [
        (image.tags, image.labels.get(ARCHIVE, "")[:12], image.size, image.created.partition(".")[0])
        for image in images
    ]
    columns = [
        t.Column("snapshot", "tags", t.LIST),
        t.Column("archive", "archive"),
        t.Column("size", "bytes", t.Kind(lambda size: f"{size / 1e6:,.0f} MB")),
        t.Column("made", "made"),
    ]
    if rows or as_json:
        there.append(t.Table("snapshots", "", columns, rows))
    else:
        lines.append("no snapshots: mab-gym hapi load and mab-gym hapi snapshot make one")
    present(*there, as_json=as_json, lines=lines, engine=version)


@app.command()
def down(
    snapshots: Annotated[bool, typer.Option("--snapshots", help="Remove the snapshot images, too.")] = False,
) -> None:
    """Remove the container, and everything that ended processes have left."""
    _check_installed()
    from mab_gym.backends.container import _hospital as hospital  # noqa: PLC0415

    with _engine() as engine:
        containers, images = hospital.down(engine, snapshots)
    removed = f"removed {containers} container{'' if containers == 1 else 's'}"
    output.print(f"{removed} and {images} snapshots" if snapshots else removed, markup=False)


def _check_installed() -> None:
    missing = [name for name in ("docker", "filelock", "httpx") if importlib.util.find_spec(name) is None]
    if missing:
        raise NotInstalledError(f"containers need {', '.join(missing)}: {how_to_install('docker')}")


@contextmanager
def _engine() -> Iterator[Engine]:
    from mab_gym.backends.container._engine import Engine  # noqa: PLC0415  (optional)

    engine = Engine()
    try:
        yield engine
    finally:
        engine.close()


def _archive(cohort: str) -> tuple[Mapping[str, Any], str, str]:
    """Returns an archive's tables, its digest and its name."""
    with stages(f"building the {cohort} cohort") as tell:
        path = named_archive(cohort, tell)
    backend = embedded_backend(path)
    return backend.server.tables, backend.digest, str(read_about(path).get("name", path.stem))


@contextmanager
def _starting() -> Iterator[tuple[Callable[[Mapping[str, Any]], None], Callable[[float], None]]]:
    """Shows the download of an image, then the start of a server."""
    with errors.status("starting a container") as shown:
        told: set[str] = set()

        def pulling(message: Mapping[str, Any]) -> None:
            what = f"fetching the image: {message.get('status', '')} {message.get('progress', '')}"
            shown.update(what)
            if not errors.is_terminal and "pulling" not in told:
                told.add("pulling")
                errors.print("fetching the image", markup=False)

        def waiting(seconds: float) -> None:
            shown.update(f"the server is starting: {seconds:.0f} s (a minute is usual)")
            if not errors.is_terminal and "starting" not in told:
                told.add("starting")
                errors.print("the server is starting (a minute is usual)", markup=False)

        yield pulling, waiting


@contextmanager
def _loading(what: str) -> Iterator[Callable[[int, int], None]]:
    """Shows a bar with the remaining time, by the pace of this run; without a terminal a line from time to time."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left:"), TimeRemainingColumn(compact=True),
    )  # fmt: skip
    begun = time.monotonic()
    first: list[int] = []
    last = [begun]
    with Progress(*columns, console=errors, disable=not errors.is_terminal, speed_estimate_period=120) as bars:
        task = bars.add_task(f"loading {what}", total=None)

        def tell(done: int, total: int) -> None:
            if not first:
                first.append(done)
            bars.update(task, completed=done, total=total)
            now = time.monotonic()
            if errors.is_terminal or now - last[0] < _EVERY:
                return
            last[0] = now
            pace = (done - first[0]) / (now - begun)
            left = f"about {1 + (total - done) / pace // 60:.0f} min left" if pace else "no pace yet"
            errors.print(f"loading {what}: {done:,} of {total:,}, {pace:.0f} a second, {left}", markup=False)

        yield tell
