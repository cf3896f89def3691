"""``mab-gym serve``: the embedded FHIR server behind HTTP."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mab_gym.backends.embedded import embedded_backend
from mab_gym.cli.console import errors, output, stages
from mab_gym.cohort.locate import NAMED, named_archive
from mab_gym.errors import UsageError
from mab_gym.fhir.server import Server
from mab_gym.serve import Application, OwnWorlds, SharedWorld, listen, run, server_of_records


class Sessions(StrEnum):
    """Who shares a record system with whom."""

    SHARED = "shared"
    OWN = "own"


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes any that is free.")] = 8090,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    archive: Annotated[
        str | None, typer.Option(help=f"A cohort ({', '.join(NAMED)}) or an archive's file. [default: canonical]")
    ] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Begin with no records at all.")] = False,
    records: Annotated[Path | None, typer.Option(help="A file of resources, one a line (.ndjson, .ndjson.gz).")] = None,
    sessions: Annotated[
        Sessions,
        typer.Option(
            help="'shared': all clients see one record system. 'own': each session has its own, named by the header "
            "X-MAB-Session or by the cookie that the first answer brings."
        ),
    ] = Sessions.SHARED,
) -> None:
    """Serve FHIR R4 at http://HOST:PORT/fhir until Ctrl-C.

    Nothing that clients write outlives the process. POST /reset takes a session back to where it began, DELETE /session
    ends it.
    """
    if sum([archive is not None, empty, records is not None]) > 1:
        raise UsageError("give one of --archive, --empty and --records")
    listening = listen(host, port)
    server = _server(archive, empty, records)
    worlds = SharedWorld(server) if sessions is Sessions.SHARED else OwnWorlds(server)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}/fhir"
    count = sum(len(table) for table in server.tables.values())

    def ready() -> None:
        output.print(f"{count:,} resources at {url} (sessions: {sessions.value}); Ctrl-C stops", markup=False)

    if host not in ("127.0.0.1", "::1", "localhost"):
        errors.print(f"anybody who reaches {host} can read and write these records", markup=False)
    run(Application(worlds), listening, ready)


def _server(archive: str | None, empty: bool, records: Path | None) -> Server:
    if empty:
        return Server({})
    if records is not None:
        return server_of_records(records)
    name = archive or "canonical"
    with stages(f"building the {name} cohort") as tell:
        path = named_archive(name, tell)
    return embedded_backend(path).server
