"""Bodies compressed by gzip, both ways; what is sent small counts by what it unpacks to."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator

import pytest

from mab_gym.serve import ServeLimits
from tests.serve.running import FHIR, Answer, Client, ask, patient, running, shared

PATIENT = json.dumps(patient("p1", gender="female")).encode()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server for requests that it refuses."""
    with running(shared()) as port:
        yield port


def put(port: int, body: bytes, *headers: str) -> Answer:
    with Client(port) as client:
        return client.ask("PUT", "/fhir/Patient/p1", FHIR, *headers, body=body)


def packed(port: int, path: str, accepted: str) -> tuple[str, bytes]:
    """The Content-Encoding of an answer, and its bytes."""
    with Client(port) as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {accepted}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client._file.readline()
        answer = Answer(int(head.split()[1]), head.decode(), "")
        return answer.header("content-encoding"), client._file.read(int(answer.header("content-length")))


def test_bodies_are_unpacked() -> None:
    halves = gzip.compress(PATIENT[:9]) + gzip.compress(PATIENT[9:])
    with running(shared()) as port:
        for body in (
            gzip.compress(PATIENT),
            halves,
            gzip.compress(PATIENT) + b"behind",
            gzip.compress(PATIENT) + b"\x1f",
        ):
            assert put(port, body, "Content-Encoding: gzip").status in (200, 201)
        assert json.loads(ask(port, "GET", "/fhir/Patient/p1").text)["gender"] == "female"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PATIENT, "Not in GZIP format"),
        (gzip.compress(PATIENT, mtime=0)[:25], "Unexpected end of ZLIB input stream"),
        (gzip.compress(PATIENT, mtime=0)[:-8] + b"00000000", "Corrupt GZIP trailer"),
        (b"\x1f\x8b\x07" + bytes(7), "Unsupported compression method"),
        (b"\x1f", "null"),
    ],
    ids=["no gzip", "cut off", "another check sum", "another method", "a byte"],
)
def test_what_is_no_gzip_is_refused_in_hapis_words(port: int, body: bytes, reason: str) -> None:
    refused = put(port, body, "Content-Encoding: gzip")
    assert (refused.status, refused.outcome) == (400, f"HAPI-0308: Could not load request resource: {reason}")


@pytest.mark.parametrize("coding", ["deflate", "br", "GZIP", "gzip, gzip"])
def test_other_codings_are_not_known(port: int, coding: str) -> None:
    assert put(port, zlib.compress(PATIENT), f"Content-Encoding: {coding}").status == 400


def test_a_bomb_is_refused_as_the_long_body_that_it_is() -> None:
    limits = ServeLimits(body=100_000)
    with running(shared(limits), limits) as port:
        for body in (b"x" * 50_000_000, b"", PATIENT + b" " * 99_000):
            sent = gzip.compress(body)
            assert len(sent) < 100_000
            refused = put(port, sent, "Content-Encoding: gzip")
            assert refused.status == {50_000_000: 413, 0: 400}.get(len(body), 201)
        assert put(port, gzip.compress(b"") * 6_000, "Content-Encoding: gzip").status == 413  # long, and nothing in it


def test_answers_are_packed_where_hapi_packs_them() -> None:
    with running(shared()) as port:
        put(port, PATIENT)
        coding, body = packed(port, "/fhir/Patient/p1", "br, gzip")
        assert coding == "gzip"
        assert json.loads(gzip.decompress(body))["id"] == "p1"
        for path, accepted in (("/fhir/Patient/p1", "gzip;q=1"), ("/fhir/Patient/p1", "GZIP"), ("/fhir/Foo", "gzip")):
            coding, body = packed(port, path, accepted)
            assert not coding
            assert json.loads(body)


def test_binaries_come_as_they_are_whatever_is_accepted() -> None:
    with running(shared()) as port:
        with Client(port) as client:
            assert client.ask("PUT", "/fhir/Binary/b", "Content-Type: image/png", body=b"\x89PNG\xff").status == 201
        assert packed(port, "/fhir/Binary/b", "gzip") == ("", b"\x89PNG\xff")
