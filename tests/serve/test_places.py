"""Shared and own sessions: who sees what, who waits for whom, and how much they may store."""

from __future__ import annotations

import json

import pytest

from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.serve import OwnWorlds, ServeLimits
from mab_gym.serve._places import LARGE_BODY
from mab_gym.serve._quota import Quota
from mab_gym.serve._worlds import Worlds
from tests.fhir.serving import serve
from tests.serve.running import Answer, SlowServer, ask, meanwhile, own, patient, running, shared

ONE, OTHER = "X-MAB-Session: one", "X-MAB-Session: other"


@pytest.mark.parametrize(
    "request_", [("GET", "/fhir/Patient?name=slow", None), ("PUT", "/fhir/Patient/slow", patient("slow"))]
)
def test_others_are_served_while_one_works_in_its_own_session(request_: tuple[str, str, object]) -> None:
    server = SlowServer()
    with running(own(server=server)) as port, meanwhile(server, port, [request_] * 5, ONE) as slow:
        assert ask(port, "PUT", "/fhir/Patient/p1", OTHER, body=patient("p1")).status == 201
        assert ask(port, "GET", "/fhir/Patient/p1", OTHER).status == 200
        assert ask(port, "GET", "/fhir/metadata").status == 200
        assert ask(port, "POST", "/reset", OTHER).status == 204
        assert not slow
    assert {answer.status for answer in slow} <= {200, 201}


def test_others_read_and_write_while_one_reads_in_a_shared_session() -> None:
    server = SlowServer()
    with running(shared(server=server)) as port:
        assert ask(port, "PUT", "/fhir/Patient/p1", body=patient("p1")).status == 201
        with meanwhile(server, port, [("GET", "/fhir/Patient?_id=p1,slow", None)] * 2, together=2) as slow:
            assert ask(port, "GET", "/fhir/Patient/p1").status == 200
            assert ask(port, "PUT", "/fhir/Patient/p1", body=patient("p1", active=True)).status == 200
            assert '"active": true' in ask(port, "GET", "/fhir/Patient/p1").text
            assert not slow
        assert [answer.status for answer in slow] == [200] * 2
        # They began before the write and show what was there then.
        assert not any("active" in answer.text for answer in slow)


def test_others_read_while_one_writes_much_in_a_shared_session() -> None:
    server = SlowServer()
    long = patient("slow", name=[{"text": "x" * LARGE_BODY}])
    with running(shared(server=server)) as port:
        assert ask(port, "PUT", "/fhir/Patient/p1", body=patient("p1")).status == 201
        with meanwhile(server, port, [("PUT", "/fhir/Patient/slow", long)]) as slow:
            assert ask(port, "GET", "/fhir/Patient/p1").status == 200
            assert ask(port, "GET", "/fhir/Patient?_summary=count").text.count('"total": 1')
            assert not slow
        assert [answer.status for answer in slow] == [201]
        assert ask(port, "GET", "/fhir/Patient/slow").status == 200


def test_a_session_goes_back_while_another_works() -> None:
    server = SlowServer()
    with running(own(server=server)) as port, meanwhile(server, port, [("GET", "/fhir/Patient?name=slow", None)], ONE):
        assert ask(port, "POST", "/fhir/Patient", OTHER, body={"resourceType": "Patient"}).status == 201
        assert ask(port, "POST", "/reset", OTHER).status == 204
        assert ask(port, "GET", "/fhir/Patient?_summary=count", OTHER).text.count('"total": 0')


# --- sessions ----------------------------------------------------------------------------------------------------


def open_sessions(worlds: OwnWorlds) -> int:
    return len(worlds._untouched) + len(worlds._written)


def write(worlds: Worlds, **headers: str) -> str | None:
    place, name = worlds.place({key.replace("_", "-"): value for key, value in headers.items()}, reading=False)
    response = place.answer(
        Request("POST", "Patient", {"content-type": "application/fhir+json"}, '{"resourceType":"Patient"}')
    )
    assert response.status == 201
    return name


def test_who_only_reads_and_names_no_session_needs_none() -> None:
    worlds = own()
    for _ in range(10_000):
        worlds.place({}, reading=True)
    assert open_sessions(worlds) == 0
    assert write(worlds)


def test_ten_thousand_reads_shut_nobody_out() -> None:
    worlds = own()
    kept = write(worlds)
    for number in range(10_500):
        worlds.place({"x-mab-session": f"reads {number}"}, reading=True)
    assert open_sessions(worlds) <= ServeLimits().sessions
    assert write(worlds)
    place, _ = worlds.place({"cookie": f"mab_session={kept}"}, reading=True)
    assert place.answer(Request("GET", "Patient?_summary=count")).body.count('"total": 1')


def test_sessions_with_writes_stay_and_untouched_ones_make_room() -> None:
    worlds = own(ServeLimits(sessions=2, session_idle=3600))
    write(worlds, x_mab_session="a")
    worlds.place({"x-mab-session": "b"}, reading=True)
    write(worlds, x_mab_session="c")
    assert open_sessions(worlds) == 2
    for name in ("a", "c"):
        place, _ = worlds.place({"x-mab-session": name}, reading=True)
        assert place.answer(Request("GET", "Patient?_summary=count")).body.count('"total": 1')
    with pytest.raises(FhirError, match="There are 2 sessions already") as caught:
        worlds.place({"x-mab-session": "d"}, reading=True)
    assert caught.value.status == 503
    worlds.end({"x-mab-session": "a"})
    write(worlds, x_mab_session="d")


