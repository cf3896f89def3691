"""Checks that a run can be believed, and packs it to be handed on.

Each check compares the run's files with what can be known without them: the installed environment, its records and
cases, the assignments that follow from ``run.json``, a replay of every stored action, and the model's messages, which
are read again. Some fields follow from nothing (docs/leaderboard.md names them), and nobody can prove by files alone
which model wrote the messages.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import gymnasium

from mab_gym import __version__
from mab_gym.agents._thoughts import said_in
from mab_gym.backends._kinds import EMBEDDED
from mab_gym.envs._environment_file import files_by_id, read_environment
from mab_gym.errors import MabGymError, StorageError, UsageError
from mab_gym.runs._driver import Driver, unwrapped
from mab_gym.runs._evaluation import digests
from mab_gym.runs._progress import RunProgress
from mab_gym.runs._records import (
    EPISODES,
    FIELDS,
    NOT_COMPARED,
    RUN,
    STAY_FIELDS,
    EpisodeRecord,
    read_about,
    record_from,
    record_lines,
)
from mab_gym.runs._regrade import judgement, reopened, replay
from mab_gym.runs._rereading import Rereading
from mab_gym.runs._rollout import Assignment, assignments, draws_cases
from mab_gym.runs._summary import SECONDS, SUMMARY, read_summary, summarize
from mab_gym.tasking.verdict import GRADING

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
"""The version of the archive's form."""
FILES: Final = (RUN, EPISODES, SUMMARY)
_SHOWN: Final = 3
_REPLAYED: Final = (
    "case", "family", "kind", "difficulty", "branch", "variant", "steps", "reward", "terminated", "episode_cost",
)  # fmt: skip
_MOMENT: Final = (1980, 1, 1, 0, 0, 0)
_NOTE: Final = re.compile(r"\A\[Your message held \d+ actions\. [^\]]*\]\n\n")
_MOST_BYTES: Final = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: What was checked.
        ok: True if nothing is wrong.
        said: What was found, in words.
    """

    name: str
    ok: bool
    said: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A run that was checked.

    Attributes:
        checks: The checks, in order. After one without which the others mean nothing, there are no further ones.
        covers: The part of the environment's cases that was played, in words.
        summary: The content of ``summary.json``.
    """

    checks: Sequence[Check]
    covers: str
    summary: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        """True if no check failed."""
        return all(check.ok for check in self.checks)


def check_submission(path: str | Path, advance: Callable[[], None] = lambda: None) -> Submission:
    """Checks a run: versions, digests, seeds, that it is whole, verdicts judged anew, and that its files agree.

    Args:
        path: The folder of a run, or an archive of `pack_submission`.
        advance: Called after each episode that was judged anew.

    Raises:
        UsageError: There is no run.
    """
    with unpacked(Path(path)) as folder:
        about = read_about(folder)
        if about is None:
            raise UsageError(f"{path} holds no run (there is no {RUN} in it)")
        lines = list(record_lines(folder))
        checks = [_version(about), _environment(about), _fields(lines)]
        summary = read_summary(folder) or {}
        if not all(check.ok for check in checks):
            return Submission(checks, "", summary)
        try:
            env, options = reopened(folder, about)
            records = [record_from(line) for line in lines]
            checks += [
                _digests(env, about),
                _description(env, about, records),
                *_whole(env, about, records),
                _verdicts(env, options, about, records, advance),
                _summary(about, records, summary),
            ]
            return Submission(checks, _covered(env, about), summary)
        except MabGymError as error:
            wrong = str(error)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            wrong = f"an entry is of another form than entries are ({type(error).__name__}: {error})"
        return Submission([*checks, Check("form", False, wrong)], "", summary)


def pack_submission(folder: str | Path, out: str | Path) -> Path:
    """Packs a run's folder into a zip file; equal runs give equal bytes. Check it first.

    Args:
        folder: The folder.
        out: The file; one that is there is not overwritten.

    Raises:
        UsageError: The file is there already, or a file of the run is not.
        StorageError: Writing fails.
    """
    folder, out = Path(folder), Path(out)
    try:
        contents = {name: (folder / name).read_bytes() for name in FILES}
    except OSError as error:
        raise UsageError(f"{folder} cannot be packed: {error.filename}: {error.strerror}") from None
    contents[MANIFEST] = _manifest(contents)
    try:
        with out.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in contents.items():
                entry = zipfile.ZipInfo(name, _MOMENT)
                entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
                archive.writestr(entry, content)
    except FileExistsError:
        raise UsageError(f"{out} is there already; name another file (nothing was changed)") from None
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror}") from None
    return out


