"""The places of the official files, which the caller or environment variables name; this package has no copies."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mab_gym.errors import UsageError

TASKS_VARIABLE = "MAB_GYM_OFFICIAL_TASKS"
"""The environment variable that names the official task file."""
FUNCTIONS_VARIABLE = "MAB_GYM_OFFICIAL_FUNCTIONS"
"""The environment variable that names the official function list."""
CHART_VARIABLE = "MAB_GYM_OFFICIAL_CHART"
"""The environment variable that names a chart; without it the stand-in chart is used."""
SERVER_VARIABLE = "MAB_GYM_OFFICIAL_SERVER"
"""The environment variable with the base URL of a FHIR server that holds the official records, to be read from."""

_WANTED: Mapping[str, tuple[str, str]] = {
    "tasks": (TASKS_VARIABLE, "task file (test_data_v2.json)"),
    "functions": (FUNCTIONS_VARIABLE, "function list (funcs_v1.json)"),
}


@dataclass(frozen=True, slots=True)
class OfficialFiles:
    """The files that official tasks are read from and played on; environment variables name what is None here.

    Attributes:
        tasks: The task file.
        functions: The function list.
        chart: A file of FHIR resources, one a line, or an archive; the stand-in chart where nothing names one.
        chart_seed: The seed of the stand-in chart.
        server: The base URL of a FHIR server to read from in place of a chart.
    """

    tasks: Path | str | None = None
    functions: Path | str | None = None
    chart: Path | str | None = None
    chart_seed: int = 0
    server: str | None = None

    def wanted(self, wanting: str) -> tuple[Path, Path]:
        """Returns the task file and the function list.

        Args:
            wanting: Who needs them, for the error.

        Raises:
            UsageError: One is not named or not there; the text says which, and how to give it.
        """
        named = {"tasks": self.tasks, "functions": self.functions}
        given = {name: path or os.environ.get(_WANTED[name][0]) for name, path in named.items()}
        missing = [name for name, path in given.items() if not path]
        if missing:
            what = " and the ".join(_WANTED[name][1] for name in missing)
            arguments = ", ".join(f"{name}=PATH" for name in missing)
            variables = " and ".join(_WANTED[name][0] for name in missing)
            raise UsageError(
                f"{wanting} needs the official {what}, which this package does not hold: pass {arguments} to "
                f"gymnasium.make, or set {variables}"
            )
        paths = {name: Path(path).expanduser() for name, path in given.items() if path}
        for name, path in paths.items():
            if not path.is_file():
                raise UsageError(
                    f"{wanting} needs the official {_WANTED[name][1]}, and there is none at {path}: "
                    f"pass {name}=PATH to gymnasium.make, or set {_WANTED[name][0]}"
                )
        return paths["tasks"], paths["functions"]

    @property
    def chart_path(self) -> Path | None:
        """The chart that is named here or by the environment variable; None for the stand-in chart."""
        named = self.chart or os.environ.get(CHART_VARIABLE)
        return Path(named).expanduser() if named else None

    @property
    def address(self) -> str | None:
        """The server that is named here or by the environment variable; None for a chart."""
        return self.server or os.environ.get(SERVER_VARIABLE) or None
