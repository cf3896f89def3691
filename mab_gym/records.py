"""Records of episodes: one JSON line each, written as it ends, so that whatever stops a run loses nothing before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from mab_gym.errors import UsageError

EPISODES = "episodes.jsonl"
RUN = "run.json"


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """What one episode came to.

    Attributes:
        env: The environment's id.
        agent: The agent's name.
        case: The case's id.
        family: Its family.
        branch: Its clinical situation.
        kind: ``query`` or ``action``.
        difficulty: ``easy``, ``medium`` or ``hard``.
        seed: The seed that `reset` was given.
        reward: The return of the episode.
        steps: How many actions were taken.
        terminated: As in Gymnasium.
        truncated: Likewise.
        verdict: Success, failure's kind, reasons.
        infrastructure_error: Why the episode does not count, or None.
        variant: In which variants the case was played, joined by ``+``; empty for as it is.
        retries: How often it was played before and spoiled by the record system.
    """

    env: str
    agent: str
    case: str
    family: str
    branch: str
    kind: str
    difficulty: str
    seed: int
    reward: float
    steps: int
    terminated: bool
    truncated: bool
    verdict: Mapping[str, Any]
    infrastructure_error: str | None = None
    variant: str = ""
    retries: int = 0


class RunFolder:
    """A folder that takes the records of one run.

    Args:
        folder: Where; it is made if need be.
        about: What to say of the run in ``run.json``.

    Raises:
        UsageError: The folder holds a run already.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        self.path = folder / EPISODES
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; name a folder")
        if self.path.exists():
            raise UsageError(f"{folder} holds a run already; name another folder (nothing was changed)")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RUN).write_text(json.dumps(dict(about), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        self._file: TextIO = self.path.open("x", encoding="utf-8", newline="\n")

    def add(self, record: EpisodeRecord) -> None:
        """Writes one record, whole, and hands it to the operating system at once."""
        self._file.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file; what was added stays."""
        self._file.close()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_records(folder: Path) -> Iterator[dict[str, Any]]:
    """The records of a run, in the order in which the episodes ended.

    Raises:
        UsageError: The folder holds no run, or a line of it is broken; the text names the line.
    """
    path = folder / EPISODES
    if not path.is_file():
        raise UsageError(f"{folder} holds no run (there is no {EPISODES} in it)")
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield json.loads(line)
            except ValueError:
                raise UsageError(f"{path}, line {number}: this is no record") from None
