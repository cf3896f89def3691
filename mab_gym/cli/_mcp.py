"""``mab-gym mcp``: an environment as a server of the Model Context Protocol."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from mab_gym.cli import _options as o
from mab_gym.cli._console import errors, output
from mab_gym.cli._environment import make
from mab_gym.envs._make import DEFAULT_ENV
from mab_gym.integrations._installed import needing
from mab_gym.serve import listen

_HTTP, _CASES = "Over HTTP", "Cases"


def serve(
    env: Annotated[
        str, typer.Option(help="An environment's id or file; task code that a file names is executed.")
    ] = DEFAULT_ENV,
    http: Annotated[
        bool, typer.Option("--http", help="Serve streamable HTTP at http://HOST:PORT/mcp, many sessions at once.")
    ] = False,
    host: Annotated[str, typer.Option(help="The address to listen at.", rich_help_panel=_HTTP)] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes any that is free.", rich_help_panel=_HTTP)
    ] = 8000,
    sessions: Annotated[
        int, typer.Option(min=1, help="The greatest number of sessions at once.", rich_help_panel=_HTTP)
    ] = 10_000,
    idle: Annotated[
        float,
        typer.Option(min=0.001, help="Seconds without a request after which a session ends.", rich_help_panel=_HTTP),
    ] = 3600.0,
    case: Annotated[str | None, typer.Option(help="The case that every session plays.", rich_help_panel=_CASES)] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="The seed of the first session's episode, each further one has the next number; it chooses the case, "
            "too. (default: the cases in order)",
            rich_help_panel=_CASES,
        ),
    ] = None,
    family: o.Family = None,
    difficulty: o.Difficulty = None,
    variant: o.Variant = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Calls after which an episode is truncated.", rich_help_panel=_CASES)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder for the records of episodes. A run in it goes on.")
    ] = None,
    agent: Annotated[str, typer.Option(help="The agent's name in the records.")] = "mcp",
    show_verdict: Annotated[
        bool,
        typer.Option("--show-verdict", help="Show the verdict to the client, and so to the agent, at the end."),
    ] = False,
) -> None:
    """Serve an environment to MCP clients; a session is an episode.

    Without --http it serves one session over standard input and output. There is no password.
    """
    with needing("mcp", "an MCP server needs"):
        import anyio  # noqa: PLC0415  (optional)
        import uvicorn  # noqa: PLC0415  (optional)

        from mab_gym.integrations.mcp._episodes import Episodes  # noqa: PLC0415  (optional)
        from mab_gym.integrations.mcp._http import episode_of, http_app  # noqa: PLC0415  (optional)
        from mab_gym.integrations.mcp._server import new_server, serve_stdio  # noqa: PLC0415  (optional)

    episodes = Episodes(
        lambda: make(env, max_steps=max_steps),
        file=env if env.endswith(".toml") else None,
        case=case,
        seed=seed,
        family=family,
        difficulty=difficulty,
        variant=variant,
        out=out,
        agent=agent,
        show_verdict=show_verdict,
    )
    with closing(episodes):
        if not http:
            anyio.run(serve_stdio, episodes)
            return
        with listen(host, port) as listening:
            if host not in ("127.0.0.1", "::1", "localhost"):
                errors.print(f"anybody who reaches {host} can play", markup=False)
            shown = f"[{host}]" if ":" in host else host
            output.print(f"{episodes.name} at http://{shown}:{listening.getsockname()[1]}/mcp", markup=False)
            app = http_app(new_server(episodes.name, episode_of, episodes.verbs), episodes, host, sessions, idle)
            config = uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                ws="none",
                timeout_keep_alive=60,  # longer than clients keep a connection, so that none is closed as it is used
                timeout_graceful_shutdown=5,
            )
            uvicorn.Server(config).run(sockets=[listening])
