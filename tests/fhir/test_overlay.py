"""A world that is written to: whatever is folded into tables on the way, answers are the same."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from mab_gym.fhir.http._server import FhirServer, FhirSession, Request, Response
from mab_gym.fhir.model._definitions import search_parameters
from mab_gym.fhir.model._filter import Filter, PointsToAny
from mab_gym.fhir.model._paths import Path
from mab_gym.fhir.store import _overlay as overlay
from mab_gym.fhir.store._base import BaseTable, PoolIndex
from mab_gym.fhir.store._budget import Budget, RequestLimits
from mab_gym.fhir.store._build import build_positioned, extend_table
from mab_gym.fhir.store._table import PoolColumn, Table
from tests.fhir.serving import get, ids, relative

JSON = {"content-type": "application/fhir+json"}
SEARCHES = (
    "Patient?_count=50",
    "Patient?family=b",
    "Patient?_sort=-_lastUpdated&_count=7",
    "Patient?gender:not=male",
    "Observation?patient=p1,p2,p3&_count=50",
    "Observation?code=K&_sort=-date",
    "Observation?date=ge2020-02&_count=5",
    "Observation?subject.family=a",
    "Patient?_has:Observation:patient:code=NA",
    "Observation?_include=Observation:subject&_count=4",
    "Patient?_revinclude=Observation:subject&_count=3",
    "Patient/p1/$everything",
    "Patient/p1/_history",
    "Observation/_history?_count=50",
)


def ask(session: FhirSession, method: str, target: str, body: Any = None) -> Response:
    return session.handle(Request(method, target, JSON if body else {}, json.dumps(body) if body else ""))


def change(rng: random.Random, session: FhirSession) -> None:
    """One write that a client might make; some of them are refused."""
    number = rng.randrange(1, 9)
    if rng.random() < 0.4:
        patient = {
            "resourceType": "Patient",
            "id": f"p{number}",
            "name": [{"family": rng.choice("abc")}],
            "gender": rng.choice(("male", "female")),
        }
        if rng.random() < 0.3:
            ask(session, "DELETE", f"Patient/p{number}")
        else:
            ask(session, "PUT", f"Patient/p{number}", patient)
        return
    observation = {
        "resourceType": "Observation",
        "id": f"o{rng.randrange(30)}",
        "status": "final",
        "code": {"coding": [{"code": rng.choice(("K", "NA"))}]},
        "subject": {"reference": f"Patient/p{number}"},
        "effectiveDateTime": rng.choice(
            ("2020", "2020-02", f"2020-03-{number:02}", f"2020-04-0{number}T08:00:00Z", "2020-04-01T10:00:00+02:00")
        ),
    }
    if rng.random() < 0.3:
        ask(session, "DELETE", f"Observation/{observation['id']}")
    elif rng.random() < 0.4:
        ask(session, "POST", "Observation", observation)
    else:
        ask(session, "PUT", f"Observation/{observation['id']}", observation)


@pytest.mark.parametrize("seed", range(8))
def test_folding_changes_no_answer(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One session folds at every chance, the other never; both make the same writes and are asked the same."""
    start: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": "p1", "meta": {"versionId": "1"}, "name": [{"family": "a"}]},
        {"resourceType": "Observation", "id": "o1", "meta": {"versionId": "1"}, "status": "final"},
        {"resourceType": "Patient", "id": "p2", "meta": {"versionId": "1"}, "gender": "male"},
    ]
    server = FhirServer(build_positioned(start))
    sessions = server.open(), server.open()
    rngs = random.Random(seed), random.Random(seed)
    for step in range(120):
        for session, rng, most in zip(sessions, rngs, (1, 10**9), strict=True):
            monkeypatch.setattr(overlay, "MOST_PENDING", most)
            monkeypatch.setattr(overlay, "SCANS_FREE", 10**9)
            change(rng, session)
            session.fold()
        if step % 10 == 9:
            for target in SEARCHES:
                one, other = (get(session, target) for session in sessions)
                assert (one.status, one.body) == (other.status, other.body), (step, target)
    for session in sessions:
        session.reset()
        assert ids(session, "Patient") == ["p1", "p2"]
        assert not session.writes