@pytest.mark.parametrize(("quiet", "makes_room"), [(-1.0, "reads"), (3600.0, "writes once")])
def test_a_session_that_only_reads_is_kept_while_it_is_in_use(
    quiet: float, makes_room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold pages of a search that its client is about to ask for."""
    worlds = own(ServeLimits(sessions=2, session_idle=-1.0))
    write(worlds, x_mab_session="writes once")
    worlds.place({"x-mab-session": "reads"}, reading=True)
    monkeypatch.setattr("mab_gym.serve._worlds.USED_ONCE_SECONDS", quiet)
    write(worlds, x_mab_session="new")
    assert worlds.named({"x-mab-session": makes_room}) is None
    assert open_sessions(worlds) == 2


def test_the_session_that_was_idle_longest_makes_room() -> None:
    worlds = own(ServeLimits(sessions=1, session_idle=-1.0))
    name = write(worlds)
    write(worlds, x_mab_session="new")
    with pytest.raises(FhirError, match="has ended") as caught:
        worlds.place({"cookie": f"mab_session={name}"}, reading=True)
    assert caught.value.status == 410


def next_link(answer: Answer) -> str:
    links = json.loads(answer.text)["link"]
    return next(str(link["url"]) for link in links if link["relation"] == "next").partition("localhost")[2]


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [entry["resource"]["id"] for entry in json.loads(answer.text)["entry"]]


def test_links_can_be_followed_without_a_session_and_after_it_began() -> None:
    server = serve(patient(f"p{number}") for number in range(6)).server
    with running(own(server=server)) as port:
        first = ask(port, "GET", "/fhir/Patient?_count=2")
        other = ask(port, "GET", "/fhir/Patient?_count=2&_sort=-_id")
        assert "set-cookie" not in first.head
        assert ids(ask(port, "GET", next_link(first))) == ["p2", "p3"]
        begun = ask(port, "POST", "/fhir/Patient", body={"resourceType": "Patient"})
        cookie = f"Cookie: {begun.header('set-cookie').split(';')[0]}"
        assert len(ids(ask(port, "GET", "/fhir/Patient?_count=3", cookie))) == 3
        assert ids(ask(port, "GET", next_link(first), cookie)) == ["p2", "p3"]
        assert ids(ask(port, "GET", next_link(other), cookie)) == ["p3", "p2"]
        assert ask(port, "GET", "/fhir?_getpages=no-such-search", cookie).status == 410


# --- how much they may store -------------------------------------------------------------------------------------

SMALL = ServeLimits(session_bytes=200_000, stored_bytes=300_000, session_share=40_000)


def stored(size: int) -> dict[str, object]:
    return {"resourceType": "Patient", "name": [{"text": "x" * size}]}


def test_a_session_is_refused_what_does_not_fit_and_keeps_the_rest() -> None:
    with running(own(SMALL), SMALL) as port:
        assert ask(port, "POST", "/fhir/Patient", ONE, body=stored(60_000)).status == 201
        refused = ask(port, "POST", "/fhir/Patient", ONE, body=stored(60_000))
        assert refused.status == 507
        assert "POST /reset" in refused.outcome
        assert "DELETE /session" in refused.outcome
        assert "--session-bytes" in refused.outcome
        assert ask(port, "GET", "/fhir/Patient?_summary=count", ONE).text.count('"total": 1')
        assert ask(port, "POST", "/fhir/Patient", ONE, body=stored(100)).status == 201
        assert ask(port, "POST", "/reset", ONE).status == 204
        assert ask(port, "POST", "/fhir/Patient", ONE, body=stored(60_000)).status == 201


def test_all_versions_count_and_a_transaction_is_taken_back_whole() -> None:
    with running(own(SMALL), SMALL) as port:
        for version in range(3):
            body = {**patient("p1"), "name": [{"text": "x" * 30_000 + str(version)}]}
            assert ask(port, "PUT", "/fhir/Patient/p1", ONE, body=body).status in (200, 201)
        entries = [{"request": {"method": "POST", "url": "Patient"}, "resource": stored(size)} for size in (10, 9000)]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        assert ask(port, "POST", "/fhir", ONE, body=bundle).status == 507
        assert ask(port, "GET", "/fhir/Patient?_summary=count", ONE).text.count('"total": 1')


def test_all_sessions_share_what_there_is_and_each_keeps_a_little() -> None:
    with running(own(SMALL), SMALL) as port:
        for name in ("a", "b"):
            assert ask(port, "POST", "/fhir/Patient", f"X-MAB-Session: {name}", body=stored(90_000)).status == 201
        refused = ask(port, "POST", "/fhir/Patient", ONE, body=stored(50_000))
        assert refused.status == 507
        assert "--stored-bytes" in refused.outcome
        assert ask(port, "POST", "/fhir/Patient", ONE, body=stored(10_000)).status == 201
        assert ask(port, "DELETE", "/session", "X-MAB-Session: a").status == 204
        assert ask(port, "POST", "/fhir/Patient", ONE, body=stored(50_000)).status == 201


def test_a_shared_session_may_have_all_there_is() -> None:
    with running(shared(SMALL), SMALL) as port:
        assert ask(port, "POST", "/fhir/Patient", body=stored(120_000)).status == 201
        refused = ask(port, "POST", "/fhir/Patient", body=stored(60_000))
        assert refused.status == 507
        assert "--stored-bytes" in refused.outcome
        assert "DELETE /session" not in refused.outcome
        assert ask(port, "POST", "/reset").status == 204
        assert ask(port, "POST", "/fhir/Patient", body=stored(120_000)).status == 201


def test_what_ends_gives_back_all_that_it_held() -> None:
    worlds = own(SMALL)
    quota: Quota = worlds._quota
    for number in range(50):
        name = write(worlds, x_mab_session=f"s{number}")
        assert name is None
        worlds.end({"x-mab-session": f"s{number}"})
    assert quota._pooled == 0
