"""Searches for the most expensive requests with a grammar; run by ``scripts/bench --worst``.

Each candidate is one episode on the canonical hospital: a few writes or none, and one action, which is measured. It
runs in its own process, forked from one that has opened the hospital and made one small request of each kind (a search,
a create, a batch, an operation). So imports and FHIR's definitions are loaded, and nothing else: indexes, orders, texts
and filters that an action needs are made while it is measured. This is *cold*, as for the first agent of a process.
*Warm* is the same episode again in the same process. The operating system's pages of the archive are warm in both.
Memory is the peak that Python and NumPy hold, cold, measured by ``tracemalloc`` in a further process.

The hundred most expensive ones are kept, at most two of each shape, and changed further: more values, more conditions,
deeper chains, higher counts, large batches. A seed such as ``17~3~88`` stands for a script of the grammar (17) and the
changes made to it (3, then 88); ``--replay`` plays it again. The findings depend on the search time, but the meaning of
a seed does not.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import random
import resource
import select
import signal
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _grammar import Grammar, sampled
from _grammar_actions import shortened
from _grammar_changes import Script, changed_script, first_script
from _own_faults import FaultLog, described

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._environment_file import read_environment
from mab_gym.fhir.http._server import FhirSession

ROOT = Path(__file__).resolve().parent.parent
KEPT, OF_A_SHAPE = 100, 2
SECONDS_WANTED, BYTES_WANTED = 0.1, 20e6
WORTH_TRACING = 0.004
"""In seconds; a quicker action cannot fill enough memory to matter."""
ROOM = 4 << 30
"""Bytes of address space that a candidate may take in addition."""
ORDINARY = (
    "GET {base}/Patient?family=Smith&_count=1", "GET {base}/Observation?_id=1&_include=Observation:subject",
    "GET {base}/Patient/nobody/$everything", "GET {base}/Patient?_id=nobody&_format=xml",
    'POST {base}/Basic\n{{"resourceType":"Basic","code":{{"text":"x"}}}}',
    'POST {base}/\n{{"resourceType":"Bundle","type":"batch","entry":[]}}',
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """The cost of an action.

    Attributes:
        seed: Its seed.
        shape: The result of `Action.shape`.
        cold: Processor seconds, cold.
        warm: Processor seconds, warm; -1 if there was no time left.
        size: Bytes of the answer and of the text beside it.
        memory: Bytes held at the peak beyond those held before; -1 if not measured.
        status: The HTTP status; 0 if nothing was sent.
        text: The message, shortened.
        over: The reason why it was cut short, or empty.
        fault: The exception that it raised or that the record system logged, or empty.
    """

    seed: str
    shape: str
    cold: float
    warm: float
    size: int
    memory: int
    status: int
    text: str
    over: str = ""
    fault: str = ""

    @property
    def worth(self) -> float:
        """Its cost, relative to what a budget allows."""
        return max(self.cold / SECONDS_WANTED, self.size / BYTES_WANTED, self.memory / BYTES_WANTED)


class Workbench:
    """Measures scripts, each in a forked process.

    Args:
        env: The environment, with a hospital behind an embedded backend.
        limit: Processor seconds after which a candidate is cut short.
    """

    def __init__(self, env: MedicalRecordEnv, limit: int) -> None:
        self.env = env
        self.limit = limit
        self.base_url = env.scenario.backend.base_url
        session = env.scenario.backend.open()
        assert isinstance(session, FhirSession)
        ids = {kind: table.table.ids for kind, table in session.server.tables.items()}
        self.grammar = Grammar(0, sampled(session, ids), self.base_url)

    def warm_up(self) -> None:
        """Loads everything that a process has loaded after a few steps."""
        self.env.reset(seed=0)
        for text in ORDINARY:
            self.env.step(text.format(base=self.base_url))
        gc.collect()
        gc.freeze()

    def script(self, seed: str) -> Script:
        """Returns the script of a seed."""
        first, *changes = seed.split("~")
        script = first_script(self.grammar, int(first))
        for change in changes:
            script = changed_script(self.grammar, script, int(change))
        return script

    def measure(self, seed: str) -> Measured:
        """Plays a script twice in its own process; if that took long, again in another process to measure memory."""
        script = self.script(seed)
        told, usage = self._in_a_process(lambda writing: self._times(script, seed, writing))
        if not told:
            spent = usage.ru_utime + usage.ru_stime
            text = shortened(script.action.text(self.base_url))
            return Measured(seed, script.action.shape(), spent, -1, 0, -1, 0, text, "cut short")
        measured = Measured(**json.loads(told.splitlines()[-1]))
        if measured.cold < WORTH_TRACING or measured.fault:
            return measured
        told, _ = self._in_a_process(lambda writing: self._peak(script, writing))
        return replace(measured, memory=json.loads(told)) if told else measured

    def _in_a_process(self, work: Callable[[int], None]) -> tuple[bytes, resource.struct_rusage]:
        """Does work in a process of its own.

        Args:
            work: The work; it writes to the given descriptor.

        Returns:
            The text that it wrote, and the process's times.
        """
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(reading)
                self._bound()
                work(writing)
            finally:
                os._exit(0)
        os.close(writing)
        try:
            told = _read_all(reading, 10 * self.limit)
        finally:
            os.close(reading)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            _, _, usage = os.wait4(child, 0)
        return told, usage

    def _times(self, script: Script, seed: str, writing: int) -> None:
        """Writes the first time and, after it, the second time."""
        log = FaultLog().listen()
        try:
            told = self._measured(script, seed)
        except Exception as error:
            text = shortened(script.action.text(self.base_url))
            told = Measured(seed, script.action.shape(), 0, -1, 0, -1, 0, text, fault=described(error))
        told = replace(told, fault=told.fault or "; ".join(log.take()))
        _tell(writing, told)
        if not told.fault:
            _tell(writing, replace(told, warm=self._timed(self._begin(script))[0]))

    def _peak(self, script: Script, writing: int) -> None:
        """Writes the number of bytes that an action holds at its peak."""
        text = self._begin(script)
        gc.collect()
        tracemalloc.start()
        self.env.step(text)
        os.write(writing, json.dumps(tracemalloc.get_traced_memory()[1]).encode())

    def _bound(self) -> None:
        """Limits this process."""
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, taken + ROOM))
        resource.setrlimit(resource.RLIMIT_CPU, (self.limit, self.limit))

    def _measured(self, script: Script, seed: str) -> Measured:
        text = self._begin(script)
        cold, size, status = self._timed(text)
        return Measured(seed, script.action.shape(), cold, -1, size, -1, status, shortened(text))

    def _begin(self, script: Script) -> str:
        """Begins the script's episode, takes its first actions, and returns the text of the measured action."""
        cases = self.env.scenario.tasks.cases
        options = {"case": cases[script.case % len(cases)].id}
        self.env.reset(seed=1, options={**options, "variant": script.variant} if script.variant else options)
        answer = ""
        for action in script.before:
            answer = self.env.step(action.text(self.base_url, answer))[0]["fhir"]
        return script.action.text(self.base_url, answer)

    def _timed(self, text: str) -> tuple[float, int, int]:
        """Plays an action; returns its processor seconds, the size of its answer and its HTTP status."""
        begun = time.process_time()
        observation = self.env.step(text)[0]
        took = time.process_time() - begun
        size = len(observation["fhir"].encode("utf-8", "surrogatepass")) + len(observation["text"])
        return took, size, int(observation["status"])


