"""Nobody waits for another's request to end, and nobody takes all turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from threading import Event
from typing import Any

import pytest

from mab_gym.fhir.model._outcome import FhirError
from mab_gym.serve._application import kind_of
from mab_gym.serve._limits import ServeLimits
from mab_gym.serve._turns import DEAR_SECONDS, RUNNING, GoneError, Turns


async def _stays() -> None:
    await asyncio.Event().wait()


def take(
    turns: Turns, work: Callable[[], Any], *like: object, alone: object = None, most: int = 10
) -> asyncio.Task[Any]:
    held = frozenset() if alone is None else frozenset([alone])
    return asyncio.ensure_future(turns.take(work, like, held, _stays, most))


def busy() -> None:
    """Takes so much processor time that whoever asked for it counts as slow."""
    until = time.thread_time() + 3 * DEAR_SECONDS
    while time.thread_time() < until:
        pass


def test_others_are_served_while_some_work() -> None:
    async def main() -> None:
        turns, let_go = Turns(ServeLimits()), Event()
        stuck = [take(turns, lambda: let_go.wait(30), f"hostile {n}") for n in range(RUNNING - 1)]
        answers = await asyncio.gather(*(take(turns, partial(int, n), f"innocent {n}") for n in range(20)))
        assert answers == list(range(20))
        assert not any(task.done() for task in stuck)
        let_go.set()
        assert all(await asyncio.gather(*stuck))

    asyncio.run(main())


def test_of_one_session_one_request_is_worked_on_at_a_time() -> None:
    async def main() -> None:
        turns, let_go, seen = Turns(ServeLimits()), Event(), list[int]()
        first = take(turns, lambda: let_go.wait(30), "a", alone="a")
        later = [take(turns, partial(seen.append, n), "a", alone="a") for n in range(3)]
        assert await take(turns, lambda: "b", "b", alone="b") == "b"
        assert not seen
        let_go.set()
        await asyncio.gather(first, *later)
        assert seen == [0, 1, 2]

    asyncio.run(main())


def test_what_fails_is_told_to_whoever_asked() -> None:
    async def main() -> None:
        turns = Turns(ServeLimits())
        with pytest.raises(ZeroDivisionError):
            await take(turns, lambda: 1 // 0, "a", alone="a")
        assert await take(turns, lambda: 1, "a", alone="a") == 1

    asyncio.run(main())


def test_a_session_has_few_requests_waiting() -> None:
    async def main() -> None:
        turns, let_go = Turns(ServeLimits()), Event()
        waiting = [take(turns, lambda: let_go.wait(30), "a", alone="a", most=2) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(FhirError, match="503: Many requests to this session are waiting") as caught:
            await take(turns, lambda: None, "a", alone="a", most=2)
        assert caught.value.status == 503
        assert await take(turns, lambda: "b", "b", alone="b") == "b"
        let_go.set()
        await asyncio.gather(*waiting)

    asyncio.run(main())


def test_where_too_many_wait_the_slow_ones_are_refused_first() -> None:
    async def main() -> None:
        turns, let_go = Turns(ServeLimits(waiting=2)), Event()
        await take(turns, busy, "slow")
        holding = take(turns, lambda: let_go.wait(30), "innocent", alone="x")
        waiting = [take(turns, partial(int, n), "slow", alone="x") for n in range(2)]
        await asyncio.sleep(0)
        quick = take(turns, lambda: "quick", "innocent", alone="x")
        with pytest.raises(FhirError, match="Many requests are waiting"):
            await waiting[1]
        let_go.set()
        assert (await quick, await waiting[0]) == ("quick", 0)
        await holding

    asyncio.run(main())


@pytest.mark.parametrize("slow", [("slow", "kind"), ("new", "dear")])
def test_quick_clients_go_before_slow_ones(slow: tuple[str, str]) -> None:
    async def main() -> None:
        turns, let_go, seen = Turns(ServeLimits()), Event(), list[str]()
        await take(turns, busy, "slow", "dear")
        await take(turns, lambda: None, "quick", "cheap")
        holding = take(turns, lambda: let_go.wait(30), "quick", "cheap", alone="x")
        waiting = [take(turns, lambda: seen.append("slow"), *slow, alone="x")]
        waiting += [take(turns, lambda: seen.append("new"), "another", "cheap", alone="x")]
        waiting += [take(turns, lambda: seen.append("quick"), "quick", "dear", alone="x")]
        await asyncio.sleep(0)
        let_go.set()
        await asyncio.gather(holding, *waiting)
        assert seen == ["quick", "new", "slow"]

    asyncio.run(main())


def test_a_quick_client_that_was_slow_once_is_quick() -> None:
    async def main() -> None:
        turns, let_go, seen = Turns(ServeLimits()), Event(), list[str]()
        for client in ("quick", "once", "often"):
            await take(turns, lambda: None, client)
        await take(turns, busy, "once")
        for _ in range(3):
            await take(turns, busy, "often")
        holding = take(turns, lambda: let_go.wait(30), "quick", alone="x")
        waiting = [take(turns, partial(seen.append, name), name, alone="x") for name in ("often", "new", "once")]
        await asyncio.sleep(0)
        let_go.set()
        await asyncio.gather(holding, *waiting)
        assert seen == ["once", "new", "often"]

    asyncio.run(main())


def test_slow_work_gives_way_to_quick_work_and_goes_on_in_the_end() -> None:
    async def main() -> None:
        turns, at_work, let_go, stop = Turns(ServeLimits()), Event(), Event(), Event()
        steps: list[float] = []

        def slow() -> int:
            busy()
            at_work.set()
            while not stop.is_set():
                turns.give_way()
                steps.append(time.monotonic())
            return len(steps)

        await take(turns, lambda: None, "quick")
        working = take(turns, slow, "slow")
        await asyncio.to_thread(at_work.wait, 30)
        before = len(steps)
        quick = take(turns, lambda: let_go.wait(0.2), "quick")
        await quick
        await asyncio.sleep(0.05)
        stop.set()
        assert await working > before
        # It stood still while the quick one was at work.
        assert max(later - earlier for earlier, later in pairwise(steps)) >= 0.1

    asyncio.run(main())


def test_who_has_gone_is_not_worked_for() -> None:
    async def main() -> None:
        turns, let_go, seen = Turns(ServeLimits()), Event(), list[str]()
        holding = take(turns, lambda: let_go.wait(30), "a", alone="x")
        leaving = asyncio.Event()

        async def gone() -> None:
            await leaving.wait()

        waiting = asyncio.ensure_future(turns.take(lambda: seen.append("done"), ("b",), frozenset(["x"]), gone, 2))
        await asyncio.sleep(0)
        leaving.set()
        with pytest.raises(GoneError):
            await waiting
        let_go.set()
        await holding
        await take(turns, lambda: None, "a", alone="x")
        assert not seen

    asyncio.run(main())


def test_kinds_of_requests_go_by_what_makes_them_dear() -> None:
    def alike(one: str, other: str) -> bool:
        return kind_of("GET", one, 0) == kind_of("GET", other, 0)

    assert alike("Observation?patient=A&code=B", "Observation?code=D&patient=C")
    assert alike("Patient/1", "Patient/2")
    assert not alike("Observation?patient=A&_count=1000", "Observation?patient=A&_count=1")
    assert not alike("Patient/1", "Patient/1/$everything")
    assert not alike("Observation?code=A", "Observation?code=A" + ",B" * 1000)
