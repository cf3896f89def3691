"""Without its framework an integration says which command installs it."""

from __future__ import annotations

import importlib
import sys

import pytest

from mab_gym.errors import NotInstalledError


@pytest.mark.parametrize(
    ("integration", "framework", "extra"),
    [
        ("inspect_ai", "inspect_ai", "inspect"),
        ("verifiers", "verifiers", "verifiers"),
        ("openenv", "openenv", "openenv"),
        ("minari", "minari", "minari"),
        ("skyrl_gym", "skyrl_gym", "skyrl"),
        ("nemo_gym", "nemo_gym", "nemo"),
    ],
)
def test_without_its_framework_one_line_names_the_extra(
    integration: str, framework: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = f"mab_gym.integrations.{integration}"
    for name in [name for name in sys.modules if f"{name}.".startswith((f"{ours}.", f"{framework}."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, framework, None)
    with pytest.raises(NotInstalledError, match=rf"pip install 'mab-gym\[{extra}\]'") as raised:
        importlib.import_module(ours)
    assert len(str(raised.value).splitlines()) == 1
