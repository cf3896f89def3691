"""Connections that are slow, endless, many or no HTTP: they are ended in time, in words, and others are served."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from mab_gym.serve import ServeLimits
from tests.fhir.serving import serve
from tests.serve.running import FHIR, Client, ask, own, patient, running, shared

KIB = 1024
TIGHT = ServeLimits(
    body=256 * KIB,
    bodies=512 * KIB,
    small_body=4 * KIB,
    header_bytes=8 * KIB,
    header_seconds=1.5,
    body_seconds=1.5,
    body_rate=64 * KIB,
    answer_seconds=1.0,
    answer_rate=64 * 1024 * KIB,
    keep_alive=3,
)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running(shared(TIGHT), TIGHT) as port:
        yield port
        assert ask(port, "GET", "/fhir/metadata").status == 200


def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    with Client(port) as client:
        assert client.closed


@pytest.mark.parametrize("drips", [False, True])
def test_headers_that_do_not_come_are_408(port: int, drips: bool) -> None:
    with Client(port) as client:
        client.send(b"GET /fhir/Patient HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        if drips:
            client.send(b"x")
        answer = client.read()
        assert answer.status == 408
        assert "headers must come within" in answer.outcome
        assert client.closed


def test_headers_of_a_second_request_that_do_not_come_are_408(port: int) -> None:
    with Client(port) as client:
        assert client.ask("GET", "/fhir/Patient").status == 200
        client.send(b"GET /fhir/Pat")
        assert client.read().status == 408
        assert client.closed


def test_an_idle_connection_is_closed_whatever_it_sends(port: int) -> None:
    with Client(port) as client:
        assert client.ask("GET", "/fhir/Patient").status == 200
        client.send(b"\r\n")
        assert client.closed


def test_headers_without_end_are_431(port: int) -> None:
    with Client(port) as client:
        client.send(b"GET /fhir/Patient HTTP/1.1\r\nHost: localhost\r\n")
        for number in range(9):
            client.send(b"X-%d: " % number + b"y" * 1000 + b"\r\n")
        assert client.read().status == 431


def test_a_body_that_does_not_come_is_408(port: int) -> None:
    with Client(port) as client:
        client.send(
            f"POST /fhir/Patient HTTP/1.1\r\nHost: localhost\r\n{FHIR}\r\nContent-Length: 50\r\n\r\n{{".encode()
        )
        answer = client.read()
        assert answer.status == 408
        assert "did not come in time" in answer.outcome
        assert client.closed


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_long_is_413_and_the_client_sees_it(port: int, announced: bool) -> None:
    """Even one that sends all of it before it looks at the answer."""
    part = b" " * 1024 * KIB
    how = f"Content-Length: {40 * len(part)}" if announced else "Transfer-Encoding: chunked"
    with Client(port) as client:
        client.send(f"POST /fhir/Patient HTTP/1.1\r\nHost: localhost\r\n{FHIR}\r\n{how}\r\n\r\n".encode())
        for _ in range(40):
            client.send(part if announced else b"%x\r\n%s\r\n" % (len(part), part))
        answer = client.read()
        assert answer.status == 413
        assert "--body-bytes" in answer.outcome
        assert client.closed


def test_who_asks_first_is_told_before_it_sends(port: int) -> None:
    with Client(port) as client:
        client.send(b"POST /fhir/Patient HTTP/1.1\r\nHost: localhost\r\n")
        client.send(b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
        assert client.read().status == 413
    with Client(port) as client:
        client.send(f"PUT /fhir/Patient/e HTTP/1.1\r\nHost: localhost\r\n{FHIR}\r\nExpect: 100-continue\r\n".encode())
        body = json.dumps(patient("e")).encode()
        client.send(f"Content-Length: {len(body)}\r\n\r\n".encode())
        assert client.read().status == 100
        client.send(body)
        assert client.read().status in (200, 201)


def test_websockets_get_an_ordinary_answer(port: int) -> None:
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")
    answer = ask(port, "GET", "/fhir/Patient", *upgrade)
    assert answer.status == 200
    assert answer.header("connection") == "close"
    assert ask(port, "GET", "/chat", *upgrade).status == 404


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00" + bytes(range(256)), b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 10_000],
)
def test_what_is_no_http_is_closed(port: int, garbage: bytes) -> None:
    with Client(port) as client:
        client.send(garbage)
        assert client.read().status in (0, 400)
        assert client.closed


def test_requests_one_after_another_on_one_connection_are_answered_in_order(port: int) -> None:
    with Client(port) as client:
        client.send(b"".join(b"GET /fhir/Patient/n%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % n for n in range(10)))
        for number in range(10):
            assert f"Patient/n{number}" in client.read().text


def test_too_many_requests_at_once_on_one_connection_end_it(port: int) -> None:
    with Client(port) as client:
        client.send(b"GET /fhir/Patient/n HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000)
        answered = 0
        try:
            while client.read().status:
                answered += 1
        except ConnectionError:
            pass
        assert answered < 100


def test_idle_connections_make_room_for_new_ones() -> None:
    limits = ServeLimits(connections=8)
    with running(shared(limits), limits) as port, ExitStack() as stack:
        held = [stack.enter_context(Client(port)) for _ in range(limits.connections)]
        assert [client.ask("GET", "/fhir/Patient").status for client in held] == [200] * len(held)
        assert ask(port, "GET", "/fhir/Patient").status == 200
        assert held[0].closed
        assert held[-1].ask("GET", "/fhir/Patient").status == 200


def test_slow_bodies_make_room_for_others() -> None:
    limits = ServeLimits(body=256 * KIB, bodies=512 * KIB, small_body=4 * KIB, body_seconds=20)
    with running(own(limits), limits) as port, ExitStack() as stack:
        slow = [stack.enter_context(Client(port)) for _ in range(3)]
        for client in slow:
            head = f"POST /fhir/Patient HTTP/1.1\r\nHost: localhost\r\n{FHIR}\r\nContent-Length: {250 * KIB}\r\n\r\n"
            client.send(head.encode() + b" " * 160 * KIB)
        long = {"resourceType": "Patient", "name": [{"text": "x" * 200 * KIB}]}
        assert ask(port, "POST", "/fhir/Patient", body=long).status == 201
        refused = slow[0].read()
        assert refused.status == 503
        assert refused.header("retry-after") == "1"
        assert ask(port, "POST", "/fhir/Patient", body={"resourceType": "Patient"}).status == 201


def test_a_client_that_does_not_read_is_cut_off() -> None:
    server = serve(patient(f"p{n}", name=[{"text": "x" * 4000}]) for n in range(3000)).server
    with running(shared(TIGHT, server), TIGHT) as port, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect(("127.0.0.1", port))
        client.sendall(b"GET /fhir/Patient?_count=3000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(1)
        with pytest.raises(ConnectionError):
            for _ in range(300):
                client.sendall(b"\r\n")
                time.sleep(0.1)
        assert ask(port, "GET", "/fhir/metadata").status == 200
