"""A kind of backend that this package does not know: the one that docs/backends.md shows, as a stranger installs it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mab_gym.agents._reference import Oracle
from mab_gym.backends import BackendKind, _kinds, register_backend
from mab_gym.backends.embedded._kind import KIND as EMBEDDED_KIND
from mab_gym.backends.embedded._kind import EmbeddedSettings
from mab_gym.envs._environment_file import read_environment
from mab_gym.envs._registration import register_file
from mab_gym.errors import ContentError, UsageError
from mab_gym.runs._rollout import Assignment, play
from tests.conftest import CANONICAL, ROOT

_CODE, _POINT, _FILE = re.findall(
    r"```(?:python|toml)\n(.*?)```", (ROOT / "docs" / "backends.md").read_text(), re.DOTALL
)


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The guide's package, installed; the folder that its log is written to."""
    (tmp_path / "my_package.py").write_text(_CODE)
    about = tmp_path / "my_package-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1\n")
    entry_points = _POINT.replace('[project.entry-points."mab_gym.backends"]', "[mab_gym.backends]").replace('"', "")
    (about / "entry_points.txt").write_text(entry_points)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(_kinds, "_KINDS", dict(_kinds._KINDS))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("my_package", None)


def play_age(env: gymnasium.Env[Any, str]) -> bool:
    record = play(env, Oracle(), Assignment(0, "patient_age/01"))
    return bool(record.verdict["success"])


def test_it_is_found_read_and_played(logged: Path) -> None:
    file = logged / "logged.toml"
    file.write_text(_FILE)
    assert register_file(file) == "my_lab/Logged-v0"
    try:
        assert not gymnasium.spec("my_lab/Logged-v0").nondeterministic
        assert play_age(gymnasium.make("my_lab/Logged-v0"))
    finally:
        del gymnasium.registry["my_lab/Logged-v0"]
    assert re.fullmatch(r"200 GET Patient\S*\n", (logged / "ages.log").read_text())


def test_its_settings_can_be_overridden(logged: Path) -> None:
    assert play_age(gymnasium.make(CANONICAL, backend="logged", file="other.log"))
    assert (logged / "other.log").is_file()
    many = gymnasium.make_vec(CANONICAL, 2, backend="logged")
    many.reset(seed=0)
    many.close()


def test_its_settings_are_checked(logged: Path) -> None:
    file = logged / "logged.toml"
    file.write_text(_FILE.replace("file =", "path ="))
    with pytest.raises(ContentError, match=r"\[logged\] has no path; it has file"):
        read_environment(file)
    with pytest.raises(UsageError, match="there are: embedded, container, remote, logged"):
        gymnasium.make(CANONICAL, backend="loged")


def test_a_program_registers_one_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kinds, "_KINDS", dict(_kinds._KINDS))
    mine = BackendKind("mine", EmbeddedSettings, EMBEDDED_KIND.open)
    for _ in range(2):
        register_backend(mine)
    assert play_age(gymnasium.make(CANONICAL, backend="mine"))
    with pytest.raises(UsageError, match="already"):
        register_backend(BackendKind("remote", EmbeddedSettings, EMBEDDED_KIND.open))


def test_one_that_cannot_be_loaded_is_named_and_harms_no_other(logged: Path) -> None:
    (logged / "my_package.py").write_text("raise OSError('no licence')")
    with pytest.raises(ContentError, match=r"'logged' \(my_package:KIND\) cannot be loaded: no licence"):
        gymnasium.make(CANONICAL, backend="logged")
    assert play_age(gymnasium.make(CANONICAL))


def test_a_checkout_that_is_not_installed_has_the_backends_of_this_package() -> None:
    asked = "import importlib.metadata as m; m.entry_points = lambda **_: (); import gymnasium, mab_gym; "
    asked += "from mab_gym.backends._kinds import backend_kind, backend_names; "
    asked += "print([backend_kind(name).name for name in backend_names()])"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "['embedded', 'container', 'remote']\n"
