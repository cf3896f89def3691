"""Fixtures that the tests of evaluations share."""

from __future__ import annotations

import gymnasium
import pytest

from tests.conftest import CANONICAL
from tests.evaluation.scripted import Speaks, gold, solves

CASES = 40


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted endpoint is on this machine; no proxy is asked for it, and no endpoint of a developer's own."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.fixture(scope="session")
def solution() -> Speaks:
    """A model that solves the first forty canonical cases."""
    env = gymnasium.make(CANONICAL)
    return solves(gold(env, limit=CASES))
