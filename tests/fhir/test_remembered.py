"""Memories of the snapshot are bounded, and never hide a session's writes."""

from __future__ import annotations

from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.model._remembered import Remembered
from tests.fhir.serving import ids, observation, patient, serve


def test_the_oldest_is_forgotten_first() -> None:
    remembered: Remembered[str] = Remembered(most=2, most_rows=10)
    remembered.put(1, "a", 1)
    remembered.put(2, "b", 8)
    remembered.put(3, "c", 1)
    assert [remembered.get(key) for key in (1, 2, 3)] == [None, "b", "c"]
    remembered.put(4, "d", 9)
    assert [remembered.get(key) for key in (2, 3, 4)] == [None, "c", "d"]


def test_searches_see_what_their_session_has_written_and_nothing_else() -> None:
    session = serve((patient("S1"), *(observation(str(number), "S1") for number in range(1, 4))))
    search = "Observation?patient=S1&_sort=-date"
    before = ids(session, search)
    assert len(before) == 3
    other = session.server.open()
    other.handle(Request("DELETE", "Observation/2"))
    assert set(ids(other, search)) == {"1", "3"}
    session.reset()
    assert ids(session, search) == before
    assert len(ids(session, f"{search}&_count=1")) == 1
    assert ids(session, "Observation?patient=S1&_sort=date") != before or len(set(before)) == 3
