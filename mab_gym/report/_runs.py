"""Reads the runs of a report: the description of each, and its episodes without their messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mab_gym.envs._environment_file import environment_files, read_environment
from mab_gym.errors import ContentError, UsageError
from mab_gym.runs._records import EpisodeRecord, read_about, read_records, record_from

CaseKey = tuple[str, ...]
"""A key that is the same for episodes of one case in different runs."""


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """One run of a report.

    Attributes:
        label: Its name in the report, unique among the runs.
        folder: Its folder.
        about: The contents of its ``run.json``.
        frozen: True if its cases have ids of their own; drawn cases are told apart by their seed.
        episodes: One record for each episode, ordered by seed, without messages and actions.
    """

    label: str
    folder: Path
    about: Mapping[str, Any]
    frozen: bool
    episodes: Sequence[EpisodeRecord] = field(repr=False)

    @property
    def counted(self) -> list[EpisodeRecord]:
        """The episodes that count, because nothing but the agent decided them."""
        return [record for record in self.episodes if record.counts]

    @property
    def agent(self) -> str:
        """The agent's name."""
        return str(self.about.get("agent") or (self.episodes[0].agent if self.episodes else "nobody"))

    @property
    def env(self) -> str:
        """The environment's id."""
        return str(self.about.get("env") or (self.episodes[0].env if self.episodes else "nothing"))

    @property
    def protocol(self) -> str:
        """The protocol, as in ``ehr`` or ``official``."""
        return str(self.about.get("protocol") or "ehr")

    def key(self, record: EpisodeRecord) -> CaseKey:
        """Returns the key of an episode's case."""
        return (record.case,) if self.frozen else (record.env, record.case, str(record.seed))

    def whole(self) -> Iterator[EpisodeRecord]:
        """Yields the episodes with messages and actions, in the order in which they ended."""
        return map(record_from, read_records(self.folder))


def read_run(folder: Path, label: str | None = None) -> ReportedRun:
    """Reads a run.

    Args:
        folder: A folder from ``mab-gym eval``.
        label: Its name in the report; if None, the folder's name.

    Raises:
        UsageError: The folder holds no run, a run without episodes, or a broken line.
    """
    about = read_about(folder)
    if about is None:
        raise UsageError(f"{folder} holds no run (there is no run.json in it)")
    episodes = [record_from(data).scores_only for data in read_records(folder)]
    if not episodes:
        raise UsageError(f"{folder} holds a run without episodes")
    episodes.sort(key=lambda record: (record.seed, record.repeat))
    name = label or folder.resolve().name
    return ReportedRun(name, folder, about, _frozen(about), episodes)


def labels(folders: Sequence[Path]) -> list[str]:
    """Returns the shortest ends of the folders' paths that tell them apart.

    Raises:
        UsageError: A folder is named twice.
    """
    paths = [folder.resolve() for folder in folders]
    for path, folder in zip(paths, folders, strict=True):
        if paths.count(path) > 1:
            raise UsageError(f"{folder} is named twice")
    lengths = [1] * len(paths)
    while True:
        names = ["/".join(path.parts[-length:]) for path, length in zip(paths, lengths, strict=True)]
        alike = [place for place, name in enumerate(names) if names.count(name) > 1]
        if not alike:
            return names
        for place in alike:
            lengths[place] += 1


def _frozen(about: Mapping[str, Any]) -> bool:
    """Tells if the run's environment has frozen cases; unknown environments count as drawing theirs."""
    wanted, file = about.get("env"), about.get("file")
    for path in [Path(file)] if isinstance(file, str) else environment_files():
        try:
            environment = read_environment(path)
        except ContentError:
            continue
        if environment.id == wanted:
            return environment.cases == "frozen" or environment.count > 0
    return False
