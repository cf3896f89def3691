"""Refuses what HAPI's web server refuses before HAPI sees it: characters that have to be encoded, odd methods.

These answers are Tomcat's and Spring's, not FHIR: HTML, a small XML document, or no body at all.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes
from xml.sax.saxutils import escape

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.model._outcome import FhirError, sanitized
from mab_gym.fhir.model._url import BROKEN_ESCAPE, Parameters, broken_escape, decode, parse_query

_NEVER_SENT = re.compile(r"[^!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]")
"""Characters that a request line may not hold as they are."""
_NO_PATH = re.compile(r"%(?![0-9A-Fa-f]{2})|%(?:2[Ff]|5[Cc]|00)")
"""In a path: broken escapes, and encoded slashes, backslashes and NULs."""
_SIGNED = re.compile(r"\+[0-9A-Fa-f]")
"""Java reads a sign as a part of the number."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PREFLIGHT = "access-control-request-method"
_FORM_TYPE = "application/x-www-form-urlencoded"
_ALLOWED = "HEAD, DELETE, POST, GET, OPTIONS, PUT"
_PAGE = (
    '<!doctype html><html lang="en"><head><title>HTTP Status {0}</title><style type="text/css">body '
    "{{font-family:Tahoma,Arial,sans-serif;}} h1, h2, h3, b {{color:white;background-color:#525D76;}} h1 "
    "{{font-size:22px;}} h2 {{font-size:16px;}} h3 {{font-size:14px;}} p {{font-size:12px;}} a {{color:black;}} .line "
    "{{height:1px;background-color:#525D76;border:none;}}</style></head><body><h1>HTTP Status {0}</h1></body></html>"
)


def refused(request: Request, timestamp: int) -> Response | None:
    """Returns the web server's refusal of a request; None if HAPI itself would answer it.

    Args:
        request: The request; its target is what stands in the request line.
        timestamp: The time in milliseconds, for Spring's answer.
    """
    if _NEVER_SENT.search(request.target) or _is_broken(request.target):
        return bad_request()
    if request.method == "OPTIONS" and "origin" in request.headers and _PREFLIGHT in request.headers:
        return Response(200, "", {})  # Spring's; the server in front of this one says what a page may do
    if request.method in _METHODS:
        return None
    if request.method == "TRACE":
        return Response(405, "", {"allow": _ALLOWED})
    if request.method == "CONNECT":
        return _page("501 – Not Implemented", 501)
    return spring_error(501, "Not Implemented", f"/fhir/{request.target.partition('?')[0]}", timestamp)


def bad_request() -> Response:
    """Returns Tomcat's answer to what is no request."""
    return _page("400 – Bad Request", 400)


def spring_error(status: int, words: str, path: str, timestamp: int) -> Response:
    """Returns an answer as Spring Boot gives it where nothing else answers."""
    text = (
        f"<Map><timestamp>{timestamp}</timestamp><status>{status}</status><error>{words}</error>"
        f"<path>{escape(path)}</path></Map>"
    )
    return Response(status, text, {"content-type": "application/xml;charset=UTF-8"})


def _page(words: str, status: int) -> Response:
    return Response(status, _PAGE.format(words), {"content-type": "text/html;charset=utf-8"})


def _is_broken(target: str) -> bool:
    """True if a path holds escapes that Tomcat refuses."""
    if "%" not in target:
        return False
    path = target.partition("?")[0]
    if _NO_PATH.search(path):
        return True
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return True
    return False


def check_escapes(method: str, target: str) -> None:
    """Fails as HAPI does over broken percent escapes in the query of a GET, or in an id, which HAPI decodes twice.

    Raises:
        FhirError: 500, in the words of Java's ``URLDecoder``.
    """
    if "%" not in target:
        return
    path, _, query = target.partition("?")
    logical_id = [segment for segment in path.split("/") if segment][1:2] if "%25" in path else []
    for text in [*re.split("[&=]", query if method == "GET" else ""), *map(decode, logical_id)]:
        for broken in BROKEN_ESCAPE.finditer(text):
            if not _SIGNED.fullmatch(broken[1]):
                raise FhirError(500, broken_escape(broken[1]))


def form_parameters(request: Request) -> Parameters:
    """Returns the parameters in the body of a form; HAPI reads them from no other body, and drops broken ones.

    Raises:
        FhirError: 500 for broken ones where the URL has parameters, too.
    """
    headers = request.headers
    if not headers.get("content-type", "").startswith(_FORM_TYPE) or headers.get("content-encoding", "").strip():
        return ()
    body = request.body
    if "%" in body and BROKEN_ESCAPE.search(body):
        if "?" in request.target:
            check_escapes("GET", f"?{body}")
        body = "&".join(part for part in body.split("&") if not BROKEN_ESCAPE.search(part))
    return tuple((sanitized(name), value) for name, value in parse_query(body))