def _manifest(contents: Mapping[str, bytes]) -> bytes:
    files = {
        name: {"bytes": len(contents[name]), "sha256": hashlib.sha256(contents[name]).hexdigest()} for name in FILES
    }
    return (json.dumps({"format": FORMAT, "mab_gym": __version__, "files": files}, indent=2) + "\n").encode()


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Gives the folder of a run inside a ``with`` block; an archive is unpacked into a temporary one.

    Raises:
        UsageError: There is no such folder, or the file is no archive of `pack_submission`.
    """
    if path.is_dir():
        yield path
        return
    with TemporaryDirectory() as made:
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                if sorted(names) != sorted((*FILES, MANIFEST)):
                    raise UsageError(f"{path} is no packed run: it holds {', '.join(names) or 'nothing'}")
                if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                    raise UsageError(f"{path} is no packed run: unpacked it has more than {_MOST_BYTES / 1e9:g} GB")
                contents = {name: archive.read(name) for name in names}
        except (OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
            raise UsageError(f"{path} is neither a run's folder nor a packed run: {error}") from None
        told = json.loads(contents[MANIFEST]) if _is_json(contents[MANIFEST]) else None
        right = json.loads(_manifest(contents))["files"]
        if not isinstance(told, dict) or told.get("files") != right:
            raise UsageError(f"{path} was changed after it was packed: its files are not those of {MANIFEST}")
        for name in FILES:
            (Path(made) / name).write_bytes(contents[name])
        yield Path(made)


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _checked(name: str, wrong: Sequence[str], right: str) -> Check:
    """Returns a check that fails where anything is wrong, and names the first things."""
    more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return Check(name, not wrong, "; ".join(wrong[:_SHOWN]) + more if wrong else right)


def _version(about: Mapping[str, Any]) -> Check:
    wrong = [
        f"played with {name} {about.get(name)}, and this is {now}: check it with that"
        for name, now in (("mab_gym", __version__), ("grading", GRADING))
        if about.get(name) != now
    ]
    return _checked("version", wrong, f"mab_gym {__version__}, grading {GRADING}")


def _environment(about: Mapping[str, Any]) -> Check:
    name, wrong = about.get("env"), []
    if about.get("file") is not None:
        wrong.append(f"{about['file']} is your own environment file; runs of installed environments are compared")
    elif not isinstance(name, str) or name not in files_by_id():
        wrong.append(f"no environment {name!r} is installed here")
    return _checked("environment", wrong, str(name))


def _fields(lines: Sequence[Mapping[str, Any]]) -> Check:
    """Checks that each record has the fields that a record has, and no others."""
    wrong = []
    for number, line in enumerate(lines, start=1):
        added, missing = sorted(line.keys() - set(FIELDS)), sorted(set(FIELDS) - STAY_FIELDS - line.keys())
        if added or missing:
            said = [f"has {', '.join(added)}, which no record has"] if added else []
            said += [f"lacks {', '.join(missing)}"] if missing else []
            wrong.append(f"line {number} {' and '.join(said)}")
    return _checked("records", wrong, f"{len(lines)} records, each with its {len(set(FIELDS) - STAY_FIELDS)} fields")


def _digests(env: gymnasium.Env[Any, str], about: Mapping[str, Any]) -> Check:
    wrong = [
        f"{name} has the digest {str(about.get(name))[:12]} there and {digest[:12]} here"
        for name, digest in digests(unwrapped(env).scenario, str(about["env"])).items()
        if about.get(name) != digest
    ]
    return _checked("digests", wrong, "archive, cases and environment file are those that are installed here")


def _description(env: gymnasium.Env[Any, str], about: Mapping[str, Any], records: Sequence[EpisodeRecord]) -> Check:
    """Checks ``run.json`` against the environment and against the copy of it in each record."""
    environment = unwrapped(env).scenario.environment
    same = {"protocol": environment.protocol, "max_steps": environment.max_steps}
    same["max_obs_chars"] = environment.max_obs_chars
    wrong = [
        f"{RUN} has {name} {about.get(name)!r}, the environment {value!r}"
        for name, value in same.items()
        if about.get(name) != value
    ]
    shared = {name: value for name, value in about.items() if name not in NOT_COMPARED}
    for number, record in enumerate(records, start=1):
        told = {name: value for name, value in record.run.items() if name not in NOT_COMPARED}
        if told != shared:
            apart = sorted(name for name in told.keys() | shared.keys() if told.get(name) != shared.get(name))
            wrong.append(f"line {number} was played by another run: {', '.join(apart)} differ from {RUN}")
        if (record.env, record.agent) != (about.get("env"), about.get("agent")):
            wrong.append(f"line {number} is of {record.agent} in {record.env}")
    return _checked(RUN, wrong, "agrees with the environment and with every record")


def _planned(env: gymnasium.Env[Any, str], about: Mapping[str, Any]) -> list[Assignment]:
    """Returns the assignments that follow from ``run.json``."""
    repeat = int(about["repeat"])
    return assignments(
        unwrapped(env),
        family=about["family"],
        difficulty=about["difficulty"],
        limit=int(about["episodes"]) // repeat,
        seed=int(about["seed"]),
        repeat=repeat,
    )


def _whole(env: gymnasium.Env[Any, str], about: Mapping[str, Any], records: Sequence[EpisodeRecord]) -> Iterator[Check]:
    """Checks that each assignment was played once, with its seed, and that every episode counts."""
    todo = _planned(env, about)
    wrong = [] if len(todo) == about["episodes"] else [f"{RUN} speaks of {about['episodes']} episodes, not {len(todo)}"]
    planned = {(each.seed, each.repeat): each.case for each in todo}
    counted = Counter((record.seed, record.repeat) for record in records if record.counts)
    last = {(record.seed, record.repeat): record for record in records}
    missing = [key for key in planned if key not in last]
    wrong += [f"the episode of seed {seed}, try {repeat + 1} is missing" for seed, repeat in missing]
    wrong += [
        f"seed {seed}, try {repeat + 1} is there {count} times"
        for (seed, repeat), count in counted.items()
        if count > 1
    ]
    wrong += [
        f"{last[key].case} (seed {key[0]}) does not count" for key in planned if key in last and not last[key].counts
    ]
    yield _checked("whole", wrong, f"{len(todo)} episodes, each once, and each counts")
    wrong = [
        f"{record.case} was played with seed {record.seed}, try {record.repeat + 1}, which the run does not have"
        for record in records
        if (record.seed, record.repeat) not in planned
    ]
    wrong += [
        f"seed {record.seed} plays {planned[record.seed, record.repeat]}, not {record.case}"
        for record in records
        if planned.get((record.seed, record.repeat)) not in (None, record.case)
    ]
    yield _checked("seeds", wrong, f"{todo[0].seed} to {todo[-1].seed}, as {RUN} says")


def _verdicts(
    env: gymnasium.Env[Any, str],
    options: Mapping[str, str | None],
    about: Mapping[str, Any],
    records: Sequence[EpisodeRecord],
    advance: Callable[[], None],
) -> Check:
    """Plays every episode's actions again, and compares all that follows from them and from the messages."""
    driver, drawn, wrong = Driver(env), draws_cases(env), []
    rereading = Rereading.of(about)
    elsewhere = read_environment(files_by_id()[str(about["env"])]).backend != EMBEDDED
    for record in records:
        if record.counts:
            try:
                replay(driver, record, options, drawn)
                again = driver.record(record.agent)
                apart = [
                    *_verdict_apart(again, record, elsewhere),
                    *_replies_apart(again, record, elsewhere, rereading.is_own),
                    *rereading.apart(record),
                ]
            except MabGymError as error:
                apart = [str(error)]
            if apart:
                wrong.append(f"{record.case} (seed {record.seed}, try {record.repeat + 1}): {', '.join(apart)}")
        advance()
    said = [f"{len(records)} episodes were judged anew, with the same verdicts"]
    if elsewhere:
        said.append(_ELSEWHERE)
    if rereading.is_own:
        said.append(_OWN)
    return _checked("verdicts", wrong, "; ".join(said))