def _tell(writing: int, told: Measured) -> None:
    os.write(writing, json.dumps(asdict(told)).encode() + b"\n")


def _read_all(descriptor: int, seconds: float) -> bytes:
    """Reads until the other end is closed or the time is over."""
    ends = time.monotonic() + seconds
    found = b""
    while time.monotonic() < ends:
        if not select.select([descriptor], [], [], 1)[0]:
            continue
        part = os.read(descriptor, 65_536)
        if not part:
            return found
        found += part
    return found


class Dearest:
    """The most expensive findings, a few of each shape."""

    def __init__(self) -> None:
        self._found: dict[str, Measured] = {}

    def add(self, measured: Measured) -> None:
        """Keeps a finding if it is expensive enough."""
        self._found[measured.seed] = measured
        alike = sorted((m for m in self._found.values() if m.shape == measured.shape), key=lambda m: -m.worth)
        for each in alike[OF_A_SHAPE:]:
            del self._found[each.seed]
        if len(self._found) > KEPT:
            least = min(self._found.values(), key=lambda m: m.worth)
            del self._found[least.seed]

    def ranked(self) -> list[Measured]:
        """Returns the findings, the most expensive first."""
        return sorted(self._found.values(), key=lambda m: -m.worth)


def seeds_from(rng: random.Random, dearest: Dearest) -> Iterator[str]:
    """Yields seeds to try: new scripts, and changes to expensive ones, more of these as time goes on."""
    while True:
        ranked = dearest.ranked()
        if len(ranked) < 20 or rng.random() < 0.45:
            yield str(rng.getrandbits(40))
        else:
            place = min(int(rng.expovariate(1 / 25)), len(ranked) - 1)
            yield f"{ranked[place].seed}~{rng.getrandbits(24)}"


