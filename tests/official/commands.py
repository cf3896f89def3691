"""The command ``mab-gym official``, typed by tests."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.processes import PATIENCE

COMMAND = [sys.executable, "-m", "mab_gym.cli", "official"]


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command; whatever names official files in the environment is left out."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAB_GYM_OFFICIAL")}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
        env={**clean, "COLUMNS": "160", **environment},
    )
