"""HTTP to one base: nothing else is reached, and failures are told from answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mab_gym.client._transport import HEADERS_VARIABLE, TOKEN_VARIABLE, Transport, secret_headers
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.fhir.http._server import Request, Response
from tests.backends.hospital import CUT, Hospital, hospital


@pytest.fixture
def place() -> Iterator[Hospital]:
    with hospital() as running:
        yield running


@pytest.fixture
def transport(place: Hospital) -> Iterator[Transport]:
    made = Transport(place.base, timeout=30)
    yield made
    made.close()


@given(target=st.one_of(st.text(), st.from_regex(r"[A-Za-z/.%?&=#:@\\]{0,40}"), st.just("../" * 5 + "etc")))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_target_leaves_the_base(place: Hospital, transport: Transport, target: str) -> None:
    before = len(place.seen)
    response = transport.send(Request("GET", target))
    assert isinstance(response, Response)
    for _, path, _ in place.seen[before:]:
        assert path.partition("?")[0] == "/fhir" or path.startswith(("/fhir/", "/fhir?"))
        assert ".." not in path.partition("?")[0].split("/")


@given(body=st.text())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_body_is_sent_or_refused(transport: Transport, body: str) -> None:
    assert transport.send(Request("POST", "Observation", {"content-type": "application/fhir+json"}, body)).status >= 400


def test_reading_is_tried_again_and_writing_is_not(place: Hospital, transport: Transport) -> None:
    faults = iter([CUT, None, CUT])
    place.fault = lambda method, target: next(faults)
    assert transport.send(Request("GET", "Patient/S1")).status == 200
    with pytest.raises(InfrastructureError, match="did not answer"):
        transport.send(Request("POST", "Observation", {}, "{}"))
    assert len(place.asked("POST")) == 1


def test_slow_answers_and_none_are_failures(place: Hospital) -> None:
    place.fault = lambda method, target: 2.0
    hasty = Transport(place.base, timeout=0.5)
    with pytest.raises(InfrastructureError, match="too slow"):
        hasty.send(Request("GET", "Patient/S1"))
    hasty.close()
    closed = Transport("http://127.0.0.1:9/fhir")
    with pytest.raises(InfrastructureError, match="did not answer"):
        closed.send(Request("GET", "Patient/S1"))
    closed.close()


def test_a_server_can_be_told_its_name(place: Hospital) -> None:
    transport = Transport(place.base, "http://localhost:8080/fhir")
    links = json.loads(transport.send(Request("GET", "Observation?_count=1")).body)["link"]
    assert all(link["url"].startswith("http://localhost:8080/fhir") for link in links)
    transport.close()


@pytest.mark.parametrize("wrong", ["localhost:8080", "ftp://a.example/fhir", "", "http://[::bad/fhir"])
def test_what_is_no_url_is_said(wrong: str) -> None:
    with pytest.raises(UsageError, match="base URL"):
        Transport(wrong)


def test_passwords_in_urls_are_refused_without_being_shown() -> None:
    with pytest.raises(UsageError, match=HEADERS_VARIABLE) as caught:
        Transport("http://user:s3cret@a.example/fhir")
    assert "s3cret" not in str(caught.value)


def test_headers_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    monkeypatch.setenv(HEADERS_VARIABLE, '{"X-Api-Key": "k"}')
    assert secret_headers() == {"X-Api-Key": "k"}
    monkeypatch.setenv(TOKEN_VARIABLE, "t")
    assert secret_headers() == {"X-Api-Key": "k", "Authorization": "Bearer t"}
    for wrong in ("s3cret", '{"a": 1}', '["s3cret"]'):
        monkeypatch.setenv(HEADERS_VARIABLE, wrong)
        with pytest.raises(UsageError, match="JSON object") as caught:
            secret_headers()
        assert "s3cret" not in str(caught.value)
