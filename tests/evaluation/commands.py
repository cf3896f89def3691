"""The command line as a person types it, for evaluations against the scripted endpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from mab_gym.runs._records import read_records
from tests.command_line import typed
from tests.evaluation.scripted import KEY, Endpoint
from tests.processes import PATIENCE, complaints

COMMAND = [sys.executable, "-m", "mab_gym.cli"]


def environment(key: str = KEY) -> dict[str, str]:
    return {**os.environ, "OPENAI_API_KEY": key, "COLUMNS": "160"}


def run(*arguments: str, key: str = KEY, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in this process."""
    return typed(arguments, environment=environment(key), folder=folder)


def run_apart(*arguments: str, key: str = KEY, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE, check=False,
        env=environment(key), cwd=folder,
    )  # fmt: skip


def evaluation(there: Endpoint | str, out: Path, *more: str) -> list[str]:
    base_url = there if isinstance(there, str) else there.base_url
    return ["eval", "--model", "scripted", "--base-url", base_url, "--pause", "0.01", "--out", str(out), *more]


def told(folder: Path) -> list[dict[str, Any]]:
    """Returns the records of a run, without the ids and times of the endpoint, which differ between two runs."""
    return sorted(
        ({name: value for name, value in record.items() if name != "calls"} for record in read_records(folder)),
        key=lambda record: (int(record["seed"]), int(record["repeat"])),
    )


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "episodes.jsonl").read_text(encoding="utf-8").splitlines()]


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last line on standard error; there is no traceback before it."""
    assert "Traceback" not in done.stderr
    return complaints(done.stderr.strip())[-1]


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on standard error, beside progress where a cohort was built first."""
    (line,) = complaints(done.stderr)
    return line
