"""Plays episodes made by a grammar and checks everything; run by `scripts/fuzz`.

After every action it checks: no exception, no fault in the record system's log, an observation within its space, a
valid info, no socket, no file opened for writing, no other process, processor time and bytes within their bounds. (A
slow action is timed twice more, and the least time counts, since the machine may be busy.) After every reset: the
agent's session and a fresh one answer as the untouched record system does, only the neighbour sees a neighbour's write,
and episodes side by side see the same as alone. At the end: memory has reached a plateau, caches keep their bounds, and
a sample played again in another process, in another order, gives equal bytes.

    scripts/fuzz --actions 20000 --seed 1 --workers 2
    scripts/fuzz --replay 1.417           one plan, with its messages and replies
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _fuzz_memory import memory_now, overgrown, still_growing
from _fuzz_plans import Plan, make_plan
from _fuzz_play import Bounds, Finding, Played, Player
from _fuzz_shrink import shrunk
from _fuzz_watch import Watch
from _fuzz_worlds import WORLDS, World, open_world
from _grammar_actions import shortened

CHUNK = 25
"""Plans that a worker plays before it reports."""
SAMPLE = 20
"""One in so many plans is played again in another process."""
SHRUNK = 12
"""The number of findings whose plans are made small."""
MOST_OTHERS = 60
"""The number of further seeds with the same finding that the summary names."""
TIMED_AGAIN = 2
SHOWN = 5
"""The number of slow actions that the summary names."""


class Bench:
    """The worlds of a process, opened when they are needed, and its watch.

    Args:
        names: The worlds to play in.
        bounds: The bounds of an action.
    """

    def __init__(self, names: tuple[str, ...], bounds: Bounds) -> None:
        self.names = names
        self.bounds = bounds
        self._watch = Watch()
        self._worlds: dict[str, World] = {}

    def open(self) -> None:
        """Opens all worlds at once.

        They are hidden from the garbage collector: an agent has one environment, but here are eight with their
        grammars.
        """
        for name in self.names:
            self.world(name)
        gc.collect()
        gc.freeze()

    def world(self, name: str) -> World:
        """Returns the world of a name."""
        if name not in self._worlds:
            self._worlds[name] = open_world(name)
        return self._worlds[name]

    def plan(self, seed: str) -> Plan:
        """Makes the plan of a seed."""
        return make_plan(seed, self.world, self.names)

    def play(self, plan: Plan) -> Played:
        """Plays a plan."""
        return Player(self.world(plan.world), self._watch, self.bounds).play(plan)

    def time_again(self, seed: str) -> float:
        """Returns the least processor seconds of a plan's slowest action, in several tries."""
        return min(self.play(self.plan(seed)).slowest[0][0] for _ in range(TIMED_AGAIN))

    def small(self, finding: Finding) -> Plan:
        """Returns a small plan that shows a finding."""

        def shows(plan: Plan) -> bool:
            return any(found.key == finding.key for found in self.play(plan).findings)

        return shrunk(self.plan(finding.seed), shows)


