"""``python -m mab_gym.integrations.harbor``: what runs in the containers of a task."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mab_gym.errors import MabGymError
from mab_gym.integrations.harbor._episode import PORT, serve_episode
from mab_gym.integrations.harbor._evidence import read_start
from mab_gym.integrations.harbor._judge import judge

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def serve(
    start: Annotated[str, typer.Argument(help='The episode as JSON: {"env": ..., "seed": ..., "options": {...}}.')],
    kept: Annotated[Path, typer.Option(help="The file to keep the actions in.")],
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes any that is free.")] = PORT,
) -> None:
    """Serve one episode over HTTP until Ctrl-C."""

    def ready(url: str, stop: Callable[[], None]) -> None:
        print(url, flush=True)

    serve_episode(read_start(start), kept, host, port, ready)


@app.command(name="judge")
def judge_kept(
    kept: Annotated[Path, typer.Argument(help="The file that the server has written.")],
    out: Annotated[Path, typer.Option(help="The folder for reward.json and the record.")],
) -> None:
    """Judge an episode and write its reward; without one, where the episode does not count."""
    print(judge(kept, out))


if __name__ == "__main__":
    try:
        app()
    except MabGymError as error:
        print(f"mab_gym: {error}", file=sys.stderr)
        sys.exit(2)
