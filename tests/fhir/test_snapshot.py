"""A session's snapshot: what was there, read by other threads while the session goes on."""

from __future__ import annotations

import gc
import json
import time
import tracemalloc
from copy import copy
from threading import Thread
from typing import Any

import pytest

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._server import FhirServer, FhirSession
from mab_gym.fhir.store import _overlay as overlay
from tests.fhir.serving import get, ids, patient, relative, serve


def put(session: FhirSession, logical_id: str, **elements: Any) -> Response:
    body = json.dumps(patient(logical_id, **elements))
    return session.handle(Request("PUT", f"Patient/{logical_id}", {"content-type": "application/fhir+json"}, body))


def post(session: FhirSession, bundle: dict[str, Any]) -> Response:
    return session.handle(Request("POST", "", {"content-type": "application/fhir+json"}, json.dumps(bundle)))


def next_page(session: FhirSession, response: Response) -> str:
    links = json.loads(response.body)["link"]
    return relative(session, next(link["url"] for link in links if link["relation"] == "next"))


@pytest.mark.parametrize("fold_at", [1, 4096])
def test_it_shows_what_was_there(monkeypatch: pytest.MonkeyPatch, fold_at: int) -> None:
    monkeypatch.setattr(overlay, "MOST_PENDING", fold_at)
    session = serve(patient(f"p{number}") for number in range(3))
    put(session, "p0", active=True)
    shown = session.snapshot()
    put(session, "p0", active=False)
    put(session, "new")
    session.handle(Request("DELETE", "Patient/p1"))

    assert ids(shown, "Patient") == ["p0", "p1", "p2"]
    assert ids(shown, "Patient?active=true") == ["p0"]
    assert get(shown, "Patient/new").status == 404
    assert [entry["resource"]["meta"]["versionId"] for entry in history(shown, "Patient/p0")] == ["2", "1"]
    assert len(history(shown, "Patient")) == 4
    assert ids(session, "Patient") == ["p0", "p2", "new"]
    assert len(history(session, "Patient/p0")) == 3