@dataclass(slots=True)
class Report:
    """The outcome of a whole run.

    Attributes:
        seed: The seed of the run.
        played: The outcome of its plans.
        memory: Samples of each process's memory in bytes.
        caches: Caches that hold more than they should.
        compared: The number of plans that were played again in another process.
        again: Processor seconds of the slowest action of plans that were timed again, by seed.
        small: Small plans, by the key of their finding.
    """

    seed: int
    played: Played = field(default_factory=Played)
    memory: dict[int, list[int]] = field(default_factory=dict)
    caches: set[str] = field(default_factory=set)
    compared: int = 0
    again: dict[str, float] = field(default_factory=dict)
    small: dict[tuple[str, str], Plan] = field(default_factory=dict)

    def finish(self) -> None:
        """Adds the findings that show only at the end."""
        for cache in sorted(self.caches):
            self.played.findings.append(Finding("cache", cache, str(self.seed)))
        for samples in self.memory.values():
            if still_growing(samples):
                now_and_then = ", ".join(f"{each / 1e6:.0f}" for each in samples[:: len(samples) // 8])
                what = f"memory goes on growing: {now_and_then} MB"
                self.played.findings.append(Finding("memory", what, str(self.seed)))

    def lines(self) -> Iterator[str]:
        """Yields the summary, and each finding once."""
        played = self.played
        yield f"seed {self.seed}: {played.actions:,} actions, {played.resets:,} resets, {played.spent:.1f} s in actions"
        for title, counted in (
            ("by kind", played.kinds),
            ("by environment", played.worlds),
            ("by status", played.statuses),
        ):
            yield f"  {title}: " + ", ".join(
                f"{name} {count:,}" for name, count in sorted(counted.items(), key=_falling)
            )
        checked = ", ".join(f"{count:,} {name}" for name, count in sorted(played.checked.items()))
        yield f"  digests of the state: {checked}; played again in another process: {self.compared:,} plans"
        for samples in self.memory.values():
            yield f"  memory of a process: {samples[0] / 1e6:.0f} MB first, {max(samples) / 1e6:.0f} MB at most, " + (
                f"{samples[-1] / 1e6:.0f} MB last"
            )
        for took, seed, text in played.slowest[:SHOWN]:
            yield f"  slow: {took * 1e3:6.1f} ms, {self.again[seed] * 1e3:6.1f} ms again  {seed:8} {text}"
        for size, seed, text in played.greatest[:2]:
            yield f"  great: {size / 1e6:6.2f} MB  {seed:8} {text}"
        yield from self._findings()

    def _findings(self) -> Iterator[str]:
        counts = Counter(finding.key for finding in self.played.findings)
        yield f"{len(counts)} kinds of findings, {counts.total():,} in all" if counts else "nothing was found"
        for finding in _firsts(self.played.findings):
            yield f"FOUND {finding.kind} ({counts[finding.key]:,} times): {finding.what}"
            where = f"episode {finding.lane}, action {finding.place}"
            yield f"  scripts/fuzz --replay {finding.seed}   {where}: {finding.text}"
            others = {other.seed for other in self.played.findings if other.key == finding.key} - {finding.seed}
            if others:
                yield f"  and {', '.join(sorted(others)[:MOST_OTHERS])}"
            if plan := self.small.get(finding.key):
                for lane in plan.lanes:
                    for action in lane.actions:
                        yield f"    {plan.world} {lane.variant} >>> {shortened(action.text('BASE'), 400)}"


def _falling(item: tuple[object, int]) -> int:
    return -item[1]


def _firsts(findings: Sequence[Finding]) -> list[Finding]:
    firsts: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        firsts.setdefault(finding.key, finding)
    return list(firsts.values())


# --- in this process and in others ---------------------------------------------------------------------------------

_bench: list[Bench] = []


def begin(names: tuple[str, ...], bounds: Bounds) -> None:
    """Makes this process a worker."""
    _bench[:] = [Bench(names, bounds)]
    _bench[0].open()


def work(seeds: Sequence[str]) -> tuple[int, Played, int, list[str]]:
    """Plays some plans; returns the process, the outcome, its memory and its overgrown caches."""
    played = Played()
    for seed in seeds:
        played.add(_bench[0].play(_bench[0].plan(seed)))
    return os.getpid(), played, memory_now(), overgrown()


def fuzz(
    actions: int, seed: int, names: tuple[str, ...], bounds: Bounds, workers: int, *, again: bool = True
) -> Report:
    """Plays a number of actions and reports.

    Args:
        actions: The least number of actions.
        seed: The seed of all random choices.
        names: The environments.
        bounds: The bounds of an action.
        workers: The number of processes; with one, this process plays all.
        again: True if a sample is played again in another process.
    """
    report = Report(seed)
    chunks = (tuple(f"{seed}.{n}" for n in range(first, first + CHUNK)) for first in range(0, 1 << 62, CHUNK))
    if workers == 1:
        begin(names, bounds)
        while report.played.actions < actions:
            _take(report, work(next(chunks)))
    else:
        _in_processes(report, chunks, actions, names, bounds, workers)
    if again:
        _play_again(report, names, bounds)
    report.finish()
    if workers > 1:
        begin(names, bounds)
    bench = _bench[0]
    _time_again(report, bench)
    if report.played.findings:
        for finding in _firsts(report.played.findings)[:SHRUNK]:
            if finding.kind not in ("cache", "memory", "bytes"):
                report.small[finding.key] = bench.small(finding)
    return report


def _take(report: Report, told: tuple[int, Played, int, list[str]]) -> None:
    process, played, memory, caches = told
    report.played.add(played)
    report.memory.setdefault(process, []).append(memory)
    report.caches.update(cache.partition(" holds")[0] + " holds more than its bound" for cache in caches)


def _in_processes(
    report: Report,
    chunks: Iterator[tuple[str, ...]],
    actions: int,
    names: tuple[str, ...],
    bounds: Bounds,
    workers: int,
) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, begin, (names, bounds)) as pool:
        under_way: set[Future[tuple[int, Played, int, list[str]]]] = {
            pool.submit(work, next(chunks)) for _ in range(workers)
        }
        told = time.monotonic()
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                _take(report, future.result())
            if report.played.actions < actions:
                under_way |= {pool.submit(work, next(chunks)) for _ in range(workers - len(under_way))}
            if time.monotonic() - told > 30:
                told = time.monotonic()
                print(
                    f"{report.played.actions:,} actions, {len(report.played.findings)} findings",
                    file=sys.stderr,
                    flush=True,
                )


def _time_again(report: Report, bench: Bench) -> None:
    """Times the slowest actions once more, and drops those that were slow by chance."""
    shown = [seed for _, seed, _ in report.played.slowest[:SHOWN]]
    slow = [finding.seed for finding in report.played.findings if finding.kind == "slow"]
    report.again = {seed: bench.time_again(seed) for seed in dict.fromkeys([*shown, *slow])}
    report.played.findings = [
        finding
        for finding in report.played.findings
        if finding.kind != "slow" or report.again[finding.seed] > bench.bounds.seconds
    ]


def _play_again(report: Report, names: tuple[str, ...], bounds: Bounds) -> None:
    """Plays a sample in another process with another hash seed, last plans first."""
    seeds = [seed for seed in report.played.digests if int(seed.partition(".")[2]) % SAMPLE == 0][::-1]
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "12345"
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), begin, (names, bounds)) as pool:
            _, played, _, _ = pool.submit(work, seeds).result()
    finally:
        os.environ.pop("PYTHONHASHSEED")
        if before is not None:
            os.environ["PYTHONHASHSEED"] = before
    report.compared = len(seeds)
    for seed in seeds:
        if played.digests[seed] != report.played.digests[seed]:
            what = "an agent is shown other bytes in another process"
            report.played.findings.append(Finding("bytes", what, seed))


