"""Measures a real HAPI in Docker: the time from the end of an episode with writes to the next one's first answer.

It also plays 300 episodes. The snapshot of the reduced hospital must exist (mab-gym hapi up, load reduced, snapshot
reduced).
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import gymnasium

import mab_gym  # noqa: F401  (registers the ids)
from mab_gym.agents._reference import Oracle
from mab_gym.backends.container._backend import ContainerBackend
from mab_gym.fhir.http._server import Request
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import assignments, play_all
from mab_gym.runs._scores import score

JSON = {"content-type": "application/fhir+json"}
ORDER = {"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "K"}]}}
PATIENCE = 600.0


def told(name: str, seconds: Sequence[float]) -> None:
    """Prints a figure: median, least and greatest."""
    print(
        f"{name:<62} {statistics.median(seconds) * 1000:>7.0f} ms"
        f"  ({min(seconds) * 1000:.0f} – {max(seconds) * 1000:.0f}, {len(seconds)} times)",
        flush=True,
    )


def opened(strategy: str, spares: int) -> tuple[gymnasium.Env[Any, str], ContainerBackend]:
    """Opens the environment and its backend."""
    env = gymnasium.make("mab_gym/MedAgentBench-HAPI-v0", cohort="reduced", strategy=strategy, spares=spares)
    backend = unwrapped(env).scenario.backend
    assert isinstance(backend, ContainerBackend)
    return env, backend


def to_first_answer(session: Any) -> float:
    """Returns the seconds from the end of one episode to the first answer of the next."""
    begun = time.perf_counter()
    session.reset()
    assert session.handle(Request("GET", "Observation?code=K&_count=20")).status == 200
    return time.perf_counter() - begun


def undo(writes: int, times: int) -> list[float]:
    """Returns the seconds to the first answer after episodes with so many writes."""
    _, backend = opened("undo", 0)
    session, found = backend.open(), []
    to_first_answer(session)
    for _ in range(times):
        for _ in range(writes):
            session.handle(Request("POST", "Observation", JSON, json.dumps(ORDER)))
        found.append(to_first_answer(session))
    session.reset()
    assert backend.pool.counts.replaced == 0
    return found


def main() -> None:
    """Prints the figures."""
    env, backend = opened("undo", 0)
    session = backend.open()
    begun = time.perf_counter()
    session.handle(Request("GET", "Patient?_count=1"))
    told("a container from its start to its first answer", [time.perf_counter() - begun])
    session.reset()
    begun = time.perf_counter()
    records = list(play_all(env, Oracle(), assignments(unwrapped(env))))
    seconds = time.perf_counter() - begun
    counted = score(records)
    print(f"the oracle: {counted.solved} of {counted.played} in {seconds:.0f} s; {backend.pool.counts}", flush=True)
    for writes in (0, 1, 2):
        told(f"undo: {writes} written, from one episode to the next one's answer", undo(writes, 30))
    backend.close()

    _, backend = opened("snapshot", 1)
    session, found = backend.open(), []
    to_first_answer(session)
    for _ in range(3):
        until = time.monotonic() + PATIENCE
        while not backend.pool._idle:  # wait for the spare container before measuring
            if time.monotonic() > until:
                sys.exit("the spare container did not come")
            time.sleep(0.5)
        session.handle(Request("POST", "Observation", JSON, json.dumps(ORDER)))
        found.append(to_first_answer(session))
    told("snapshot: a fresh container from the warm pool", found)
    backend.close()


if __name__ == "__main__":
    main()
