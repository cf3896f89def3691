"""The command line in this process: it prints what a process of its own would, without the seconds for imports."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

from mab_gym.cli import _console
from mab_gym.cli.app import main


def typed(
    arguments: Sequence[str],
    words: str = "",
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> CompletedProcess[str]:
    """Runs ``mab-gym`` here and returns what it printed and its exit code.

    Where a test kills or interrupts, wants cold caches or imports anew, it starts a process instead. Streams have the
    encoding and strictness of a process's own; an exception that nobody caught is a traceback and exit code 1.

    Args:
        arguments: The command's words.
        words: What is typed in the terminal.
        environment: The environment variables; None for this process's own.
        folder: The current folder; None for this process's own.
    """
    keyboard = io.TextIOWrapper(io.BytesIO(words.encode()), encoding="utf-8")
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    errors = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)
    environment = dict(os.environ if environment is None else environment)
    width = int(environment.get("COLUMNS", "120"))
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.multiple(sys, argv=["mab-gym", *arguments], stdin=keyboard, stdout=output, stderr=errors),
        mock.patch.object(_console.output, "_width", width),
        mock.patch.object(_console.errors, "_width", width),
        contextlib.chdir(folder or Path.cwd()),
    ):
        code = _exit_code()
    return CompletedProcess(arguments, code, _text(output), _text(errors))


def _exit_code() -> int:
    try:
        main()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
