"""Measures many episodes in one process: steps per second and memory; run by `scripts/bench --vector`."""

from __future__ import annotations

import ctypes
import gc
import json
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gymnasium
from _bench import RUNS, median, row

import mab_gym  # noqa: F401  (registers the environments)
from mab_gym.agents._reference import Oracle
from mab_gym.envs._scenario import Scenario
from mab_gym.tasking.case import Case

CANONICAL, TRAIN = "mab_gym/MedAgentBench-v0", "mab_gym/MedAgentBench-Train-v0"
SIDE_BY_SIDE = 100
"""Episodes that are stepped together when speed is measured."""
LIVE = 10_000
WAVE = 250
"""Episodes that act in one step when memory is measured: as many as a model answers at once."""
Script = tuple[Case, Sequence[str]]


# --- speed -----------------------------------------------------------------------------------------------------------


def scripts_of(place: Scenario, cases: Sequence[Case]) -> list[Script]:
    """Returns the oracle's actions for each case."""
    found = []
    for case in cases:
        oracle, episode = Oracle(), place.new_episode()
        oracle.brief(place, case)
        observation, _ = episode.reset(place.tasks.catalogue[case.family], case)
        actions: list[str] = []
        while not episode.over:
            actions.append(oracle.act(observation))
            observation = episode.step(actions[-1]).observation
        found.append((case, actions))
    return found


def play(env: Any, scripts: Sequence[Script]) -> tuple[int, float]:
    """Plays all scripts with resets and verdicts; returns the number of actions and the share of solved cases."""
    taken, solved = 0, 0.0
    for first in range(0, len(scripts), SIDE_BY_SIDE):
        part = scripts[first : first + SIDE_BY_SIDE]
        idle = [None] * (SIDE_BY_SIDE - len(part))
        env.reset(options={"case": [*(case for case, _ in part), *(part[0][0] for _ in idle)]})
        for number in range(max(len(actions) for _, actions in part)):
            actions = [each[number] if number < len(each) else None for _, each in part]
            taken += sum(action is not None for action in actions)
            solved += float(env.step([*actions, *idle])[1].sum())
    return taken, solved


def per_second(env: Any, scripts: Sequence[Script], rounds: int = 1) -> float:
    """Returns the actions per second of one core, by processor time, since this process works in one thread."""
    begun = time.process_time()
    taken = 0
    for _ in range(rounds):
        actions, solved = play(env, scripts)
        assert solved == len(scripts), f"the oracle solved {solved:.0f} of {len(scripts)}"
        taken += actions
    return taken / (time.process_time() - begun)


def cold(path: str) -> None:
    """Measures a new process that has asked nothing but what opening the hospital asks."""
    env = gymnasium.make_vec(CANONICAL, SIDE_BY_SIDE, autoreset_mode="Disabled")
    place = env.unwrapped.scenario  # type: ignore[attr-defined]
    scripts = [(place.tasks.case(case_id), actions) for case_id, actions in json.loads(Path(path).read_text())]
    print(per_second(env, scripts))


def in_new_process(*arguments: str) -> str:
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def speed(folder: Path) -> None:
    env = gymnasium.make_vec(CANONICAL, SIDE_BY_SIDE, autoreset_mode="Disabled")
    place = env.unwrapped.scenario  # type: ignore[attr-defined]
    scripts = scripts_of(place, place.tasks.cases)
    count = sum(len(actions) for _, actions in scripts)
    shares = [sum(a.startswith(verb) for _, each in scripts for a in each) / count for verb in ("GET", "POST")]
    print(f"the oracle's {count:,} actions on {len(scripts)} cases: {shares[0]:.0%} GET, {shares[1]:.0%} POST\n")
    file = folder / "scripts.json"
    file.write_text(json.dumps([(case.id, list(actions)) for case, actions in scripts]))
    row("steps a second, a new process", "/s", "–", median(lambda: float(in_new_process("cold", str(file)))))
    play(env, scripts)
    row("steps a second, the same 300 cases again", "/s", "≥ 10,000", median(lambda: per_second(env, scripts, 5)))

    files = [folder / f"train{seed}.json" for seed in range(RUNS)]
    for seed, each in enumerate(files):
        in_new_process("write", str(seed), str(each))
    told = [json.loads(in_new_process("fresh", str(each))) for each in files]
    named = ("training cases never played before", "training cases, eight attempts at each")
    for name, values in zip(named, zip(*told, strict=True), strict=True):
        row(f"steps a second, {name}", "/s", "–", (min(values), statistics.median(values), max(values)))


