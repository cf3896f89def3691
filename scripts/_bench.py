"""The measurements behind `scripts/bench`; run by it in the project's virtual environment."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

RUNS = 7


def median(repeat: Callable[[], float], runs: int = RUNS) -> tuple[float, float, float]:
    """Returns the least, the median and the greatest of several runs."""
    values = sorted(repeat() for _ in range(runs))
    return values[0], statistics.median(values), values[-1]


def row(name: str, unit: str, wanted: str, measured: tuple[float, float, float]) -> None:
    least, middle, greatest = measured
    print(f"{name:58} {middle:10.1f} {unit:3}  ({least:.1f} – {greatest:.1f})  wanted: {wanted}", flush=True)


def per_call(call: Callable[[], object], count: int) -> float:
    """Returns the mean microseconds of ``count`` calls."""
    begun = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - begun) / count * 1e6


def process(*command: str) -> float:
    """Returns the seconds that a whole process takes."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> None:
    import gymnasium

    import mab_gym  # noqa: F401  (registers the environments)

    env = gymnasium.make("mab_gym/MedAgentBench-v0")
    inner = env.unwrapped
    place = inner.scenario
    base = place.backend.base_url
    people = list(place.chart.profiles())
    print(f"median of {RUNS} runs (least – greatest)\n")

    row("reset, case chosen by chance", "µs", "≤ 100", median(lambda: per_call(env.reset, 2000)))

    from mab_gym.fhir.http._server import Request

    session = place.backend.open()
    one = Request("GET", f"Observation?patient={people[0]}&code=GLU")
    session.handle(one)
    row(
        "GET a page of 20, warm, same search",
        "µs",
        "≤ 150",
        median(lambda: per_call(lambda: session.handle(one), 2000)),
    )

    rng = random.Random(0)
    many = [
        Request("GET", f"Observation?patient={who}&code={code}")
        for who in people
        for code in ("GLU", "K", "NA", "CREA", "HGB")
    ]
    rng.shuffle(many)

    def different() -> float:
        begun = time.perf_counter()
        for request in many:
            session.handle(request)
        return (time.perf_counter() - begun) / len(many) * 1e6

    row(f"GET a page of 20, {len(many)} different searches in turn", "µs", "–", median(different))

    fresh = iter(range(10**9))

    def never_seen() -> float:
        requests = [
            Request(
                "GET",
                f"Observation?patient={who}&code=GLU&date=ge2022-{1 + next(fresh) % 12:02d}-{1 + next(fresh) % 28:02d}",
            )
            for who in people
        ]
        begun = time.perf_counter()
        for request in requests:
            session.handle(request)
        return (time.perf_counter() - begun) / len(requests) * 1e6

    row("GET a page of 20, code and date, text never seen before", "µs", "–", median(never_seen))

    order = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [
                {
                    "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
                    "code": "860975",
                    "display": "metformin",
                }
            ]
        },
        "subject": {"reference": f"Patient/{people[0]}"},
        "authoredOn": "2023-11-13T10:15:00+00:00",
        "dosageInstruction": [{"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}}],
        "note": [{"text": "with a meal"}],
    }
    asked = Request("POST", "MedicationRequest/$validate", {"content-type": "application/fhir+json"}, json.dumps(order))
    session.handle(asked)
    row("$validate of an order", "µs", "≤ 2000", median(lambda: per_call(lambda: session.handle(asked), 200)))

    def live_episodes() -> float:
        count = 2000
        episodes = [place.new_episode() for _ in range(10)]
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        episodes = [place.new_episode() for _ in range(count)]
        cases = place.tasks.cases
        for number, episode in enumerate(episodes):
            case = cases[number % len(cases)]
            episode.reset(place.tasks.catalogue[case.family], case)
            episode.step(f"GET {base}/Observation?patient={people[number % len(people)]}&code=GLU")
        held = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        return held / count

    row("memory of a live episode that has read a page", "B", "≤ 4096", median(live_episodes, 3))

    load = "import time; b=time.perf_counter(); from mab_gym.backends.embedded._backend import embedded_backend as e; "
    load += "from mab_gym.cohort import existing_archive as a; e(a('canonical')); print(time.perf_counter()-b)"

    def loading() -> float:
        done = subprocess.run([sys.executable, "-c", load], check=True, capture_output=True, text=True)
        return float(done.stdout) * 1000

    row("cohort load in a new process, imports and hash included", "ms", "≤ 1000", median(loading))

    with tempfile.TemporaryDirectory() as folder:
        places = iter(Path(folder, str(number)) for number in range(100))
        row(
            "oracle on 300 tasks, whole process",
            "s",
            "≤ 5",
            median(lambda: process("-m", "mab_gym.cli", "eval", "--agent", "oracle", "--out", str(next(places)))),
        )


if __name__ == "__main__":
    main()
