"""The hosts and the web pages that are let in, and the address that links name."""

from __future__ import annotations

import json

import pytest

from mab_gym.errors import UsageError
from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.http._server import DEFAULT_BASE_URL, FhirServer
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.serve import Gate
from tests.serve.running import ask, own, patient, running, shared

OWN = "http://10.0.0.7:8090/fhir"
PAGE = "https://app.example.org"


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:1", "127.0.0.1:8090", "127.8.9.1", "[::1]:80", "10.0.0.7:8090", "10.0.0.7", "192.168.1.2"],
)
def test_loopback_and_its_own_addresses_are_the_servers_names(host: str) -> None:
    assert Gate(OWN).admit("GET", "http", {"host": host}, "192.168.1.2") == f"http://{host}/fhir"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8090", 421),
        ("192.168.1.3", 421),
        ("records.example.org:81", 421),
        ('a"><script>', 400),
        ("localhost, evil.example", 400),
        ("[::1", 400),
        ("localhost:port", 400),
        ("user@localhost", 400),
    ],
)
def test_other_hosts_are_refused(host: str, status: int) -> None:
    gate = Gate(OWN, hosts=["records.example.org:80"])
    with pytest.raises(FhirError) as caught:
        gate.admit("GET", "http", {"host": host}, "10.0.0.7")
    assert caught.value.status == status


def test_hosts_can_be_allowed() -> None:
    gate = Gate(OWN, hosts=["Records.example.org", "other.example:8090"])
    assert gate.admit("GET", "http", {"host": "records.example.org:8090"}, "") == "http://records.example.org:8090/fhir"
    assert gate.admit("GET", "http", {"host": "records.example.org."}, "")
    assert gate.admit("GET", "http", {"host": "other.example:8090"}, "")
    with pytest.raises(FhirError, match=r"--allow-host other\.example"):
        gate.admit("GET", "http", {"host": "other.example:8091"}, "")


def test_a_request_without_a_host_gets_the_servers_own_address() -> None:
    assert Gate(OWN).admit("GET", "http", {}, "") == OWN
    assert Gate(OWN, base_url=f"{PAGE}/fhir/").admit("GET", "http", {}, "") == f"{PAGE}/fhir"


def test_behind_a_proxy_links_name_the_proxy() -> None:
    gate = Gate(OWN, base_url=f"{PAGE}/fhir")
    for host in ("app.example.org", "localhost:8090"):
        assert gate.admit("POST", "http", {"host": host, "origin": PAGE}, "") == f"{PAGE}/fhir"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost"},
        {"origin": "https://localhost:8090"},
        {"origin": "http://localhost:3000", "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_others_may_not_write(method: str, headers: dict[str, str]) -> None:
    with pytest.raises(FhirError, match="--allow-origin") as caught:
        Gate(OWN, origins=[PAGE]).admit(method, "http", {"host": "localhost:8090", **headers}, "")
    assert caught.value.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:8090", "sec-fetch-site": "same-origin"},
        {"origin": PAGE, "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none"},
    ],
)
def test_programs_own_pages_and_allowed_ones_may_write(headers: dict[str, str]) -> None:
    assert Gate(OWN, origins=[PAGE + "/"]).admit("POST", "http", {"host": "localhost:8090", **headers}, "")


def test_resets_and_writes_of_foreign_pages_change_nothing() -> None:
    with running(shared()) as port:
        assert ask(port, "PUT", "/fhir/Patient/p1", body=patient("p1")).status == 201
        for method, path in (
            ("POST", "/reset"),
            ("DELETE", "/session"),
            ("POST", "/fhir/Patient"),
            ("DELETE", "/fhir/Patient/p1"),
        ):
            refused = ask(port, method, path, "Origin: https://evil.example", body=patient("p2"))
            assert refused.status == 403, (method, path)
        read = ask(port, "GET", "/fhir/Patient/p1", "Origin: https://evil.example")
        assert read.status == 200  # a browser keeps it from the page
        assert not read.header("access-control-allow-origin")


def test_rebound_names_read_nothing() -> None:
    with running(shared()) as port:
        refused = ask(port, "GET", "/fhir/Patient", host="evil.example")
        assert refused.status == 421
        assert json.loads(refused.text)["resourceType"] == "OperationOutcome"
        assert "<script>" not in ask(port, "GET", "/fhir/Patient", host='a"><script>').text


