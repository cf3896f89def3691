"""What the tests of evaluations share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted endpoint is on this machine; no proxy is asked for it, and no endpoint of a developer's own."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
