"""The programs and the notebook in examples/ run, and say what their pages say of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.contract.test_user_content import recipe

EXAMPLES = ROOT / "examples"
SAID = {
    "first_episode.py": "1.0 True [{'code': 'solved'",
    "own_agent.py": "magnesium: 100.0% of 30 cases solved",
    "evaluate_and_compare.py": "careless less magnesium: -26.7%",
    "vector_rollout.py": "64 episodes, mean return 1.000",
    "scripted_endpoint.py": "scripted: 0.0%",
}


def test_each_program_is_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAID)


@pytest.mark.parametrize("name", SAID)
def test_a_program_runs(name: str) -> None:
    if name == "scripted_endpoint.py":
        pytest.importorskip("tenacity")
    done = subprocess.run(
        [sys.executable, EXAMPLES / name],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert SAID[name] in done.stdout


def test_the_own_family_is_that_of_contributing() -> None:
    folder = EXAMPLES / "own_family"
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files} == recipe()


@pytest.mark.once
def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(EXAMPLES / "tour.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "clear the notebook's outputs"
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = nbclient.NotebookClient(notebook, timeout=300).execute()
    said = str([cell.get("outputs") for cell in done.cells])
    assert "'overall': 1.0" in said
