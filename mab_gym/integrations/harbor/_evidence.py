"""The file in which the server keeps an episode's actions, and from which the verifier judges them.

The first line says which episode it is; each further one is an action, or the fault for which the episode does not
count. A line is written before its action is answered, so nothing that an agent has seen is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import gymnasium

from mab_gym.envs._make import make
from mab_gym.errors import UsageError
from mab_gym.runs._driver import Driver


@dataclass(frozen=True, slots=True)
class Start:
    """The beginning of an episode, as plain data.

    Attributes:
        env: The environment's id.
        seed: The seed for ``env.reset``.
        options: The options for ``env.reset``.
        max_steps: Actions after which the episode is truncated; None for the environment's own number.
    """

    env: str
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    max_steps: int | None = None

    @property
    def text(self) -> str:
        """The start as JSON, in one line; `read_start` reads it."""
        return json.dumps(asdict(self))

    def begin(self) -> Driver:
        """Begins the episode and returns its driver."""
        made: gymnasium.Env[Any, str] = make(self.env, max_steps=self.max_steps)
        driver = Driver(made)
        driver.begin(self.seed, self.options)
        return driver


def read_start(text: str) -> Start:
    """Reads a start.

    Raises:
        UsageError: It is none.
    """
    try:
        return Start(**json.loads(text))
    except (TypeError, ValueError):
        raise UsageError(f"this is not the start of an episode: {text[:200]!r}") from None


class Evidence:
    """Writes the file.

    Args:
        path: The file; it must not be there yet.
        start: The episode.

    Raises:
        UsageError: The file is there, or cannot be written.
    """

    def __init__(self, path: Path, start: Start) -> None:
        self._path = path
        try:
            with path.open("x", encoding="ascii") as file:
                file.write(start.text + "\n")
        except OSError as error:
            raise UsageError(f"{path} cannot take an episode: {error.strerror}") from None

    def action(self, text: str) -> None:
        """Keeps an action."""
        self._add({"action": text})

    def fault(self, text: str) -> None:
        """Keeps the failure of the record system, because of which the episode does not count."""
        self._add({"infrastructure_error": text})

    def _add(self, line: Mapping[str, str]) -> None:
        with self._path.open("a", encoding="ascii") as file:
            file.write(json.dumps(line) + "\n")


def read_evidence(path: Path) -> tuple[Start, Sequence[str], str | None]:
    """Reads the file.

    Returns:
        The start, the actions, and the failure of the record system or None.

    Raises:
        UsageError: It is missing, or no such file.
    """
    try:
        first, *lines = path.read_text(encoding="ascii").splitlines()
        kept = [json.loads(line) for line in lines]
        fault = next((each["infrastructure_error"] for each in kept if "infrastructure_error" in each), None)
        return read_start(first), [each["action"] for each in kept if "infrastructure_error" not in each], fault
    except (OSError, TypeError, ValueError, KeyError) as error:
        raise UsageError(f"{path} holds no episode of a Harbor task: {error}") from None
