"""What Ray costs an episode and a step beside one process, and what of the archive two workers share."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import gymnasium

import mab_gym  # noqa: F401  (registers the environments)
from mab_gym.evaluate import AGENTS
from mab_gym.integrations.ray import LOCAL, Job, RayWorkers
from mab_gym.records import EpisodeRecord
from mab_gym.rollout import Assignment, assignments, play_until_judged, unwrapped

ROUNDS = 7
EPISODES = 1500


def oracles(halt: Event) -> Callable[[gymnasium.Env[Any, str]], Any]:
    """For the workers."""
    return AGENTS["oracle"]


@contextmanager
def crew(env: gymnasium.Env[Any, str], workers: int) -> Any:
    """Workers on a cluster of our own, made ready."""
    workplace = unwrapped(env).workplace
    job = Job(workplace.environment, workplace.backend.digest, oracles, {}, 0)
    with RayWorkers(LOCAL, workers, job) as them:
        list(them.play([Assignment(seed) for seed in range(300)]))
        yield them


def per_episode(play: Callable[[Sequence[Assignment]], list[EpisodeRecord]], todo: Sequence[Assignment]) -> Any:
    """Seconds an episode, and steps an episode."""
    begun = time.perf_counter()
    records = play(todo)
    return (time.perf_counter() - begun) / len(todo), sum(record.steps for record in records) / len(records)


def shared(archive: Path, pid: int) -> tuple[float, float]:
    """MB of the archive in a process's memory, and of those the process's share (PSS)."""
    found = {"Rss": 0, "Pss": 0}
    inside = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        first = line.split()[0]
        if not first.endswith(":"):
            inside = line.endswith(str(archive))
        elif inside and first[:-1] in found:
            found[first[:-1]] += int(line.split()[1])
    return found["Rss"] / 1024, found["Pss"] / 1024


def players() -> list[int]:
    """The worker processes of our own cluster."""
    ours = os.getsid(0)
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            pid = int(path.parent.name)
            if path.read_bytes().startswith(b"ray::Worker") and os.getsid(pid) == ours:
                found.append(pid)
    return sorted(found)


def whole(pid: int) -> float:
    """MB of a process's memory, shared pages in part."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(next(line.split()[1] for line in told.splitlines() if line.startswith("Pss:"))) / 1024


def main() -> None:
    """Prints the figures."""
    from mab_gym.cohort.locate import named_archive

    env = gymnasium.make("mab_gym/MedAgentBench-v0")
    agent = AGENTS["oracle"](env)
    todo = assignments(unwrapped(env), repeat=EPISODES // 300)
    alone = partial(map, partial(play_until_judged, env, agent))
    list(alone(todo[:300]))
    archive = named_archive("canonical")
    ones: list[float] = []
    steps = 1.0
    found: dict[int, list[float]] = {1: [], 2: []}
    for workers in (1, 2):
        with crew(env, workers) as them:
            for _ in range(ROUNDS):
                seconds, steps = per_episode(lambda what: list(alone(what)), todo)
                ones.append(seconds)
                seconds, _ = per_episode(lambda what: list(them.play(what)), todo)
                found[workers].append(seconds)
            for pid in players():
                rss, pss = shared(archive, pid)
                print(
                    f"{workers} worker(s): the archive in process {pid}: {rss:.1f} MB, its share of them {pss:.1f} MB"
                )
    one = statistics.median(ones)
    print(f"{'in one process':28}{one * 1e6:8.0f} µs an episode {one / steps * 1e6:8.0f} µs a step")
    for workers, times in found.items():
        many = statistics.median(times)
        print(f"{f'Ray, {workers} worker(s)':28}{many * 1e6:8.0f} µs an episode {many / steps * 1e6:8.0f} µs a step")
    more = statistics.median(found[1]) - one
    print(f"{'Ray adds, one worker':28}{more * 1e6:8.0f} µs an episode {more / steps * 1e6:8.0f} µs a step")


if __name__ == "__main__":
    main()
