"""Pools: who gets a server, what becomes of it, and that none is forgotten. Servers are stand-ins here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from mab_gym.backends.container import _process_lock
from mab_gym.backends.container._pool import Lease, Pool
from mab_gym.backends.container._strategies import STRATEGIES, Snapshot, Undo, strategy
from mab_gym.errors import InfrastructureError, UsageError
from tests.processes import PATIENCE, until


class Ward:
    """Makes stand-in servers and keeps account of them."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.gone: list[Any] = []
        self.may_start = threading.Event()
        self.may_start.set()
        self.broken: Callable[[], bool] = lambda: False
        self.stuck = False
        self.starting = 0

    def start(self) -> Any:
        self.starting += 1
        assert self.may_start.wait(PATIENCE)
        if self.broken():
            raise InfrastructureError("no space left on device")
        live = SimpleNamespace(untouched=True, take_back=lambda: True, types=frozenset())
        server = SimpleNamespace(live=live, is_at_snapshot=lambda written: True)

        def discard() -> None:
            if self.stuck:
                raise InfrastructureError("the engine is gone")
            self.gone.append(server)

        server.discard = discard
        self.made.append(server)
        return server

    @property
    def left(self) -> int:
        return len(self.made) - len(self.gone)


def wrote(lease: Lease) -> None:
    """Has the lease's server written to."""
    server: Any = lease.server
    server.live.untouched = False


def test_a_server_that_nothing_was_written_to_is_used_again() -> None:
    ward = Ward()
    pool = Pool(ward.start, Undo(), servers=1, spares=0)
    for _ in range(5):
        pool.give_back(pool.take())
    assert len(ward.made) == 1
    assert (pool.counts.kept, pool.counts.restored, pool.counts.replaced) == (5, 0, 0)
    pool.close()
    assert ward.left == 0


def test_a_server_that_proves_to_be_restored_is_used_again_and_any_other_replaced() -> None:
    ward = Ward()
    pool = Pool(ward.start, Undo(), servers=1, spares=0)
    lease = pool.take()
    wrote(lease)
    pool.give_back(lease)
    again = pool.take()
    assert again.server is lease.server
    again.server.is_at_snapshot = lambda written: False  # type: ignore[method-assign]
    pool.give_back(again)
    assert pool.take().server is not lease.server
    assert (pool.counts.restored, pool.counts.replaced) == (1, 1)
    pool.close()
    assert ward.left == 0


def test_a_snapshot_server_serves_one_writer_and_a_spare_waits() -> None:
    ward = Ward()
    pool = Pool(ward.start, Snapshot(), servers=1, spares=1)
    first = pool.take()
    until(lambda: len(ward.made) == 2)
    wrote(first)
    ward.may_start.clear()  # what is taken now has been there before
    pool.give_back(first)
    second = pool.take()
    assert len(ward.made) == 2
    ward.may_start.set()
    assert second.server is not first.server
    assert first.server in ward.gone
    pool.close()
    until(lambda: ward.left == 0)


def test_threads_share_a_pool_and_never_a_server() -> None:
    ward = Ward()
    pool = Pool(ward.start, Undo(), servers=3, spares=0)
    at_work: set[int] = set()
    guard = threading.Lock()

    def episode(number: int) -> None:
        lease = pool.take()
        with guard:
            assert id(lease.server) not in at_work
            at_work.add(id(lease.server))
        time.sleep(0.002)
        if number % 3 == 0:
            wrote(lease)
        with guard:
            at_work.remove(id(lease.server))
        pool.give_back(lease)

    with ThreadPoolExecutor(12) as executor:
        list(executor.map(episode, range(300)))
    assert len(ward.made) <= 3
    assert pool.counts.kept + pool.counts.restored == 300
    pool.close()
    assert ward.left == 0


def test_whoever_waits_too_long_is_told_what_to_do() -> None:
    ward = Ward()
    pool = Pool(ward.start, Undo(), servers=1, spares=0, patience=0.3)
    pool.take()
    with pytest.raises(InfrastructureError, match=r"servers=\.\.\."):
        pool.take()
    pool.close()


def test_a_lease_that_is_over_is_given_to_who_waits() -> None:
    ward = Ward()
    pool = Pool(ward.start, Undo(), servers=1, spares=0, lease=0.2)
    forgotten = pool.take()
    other = pool.take()
    assert forgotten.revoked
    assert other.server is forgotten.server
    pool.give_back(forgotten)  # too late, and without effect
    assert pool.counts.kept == 1
    pool.close()
    assert ward.left == 0


def test_a_request_under_way_is_not_cut_off() -> None:
    ward = Ward()
    pool = Pool(ward.start, Undo(), servers=1, spares=0, lease=0.0, patience=0.5)
    busy = pool.take()
    with busy.guard, pytest.raises(InfrastructureError):
        pool.take()
    assert not busy.revoked
    pool.close()


def test_a_start_that_fails_is_said_and_the_next_may_succeed() -> None:
    ward = Ward()
    ward.broken = lambda: True
    pool = Pool(ward.start, Undo(), servers=1, spares=0)
    with pytest.raises(InfrastructureError, match="no space left"):
        pool.take()
    ward.broken = lambda: False
    pool.give_back(pool.take())
    pool.close()
    assert ward.left == 0


def test_a_start_that_fails_once_is_tried_again() -> None:
    ward = Ward()
    answers = iter([True])
    ward.broken = lambda: next(answers, False)
    pool = Pool(ward.start, Undo(), servers=1, spares=0)
    pool.give_back(pool.take())
    pool.close()


def test_what_cannot_be_removed_now_is_removed_later() -> None:
    ward = Ward()
    pool = Pool(ward.start, Snapshot(), servers=1, spares=0)
    for stuck in (True, False):
        ward.stuck = stuck
        lease = pool.take()
        wrote(lease)
        pool.give_back(lease)
    assert ward.left == 0
    pool.close()


def test_closing_ends_those_that_start_and_those_that_wait() -> None:
    ward = Ward()
    ward.may_start.clear()
    pool = Pool(ward.start, Undo(), servers=1, spares=1)
    failed: list[InfrastructureError] = []

    def wait() -> None:
        try:
            pool.take()
        except InfrastructureError as error:
            failed.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    until(lambda: ward.starting)
    threading.Timer(0.1, ward.may_start.set).start()
    pool.close()
    waiting.join(PATIENCE)
    assert failed
    until(lambda: ward.left == 0)
    with pytest.raises(InfrastructureError, match="closed"):
        pool.take()


def test_a_lease_given_back_after_the_end_is_nobodys() -> None:
    ward = Ward()
    pool = Pool(ward.start, Undo(), servers=1, spares=0)
    lease = pool.take()
    pool.close()
    assert lease.revoked
    pool.give_back(lease)
    assert ward.left == 0


def test_strategies_have_names() -> None:
    assert {name: strategy(name).name for name in STRATEGIES} == {"undo": "undo", "snapshot": "snapshot"}
    with pytest.raises(UsageError, match="undo, snapshot"):
        strategy("hope")


def test_the_reaper_is_where_its_process_looks_for_it() -> None:
    """It runs as a script, which no import misses."""
    assert _process_lock._REAPER.is_file()
