"""Headers of proxies, which are believed only where the server was told so, and request lines as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mab_gym.fhir.model._outcome import FhirError
from mab_gym.serve import Gate
from tests.serve.running import Client, ask, patient, running, shared

OWN = "http://127.0.0.1:8090/fhir"
PROXY = "records.example.org"
SENT = {"x-forwarded-proto": "https", "x-forwarded-host": PROXY}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server for requests that it refuses."""
    with running(shared()) as port:
        yield port


def base(headers: dict[str, str], **given: Any) -> str:
    gate = Gate(OWN, hosts=[PROXY], **given)
    return gate.admit("GET", "http", {"host": "127.0.0.1:8090", **headers}, "")


def test_by_default_nobody_is_believed() -> None:
    assert base(SENT) == OWN
    assert base({"forwarded": f"proto=https;host={PROXY}"}) == OWN


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        (SENT, f"https://{PROXY}/fhir"),
        ({**SENT, "x-forwarded-port": "443"}, f"https://{PROXY}/fhir"),
        ({**SENT, "x-forwarded-port": "8443"}, f"https://{PROXY}:8443/fhir"),
        ({**SENT, "x-forwarded-host": f"{PROXY}:81", "x-forwarded-port": "8443"}, f"https://{PROXY}:81/fhir"),
        ({**SENT, "x-forwarded-prefix": "/a/b/"}, f"https://{PROXY}/a/b/fhir"),
        ({**SENT, "x-forwarded-prefix": "/a?b"}, f"https://{PROXY}/fhir"),
        ({**SENT, "x-forwarded-host": f"{PROXY}, inner"}, f"https://{PROXY}/fhir"),
        ({"x-forwarded-proto": "https"}, "https://127.0.0.1:8090/fhir"),
        ({"x-forwarded-proto": "gopher"}, OWN),
        ({"forwarded": f'for=1.2.3.4;proto=https;host="{PROXY}:444", for=inner'}, f"https://{PROXY}:444/fhir"),
    ],
)
def test_a_proxy_that_is_believed_decides_over_links(headers: dict[str, str], url: str) -> None:
    assert base(headers, forwarded=True) == url


def test_a_proxy_cannot_bring_a_host_that_is_not_allowed() -> None:
    with pytest.raises(FhirError) as caught:
        base({"x-forwarded-host": "evil.example"}, forwarded=True)
    assert caught.value.status == 421
    with pytest.raises(FhirError):
        base({"x-forwarded-host": 'a"><script>'}, forwarded=True)


def test_pages_of_the_proxys_own_address_may_write() -> None:
    gate = Gate(OWN, hosts=[PROXY], forwarded=True)
    sent = {"host": "127.0.0.1:8090", **SENT, "origin": f"https://{PROXY}"}
    assert gate.admit("POST", "http", sent, "") == f"https://{PROXY}/fhir"
    with pytest.raises(FhirError):
        Gate(OWN, hosts=[PROXY]).admit("POST", "http", sent, "")


def test_links_name_the_proxy() -> None:
    with running(shared(), gate=lambda url: Gate(url, hosts=[PROXY], forwarded=True)) as port:
        ask(port, "PUT", "/fhir/Patient/p1", body=patient("p1"))
        seen = ask(port, "GET", "/fhir/Patient", *(f"{name}: {value}" for name, value in SENT.items()))
        assert json.loads(seen.text)["entry"][0]["fullUrl"] == f"https://{PROXY}/fhir/Patient/p1"


@pytest.mark.parametrize(
    "target", ["Patient/[x]", "Patient?name=a b", "Patient?name=\xe9", "Patient#x", "Patient/\x7f"]
)
def test_request_lines_that_are_none_get_the_web_servers_page(port: int, target: str) -> None:
    refused = ask(port, "GET", f"/fhir/{target}")
    assert refused.status == 400
    assert refused.header("content-type") == "text/html;charset=utf-8"


@pytest.mark.parametrize("method", ["FOO", "get", "M-SEARCH", "QUERY"])
def test_methods_that_nobody_knows(port: int, method: str) -> None:
    answer = ask(port, method, "/fhir/Patient?name=x")
    assert answer.status == 501
    assert "<path>/fhir/Patient</path>" in answer.text


def test_what_is_no_http_at_all_ends_the_connection(port: int) -> None:
    with Client(port) as client:
        client.send(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        assert client.read().status == 400
        assert client.closed
