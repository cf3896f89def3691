"""``python -m mab_gym.integrations.harbor``: what runs in the containers of a task."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from mab_gym.errors import MabGymError
from mab_gym.integrations.harbor._evidence import read_start


def main() -> None:
    """Serves an episode, or judges one that was served."""
    parser = argparse.ArgumentParser(prog="python -m mab_gym.integrations.harbor", description=main.__doc__)
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="serve one episode over HTTP until Ctrl-C")
    serve.add_argument("start", help='the episode as JSON: {"env": ..., "seed": ..., "options": {...}}')
    serve.add_argument("--kept", type=Path, required=True, help="the file to keep the actions in")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen at")
    serve.add_argument("--port", type=int, default=8080, help="the port; 0 takes any that is free")
    serve.set_defaults(do=_serve)
    judge = commands.add_parser("judge", help="judge an episode and write its reward")
    judge.add_argument("kept", type=Path, help="the file that the server has written")
    judge.add_argument("--out", type=Path, required=True, help="the folder for reward.json and the record")
    judge.set_defaults(do=_judge)
    given = parser.parse_args()
    try:
        given.do(given)
    except MabGymError as error:
        print(f"mab_gym: {error}", file=sys.stderr)
        sys.exit(2)


def _serve(given: argparse.Namespace) -> None:
    from mab_gym.integrations.harbor._server import serve_episode  # noqa: PLC0415  (the server)

    def ready(url: str, stop: Callable[[], None]) -> None:
        print(url, flush=True)

    serve_episode(read_start(given.start), given.kept, given.host, given.port, ready)


def _judge(given: argparse.Namespace) -> None:
    from mab_gym.integrations.harbor._judge import judge  # noqa: PLC0415  (the verifier)

    print(judge(given.kept, given.out))


if __name__ == "__main__":
    main()
