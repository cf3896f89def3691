"""Records of episodes: one JSON line each, written when the episode ends, so that a crash loses no finished episode.

A run is one append-only file, ``episodes.jsonl``, and ``run.json``, which describes the run. Verdict, actions and
messages of an episode are in the same line: after a crash two files could disagree, but one line is there or not. Every
line is flushed to disk (fsync) before the next episode counts; that takes milliseconds, a model's episode seconds.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any

from mab_gym.errors import AgentError, InfrastructureError, StorageError, UsageError

EPISODES = "episodes.jsonl"
RUN = "run.json"
NOT_COMPARED = ("python",)
"""The entries of ``run.json`` that may differ when a run goes on."""
_SHORTEST_SECRET = 8
"""Shorter keys (``EMPTY``, for a server that wants none) are placeholders; they may occur in any text."""


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """The record of one episode.

    Attributes:
        env: The environment's id.
        agent: The agent's name.
        case: The case's id.
        family: Its family.
        branch: Its clinical situation.
        kind: ``query`` or ``action``.
        difficulty: ``easy``, ``medium`` or ``hard``.
        seed: The seed of ``env.reset``.
        reward: The return of the episode.
        steps: The number of actions.
        terminated: True if the episode terminated, in Gymnasium's sense.
        truncated: True if the episode was truncated, in Gymnasium's sense.
        verdict: The verdict: success, the kind of failure, reasons.
        infrastructure_error: The failure of the record system, because of which the episode does not count; else None.
        variant: The variants of the case, joined by ``+``; empty for the case unchanged.
        retries: The number of earlier tries in which the record system failed.
        repeat: The number of the try at the same case, from 0.
        agent_error: The failure of the agent's endpoint or code, because of which the episode does not count; else
            None.
        context_limit: The model's message when the episode became longer than its context; else None.
        cause: The reason for which the message that ended the episode holds no action, as in ``refused``; else None.
        actions: The agent's actions, as the environment received them.
        messages: The conversation, ``role`` and ``content`` as in a chat. A reply of the record system has its HTTP
            ``status`` (0 if nothing was sent), and its body as ``fhir`` if the text does not hold the whole body.
        calls: The requests to a model's endpoint: one entry per try, with its HTTP status.
        tokens_in: The tokens that the model read; None if its endpoint does not say.
        tokens_out: The tokens that the model wrote; None if its endpoint does not say.
        cost: The cost of the tokens; None without prices or token counts.
        episode_cost: The cost of the episode in the sense of safe RL; None under the official grading, which has none.
        course: The stay on the clock (`mab_gym.tasking.stay.StayRecord`); None where the case has no clock.
        run: The content of ``run.json``, with the versions that really played this episode.
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
    repeat: int = 0
    agent_error: str | None = None
    context_limit: str | None = None
    cause: str | None = None
    actions: Sequence[str] = ()
    messages: Sequence[Mapping[str, Any]] = ()
    calls: Sequence[Mapping[str, Any]] = ()
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    episode_cost: float | None = None
    course: Mapping[str, Any] | None = None
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """True if the episode counts in scores: neither the record system nor the agent's endpoint or code failed."""
        return self.infrastructure_error is None and self.agent_error is None

    def check_counts(self) -> None:
        """Checks that the episode says something about the agent.

        Raises:
            InfrastructureError: The record system failed.
            AgentError: The agent's endpoint or code failed.
        """
        if self.infrastructure_error is not None:
            raise InfrastructureError(self.infrastructure_error)
        if self.agent_error is not None:
            raise AgentError(self.agent_error)

    @property
    def scores_only(self) -> EpisodeRecord:
        """The record without actions, messages and calls, which may be long."""
        return replace(self, actions=(), messages=(), calls=(), course=None, run={})


FIELDS = tuple(each.name for each in fields(EpisodeRecord))
STAY_FIELDS = frozenset({"course"})
"""The fields that only records of a stay on the clock have."""
_REQUIRED = frozenset(FIELDS[: FIELDS.index("infrastructure_error")])


def record_from(data: Mapping[str, Any]) -> EpisodeRecord:
    """Makes a record from an entry of `read_records`; fields that this version does not know are left out.

    Raises:
        UsageError: A field that every record has is missing.
    """
    missing = _REQUIRED - data.keys()
    if missing:
        raise UsageError(f"this is not a record of an episode: it has no {', '.join(sorted(missing))}")
    return EpisodeRecord(**{name: data[name] for name in FIELDS if name in data})


