"""Without its framework an integration says which command installs it."""

from __future__ import annotations

import sys

import pytest

from mab_gym.errors import NotInstalledError


def test_without_inspect_ai_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("mab_gym.integrations.inspect_ai")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "inspect_ai"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'mab-gym\[inspect\]'"):
        import mab_gym.integrations.inspect_ai  # noqa: F401


def test_without_trl_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("mab_gym.integrations.trl")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "trl", None)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'mab-gym\[trl\]'"):
        import mab_gym.integrations.trl  # noqa: F401
