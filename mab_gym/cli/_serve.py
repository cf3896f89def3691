"""``mab-gym serve``: the embedded FHIR server behind HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mab_gym.backends.embedded._backend import embedded_backend
from mab_gym.cli._console import errors, output, stages
from mab_gym.cohort._locate import NAMED, named_archive
from mab_gym.errors import UsageError
from mab_gym.fhir.http._server import FhirServer
from mab_gym.serve import (
    Application,
    Gate,
    OwnWorlds,
    ServeLimits,
    SharedWorld,
    listen,
    run,
    server_of_records,
)
from mab_gym.serve._limits import BODY_WORK

_WHO = "Access"
_HOW_MUCH = "Limits"
_SIZE = re.compile(r"(\d{1,15}) ?([KMG]?)(?:i?B)?", re.ASCII | re.IGNORECASE)


class Sessions(StrEnum):
    """The choices of ``--sessions``: one record system for all clients, or one for each session."""

    SHARED = "shared"
    OWN = "own"


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes any that is free.")] = 8090,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    archive: Annotated[
        str | None, typer.Option(help=f"A cohort ({', '.join(NAMED)}) or an archive's file. [default: canonical]")
    ] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Begin without records.")] = False,
    records: Annotated[Path | None, typer.Option(help="A file of resources, one a line (.ndjson, .ndjson.gz).")] = None,
    sessions: Annotated[
        Sessions,
        typer.Option(
            help="'shared': all clients see one record system. 'own': each session has its own, named by the header "
            "X-MAB-Session or by the cookie that the answer to its first write brings."
        ),
    ] = Sessions.SHARED,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A further host name by which clients may reach the server; may be repeated. [default: localhost, "
            "loopback addresses and the address that it listens at]",
            rich_help_panel=_WHO,
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="The origin of web pages that may read and write, as in https://app.example.org, or '*' for all; may "
            "be repeated. [default: none]",
            rich_help_panel=_WHO,
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            help="The base URL in all links, if the server is behind a proxy, as in https://app.example.org/fhir.",
            rich_help_panel=_WHO,
        ),
    ] = None,
    forwarded: Annotated[
        bool,
        typer.Option(
            "--forwarded",
            help="Believe the headers X-Forwarded-* and Forwarded, if the server is behind a proxy that writes them.",
            rich_help_panel=_WHO,
        ),
    ] = False,
    bulk_export: Annotated[
        bool, typer.Option("--bulk-export", help="Answer $export, which HAPI does only where it is switched on.")
    ] = False,
    body_bytes: Annotated[str, typer.Option(help="The longest request body.", rich_help_panel=_HOW_MUCH)] = "8MB",
    session_bytes: Annotated[
        str,
        typer.Option(help="The memory of one session (with --sessions own).", rich_help_panel=_HOW_MUCH),
    ] = "128MB",
    stored_bytes: Annotated[
        str, typer.Option(help="The memory of all sessions together.", rich_help_panel=_HOW_MUCH)
    ] = "1024MB",
) -> None:
    """Serve FHIR R4 at http://HOST:PORT/fhir until Ctrl-C.

    Writes of clients are lost when the process ends. POST /reset takes a session back to its beginning, DELETE /session
    ends it. docs/fhir-server.md lists all limits.
    """
    if sum([archive is not None, empty, records is not None]) > 1:
        raise UsageError("give one of --archive, --empty and --records")
    limits = _limits(body_bytes, session_bytes, stored_bytes)
    with listen(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listening.getsockname()[1]}/fhir"
        gate = Gate(url, allow_host or (), allow_origin or (), base_url, forwarded=forwarded)
        server = _server(archive, empty, records)
        server.limits = replace(server.limits, body=BODY_WORK)
        server.bulk_export = bulk_export
        worlds = SharedWorld(server, limits) if sessions is Sessions.SHARED else OwnWorlds(server, limits)
        count = sum(len(table) for table in server.tables.values())

        def ready(stop: Callable[[], None]) -> None:
            output.print(f"{count:,} resources at {url} (sessions: {sessions.value}); Ctrl-C stops", markup=False)

        if host not in ("127.0.0.1", "::1", "localhost"):
            errors.print(f"anybody who reaches {host} can read and write these records", markup=False)
        application = Application(worlds, gate, limits)
        server.pause = application.give_way
        run(application, listening, ready, limits)


def _limits(body: str, session: str, stored: str) -> ServeLimits:
    """Returns the limits with the sizes of the command line.

    Raises:
        UsageError: One is not a size, or they contradict each other.
    """
    body_bytes, session_bytes, stored_bytes = (
        _read_size(option, text)
        for option, text in (("--body-bytes", body), ("--session-bytes", session), ("--stored-bytes", stored))
    )
    return ServeLimits(
        body=body_bytes,
        bodies=max(ServeLimits().bodies, 2 * body_bytes),
        session_bytes=session_bytes,
        stored_bytes=stored_bytes,
    )


def _read_size(option: str, text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    size = int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2].upper()] if found else 0
    if size < 1:
        raise UsageError(f"{option} takes a number of bytes, as in 500000, 64KB, 8MB or 2GB, not {text!r}")
    return size


def _server(archive: str | None, empty: bool, records: Path | None) -> FhirServer:
    if empty:
        return FhirServer({})
    if records is not None:
        return server_of_records(records)
    name = archive or "canonical"
    with stages(f"building the {name} cohort") as tell:
        path = named_archive(name, tell)
    return embedded_backend(path).server