_ELSEWHERE: Final = (
    "not compared: the texts of verdicts and replies, because another record system than the embedded one answered "
    "(outcomes, reason codes and HTTP statuses were compared)"
)
_OWN: Final = (
    "not compared: messages with actions, cause and tokens, because the agent is one's own code and may make its "
    "messages itself (the record system's replies were found in them, in order)"
)


def _verdict_apart(again: EpisodeRecord, record: EpisodeRecord, elsewhere: bool) -> Iterator[str]:
    """Yields what the replay judges otherwise."""
    same = (
        judgement(again.verdict) == judgement(record.verdict)
        if elsewhere
        else json.loads(json.dumps(again.verdict)) == record.verdict
    )
    if not same:
        yield "another verdict"
    for name in _REPLAYED:
        if getattr(again, name) != getattr(record, name):
            yield f"{name} is {getattr(again, name)!r}, not {getattr(record, name)!r}"
    if (again.truncated, len(again.actions)) != (record.truncated, len(record.actions)):
        yield "it ends elsewhere"


def _replies_apart(again: EpisodeRecord, record: EpisodeRecord, elsewhere: bool, is_own: bool) -> Iterator[str]:
    """Yields a sentence if the replay gets other replies than the record has."""
    replies = [message for message in again.messages if message["role"] == "user"]
    if is_own:
        told = (message for message in record.messages if message.get("role") != "assistant")
        # Of the last reply, after which the agent has not acted, it need not give an account.
        seen = replies[: max(len(record.actions), 1)]
        if not all(any(_holds(message, reply, elsewhere) for message in told) for reply in seen):
            yield "its messages do not hold the record system's replies in order"
        return
    kept = [message for message in record.messages if message["role"] in ("user", "tool")]
    if [_reply(message, elsewhere) for message in kept] != [_reply(message, elsewhere) for message in replies]:
        yield "the record system answers otherwise"


