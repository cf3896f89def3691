"""Records of episodes: one JSON line each, on the disk as it ends, so that whatever stops a run loses nothing before.

A run is one append-only file, ``episodes.jsonl``, and ``run.json``, which says what is played. Verdict, actions and
messages of an episode stand in the same line: two files could tell of different episodes after a crash, one line is
there or is not. Every line is handed to the disk (fsync) before the next episode counts; that costs milliseconds, a
model's episode takes seconds.
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

from mab_gym.errors import StorageError, UsageError

EPISODES = "episodes.jsonl"
RUN = "run.json"
_NOT_COMPARED = ("python",)
"""What of ``run.json`` may differ where a run goes on."""
_SHORTEST_SECRET = 8
"""A shorter key (as in ``EMPTY``, for a server that wants none) may stand anywhere and is no secret."""


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
        repeat: Which try at the same case, from 0.
        agent_error: Why the episode does not count because what carries the agent failed, or None.
        context_limit: What the model said when it could not read any more, or None.
        actions: The agent's actions, as the environment was given them.
        messages: The conversation, ``role`` and ``content`` as in a chat; a reply of the record system has its HTTP
            ``status`` (0 where nothing was sent), and its body as ``fhir`` where the text does not hold it whole.
        calls: What was asked of a model's endpoint: one entry a try, with its HTTP status.
        tokens_in: Tokens that the model read, None where its endpoint does not say.
        tokens_out: Tokens that it wrote, likewise.
        cost: What they cost at the prices given, None without prices or tokens.
        run: What ``run.json`` says, with the versions that really played this episode.
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
    actions: Sequence[str] = ()
    messages: Sequence[Mapping[str, Any]] = ()
    calls: Sequence[Mapping[str, Any]] = ()
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether it says anything of the agent: neither the record system nor the agent's carrier failed."""
        return self.infrastructure_error is None and self.agent_error is None

    @property
    def scores_only(self) -> EpisodeRecord:
        """The same without what was said, which may be long."""
        return replace(self, actions=(), messages=(), calls=(), run={})


_FIELDS = tuple(each.name for each in fields(EpisodeRecord))
_REQUIRED = frozenset(_FIELDS[: _FIELDS.index("infrastructure_error")])


def record_from(data: Mapping[str, Any]) -> EpisodeRecord:
    """A record as `read_records` gives it; what this version does not know is left out.

    Raises:
        UsageError: It lacks what every record has.
    """
    missing = _REQUIRED - data.keys()
    if missing:
        raise UsageError(f"this is no record of an episode: it has no {', '.join(sorted(missing))}")
    return EpisodeRecord(**{name: data[name] for name in _FIELDS if name in data})


class RunFolder:
    """A folder that takes the records of one run, and goes on with a run that was interrupted.

    Args:
        folder: Where; it is made if need be.
        about: What is played, for ``run.json``. Another run in the same folder must say the same.
        secrets: Texts that must not reach the disk, such as a key; they are blanked out.

    Attributes:
        path: The file of the records.
        before: The records of all episodes that were there already, without what was said in them.

    Raises:
        UsageError: The folder holds another run, or something else that this would spoil; nothing was changed.
        StorageError: The disk takes nothing.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any], secrets: Sequence[str] = ()) -> None:
        self.path = folder / EPISODES
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; name a folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Without a buffer: what the disk has refused must not be written when the file is closed.
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
            _write_whole(folder / RUN, json.dumps(self._about, indent=2, ensure_ascii=False) + "\n")
            return
        _compare(folder, there, json.loads(json.dumps(self._about)))
        self._cut_torn_line()
        self.before = [record_from(data).scores_only for _, data in _lines(self.path)]

    def _cut_torn_line(self) -> None:
        """Cuts off a last line that a crash has left unfinished; its episode is played again."""
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
        """Writes one record, whole, and has the disk take it before this returns.

        Raises:
            StorageError: The disk does not take it. The file is as it was, and the run can go on later.
        """
        data = {name: getattr(record, name) for name in _FIELDS} | {"run": self._about}
        line = json.dumps(data, ensure_ascii=False)
        for secret in self._secrets:
            line = line.replace(secret, "[key]")
        try:
            written = line.encode()
        except UnicodeEncodeError:  # a model can write lone surrogates, which UTF-8 has no bytes for
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
            # Half a line, or one that the disk has not taken. Where even this fails, the next run cuts it off.
            with suppress(OSError):
                self._file.truncate(end)
            raise

    def close(self) -> None:
        """Closes the file; what was added stays."""
        self._file.close()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_about(folder: Path) -> dict[str, Any] | None:
    """What ``run.json`` says; None where there is none.

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
        raise UsageError(f"{path} is no description of a run")
    return about


def read_records(folder: Path) -> Iterator[dict[str, Any]]:
    """The records of a run, in the order in which the episodes ended.

    Of an episode that was played again, because something had failed, there is the last record alone. A last line that
    a crash has left unfinished is none.

    Raises:
        UsageError: The folder holds no run, or a line of it is broken; the text names the line.
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
                raise UsageError(f"{path}, line {number}: this is no record")
            yield number, data


def _compare(folder: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    apart = [
        f"{name} is {_shown(there.get(name))} there and {_shown(here.get(name))} here"
        for name in dict.fromkeys((*here, *there))
        if name not in _NOT_COMPARED and there.get(name) != here.get(name)
    ]
    if apart:
        raise UsageError(
            f"{folder} holds another run: {'; '.join(apart)}; name another folder or run the same (nothing was changed)"
        )


def _shown(value: Any) -> str:
    return "not given" if value is None else json.dumps(value, ensure_ascii=False)


def _write_whole(path: Path, text: str) -> None:
    """Writes a file so that it is there whole or not at all."""
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
    """Keeps a second process out; the lock goes with the process, however it ends. Windows has none here."""
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415  (POSIX alone)

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"another process plays into {folder} at this moment (nothing was changed)") from None
