"""A mended connection of the Docker SDK to a Unix socket: the SDK leaves a socket open where nobody listens."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Any

from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool


class _Connection(UnixHTTPConnection):
    def connect(self) -> None:
        with ExitStack() as unless_connected:
            made = unless_connected.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            made.settimeout(self.timeout)
            made.connect(self.unix_socket)
            unless_connected.pop_all()
        self.sock = made


class _Pool(UnixHTTPConnectionPool):
    def _new_conn(self) -> Any:
        timeout: Any = self.timeout
        return _Connection(self.base_url, self.socket_path, timeout)


class _Adapter(UnixHTTPAdapter):
    def get_connection(self, url: Any, proxies: Any = None) -> _Pool:
        with self.pools.lock:
            pool = self.pools.get(url)
            if pool is None:
                pool = self.pools[url] = _Pool(url, self.socket_path, self.timeout, maxsize=self.max_pool_size)
            return pool


def close_what_cannot_connect(client: Any) -> None:
    """Makes a client of the SDK that uses a Unix socket close the sockets that could not connect."""
    api = client.api
    its_own = api.get_adapter(api.base_url)
    if isinstance(its_own, UnixHTTPAdapter):
        made = _Adapter(its_own.socket_path, its_own.timeout, max_pool_size=its_own.max_pool_size)
        api.mount("http+docker://", made)
