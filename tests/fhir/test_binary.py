"""Binary resources: content that comes and goes as it is."""

from __future__ import annotations

import base64
import json

import pytest

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._server import FhirServer, FhirSession

CONTENT = b"\x00\x01\xffdata"
JSON = "application/fhir+json"


@pytest.fixture
def session() -> FhirSession:
    return FhirServer({}).open()


def store(session: FhirSession, content: bytes = CONTENT, content_type: str = "application/pdf") -> Response:
    headers = {"content-type": content_type} if content_type else {}
    text = content.decode("utf-8", "replace")
    return session.handle(Request("PUT", "Binary/b1", headers, text, content=content))


def read(session: FhirSession, accept: str = "", target: str = "Binary/b1") -> Response:
    return session.handle(Request("GET", target, {"accept": accept} if accept else {}))


def test_content_is_kept_to_the_byte(session: FhirSession) -> None:
    stored = store(session)
    assert (stored.status, stored.content) == (201, CONTENT)
    assert stored.headers["content-location"].endswith("/Binary/b1/_history/1")
    seen = read(session)
    assert (seen.content, seen.headers["content-type"]) == (CONTENT, "application/pdf")
    assert seen.headers["content-disposition"] == "Attachment;"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html", "image/png", "application/pdf"])
def test_only_fhirs_own_media_types_ask_for_the_resource(session: FhirSession, accept: str) -> None:
    store(session)
    assert read(session, accept).content == CONTENT


@pytest.mark.parametrize("accept", [JSON, "text/plain, application/fhir+json", "application/json+fhir"])
def test_the_resource_can_be_had_as_fhir(session: FhirSession, accept: str) -> None:
    store(session)
    for seen in (read(session, accept), read(session, target="Binary/b1?_format=json")):
        resource = json.loads(seen.body)
        assert resource["contentType"] == "application/pdf"
        assert base64.b64decode(resource["data"]) == CONTENT


def test_files_that_are_json_or_xml_themselves(session: FhirSession) -> None:
    store(session, b'{"a": 1}', "application/json")
    assert read(session).body == '{"a": 1}'
    assert read(session, JSON).body == '{"a": 1}'
    assert '"contentType": "application/json"' not in read(session, JSON).body
    assert "<data value=" in read(session, "application/fhir+xml").body


def test_without_a_content_type_it_is_octets(session: FhirSession) -> None:
    assert store(session, content_type="").headers["content-type"] == "application/octet-stream"
    assert "contentType" not in json.loads(read(session, JSON).body)


def test_new_content_is_a_new_version_and_the_old_one_stays(session: FhirSession) -> None:
    for content in (b"one", b"two", b"two"):
        store(session, content, "text/plain;charset=utf-8")
    assert read(session).headers["etag"] == 'W/"2"'
    assert read(session, target="Binary/b1/_history/1").body == "one"
    assert read(session).headers["content-type"] == "text/plain"


def test_a_binary_in_json_is_read_as_it_is_too(session: FhirSession) -> None:
    body = '{"resourceType": "Binary", "id": "b1", "contentType": "text/plain", "data": "aGVsbG8="}'
    stored = session.handle(Request("PUT", "Binary/b1", {"content-type": JSON}, body))
    assert json.loads(stored.body)["data"] == "aGVsbG8="
    assert read(session).content == b"hello"
    assert read(session, target="Binary").headers["content-type"].startswith(JSON)


def test_the_security_context_comes_and_goes_in_its_header(session: FhirSession) -> None:
    headers = {"content-type": "text/plain", "x-security-context": "Patient/p1"}
    session.handle(Request("PUT", "Binary/b1", headers, "x"))
    assert read(session).headers["x-security-context"] == "Patient/p1"
    assert json.loads(read(session, JSON).body)["securityContext"] == {"reference": "Patient/p1"}


def test_content_costs_like_any_body(session: FhirSession) -> None:
    refused = session.handle(Request("POST", "Binary", {"content-type": "text/plain"}, "x" * 5_000_000))
    assert refused.status == 413
    assert session.written == 0
