"""``python -m mab_gym.integrations.openenv``: serves an environment to OpenEnv clients."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mab_gym.errors import MabGymError


def serve(
    env: Annotated[
        str, typer.Option(help="An environment's id or file; task code that a file names is executed.")
    ] = "MedAgentBench-v0",
    host: Annotated[
        str, typer.Option(help="The address to listen at; the default serves this computer alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port.")] = 8000,
    sessions: Annotated[int, typer.Option(help="The greatest number of sessions at once.")] = 256,
    max_steps: Annotated[int | None, typer.Option(help="Actions after which an episode is truncated.")] = None,
    reward: Annotated[str | None, typer.Option(help="sparse or partial.")] = None,
    reading: Annotated[str | None, typer.Option(help="The rule by which texts are read: lenient or strict.")] = None,
) -> None:
    """Serve an environment to OpenEnv clients until Ctrl-C. There is no password: serve only trusted networks."""
    try:
        from mab_gym.integrations.openenv import create_app  # noqa: PLC0415  (optional)
        from mab_gym.serve._running import listen  # noqa: PLC0415  (optional)

        app = create_app(env, sessions, reading, max_steps=max_steps, reward=reward)
        listening = listen(host, port)
    except MabGymError as error:
        print(f"mab_gym: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    import uvicorn  # noqa: PLC0415  (optional)

    with listening:
        print(f"{env} at http://{host}:{listening.getsockname()[1]}", flush=True)
        # Without compression: compressing a page takes as long as finding it.
        uvicorn.Server(uvicorn.Config(app, log_level="warning", ws_per_message_deflate=False)).run(sockets=[listening])


if __name__ == "__main__":
    typer.run(serve)
