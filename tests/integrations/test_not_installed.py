"""Without its framework an integration says which command installs it."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from mab_gym.errors import NotInstalledError


@pytest.mark.parametrize(
    ("integration", "framework", "extra", "offers"),
    [
        ("inspect_ai", "inspect_ai", "inspect", "medagentbench"),
        ("verifiers", "verifiers", "verifiers", "load_environment"),
        ("openenv", "openenv", "openenv", "create_app"),
        ("openenv", "openenv", "openenv", "MedicalRecordAction"),
        ("skyrl_gym", "skyrl_gym", "skyrl", "dataset"),
        ("nemo_gym", "nemo_gym", "nemo", "dataset"),
        ("minari", "minari", "minari", "write_dataset"),
        ("art", "art", "art", "rollout"),
        ("agent_lightning", "httpx", "llm", "Rollout"),
        ("tinker", "tinker", "tinker", "MedicalRecordDataset"),
        ("verl", "verl", "verl", "dataset"),
    ],
)
def test_without_its_framework_one_line_names_the_extra(
    integration: str, framework: str, extra: str, offers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = f"mab_gym.integrations.{integration}"
    for name in [name for name in sys.modules if f"{name}.".startswith((f"{ours}.", f"{framework}."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, framework, None)
    with pytest.raises(NotInstalledError) as raised:
        getattr(importlib.import_module(ours), offers)
    told = str(raised.value)
    assert f"pip install 'mab-gym[{extra}]' (in a clone: pip install -e '.[{extra}]')" in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("framework", "module", "words"),
    [
        ("openenv", "mab_gym.integrations.openenv", ()),
        ("mcp", "mab_gym.cli", ("mcp",)),
        ("minari", "mab_gym.cli", ("export", "--oracle", "--env", "MedAgentBench-v0", "--minari", "lab/x-v0")),
    ],
)
def test_a_command_without_its_framework_says_so_in_one_line(
    framework: str, module: str, words: tuple[str, ...]
) -> None:
    code = f"import runpy, sys; sys.modules[{framework!r}] = None; runpy.run_module({module!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "pip install 'mab-gym[" in line


def test_without_trl_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("mab_gym.integrations.trl")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "trl", None)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'mab-gym\[trl\]'"):
        import mab_gym.integrations.trl  # noqa: F401
