"""The wheel, installed in an empty folder without the checkout, does what the checkout does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from mab_gym.integrations.harbor._wheel import write_wheel
from tests.conftest import ROOT
from tests.contract.test_user_content import follow_recipe


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from the files that git would take."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)], check=True, capture_output=True
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment's Python that has the wheel and what it asks for, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=shutil.which("uv") is None)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--quiet", "--python", str(python), str(wheel)]
    else:
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    subprocess.run(command, check=True)
    return python


def run(python: Path, folder: Path, *arguments: str, code: int = 0) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(python), *arguments], cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False, env=env
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr if code else done.stdout


def test_wheel_carries_the_content(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    ours = {path.relative_to(ROOT).as_posix() for kind in ("tasks/**/*.*", "envs/*.toml") for path in ROOT.glob(kind)}
    ours = {f"mab_gym/_bundled/{name}" for name in ours if not name.endswith(".pyc")}
    assert sum(name.endswith("/cases.jsonl") for name in ours) > 18
    assert {name for name in names if name.startswith(("mab_gym/_bundled/tasks/", "mab_gym/_bundled/envs/"))} == ours
    assert {"mab_gym/charts/page.css", "mab_gym/charts/page.js"} <= set(names)
    assert "mab_gym/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


def test_the_wheel_for_images_is_the_same(wheel: Path, tmp_path: Path) -> None:
    """It is put together from what is installed here, and holds what the built one holds."""
    ours, built = (zipfile.ZipFile(path) for path in (write_wheel(tmp_path), wheel))
    assert ours.filename is not None and Path(ours.filename).name == wheel.name
    apart = {name for name in {*ours.namelist()} ^ {*built.namelist()} if "/licenses/" not in name}
    moved = {"mab_gym_verifiers.py", "mab_gym/integrations/verifiers/plugin.py"}  # for verifiers alone
    assert apart == moved, "this checkout holds more or less than a build takes"
    for name in {*ours.namelist()} & {*built.namelist()}:
        if not name.endswith(("/RECORD", "/METADATA", "/WHEEL", "/entry_points.txt")):
            assert ours.read(name) == built.read(name), name
    again = write_wheel(tmp_path / "again")
    assert again.read_bytes() == Path(ours.filename).read_bytes()


def test_the_wheel_for_images_can_be_installed(python: Path, tmp_path: Path) -> None:
    found = ("-m", "pip") if shutil.which("uv") is None else None
    target = tmp_path / "target"
    command = [str(python), *found, "install"] if found else ["uv", "pip", "install", "--python", str(python)]
    quiet = [*command, "--quiet", "--no-deps", "--target", str(target), str(write_wheel(tmp_path))]
    subprocess.run(quiet, check=True)
    code = f"import sys; sys.path.insert(0, {str(target)!r}); import mab_gym; print(mab_gym.__file__); mab_gym.play()"
    assert run(python, tmp_path, "-c", code).startswith(str(target))


def test_installed_wheel_plays_all_tasks_in_an_empty_folder(python: Path, tmp_path: Path) -> None:
    where = run(python, tmp_path, "-c", "import mab_gym; print(mab_gym.__file__)")
    assert str(ROOT) not in where
    run(python, tmp_path, "-m", "mab_gym.cli", "eval", "--agent", "oracle", "--out", "run")
    records = [json.loads(line) for line in (tmp_path / "run" / "episodes.jsonl").read_text().splitlines()]
    assert sum(record["reward"] for record in records) == 300
    assert "replace_potassium" in run(python, tmp_path, "-m", "mab_gym.cli", "tasks", "list")
    beyond = ("--env", "MedAgentBench-Beyond-v0", "--agent", "oracle", "--out", "beyond")
    run(python, tmp_path, "-m", "mab_gym.cli", "eval", *beyond)
    records = [json.loads(line) for line in (tmp_path / "beyond" / "episodes.jsonl").read_text().splitlines()]
    assert sum(record["reward"] for record in records) == 150


def test_installed_wheel_loads_a_users_family_and_environment(python: Path, tmp_path: Path) -> None:
    environment_file = follow_recipe(tmp_path)
    run(python, tmp_path, "-m", "mab_gym.cli", "eval", "--env", environment_file.name, "--limit", "5", "--out", "run")
    records = [json.loads(line) for line in (tmp_path / "run" / "episodes.jsonl").read_text().splitlines()]
    assert [record["reward"] for record in records] == [1.0] * 5


def test_installed_packages_offer_content_by_entry_points(python: Path, tmp_path: Path) -> None:
    """A package with the entry points `mab_gym.tasks` and `mab_gym.envs` is found without anything being named."""
    package = tmp_path / "lab"
    (package / "my_lab").mkdir(parents=True)
    environment_file = follow_recipe(package / "my_lab")
    environment_file.write_text(
        environment_file.read_text().replace('folder = "my_tasks"\n', 'families = ["latest_haemoglobin"]\n')
    )
    (package / "my_lab" / "__init__.py").write_text(
        'from pathlib import Path\nENVS = Path(__file__).parent\nTASKS = ENVS / "my_tasks"\n'
    )
    (tmp_path / "my_lab-1.dist-info").mkdir()
    (tmp_path / "my_lab-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: my_lab\nVersion: 1\n")
    (tmp_path / "my_lab-1.dist-info" / "entry_points.txt").write_text(
        "[mab_gym.tasks]\nlab = my_lab:TASKS\n[mab_gym.envs]\nlab = my_lab:ENVS\n"
    )
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(package)!r}]\n"
        "import gymnasium, mab_gym\n"
        "print(gymnasium.make('my_lab/LatestHaemoglobin-v0').reset(seed=0)[1]['family'])\n"
    )
    assert run(python, tmp_path, "-c", code).strip() == "latest_haemoglobin"


@pytest.mark.parametrize(
    "words", [("hapi", "status"), ("play", "--env", "MedAgentBench-HAPI-v0"), ("play", "--env", "mine.toml")]
)
def test_what_is_not_installed_is_named_with_the_command(python: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "mine.toml").write_text('id = "my/Mine-v0"\n[episode]\nbackend = "container"\n')
    told = run(python, tmp_path, "-m", "mab_gym.cli", *words, code=2)
    assert "pip install 'mab-gym[docker]'" in told
    assert len(told.splitlines()) == 1
