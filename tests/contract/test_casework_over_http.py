"""Casework has the same verdict on a FHIR server over HTTP, and leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import pytest

from mab_gym.backends.remote._kind import open_remote
from mab_gym.fhir.http._server import FhirSession
from mab_gym.runs._driver import unwrapped
from tests.backends.hospital import Hospital, hospital
from tests.casework.playing import ENV, FAMILIES, scenario
from tests.contract.test_stays import NOW, played


@pytest.fixture(scope="module")
def here() -> gymnasium.Env[Any, str]:
    return gymnasium.make(ENV)


@pytest.fixture
def place() -> Iterator[Hospital]:
    """The living hospital behind a socket."""
    session = scenario().backend.open()
    assert isinstance(session, FhirSession)
    with hospital(session) as running:
        yield running


@pytest.mark.once
@pytest.mark.parametrize("name", FAMILIES)
def test_one_case_of_each_family_has_the_same_verdict_over_http(
    name: str, here: gymnasium.Env[Any, str], place: Hospital
) -> None:
    case = unwrapped(here).scenario.tasks.catalogue[name].cases[0]
    env = gymnasium.make(ENV, backend="remote", server=place.base, writes="undone", now=NOW)
    info = played(env, case)
    assert info["verdict"] == played(here, case)["verdict"]
    assert info["verdict"]["success"], info["verdict"]
    env.reset(seed=2)
    env.close()
    open_remote.cache_clear()
