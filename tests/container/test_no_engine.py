"""A place without a Docker engine: one error, and nothing stays open."""

from __future__ import annotations

import gc
import os
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mab_gym.backends.container._engine import Engine
from mab_gym.errors import InfrastructureError


@pytest.fixture
def talks_nonsense() -> Iterator[str]:
    """The address of a server that answers with what no engine says."""

    def answer(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                with listening.accept()[0] as client:
                    client.recv(4096)
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}")
                    client.recv(1)  # until the client hangs up

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        yield f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def left_open() -> list[str]:
    """The things that a client that reaches no engine leaves for the garbage collector."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(InfrastructureError, match="could not reach a Docker engine"):
            Engine()
        gc.collect()
    return [str(each.message) for each in caught if issubclass(each.category, ResourceWarning)]


@pytest.mark.skipif(os.name == "nt", reason="Unix sockets")
@pytest.mark.parametrize("kind", ["nothing there", "nobody listens", "a folder"])
def test_a_unix_socket_that_leads_nowhere_stays_closed(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "engine.sock"
    if kind == "nobody listens":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif kind == "a folder":
        path.mkdir()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    assert left_open() == []


def test_a_port_at_which_nobody_listens_stays_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    assert left_open() == []


def test_a_connection_to_what_is_no_engine_is_closed(talks_nonsense: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", talks_nonsense)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert left_open() == []
