"""The command ``mab-gym official``, typed by tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from tests.command_line import typed
from tests.processes import PATIENCE

COMMAND = [sys.executable, "-m", "mab_gym.cli", "official"]


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in this process; whatever names official files in the environment is left out."""
    return typed(["official", *map(str, arguments)], environment=_clean(environment))


def run_apart(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the same in a process of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
        env=_clean(environment),
    )


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAB_GYM_OFFICIAL")}
    return {**clean, "COLUMNS": "160", **environment}
