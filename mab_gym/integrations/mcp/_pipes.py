"""Standard input and output as lines of an event loop, without threads.

The package's own transport hands every line that it reads or writes to a thread; on a busy machine that is two thirds
of the time of a call. Pipes and sockets do not need it. Where standard input or output is something else (a terminal,
a file, Windows), the package's own is used.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

_LONGEST = 2**62
"""A line may be as long as the client likes: it is the program that has started this one."""


class Lines:
    """The lines of standard input; read by ``async for``.

    Args:
        reader: Standard input.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def __aiter__(self) -> AsyncIterator[str]:
        while line := await self._reader.readline():
            yield line.decode("utf-8", "replace")


class Output:
    """Standard output; what is written after the client has gone is lost.

    Args:
        writer: Standard output.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def write(self, text: str) -> None:
        """Writes a text."""
        with suppress(OSError):
            self._writer.write(text.encode())

    async def flush(self) -> None:
        """Waits until the text can be taken."""
        with suppress(OSError):
            await self._writer.drain()


async def standard_pipes() -> tuple[Any, Any]:
    """Returns standard input and output, as `Lines` and `Output`, if both are pipes or sockets; else None for each.

    From now on standard input is empty, and standard output goes to standard error, so that nothing else in this
    process takes or writes a message.
    """
    if sys.platform == "win32" or not all(_is_pipe(each) for each in (0, 1)):
        return None, None
    loop = asyncio.get_running_loop()
    taken, given = os.fdopen(os.dup(0), "rb", buffering=0), os.fdopen(os.dup(1), "wb", buffering=0)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    reader = asyncio.StreamReader(limit=_LONGEST)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), taken)
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), given
    )
    return Lines(reader), Output(asyncio.StreamWriter(transport, protocol, None, loop))


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
