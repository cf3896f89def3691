"""Measures long work: drawing cases, oracle episodes, judging, memory; run by `scripts/bench --casework`."""

from __future__ import annotations

import gc
import json
import re
import statistics
import sys
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np

import mab_gym  # noqa: F401  (registers the environments)
from mab_gym.agents._reference import Oracle
from mab_gym.tasking.case import Case

EVALUATION = {"casework": "mab_gym/Casework-v0", "hospital": "mab_gym/Hospital-v0"}
TRAINING = {"casework": "mab_gym/Casework-Train-v0", "hospital": "mab_gym/Hospital-Train-v0"}
CASES = 8
"""Cases of each family: the first warms what all cases of a family share, the others are measured, each played once."""
DRAWS = 20
"""Training cases of each family that are measured, after as many that warm what its draws share."""
LIVE = 100
"""Episodes that are kept alive when memory is measured."""
ACTIONS = 30
"""Their length."""
ORDERS = 100
"""The orders that a busy agent writes beside what is due."""


def played(env: Any, case: Case) -> tuple[float, float, int, bool]:
    """Plays the gold solution; returns the processor's seconds, the oracle's share, the actions, and success."""
    clock, oracle, over, actions = time.perf_counter, Oracle(), False, 0
    processor, begun = time.process_time(), clock()
    observation, info = env.reset(options={"case": case})
    inside = clock() - begun
    oracle.brief(env.scenario, case)
    while not over:
        action = oracle.act(observation)
        sent = clock()
        observation, _, ended, truncated, info = env.step(action)
        inside += clock() - sent
        over, actions = ended or truncated, actions + 1
    share = 1 - inside / (clock() - begun)
    return time.process_time() - processor, share, actions, bool(info["verdict"]["success"])


def by_family(scenario: Any) -> Iterator[tuple[str, list[Case]]]:
    """Yields each family with its first frozen cases."""
    for name, family in scenario.tasks.catalogue.items():
        yield name, list(family.cases)[:CASES]


def oracle_episodes(name: str, env_id: str) -> None:
    """Prints how many episodes a core plays a second, and where the time goes."""
    env: Any = gymnasium.make(env_id).unwrapped
    spent, outside, actions, cases, families = 0.0, 0.0, 0, 0, []
    for family, first in by_family(env.scenario):
        times = []
        for number, case in enumerate(first):
            seconds, share, taken, solved = played(env, case)
            if not solved:
                sys.exit(f"the oracle did not solve {case.id}")
            if number:
                times.append(seconds)
                outside, actions = outside + share * seconds, actions + taken
        families.append((statistics.mean(times), family))
        spent, cases = spent + sum(times), cases + len(times)
    print(f"{name}: oracle episodes of {len(families)} families, {cases} cases")
    print(f"    a second and core{cases / spent:>34.1f}")
    print(f"    ms of an episode, ms of an action{spent / cases * 1e3:>18.1f}{spent / actions * 1e3:>8.2f}")
    print(f"    share of the oracle's own work{outside / spent:>21.0%}")
    for seconds, family in sorted(families, reverse=True)[:5]:
        print(f"    {family:<40}{seconds * 1e3:>11.1f} ms")


def draws(name: str, env_id: str) -> None:
    """Prints the time of a drawn case, first and later ones."""
    env = gymnasium.make(env_id).unwrapped
    first: dict[str, float] = {}
    later: list[float] = []
    for family in env.scenario.tasks.catalogue:  # type: ignore[attr-defined]
        times = []
        for seed in range(2 * DRAWS):
            begun = time.process_time()
            env.scenario.tasks.pick(np.random.default_rng(seed), family=family)  # type: ignore[attr-defined]
            times.append(time.process_time() - begun)
        first[family], later = sum(times[:DRAWS]), later + times[DRAWS:]
    print(f"{name}: training cases drawn of {len(first)} families")
    print(f"    ms of a draw: median, mean{statistics.median(later) * 1e3:>25.1f}{statistics.mean(later) * 1e3:>8.1f}")
    print(f"    s of the first {DRAWS} draws of a family: median, most", end="")
    print(f"{statistics.median(first.values()):>10.2f}{max(first.values()):>8.2f}")


def scripts(scenario: Any) -> Iterator[tuple[Case, list[str]]]:
    """Yields the gold actions of each family's first case."""
    for _, cases in by_family(scenario):
        oracle, episode = Oracle(), scenario.new_episode()
        oracle.brief(scenario, cases[0])
        observation, _ = episode.reset(scenario.tasks.catalogue[cases[0].family], cases[0])
        actions: list[str] = []
        while not episode.over:
            actions.append(oracle.act(observation))
            observation = episode.step(actions[-1]).observation
        yield cases[0], actions


def batch(patient: str) -> str:
    """Returns a POST of a batch of orders."""
    order = {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order",
        "subject": {"reference": f"Patient/{patient}"}, "code": {"text": "a test that nobody asked for"},
    }  # fmt: skip
    entries = [{"resource": order, "request": {"method": "POST", "url": "ServiceRequest"}}] * ORDERS
    return "POST /\n" + json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries})


def judging(scenario: Any, played: list[tuple[Case, list[str]]]) -> None:
    """Prints the time of the last step of an agent that wrote a hundred orders beside what was due."""
    times = []
    for case, actions in played:
        patient = re.search(r"H\d{7}", "".join(actions)).group()  # type: ignore[union-attr]
        episode = scenario.new_episode()
        episode.reset(scenario.tasks.catalogue[case.family], case)
        for action in (actions[0], batch(patient), *actions[1:-1]):
            episode.step(action)
        begun = time.process_time()
        episode.step(actions[-1])
        times.append((time.process_time() - begun, case.family))
    middle = statistics.median(spent for spent, _ in times)
    print(f"judging {ORDERS} orders beside the right ones, {len(times)} families")
    print(f"    ms: median, most{middle * 1e3:>35.1f}{max(times)[0] * 1e3:>8.1f}  ({max(times)[1]})")


def memory(scenario: Any, played: list[tuple[Case, list[str]]]) -> None:
    """Prints the memory of an episode that has taken its first actions and goes on."""
    case, actions = next((case, actions) for case, actions in played if len(actions) > ACTIONS)
    family = scenario.tasks.catalogue[case.family]

    def live(actions: list[str]) -> tuple[int, list[Any]]:
        gc.collect()
        begun, episodes = tracemalloc.get_traced_memory()[0], []
        for _ in range(LIVE):
            episode = scenario.new_episode()
            episode.reset(family, case)
            for action in actions:
                episode.step(action)
            episodes.append(episode)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - begun, episodes

    tracemalloc.start()
    live(actions[:ACTIONS])
    base, kept = live([])
    used, more = live(actions[:ACTIONS])
    tracemalloc.stop()
    print(f"memory of an episode after {ACTIONS} actions of {case.id}")
    print(f"    KB: at its reset, and over that{base / LIVE / 1e3:>20.1f}{(used - base) / LIVE / 1e3:>8.1f}")
    del kept, more


def main() -> None:
    """Measures and prints."""
    for name, env_id in EVALUATION.items():
        oracle_episodes(name, env_id)
    for name, env_id in TRAINING.items():
        draws(name, env_id)
    scenario: Any = gymnasium.make(EVALUATION["casework"]).unwrapped.scenario  # type: ignore[attr-defined]
    of_all = list(scripts(scenario))
    judging(scenario, of_all)
    memory(scenario, of_all)


if __name__ == "__main__":
    main()