def replay(seed: str, names: tuple[str, ...], bounds: Bounds) -> int:
    """Plays one plan and shows all of it."""
    bench = Bench(names, bounds)
    plan = bench.plan(seed)
    for place, lane in enumerate(plan.lanes):
        print(f"episode {place}: {plan.world}, seed {lane.seed}, variant {lane.variant or '–'}")
        for action in lane.actions:
            print(f">>> {shortened(action.text(bench.world(plan.world).base_url), 2_000)}")
    played = bench.play(plan)
    for finding in played.findings:
        print(f"FOUND {finding.kind}: {finding.what}\n  episode {finding.lane}, action {finding.place}: {finding.text}")
    print("nothing was found" if not played.findings else f"{len(played.findings)} findings")
    return bool(played.findings)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--actions", type=int, default=20_000, help="at least so many (default: 20,000)")
    parser.add_argument("--seed", type=int, default=1, help="chance of everything (default: 1)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument(
        "--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS), help="environments (default: all)"
    )
    parser.add_argument("--most-seconds", type=float, default=0.1, help="processor time of an action (default: 0.1)")
    parser.add_argument("--most-megabytes", type=float, default=20.0, help="of an answer and its text (default: 20)")
    parser.add_argument("--once", action="store_true", help="play nothing again in another process")
    parser.add_argument("--replay", metavar="SEED", help="play one plan again and show it whole")
    asked = parser.parse_args()
    names, bounds = tuple(asked.worlds), Bounds(asked.most_seconds, asked.most_megabytes * 1e6)
    if asked.replay:
        return replay(asked.replay, names, bounds)
    report = fuzz(asked.actions, asked.seed, names, bounds, max(1, asked.workers), again=not asked.once)
    print("\n".join(report.lines()))
    return bool(report.played.findings)


if __name__ == "__main__":
    sys.exit(main())
