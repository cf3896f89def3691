"""The things that the tests share: how they are run, and the canonical environment, opened once."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._scenario import Scenario
from mab_gym.episode import Episode
from mab_gym.runs._driver import unwrapped
from tests.processes import MEASURED

# Charts and gold runs are millions of objects that stay: looking through them for garbage took a sixth of the time.
gc.set_threshold(100_000, 50, 100)

CANONICAL = "mab_gym/MedAgentBench-v0"
OFFICIAL = "mab_gym/MedAgentBench-Official-v0"
HAPI = "mab_gym/MedAgentBench-HAPI-v0"
ROOT = Path(__file__).resolve().parent.parent
OFFICIAL_FILES = ROOT.parent / "shared" / "official"
OUR_OFFICIAL_FILES = ROOT / "tests" / "official" / "ours"
"""Tasks of our own in the official form, in our own words, with a chart for them and trajectories with verdicts."""
needs_official_files = pytest.mark.skipif(
    not OFFICIAL_FILES.is_dir(),
    reason="the official files are not beside the repository; the same is tested with tasks and verdicts of our own",
)


GOLD = ("tests/casework/test_families.py", "tests/casework/test_flags.py", "tests/casework/marathon/test_shifts.py")
"""Tests that look at the gold runs of all casework, which a process plays once."""
SLOW = (
    "tests/container", *GOLD, "tests/integrations/test_ray.py", "tests/test_audit.py", "tests/test_fuzz.py",
    "tests/test_bench_worst.py",
)  # fmt: skip
"""Tests that take longest: begun first where there are several workers, so that nobody waits for them in the end."""
REPEATING = (
    "tests/casework/test_families.py", "tests/casework/test_flags.py", "tests/casework/test_validation.py",
    "tests/cohort/hospital/test_epidemiology.py", "tests/contract/test_beyond.py",
    "tests/contract/test_casework_over_http.py", "tests/contract/test_gold.py",
    "tests/contract/test_rewritings.py", "tests/docs/test_examples.py", "tests/docs/test_site.py",
    "tests/tasking/test_hospital_families.py", "tests/test_bench_worst.py", "tests/test_fuzz.py",
    "tests/test_splits.py", "tests/test_threads.py", "tests/test_variants.py", "tests/test_wheel.py",
)  # fmt: skip
"""Long tests that coverage does not measure: hardly a branch is theirs alone, in processes that they start, too."""


def share_of(item_id: str) -> str:
    """Tests that stay together on one worker: a file with its fixtures; all that shares gold runs or Docker images."""
    file = item_id.partition("::")[0]
    if file in GOLD:
        return "gold"
    return "tests/container" if file.startswith("tests/container/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives each worker one share after another."""
    from xdist.scheduler import LoadScopeScheduling

    class Shares(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return share_of(nodeid)

    config.option.loadscopereorder = False
    return Shares(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option by which one run leaves to another what it could not play."""
    parser.addoption(
        "--skipped-to", metavar="FILE", help="write the ids of skipped tests, one a line; pytest @FILE plays them"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(REPEATING):
            item.add_marker("unmeasured")
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(SLOW))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool, bool]:
    """Measures nothing while an ``unmeasured`` test runs, nor its fixtures, nor processes that it starts."""
    if item.get_closest_marker("unmeasured") is None or (measuring := measured()) is None:
        return (yield)
    told = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith(MEASURED)}
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()
        os.environ.update(told)


def measured() -> Any:
    """The coverage that is measured in this process; None where none is, or where it is not installed."""
    coverage = sys.modules.get("coverage")
    return None if coverage is None else coverage.Coverage.current()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says of what was skipped one line a reason."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section("skipped: how many, and why")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5}  {' '.join(reason.split())}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes which tests were skipped, where somebody asks for it."""
    path = session.config.getoption("--skipped-to")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if path and reporter is not None and not hasattr(session.config, "workerinput"):
        skipped = {report.nodeid for report in reporter.stats.get("skipped", [])}
        Path(path).write_text("".join(f"{each}\n" for each in sorted(skipped)), encoding="utf-8")


def hear_ctrl_c() -> None:
    """For a new process, before its program begins: a shell in the background has its commands ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def official_files() -> dict[str, Path]:
    """Files that the official id asks for: the official ones where they are beside the repository, and else our own."""
    if OFFICIAL_FILES.is_dir():
        return {"tasks": OFFICIAL_FILES / "test_data_v2.json", "functions": OFFICIAL_FILES / "funcs_v1.json"}
    return our_official_files()


def our_official_files() -> dict[str, Path]:
    """The same of our own."""
    return {"tasks": OUR_OFFICIAL_FILES / "tasks.json", "functions": OUR_OFFICIAL_FILES / "functions.json"}


def make(env_id: str, **arguments: Any) -> gymnasium.Env[Any, str]:
    """An environment; the official id is given its files."""
    if env_id == OFFICIAL:
        arguments = {**official_files(), **arguments}
    made: gymnasium.Env[Any, str] = gymnasium.make(env_id, **arguments)
    return made


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    """The canonical environment's record system and tasks."""
    return unwrapped(gymnasium.make(CANONICAL)).scenario


@pytest.fixture
def env(scenario: Scenario) -> Iterator[MedicalRecordEnv]:
    """A fresh canonical environment."""
    made = gymnasium.make(CANONICAL)
    yield unwrapped(made)
    made.close()


@pytest.fixture
def episode(scenario: Scenario) -> Episode:
    """An episode of record_blood_pressure/01, just begun."""
    begun = scenario.new_episode()
    case = scenario.tasks.case("record_blood_pressure/01")
    begun.reset(scenario.tasks.catalogue[case.family], case)
    return begun
