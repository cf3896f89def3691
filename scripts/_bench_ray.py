"""Measures the time that Ray adds to an episode and a step, and the memory of its workers."""

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
from mab_gym.integrations.ray import LOCAL, Job, RayWorkers
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, assignments, play_until_judged
from mab_gym.runs._scores import AGENTS

ROUNDS = 25


def oracles(halt: Event) -> Callable[[gymnasium.Env[Any, str]], Any]:
    """Returns the function that makes the workers' agent."""
    return AGENTS["oracle"]


@contextmanager
def crew(env: gymnasium.Env[Any, str], workers: int) -> Any:
    """Starts workers on a cluster of our own."""
    scenario = unwrapped(env).scenario
    job = Job(scenario.environment, scenario.backend.digest, oracles, {}, 0)
    with RayWorkers(LOCAL, workers, job) as them:
        list(them.play([Assignment(seed) for seed in range(300)]))
        yield them


def per_episode(play: Callable[[Sequence[Assignment]], list[EpisodeRecord]], todo: Sequence[Assignment]) -> Any:
    """Returns the mean seconds and steps of an episode."""
    begun = time.perf_counter()
    records = play(todo)
    return (time.perf_counter() - begun) / len(todo), sum(record.steps for record in records) / len(records)


def players() -> list[int]:
    """Returns the worker processes of our own cluster."""
    ours = os.getsid(0)
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            pid = int(path.parent.name)
            if path.read_bytes().startswith(b"ray::Worker") and os.getsid(pid) == ours:
                found.append(pid)
    return sorted(found)


def whole(pid: int) -> float:
    """Returns the memory of a process in MB, with its part of shared pages (PSS)."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(next(line.split()[1] for line in told.splitlines() if line.startswith("Pss:"))) / 1024


def main() -> None:
    """Measures one process and workers in turn, since the speed of a shared machine varies."""
    env = gymnasium.make("mab_gym/MedAgentBench-v0")
    agent = AGENTS["oracle"](env)
    todo = assignments(unwrapped(env))
    alone = partial(map, partial(play_until_judged, env, agent))
    list(alone(todo))
    for workers in (1, 2):
        ones, many = [], []
        steps = 1.0
        with crew(env, workers) as them:
            for _ in range(ROUNDS):
                seconds, steps = per_episode(lambda what: list(alone(what)), todo)
                ones.append(seconds * 1e6)
                seconds, _ = per_episode(lambda what: list(them.play(what)), todo)
                many.append(seconds * 1e6)
            held = [whole(pid) for pid in players()]
        print(f"{workers} worker(s), µs an episode: in this process {statistics.median(ones):.0f}, ", end="")
        more = statistics.median(there - here for there, here in zip(many, ones, strict=True))
        print(f"on Ray {statistics.median(many):.0f}; Ray adds {more:.0f} an episode, {more / steps:.0f} a step")
        for process in held:
            print(f"  a worker takes {process:.0f} MB (PSS)")


if __name__ == "__main__":
    main()
