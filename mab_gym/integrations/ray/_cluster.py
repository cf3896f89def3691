"""Connections to a Ray cluster: a temporary one on this computer, or an existing one, which stays as it is."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mab_gym.errors import NotInstalledError, UsageError, how_to_install
from mab_gym.integrations.ray._guard import guarded

LOCAL = "local"
"""The address that stands for a temporary cluster on this computer."""
_AUTO = "auto"
_ON_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""If this variable is 0, Ray listens at 127.0.0.1 alone on every system. Ray reads it when it is imported."""
_STORE = 128 * 2**20
"""Bytes of shared memory for a temporary cluster: records pass through it, archives do not."""
_PATIENCE = 5.0
"""Seconds in which the address of a cluster must answer."""


def is_installed() -> bool:
    """Tells if Ray is installed."""
    try:
        return find_spec("ray") is not None
    except ValueError:  # find_spec raises it for a module that is blocked in sys.modules
        return False


@contextmanager
def connected(address: str, workers: int, runtime_env: Mapping[str, Any]) -> Iterator[Any]:
    """Connects this process to a cluster, and stops everything that it has started.

    Args:
        address: `LOCAL`, ``auto`` for the cluster that runs on this computer, or HOST:PORT of a cluster's head.
        workers: The number of worker processes that a temporary cluster has room for.
        runtime_env: Ray's runtime environment for the nodes of an existing cluster, as in ``{"working_dir": "."}``.

    Yields:
        The module ``ray``, connected.

    Raises:
        NotInstalledError: Ray is not installed.
        UsageError: There is no such cluster, or it refuses the connection.
    """
    ray = _ray(address)
    quiet = {"log_to_driver": False, "logging_level": "error"}
    scratch = None
    try:
        if address == LOCAL:
            # A short path, since paths of sockets are limited to about a hundred characters; removed at the end.
            scratch = tempfile.mkdtemp(prefix="mab_gym_ray_", dir="/tmp" if Path("/tmp").is_dir() else None)
            ray.init(
                "local",
                num_cpus=workers,
                include_dashboard=False,
                object_store_memory=_STORE,
                _temp_dir=scratch,
                _node_ip_address="127.0.0.1",
                **quiet,
            )
        else:
            _join(ray, address, runtime_env, quiet)
        with nullcontext() if scratch is None else guarded(scratch):
            try:
                yield ray
            finally:
                ray.shutdown()
    finally:
        ray.shutdown()
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _ray(address: str) -> Any:
    """Imports Ray, which reads its settings from the environment as it is imported."""
    if not is_installed():
        raise NotInstalledError(f"rollouts with Ray need it: {how_to_install('ray')}")
    if address == LOCAL:
        os.environ.update({"RAY_USAGE_STATS_ENABLED": "0", _ON_LOOPBACK: "0"})
        if not any(name.startswith("RAY_AUTH_") for name in os.environ):
            # A token of this run alone keeps others out; Ray would write one to the user's home.
            os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)})
    # If something else than a cluster answers, Ray would otherwise try for a quarter of an hour.
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")
    # The driver reports lost workers itself; Ray would print a paragraph on each.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    import ray  # noqa: PLC0415  (optional, and slow)

    return ray


def _join(ray: Any, address: str, runtime_env: Mapping[str, Any], quiet: Mapping[str, Any]) -> None:
    if address != _AUTO:
        _check_answers(address)
    try:
        ray.init(address, runtime_env=dict(runtime_env) or None, **quiet)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise UsageError(
            f"the Ray cluster at {address} cannot be joined: {_in_a_line(error)} (a cluster with a token wants "
            "RAY_AUTH_MODE=token here, too, and the token as Ray's documentation says)"
        ) from None


def _check_answers(address: str) -> None:
    """Checks that something listens at an address; Ray itself would try for long and print much."""
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(
            f"a Ray cluster is named by HOST:PORT as `ray start --head` prints it, by {_AUTO} or not at all, "
            f"not by {address!r}"
        )
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise UsageError(
            f"there is no Ray cluster at {address} ({error.strerror or error}); `ray start --head` starts one and "
            "prints its address, and --ray alone plays on this computer"
        ) from None


def _in_a_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:400]