def test_allowed_pages_are_told_that_they_may() -> None:
    with running(shared(), gate=lambda url: Gate(url, origins=[PAGE])) as port:
        asked = ask(port, "OPTIONS", "/fhir/Patient", f"Origin: {PAGE}", "Access-Control-Request-Method: PUT")
        assert asked.status == 200
        assert asked.header("access-control-allow-origin") == PAGE
        assert "PUT" in asked.header("access-control-allow-methods")
        assert "If-Match" in asked.header("access-control-allow-headers")
        written = ask(port, "PUT", "/fhir/Patient/p1", f"Origin: {PAGE}", body=patient("p1"))
        assert written.status == 201
        assert written.header("access-control-allow-origin") == PAGE
        assert "Location" in written.header("access-control-expose-headers")
        assert written.header("vary") == "Origin"
        foreign = ask(port, "OPTIONS", "/fhir", "Origin: https://evil.example", "Access-Control-Request-Method: PUT")
        assert foreign.status == 200
        assert not foreign.text
        assert not foreign.header("access-control-allow-origin")
        assert not foreign.header("access-control-allow-methods")
        assert not ask(port, "GET", "/fhir/Patient", "Origin: https://evil.example").header(
            "access-control-allow-origin"
        )


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_pages_are_told_of_every_method(method: str) -> None:
    asked = {"origin": PAGE, "access-control-request-method": method}
    granted = Gate(OWN, origins=[PAGE]).preflight("OPTIONS", asked)
    assert granted is not None
    assert method in granted["access-control-allow-methods"].split(", ")
    assert Gate(OWN, origins=[PAGE]).preflight("OPTIONS", {**asked, "access-control-request-method": "TRACE"}) == {}


def test_named_pages_may_bring_cookies_and_all_pages_may_not() -> None:
    named = Gate(OWN, origins=[PAGE]).grants({"origin": PAGE})
    assert named["access-control-allow-origin"] == PAGE
    assert named["access-control-allow-credentials"] == "true"
    for origin in (PAGE, "null", "http://any.example"):
        granted = Gate(OWN, origins=["*"]).grants({"origin": origin})
        assert granted["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in granted


def test_all_pages_may_write_where_the_server_was_told_so() -> None:
    gate = Gate(OWN, origins=["*"])
    for headers in ({"origin": "https://any.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert gate.admit("POST", "http", {"host": "localhost", **headers}, "")


@pytest.mark.parametrize("bad", ["http://a.example", "a b", "", "a.example/fhir", "*"])
def test_hosts_that_are_none_are_refused(bad: str) -> None:
    with pytest.raises(UsageError, match="--allow-host takes"):
        Gate(OWN, hosts=[bad])


# --- links -------------------------------------------------------------------------------------------------------


def test_links_are_never_those_of_another_clients_request() -> None:
    with running(shared()) as port:
        ask(port, "PUT", "/fhir/Patient/p1", body=patient("p1"), host="localhost:1111")
        for _ in range(3):
            seen = ask(port, "GET", "/fhir/Patient", host=f"127.0.0.1:{port}")
            assert "localhost" not in seen.text
            assert f"http://127.0.0.1:{port}/fhir/Patient/p1" in seen.text
            assert (
                "http://localhost:1111/fhir/Patient/p1" in ask(port, "GET", "/fhir/Patient", host="localhost:1111").text
            )
        nameless = ask(port, "GET", "/fhir/Patient", host=None)
        assert f"http://127.0.0.1:{port}/fhir/Patient/p1" in nameless.text
        made = ask(port, "POST", "/fhir/Patient", body={"resourceType": "Patient"}, host=None)
        assert made.header("location").startswith(f"http://127.0.0.1:{port}/fhir/Patient/")


def test_what_proxies_say_is_not_believed() -> None:
    forged = ("X-Forwarded-Proto: gopher", "X-Forwarded-Host: evil.example", "Forwarded: host=evil.example;proto=https")
    with running(own()) as port:
        seen = ask(port, "POST", "/fhir/Patient", *forged, body={"resourceType": "Patient"})
        assert seen.header("location").startswith("http://localhost/fhir/Patient/")
        assert "evil" not in seen.head + seen.text


def test_a_request_that_names_no_base_gets_the_servers_own() -> None:
    session = FhirServer({}).open()
    session.handle(
        Request(
            "PUT", "Patient/p1", {"content-type": "application/fhir+json"}, json.dumps(patient("p1")), "http://a/fhir"
        )
    )
    assert f'"{DEFAULT_BASE_URL}/Patient/p1"' in session.handle(Request("GET", "Patient")).body
    assert '"http://b/fhir/Patient/p1"' in session.handle(Request("GET", "Patient", base_url="http://b/fhir")).body