def _reply(message: Mapping[str, Any], elsewhere: bool) -> tuple[Any, ...]:
    """Returns what the record system answered, without the note on a message of several actions."""
    if elsewhere:
        return (message.get("status"),)
    return (_NOTE.sub("", message["content"]), message.get("status"), message.get("fhir"))


def _holds(message: Mapping[str, Any], reply: Mapping[str, Any], elsewhere: bool) -> bool:
    """Tells if a message that an agent has made holds a reply; its status and body count if the agent has kept them."""
    if any(name in message and message[name] != reply.get(name) for name in _KEPT[: 1 if elsewhere else 2]):
        return False
    return elsewhere or reply["content"] in said_in(message)


_KEPT: Final = ("status", "fhir")


def _summary(about: Mapping[str, Any], records: Sequence[EpisodeRecord], told: Mapping[str, Any]) -> Check:
    """Checks that ``summary.json`` says what follows from the records."""
    progress = RunProgress(int(about.get("episodes") or 0))
    for record in records:
        progress.add(record.scores_only)
    right = json.loads(json.dumps(summarize(about, progress, 0.0)))
    names = [name for name in {**right, **told} if name != SECONDS and right.get(name) != told.get(name)]
    wrong = [f"{SUMMARY} does not say of {', '.join(names)} what the records say"] if names else []
    return _checked(SUMMARY, wrong, "follows from the records")


def _covered(env: gymnasium.Env[Any, str], about: Mapping[str, Any]) -> str:
    """Returns the part of the environment's cases that a run plays, in words."""
    scenario = unwrapped(env).scenario
    planned = len({(each.case, each.seed) for each in _planned(env, about)})
    every = len(scenario.tasks.cases)
    part = f"{planned} of {every} cases" if every else f"{planned} drawn cases"
    own = read_environment(files_by_id()[str(about["env"])])
    varied = [f"variant {about['variant']}"] if about.get("variant") else []
    limits = [
        f"{name} {about.get(name)} in place of {getattr(own, name)}"
        for name in ("max_steps", "max_obs_chars")
        if about.get(name) != getattr(own, name)
    ]
    return ", ".join((part, *varied, *limits))