def write(seed: int, path: str) -> None:
    """Writes the oracle's actions on training cases, for another process that has never seen them."""
    place = gymnasium.make_vec(TRAIN).unwrapped.scenario  # type: ignore[attr-defined]
    stream = place.tasks.stream(seed)
    scripts = scripts_of(place, [next(stream) for _ in range(640)])
    Path(path).write_text(json.dumps([(case.family, case.to_json(), list(actions)) for case, actions in scripts]))


def fresh(path: str) -> None:
    """Measures a new process that has played 300 other cases before."""
    scripts = [(Case.from_json(name, line), each) for name, line, each in json.loads(Path(path).read_text())]
    env = gymnasium.make_vec(TRAIN, SIDE_BY_SIDE, autoreset_mode="Disabled")
    play(env, scripts[:300])
    new = per_second(env, scripts[300:600])
    print(json.dumps([new, per_second(env, [script for script in scripts[600:] for _ in range(8)])]))


# --- memory ----------------------------------------------------------------------------------------------------------


def private_megabytes() -> float:
    """Returns the private memory of this process in MB, without the shared archive (Linux)."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # returns freed memory to the system
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024


def write_for(base: str, who: str) -> str:
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://hl7.org/fhir/observation-category",
                        "code": "vital-signs",
                        "display": "Vital Signs",
                    }
                ]
            }
        ],
        "code": {"text": "BP"},
        "effectiveDateTime": "2023-11-13T10:15:00+00:00",
        "valueString": "118/77 mmHg",
        "subject": {"reference": f"Patient/{who}"},
    }
    return f"POST {base}/Observation\n{json.dumps(resource)}"


def memory(how: str) -> None:
    """Measures the memory of live episodes that have read a page and then written a resource, in a new process."""
    small = gymnasium.make_vec(CANONICAL, 1, autoreset_mode="Disabled")
    place = small.unwrapped.scenario  # type: ignore[attr-defined]
    base, people = place.backend.base_url, place.chart.profiles()
    reads = [f"GET {base}/Observation?patient={who}&code=GLU" for who in people]
    writes = [write_for(base, who) for who in people]
    for case in place.tasks.cases:
        small.reset(options={"case": case})
        small.step([writes[0]])  # is judged at once, so that what the judge reads counts to the base
    for action in (*reads, writes[0]):  # so that what the base caches of them counts to the base
        small.reset(seed=0)
        small.step([action])
    if how == "traced":
        tracemalloc.start()
    before = private_megabytes()
    count = LIVE // 5 if how == "traced" else LIVE
    env = gymnasium.make_vec(CANONICAL, count, autoreset_mode="Disabled", keep_observations=how != "not kept")
    env.reset(seed=0)
    seen: list[float] = []
    for actions in (reads, writes):
        for wave in waves(count, actions):
            env.step(wave)
        if how != "traced":
            seen += [private_megabytes() - before, env.unwrapped._seen.held() / 2**20]  # type: ignore[attr-defined]
    if how == "traced":
        seen = [tracemalloc.get_traced_memory()[0] / count]
    print(json.dumps(seen))


def waves(count: int, actions: Sequence[str]) -> Iterator[Sequence[str | None]]:
    for first in range(0, count, WAVE):
        wave: list[str | None] = [None] * count
        wave[first : first + WAVE] = [actions[place % len(actions)] for place in range(first, first + WAVE)]
        yield wave


def live() -> None:
    def of(how: str, place: int) -> Callable[[], float]:
        return lambda: float(json.loads(in_new_process("memory", how))[place])

    print()
    row("a live episode that has read and written, as allocated", "B", "≤ 5,000", median(of("traced", 0), 3))
    row(f"{LIVE:,} of them, observations not kept", "MB", "≤ 50", median(of("not kept", 2), 3))
    row(f"{LIVE:,} of them, observations kept", "MB", "≤ 50", median(of("kept", 2), 3))
    row("  of which last observations (replies to a POST)", "MB", "–", median(of("kept", 3), 3))
    row(f"{LIVE:,} that have only read, observations not kept", "MB", "–", median(of("not kept", 0), 3))
    row(f"{LIVE:,} that have only read, observations kept", "MB", "–", median(of("kept", 0), 3))
    row("  of which last observations (pages of 20)", "MB", "–", median(of("kept", 1), 3))


if __name__ == "__main__":
    import tempfile

    match sys.argv[1:]:
        case ["cold", path]:
            cold(path)
        case ["write", seed, path]:
            write(int(seed), path)
        case ["fresh", path]:
            fresh(path)
        case ["memory", how]:
            memory(how)
        case _:
            with tempfile.TemporaryDirectory() as name:
                speed(Path(name))
            live()