@pytest.mark.parametrize("seed", range(4))
def test_what_was_asked_before_changes_no_answer(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One session is asked after every write, and remembers which writes it has tested; the other at the end alone."""
    monkeypatch.setattr(overlay, "SCANS_FREE", 10**9)
    start = [{"resourceType": "Patient", "id": "p1", "meta": {"versionId": "1"}, "name": [{"family": "a"}]}]
    server = FhirServer(build_positioned(start))
    asked, fresh = server.open(), server.open()
    rngs = random.Random(seed), random.Random(seed)
    for _ in range(60):
        for session, rng in zip((asked, fresh), rngs, strict=True):
            change(rng, session)
            if rng.random() < 0.2:
                assert ask(session, "POST", "", _FAILS).status == 400
        shown = [_entries(asked, target) for target in SEARCHES]
    assert shown == [_entries(fresh, target) for target in SEARCHES]


_FAILS = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {"request": {"method": "PUT", "url": "Patient/p3"}, "resource": {"resourceType": "Patient", "id": "p3"}},
        {
            "request": {"method": "POST", "url": "Observation"},
            "resource": {"resourceType": "Observation", "subject": {"reference": "Patient/nobody"}},
        },
    ],
}


def _entries(session: FhirSession, target: str) -> Any:
    """The answer without the ids of searches and requests, which differ where more was asked."""
    body = json.loads(re.sub(r'"source": ".*"', '"source": ""', get(session, target).body))
    return body.get("total"), body.get("entry"), body.get("issue")


def test_many_writes_are_searched_as_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    session = FhirServer({}).open()
    monkeypatch.setattr(overlay, "MOST_LOOKED_AT", 10**9)
    for number in range(300):
        ask(session, "PUT", f"Patient/p{number}", {"resourceType": "Patient", "id": f"p{number}", "active": True})
    looked: list[str] = []
    monkeypatch.setattr(overlay.Overlay, "fold", _noting(overlay.Overlay.fold, looked))

    for _ in range(3):
        assert json.loads(get(session, "Patient?active=true&_summary=count").body)["total"] == 300

    assert looked == ["Patient"]  # after the first search, once


def _noting(fold: Any, looked: list[str]) -> Any:
    def noting(self: overlay.Overlay) -> None:
        before = self.tables
        fold(self)
        looked.extend(name for name in self.tables if self.tables[name] is not before.get(name))

    return noting


def test_pages_go_on_where_they_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """A match stays found; a changed one is shown as it is now, a deleted one is left out."""
    monkeypatch.setattr(overlay, "MOST_PENDING", 1)
    session = FhirServer({}).open()
    for number in range(9):
        ask(session, "PUT", f"Patient/p{number}", {"resourceType": "Patient", "id": f"p{number}"})
    first = json.loads(get(session, "Patient?_count=3").body)
    ask(session, "PUT", "Patient/p4", {"resourceType": "Patient", "id": "p4", "active": True})
    ask(session, "DELETE", "Patient/p5")
    ask(session, "PUT", "Patient/p99", {"resourceType": "Patient", "id": "p99"})

    link = next(link["url"] for link in first["link"] if link["relation"] == "next")
    second = json.loads(get(session, relative(session, link)).body)

    assert [entry["resource"]["id"] for entry in second["entry"]] == ["p3", "p4"]
    assert second["entry"][1]["resource"]["active"] is True


def test_a_failed_transaction_changes_nothing() -> None:
    session = FhirServer({}).open()
    ask(session, "PUT", "Patient/p1", {"resourceType": "Patient", "id": "p1"})
    before = len(session.writes)
    entries = [
        {"request": {"method": "DELETE", "url": "Patient/p1"}},
        {"request": {"method": "PUT", "url": "Patient/p2"}, "resource": {"resourceType": "Patient", "id": "p2"}},
        {
            "request": {"method": "POST", "url": "Observation"},
            "resource": {"resourceType": "Observation", "subject": {"reference": "Patient/nobody"}},
        },
    ]
    answer = ask(session, "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})

    assert answer.status == 400
    assert len(session.writes) == before
    assert ids(session, "Patient") == ["p1"]
    assert get(session, "Patient/p2").status == 404


def test_writes_are_dated_one_after_the_other() -> None:
    session = FhirServer({}).open()
    for number in range(3):
        ask(session, "POST", "Patient", {"resourceType": "Patient", "active": number % 2 == 0})
    assert ids(session, "Patient?_sort=-_lastUpdated") == ["3", "2", "1"]
    stamps = [write.updated for write in session.writes]
    assert stamps == sorted(set(stamps))


@pytest.mark.parametrize("twice", [False, True])
def test_a_folded_table_knows_what_was_read_before(twice: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """References that the first table has read are not read again, unless their codes are others now."""
    subjects = [f'{{"reference": "Patient/p{number}"}}' for number in (1, 2, 1 if twice else 3)]
    column = PoolColumn("subject", np.array([1, 2, 3], dtype=np.uint8), subjects)
    session = FhirServer({"Observation": Table("Observation", ["o1", "o2", "o3"], [column])}).open()
    monkeypatch.setattr(overlay, "MOST_PENDING", 1)
    found = {number: ids(session, f"Observation?patient=p{number}") for number in (1, 2, 3, 4)}
    assert found == {1: ["o1", "o3"], 2: ["o2"], 3: [], 4: []} if twice else {1: ["o1"], 2: ["o2"], 3: ["o3"], 4: []}
    reading: list[int] = []
    load = PoolIndex.load

    def noting(self: PoolIndex, codes: Iterable[int], kind: str, paths: Iterable[Path]) -> None:
        reading.extend(each := list(codes))
        load(self, each, kind, paths)

    monkeypatch.setattr(PoolIndex, "load", noting)
    for number in (4, 5):
        subject = {"reference": "Patient/p4"}
        ask(session, "PUT", "Patient/p4", {"resourceType": "Patient", "id": "p4"})
        made = {"resourceType": "Observation", "id": f"o{number}", "status": "final", "subject": subject}
        assert ask(session, "PUT", f"Observation/o{number}", made).status == 201
        session.fold()
    assert {number: ids(session, f"Observation?patient=p{number}") for number in (1, 2, 3)} == {
        number: found[number] for number in (1, 2, 3)
    }
    assert ids(session, "Observation?patient=p4") == ["o4", "o5"]
    assert bool({1, 2} & set(reading)) is twice


def test_a_search_that_finds_no_reference_costs_the_same_again() -> None:
    """A second search for nothing is not made again, and pays as the first did; a reference that is there is found."""
    observation = {"resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/p1"}}
    table = FhirServer(build_positioned([observation])).tables["Observation"]
    parameter = search_parameters("Observation")["patient"]
    bills = []
    for target in ("a", "b", "c", "p1"):
        budget = Budget(RequestLimits(search=10**9, body=10**9, answer=10**9))
        with budget.recording() as bill:
            rows = table.search([Filter(parameter, ("x", target), (PointsToAny([("Patient", target)]),))], budget)
        assert list(rows) == ([0] if target == "p1" else [])
        bills.append(bill)
    assert bills[0] == bills[1] == bills[2] != bills[3]


def test_a_text_that_stands_twice_in_a_column_is_still_the_right_one_after_folding() -> None:
    """Columns that were joined from parts hold equal texts more than once, as those of the living hospital do."""
    codes = np.array([1, 2, 3, 4, 0, 2], dtype=np.uint8)
    table = Table("Group", [str(row) for row in range(6)], [PoolColumn("name", codes, ['"a"', '"b"', '"a"', '"c"'])])
    added = {"resourceType": "Group", "id": "6", "name": "c"}
    extended, _ = extend_table("Group", table, range(6), [1], [added], [6])
    base = BaseTable(extended)
    told = [json.loads(base.text(row)).get("name") for row in range(len(base))]
    assert told == ["a", "a", "c", None, "b", "c"]
