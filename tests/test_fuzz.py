"""`scripts/fuzz`: thousands of actions show nothing, and what is planted is found, made small and played again."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mab_gym.fhir.http._server import FhirSession, Request, Response
from tests.conftest import ROOT
from tests.processes import unmeasured

SCRIPTS = ROOT / "scripts"
ACTIONS = 3_000
Answers = Callable[[FhirSession, Request], Response]


@pytest.fixture(scope="module")
def tool() -> Iterator[Any]:
    pytest.importorskip("requests")
    sys.path.insert(0, str(SCRIPTS))
    import _fuzz  # type: ignore[import-not-found]

    yield _fuzz
    sys.path.remove(str(SCRIPTS))
    for name in [
        name for name in sys.modules if name.startswith(("_fuzz", "_grammar", "_differential", "_own_faults"))
    ]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def bench(tool: Any) -> Any:
    """A bench over the small record system of tasks of our own, and over the canonical hospital."""
    return tool.Bench(("official", "canonical"), tool.Bounds())


def plans(tool: Any, bench: Any, world: str, count: int) -> list[Any]:
    return [tool.make_plan(f"planted.{number}", bench.world, (world,)) for number in range(count)]


def found(tool: Any, bench: Any, world: str, count: int = 40) -> dict[str, Any]:
    """The first finding of each kind."""
    played = tool.Played()
    for plan in plans(tool, bench, world, count):
        played.add(bench.play(plan))
    kinds: dict[str, Any] = {}
    for finding in played.findings:
        kinds.setdefault(finding.kind, finding)
    return kinds


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], None]:
    """Has sessions answer as a function does that is given the true way, too."""
    true = FhirSession.handle

    def plant(instead: Callable[[Answers, FhirSession, Request], Response]) -> None:
        monkeypatch.setattr(FhirSession, "handle", lambda self, request: instead(true, self, request))

    return plant  # type: ignore[return-value]


@pytest.mark.once
@pytest.mark.timeout(1200)
def test_thousands_of_actions_show_nothing() -> None:
    # Twice the tenth of a second that an action may take: on a slow machine the dearest validations take 0.13.
    more = ["--workers", "1", "--most-seconds", "0.2"]
    command = [sys.executable, str(SCRIPTS / "_fuzz.py"), "--actions", str(ACTIONS), "--seed", "20", *more]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=1100, check=False, env=unmeasured()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing was found" in done.stdout
    taken = int(done.stdout.split("seed 20: ")[1].split(" actions")[0].replace(",", ""))
    assert taken >= ACTIONS


def test_a_plan_follows_from_its_seed_and_reaches_every_kind_of_action(tool: Any, bench: Any) -> None:
    first, second = (plans(tool, bench, "canonical", 60) for _ in range(2))
    assert first == second
    actions = [action for plan in first for lane in plan.lanes for action in lane.actions]
    kinds = {"search", "read", "history", "operation", "next", "create", "broken", "bundle", "elsewhere"}
    assert kinds <= {action.kind for action in actions}
    assert len({action.text("http://h") for action in actions}) > 0.7 * len(actions)


def test_searches_find_something(tool: Any, bench: Any) -> None:
    world = bench.world("canonical")
    world.grammar.seeded("finding")
    totals: list[int] = []
    while len(totals) < 150:
        action = world.grammar.search()
        answer = world.fresh().handle(Request("GET", f"{action.target}{'&' if action.pairs else '?'}_summary=count"))
        if answer.status == 200 and answer.body.startswith("{"):
            totals.append(json.loads(answer.body).get("total", 0))
    assert sum(map(bool, totals)) > 50


def test_a_write_that_outlives_its_episode_is_found_and_made_small(
    tool: Any, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = FhirSession.reset

    def forgets_to(session: FhirSession) -> None:
        if not hasattr(session, "_overlay") or session.written < 2:
            true(session)  # what an agent wrote several times stays

    world = bench.world("canonical")
    monkeypatch.setattr(FhirSession, "reset", forgets_to)
    kinds = found(tool, bench, "canonical")
    assert "state" in kinds
    finding = kinds["state"]
    small = bench.small(finding)
    assert sum(len(lane.actions) for lane in small.lanes) <= sum(
        len(lane.actions) for lane in bench.plan(finding.seed).lanes
    )
    monkeypatch.setattr(FhirSession, "reset", true)
    world.env.reset(seed=0)


def test_a_write_that_others_see_is_found(tool: Any, bench: Any, answers: Any) -> None:
    shared: list[FhirSession] = []

    def together(true: Answers, session: FhirSession, request: Request) -> Response:
        if request.target.startswith("Basic"):  # all sessions share one type
            shared[:] = shared or [session]
            return true(shared[0], request)
        return true(session, request)

    answers(together)
    leak = found(tool, bench, "official", 5)["leak"]
    assert len(bench.small(leak).lanes) == 1


def test_episodes_side_by_side_that_see_one_another_are_found_and_made_small(
    tool: Any, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    vector = bench.world("official").vector
    true = type(vector).step

    def step(self: Any, actions: Any) -> Any:
        observation, *rest = true(self, actions)
        return {**observation, "text": tuple(reversed(observation["text"]))}, *rest

    monkeypatch.setattr(type(vector), "step", step)
    leak = found(tool, bench, "official", 30)["leak"]
    small = bench.small(leak)
    assert len(small.lanes) == 3
    assert sum(len(lane.actions) for lane in small.lanes) <= 2


def test_a_dear_request_is_found(tool: Any, answers: Any) -> None:
    def dwells(true: Answers, session: FhirSession, request: Request) -> Response:
        ends = time.process_time() + 0.3
        while "_sort" in request.target and time.process_time() < ends:
            pass
        return true(session, request)

    slow = tool.Bench(("official",), tool.Bounds(seconds=0.25))
    slow.world("official")
    answers(dwells)
    finding = found(tool, slow, "official", 12)["slow"]
    assert "_sort" in finding.text


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("socket", lambda: socket.socket().close()),
        ("open", lambda: Path("/dev/null").write_text("x")),
        ("subprocess", lambda: subprocess.run([sys.executable, "-c", ""], check=True)),
        ("own fault", lambda: int("none")),
        ("size", lambda: "x" * 21_000_000),
    ],
)
def test_what_must_not_happen_is_found(
    tool: Any, bench: Any, monkeypatch: pytest.MonkeyPatch, kind: str, fault: Callable[[], Any]
) -> None:
    true = FhirSession._route
    bench.world("official")

    def route(self: FhirSession, request: Request) -> Response:
        response = true(self, request)
        if "_count" in request.target and "_summary" not in request.target:
            said = fault()
            return Response(200, said, {}) if isinstance(said, str) else response
        return response

    monkeypatch.setattr(FhirSession, "_route", route)
    assert kind in found(tool, bench, "official")


def test_bytes_that_another_process_would_not_send_are_found(tool: Any, answers: Any) -> None:
    def here(true: Answers, session: FhirSession, request: Request) -> Response:
        response = true(session, request)
        return Response(response.status, response.body + " ", response.headers)

    answers(here)
    report = tool.fuzz(30, 3, ("official",), tool.Bounds(), 1)
    assert {finding.kind for finding in report.played.findings} == {"bytes"}
    assert report.compared >= 1
    assert f"scripts/fuzz --replay {report.played.findings[0].seed} " in "\n".join(report.lines())


def test_memory_that_grows_and_caches_without_a_bound_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import functools

    monkeypatch.syspath_prepend(str(SCRIPTS))
    import _fuzz_memory  # type: ignore[import-not-found]

    assert not _fuzz_memory.still_growing([300_000_000] * 40)
    assert not _fuzz_memory.still_growing([min(200 + n, 400) * 1_000_000 for n in range(400)])
    assert _fuzz_memory.still_growing([n * 20_000_000 for n in range(40)])

    @functools.cache
    def planted(text: str) -> str:
        return text

    planted.__module__ = "mab_gym.planted"
    assert not _fuzz_memory.overgrown()
    for number in range(_fuzz_memory.UNBOUNDED + 1):
        planted(str(number))
    assert "planted" in _fuzz_memory.overgrown()[0]
