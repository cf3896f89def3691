"""Measures OpenEnv: the same episodes in this process and through a server in another; run by `scripts/bench`."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from _bench import RUNS, row

CASES = 100
SESSIONS = 16


@contextmanager
def serving() -> Iterator[str]:
    """Starts a server in its own process and yields its address."""
    command = [sys.executable, "-m", "mab_gym.integrations.openenv", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split(" at ")[1].strip()
        finally:
            server.terminate()


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Returns the least, the median and the greatest."""
    return min(values), statistics.median(values), max(values)


def main() -> None:
    import gymnasium

    from mab_gym.agents._reference import Oracle
    from mab_gym.integrations.openenv import MedicalRecordClient
    from mab_gym.runs._rollout import assignments, play_until_judged

    env = gymnasium.make("mab_gym/MedAgentBench-v0")
    todo = assignments(env.unwrapped)[:: 300 // CASES]
    gold = {each.case: play_until_judged(env, Oracle(), each).actions for each in todo}
    steps = sum(map(len, gold.values()))

    def here() -> tuple[float, float]:
        """Returns the median microseconds of a reset and of a step in this process."""
        resets, taken = [], []
        for case, actions in gold.items():
            begun = time.perf_counter()
            env.reset(options={"case": case})
            resets.append(time.perf_counter() - begun)
            for action in actions:
                begun = time.perf_counter()
                env.step(action)
                taken.append(time.perf_counter() - begun)
        return statistics.median(resets) * 1e6, statistics.median(taken) * 1e6

    async def there(address: str) -> tuple[float, float]:
        """Returns the median microseconds of a reset and of a step through a server, in one session."""
        resets, taken = [], []
        async with MedicalRecordClient(base_url=address) as client:
            for case, actions in gold.items():
                begun = time.perf_counter()
                await client.reset(case=case)
                resets.append(time.perf_counter() - begun)
                for action in actions:
                    begun = time.perf_counter()
                    await client.step(action)
                    taken.append(time.perf_counter() - begun)
        return statistics.median(resets) * 1e6, statistics.median(taken) * 1e6

    async def at_once(address: str) -> float:
        """Returns the steps and resets per second of several concurrent sessions."""

        async def play(client: MedicalRecordClient) -> None:
            for case, actions in gold.items():
                await client.reset(case=case)
                for action in actions:
                    await client.step(action)

        clients = [MedicalRecordClient(base_url=address) for _ in range(SESSIONS)]
        await asyncio.gather(*(client.connect() for client in clients))
        begun = time.perf_counter()
        await asyncio.gather(*map(play, clients))
        seconds = time.perf_counter() - begun
        await asyncio.gather(*(client.close() for client in clients))
        return SESSIONS * (steps + len(gold)) / seconds

    with serving() as address:
        here(), asyncio.run(there(address))  # warms both up
        own = [here() for _ in range(RUNS)]
        far = [asyncio.run(there(address)) for _ in range(RUNS)]
        together = [asyncio.run(at_once(address)) for _ in range(3)]
    print(f"median of {RUNS} runs (least – greatest), the gold solutions of {len(gold)} cases, {steps} steps\n")
    for place, what in enumerate(("reset", "step")):
        mine, theirs = ([each[place] for each in runs] for runs in (own, far))
        row(f"{what}, in process", "µs", "–", spread(mine))
        row(f"{what}, through OpenEnv", "µs", "–", spread(theirs))
        overhead = statistics.median(theirs) - statistics.median(mine)
        print(f"{f'overhead of a {what}':58} {overhead:10.1f} µs\n")
    row(f"{SESSIONS} sessions at once, resets and steps a second", "", "–", spread(together))


if __name__ == "__main__":
    main()