def history(session: FhirSession, of: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(get(session, f"{of}/_history").body)["entry"]
    return found


def test_what_a_session_takes_back_was_never_shown() -> None:
    session = FhirServer({}).open()
    put(session, "p0")
    before = session.held
    shown = session.snapshot()
    entries = [
        {"request": {"method": "PUT", "url": "Patient/p1"}, "resource": patient("p1")},
        {"request": {"method": "PUT", "url": "Patient/p0"}, "resource": patient("p0", gender="nonsense")},
    ]
    assert post(session, {"resourceType": "Bundle", "type": "transaction", "entry": entries}).status >= 400
    assert ids(shown, "Patient") == ids(session, "Patient") == ["p0"]
    assert session.held == before
    assert session.snapshot(shown) is shown


def test_a_new_one_is_taken_only_where_something_changed() -> None:
    session = FhirServer({}).open()
    first = session.snapshot()
    assert session.snapshot(first) is first
    put(session, "p0")
    second = session.snapshot(first)
    assert second is not first
    session.reset()
    assert session.snapshot(second) is not second


def test_pages_go_on_in_later_ones_and_searches_are_never_stale() -> None:
    session = serve(patient(f"p{number}") for number in range(6))
    early = session.snapshot()
    first = get(early, "Patient?_count=2")
    put(session, "p2", active=True)
    session.handle(Request("DELETE", "Patient/p3"))
    late = session.snapshot(early)
    second = json.loads(get(late, next_page(late, first)).body)
    assert [entry["resource"]["id"] for entry in second["entry"]] == ["p2"]
    assert second["entry"][0]["resource"]["active"] is True
    # Whoever still reads the early one answers for it alone.
    assert ids(early, "Patient") == [f"p{number}" for number in range(6)]
    assert ids(late, "Patient") == ["p0", "p1", "p2", "p4", "p5"]
    assert ids(session, "Patient") == ["p0", "p1", "p2", "p4", "p5"]


def test_each_reader_has_its_own_base_url() -> None:
    session = serve([patient("p0")])
    shown = session.snapshot()
    one, other = copy(shown), copy(shown)
    assert '"http://one/fhir/Patient/p0"' in one.handle(Request("GET", "Patient", base_url="http://one/fhir")).body
    assert '"http://two/fhir/Patient/p0"' in other.handle(Request("GET", "Patient", base_url="http://two/fhir")).body
    assert '"http://one/fhir/Patient/p0"' not in other.handle(Request("GET", "Patient")).body


def test_threads_may_read_while_the_session_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sees whole transactions alone, whatever is folded meanwhile."""
    monkeypatch.setattr(overlay, "MOST_PENDING", 20)
    session = FhirServer({}).open()
    shown = [session.snapshot()]
    wrong: list[str] = []
    done: list[bool] = []

    def read() -> None:
        while not done:
            reader = copy(shown[0])
            response = get(reader, "Patient?_count=1000")
            count = len(json.loads(response.body).get("entry", [])) if response.status == 200 else -1
            if count % 2:
                wrong.append(response.body[:500])

    threads = [Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(60):
        entries = [
            {"request": {"method": "PUT", "url": f"Patient/{name}"}, "resource": patient(name)}
            for name in (f"a{number}", f"b{number}")
        ]
        assert post(session, {"resourceType": "Bundle", "type": "transaction", "entry": entries}).status == 200
        shown[0] = session.snapshot(shown[0])
    done.append(True)
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_oldest_searches_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mab_gym.fhir.http._searching.MOST_SEARCHES", 10)
    session = serve(patient(f"p{number}") for number in range(30))
    pages = [get(session, f"Patient?_count={number}") for number in range(1, 15)]
    statuses = [get(session, next_page(session, page)).status for page in pages]
    assert statuses == [410] * 4 + [200] * 10


def test_all_versions_and_their_upkeep_are_held() -> None:
    session = FhirServer({}).open()
    assert session.held == 0
    put(session, "p0", name=[{"text": "x" * 1000}])
    once = session.held
    assert once > 1000
    put(session, "p0", name=[{"text": "y" * 1000}])
    assert session.held >= 2 * once - 10
    session.handle(Request("DELETE", "Patient/p0"))
    assert session.held > 2 * once - 10
    session.reset()
    assert session.held == 0


@pytest.mark.parametrize(
    "elements",
    [
        {"contact": [{"name": {"text": f"w{number}"}} for number in range(2000)]},
        {"name": [{"given": [f"x{number}"]} for number in range(2000)]},
        {"name": [{"text": "你好" * 50_000}]},
        {"extension": [{"url": f"u{number % 7}", "valueCode": "x"} for number in range(2000)]},
    ],
    ids=["objects", "lists", "wide characters", "extensions"],
)
def test_what_is_held_is_about_the_memory_that_it_takes(elements: dict[str, Any]) -> None:
    put(FhirServer({}).open(), "p0", **elements)
    gc.freeze()  # what other tests have left takes seconds to look through, and holds nothing of this one
    tracemalloc.start()
    try:
        session = FhirServer({}).open()
        put(session, "p0", **elements)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    assert 0.6 < session.held / taken < 2.5


def test_a_long_word_in_a_write_is_looked_through_once() -> None:
    """A regular expression that may begin at each of its letters takes minutes for this one."""
    session = serve([patient("p0")])
    put(session, "p1", name=[{"text": "a" * 2_000_000}])
    begun = time.process_time()
    assert ids(session, "Patient/p0/$everything") == ["p0"]
    assert time.process_time() - begun < 5


def test_writes_that_readers_test_again_and_again_are_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers look at snapshots; their tests count, so that the writes become rows of a table, as in one session."""
    monkeypatch.setattr(overlay, "SCANS_FREE", 10)
    session = FhirServer({}).open()
    for number in range(4):
        put(session, f"p{number}", active=number < 2)
    shown = session.snapshot()
    for _ in range(3):
        assert ids(shown, "Patient?active=true") == ["p0", "p1"]
    shown = session.snapshot(shown)
    assert session._overlay is not None
    assert not session._overlay.pending
    assert ids(shown, "Patient?active=true") == ["p0", "p1"]