class RunFolder:
    """A folder that takes the records of one run, and lets an interrupted run go on.

    Args:
        folder: The path; the folder is made if it is missing.
        about: The description of the run, for ``run.json``. It must equal the one that is there already.
        secrets: Texts that must not be written to disk, such as a key; they are replaced.

    Attributes:
        path: The file of the records.
        before: The records that were there already, without their conversations.

    Raises:
        UsageError: The folder holds another run, or something else that would be overwritten; nothing was changed.
        StorageError: Writing to disk fails.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any], secrets: Sequence[str] = ()) -> None:
        self.path = folder / EPISODES
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; name a folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Without a buffer, so that closing the file does not write again what the disk has refused.
            self._file: FileIO = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise UsageError(f"{folder} cannot take a run: {error.strerror}") from None
        self._about = {**about, "python": platform.python_version()}
        self._secrets = [json.dumps(secret)[1:-1] for secret in secrets if len(secret) >= _SHORTEST_SECRET]
        self.before: list[EpisodeRecord] = []
        try:
            _lock(self._file, folder)
            self._begin(folder)
        except OSError as error:
            self._file.close()
            raise StorageError(f"{folder} cannot take a run: {error.strerror}") from None
        except BaseException:
            self._file.close()
            raise

    def _begin(self, folder: Path) -> None:
        there = read_about(folder)
        if there is None:
            if self.path.stat().st_size:
                raise UsageError(f"{folder} holds episodes and no {RUN}; name another folder (nothing was changed)")
            write_whole(folder / RUN, json.dumps(self._about, indent=2, ensure_ascii=False) + "\n")
            return
        _compare(folder, there, json.loads(json.dumps(self._about)))
        self._cut_torn_line()
        self.before = [record_from(data).scores_only for _, data in _lines(self.path)]

    def _cut_torn_line(self) -> None:
        """Cuts off an incomplete last line, which a crash has left; its episode is played again."""
        size = end = self._file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65_536)
            self._file.seek(start)
            place = self._file.read(end - start).rfind(b"\n")
            if place >= 0:
                end = start + place + 1
                break
            end = start
        if end < size:
            self._file.truncate(end)
            os.fsync(self._file.fileno())

    def add(self, record: EpisodeRecord) -> None:
        """Writes one whole record and flushes it to disk.

        Raises:
            StorageError: Writing fails. The file is as it was before, and the run can go on later.
        """
        data = {name: getattr(record, name) for name in FIELDS} | {"run": self._about}
        if record.course is None:
            del data["course"]
        line = json.dumps(data, ensure_ascii=False)
        for secret in self._secrets:
            line = line.replace(secret, "[key]")
        try:
            written = line.encode()
        except UnicodeEncodeError:  # a model can write lone surrogates, which UTF-8 cannot encode
            written = json.dumps(json.loads(line)).encode()
        try:
            self._append(written + b"\n")
        except OSError as error:
            raise StorageError(
                f"{self.path} cannot take the record of an episode: {error.strerror}; what was finished before is "
                "kept, and the same command goes on from there"
            ) from None

    def _append(self, line: bytes) -> None:
        end = self._file.seek(0, os.SEEK_END)
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError:
            # A part of a line, or a line that is not on disk. If even this fails, the next run cuts it off.
            with suppress(OSError):
                self._file.truncate(end)
            raise

    def write_json(self, name: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Writes a further file of the folder, completely or not at all, and returns its content.

        Args:
            name: Its name.
            data: Its content.

        Raises:
            StorageError: Writing fails; a file of this name that was there before is as it was.
        """
        text = json.dumps(data, indent=2)
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        path = self.path.with_name(name)
        try:
            write_whole(path, text + "\n")
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error.strerror}; the records are kept") from None
        written: dict[str, Any] = json.loads(text)
        return written

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_about(folder: Path) -> dict[str, Any] | None:
    """Returns the content of ``run.json``; None if there is no such file.

    Raises:
        UsageError: It cannot be read.
    """
    path = folder / RUN
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        about = None
    if not isinstance(about, dict):
        raise UsageError(f"{path} does not describe a run")
    return about


def read_records(folder: Path) -> Iterator[dict[str, Any]]:
    """Yields the records of a run, in the order in which the episodes ended.

    Of an episode that was played again after a failure, only the last record is given. An incomplete last line, which a
    crash has left, is skipped.

    Raises:
        UsageError: The folder holds no run, or a line is broken; the text names the line.
    """
    path = folder / EPISODES
    if not path.is_file():
        raise UsageError(f"{folder} holds no run (there is no {EPISODES} in it)")
    last = {_identity(data): number for number, data in _lines(path)}
    for number, data in _lines(path):
        if last[_identity(data)] == number:
            yield data


def _identity(data: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*(data.get(name) for name in ("env", "agent", "case", "variant", "seed")), data.get("repeat", 0))


def record_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """Yields every whole line of a run's records, also those of episodes that were played again later.

    Raises:
        UsageError: A line is broken; the text names it.
    """
    return (data for _, data in _lines(folder / EPISODES))


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                data = json.loads(line)
            except ValueError:
                data = None
            if not isinstance(data, dict):
                raise UsageError(f"{path}, line {number}: this is not a record")
            yield number, data


def _compare(folder: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    apart = [
        f"{name} is {_shown(there.get(name))} there and {_shown(here.get(name))} here"
        for name in dict.fromkeys((*here, *there))
        if name not in NOT_COMPARED and there.get(name) != here.get(name)
    ]
    if apart:
        raise UsageError(
            f"{folder} holds another run: {'; '.join(apart)}; name another folder or run the same (nothing was changed)"
        )


def _shown(value: Any) -> str:
    return "not given" if value is None else json.dumps(value, ensure_ascii=False)


def write_whole(path: Path, text: str) -> None:
    """Writes a file completely or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
    if sys.platform != "win32":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _lock(file: FileIO, folder: Path) -> None:
    """Keeps a second process out, until this one ends in whatever way. On Windows there is no lock."""
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415  (POSIX alone)

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"another process plays into {folder} at this moment (nothing was changed)") from None