@dataclass(slots=True)
class Search:
    """A search and its findings.

    Attributes:
        bench: Measures candidates.
        seed: The seed of the search.
        dearest: The most expensive findings.
        count: The number of measured candidates.
        counted: The number of candidates over each bound.
        faults: Actions that showed a fault, by fault.
    """

    bench: Workbench
    seed: int
    dearest: Dearest = field(default_factory=Dearest)
    count: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    faults: dict[str, Measured] = field(default_factory=dict)

    def run(self, done: Callable[[int], bool]) -> None:
        """Searches until it is done.

        Args:
            done: Returns True if the number of measured candidates is enough.
        """
        seen: set[int] = set()
        for tried in seeds_from(random.Random(f"worst {self.seed}"), self.dearest):
            if done(self.count):
                return
            what = repr(self.bench.script(tried))
            if hash(what) not in seen:  # some changes change nothing
                seen.add(hash(what))
                self._take(self.bench.measure(tried))

    def _take(self, measured: Measured) -> None:
        self.dearest.add(measured)
        self.count += 1
        self.counted["over 100 ms, cold"] += measured.cold > SECONDS_WANTED
        self.counted["over 100 ms, warm"] += measured.warm > SECONDS_WANTED
        self.counted["answers over 20 MB"] += measured.size > BYTES_WANTED
        self.counted["memory over 20 MB"] += measured.memory > BYTES_WANTED
        self.counted["cut short"] += bool(measured.over)
        if measured.fault:
            self.faults.setdefault(measured.fault, measured)
        if self.count % 200 == 0:
            first = self.dearest.ranked()[0]
            told = f"{self.count:,} measured; the dearest so far: {first.cold * 1e3:.0f} ms  {first.text}"
            print(told, file=sys.stderr, flush=True)


def again(bench: Workbench, found: list[Measured]) -> list[Measured]:
    """Measures the findings once more, unless cut short; the lower figure counts, since a busy machine only adds."""
    least = [m if m.over else min(m, bench.measure(m.seed), key=lambda each: each.cold) for m in found]
    return sorted(least, key=lambda m: -m.worth)


def line(place: int, m: Measured) -> str:
    """Returns one line of the list."""
    cut = "≥" if m.over else " "
    return (
        f"{place:3} {cut}{m.cold * 1e3:9.1f} {max(m.warm, 0) * 1e3:9.1f} {m.size / 1e6:7.2f} "
        f"{max(m.memory, 0) / 1e6:7.1f} {m.status:3}  {m.seed}\n      {m.text}"
    )


def opened(limit: int) -> Workbench:
    """Opens the workbench on the canonical hospital."""
    environment = read_environment(ROOT / "envs" / "med_agent_bench.toml")
    bench = Workbench(MedicalRecordEnv(replace(environment, max_steps=1_000_000)), limit)
    bench.warm_up()
    return bench


def replay(bench: Workbench, seed: str) -> None:
    """Shows a whole script with its measurements."""
    script = bench.script(seed)
    print(f"variant {script.variant or '–'}, case number {script.case}")
    for action in (*script.before, script.action):
        print(f">>> {action.text(bench.base_url)}")
    print(line(1, bench.measure(seed)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench --worst", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--actions", type=int, help="how many candidates to measure (default: as many as fit)")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long to search (default: 600)")
    parser.add_argument("--seed", type=int, default=1, help="chance of the search (default: 1)")
    parser.add_argument("--limit", type=int, default=3, help="processor seconds a candidate may take (default: 3)")
    parser.add_argument("--out", type=Path, help="a file for the list, a JSON object a line")
    parser.add_argument("--replay", metavar="SEED", help="play one again and show it whole")
    asked = parser.parse_args()
    bench = opened(asked.limit)
    if asked.replay:
        replay(bench, asked.replay)
        return
    ends = time.monotonic() + asked.seconds

    def done(count: int) -> bool:
        return time.monotonic() > ends or (asked.actions is not None and count >= asked.actions)

    search = Search(bench, asked.seed)
    search.run(done)
    ranked = again(bench, search.dearest.ranked())
    print(f"{search.count:,} candidates measured; " + ", ".join(f"{what}: {n:,}" for what, n in search.counted.items()))
    for fault, measured in search.faults.items():
        print(f"FAULT {fault}\n      {measured.seed}  {measured.text}")
    print("      cold ms   warm ms      MB  peak MB    seed and request")
    for place, measured in enumerate(ranked, 1):
        print(line(place, measured))
    if asked.out:
        asked.out.write_text("".join(json.dumps(asdict(m), ensure_ascii=False) + "\n" for m in ranked))


if __name__ == "__main__":
    main()
