"""Many threads make environments at once, in a process that has opened nothing yet, and play in them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mab_gym.envs._scenario import Scenario
from mab_gym.fhir.http._searching import Searches
from mab_gym.fhir.http._server import Request

THREADS, ROUNDS = 16, 3
IDS = ("MedAgentBench-v0", "MedAgentBench-Query-v0", "MedAgentBench-Hard-v0", "MedAgentBench-Beyond-v0")
SCRIPT = f"""
import sys, threading, traceback
import gymnasium
import mab_gym

IDS, THREADS, ROUNDS = {IDS!r}, {THREADS}, {ROUNDS}
LOOKS = [
    "GET http://localhost:8080/fhir/Observation?code=K&_sort=-date&_count=3&page=0",
    "GET http://localhost:8080/fhir/Observation?code=K&_sort=-date&_count=3",
    "GET http://localhost:8080/fhir/Patient?family=a&_count=5&_sort=family",
    "FINISH([1])",
]


def played(env_id, seed):
    env = gymnasium.make("mab_gym/" + env_id)
    said = [repr(env.reset(seed=seed))]
    for action in LOOKS[seed % 2:]:
        said.append(repr(env.step(action)))
    env.close()
    return said


barrier, found, wrong = threading.Barrier(THREADS), {{}}, []


def work(number):
    barrier.wait()
    try:
        for again in range(ROUNDS):
            env_id, seed = IDS[(number + again) % len(IDS)], number
            found[number, again] = (env_id, seed, played(env_id, seed))
    except BaseException:
        wrong.append(traceback.format_exc())


sys.setswitchinterval(1e-5)
threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"{{len(wrong)}} of {{THREADS}} threads failed", *wrong[:1])
alone = {{}}
for env_id, seed, said in found.values():
    if (env_id, seed) not in alone:
        alone[env_id, seed] = played(env_id, seed)
    if alone[env_id, seed] != said:
        wrong.append("other replies")
        print("other replies", env_id, seed)
sys.exit(bool(wrong))
"""


@pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
def test_many_threads_make_environments_at_once(cold: bool, tmp_path: Path) -> None:
    environment = {**os.environ, **({"MAB_GYM_CACHE": str(tmp_path)} if cold else {})}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"0 of {THREADS} threads failed" in done.stdout
    if cold:
        assert done.stderr.count("building the canonical cohort") == 1  # the others have waited for it
        assert not [path for path in tmp_path.iterdir() if path.suffix != ".mab"]


def test_the_embedded_server_answers_one_thread_at_a_time(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """All sessions fill the indexes of the same tables as they read."""
    real, within, seen = Searches.search, [0], [0]

    def search(*arguments: Any, **more: Any) -> Any:
        within[0] += 1
        seen.append(within[0])
        time.sleep(0.002)  # lets other threads come
        within[0] -= 1
        return real(*arguments, **more)

    monkeypatch.setattr(Searches, "search", search)
    with ThreadPoolExecutor(8) as pool:
        sessions = [scenario.backend.open() for _ in range(8)]
        statuses = list(pool.map(lambda each: each.handle(Request("GET", "Patient?_count=1")).status, sessions * 4))
    assert statuses == [200] * 32
    assert max(seen) == 1


FORKING = f"""
import os, signal, threading
import gymnasium
import mab_gym

going = True


def work():
    while going:
        env = gymnasium.make("mab_gym/{IDS[0]}")
        env.reset(seed=0)
        env.step("GET http://localhost:8080/fhir/Observation?code=K&_count=50")


gymnasium.make("mab_gym/{IDS[0]}")
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
ended = []
for _ in range(25):
    child = os.fork()
    if not child:
        signal.alarm(30)  # of which it dies
        env = gymnasium.make("mab_gym/{IDS[0]}")
        env.reset(seed=0)
        os._exit(0 if env.step("GET http://localhost:8080/fhir/Patient?_count=1")[0]["status"] == 200 else 1)
    ended.append(os.waitpid(child, 0)[1])
    if ended[-1]:
        break
going = False
for thread in threads:
    thread.join()
print(ended.count(0))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_fork_takes_no_lock_along(scenario: Scenario) -> None:
    done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout == "25\n", done.stderr


def test_units_are_the_same_however_many_threads_read_the_first_ones() -> None:
    """In a process of its own, as the table of units is made once in each."""
    code = """
    import sys, threading
    from mab_gym.tasking.meaning.units import amount

    sys.setswitchinterval(1e-5)
    units, found, together = ("meq", "mg/dL", "mmol/L", "g/h", "mL", "ug", "L/min"), [], threading.Barrier(8)

    def read():
        together.wait()
        found.append([amount(1, unit) for unit in units])

    threads = [threading.Thread(target=read) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == 8 and all(each == found[0] for each in found), found
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
