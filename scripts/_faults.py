"""Disturbs small evaluations by seed and compares their results with undisturbed ones; run by `scripts/faults`.

Each seed is a story of up to three attempts at one evaluation: the endpoint fails, hangs or sends garbage, the disk is
full (the process gets an error, or dies in the middle of a line), fsync fails, the process is killed, Ctrl-C is
pressed, the clock runs backwards, the record file is cut at any byte. Each attempt runs the same command in its own
process. After each attempt it checks: a known exit code, one clear line and no traceback, no broken line except the
last, no counted episode lost, none doubled. After a last attempt without faults the records equal those of an
undisturbed run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gymnasium
import httpx
from _faults_endpoint import Faults, endpoint_process
from _faults_script import ARGUMENTS, Attempt, Story, make_story

import mab_gym.cli.app
from mab_gym.agents._endpoint import ChatEndpoint
from mab_gym.errors import MabGymError
from mab_gym.runs._records import EPISODES
from tests.conftest import CANONICAL
from tests.evaluation.commands import evaluation, told
from tests.evaluation.scripted import KEY, gold, solves

LONGEST = 60.0
"""Seconds after which an attempt counts as hanging."""
EXITS = {0, 1, 2, 130}
KILLED = {-signal.SIGKILL, -signal.SIGXFSZ}
Key = tuple[int, int]


@dataclass(slots=True)
class Report:
    """The outcome of some stories.

    Attributes:
        stories: The number of stories played.
        attempts: The number of runs of the command.
        kinds: The counts of disturbances by kind.
        exits: The counts of exit codes.
        faults: The faults that were found, each with its seed.
        seconds: Processor seconds.
    """

    stories: int = 0
    attempts: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    exits: Counter[int] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0

    def lines(self) -> Iterator[str]:
        """Yields the summary."""
        yield f"{self.stories:,} stories, {self.attempts:,} attempts, {self.seconds:.0f} s of processor time"
        yield "  went wrong: " + ", ".join(f"{kind} {count:,}" for kind, count in self.kinds.most_common())
        yield "  ended with: " + ", ".join(f"{code} {count:,}" for code, count in self.exits.most_common())
        yield f"{len(self.faults)} faults" if self.faults else "nothing was lost, nothing was doubled"
        for seed, what in self.faults[:40]:
            yield f"FOUND scripts/faults --seeds {seed}-{seed}: {what}"


class Theatre:
    """Plays stories.

    Args:
        folder: The folder for runs while they are played.
        faults: Tells the endpoint which faults to make.
        address: The endpoint's address.
    """

    def __init__(self, folder: Path, faults: Faults, address: str) -> None:
        self.folder = folder
        self._faults = faults
        self._address = address
        self._undisturbed: dict[int, list[dict[str, Any]]] = {}

    def play(self, story: Story, report: Report) -> None:
        """Plays a story and adds its result to the report."""
        out = self.folder / str(story.seed)
        report.stories += 1
        counted: set[Key] = set()
        for attempt in (*story.attempts, Attempt(), Attempt()):
            code, said = self._run(story, out, attempt)
            report.attempts += 1
            report.exits[code] += 1
            report.kinds.update(attempt.kinds)
            wrong = _judged(attempt, code, said)
            now, broken = _counting(out)
            wrong += broken
            if lost := counted - now:
                wrong.append(f"lost: {sorted(lost)}")
            counted = now
            if attempt.cut is not None:
                counted = _cut(out / EPISODES, attempt.cut)
            report.faults += [(story.seed, f"{', '.join(attempt.kinds) or 'no fault'}: {what}") for what in wrong]
            if not attempt.kinds and code == 0:
                break
        try:
            records = told(out)
        except MabGymError as error:
            report.faults.append((story.seed, f"the records cannot be read: {error}"))
            return
        if records != self.undisturbed(story.which):
            report.faults.append((story.seed, "the records are not those of an undisturbed run"))

    def undisturbed(self, which: int) -> list[dict[str, Any]]:
        """Returns the records of the evaluation without faults."""
        if which not in self._undisturbed:
            out = self.folder / f"undisturbed-{which}"
            code, said = self._run(Story(0, which, ()), out, Attempt())
            if code:
                sys.exit(f"an evaluation fails without any fault: {said}")
            self._undisturbed[which] = told(out)
        return self._undisturbed[which]

    def _run(self, story: Story, out: Path, attempt: Attempt) -> tuple[int, str]:
        """Runs the command in its own process; returns its exit code and its standard error."""
        self._faults.begin(attempt.endpoint, attempt.seed)
        more = ("--attempts", "3", "--timeout", "0.4" if attempt.endpoint else "30", *ARGUMENTS[story.which])
        command = evaluation(self._address, out, *more)
        said = self.folder / "stderr"
        child = os.fork()
        if child == 0:
            _command(command, out / EPISODES, attempt, said)
        code = _waited(child, attempt.kill_after)
        return code, said.read_text(errors="replace") if said.exists() else ""


def _command(command: Sequence[str], records: Path, attempt: Attempt, said: Path) -> None:
    """Turns this process into the command, with faults; does not return."""
    code = 99
    try:
        quiet, loud = os.open(os.devnull, os.O_WRONLY), os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(quiet, 1)
        os.dup2(loud, 2)
        _disturb(records, attempt)
        sys.argv = ["mab-gym", *command]
        mab_gym.cli.app.main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _disturb(records: Path, attempt: Attempt) -> None:
    """Prepares this process for its faults."""
    os.environ["OPENAI_API_KEY"] = KEY
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if attempt.room is not None:
        size = (records.stat().st_size if records.exists() else 0) + attempt.room
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if attempt.torn else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    if attempt.sync is not None:
        os.fsync = _Fsync(attempt.sync, attempt.at_sync)
    if attempt.clock:
        true, calls = time.time, iter(range(1 << 62))
        step = {"back": lambda n: -3600.0 * n, "jumps": lambda n: 1e8 * (n % 3 - 1)}[attempt.clock]
        time.time = lambda: true() + step(next(calls))


class _Fsync:
    """An ``os.fsync`` that makes a fault in one of its calls."""

    def __init__(self, number: int, what: str) -> None:
        self._true = os.fsync
        self._left = number
        self._what = what

    def __call__(self, descriptor: int) -> None:
        self._left -= 1
        if self._left == 0 and self._what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._left == 0 and self._what == "fails":
            raise OSError(28, os.strerror(28))
        self._true(descriptor)
        if self._left == 0 and self._what in ("killed", "stop"):
            os.kill(os.getpid(), signal.SIGKILL if self._what == "killed" else signal.SIGINT)


def _waited(child: int, kill_after: float | None) -> int:
    """Waits for a process; returns its exit code, negative for a signal."""

    def hear(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may have ended just now
            os.kill(child, signal.SIGKILL)

    before = signal.signal(signal.SIGALRM, hear)
    signal.setitimer(signal.ITIMER_REAL, LONGEST if kill_after is None else kill_after)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _judged(attempt: Attempt, code: int, said: str) -> list[str]:
    """Returns the faults in the end of a command."""
    if "Traceback" in said:
        return [f"a traceback: {said.strip().splitlines()[-1][:200]}"]
    killed = attempt.torn or attempt.kill_after is not None or attempt.at_sync in ("kill", "killed")
    if code not in EXITS and not (killed and code in KILLED):
        return [f"exit code {code}"]
    if code in (1, 2) and not said.strip():
        return [f"exit code {code} without a word"]
    if code and not attempt.kinds:
        return [f"exit code {code}: {said.strip().splitlines()[-1][:200]}"]
    return []


def _counting(out: Path) -> tuple[set[Key], list[str]]:
    """Returns the counted episodes of a file, and the faults of the file."""
    path = out / EPISODES
    found: list[Key] = []
    wrong: list[str] = []
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True) if path.exists() else ()):
        if not line.endswith(b"\n"):
            break
        record = _read(line)
        if record is None:
            wrong.append(f"line {number + 1} is broken")
        elif record["agent_error"] is None and record["infrastructure_error"] is None:
            found.append((record["seed"], record["repeat"]))
    doubled = [key for key, count in Counter(found).items() if count > 1]
    return set(found), wrong + ([f"doubled: {doubled}"] if doubled else [])


def _read(line: bytes) -> Mapping[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _cut(path: Path, share: float) -> set[Key]:
    """Cuts a file; returns the episodes that are left."""
    if path.exists():
        os.truncate(path, int(path.stat().st_size * share))
    return _counting(path.parent)[0]


def warm_up() -> None:
    """Loads everything that the command needs, so that forked processes need not."""
    with httpx.Client(), contextlib.closing(ChatEndpoint("http://127.0.0.1/v1", "model")):
        command = mab_gym.cli.app.COMMANDS["eval"].load("eval")
        command.make_context("eval", evaluation("http://127.0.0.1/v1", Path("x"))[1:])


def play(seeds: Sequence[int], seconds: float = float("inf"), to_the_first: bool = False) -> Report:
    """Plays the stories of some seeds.

    Args:
        seeds: The seeds.
        seconds: Seconds after which no further story begins.
        to_the_first: True to play no story after the first that shows a fault.
    """
    report, faults = Report(), Faults()
    begun = os.times()
    warm_up()
    solution = solves(gold(gymnasium.make(CANONICAL), limit=3))
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder, endpoint_process(solution, faults) as address:
        theatre = Theatre(Path(folder), faults, address)
        for number, seed in enumerate(seeds):
            if time.monotonic() > ends or (to_the_first and report.faults):
                break
            theatre.play(make_story(seed), report)
            if number % 50 == 49:
                print(f"{number + 1:,} stories, {len(report.faults)} faults", file=sys.stderr, flush=True)
    spent = os.times()
    report.seconds = sum(spent[:4]) - sum(begun[:4])
    return report


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="0-49", help="first and last, as in 0-999 (default: 0-49)")
    parser.add_argument("--to-the-first", action="store_true", help="end with the first story that shows a fault")
    asked = parser.parse_args()
    first, _, last = asked.seeds.partition("-")
    report = play(range(int(first), int(last or first) + 1), to_the_first=asked.to_the_first)
    print("\n".join(report.lines()))
    return bool(report.faults)


if __name__ == "__main__":
    sys.exit(main())
