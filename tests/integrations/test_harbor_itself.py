"""Harbor tasks as Harbor itself reads and checks them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mab_gym.integrations.harbor import write_tasks
from tests.integrations.scripts import PLAYED

pytest.importorskip("harbor")

from harbor.lint import LintRule, lint_task
from harbor.lint.models import COMPOSE_RULES, DEFAULT_RULES
from harbor.models.task.task import Task

pytestmark = pytest.mark.filterwarnings("ignore")  # its many packages warn of one another


def compose_can_check() -> bool:
    """Tells if Docker's compose plug-in is here, and new enough for Harbor's lint."""
    try:
        told = subprocess.run(["docker", "compose", "config", "--help"], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return "--no-env-resolution" in told.stdout


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("harbor") / "dataset"
    write_tasks(folder)
    return sorted((folder / "tasks").iterdir())


@pytest.fixture(scope="module")
def living_tasks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A task of each family in `LIVING`."""
    folder = tmp_path_factory.mktemp("living")
    for env_id, case in PLAYED:
        family = case.partition("/")[0]
        write_tasks(folder / family, env_id, family=family, limit=1)
    return sorted(folder.glob("*/tasks/*"))


def test_harbor_reads_and_lints_stays_and_casework(living_tasks: list[Path]) -> None:
    assert len(living_tasks) == len(PLAYED)
    for folder in living_tasks:
        assert Task(folder).name == f"mab-gym/{folder.name}"
        assert lint_task(folder, selected_rules=DEFAULT_RULES - COMPOSE_RULES) == []


def test_harbor_reads_every_task(tasks: list[Path]) -> None:
    for folder in tasks:
        task = Task(folder)
        assert task.name == f"mab-gym/{folder.name}"
        assert task.config.schema_version == "1.4"
        assert "Task: " in task.instruction


def test_harbor_lints_every_task(tasks: list[Path]) -> None:
    found = [each for folder in tasks for each in lint_task(folder, selected_rules=DEFAULT_RULES - COMPOSE_RULES)]
    assert found == []


@pytest.mark.skipif(not compose_can_check(), reason="needs Docker's compose plug-in, 2.30 or newer")
def test_harbor_lints_a_task_of_each_family_with_its_compose_files(tasks: list[Path]) -> None:
    """They differ in the name of the case alone; each takes a while."""
    first = [folder for folder in tasks if folder.name.endswith("-01")]
    assert len(first) == 10
    assert [each for folder in first for each in lint_task(folder, selected_rules=DEFAULT_RULES)] == []
    # Images that no registry has cannot be pinned; their tag says their content.
    assert {each.rule for each in lint_task(first[0])} == {LintRule.UNPINNED_IMAGE}


BASE = os.environ.get("MAB_GYM_HARBOR_BASE")


@pytest.mark.timeout(1200)
@pytest.mark.skipif(BASE is None, reason="needs a Docker engine, and MAB_GYM_HARBOR_BASE: a local image with Python")
@pytest.mark.skipif(not compose_can_check(), reason="needs Docker's compose plug-in, 2.30 or newer")
def test_a_task_is_built_and_played(tmp_path: Path) -> None:
    """By Harbor's oracle, which runs solve.sh, by an agent that does nothing, and by one that cheats."""
    write_tasks(tmp_path / "dataset", family="replace_potassium", limit=1)
    build = [str(tmp_path / "dataset" / "image" / "build.sh"), "--build-arg", f"BASE={BASE}"]
    built = subprocess.run(build, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    (task,) = (tmp_path / "dataset" / "tasks").iterdir()
    assert played(task, "oracle", tmp_path / "oracle") == 1.0
    assert played(task, "nop", tmp_path / "nop") == 0.0
    (task / "solution" / "solve.sh").write_text(CHEATING)
    assert played(task, "oracle", tmp_path / "cheating") == 0.0
    (seen,) = (tmp_path / "cheating").rglob("oracle.txt")
    assert "found nothing" in seen.read_text()


CHEATING = """\
#!/bin/bash
for forged in reward.json reward.txt run episodes.jsonl; do echo '{"reward": 1.0}' > /logs/verifier/$forged; done
ln -s /episode/actions.jsonl /logs/verifier/test-stdout.txt
ls /episode /tests && echo found the verifier || echo found nothing
python3 -c 'import mab_gym' && echo found the answers || echo found nothing
cat /proc/*/cmdline | grep -a mab_gym && echo found the record system || echo found nothing
curl -sS -X POST http://localhost:8080/reset
curl -sS -X POST --data '[]' http://localhost:8080/finish
"""


def played(task: Path, agent: str, jobs: Path) -> float | None:
    """Plays a task and returns the reward; None where there is none."""
    program = str(Path(sys.executable).with_name("harbor"))
    env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "HARBOR_TELEMETRY": "0"}
    command = [program, "run", "-p", str(task), "-a", agent, "--jobs-dir", str(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = (path for path in jobs.rglob("result.json") if path.parent.parent.parent == jobs)
    found = json.loads(result.read_text())["verifier_result"]
    return None if found is None else float(found["rewards"]["reward"])
