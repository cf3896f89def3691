"""Negotiates formats as HAPI does: by ``_format``, else the Accept header, else the request's Content-Type."""

from __future__ import annotations

import re
from functools import lru_cache

from mab_gym.fhir.http._binary import as_it_is
from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response
from mab_gym.fhir.http._html_text import HTML, to_html
from mab_gym.fhir.http._media_types import JSON, NEW_TYPES, Encoding, Format, sent_format, stated_format
from mab_gym.fhir.http._request_line import form_parameters
from mab_gym.fhir.model._turtle_text import to_turtle
from mab_gym.fhir.model._url import Parameters, parse_target
from mab_gym.fhir.model._xml_text import to_xml
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._budget import AS_XML, REWRITTEN, Budget

_PAGES: dict[str, Encoding] = {"html/json": "json", "html/xml": "xml", "html/turtle": "turtle"}
_PAGE_TYPES = ("html", "text/html")
_QUALITY = re.compile(r"\s*q\s*=\s*([^;]*)")


def wanted_format(request: Request, parameters: Parameters, *, strict: bool = False) -> Format | None:
    """Returns the format in which a client wants an answer; None if it names none.

    Args:
        request: The request.
        parameters: Its parameters, those of a form, too.
        strict: True for Binary resources, which ``application/json`` does not ask for.
    """
    for name, value in parameters:
        if name == "_format" and (found := stated_format(value)):
            return found
    headers = request.headers
    found = _accepted(headers.get("accept", ""), strict=strict)
    return found or sent_format(headers.get("content-type", ""), strict=strict)


@lru_cache(maxsize=256)
def _accepted(accept: str, *, strict: bool) -> Format | None:
    """Returns the format that an Accept header likes best; JSON of several equal ones."""
    best, chosen = -1.0, None
    for part in accept.split(","):
        text = part.strip(" ")
        stated = re.split("[ ;]", text, maxsplit=1)[0]
        found = stated_format(stated, strict=strict)
        quality = _quality(text[len(stated) + 1 :])
        if found and (quality > best or (quality == best and found.encoding == "json")):
            best, chosen = quality, found
    return chosen


def _quality(settings: str) -> float:
    quality = 1.0
    for setting in settings.split(";"):
        if stated := _QUALITY.fullmatch(setting):
            try:
                quality = max(float(stated[1]), 0.0)
            except ValueError:
                continue
    return quality


def request_parameters(request: Request) -> Parameters:
    """Returns the parameters of a request: those of its target, and those of a form in its body."""
    parameters = parse_target(request.target).parameters
    return parameters + form_parameters(request) if request.method == "POST" else parameters


def is_plain(request: Request) -> bool:
    """True if a client wants FHIR's JSON, as most do; quick, and False in doubt."""
    headers = request.headers
    return (
        headers.get("accept", "*/*") in ("*/*", "", "application/fhir+json", "application/json")
        and headers.get("content-type", "") in ("", "application/fhir+json", "application/json")
        and "format" not in request.target
        and "Binary" not in request.target
        and "%" not in request.target
    )


def page_format(request: Request, parameters: Parameters) -> Format | None:
    """Returns the format that a page for a browser shall show; None if the client wants no page."""
    formats = [value.split(";", 1)[0].strip() for name, value in parameters if name == "_format"]
    if formats:
        if formats[0] in _PAGE_TYPES:
            return wanted_format(request, parameters) or JSON
        encoding = _PAGES.get(formats[0])
        return None if encoding is None else Format(encoding, NEW_TYPES[encoding], "")
    headers = request.headers
    if "x-requested-with" in headers or "origin" in headers or request.method != "GET":
        return None
    if "text/html" not in headers.get("accept", "") or not _likes_pages(headers["accept"]):
        return None
    return wanted_format(request, parameters) or JSON


@lru_cache(maxsize=64)
def _likes_pages(accept: str) -> bool:
    """True if ``text/html`` is among the best of an Accept header.

    A quality counts for what follows, too, until the next one is stated: HAPI reads it so.
    """
    best, quality, liked = -1.0, 1.0, set[str]()
    for part in accept.split(","):
        kind, *settings = part.split(";")
        for setting in settings[:1]:
            quality = _quality(setting) if "q" in setting else quality
        if kind.strip() and quality > best:
            best, liked = quality, set()
        if kind.strip() and quality == best:
            liked.add(kind.strip())
    return "text/html" in liked


def in_format(request: Request, response: Response, budget: Budget, base_url: str) -> Response:
    """Returns an answer in the format that the client wants.

    Args:
        request: The request.
        response: The answer to it, in JSON.
        budget: Pays for writing it in another form.
        base_url: The server's address, for pages and for Turtle.

    Raises:
        FhirError: It would cost too much.
    """
    if is_plain(request) or response.headers.get("content-type") != FHIR_JSON or not response.body:
        return response
    parameters = request_parameters(request)
    if parse_target(request.target).path[:1] == ("Binary",):
        return _of_binary(request, response, parameters, budget, base_url)
    page = page_format(request, parameters)
    if page is not None and not (response.status >= 400 and any(name == "_format" for name, _ in parameters)):
        written = _written(request, response, page, budget, base_url)
        text = to_html(written.body, response.status, f"{base_url}/{request.target}")
        return Response(response.status, text, {"content-type": HTML})
    return _written(request, response, wanted_format(request, parameters) or JSON, budget, base_url)


def _of_binary(request: Request, response: Response, parameters: Parameters, budget: Budget, base_url: str) -> Response:
    """Returns an answer about Binary resources: content as it is, or FHIR where FHIR's own media types are named."""
    wanted = wanted_format(request, parameters, strict=True)
    if response.status < 300 and (len(parse_target(request.target).path) > 1 or request.method != "GET"):
        budget.spend(len(response.body) * REWRITTEN)
        raw = as_it_is(request, response, parse_element(response.body), wanted)
        if raw is not response:
            return raw
    return _written(request, response, wanted or JSON, budget, base_url)


def _written(request: Request, response: Response, wanted: Format, budget: Budget, base_url: str) -> Response:
    """Returns an answer written in a format; HAPI puts XML where NDJSON is wanted."""
    content_type = f"{wanted.media_type};charset=UTF-8"
    if wanted.encoding == "json":
        return response if content_type == FHIR_JSON else _with(response, response.body, content_type)
    path, parameters = parse_target(request.target)
    if path != ("metadata",) and request.method != "OPTIONS":  # metadata costs nothing
        budget.spend(len(response.body) * AS_XML)
    resource = parse_element(response.body)
    if wanted.encoding == "turtle":
        return _with(response, to_turtle(resource, base_url), content_type)
    plain = any(name == "_pretty" and value != "true" for name, value in parameters)
    return _with(response, to_xml(resource, pretty=not plain), content_type)


def _with(response: Response, body: str, content_type: str) -> Response:
    return Response(response.status, body, {**response.headers, "content-type": content_type})
