"""Every Python block of every page runs as it stands.

A page's blocks are run in order and may build on one another. A block is skipped if it needs a framework or a Docker
engine that is not there.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sybil import Document, Example, Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from typer.testing import CliRunner

from mab_gym.cli.app import app
from mab_gym.errors import InfrastructureError, NotInstalledError
from tests.conftest import OUR_OFFICIAL_FILES, ROOT
from tests.docs.pages import PAGES, registrations_undone, title, written_by

pytestmark = pytest.mark.once


class Page:
    """A page whose blocks are run one after another, each of them once."""

    def __init__(self, path: Path) -> None:
        document: Document = Sybil([PythonCodeBlockParser()]).parse(path)
        document.namespace["__name__"] = "documentation"
        self.blocks: list[Example] = list(document.examples())
        self.done = 0

    def run(self, place: int) -> None:
        """Runs the blocks up to a place that were not run yet."""
        while self.done <= place:
            self.done += 1
            try:
                self.blocks[self.done - 1].evaluate()
            except (ImportError, NotInstalledError, InfrastructureError) as missing:
                if (getattr(missing, "name", None) or "").startswith("mab_gym"):
                    raise
                if self.done > place:
                    pytest.skip(f"a block of the documentation needs what is not here: {missing}")


page = cache(Page)
BLOCKS = [(path, place) for path in PAGES for place in range(len(page(path).blocks))]


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, Path]]:
    """The current folder of each page's reader: the files that the page tells to write, and ``examples``."""
    folders = {path: tmp_path_factory.mktemp("reader") for path in PAGES}
    for path, folder in folders.items():
        written_by(path, folder)
        (folder / "examples").symlink_to(ROOT / "examples")
    official = folders[ROOT / "docs/official.md"]
    for ours, name in (
        ("tasks.json", "test_data_v2.json"), ("functions.json", "funcs_v1.json"), ("chart.ndjson", "chart.ndjson.gz"),
    ):  # fmt: skip
        shutil.copy(OUR_OFFICIAL_FILES / ours, official / name)
    with registrations_undone():
        yield folders


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of Minari's datasets after the export that docs/integrations.md tells to make."""
    pytest.importorskip("minari")
    folder = tmp_path_factory.mktemp("minari")
    command = "export --oracle --env MedAgentBench-v0 --limit 3 --minari medagentbench/oracle-v0"
    done = CliRunner().invoke(app, command.split(), env={"MINARI_DATASETS_PATH": str(folder)})
    assert done.exit_code == 0, done.output
    return folder


@pytest.mark.parametrize(
    ("path", "place"), BLOCKS, ids=[f"{title(path)}:{page(path).blocks[place].line}" for path, place in BLOCKS]
)
def test_a_block_runs_as_it_stands(
    path: Path,
    place: int,
    readers: dict[Path, Path],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(readers[path])
    monkeypatch.setenv("DOCKER_HOST", "unix:///no-docker.sock")  # tests/container plays on containers
    if "import minari" in page(path).blocks[place].parsed:
        monkeypatch.setenv("MINARI_DATASETS_PATH", str(request.getfixturevalue("exported")))
    page(path).run(place)


@pytest.mark.parametrize("path", PAGES, ids=title)
def test_an_install_line_works_in_a_clone(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        assert not re.search(r"pip install '?mab-gym", line), f"{line}\nwrite pip install -e '.[extra]'"
