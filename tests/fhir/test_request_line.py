"""Refusals of HAPI's web server, and the way in which HAPI reads what that lets through."""

from __future__ import annotations

import json

import pytest

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._server import FhirSession
from tests.fhir.serving import named, serve

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def session() -> FhirSession:
    return serve([named("p1", "Lee"), named("p2", "Ito")])


def ask(session: FhirSession, target: str, method: str = "GET") -> Response:
    return session.handle(Request(method, target))


def said(answer: Response) -> str:
    return str(json.loads(answer.body)["issue"][0]["diagnostics"])


@pytest.mark.parametrize("character", [*'[]{}|\\^`"<>#\t\x00\x7f é', "\ud800"])
@pytest.mark.parametrize("target", ["Patient/a{}", "Patient?name=a{}", "Patient?na{}me=x"])
def test_characters_that_have_to_be_encoded_are_refused(session: FhirSession, target: str, character: str) -> None:
    answer = ask(session, target.replace("{}", character))
    assert answer.status == 400
    assert answer.headers["content-type"] == "text/html;charset=utf-8"
    assert "<h1>HTTP Status 400 – Bad Request</h1>" in answer.body


@pytest.mark.parametrize("escape", ["%", "%z0", "%2F", "%2f", "%5C", "%00", "%C3", "%FF"])
def test_paths_hold_no_slashes_in_disguise_and_nothing_broken(session: FhirSession, escape: str) -> None:
    assert ask(session, f"Patient/a{escape}").status == 400


@pytest.mark.parametrize(
    "target", ["Patient/p1", "/Patient//p1/", "Patient/%70%31", "%50atient/p1", "Patient/%2570%31"]
)
def test_paths_that_mean_the_same(session: FhirSession, target: str) -> None:
    assert json.loads(ask(session, target).body)["id"] == "p1"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("Patient?name=%zz", 'Illegal hex characters in escape (%) pattern - Error at index 0 in: "zz"'),
        ("Patient?na%eme=1", 'Illegal hex characters in escape (%) pattern - Error at index 1 in: "em"'),
        ("Patient?name=%-1", "Illegal hex characters in escape (%) pattern - negative value"),
        ("Foo?x=%", "Incomplete trailing escape (%) pattern"),
        ("metadata?x=a%b&y=1", "Incomplete trailing escape (%) pattern"),
        ("Patient/a%25b/_history/1", "Incomplete trailing escape (%) pattern"),
    ],
)
def test_hapi_fails_over_broken_escapes(session: FhirSession, target: str, words: str) -> None:
    answer = ask(session, target)
    assert answer.status == 500
    assert said(answer) == f"URLDecoder: {words}"


def test_methods_that_hapi_never_sees(session: FhirSession) -> None:
    for method in ("QUERY", "get", "LINK"):
        answer = ask(session, "Patient/p1", method)
        assert answer.status == 501
        assert "<error>Not Implemented</error><path>/fhir/Patient/p1</path>" in answer.body
    traced = ask(session, "Patient/p1", "TRACE")
    assert (traced.status, traced.headers["allow"], traced.body) == (405, "HEAD, DELETE, POST, GET, OPTIONS, PUT", "")
    assert ask(session, "Patient/p1", "CONNECT").status == 501


def test_only_forms_add_parameters_to_a_search(session: FhirSession) -> None:
    def found(headers: dict[str, str], body: str, target: str = "Patient/_search") -> int:
        return int(json.loads(session.handle(Request("POST", target, headers, body)).body)["total"])

    assert found(FORM, "name=ito") == 1
    assert found({"content-type": f"{FORM['content-type']};charset=UTF-8"}, "name=ito") == 1
    assert found(FORM, "name=%zz") == 2
    for content_type in ("text/plain", "application/json", "APPLICATION/X-WWW-FORM-URLENCODED", ""):
        assert found({"content-type": content_type}, "name=ito") == 2
        assert found({"content-type": content_type}, "name=ito", "Patient/_search?name=ito") == 1
    assert found({}, "name=ito") == 2


def test_a_form_says_the_format_too(session: FhirSession) -> None:
    answer = session.handle(Request("POST", "Patient/_search", FORM, "name=ito&_format=xml"))
    assert answer.headers["content-type"] == "application/fhir+xml;charset=UTF-8"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_histories_come_whatever_the_method_is(session: FhirSession, method: str) -> None:
    assert ask(session, "Patient/p1/_history", method).status == 200
    assert ask(session, "_history", method).status == 200
    assert session.written == 0


def test_metadata_may_only_be_got_but_options_of_the_base_is_the_same(session: FhirSession) -> None:
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
        answer = ask(session, "metadata", method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET")
    assert json.loads(ask(session, "", "OPTIONS").body)["resourceType"] == "CapabilityStatement"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/fhir+xml, application/fhir+json", "application/fhir+json"),
        ("application/fhir+xml;q=0.9, application/fhir+json;q=0.8", "application/fhir+xml"),
        ("application/xml;q=0", "application/fhir+xml"),
        ("application/fhir+xml;q=abc", "application/fhir+xml"),
        ("text/plain, application/xml", "application/fhir+xml"),
        ("application/xml+fhir", "application/xml+fhir"),
        ("application/json+fhir", "application/json+fhir"),
        ("application/FHIR+XML", "application/fhir+json"),
        ("application/ndjson", "application/fhir+ndjson"),
        ("image/png", "application/fhir+json"),
    ],
)
def test_what_accept_asks_for(session: FhirSession, accept: str, media_type: str) -> None:
    for target in ("Patient/p1", "Foo", "Patient"):
        answer = session.handle(Request("GET", target, {"accept": accept}))
        assert answer.headers["content-type"] == f"{media_type};charset=UTF-8"
