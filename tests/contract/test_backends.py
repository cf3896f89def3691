"""The same actions have the same verdicts on whatever record system: here on a FHIR server over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gymnasium
import pytest

from mab_gym.agents._reference import Oracle
from mab_gym.backends.remote._kind import open_remote
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import assignments, play_all
from mab_gym.runs._scores import score
from mab_gym.tasking._catalogue import load_catalogue
from tests.backends.hospital import Hospital, hospital
from tests.conftest import CANONICAL
from tests.contract import mutations
from tests.contract.test_families import gold_actions

CATALOGUE = load_catalogue()
CASES = [
    next(case.id for case in family.cases if case.branch == branch)
    for family in CATALOGUE.values()
    for branch in family.branches
]
"""One of each branch of each family."""
ODD = (
    ["no action at all"],
    ["GET http://elsewhere.example/fhir/Patient", "FINISH([])"],
    ["GET {base}/Patient/nobody", "GET {base}/Observation?code=%%%", "GET {base}/Nonsense", "FINISH([])"],
    ["POST {base}/Observation\nno JSON", "POST {base}/Observation\n{{}}", "FINISH([-1])"],
    ["POST {base}/Observation/_search\n", "FINISH([1])"],
    ["GET {base}/Patient?_count=1"] * 8,
)
"""Actions that agents write, too."""


def sequences(env: gymnasium.Env[Any, str], case: str, wrong: int, same: int) -> Iterator[list[str]]:
    """Texts to play a case with: its gold solution, changes to it that count and that do not, nothing at all."""
    actions = gold_actions(env, case)
    yield actions
    yield [*actions[:-1], "FINISH([])"]
    yield ["FINISH([])"]
    changed = [steps for _, steps in mutations.wrong(actions, ["S0000000"], [])]
    yield from changed[:: max(1, len(changed) // wrong)][:wrong]
    reworded = [steps for _, steps in mutations.same(actions)]
    yield from reworded[:: max(1, len(reworded) // same)][:same]


def verdict(env: gymnasium.Env[Any, str], case: str, actions: Sequence[str]) -> dict[str, Any]:
    """Returns the outcome of an episode, without the record system's words."""
    base = unwrapped(env).scenario.backend.base_url
    env.reset(seed=1, options={"case": case})
    info: dict[str, Any] = {}
    for action in actions:
        _, reward, terminated, truncated, info = env.step(action.replace("http://localhost:8080/fhir", base))
        if terminated or truncated:
            return {**info, "reward": reward, "terminated": terminated, "truncated": truncated}
    raise AssertionError("the episode goes on after these actions")


def differences(
    one: gymnasium.Env[Any, str], other: gymnasium.Env[Any, str], cases: Sequence[str], wrong: int, same: int
) -> list[Any]:
    """Returns the episodes in which two record systems lead to other verdicts, and how many were compared."""
    found: list[Any] = []
    for number, case in enumerate(cases):
        odd = [action.format(base="http://localhost:8080/fhir") for action in ODD[number % len(ODD)]]
        for actions in [*sequences(one, case, wrong, same), odd]:
            here, there = verdict(one, case, actions), verdict(other, case, actions)
            if here != there:
                found.append((case, actions, here, there))
    return found


@contextmanager
def remote_environment(base: str, **settings: Any) -> Iterator[gymnasium.Env[Any, str]]:
    """The canonical tasks on a server by its address."""
    env = gymnasium.make(CANONICAL, backend="remote", server=base, writes="undone", **settings)
    yield env
    env.close()
    unwrapped(env).scenario.backend.close()
    open_remote.cache_clear()


@pytest.fixture(scope="module")
def reduced() -> gymnasium.Env[Any, str]:
    return gymnasium.make(CANONICAL, cohort="reduced")


@pytest.fixture(scope="module")
def place(reduced: gymnasium.Env[Any, str]) -> Iterator[Hospital]:
    """The reduced hospital behind a socket."""
    backend: Any = unwrapped(reduced).scenario.backend
    with hospital(backend.open()) as running:
        yield running


def test_a_server_over_http_leads_to_the_same_verdicts(place: Hospital, reduced: gymnasium.Env[Any, str]) -> None:
    with remote_environment(place.base) as env:
        assert differences(reduced, env, CASES, wrong=6, same=3) == []


def test_the_oracle_solves_all_ten_families_over_http_and_leaves_nothing(place: Hospital) -> None:
    before = {name: len(place.ids(name)) for name in ("Observation", "MedicationRequest", "ServiceRequest")}
    with remote_environment(place.base) as env:
        todo = [each for each in assignments(unwrapped(env)) if each.seed % 3 == 0]
        records = list(play_all(env, Oracle(), todo))
    assert score(records).rate == 1.0
    assert {name: len(place.ids(name)) for name in before} == before
