"""Harbor tasks as Harbor itself reads and checks them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mab_gym.integrations.harbor import write_tasks

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


def test_harbor_reads_every_task(tasks: list[Path]) -> None:
    for folder in tasks:
        task = Task(folder)
        assert task.name == f"mab-gym/{folder.name}"
        assert task.config.schema_version == "1.4"
        assert "Task: " in task.instruction


def test_harbor_lints_every_task(tasks: list[Path]) -> None:
    rules = DEFAULT_RULES if compose_can_check() else DEFAULT_RULES - COMPOSE_RULES
    found = [finding for folder in tasks for finding in lint_task(folder, selected_rules=rules)]
    assert found == []


def test_of_all_that_lint_knows_images_without_a_registry_are_left(tasks: list[Path]) -> None:
    if not compose_can_check():
        pytest.skip("needs Docker's compose plug-in, 2.30 or newer")
    assert {finding.rule for finding in lint_task(tasks[0])} == {LintRule.UNPINNED_IMAGE}
