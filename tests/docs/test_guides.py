"""The guides are followed: the files that they tell to write, the commands that they show, in a stranger's folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest
from typer.testing import CliRunner

from mab_gym.cli.app import app
from mab_gym.envs._environment_file import environment_files
from mab_gym.runs._records import read_records
from tests.conftest import ROOT
from tests.docs.pages import commands_of, registrations_undone, title, written_by

DOCS = ROOT / "docs"
GUIDES = [DOCS / "quickstart.md", *sorted((DOCS / "guides").glob("*.md"))]


pytestmark = pytest.mark.once


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A reader's folder with the files of a guide."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "my_tasks").symlink_to(ROOT / "examples/own_family/my_tasks")
    files = written_by(request.param, tmp_path)
    monkeypatch.chdir(tmp_path)
    with registrations_undone():
        yield tmp_path
    for path in files:
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize(("guide", "reader"), [(guide, guide) for guide in GUIDES], indirect=["reader"], ids=title)
def test_the_commands_of_a_guide_do_as_they_say(guide: Path, reader: Path) -> None:
    for command in commands_of(guide):
        if "freeze" in command or "audit" in command:
            continue  # they change the family's folder, or take long; tests/contract/test_user_content.py runs both
        done = CliRunner().invoke(app, shlex.split(command)[1:], input="FINISH([-1])\n")
        assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception!r}"


@pytest.mark.parametrize("reader", [DOCS / "guides/add-an-agent.md"], indirect=True)
def test_the_agent_of_the_guide_is_found_by_its_module(reader: Path) -> None:
    arguments = "eval --agent my_agents:Counter --limit 3 --out run"
    assert CliRunner().invoke(app, arguments.split()).exit_code == 0
    assert {record["agent"] for record in read_records(reader / "run")} == {"counter"}


@pytest.mark.parametrize("reader", [DOCS / "guides/add-an-environment.md"], indirect=True)
def test_the_environment_of_the_guide_is_found_by_its_id(reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import gymnasium, mab_gym; print(gymnasium.make('my_lab/Potassium-v0').unwrapped.episode.max_steps)"
    environment = {**os.environ, "MAB_GYM_ENVS": str(reader), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "6\n"), done.stderr
    assert "my_lab/Potassium-v0" not in gymnasium.registry

    guide = (DOCS / "guides/add-an-environment.md").read_text(encoding="utf-8")
    point = re.search(r"```toml\n\[project\.entry-points.*?\n(.+)\n```", guide)
    assert point is not None
    package = reader / "my_lab"
    (package / "envs").mkdir(parents=True)
    (reader / "potassium.toml").rename(package / "envs/potassium.toml")
    (package / "__init__.py").write_text("from pathlib import Path\nENVIRONMENTS = Path(__file__).parent / 'envs'\n")
    about = reader / "my_lab-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-lab\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[mab_gym.envs]\n" + point[1].replace('"', ""))
    monkeypatch.syspath_prepend(reader)
    assert package / "envs/potassium.toml" in environment_files()
    sys.modules.pop("my_lab", None)
